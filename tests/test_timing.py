"""The clock: stages that add up, laps, and a course that does not grow."""

from __future__ import annotations

import pytest

from eval.timing import BINS, Clock


class Hand:
    """A clock's hand that moves when it is told to."""

    def __init__(self):
        self.at = 100.0

    def __call__(self):
        return self.at


@pytest.fixture
def hand():
    return Hand()


def test_an_inner_stage_takes_its_time_from_the_outer(hand):
    clock = Clock(hand)
    with clock.stage("model"):
        hand.at += 1
        with clock.stage("encode"):
            hand.at += 2
        hand.at += 4
    hand.at += 8
    lap = clock.lap()
    assert lap.seconds == {"model": 5.0, "encode": 2.0}
    assert lap.wall == 15.0


def test_a_stage_that_fails_counts(hand):
    clock = Clock(hand)

    def fail():
        with clock.stage("model"):
            hand.at += 3
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    with clock.stage("wait"):
        hand.at += 1
    assert clock.lap().seconds == {"model": 3.0, "wait": 1.0}


def test_a_lap_begins_anew(hand):
    clock = Clock(hand)
    clock.count("tokens", 3)
    with clock.stage("wait"):
        hand.at += 1
    assert clock.lap().counts == {"tokens": 3}
    with clock.stage("score"):
        hand.at += 2
    lap = clock.lap()
    assert (lap.wall, lap.seconds, lap.counts) == (2.0, {"score": 2.0}, {})


def test_the_course_shows_when_and_keeps_its_size(hand):
    clock = Clock(hand, bin_s=1.0)
    clock.add("decode", 100.5, 102.25)
    hand.at += 4
    assert clock.lap().course == {"decode": [0.5, 1.0, 0.25]}
    for _ in range(1000):
        with clock.stage("model"):
            hand.at += 1
        hand.at += 1
    lap = clock.lap()
    assert lap.bin_s == 16.0
    assert len(lap.course["model"]) <= BINS
    assert lap.course["model"][:-1] == [8.0] * (len(lap.course["model"]) - 1)
    assert sum(lap.course["model"]) == lap.seconds["model"] == 1000.0


def test_work_from_before_a_lap_counts_but_is_not_drawn_before_its_beginning(hand):
    clock = Clock(hand, bin_s=1.0)
    clock.add("decode", 99.0, 100.5)
    lap = clock.lap()
    assert lap.seconds["decode"] == 1.5
    assert lap.course["decode"] == [0.5]


def test_the_summary_says_what_share_the_model_had(hand):
    clock = Clock(hand)
    with clock.stage("model"), clock.stage("generate"):
        hand.at += 6
    with clock.stage("wait"):
        hand.at += 2
    with clock.stage("score"):
        hand.at += 2
    clock.count("tokens", 12)
    clock.count("samples", 4)
    summary = clock.lap().summary()
    assert summary["in_model"] == 0.75
    assert (summary["tokens"], summary["tokens_per_s"], summary["samples"], summary["wall_s"]) == (12, 2.0, 4, 10.0)
    assert summary["stages_s"]["score"] == 2.0


def test_time_of_several_is_booked_by_their_shares_and_adds_up(hand):
    clock = Clock(hand)
    with clock.stage("model"):
        hand.at += 4
    clock.count("tokens", 8)
    clock.book({"a": 3, "b": 1})
    with clock.stage("score"):
        hand.at += 2
    clock.book({"a": 1})
    with clock.stage("model"):
        hand.at += 1
    clock.count("tokens", 2)
    clock.book({"b": 5})
    a, b = clock.account("a"), clock.account("b")
    assert (a.wall, a.seconds, a.counts) == (5.0, {"model": 3.0, "score": 2.0}, {"tokens": 6})
    assert (b.wall, b.seconds["model"], b.counts) == (2.0, 2.0, {"tokens": 4})
    assert clock.so_far().wall == a.wall + b.wall
    clock.lap()
    assert clock.account("a").wall == 0.0


def test_stages_that_took_turns_are_spread_over_their_time():
    clock = Clock(now=lambda: 0.0, bin_s=1.0)
    clock.spread({"prefill": 3.0, "wait": 1.0, "encode": 0.0}, 0.0, 4.0)
    lap = clock.so_far()
    assert lap.seconds == {"prefill": 3.0, "wait": 1.0}
    assert [list(lap.course[name]) for name in ("prefill", "wait")] == [
        pytest.approx([0.75] * 4 + [0.0]), pytest.approx([0.25] * 4 + [0.0]),
    ]  # fmt: skip
