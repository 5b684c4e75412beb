"""Errors and intervals of metrics, worked out by hand."""

from __future__ import annotations

import math

import pytest

from eval.core import OVERALL, Score
from eval.judges.offline import OfflineJudge
from eval.scorers.accounting import averages
from eval.scorers.autodq import AutoDQ
from eval.scorers.caption import Captioning
from eval.scorers.multiple_choice import MultipleChoice
from eval.scorers.open_qa import OpenQA


def score(key, value=None, *, subset="", video=None, status="scored", name="accuracy"):
    return Score(
        id=str(key), subset=subset, cluster=key[0] if video is None else video, answer=None, target="A",
        status=status if value is not None else "invalid", values={} if value is None else {name: float(value)},
    )  # fmt: skip


def by_key(metrics):
    return {(metric.name, metric.accounting, metric.subset): metric for metric in metrics}


def test_questions_of_one_video_are_not_independent():
    upstream, strict = averages([score("a1", 1), score("a2", 1), score("b1", 0), score("b2", 0)])
    # Residuals add up to 1 and -1: sqrt(2) / 4 * sqrt(2). Independent variance 1/12, clustered 1/4, of four samples.
    assert (upstream.value, upstream.stderr, upstream.n_clusters) == pytest.approx((0.5, 0.5, 2))
    assert upstream.n_effective == pytest.approx(4 / 3)
    # Two videos, t(1) = 12.7062: n = 0.25 / 0.25 = 1 answer, 161.448 = t^2; 0.5 -+ sqrt(r / 4 + r^2 / 4) / (1 + r).
    ratio = 12.7062047**2
    reach = math.sqrt(ratio / 4 + ratio**2 / 4) / (1 + ratio)
    assert upstream.interval == pytest.approx((0.5 - reach, 0.5 + reach))
    assert strict.interval == upstream.interval


def test_both_accountings_have_their_own_error():
    # upstream: 1, 0, 1 of three videos; strict: 1, 0, 1, 0 of four.
    upstream, strict = averages([score("a", 1), score("b", 0), score("c", 1), score("d")])
    assert upstream.stderr == pytest.approx(math.sqrt((1 / 9 + 4 / 9 + 1 / 9) / 2 / 3))
    assert strict.stderr == pytest.approx(math.sqrt(1 / 3 / 4))
    assert (upstream.n_clusters, strict.n_clusters) == (3, 4)


def test_a_macro_average_adds_variances_of_fixed_subsets():
    scores = [score("a1", 1, subset="x"), score("a2", 1, subset="x"), score("b1", 0, subset="x"),
              score("b2", 0, subset="x"), score("c", 1, subset="y"), score("d", 0, subset="y")]  # fmt: skip
    got = by_key(averages(scores, "macro"))
    # Both subsets have a standard error of 0.5: sqrt(0.25 + 0.25) / 2.
    assert got["accuracy", "strict", OVERALL].stderr == pytest.approx(math.sqrt(0.5) / 2)
    assert got["accuracy", "strict", "y"].stderr == pytest.approx(0.5)
    assert got["accuracy_micro", "strict", OVERALL].n_clusters == 4


def test_a_video_in_several_subsets_is_one_video():
    scores = [score("a1", 1, subset="x"), score("b1", 0, subset="x"), score("a2", 1, subset="y"),
              score("b2", 0, subset="y")]  # fmt: skip
    macro = by_key(averages(scores, "macro"))["accuracy", "strict", OVERALL]
    assert (macro.stderr, macro.n_clusters) == (pytest.approx(0.5), 2)


def test_a_subset_of_one_video_leaves_the_macro_average_without_error():
    scores = [score("a", 1, subset="x"), score("b", 0, subset="x"), score("c", 1, subset="y")]
    got = by_key(averages(scores, "macro"))
    assert (got["accuracy_macro", "strict", OVERALL].stderr, got["accuracy_macro", "strict", OVERALL].interval) == (
        None,
        None,
    )
    assert got["accuracy_micro", "strict", OVERALL].stderr == pytest.approx(1 / 3)


def test_without_a_video_a_sample_stands_for_itself():
    upstream, _ = averages([score("1", 1, video=""), score("2", 0, video=""), score("3", 0, video="")])
    assert upstream.n_clusters == 3


def test_all_right_is_not_certain():
    _, strict = averages([score(f"{video}{i}", 1) for video in "abcdefghij" for i in range(2)])
    assert (strict.stderr, strict.n_effective) == (0, None)
    # Ten videos: 1 / (1 + t^2 / 10), t(9) = 2.262157.
    assert strict.interval == pytest.approx((1 / (1 + 2.262157**2 / 10), 1), abs=1e-6)


