"""One reader of what a run or a score left: whole values where all is sound, one line where it is not."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from eval.core import Score
from eval.errors import DataError, RunError
from eval.runs.result import read_result, read_scores
from eval.runs.scored import ScoredRun
from tests.analysis.leaderboard.synthetic import change, write_run

SCORE = Score(
    id="D_0", subset="stock", cluster="v0", status="scored", answer="It runs.", target="", groups=("domain: Nature",),
    chance=0.25, values={"recall": 0.5, "precision": 1.0}, detail={"events": {"reference": ["e1"]}},
)  # fmt: skip


def test_what_was_written_comes_back(tmp_path):
    run = write_run(tmp_path / "run", ["A", "B", "?", None])
    read = ScoredRun.read(run)
    result, scores = read.result, read.scores
    assert (result.benchmark, result.model, result.counts.total) == ("mvbench", "always-A", 4)
    assert result.provenance["scorer"]["name"] == "multiple_choice"
    assert [score.status for score in scores.values()] == ["scored", "scored", "invalid", "model_failed"]
    assert [json.loads(json.dumps(asdict(score))) for score in scores.values()] == [
        json.loads(line) for line in (run / "scores.jsonl").read_text().splitlines()
    ]
    assert read_result(run) == (result, json.loads((run / "result.json").read_text()))
    assert [prediction.output for _, prediction in read.predictions] == ["A", "B", "?", None]


def test_a_score_has_all_its_fields(tmp_path):
    less = {name: value for name, value in asdict(SCORE).items() if name not in ("groups", "chance", "detail")}
    lines = [asdict(SCORE), {**less, "id": "D_1", "values": {"recall": None}}]
    (tmp_path / "scores.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    first, second = read_scores(tmp_path, {}).values()
    assert first == SCORE
    # Of other programs: what is absent, or null among the values, is not there.
    assert (second.groups, second.chance, second.detail, second.values) == ((), None, {}, {})


def test_what_is_missing_is_named_with_a_remedy(tmp_path):
    with pytest.raises(RunError, match=r"nowhere does not exist\. Give a folder that `tarsier-eval score`"):
        read_result(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"result\.json does not exist"):
        read_result(tmp_path)
    with pytest.raises(RunError, match=r"scores\.jsonl does not exist"):
        read_scores(tmp_path, {})


def test_a_run_that_is_not_through_is_gone_on_with(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(RunError, match=r"is a run that is not through: it has no result\.json\. Run its command again"):
        read_result(tmp_path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"counts": {}}, "is not a result of this version: counts.total: Field required"),
        ({"complete": "yes"}, "is not a result of this version: complete: "),
        ({"score_id": ""}, "benchmark, model or score_id is empty"),
        ({"provenance__scorer": None}, "its provenance names no scorer"),
        ({"provenance__scorer__name": 7}, "its provenance names no scorer"),
        ({"metrics__1__name": "accuracy"}, "comes twice"),
        ({"metrics__0__value": 1e999}, "is not finite"),
    ],
)
def test_a_result_that_is_none_is_refused_by_field(tmp_path, fields, message):
    run = write_run(tmp_path / "run")
    change(run / "result.json", **fields)
    with pytest.raises(DataError, match=message) as raised:
        read_result(run)
    assert str(raised.value).startswith(f"{run / 'result.json'} is not a ")
    assert str(raised.value).endswith("Restore it, or score the predictions again.")


def test_scores_that_are_not_those_of_the_result_are_refused(tmp_path):
    run = write_run(tmp_path / "run")
    path = run / "scores.jsonl"
    path.write_text(path.read_text().replace('"B"', '"C"'))
    with pytest.raises(RunError, match=r"scores\.jsonl is not as result\.json was computed with it"):
        ScoredRun.read(run).scores  # noqa: B018
    change(run / "result.json", files={})
    path.write_text(path.read_text().replace('"status": "scored"', '"status": "fine"', 1))
    with pytest.raises(DataError, match=r"scores\.jsonl:1: field 'status' holds 'fine', expected one of scored, "):
        ScoredRun.read(run).scores  # noqa: B018
    path.write_text("")
    change(run / "result.json", counts__total=0)
    with pytest.raises(RunError, match=r"scores\.jsonl is empty"):
        ScoredRun.read(run).scores  # noqa: B018
