"""Notes under a table: the units of its own metrics, and intervals over few videos."""

from __future__ import annotations

import json

import pytest

from eval.report.footers import explained, failed_by, few_videos, in_units
from eval.report.printing import counted
from eval.runs.result import read_result
from tests.analysis.leaderboard.synthetic import write_run


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["accuracy", "accuracy_macro"], "Values times 100"),
        (["score"], "Values in points"),
        (["accuracy", "score"], "Values times 100 (score: points)"),
        (["score_micro", "score"], "Values in points"),
    ],
)
def test_units_of_the_metrics_shown(names, said):
    assert in_units(names) == said
    assert explained(frozenset({"strict"}), names).startswith(f"{said}. What has no valid answer, or failed, earns")


def test_a_number_and_its_noun():
    assert [counted(n, "sample") for n in (0, 1, 4000)] == ["0 samples", "1 sample", "4,000 samples"]
    assert [counted(n, "reply", "replies") for n in (1, 2)] == ["1 reply", "2 replies"]


def few(folder, *, without=""):
    """Return the warning about a run of 4 videos; without the value of a metric."""
    path = folder / "result.json"
    raw = json.loads(path.read_text())
    for metric in raw["metrics"]:
        is_there = metric["name"] != without
        metric |= {"n_clusters": 4, "interval": [0.1, 0.9] if is_there else None, "value": 0.5 if is_there else None}
    path.write_text(json.dumps(raw))
    return few_videos(read_result(folder)[0])


def test_few_videos_are_told_where_there_is_only_the_average_over_samples(tmp_path):
    write_run(tmp_path / "a", ["A"] * 4)
    said = ["Only 4 source videos: intervals are rough, and may be too narrow near 0 and 100."]
    assert few(tmp_path / "a") == said
    assert few(tmp_path / "a", without="accuracy") == said


def test_an_older_result_tells_its_media_by_coverage(tmp_path):
    write_run(tmp_path / "a", ["A"] * 4)
    path = tmp_path / "a" / "result.json"
    raw = json.loads(path.read_text())
    raw["counts"] |= {"model_failed": 3, "scored": 1}
    raw["coverage"] = [{"subset": "x", "total": 4, "present": 2}]
    raw.pop("media_failed", None)
    path.write_text(json.dumps(raw))
    assert (
        failed_by(read_result(tmp_path / "a")[0]) == "of 2 the media cannot be shown, the model failed 1, the judge 0"
    )
