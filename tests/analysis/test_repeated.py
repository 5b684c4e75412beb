"""A judged metric over several judgings: mean, spread and the judge's own error, worked out by hand."""

import pytest

from eval.analysis.judges.repeated import repeated_values
from eval.core import Score, Status
from eval.judges.calls import JudgeCall, JudgeReply
from eval.judges.offline import OfflineJudge
from eval.judges.transcript import CallRecord, Transcript
from eval.running.repeating import sharing
from eval.scorers.autodq import AutoDQ
from eval.scorers.open_qa import OpenQA


def score(number, subset="", **values):
    status: Status = "scored" if values else "judge_failed"
    return Score(
        id=f"s{number}", subset=subset, cluster=f"v{number}", status=status, answer="a", target="t", values=values
    )


def repeated(scorer, *judgings, sharing=None):
    tables = [scorer.aggregate(one) for one in judgings]
    found = repeated_values(judgings, tables, scorer.traits, sharing or {})
    return {(value.name, value.accounting): value for value in found}


def test_f1_of_means_over_sources():
    scorer = AutoDQ(judge=OfflineJudge())
    second = score(2, "stock", recall=0.5, precision=0.5)
    found = repeated(
        scorer,
        [score(1, "youtube", recall=1.0, precision=1.0), second],
        [score(1, "youtube", recall=0.5, precision=1.0), second],
    )
    # Recall is 0.75 and 0.5, its mean 0.625; precision 0.75. A source weighs 1/2, and 1 and 0.5 have the variance 1/8.
    recall = found["recall", "upstream"]
    assert (recall.values, recall.mean) == ((0.75, 0.5), 0.625)
    assert recall.stderr == pytest.approx(recall.stdev) == pytest.approx((1 / 4 / 8) ** 0.5)
    assert (found["precision", "strict"].stdev, found["precision", "strict"].stderr) == (0, 0)
    f1 = found["f1", "strict"]
    assert f1.values == pytest.approx((0.75, 2 * 0.5 * 0.75 / 1.25))
    # F1 grows by 2 p^2 / (r + p)^2 with recall.
    assert f1.stderr == pytest.approx((1 / 4 / 8) ** 0.5 * 2 * 0.75**2 / 1.375**2)
    assert set(found) == {(name, how) for name in ("f1", "recall", "precision") for how in ("upstream", "strict")}


def test_a_sample_without_a_verdict_in_one_judging():
    found = repeated(
        OpenQA(judge=OfflineJudge()),
        [score(1, accuracy=1.0, score=5.0), score(2, accuracy=1.0, score=4.0)],
        [score(1, accuracy=0.0, score=0.0), score(2)],
    )
    # Upstream leaves it out, strict takes it as 0; 1 and 0 have the variance 1/2.
    assert found["accuracy", "upstream"].values == (1.0, 0.0)
    assert found["accuracy", "upstream"].stderr == pytest.approx(0.5**0.5)
    assert found["accuracy", "strict"].stderr == pytest.approx(0.5)
    assert found["score", "strict"].stderr == pytest.approx(((25 / 2 + 16 / 2) / 4) ** 0.5)
    assert set(found) == {(name, how) for name in ("accuracy", "score") for how in ("upstream", "strict")}


def test_samples_of_one_call_vary_together():
    def judging(shared, other):
        return [*(score(i, accuracy=shared, score=5 * shared) for i in range(3)), score(3, accuracy=other, score=0.0)]

    scorer, judgings = OpenQA(judge=OfflineJudge()), [judging(1.0, 1.0), judging(0.0, 0.0), judging(1.0, 0.0)]
    # 1, 0, 1 and 1, 0, 0 have the variance 1/3; weights are 1/4.
    apart = repeated(scorer, *judgings)["accuracy", "strict"]
    assert apart.stderr == pytest.approx((4 / 16 / 3) ** 0.5)
    together = repeated(scorer, *judgings, sharing={f"s{i}": "s0" for i in range(3)})["accuracy", "strict"]
    assert together.stderr == pytest.approx((9 / 16 / 3 + 1 / 16 / 3) ** 0.5)
    # All in one call: nothing is independent, and the standard deviation is all that is known.
    whole = repeated(scorer, *judgings, sharing={f"s{i}": "s0" for i in range(4)})["accuracy", "strict"]
    assert whole.stderr == pytest.approx(whole.stdev)


def test_which_samples_share_a_call():
    def record(sample, user, key=None):
        call = JudgeCall(task="entail", sample=sample, system="", user=user, inputs={})
        return CallRecord(call=call, reply=JudgeReply(text="", key=key))

    asked = [("a", "1"), ("a", "2"), ("b", "3"), ("c", "2"), ("d", "4"), ("b", "5"), ("d", "5")]
    found = sharing(Transcript(OfflineJudge(), records=[record(*one) for one in asked]))
    assert found["a"] == found["c"] != found["b"] == found["d"]
    # What the reply store tells apart, or takes for the same, decides where there is one.
    stored = sharing(Transcript(OfflineJudge(), records=[record("a", "1", "x"), record("b", "2", "x")]))
    assert stored["a"] == stored["b"]


def test_nothing_scored_in_one_judging_has_no_value():
    found = repeated(OpenQA(judge=OfflineJudge()), [score(1, accuracy=1.0, score=5.0)], [score(1)])
    assert set(found) == {("accuracy", "strict"), ("score", "strict")}
