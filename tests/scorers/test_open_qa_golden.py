"""Against upstream's own verdicts, with the replies that it was given."""

import json

import pytest

from eval.core import OVERALL
from eval.judges.protocol import upstream_protocol
from eval.judges.scripted import ScriptedJudge
from eval.judges.wording import native_wording
from eval.readers.predictions import read_predictions
from eval.scorers.open_qa import OpenQA


@pytest.fixture(scope="module")
def expected(golden):
    return json.loads((golden / "open_qa.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def scored(expected, tmp_path_factory):
    """Write the cases as upstream's prediction file and score that."""
    path = tmp_path_factory.mktemp("open_qa") / "predictions.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for case in expected["cases"]:
            dataset, _, idx = case["idx"].rpartition("_")
            text = {
                "prompt": "<video> ?", "question": case["question"], "response": case["answer"],
                "prediction": case["prediction"],
            }  # fmt: skip
            row = {"idx": int(idx), "dataset": dataset, "text": text, "video_file": "<placeholder>", "vid": idx}
            file.write(json.dumps(row) + "\n")
    judge = ScriptedJudge(replies={case["idx"]: case["judge_reply"] for case in expected["cases"]})
    # Upstream's rules; which words ask does not matter to a script.
    scorer = OpenQA(judge=judge, protocol=upstream_protocol(native_wording()))
    scores = scorer.score(read_predictions(path, "msvd-qa", "MSVD-QA-val"))
    return scores, {(m.name, m.accounting): m for m in scorer.aggregate(scores) if m.subset == OVERALL}


def test_every_case(expected, scored):
    scores, _ = scored
    assert [score.id for score in scores] == [case["idx"] for case in expected["cases"]]
    for score, case in zip(scores, expected["cases"], strict=True):
        assert score.status == ("scored" if case["valid"] else "judge_failed"), case
        if case["valid"]:
            assert (score.values["accuracy"] == 1) == (case["pred"] == "yes"), case
            assert score.values["score"] == case["score"], case


def test_accuracy_and_score(expected, scored):
    _, metrics = scored
    accuracy, score = metrics["accuracy", "upstream"], metrics["score", "upstream"]
    assert accuracy.value == pytest.approx(expected["accuracy"], abs=1e-12)
    assert score.value == pytest.approx(expected["average_score"], abs=1e-12)
    assert (accuracy.n, accuracy.n_failed) == (expected["n_valid"], expected["n_invalid"])
    assert metrics["accuracy", "strict"].n == len(expected["cases"])