def test_nothing_scored_has_no_error():
    upstream, strict = averages([score("a"), score("b")])
    assert (upstream.value, upstream.stderr, upstream.interval, upstream.n_clusters) == (None, None, None, None)
    ratio = 12.7062047**2 / 2
    assert strict.value == 0
    assert strict.interval == pytest.approx((0, ratio / (1 + ratio)))


def test_a_judges_score_stays_between_0_and_5():
    scorer = OpenQA(judge=OfflineJudge())
    full = [score(video, 5, name="score") for video in "abcd"]
    got = by_key(scorer.aggregate(full))
    low, high = got["score", "strict", OVERALL].interval
    assert high == 5
    # t(3) = 3.182446, four videos.
    assert low == pytest.approx(5 / (1 + 3.182446**2 / 4), abs=1e-5)


def test_dropped_videos_leave_the_error_of_the_others():
    scorer = MultipleChoice(whole_videos=True)
    scores = [score("a1", 1), score("a2", 1), score("b1", 0), score("b2", 0), score("c1", 1), score("c2")]
    upstream, strict = scorer.aggregate(scores)
    assert (upstream.value, upstream.stderr, upstream.n_clusters) == pytest.approx((0.5, 0.5, 2))
    assert (upstream.n_invalid, upstream.lower, upstream.upper) == (1, None, None)
    assert strict.n_clusters == 3
    upstream, _ = scorer.aggregate([score("a1", 1), score("a2")])
    assert (upstream.value, upstream.interval, upstream.n_clusters, upstream.n_invalid) == (None, None, None, 1)


def described(key, recall, precision, source):
    return Score(
        id=key, subset=source, cluster=key, status="scored", answer="", target="",
        values={"recall": recall, "precision": precision},
    )  # fmt: skip


def test_f1_is_drawn_again_within_sources():
    scorer = AutoDQ(judge=OfflineJudge())
    # All alike within a source: no draw differs, though sources do.
    alike = [
        described(f"{source}{i}", share, share, source)
        for source, share in (("stock", 0.2), ("youtube", 0.6))
        for i in range(4)
    ]
    f1 = by_key(scorer.aggregate(alike))["f1", "strict", OVERALL]
    assert (f1.value, f1.stderr) == (pytest.approx(0.4), pytest.approx(0))
    low, high = f1.interval
    assert 0 < low < 0.4 < high < 1
    # One source, half of the videos told in full: F1 is the share of them, binomial. At Hesterberg's levels its
    # quantiles of 40 draws are 13 or 14, and 26 or 27.
    half = [described(f"v{i}", i % 2, i % 2, "stock") for i in range(40)]
    f1 = by_key(scorer.aggregate(half))["f1", "strict", OVERALL]
    assert f1.interval == pytest.approx((0.325, 0.675), abs=0.026)
    assert f1.stderr == pytest.approx(math.sqrt(0.25 / 40), rel=0.05)
    assert f1.n_clusters == 40


def test_f1_of_one_video_a_source_has_no_interval():
    got = by_key(
        AutoDQ(judge=OfflineJudge()).aggregate([described("a", 1, 1, "stock"), described("b", 0, 0, "youtube")])
    )
    assert got["f1", "strict", OVERALL].interval is None


def captioned(key, cider, matched, status="scored"):
    counts = {f"bleu_matched_{n}": matched for n in range(1, 5)} | {f"bleu_total_{n}": 4.0 for n in range(1, 5)}
    values = {"cider": cider, "cider_corpus": cider, "rouge_l": 0.5, "bleu_length": 7.0, "bleu_closest": 7.0, **counts}
    return Score(id=key, subset="", cluster=key, status=status, answer="", target="", values=values)


def test_captions_have_students_interval_and_bleu_is_drawn_again(tmp_path):
    scores = [captioned(f"v{i}", value, 4.0 * (i % 2)) for i, value in enumerate([1.0, 2.0, 3.0, 4.0] * 10)]
    got = by_key(Captioning(cache=tmp_path).aggregate(scores))
    cider = got["cider", "strict", OVERALL]
    # Variance of forty is 40 * 1.25 / 39; t(39) is 2.022691.
    stderr = math.sqrt(1.25 / 39)
    assert (cider.stderr, cider.n_clusters) == (pytest.approx(stderr), 40)
    assert cider.interval == pytest.approx((2.5 - 2.022691 * stderr, 2.5 + 2.022691 * stderr), abs=1e-6)
    # Half of all n-grams match in each length, all or none of a caption's: BLEU is the share of such captions.
    bleu = got["bleu_4", "strict", OVERALL]
    assert bleu.value == pytest.approx(0.5)
    assert bleu.interval == pytest.approx((0.325, 0.675), abs=0.026)
    assert got["rouge_l", "strict", OVERALL].interval is None
    assert got["rouge_l", "strict", OVERALL].stderr == 0
