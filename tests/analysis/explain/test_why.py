"""`why` on folders: multiple choice, open questions, descriptions and captions, and what refuses to be explained."""

from __future__ import annotations

import json

import pytest

from eval.__main__ import main
from eval.analysis.leaderboard.rows import TableRow
from eval.core import Clip, Prediction, Sample
from eval.errors import ConfigError, TarsierEvalError
from tests.analysis.leaderboard.synthetic import change, write_run
from tests.cli.judged import (
    DESCRIPTION_METRICS,
    MODEL,
    QUESTIONS,
    descriptions,
    questions,
    score,
    served,
    settings,
    write_rows,
)
from tests.cli.runs import command, evaluate, needs_world
from tests.client.faults import grade_no
from tests.client.server import JudgeServer

OUTPUTS = ["A", "0", "B", "1", "A", "?", None, "A", "A", "B", "2", "A"]
SUBSETS = ("Action Sequence", "Action Antonym", "Action Antonym")
"""Every third is of Action Sequence: A, 1, failed, B: 1 of 4, 1 of 3 valid. Action Antonym has 0, B, A, ?, A, A, 2, A:
4 of 8, 4 of 6 valid; by tarsier2's rule 0 is A: 5 of 8, 5 of 7 valid. Every answer is A."""


def explained(run, to, **flags):
    assert command("why", *flags.pop("overrides", ()), run=run, to=to, **flags)
    return json.loads(to.read_text(encoding="utf-8"))


def values(found):
    return {part["name"]: way["value"] for part, way in found["rescored"]}


def adds_up(found):
    account = found["account"]
    assert account["gap"] == pytest.approx(account["explained"] + account["unexplained"])
    assert sum(step["move"] for step in account["steps"]) == pytest.approx(account["explained"])
    assert found["number"]["value"] + account["gap"] == pytest.approx(found["target"]["value"])
    return True


@pytest.fixture
def run(tmp_path):
    about = {"data": "/gone", "decoder": {"decoder": "pyav", "av": "18.1.0"}, "wording": {"name": "w", "sha256": "ab"}}
    made = {"n_frames": 8, "dtype": "float32", "device": "cpu"}
    folder = tmp_path / "runs" / "mine"
    return write_run(folder, OUTPUTS, subsets=SUBSETS, model="Tarsier-7b", about=about, settings=made)


def test_multiple_choice_by_hand(run, tmp_path, capsys):
    found = explained(run, tmp_path / "o.json", published="mvbench/Tarsier-7B")
    assert adds_up(found)
    assert found["number"]["value"] == found["recorded"] == pytest.approx((1 / 4 + 4 / 8) / 2)
    assert values(found) == pytest.approx({
        "digits": (1 / 4 + 5 / 8) / 2,
        "average": 5 / 12,
        "accounting": (1 / 3 + 4 / 6) / 2,
        "sample order": (1 / 4 + 4 / 8) / 2,
    })  # fmt: skip
    assert len(found["ways"]) == 8
    assert {each["name"]: each["way"]["value"] for each in found["named"]} == pytest.approx({
        "upstream's, branch tarsier": (1 / 3 + 4 / 6) / 2,
        "upstream's, branch tarsier2": 6 / 10,
    })  # fmt: skip
    # 62.6 is published; nearest are the 6 of 10 that are valid by tarsier2's rule.
    assert found["account"]["best"]["value"] == pytest.approx(0.6)
    assert found["account"]["unexplained"] == pytest.approx(0.026)
    others = {part["name"]: part for part in found["others"]}
    assert others["failures"]["high"] == pytest.approx(1 / 4 / 2)
    assert others["unread answers"]["high"] == pytest.approx(2 / 8 / 2)
    assert others["missing samples"]["there"] == "4000 published"
    assert others["missing samples"]["kind"] == "unknown"
    assert (others["decoder"]["here"], others["decoder"]["there"]) == ("pyav 18.1.0", "decord (upstream's code)")
    assert (others["frames"]["here"], others["frames"]["explains"]) == ("8", 0.0)
    assert others["model"]["explains"] == 0
    assert others["media at hand"]["here"] == "2 of 4"
    said = capsys.readouterr().out
    assert "the gap      +25.1" in said
    assert "digits tarsier -> tarsier2 +6.2" in said
    assert "+2.6 left unexplained, which lies within the 95% interval" in said
    assert max(len(line) for line in said.splitlines() if "up to" in line) <= 120


def test_a_number_by_hand_that_nothing_comes_near(run, tmp_path, capsys):
    found = explained(run, tmp_path / "o.json", value="30")
    assert adds_up(found)
    assert found["account"]["steps"] == []
    assert found["account"]["unexplained"] == pytest.approx(0.3 - 0.375)
    assert "no: the other way" in capsys.readouterr().out


