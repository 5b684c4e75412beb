"""The time left of a run, from the times of its groups; worked out by hand."""

from __future__ import annotations

import pytest

from eval.engines.estimate import TimeLeft
from tests.engines.test_dealing import group


def test_nothing_is_told_before_a_group_is_done():
    left = TimeLeft()
    left.expect([group(0)])
    assert left.seconds() is None


def test_clips_and_questions_each_take_their_time():
    groups = [group(0, 1, 9), group(1, 1, 1), group(2, 2, 3), group(3, 4, 1)]
    left = TimeLeft()
    left.expect(groups)
    for one in groups[:2]:  # 2 s a clip and 0.5 s a question
        left.done(one, 2.0 + 0.5 * len(one.samples))
    assert left.seconds() == pytest.approx(2 * (2 + 4) + 0.5 * (6 + 4))
    assert left.seconds(workers=2) == pytest.approx(8.5)


def test_of_groups_of_one_shape_all_take_the_same():
    groups = [group(i, 1, 4) for i in range(10)]
    left = TimeLeft()
    left.expect(groups)
    for one in groups[:4]:
        left.done(one, 3.0)
    assert left.seconds() == pytest.approx(18.0)


def test_where_shapes_do_not_tell_clips_count():
    groups = [group(0, 1, 3), group(1, 1, 3), group(2, 1, 1), group(3, 2, 1)]
    left = TimeLeft()
    left.expect(groups)
    for one in groups[:2]:
        left.done(one, 2.0)
    assert left.seconds() == pytest.approx(6.0)


def test_a_group_that_was_given_up_takes_no_time():
    groups = [group(i) for i in range(3)]
    left = TimeLeft()
    left.expect(groups)
    left.done(groups[0], 2.0)
    left.drop(groups[1])
    assert left.seconds() == pytest.approx(2.0)


def test_the_first_group_of_a_process_counts_only_while_there_is_no_other():
    groups = [group(i) for i in range(5)]
    left = TimeLeft()
    left.expect(groups)
    left.done(groups[0], 9.0, first=True)
    assert left.seconds() == pytest.approx(36.0)
    left.done(groups[1], 2.0)
    assert left.seconds() == pytest.approx(6.0)
