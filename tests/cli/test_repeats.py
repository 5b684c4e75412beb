"""`--repeats`: a judge whose verdicts vary is asked again, by keys of their own, and the score stays as it is."""

from __future__ import annotations

import json
import re

import pytest

from eval.__main__ import main
from eval.judges.calls import Grade, JudgeCall
from eval.judges.forms import form
from eval.runs.result import read_result
from tests.cli.judged import descriptions, many_questions, pack, result, score, served, settings
from tests.cli.killing import finish, kill_at, score_command, server_process, stats
from tests.cli.runs import evaluate, needs_world
from tests.client.faults import Reply
from tests.client.server import JudgeServer
from tests.judges.sensible import sensible

VERDICTS = ("1010", "1110", "1000")
"""Grades of four questions in three judgings: 2, 3 and 1 of 4 right."""
CALL = JudgeCall(task="open_qa", sample="", system="", user="", inputs={})


def varied(request):
    """Grade a question by its number, in another way each time that it is asked."""
    number = re.search(r"number (\d+)", request.text)
    if number is None:
        return sensible(request)
    right = VERDICTS[request.n_seen % 3][int(number[1]) % 4] == "1"
    return form("native").write_verdict(CALL, Grade(correct=right, score=5 if right else 0))


def accuracy(out):
    found = result(out)["repeated"]["values"]
    return next(value for value in found if (value["name"], value["accounting"]) == ("accuracy", "strict"))


def test_a_known_spread_beside_the_score_as_it_is(tmp_path, capsys):
    pred = many_questions(tmp_path / "p.jsonl", 4)
    for name in ("once", "thrice"):
        (tmp_path / name).mkdir()
    once, thrice = tmp_path / "once" / "s", tmp_path / "thrice" / "s"
    with JudgeServer(varied) as server:
        assert score(pred, once, served(server.url)) == 0
    capsys.readouterr()
    with JudgeServer(varied) as server:
        assert score(pred, thrice, [*served(server.url), "--repeats", "3"]) == 0
        assert server.answered == 13  # and the probe
        said = capsys.readouterr()
        assert score(pred, thrice, served(server.url), "repeats=3") == 0
        assert server.answered == 13
    assert "12 calls; 12 to ask" in said.err
    plain, found = result(once), result(thrice)
    assert plain["repeated"] is None
    assert [plain[name] for name in ("score_id", "metrics", "counts")] == [
        found[name] for name in ("score_id", "metrics", "counts")
    ]
    assert (once / "scores.jsonl").read_text() == (thrice / "scores.jsonl").read_text()
    keys = [re.findall(r'"key": "(\w+)"', (out / "verdicts.jsonl").read_text()) for out in (once, thrice)]
    assert keys[0] == keys[1]
    assert len(keys[0]) == 4
    repeated = found["repeated"]
    assert [repeated[name] for name in ("wanted", "whole", "lacking", "temperature")] == [3, 3, 0, 0.0]
    value = accuracy(thrice)
    assert value["values"] == [0.5, 0.75, 0.25]
    assert (value["mean"], value["stdev"]) == (0.5, 0.25)
    # The second and third question have a variance of 1/3 over judgings, the others of 0; each weighs 1/4.
    assert value["stderr"] == pytest.approx((2 / 3 / 16) ** 0.5)
    line = "accuracy 50.0, 75.0, 25.0 (mean 50.0, standard deviation 25.00, the judge's standard error 20.41)"
    assert f"Judged 3 times at temperature 0: {line}" in said.out
    assert line in (thrice / "log.txt").read_text()


def test_the_bill_and_the_plan_have_all_judgings(tmp_path, capsys):
    pred = many_questions(tmp_path / "p.jsonl", 4)
    with JudgeServer(varied) as server:
        assert score(pred, tmp_path / "s", served(server.url)) == 0
        capsys.readouterr()
        assert score(pred, tmp_path / "s", [*served(server.url), "--repeats", "3"]) == 0
        assert server.answered == 13
    assert "12 calls, 4 of them in the store or repeated; 8 to ask" in capsys.readouterr().err
    (stage,) = result(tmp_path / "s")["judging"]["stages"]
    assert (stage["calls"], stage["asked"], stage["stored"]) == (12, 8, 4)
    assert accuracy(tmp_path / "s")["values"] == [0.5, 0.75, 0.25]


