"""Who gets which clip groups, without processes; the numbers are worked out by hand."""

from __future__ import annotations

from pathlib import Path

from eval.core import Clip, Sample
from eval.engines.dealing import Dealing
from eval.engines.groups import ClipGroup


def group(number, n_clips=1, n_samples=1):
    clips = {}
    for i in range(n_clips):
        clip = Clip(source=Path(f"/nowhere/{number}-{i}.mp4"))
        clips[clip] = tuple(
            Sample(id=f"{number}-{i}-{j}", benchmark="b", subset="", clip=clip, prompt="<video> q", targets=("A",))
            for j in range(n_samples)
        )
    return ClipGroup(number=number, clips=clips)


def numbers(groups):
    return [one.number for one in groups]


def test_the_longest_groups_are_handed_out_first(tmp_path):
    for name, size in (("a", 10), ("b", 30), ("c", 20)):
        (tmp_path / name).write_bytes(b"x" * size)

    def of_file(number, name):
        clip = Clip(source=tmp_path / name)
        sample = Sample(id=str(number), benchmark="b", subset="", clip=clip, prompt="<video> q", targets=("A",))
        return ClipGroup(number=number, clips={clip: (sample,)})

    groups = [of_file(0, "a"), of_file(1, "b"), of_file(2, "c"), group(3, n_samples=5), group(4, n_clips=3)]
    dealing = Dealing(groups, clips_ahead=1)
    order = []
    while not dealing.finished:
        order += numbers(more := dealing.hand_out("w", 1))
        dealing.done("w", numbers(more), 1.0)
    assert order == [3, 4, 1, 2, 0]


def test_a_worker_has_as_many_clips_before_it_as_it_reads_ahead():
    dealing = Dealing([group(i, n_clips=2) for i in range(40)], clips_ahead=6)
    assert len(dealing.hand_out("w", 2)) == 3
    assert dealing.hand_out("w", 2) == []
    dealing.done("w", [0], 10.0)
    assert len(dealing.hand_out("w", 2)) == 1


def test_a_fast_worker_has_a_second_of_work_before_it():
    dealing = Dealing([group(i) for i in range(1000)], clips_ahead=2)
    first = dealing.hand_out("w", 1)
    dealing.done("w", numbers(first), 2 / 50)  # 50 clips a second
    assert len(dealing.hand_out("w", 1)) == 50


def test_towards_the_end_a_worker_leaves_the_others_their_share():
    dealing = Dealing([group(i) for i in range(16)], clips_ahead=100)
    assert [len(dealing.hand_out(name, 2)) for name in "ab"] == [4, 3]
    dealing.done("a", range(4), 1.0)
    assert len(dealing.hand_out("a", 2)) == 3  # 9 are left for two
    sizes = []
    while not dealing.finished:
        for name in "ab":
            dealing.done(name, list(dealing._shares[name].under_way), 1.0)
            sizes.append(len(dealing.hand_out(name, 2)))
    assert max(sizes) <= 2


def test_the_groups_of_a_dead_worker_are_done_by_others_and_only_the_first_is_suspected():
    dealing = Dealing([group(i) for i in range(6)], clips_ahead=3)
    dealing.hand_out("a", 1)
    assert dealing.died("a") == []
    assert numbers(dealing.hand_out("b", 1)) == [0]  # alone
    assert dealing.hand_out("b", 1) == []
    assert dealing.done("b", [0], 1.0)
    order = []
    while not dealing.finished:
        order += numbers(more := dealing.hand_out("b", 1))
        dealing.done("b", numbers(more), 1.0)
    assert order == [1, 2, 3, 4, 5]


def test_a_group_over_which_two_workers_die_is_given_up():
    dealing = Dealing([group(i) for i in range(3)], clips_ahead=1)
    assert numbers(dealing.hand_out("a", 1)) == [0]
    assert dealing.died("a") == []
    assert numbers(dealing.hand_out("b", 1)) == [0]
    assert numbers(dealing.died("b")) == [0]
    order = []
    while not dealing.finished:
        order += numbers(more := dealing.hand_out("c", 1))
        dealing.done("c", numbers(more), 1.0)
    assert order == [1, 2]


def test_of_fast_groups_each_that_may_have_been_at_work_is_tried_alone():
    dealing = Dealing([group(i, n_clips=4) for i in range(12)], clips_ahead=16)
    assert numbers(dealing.hand_out("a", 1)) == [0, 1, 2, 3]
    dealing.done("a", [0], 0.2)  # 5 groups a second
    assert dealing.hand_out("a", 1)
    assert dealing.died("a", untold_s=0.4) == []  # in which 2 groups may have ended, and another begun
    assert numbers(dealing.hand_out("b", 1)) == [1]
    dealing.done("b", [1], 1.0)
    assert numbers(dealing.hand_out("b", 1)) == [2]
    assert numbers(dealing.died("b")) == [2]
    assert numbers(dealing.hand_out("c", 1)) == [3]
    dealing.done("c", [3], 1.0)
    assert numbers(dealing.hand_out("c", 1))[:1] == [4]


def test_a_worker_that_dies_with_nothing_to_do_costs_nothing():
    dealing = Dealing([group(0)], clips_ahead=1)
    assert dealing.died("a") == []
    assert numbers(dealing.hand_out("b", 1)) == [0]


def test_others_go_on_while_a_suspected_group_waits_for_an_idle_worker():
    dealing = Dealing([group(i) for i in range(9)], clips_ahead=2)
    for name in "ab":
        assert len(dealing.hand_out(name, 2)) == 2
    dealing.died("a")
    dealing.done("b", [2], 1.0)
    assert numbers(dealing.hand_out("b", 1)) == [1]  # the other of the dead worker's, which it had not begun
