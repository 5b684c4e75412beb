"""`tarsier-eval judge`: check, compare, export, replay; bundles that are damaged, foreign, or of other predictions."""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing

import pytest

from eval.__main__ import main
from eval.runs.bundle import pack as pack_bundle
from tests.analysis.leaderboard.rebundled import files_of, in_json, in_verdicts, rebundled
from tests.cli.judged import (
    DESCRIPTION_METRICS,
    MODEL,
    descriptions,
    overall,
    pack,
    questions,
    result,
    score,
    served,
    settings,
)  # fmt: skip
from tests.cli.runs import evaluate, needs_world, read
from tests.client import faults
from tests.client.faults import grade_no
from tests.client.server import JudgeServer
from tests.judges.sensible import sensible

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("read_here")]


@pytest.fixture
def judged(tmp_path):
    """Descriptions scored by a server that is gone by now; returns the folder of the score."""
    with JudgeServer(sensible) as server:
        assert score(descriptions(tmp_path / "p.jsonl"), tmp_path / "live", served(server.url)) == 0
    return tmp_path / "live"


def export(run, to):
    return main(["judge", "export", "--run", str(run), "--to", str(to)])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A bundle of descriptions that a server scored, for tests that leave it as it is."""
    root = tmp_path_factory.mktemp("bundle")
    with JudgeServer(sensible) as server:
        assert score(descriptions(root / "p.jsonl"), root / "live", served(server.url)) == 0
    assert export(root / "live", root / "b.tar.gz") == 0
    return root / "b.tar.gz"


def replay(bundle, out, *more):
    return main(["judge", "replay", "--bundle", str(bundle), "--out", str(out), *more])


def test_a_bundle_gives_the_same_numbers_without_a_judge(judged, tmp_path, capsys, temporary):
    bundle = tmp_path / "v.tar.gz"
    assert export(judged, bundle) == 0
    said = capsys.readouterr()
    assert f"They hold 14 verdicts of {MODEL} on 4 predictions." in said.err
    assert f"written to {bundle}" in said.out
    (tmp_path / "p.jsonl").unlink()
    (tmp_path / "v.sqlite").unlink()
    assert replay(bundle, tmp_path / "again") == 0
    assert "Every number equals the one in the bundle." in capsys.readouterr().err
    live, again = result(judged), result(tmp_path / "again")
    for field in ("metrics", "counts", "score_id", "judge", "protocol", "complete", "benchmark", "model"):
        assert again[field] == live[field], field
    assert overall(tmp_path / "again")["f1", "strict"] == pytest.approx(DESCRIPTION_METRICS["f1"])
    assert again["provenance"]["scorer"] == live["provenance"]["scorer"]
    assert (judged / "scores.jsonl").read_bytes() == (tmp_path / "again" / "scores.jsonl").read_bytes()
    assert {row["source"] for row in read(tmp_path / "again" / "verdicts.jsonl")} == {"stored"}
    # What is replayed can be scored by name, and from the folder too.
    for number, place in enumerate((bundle, judged)):
        out = tmp_path / f"named{number}"
        assert score(descriptions(tmp_path / "p.jsonl"), out, ["--judge", f"replay:{place}"]) == 0
        assert result(out)["score_id"] == live["score_id"]
        assert result(out)["metrics"] == live["metrics"]


def test_the_folder_of_a_score_is_replayed_as_its_bundle_is(judged, tmp_path, capsys):
    assert replay(judged, tmp_path / "again") == 0
    assert "Every number equals the one in the bundle." in capsys.readouterr().err
    assert result(tmp_path / "again")["model"] == result(judged)["model"] == "p"


def test_an_export_is_the_bundle_of_the_run_whenever_it_is_made(judged, tmp_path):
    assert export(judged, tmp_path / "0.tar.gz") == 0
    assert export(judged, tmp_path / "1.tar.gz") == 0
    assert main(["bundle", "--run", str(judged), "--to", str(tmp_path / "2.tar.gz")]) == 0
    made = {(tmp_path / f"{number}.tar.gz").read_bytes() for number in range(3)}
    assert len(made) == 1
    with JudgeServer(sensible) as server:  # another server, and nothing to ask it
        judge = served(server.url.replace("127.0.0.1", "localhost"))
        assert score(tmp_path / "p.jsonl", tmp_path / "second", judge) == 0
    assert export(tmp_path / "second", tmp_path / "3.tar.gz") == 0
    assert replay(tmp_path / "3.tar.gz", tmp_path / "again") == 0
    first, second = (files_of(tmp_path / f"{number}.tar.gz") for number in (0, 3))
    for name in ("predictions.jsonl", "scores.jsonl", "wording.json"):
        assert first[name] == second[name], name


@pytest.mark.parametrize("protocol", ["hardened", "autodq-indexed"])
def test_other_protocols_are_replayed_as_they_were_asked(protocol, tmp_path):
    with JudgeServer(sensible, rejects={"temperature", "system"}) as server:
        pred = descriptions(tmp_path / "p.jsonl")
        assert score(pred, tmp_path / "live", served(server.url), protocol=protocol) == 0
    assert export(tmp_path / "live", tmp_path / "b.tar.gz") == 0
    assert replay(tmp_path / "b.tar.gz", tmp_path / "again") == 0
    assert result(tmp_path / "again")["score_id"] == result(tmp_path / "live")["score_id"]


def test_upstreams_wording_travels_with_the_bundle(tmp_path, monkeypatch):
    folder = pack(tmp_path / "pack")
    with JudgeServer(sensible) as server:
        pred = questions(tmp_path / "p.jsonl")
        assert score(pred, tmp_path / "live", served(server.url), f"protocol.pack={folder}", protocol="upstream") == 1
    # The wording is looked for where an import puts it.
    monkeypatch.setattr("eval.judges.wording.DEFAULT_PACK", folder)
    assert export(tmp_path / "live", tmp_path / "b.tar.gz") == 0
    monkeypatch.setattr("eval.judges.wording.DEFAULT_PACK", tmp_path / "none")
    assert replay(tmp_path / "b.tar.gz", tmp_path / "again") == 1  # one output is missing, in the bundle too
    assert result(tmp_path / "again")["metrics"] == result(tmp_path / "live")["metrics"]
    assert result(tmp_path / "again")["protocol"] == "upstream"


@needs_world
def test_a_run_is_exported_with_its_own_predictions(tmp_path, capsys):
    outputs = "model.outputs=[a red ball rolls. it stops.,two dogs run.]"
    with JudgeServer(sensible) as server:
        flags = [*served(server.url), *settings(tmp_path), "--protocol", "native", "--limit", "4", outputs]
        assert evaluate(tmp_path / "run", *flags, bench="dream-1k") == 0
    assert export(tmp_path / "run", tmp_path / "b.tar.gz") == 0
    assert replay(tmp_path / "b.tar.gz", tmp_path / "again") == 0
    assert "Every number equals" in capsys.readouterr().err
    assert result(tmp_path / "again")["score_id"] == result(tmp_path / "run")["score_id"]
    assert result(tmp_path / "again")["model"] == "scripted"


def test_other_predictions_with_a_bundle_have_no_verdict(judged, tmp_path, capsys):
    assert export(judged, tmp_path / "b.tar.gz") == 0
    other = descriptions(tmp_path / "q.jsonl", d0="A man closes a door.")
    assert replay(tmp_path / "b.tar.gz", tmp_path / "again", "--pred", str(other)) == 1
    counts = result(tmp_path / "again")["counts"]
    assert (counts["scored"], counts["judge_failed"]) == (3, 1)
    scores = {row["id"]: row for row in read(tmp_path / "again" / "scores.jsonl")}
    assert scores["DREAM_d0"]["status"] == "judge_failed"
    assert scores["DREAM_d0"]["values"] == {}
    assert "no verdict was recorded for this call" in scores["DREAM_d0"]["reason"]
    # What is left of youtube is one video with 1/2 and 1/2: the numbers are those of the videos that are judged.
    assert overall(tmp_path / "again")["recall", "upstream"] == pytest.approx(7 / 12)
    assert overall(tmp_path / "again")["recall", "strict"] == pytest.approx((1 / 4 + 2 / 3) / 2)
    assert "INCOMPLETE: 75.0%" in capsys.readouterr().out


def test_a_bundle_of_another_benchmark_gives_no_number(judged, tmp_path):
    assert export(judged, tmp_path / "b.tar.gz") == 0
    pred = questions(tmp_path / "q.jsonl")
    assert score(pred, tmp_path / "s", ["--judge", f"replay:{tmp_path / 'b.tar.gz'}"]) == 1
    found = result(tmp_path / "s")
    # All but the failed output and the empty one, which is wrong at sight.
    assert found["counts"] == {"total": 8, "scored": 1, "invalid": 0, "model_failed": 1, "judge_failed": 6}
    assert found["complete"] is False


def test_a_bundle_that_lost_verdicts_or_was_changed_says_so(judged, tmp_path, capsys):
    assert export(judged, tmp_path / "b.tar.gz") == 0
    shorter = rebundled(tmp_path / "b.tar.gz", tmp_path / "short.tar.gz", in_verdicts(lambda lines: lines[:-1]))
    assert replay(shorter, tmp_path / "one") == 1
    assert result(tmp_path / "one")["counts"]["judge_failed"] == 1
    said = capsys.readouterr().err
    assert "1 samples lack verdicts that were there when the bundle was made: it is not whole." in said
    assert "in the bundle." in said
    assert "Every number" not in said

    def flattered(lines):
        return [line | {"text": line["text"].replace('"neutral"', '"entailment"')} for line in lines]

    assert (
        replay(rebundled(tmp_path / "b.tar.gz", tmp_path / "f.tar.gz", in_verdicts(flattered)), tmp_path / "two") == 1
    )
    assert "recall upstream overall is " in capsys.readouterr().err


def in_result(change):
    return in_json("result.json", change)


def in_scorer(change):
    def changed(result):
        result["provenance"]["scorer"] = change(result["provenance"]["scorer"])
        return result

    return in_result(changed)


def in_protocol(change):
    return in_scorer(lambda scorer: scorer | {"protocol": change(scorer["protocol"])})


def unsealed(files):
    """Other verdicts than those that the result was computed with."""
    result = json.loads(files["result.json"])
    return pack_bundle({**files, "result.json": json.dumps(result).encode(), "verdicts.jsonl": b""})


def old(_, to):
    """A bundle as versions before this one wrote them, of verdicts alone."""
    to.write_bytes(gzip.compress(b'{"kind": "header", "format": 1, "benchmark": "dream-1k"}\n'))


BROKEN = {
    "no gzip": lambda b, to: to.write_text("verdicts"),
    "empty": lambda b, to: to.write_bytes(b""),
    "cut": lambda b, to: to.write_bytes(b.read_bytes()[:-200]),
    "a flipped bit": lambda b, to: to.write_bytes(
        b.read_bytes()[:200] + bytes([b.read_bytes()[200] ^ 255]) + b.read_bytes()[201:]
    ),
    "of an earlier format": old,
    "other verdicts": lambda b, to: to.write_bytes(unsealed(files_of(b))),
    "a list as result": lambda b, to: rebundled(b, to, in_result(lambda r: [r])),
    "a bare result": lambda b, to: rebundled(b, to, in_result(lambda r: {})),
    "no judge": lambda b, to: rebundled(b, to, in_scorer(lambda s: {"name": "autodq"})),
    "a scorer of text": lambda b, to: rebundled(b, to, in_scorer(lambda s: "x")),
    "a judge of text": lambda b, to: rebundled(b, to, in_scorer(lambda s: s | {"judge": "x"})),
    "no protocol": lambda b, to: rebundled(b, to, in_scorer(lambda s: s | {"protocol": "x"})),
    "a strange wording": lambda b, to: rebundled(b, to, in_json("wording.json", lambda w: {"name": "x"})),
    "another wording": lambda b, to: rebundled(b, to, in_json("wording.json", lambda w: w | {"name": "x"})),
    "another protocol": lambda b, to: rebundled(b, to, in_protocol(lambda p: p | {"name": "natve"})),
    "another benchmark": lambda b, to: rebundled(b, to, in_result(lambda r: r | {"benchmark": "dream-2k"})),
    "a strange verdict": lambda b, to: rebundled(b, to, in_verdicts(lambda ls: [*ls[:-1], ls[-1] | {"text": 1}])),
    "a failed verdict": lambda b, to: rebundled(b, to, in_verdicts(lambda ls: [ls[-1] | {"outcome": "failed"}])),
    "computed verdicts": lambda b, to: rebundled(b, to, in_verdicts(lambda ls: [one | {"key": None} for one in ls])),
    "a verdict of lists": lambda b, to: rebundled(b, to, in_verdicts(lambda ls: [[1, 2]])),
    "a strange prediction": lambda b, to: rebundled(b, to, lambda files: files.update({"predictions.jsonl": b"[1]\n"})),
    "another archive": lambda b, to: to.write_bytes(gzip.compress(b"[1, 2]\n")),
    "a folder": lambda b, to: to.mkdir(),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_no_bundle_is_refused_in_one_line(broken, bundle, tmp_path, capsys, temporary):
    BROKEN[broken](bundle, tmp_path / "bad.tar.gz")
    assert replay(tmp_path / "bad.tar.gz", tmp_path / "again") == 2
    said = capsys.readouterr()
    assert said.err.startswith("tarsier-eval: ")
    assert (said.err.count("\n"), said.out) == (1, "")
    assert not (tmp_path / "again").exists()
    assert str(temporary) not in said.err
    # By name, too.
    judge = ["--judge", f"replay:{tmp_path / 'bad.tar.gz'}"]
    named = score(descriptions(tmp_path / "p.jsonl"), tmp_path / "named", judge)
    # Whose predictions these are, and of which benchmark, does not matter then: the verdicts are found or not.
    assert named == (0 if broken in ("another benchmark", "a strange prediction") else 2)
    assert str(temporary) not in capsys.readouterr().err


def test_a_replay_that_is_stopped_leaves_nothing_behind(judged, tmp_path, monkeypatch, temporary):
    assert export(judged, tmp_path / "b.tar.gz") == 0

    def stop(*_, **__):
        assert len(list(temporary.iterdir())) == 1  # the bundle's content
        raise KeyboardInterrupt

    monkeypatch.setattr("eval.running.rescore.score_predictions", stop)
    assert replay(tmp_path / "b.tar.gz", tmp_path / "again") == 130


def test_what_cannot_be_exported(judged, tmp_path, capsys):
    assert score(questions(tmp_path / "q.jsonl"), tmp_path / "offline", ["--judge", "offline"]) == 1
    rows = [{"idx": 0, "dataset": "MVBench/Action Count", "text": {"response": "B", "prediction": "(B)"}}]
    (tmp_path / "rows.jsonl").write_text(json.dumps(rows[0]) + "\n")
    choice = ["score", "--pred", str(tmp_path / "rows.jsonl"), "--bench", "mvbench", "--out", str(tmp_path / "choice")]
    assert main(choice) == 0
    capsys.readouterr()
    for folder, said in (
        ("offline", "holds no verdicts of a server: 'offline' computes its own again"),
        ("choice", "was scored without a judge"),
        ("nowhere", "holds no result.json"),
    ):
        assert export(tmp_path / folder, tmp_path / "b.tar.gz") == 2
        assert said in capsys.readouterr().err
    assert export(judged, tmp_path / "b.jsonl.gz") == 2
    assert "a bundle's name ends in .tar.gz" in capsys.readouterr().err
    (tmp_path / "p.jsonl").unlink()
    assert export(judged, tmp_path / "b.tar.gz") == 2
    assert "are gone" in capsys.readouterr().err
    assert not (tmp_path / "b.tar.gz").exists()


def test_two_judges_on_the_same_predictions(tmp_path, capsys):
    pred = questions(tmp_path / "p.jsonl")
    with JudgeServer(sensible) as server:
        assert score(pred, tmp_path / "one", served(server.url)) == 1
    with JudgeServer(grade_no, served="stern-2026-01-01") as server:
        assert score(pred, tmp_path / "two", served(server.url, "judge.model=stern")) == 1
    capsys.readouterr()
    compare = ["judge", "compare", "--first", str(tmp_path / "one"), "--second", str(tmp_path / "two")]
    assert main([*compare, "--to", str(tmp_path / "c.json")]) == 0
    found = json.loads((tmp_path / "c.json").read_text())
    # The first says yes to 4 of the 7 that both judged, with 21 points; the second to none, with none.
    assert (found["n_both"], found["n_neither"]) == (7, 1)
    assert found["table"]["counts"] == [[0, 4], [0, 3]]
    assert found["table"]["share"] == pytest.approx(3 / 7)
    offsets = {offset["name"]: offset["offset"] for offset in found["offsets"]}
    assert offsets == pytest.approx({"accuracy": -4 / 7, "score": -3})
    assert [flip["id"] for flip in found["flips"]] == [f"MSVD-QA-val_{n}" for n in (0, 3, 6, 7)]
    assert found["flips"][0]["question"] == "what is the man playing?"
    shown = capsys.readouterr().out
    assert MODEL in shown
    assert "stern-2026-01-01" in shown
    assert main(["judge", "compare", "--first", str(tmp_path / "one"), "--second", str(tmp_path / "one")]) == 2
    assert "nothing to compare" in capsys.readouterr().err
    assert score(descriptions(tmp_path / "d.jsonl"), tmp_path / "three", ["--judge", "offline"]) == 0
    assert main([*compare[:-1], str(tmp_path / "three")]) == 2
    assert "Give two scores of one benchmark" in capsys.readouterr().err


def test_two_protocols_of_one_judge(judged, tmp_path):
    with JudgeServer(sensible) as server:
        assert score(tmp_path / "p.jsonl", tmp_path / "hard", served(server.url), protocol="hardened") == 0
    compare = ["judge", "compare", "--first", str(judged), "--second", str(tmp_path / "hard")]
    assert main([*compare, "--to", str(tmp_path / "c.json")]) == 0
    found = json.loads((tmp_path / "c.json").read_text())
    assert (found["n_both"], found["flips"], found["table"]["share"]) == (4, [], 1)
    assert [offset["offset"] for offset in found["offsets"]] == [0, 0, 0]
    assert any(difference["field"].startswith("protocol.") for difference in found["differences"])


@pytest.mark.parametrize("protocol", ["native", "hardened"])
def test_the_canaries_by_a_server_equal_those_offline(protocol, tmp_path, capsys):
    check = ["judge", "check", "--protocol", protocol, *settings(tmp_path)]
    assert main([*check, "--judge", "offline"]) == 0
    offline = capsys.readouterr().err.splitlines()
    with JudgeServer(sensible, rejects={"temperature"}) as server:
        assert main([*check, *served(server.url)]) == 0
    takes, *by_server = capsys.readouterr().err.splitlines()
    assert f"The judge at {server.url}, stand-in: structured: json_schema, " in takes
    assert "temperature: false, system: true, thinks: false" in takes
    assert by_server == [line.replace("Judge offline,", f"Judge {MODEL},") for line in offline]
    with closing(sqlite3.connect(tmp_path / "v.sqlite")) as store:
        assert store.execute("SELECT COUNT(*) FROM checks").fetchone()[0] == 1


@pytest.mark.parametrize("limit", [["--limit", "22"], ["limit=22"]], ids=["flag", "setting"])
def test_a_check_of_a_few_canaries_says_so_and_is_not_kept(limit, tmp_path, capsys):
    with JudgeServer(sensible) as server:
        assert main(["judge", "check", "--protocol", "native", *limit, *settings(tmp_path), *served(server.url)]) == 0
        # The probe, two of each of the eleven kinds, and one more for each reply that is no verdict.
        assert len(server.requests) == 1 + 22
        assert {request.request.body["max_tokens"] for request in server.requests[1:]} <= {256, 256 + 2 * 64, 256 + 64}
    said = capsys.readouterr().err
    assert "22 of 149 canaries are put to it, evenly over their kinds." in said
    with closing(sqlite3.connect(tmp_path / "v.sqlite")) as store:
        assert store.execute("SELECT COUNT(*) FROM checks").fetchone()[0] == 0
    assert main(["judge", "check", "--limit", "0", *settings(tmp_path), "--judge", "offline"]) == 2
    assert "limit=0 leaves no canary" in capsys.readouterr().err


def test_a_check_shows_its_progress(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("eval.report.progress.PLAIN_INTERVAL", 0)
    with JudgeServer(sensible) as server:
        assert main(["judge", "check", "--limit", "5", *settings(tmp_path), *served(server.url)]) == 0
    assert "canaries, stand-in: 5/5 calls, " in capsys.readouterr().err


def test_a_check_of_a_server_that_is_too_slow_ends_with_one_line(tmp_path, capsys):
    with JudgeServer(sensible, faults=lambda r: None if "Greet me" in r.text else faults.hang()) as server:
        slow = served(server.url, "judge.timeout_s=0.3", "judge.tries=3")
        assert main(["judge", "check", "--protocol", "native", *settings(tmp_path), *slow]) == 1
        assert len(server.requests) < 30  # of 149, several times each
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("The check was stopped")]
    assert line == (
        "The check was stopped: 5 calls in a row had failed, the last one with: no whole reply within 0.3 s. Give it "
        "more time (judge.timeout_s) or less to do (limit=<N>)."
    )


def test_a_judge_whose_replies_cannot_be_read_is_not_sound(tmp_path, capsys):
    with JudgeServer(lambda _: "I would say yes.", ignores={"response_format"}) as server:
        check = ["judge", "check", "--protocol", "native", *settings(tmp_path), *served(server.url)]
        assert main(check) == 1
    assert "replies that could not be read: 209; refused: 0; failed: 0" in capsys.readouterr().err


@pytest.mark.parametrize(("fault", "said"), [(faults.wrong_key(), "HTTP 401"), (faults.not_json(), "is not JSON")])
def test_a_judge_that_cannot_be_checked(fault, said, tmp_path, capsys):
    with JudgeServer(sensible, faults=lambda _: fault) as server:
        check = ["judge", "check", "--protocol", "native", *settings(tmp_path), *served(server.url, "judge.tries=1")]
        assert main(check) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["judge"], "judge needs an action"),
        (["judge", "chek"], "Unknown command 'chek'. Did you mean 'check'?"),
        (["judge", "check", "--jugde", "x"], "Unknown flag --jugde. Did you mean '--judge'?"),
        (["judge", "check", "--judge", "opneai:x"], "Unknown judge 'opneai'. Did you mean 'openai'?"),
        (["judge", "check", "--judge", "azure"], "judge=azure needs the URL of its server"),
        (["judge", "check", "--judge", "replay:"], "replay"),
        (["judge", "check", "--protocol", "natve"], "Unknown protocol 'natve'. Did you mean 'native'?"),
        (["judge", "check", "judge.nmae=x"], "Unknown setting 'judge.nmae'. Did you mean 'judge.name'?"),
        (["judge", "check", "judge.name=x", "--protocol", "native", "jugde_check=true"], "Did you mean 'judge_check'?"),
        (["judge", "export"], "judge export needs --run and --to"),
        (["judge", "export", "--run", "no", "--to", "x"], "'no' holds no result.json"),
        (["judge", "export", "--rnu", "no"], "Unknown flag --rnu. Did you mean '--run'?"),
        (["judge", "export", "--run", "no", "--to", "x", "a=b"], "holds no result.json"),
        (["judge", "replay"], "judge replay needs --bundle"),
        (["judge", "replay", "--bundel", "x"], "Unknown flag --bundel. Did you mean '--bundle'?"),
        (["judge", "replay", "--bundle", "no.gz"], "no.gz does not exist"),
        (["judge", "compare", "--first", "x"], "judge compare needs --second"),
        (["judge", "compare", "--frist", "x"], "Unknown flag --frist. Did you mean '--first'?"),
        (["judge", "compare", "--first", "no", "--second", "neither"], "'no' holds no result.json"),
    ],
)
def test_a_mistake_gives_one_line_and_exit_code_2(arguments, said, capsys, monkeypatch):
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT", raising=False)
    try:
        code: object = main(arguments)
    except SystemExit as left:
        code = left.code
    captured = capsys.readouterr()
    assert code == 2
    assert said in captured.err
    assert captured.err.startswith("tarsier-eval: ")
    assert (captured.err.count("\n"), captured.out) == (1, "")


def test_help_names_every_action(capsys):
    with pytest.raises(SystemExit) as left:
        main(["judge", "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert all(action in shown for action in ("check", "export", "replay", "compare"))
    with pytest.raises(SystemExit):
        main(["judge", "replay", "--help"])
    shown = capsys.readouterr().out
    assert all(flag in shown for flag in ("--bundle", "--pred", "--data", "--out"))