def test_the_cap_ends_the_repeats_and_the_same_command_goes_on(tmp_path, capsys):
    pred = many_questions(tmp_path / "p.jsonl", 8)

    def dear(request):
        return Reply(text=varied(request), usage={"prompt_tokens": 1000, "completion_tokens": 0})

    with JudgeServer(dear) as server:
        again = [*served(server.url), "--repeats", "3", "judge.max_concurrency=1"]
        # A call costs $0.001 and may cost less than $0.003: the first judging fits, and of the second only a part.
        assert score(pred, tmp_path / "s", again, "max_cost=0.014") == 1
        said = capsys.readouterr().out
        found = result(tmp_path / "s")
        assert (found["counts"]["scored"], found["complete"]) == (8, True)
        assert found["judging"]["cost"] <= 0.014
        assert (found["repeated"]["whole"], found["repeated"]["values"]) == (1, [])
        lacking = found["repeated"]["lacking"]
        assert 0 < lacking < 8
        assert f"1 of 3 judgings are whole, and the next lacks {lacking} replies; the same command goes on." in said
        assert score(pred, tmp_path / "s", again) == 0
        assert server.answered == 25
    assert accuracy(tmp_path / "s")["values"] == [0.5, 0.75, 0.25]


def test_descriptions_are_listed_and_labelled_again(tmp_path, capsys):
    pred = descriptions(tmp_path / "p.jsonl")
    with JudgeServer(sensible) as server:
        assert score(pred, tmp_path / "s", [*served(server.url), "--repeats", "2"]) == 0
        assert server.answered == 2 * 14 + 1
    values = {value["name"]: value for value in result(tmp_path / "s")["repeated"]["values"]}
    assert set(values) == {"f1", "recall", "precision"}
    assert values["f1"]["values"] == pytest.approx([0.65625, 0.65625])
    assert values["f1"]["stdev"] == pytest.approx(0)
    assert values["f1"]["stderr"] == pytest.approx(0)
    # Of the outputs 2, 2, 1 and 1, of the references 2, 2, 1 and 3.
    shown = capsys.readouterr().out
    assert "What the score depends on: events of an output 1.50 [" in shown
    assert "; events of a reference 2.00 [" in shown
    assert "precision, neutral left out" in (tmp_path / "s" / "log.txt").read_text()
    diagnoses = {one["name"]: one["value"] for one in result(tmp_path / "s")["diagnoses"]}
    assert diagnoses["events of a reference"] == 2


def test_what_temperature_was_used(tmp_path, capsys):
    pred = many_questions(tmp_path / "p.jsonl", 4)
    words = pack(tmp_path / "pack")
    with JudgeServer(sensible) as server:
        upstream = [*served(server.url), "--repeats", "2", f"protocol.pack={words}"]
        assert score(pred, tmp_path / "upstream", upstream, protocol="upstream") == 0
    assert result(tmp_path / "upstream")["repeated"]["temperature"] is None
    assert "Judged 2 times at the server's own temperature" in capsys.readouterr().out
    (tmp_path / "fixed").mkdir()
    with JudgeServer(sensible, rejects={"temperature"}) as server:
        assert score(pred, tmp_path / "fixed" / "s", [*served(server.url), "--repeats", "2"]) == 0
    assert result(tmp_path / "fixed" / "s")["repeated"]["temperature"] is None


