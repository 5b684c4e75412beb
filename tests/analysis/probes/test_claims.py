"""What is told of a subtask, by hand where it can be, and by repetition where it is a matter of chance."""

from __future__ import annotations

from math import comb, exp

import numpy as np
import pytest

from eval.analysis.compare.change import Columns, Measure, change_of_mean, change_of_sums, loss_p
from eval.analysis.compare.systems import Paired, in_primary
from eval.analysis.probes.claims import claims_of, decided, effective_videos
from eval.core import OVERALL, Score
from scripts.bench_probe import EFFECTS, is_false, world

SCORER = {"name": "multiple_choice", "headline": "micro"}


def scores(values, subset=""):
    return [
        Score(id=f"{subset}{i}", subset=subset, cluster=f"v{i}", status="scored", answer="A", target="A",
              values={"accuracy": float(value)}, chance=0.25)
        for i, value in enumerate(values)
    ]  # fmt: skip


def paired(first, second, subset=OVERALL):
    return in_primary(list(zip(scores(first), scores(second), strict=True)), SCORER, "accuracy")[subset]


def test_p_of_each_claim_by_hand():
    # 10 videos, all right in the plain run. One-sided, k that only lose have a p of 2^-k.
    plain = [1] * 10
    probes = {
        "no-video": paired(plain, [0] * 8 + [1] * 2),
        "one-frame": paired(plain, [0] * 6 + [1] * 4),
        "shuffled": paired(plain, [0] * 7 + [1] * 3),
        "reversed": paired(plain, [0] * 3 + [1] * 7),
    }
    found = claims_of(probes, chance=0.25, margin=0.1)
    assert found["video"] == pytest.approx(2**-8)
    assert found["motion"] == pytest.approx(2**-6)  # max(2^-8, 2^-6, 2 * 2^-7)
    assert found["still"] == found["text"] == 1.0  # a loss of 60 points is not below 10


def test_the_order_of_frames_is_tested_twice():
    plain = [1] * 10
    lost = paired(plain, [0] * 8 + [1] * 2)
    kept = paired(plain, plain)
    both = claims_of({"no-video": lost, "one-frame": lost, "shuffled": lost, "reversed": kept}, 0.25, 0.1)
    one = claims_of({"no-video": lost, "one-frame": lost, "shuffled": lost}, 0.25, 0.1)
    assert both["motion"] == pytest.approx(2 * 2**-8)
    assert one["motion"] == pytest.approx(2**-8)


def test_a_gain_is_no_fall():
    found = claims_of({"no-video": paired([0] * 6, [1] * 6)}, 0.25, 0.1)
    assert found["video"] == pytest.approx(1 - 2**-6)


def test_where_no_answer_changes_the_bound_is_three_videos_worth_at_95():
    # Poisson: with no event, -ln(0.05) = 3.0 are the most at 95%; a margin of 0.1 of 40 videos is 4 events.
    one = paired([1] * 40, [1] * 40)
    assert loss_p(one.change, one.columns, 0.1) == pytest.approx(0.0183, abs=1e-4)  # exp(-4)
    # Right in 40 of 40 at a chance of 1/4 is beyond doubt, so that the loss decides.
    assert claims_of({"no-video": one}, 0.25, 0.1)["text"] == pytest.approx(0.0183, abs=1e-4)


def test_a_metric_of_sums_is_no_surer_than_one_where_nothing_changes():
    # F1 of 3 videos, two parts each, hardly changed: Student's t alone would rule out a loss of 10 points.
    columns = Columns(
        first=np.array([[0.80, 0.81], [0.79, 0.8], [0.81, 0.8]]),
        second=np.array([[0.80, 0.81], [0.79, 0.8], [0.81, 0.801]]),
        clusters=["a", "b", "c"],
        strata=[""] * 3,
    )
    measure = Measure(name="f1", accounting="strict", subset=OVERALL, average="micro")
    change = change_of_sums(measure, columns, lambda m: 2 * m[..., 0] * m[..., 1] / m.sum(axis=-1), of_means=True)
    assert loss_p(change, columns, 0.1, of_mean=False) == pytest.approx(exp(-0.3))


def test_a_score_at_chance_is_none_of_the_text():
    plain = [1, 0, 0, 0] * 50
    one = paired(plain, plain)
    assert loss_p(one.change, one.columns, 0.1) < 1e-8
    # 50 or more of 200 at a chance of 1/4: the binomial tail, a little above one half.
    tail = sum(comb(200, right) * 0.25**right * 0.75 ** (200 - right) for right in range(50, 201))
    assert claims_of({"no-video": one}, 0.25, 0.1)["text"] == pytest.approx(tail)


