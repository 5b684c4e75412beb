"""The bound on requests under way, by a clock that the tests move."""

import asyncio
from itertools import pairwise

import pytest

from eval.client import throttle as module
from eval.client.throttle import MOST, START, Throttle

NOT_PACED = 0.0


class Clock:
    """Time that passes only where somebody sleeps, or the test says so."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(module, "time", found)
    return found


def unpaced(most=MOST, start=START, slow_s=30.0):
    """A throttle that spreads nothing: the usual time of an answer stays 0 as long as the clock stands."""
    throttle = Throttle(most, start, slow_s)
    throttle._usual = NOT_PACED
    return throttle


async def full(throttle):
    """Take every place; return when each was taken."""
    return [await throttle.acquire() for _ in range(int(throttle.limit) - throttle.in_flight)]


def run(scenario):
    return asyncio.run(asyncio.wait_for(scenario, 20))


def test_the_bound_grows_by_one_in_a_full_round_of_answers(clock):
    async def scenario():
        throttle = unpaced(most=100, start=10)
        times = await full(throttle)
        for sent_at in times:
            throttle.release(sent_at, "answered")
            await throttle.acquire()
        # Ten steps of 1 / bound, each a little less than 1 / 10.
        assert 10.9 < throttle.limit < 11.0
        assert throttle.in_flight == 10

    run(scenario())


def test_a_bound_that_is_not_used_does_not_grow(clock):
    async def scenario():
        throttle = unpaced(start=10)
        for _ in range(50):
            throttle.release(await throttle.acquire(), "answered")
        assert (throttle.limit, throttle.in_flight) == (10.0, 0)

    run(scenario())


def test_the_bound_is_never_above_the_most(clock):
    async def scenario():
        throttle = unpaced(most=3, start=20)
        assert throttle.limit == 3.0
        for _ in range(50):
            for sent_at in await full(throttle):
                throttle.release(sent_at, "answered")
        assert throttle.limit == 3.0

    run(scenario())


def test_a_fault_says_nothing(clock):
    async def scenario():
        throttle = unpaced(start=5)
        for sent_at in await full(throttle):
            throttle.release(sent_at, "fault", 100.0)
        assert (throttle.limit, throttle.held_s, throttle.in_flight) == (5.0, 0.0, 0)

    run(scenario())


def test_the_bound_falls_once_for_all_that_was_sent_before(clock):
    async def scenario():
        throttle = unpaced(start=20)
        times = await full(throttle)
        clock.now += 1
        for sent_at in times:
            throttle.release(sent_at, "too_many")
        assert throttle.limit == pytest.approx(16.0)
        # What was sent after the fall and meets it again says that it was not enough.
        times = await full(throttle)
        assert len(times) == 16
        clock.now += 1
        for sent_at in times:
            throttle.release(sent_at, "too_many")
        assert throttle.limit == pytest.approx(12.8)

    run(scenario())


def test_the_bound_falls_once_a_round_trip(clock):
    async def scenario():
        throttle = Throttle(start=20)
        throttle._quickest = throttle._usual = 2.0
        throttle.release(await throttle.acquire(), "too_many")
        assert throttle.limit == pytest.approx(16.0)
        for seconds, bound in ((1.9, 16.0), (0.2, 12.8)):
            clock.now += seconds  # 2.1 in all, and a round trip is 2
            throttle._next = 0.0
            throttle.release(await throttle.acquire(), "too_many")
            assert throttle.limit == pytest.approx(bound)

    run(scenario())


def test_the_bound_is_never_below_one(clock):
    async def scenario():
        throttle = unpaced(start=20)
        for _ in range(100):
            clock.now += 1
            throttle.release(await throttle.acquire(), "too_many")
        assert throttle.limit == 1.0
        await throttle.acquire()
        assert throttle.in_flight == 1

    run(scenario())


def test_it_grows_quickly_to_near_the_last_limit_and_slowly_beyond(clock):
    async def scenario():
        throttle = unpaced(start=20)
        clock.now += 1
        throttle.release(await throttle.acquire(), "too_many")
        assert throttle.limit == pytest.approx(16.0)
        seen = [throttle.limit]
        for _ in range(200):
            times = await full(throttle)
            throttle.release(times[0], "answered")
            seen.append(throttle.limit)
        steps = [(after - before) * before for before, after in pairwise(seen)]
        # 0.95 of the limit that was met, 20, is 19.
        assert all(step == pytest.approx(1.0) for bound, step in zip(seen, steps, strict=False) if bound < 19)
        assert all(step == pytest.approx(0.05) for bound, step in zip(seen, steps, strict=False) if bound >= 19)
        assert seen[-1] > 19

    run(scenario())


@pytest.mark.parametrize(
    ("took", "falls"),
    [
        (2.9, False),  # less than three times the quickest
        (9.9, False),  # more, but not a good part of the bound on time
        (10.1, True),
    ],
)
def test_slow_answers_count_as_too_much(clock, took, falls):
    async def scenario():
        throttle = unpaced(start=20, slow_s=10.0)
        sent_at = await throttle.acquire()
        clock.now += 1.0
        throttle.release(sent_at, "answered")
        throttle._usual = NOT_PACED
        sent_at = await throttle.acquire()
        clock.now += took
        throttle.release(sent_at, "answered")
        assert throttle.limit == pytest.approx(16.0 if falls else 20.0)

    run(scenario())


def test_a_server_that_is_always_slow_is_not_slowed_further(clock):
    async def scenario():
        throttle = unpaced(start=4, slow_s=10.0)
        for took in (40.0, 100.0, 119.0):
            sent_at = await throttle.acquire()
            clock.now += took
            throttle.release(sent_at, "answered")
            throttle._usual = NOT_PACED
        assert throttle.limit == 4.0

    run(scenario())


def test_a_long_wait_holds_back_every_request_and_a_short_one_none(clock):
    throttle = Throttle()
    throttle.in_flight = 4
    throttle.release(clock.now, "too_many", 2.0)
    assert throttle.held_s == 0.0
    throttle.release(clock.now, "too_many", 7.0)
    assert throttle.held_s == 7.0
    throttle.release(clock.now, "too_many", 3.0)
    assert throttle.held_s == 7.0
    clock.now += 6.5
    assert throttle.held_s == 0.5
    clock.now += 1.0
    assert throttle.held_s == 0.0


def test_requests_of_one_round_trip_are_spread_over_it(clock, monkeypatch):
    paused = []

    async def pause(seconds):
        paused.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", pause)

    async def scenario():
        throttle = Throttle(start=4)
        throttle._usual = 8.0
        for _ in range(4):
            await throttle.acquire()
        # 0.9 of 8 s for four requests.
        assert paused == pytest.approx([1.8, 3.6, 5.4])

    asyncio.run(scenario())


async def waiting(throttle, order, name):
    await throttle.acquire()
    order.append(name)


async def turns(n=5):
    for _ in range(n):
        await asyncio.sleep(0)


def test_a_place_is_handed_to_the_next_in_the_queue(clock):
    async def scenario():
        throttle = unpaced(start=2)
        await full(throttle)
        order: list[str] = []
        tasks = [asyncio.create_task(waiting(throttle, order, name)) for name in "abc"]
        await turns()
        assert order == []
        throttle.release(clock.now, "fault")
        await turns()
        assert order == ["a"]
        throttle.release(clock.now, "fault")
        throttle.release(clock.now, "fault")
        await asyncio.gather(*tasks)
        assert order == ["a", "b", "c"]
        assert throttle.in_flight == 2

    run(scenario())


def test_nobody_is_let_in_while_the_bound_is_below_what_is_under_way(clock):
    async def scenario():
        throttle = unpaced(start=10)
        times = await full(throttle)
        clock.now += 1
        order: list[str] = []
        task = asyncio.create_task(waiting(throttle, order, "a"))
        await turns()
        throttle.release(times[0], "too_many")  # the bound is 8, and 9 are under way
        throttle.release(times[1], "fault")
        await turns()
        assert (order, throttle.in_flight) == ([], 8)
        throttle.release(times[2], "fault")
        await task
        assert throttle.in_flight == 8

    run(scenario())


def test_a_cancelled_waiter_leaves_the_place_to_the_next(clock):
    async def scenario():
        throttle = unpaced(start=1)
        await throttle.acquire()
        order: list[str] = []
        tasks = [asyncio.create_task(waiting(throttle, order, name)) for name in "abcd"]
        await turns()
        tasks[0].cancel()
        await turns()
        throttle.release(clock.now, "fault")  # a is gone: it is b's
        tasks[1].cancel()  # just after it was handed over
        await turns()
        assert (order, throttle.in_flight) == (["c"], 1)
        throttle.release(clock.now, "fault")
        await tasks[3]
        assert (order, throttle.in_flight) == (["c", "d"], 1)

    run(scenario())


def test_who_is_cancelled_in_the_pause_gives_the_place_back(clock):
    async def scenario():
        throttle = unpaced(start=1)
        throttle._next = clock.now + 3600
        order: list[str] = []
        first = asyncio.create_task(waiting(throttle, order, "a"))
        await turns()
        assert throttle.in_flight == 1
        second = asyncio.create_task(waiting(throttle, order, "b"))
        await turns()
        throttle._next = 0.0
        first.cancel()
        await second
        assert (order, throttle.in_flight) == (["b"], 1)

    run(scenario())


def test_one_throttle_serves_one_event_loop_after_another(clock):
    throttle = unpaced(start=1)

    async def broken_off():
        await throttle.acquire()
        task = asyncio.create_task(throttle.acquire())
        await turns()
        task.cancel()
        await turns()
        throttle.release(clock.now, "fault")

    for _ in range(3):
        run(broken_off())
        assert throttle.in_flight == 0