def test_a_subset(run, tmp_path, monkeypatch):
    row = TableRow(
        origin="published", benchmark="mvbench", split="test", subset="Action Antonym", model="Tarsier-7b",
        metric="accuracy", accounting="", judge="", protocol="", value=0.7, source="s",
    )  # fmt: skip
    monkeypatch.setattr("eval.running.explaining.read_published", lambda _: [row])
    found = explained(run, tmp_path / "o.json", published="Tarsier-7b/Action Antonym")
    assert adds_up(found)
    assert found["number"]["value"] == 4 / 8
    # 5 of 7 valid by tarsier2's rule are nearest; a part has no average over parts.
    assert found["account"]["best"]["value"] == pytest.approx(5 / 7)
    assert "average" not in values(found)
    assert found["subsets"] == []


def test_without_another_number_the_ways_are_listed(run, tmp_path, capsys):
    found = explained(run, tmp_path / "o.json")
    assert found["account"] is found["target"] is None
    assert len(found["ways"]) == 8
    said = capsys.readouterr().out
    assert "No other number was given" in said
    assert "could explain" not in said.partition("bounded")[0]


def test_a_result_that_this_version_scores_otherwise(run, tmp_path):
    result = json.loads((run / "result.json").read_text())
    first = next(i for i, m in enumerate(result["metrics"]) if (m["name"], m["accounting"]) == ("accuracy", "strict"))
    del result["files"]["result.json"]  # as in results of earlier versions
    (run / "result.json").write_text(json.dumps(result))
    change(run / "result.json", **{f"metrics__{first}__value": 0.5})
    notes = explained(run, tmp_path / "o.json")["notes"]
    assert any("says 0.5; scored again it is 0.375" in note for note in notes)


def test_a_score_of_upstreams_rows(tmp_path):
    rows = [
        {"idx": i, "dataset": "MVBench/Action Antonym", "video_file": "<placeholder>", "vid": f"v{i}",
         "text": {"prompt": "USER: <video>\n(A) x\n(B) y\nASSISTANT:", "response": "A", "prediction": said}}
        for i, said in enumerate(["A", "0", "<error>", "?"])
    ]  # fmt: skip
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "score"
    assert main(["score", "--pred", str(tmp_path / "p.jsonl"), "--bench", "mvbench", "--out", str(out)]) == 1
    found = explained(out, tmp_path / "o.json", published="422")
    assert adds_up(found)
    assert found["number"]["value"] == 1 / 4
    assert (values(found)["digits"], values(found)["accounting"]) == (2 / 4, 1)
    assert {part["name"]: part["here"] for part in found["others"]}["decoder"] == "not recorded"


@pytest.mark.slow
def test_judges_at_hand_are_replayed(tmp_path):
    predictions = questions(tmp_path / "p.jsonl")
    mine, store = tmp_path / "mine" / "offline", tmp_path / "served"
    mine.parent.mkdir()
    store.mkdir()
    score(predictions, mine, ["--judge", "offline"])
    with JudgeServer(grade_no) as server:
        score(predictions, store / "no", served(server.url))
    # 4 of 8 by the offline judge; none by a server that says no to everything. Its verdicts are in its store.
    found = explained(mine, tmp_path / "o.json", value="10", overrides=[f"verdicts={store / 'v.sqlite'}"])
    assert adds_up(found)
    assert found["number"]["value"] == 4 / 8
    assert values(found)["judge"] == 0
    assert {way["choices"]["judge"] for way in found["ways"]} == {"offline, native", f"{MODEL}, native"}
    # The same from the folder of the score, and from a bundle; a judge is counted once.
    packed = tmp_path / "no.tar.gz"
    assert main(["judge", "export", "--run", str(store / "no"), "--to", str(packed)]) == 0
    both = [str(packed), str(store / "no")]
    named = explained(mine, tmp_path / "o.json", value="10", verdicts=both, overrides=settings(tmp_path)[:1])
    assert values(named)["judge"] == 0
    assert len(named["ways"]) == 4