def test_a_bundle_of_it_replays_exactly(tmp_path):
    pred = many_questions(tmp_path / "p.jsonl", 4)
    with JudgeServer(varied) as server:
        assert score(pred, tmp_path / "s", [*served(server.url), "--repeats", "3"]) == 0
    bundle = tmp_path / "b.tar.gz"
    assert main(["judge", "export", "--run", str(tmp_path / "s"), "--to", str(bundle)]) == 0
    assert main(["judge", "replay", "--bundle", str(bundle), "--out", str(tmp_path / "again")]) == 0
    assert result(tmp_path / "again")["metrics"] == result(tmp_path / "s")["metrics"]
    assert read_result(tmp_path / "s")[0].repeated is not None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--judge", "offline", "--repeats", "3"], "repeats=3: the judge offline gives msvd-qa the same verdicts"),
        (["--judge", "scripted", "repeats=2"], "repeats=2: the judge scripted gives msvd-qa the same verdicts"),
        (["--judge", "http://127.0.0.1:9/v1", "--repeats", "0"], "repeats=0 is not an amount; give a number above 0."),
        (["--judge", "offline", "--repeats", "2", "repeats=3"], "repeats= is given as a flag too"),
    ],
)  # fmt: skip
def test_where_it_tells_nothing_it_is_refused_in_a_line(tmp_path, capsys, more, said):
    pred = many_questions(tmp_path / "p.jsonl", 4)
    assert score(pred, tmp_path / "s", more) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "s").exists()


def test_a_replay_is_refused(tmp_path, capsys):
    pred = many_questions(tmp_path / "p.jsonl", 4)
    with JudgeServer(sensible) as server:
        assert score(pred, tmp_path / "s", served(server.url)) == 0
    capsys.readouterr()
    assert score(pred, tmp_path / "again", ["--judge", f"replay:{tmp_path / 's'}", "--repeats", "2"]) == 2
    assert "gives msvd-qa the same verdicts each time" in capsys.readouterr().err


def test_where_nothing_is_judged_it_is_refused(tmp_path, capsys):
    flags = ["--bench", "mvbench", "--model", "scripted", "--out", str(tmp_path / "run")]
    for more in (["--repeats", "2"], ["repeats=2"]):
        assert main(["eval", *flags, *more]) == 2
        assert "repeats: mvbench asks no judge; leave it out." in capsys.readouterr().err


@needs_world
@pytest.mark.slow
@pytest.mark.usefixtures("read_here")
def test_eval_judges_again_too(tmp_path):
    with JudgeServer(sensible) as server:
        more = [*served(server.url), *settings(tmp_path), "--repeats", "2", "--limit", "4", "--protocol", "native"]
        assert evaluate(tmp_path / "run", *more, "model.outputs=[a red ball,two]", bench="msvd-qa") == 0
        asked = server.answered
        assert evaluate(tmp_path / "run", *more, "model.outputs=[a red ball,two]", bench="msvd-qa") == 0
        assert server.answered == asked
    assert result(tmp_path / "run")["repeated"]["whole"] == 2


@pytest.mark.slow
def test_killed_in_the_second_judging_it_goes_on_there(tmp_path):
    pred = many_questions(tmp_path / "p.jsonl", 60)
    (tmp_path / "killed").mkdir()
    out = tmp_path / "killed" / "s"
    with server_process(0.05) as url:
        command = [*score_command(pred, out, url), "repeats=2"]
        kill_at(command, url, 90, out.parent / "v.sqlite")
        assert not (out / "result.json").exists()
        assert finish(command) == 0
        before = stats(url)
        assert finish(command) == 0
        assert stats(url) == before
    assert result(out)["repeated"]["whole"] == 2
    assert before["answered"] < 121 + 60  # what was stored was not asked again


@needs_world
def test_a_plan_counts_all_judgings(tmp_path):
    flags = ["--bench", "msvd-qa", "--model", "scripted", "--limit", "4", "--protocol", "native", *settings(tmp_path)]
    calls = []
    with JudgeServer(sensible) as server:
        for n in (1, 3):
            plan = tmp_path / f"{n}.json"
            assert main(["plan", *flags, *served(server.url), f"repeats={n}", "--to", str(plan)]) == 0
            judge = json.loads(plan.read_text())["benchmarks"][0]["judge"]
            calls.append((judge["calls"], judge["left"]))
    assert calls[0][0] > 0
    assert calls[1] == (3 * calls[0][0], 3 * calls[0][1])
