"""Against upstream's own outputs on branch tarsier; its `<error>` rows count among its failed results."""

import json
from pathlib import Path

import pytest

from eval.core import OVERALL
from eval.readers.predictions import read_predictions
from eval.scorers.multiple_choice import MultipleChoice

SHARED = Path(__file__).parents[2].parent / "shared"
GOLDEN = SHARED / "golden" / "multiple_choice.json"
pytestmark = pytest.mark.skipif(not GOLDEN.exists(), reason="reference outputs are not here")

DATASETS = {"next-qa": "Next-QA-val-multi_choice", "egoschema": "EgoSchema", "mvbench": "MVBench"}


@pytest.fixture(scope="module")
def golden():
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


def scored(golden, name, folder, headline="micro"):
    """Write the golden cases as upstream's prediction file and score that."""
    path = folder / f"{name}.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for case in golden[name]["cases"]:
            dataset, _, idx = case["idx"].rpartition("_")
            text = {"prompt": "<video> ?", "response": case["response"], "prediction": case["prediction"]}
            row = {"idx": int(idx), "dataset": dataset, "text": text, "video_file": "<placeholder>", "vid": idx}
            file.write(json.dumps(row) + "\n")
    scorer = MultipleChoice(headline=headline)
    scores = scorer.score(read_predictions(path, name, DATASETS[name]))
    metrics = {(m.name, m.subset): m for m in scorer.aggregate(scores) if m.accounting == "upstream"}
    return scores, metrics


@pytest.mark.parametrize("name", DATASETS)
def test_every_case(golden, name, tmp_path):
    scores, _ = scored(golden, name, tmp_path)
    cases = golden[name]["cases"]
    assert [score.id for score in scores] == [case["idx"] for case in cases]
    for score, case in zip(scores, cases, strict=True):
        assert (score.status == "scored") == case["valid"], case
        assert (score.status == "model_failed") == (case["prediction"] == "<error>"), case
        if "correct" in case:
            assert (score.values.get("accuracy") == 1.0) == case["correct"], case


@pytest.mark.parametrize("name", ["next-qa", "egoschema"])
def test_accuracy(golden, name, tmp_path):
    _, metrics = scored(golden, name, tmp_path)
    accuracy = metrics["accuracy", OVERALL]
    assert accuracy.value == pytest.approx(golden[name]["accuracy_over_valid"], abs=1e-12)
    assert accuracy.n == golden[name]["n_valid"]
    assert accuracy.n_invalid + accuracy.n_failed == golden[name]["n_invalid"]


def test_mvbench_subtasks_overall_and_table(golden, tmp_path):
    _, metrics = scored(golden, "mvbench", tmp_path, headline="macro")
    expected = golden["mvbench"]
    subsets = {name: metric for (_, name), metric in metrics.items() if name != OVERALL}
    assert {f"MVBench/{name}": m.value for name, m in subsets.items()} == pytest.approx(expected["per_subtask"])
    assert metrics["accuracy", OVERALL].value == pytest.approx(expected["overall"], abs=1e-12)
    by_initials = {"".join(word[0] for word in name.split()): metric for name, metric in subsets.items()}
    by_initials["OVERALL"] = metrics["accuracy", OVERALL]
    for initials, percent, n_valid, n_invalid in expected["printed_table"]:
        metric = by_initials[initials]
        assert metric.value is not None
        assert (round(metric.value * 100, 1), metric.n) == (percent, n_valid)
        assert metric.n_invalid + metric.n_failed == n_invalid


@pytest.mark.slow
def test_real_next_qa_rows_filled_in_and_read_back(golden, tmp_path):
    from eval.core import Prediction
    from eval.readers.upstream import read_upstream
    from eval.readers.upstream_export import write_predictions
    from eval.readers.videos import VideoIndex

    annotations = SHARED / "annotations" / "tarsier" / "Next-QA-val-multi_choice.jsonl"
    rows = {row.id: row for row in read_upstream(annotations, DATASETS["next-qa"])}
    assert len(rows) == 4996
    pairs = []
    for case in golden["next-qa"]["cases"]:
        row = rows[case["idx"]]
        failed = case["prediction"] == "<error>"
        prediction = Prediction(
            id=row.id, prompt=row.prompt, output=None if failed else case["prediction"], error="x" if failed else None
        )
        pairs.append((row.sample("next-qa", row.clip(VideoIndex(tmp_path))), prediction))
    assert write_predictions(pairs, tmp_path / "out.jsonl", annotations, DATASETS["next-qa"]) == len(pairs)
    scorer = MultipleChoice()
    read = read_predictions(tmp_path / "out.jsonl", "next-qa", DATASETS["next-qa"])
    upstream = scorer.aggregate(scorer.score(read))[0]
    assert upstream.value == pytest.approx(golden["next-qa"]["accuracy_over_valid"], abs=1e-12)
    assert upstream.chance == pytest.approx(0.2)