@pytest.mark.slow
def test_bundles_beside_a_run_are_found(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    score(questions(tmp_path / "p.jsonl"), mine / "offline", ["--judge", "offline"])
    others = [(video, question, answer, output and f"{output}!") for video, question, answer, output in QUESTIONS]
    changed = questions(tmp_path / "q.jsonl", others)
    with JudgeServer(grade_no) as server:
        score(tmp_path / "p.jsonl", tmp_path / "no", served(server.url))
        score(changed, tmp_path / "other", served(server.url))
        # The last question alone has another output; the verdicts on all others are here too.
        score(questions(tmp_path / "r.jsonl", [*QUESTIONS[:-1], others[-1]]), tmp_path / "part", served(server.url))
    score(changed, tmp_path / "computed", ["--judge", "offline"])
    beside = {name: tmp_path / name for name in ("other", "computed", "part", "no")}
    for name, run in {"mine": mine / "offline", **beside}.items():
        assert command("bundle", run=run, to=mine / f"{name}.tar.gz")

    def found():
        return explained(mine / "offline", tmp_path / "o.json", value="10", overrides=[f"verdicts={tmp_path / 'none'}"])

    both = {"offline, native", f"{MODEL}, native"}
    assert {way["choices"]["judge"] for way in found()["ways"]} == both
    assert values(found())["judge"] == 0
    assert not any("not counted" in note for note in found()["notes"])
    # Its verdicts are found by what was asked: the last question is the first one again, in the same words.
    (mine / "no.tar.gz").unlink()
    assert {way["choices"]["judge"] for way in found()["ways"]} == both
    (mine / "part.tar.gz").unlink()
    assert not any("judge" in way["choices"] for way in found()["ways"])
    (mine / "torn.tar.gz").write_bytes((mine / "mine.tar.gz").read_bytes()[:-9])
    assert any("torn.tar.gz is not counted" in note for note in found()["notes"])


def test_descriptions(tmp_path):
    run = tmp_path / "offline"
    score(descriptions(tmp_path / "p.jsonl"), run, ["--judge", "offline"])
    found = explained(run, tmp_path / "o.json", published="dream-1k/GPT-4V", overrides=settings(tmp_path)[:1])
    assert adds_up(found)
    assert found["number"]["value"] == pytest.approx(DESCRIPTION_METRICS["f1"])
    assert "31.5 where 42.0" in {part["name"]: part["note"] for part in found["others"]}["judge"]
    # Recall by source is 1/2 and 2/3, precision 1/2 and 1; two descriptions each, so that both averages agree.
    assert values(found)["average"] == pytest.approx(DESCRIPTION_METRICS["f1"])
    assert {each["subset"]: each["value"] for each in found["subsets"]} == pytest.approx(
        {"youtube": 1 / 2, "stock": 4 / 5}
    )


def test_captions(tmp_path):
    pairs = []
    for number, (reference, said) in enumerate([("a man plays", "a man plays"), ("a dog runs", "a cat"), ("x", None)]):
        clip = Clip(source=())
        sample = Sample(
            id=f"MSVD-Caption-test_{number}", benchmark="msvd-caption", subset="", clip=clip, prompt="p",
            targets=(reference,), cluster=f"v{number}",
        )  # fmt: skip
        error = None if said else "gone"
        pairs.append((sample, Prediction(id=sample.id, prompt="p", output=said, error=error)))
    main([
        "score", "--pred", str(write_rows(tmp_path / "p.jsonl", pairs)), "--bench", "msvd-caption",
        "--out", str(tmp_path / "score"),
    ])  # fmt: skip
    found = explained(tmp_path / "score", tmp_path / "o.json", value="120")
    assert adds_up(found)
    assert {"frequencies", "accounting"} <= values(found).keys()
    others = {part["name"]: part for part in found["others"]}
    # A failed caption could have had CIDEr's full 10.
    assert others["failures"]["high"] == pytest.approx(10 / 3)
    assert others["missing samples"]["there"] == "670 published"
    assert any("give --data" in note for note in found["notes"])


@needs_world
def test_the_builtin_world_is_told_to_be_not_comparable(tmp_path, capsys):
    run = tmp_path / "run"
    assert evaluate(run, "--limit", "6", "model.outputs=[A,'?']", bench="video-mme") == 0
    found = explained(run, tmp_path / "o.json", published="video-mme/Tarsier-7b")
    assert adds_up(found)
    others = {part["name"]: part for part in found["others"]}
    assert others["missing samples"]["there"] == "all 21"
    assert found["is_builtin"]
    assert "not comparable with published ones" in capsys.readouterr().out
    packed = tmp_path / "run.tar.gz"
    assert command("bundle", run=run, to=packed)
    again = explained(packed, tmp_path / "o.json", published="video-mme/Tarsier-7b")
    assert again["ways"] == found["ways"]


@needs_world
def test_without_solutions_there_is_no_number(tmp_path):
    run = tmp_path / "run"
    evaluate(run, "--limit", "3", "benchmark.split=full", bench="egoschema")
    with pytest.raises(TarsierEvalError, match="solutions of its split"):
        explained(run, tmp_path / "o.json", value="60")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"published": "422", "value": "62.6"}, "give one of them"),
        ({"published": "mvbench/Tarsier-7"}, "Did you mean 'mvbench/Tarsier-7b'"),
        ({"published": "1"}, "that row is of activitynet-qa"),
        ({"value": "0.626"}, "times 100"),
        ({"verdicts": ["gone"]}, None),
    ],
)
def test_mistakes_are_one_line(flags, said, run, tmp_path):
    if said is None:  # multiple choice asks no judge, and looks for none
        assert explained(run, tmp_path / "o.json", **flags)
        return
    with pytest.raises(ConfigError, match=said) as caught:
        explained(run, tmp_path / "o.json", **flags)
    assert "\n" not in str(caught.value)


def test_folders_without_a_result_and_judges_that_are_none(tmp_path):
    with pytest.raises(ConfigError, match="its folder does not exist"):
        explained(tmp_path, tmp_path / "gone" / "o.json")
    for place in (tmp_path / "gone", tmp_path):
        with pytest.raises(ConfigError, match=r"holds no result\.json"):
            explained(place, tmp_path / "o.json")
    score(questions(tmp_path / "p.jsonl"), tmp_path / "s", ["--judge", "offline"])
    with pytest.raises(ConfigError, match="neither the folder of a score nor a bundle"):
        explained(tmp_path / "s", tmp_path / "o.json", verdicts=["gone"], overrides=settings(tmp_path)[:1])