def told(changes, chance=0.25, margin=0.1):
    claims = {OVERALL: claims_of(changes, chance, margin)}
    (found,) = decided(claims, {OVERALL: changes}, {OVERALL: chance})
    return found


def test_what_is_told():
    plain, lost = [1] * 100, [0] * 50 + [1] * 50
    same, fell = paired(plain, plain), paired(plain, lost)
    assert told({"no-video": fell, "one-frame": fell, "shuffled": fell, "reversed": same}).need == "motion"
    assert told({"no-video": fell, "one-frame": same, "shuffled": fell, "reversed": fell}).need == "video"
    assert told({"no-video": fell, "one-frame": fell, "shuffled": same, "reversed": same}).need == "some video"
    assert told({"no-video": fell}).need == "some video"
    assert told({"no-video": same, "one-frame": same}).need == "text"
    assert told({"no-video": same, "one-frame": same}, chance=1.0).need == "unknown"


def test_what_could_have_been_shown():
    few = told({"no-video": paired([1] * 8, [1] * 8)})
    # 2 claims at 5%: 6 videos that all lose have a p of 1/64, below 0.025; none is shown to lose less than 10 points.
    assert (few.need, few.least) == ("unknown", 6 / 8)
    assert few.least_margin == pytest.approx(3.689 / 8, abs=1e-3)  # -ln(0.025) videos
    assert told({"no-video": paired([1] * 4, [1] * 4)}).least is None
    assert told({"no-video": paired([1] * 100, [1] * 100)}).least is None  # nothing is left open


def test_twenty_worlds_without_an_effect_have_no_more_false_claims_than_promised():
    _, rates = EFFECTS["nothing, at chance"]
    needs = [world({f"s{i}": rates for i in range(4)}, 60, seed) for seed in range(20)]
    assert sum(any(need != "unknown" for need in each.values()) for each in needs) <= 1


@pytest.mark.parametrize("name", [name for name in EFFECTS if "kept" in EFFECTS[name][1] or "worse" in name])
def test_what_is_so_is_found_and_what_is_not_is_not(name):
    need, rates = EFFECTS[name]
    needs = [world({"s": rates, "t": rates}, 200, seed) for seed in range(20)]
    assert sum(any(is_false(one, need) for one in each.values()) for each in needs) <= 1
    if "worse" not in name:
        assert sum(one == need for each in needs for one in each.values()) >= 36  # of 40


def test_a_video_of_many_questions_is_worth_little_more_than_one():
    # 30 questions about one video and one about each of 99: (129)^2 / (900 + 99) = 16.66 videos of equal weight.
    clusters = ["big"] * 30 + [f"v{n}" for n in range(99)]
    columns = Columns(first=np.ones((129, 1)), second=np.ones((129, 1)), clusters=clusters, strata=[""] * len(clusters))
    assert effective_videos(columns) == pytest.approx(129**2 / 999)
    measure = Measure(name="accuracy", accounting="strict", subset=OVERALL, average="micro")
    change = change_of_mean(measure, columns, 1.0)
    both = claims_of({"no-video": Paired(change=change, columns=columns)}, 0.25, 0.1)
    # Nothing is lost in any video: 0.9^16.66, where a hundred videos of equal weight had 0.9^100.
    assert both["text"] == pytest.approx(0.9 ** (129**2 / 999), rel=1e-6)


@pytest.mark.parametrize("sizes", [[30] + [1] * 99, [200 // n for n in range(1, 40)]])
def test_at_chance_text_is_rarely_claimed_whatever_the_sizes_of_videos(sizes):
    generator = np.random.default_rng(5)
    clusters = [f"v{n}" for n, size in enumerate(sizes) for _ in range(size)]
    measure = Measure(name="accuracy", accounting="strict", subset=OVERALL, average="micro")
    false = 0
    for _ in range(100):
        right = np.repeat(generator.random(len(sizes)) < 0.25, sizes).astype(float)[:, None]
        columns = Columns(first=right, second=right, clusters=clusters, strata=[""] * len(clusters))
        one = Paired(change=change_of_mean(measure, columns, 1.0), columns=columns)
        false += claims_of({"no-video": one}, 0.25, 0.1)["text"] < 0.05
    assert false <= 9  # 5 are expected at the most, and 10 or more come about in 3 of 100 trials of that
