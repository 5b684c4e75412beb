"""What an AutoDQ score depends on: each value by hand."""

import pytest

from eval.core import Score
from eval.judges.offline import OfflineJudge
from eval.scorers.autodq import AutoDQ


def video(number, source, output, recall, precision, wrong, told):
    """Return a video's score: shares of entailed and contradicted events, and the number of the output's events."""
    values = {
        "recall": recall, "recall_neutral": 1 - recall, "recall_contradiction": 0.0,
        "precision": precision, "precision_neutral": 1 - precision - wrong, "precision_contradiction": wrong,
    }  # fmt: skip
    events = {"prediction": ["e"] * told, "reference": ["e"] * (number + 1)}
    return Score(
        id=f"d{number}", subset=source, cluster=f"v{number}", status="scored", answer=output, target="r",
        values=values, detail={"events": events},
    )  # fmt: skip


FAILED = Score(
    id="f",
    subset="stock",
    cluster="vf",
    status="judge_failed",
    answer="a",
    target="r",
    values={},
    detail={"events": {}},
)
VIDEOS = [
    video(0, "youtube", "one", 1.0, 0.5, 0.0, 2),
    video(1, "youtube", "one two", 0.5, 0.25, 0.25, 4),
    video(2, "videvo", "one two three", 0.5, 0.75, 0.25, 6),
    video(3, "stock", "one two three four", 0.0, 0.5, 0.5, 4),
]


def diagnoses(scores):
    scorer = AutoDQ(judge=OfflineJudge())
    assert scorer.traits.diagnoses is not None
    return {one.name: one for one in scorer.traits.diagnoses(scores, scorer.aggregate(scores))}


def test_each_by_hand():
    found = diagnoses([*VIDEOS, FAILED])
    assert (found["events of an output"].value, found["events of a reference"].value) == (4, 2.5)
    # Ranks of words 1, 2, 3, 4; of precision 2.5, 1, 4, 2.5; of recall 4, 2.5, 2.5, 1; of F1, which is 2/3, 1/3, 0.6
    # and 0, 4, 2, 3, 1.
    ranks = {name: found[f"length and {name}, rank correlation"].value for name in ("precision", "recall", "F1")}
    assert ranks["precision"] == pytest.approx(1.5 / (5 * 4.5) ** 0.5)
    assert ranks["recall"] == pytest.approx(-4.5 / (5 * 4.5) ** 0.5)
    assert ranks["F1"] == pytest.approx(1 - 6 * (9 + 0 + 0 + 9) / (4 * 15))
    # Over two sources: precision 3/8 and 5/8, contradicted 1/8 and 3/8.
    assert found["precision, neutral left out"].value == pytest.approx(0.5 / (0.5 + 0.25))
    assert found["precision, contradiction"].value == 0.25
    assert found["precision, neutral"].value == pytest.approx(0.25)
    assert found["recall, neutral"].value == pytest.approx(0.5)


def test_all_neutral_leaves_no_precision_without_neutral():
    found = diagnoses([video(n, "stock", "a b", 1.0, 0.0, 0.0, 1) for n in range(3)])
    assert found["precision, neutral left out"].value is None
    assert found["length and F1, rank correlation"].value is None


def test_its_interval_is_that_of_a_share_where_each_video_has_one_event():
    random = [1, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1]
    found = diagnoses([video(n, "stock", "a", 1.0, float(right), 1.0 - right, 1) for n, right in enumerate(random)])
    one = found["precision, neutral left out"]
    assert one.value == 0.75
    # Student's: 0.75 and 2.09 times the root of 0.75 * 0.25 / 19, less skewed than a bootstrap's.
    assert one.interval == pytest.approx((0.542, 0.958), abs=0.06)


def test_without_a_verdict_there_is_nothing_to_say():
    assert diagnoses([FAILED]) == {}
