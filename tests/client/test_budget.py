"""The cap on what a run may spend holds, whatever ends when and however."""

import random

import pytest

from eval.client.budget import Budget
from eval.client.outcomes import Usage
from eval.client.prices import Price

PRICE = Price(
    model="m", as_of="2026-01-01", input=2.0, output=8.0, cached=0.5, batch=0.5, max_output=1000
)  # fmt: skip


def test_the_dearest_end_of_a_call():
    budget = Budget(price=PRICE)
    # 68 bytes and 32 for the template, at 2 dollars a million; the reply at 8.
    assert budget.worst_case_cost(68, 50) == pytest.approx((100 * 2 + 50 * 8) / 1e6)
    assert budget.worst_case_cost(68, 50, batch=True) == pytest.approx((100 * 2 + 50 * 8) / 2e6)
    assert budget.worst_case_cost(68, None) == pytest.approx((100 * 2 + 1000 * 8) / 1e6)
    unbounded = Budget(price=Price(model="m", as_of="", input=2.0, output=8.0, cached=2.0, batch=0.5))
    assert unbounded.worst_case_cost(68, None) == pytest.approx((100 * 2 + 4096 * 8) / 1e6)
    assert Budget().worst_case_cost(68, 50) == 0.0


def test_without_a_cap_everything_goes():
    budget = Budget(price=PRICE)
    assert [budget.reserve(1e9) for _ in range(3)] == ["go"] * 3
    assert budget.reserved == 3e9


def test_what_has_no_room_waits_for_the_others_or_stops():
    budget = Budget(most=10.0, price=PRICE)
    assert [budget.reserve(worst_case_cost) for worst_case_cost in (4.0, 6.0, 0.1)] == ["go", "go", "wait"]
    budget.settle(6.0, None, may_be_billed=False)
    assert (budget.reserve(6.1), budget.reserve(5.0)) == ("wait", "go")
    for worst_case_cost in (4.0, 5.0):
        budget.settle(worst_case_cost, Usage(input=1_000_000, output=125_000), may_be_billed=True)  # 3 dollars each
    assert (budget.spent, budget.reserved) == (6.0, 0.0)
    assert budget.reserve(4.1) == "stop"
    assert budget.reserve(4.0) == "go"


def test_no_money_at_all():
    assert Budget(most=0.0, price=PRICE).reserve(1e-6) == "stop"
    assert Budget(most=0.0, price=PRICE).reserve(0.0) == "go"


@pytest.mark.parametrize(
    ("usage", "may_be_billed", "spent", "unconfirmed"),
    [
        (Usage(input=1_000_000, output=0), True, 2.0, 0.0),
        (Usage(input=1_000_000, output=0), False, 2.0, 0.0),
        (Usage(input=1_000_000, output=0, cached=1_000_000), True, 0.5, 0.0),
        (None, True, 9.0, 9.0),
        (None, False, 0.0, 0.0),
    ],
)
def test_what_takes_the_place_of_a_reservation(usage, may_be_billed, spent, unconfirmed):
    budget = Budget(most=10.0, price=PRICE)
    budget.reserve(9.0)
    budget.settle(9.0, usage, may_be_billed=may_be_billed)
    assert (budget.spent, budget.unconfirmed, budget.reserved) == (spent, unconfirmed, 0.0)


def test_sums_that_cancel_leave_nothing_to_wait_for():
    """0.1 + 0.2 - 0.1 - 0.2 is 2.8e-17 in doubles; who waited for that to end would wait for ever."""
    budget = Budget(most=1.0, price=PRICE)
    for worst_case_cost in (0.1, 0.2):
        budget.reserve(worst_case_cost)
    for worst_case_cost in (0.1, 0.2):
        budget.settle(worst_case_cost, None, may_be_billed=False)
    assert 0 < budget.reserved < 1e-9
    assert budget.reserve(1.1) == "stop"


def one_end(random_, budget, worst_case_cost, n_bytes, max_tokens, batch):
    """Settle a call in one of the ways in which one can end, at its worst_case_cost now and then."""
    how = random_.randrange(4)
    if how == 0:
        budget.settle(worst_case_cost, None, may_be_billed=random_.random() < 0.5, batch=batch)
        return
    sent = n_bytes + 32 if how == 1 else random_.randint(1, n_bytes)
    received = max_tokens if how == 1 else random_.randint(0, max_tokens)
    usage = Usage(input=sent, output=received, cached=random_.randint(0, sent) if how == 2 else 0)
    budget.settle(worst_case_cost, usage, may_be_billed=True, batch=batch)


@pytest.mark.parametrize("seed", range(20))
def test_the_cap_holds_in_every_order_of_events(seed):
    random_ = random.Random(seed)
    budget = Budget(most=random_.choice([0.001, 0.01, 0.1]), price=PRICE)
    assert budget.most is not None
    under_way: list[tuple[float, int, int, bool]] = []
    stopped = n_sent = 0
    for _ in range(3000):
        if under_way and random_.random() < 0.5:
            one_end(random_, budget, *under_way.pop(random_.randrange(len(under_way))))
        else:
            n_bytes, max_tokens, batch = random_.randint(1, 400), random_.randint(1, 300), random_.random() < 0.3
            worst_case_cost = budget.worst_case_cost(n_bytes, max_tokens, batch=batch)
            said = budget.reserve(worst_case_cost)
            if said == "go":
                under_way.append((worst_case_cost, n_bytes, max_tokens, batch))
                n_sent += 1
            elif said == "stop":
                stopped += 1
                assert not under_way
            else:
                # Whatever waits, waits for something that will end.
                assert under_way
        assert budget.spent + budget.reserved <= budget.most + 1e-12
        assert budget.unconfirmed <= budget.spent + 1e-12
    while under_way:
        one_end(random_, budget, *under_way.pop())
    assert budget.spent <= budget.most + 1e-12
    assert budget.reserved == pytest.approx(0.0, abs=1e-12)
    assert n_sent > 0
    # It was used to within one call, which is 0.0033 dollars at the most.
    assert stopped
    assert budget.spent > budget.most - 0.0033


def test_two_budgets_under_one_cap_leave_each_other_what_is_left():
    model, judge = Budget(most=1.0, price=PRICE), Budget(most=1.0, price=PRICE)
    model.share(judge)
    assert model.reserve(0.6) == "go"
    assert judge.reserve(0.5) == "wait"
    assert judge.reserve(0.4) == "go"
    model.settle(0.6, None, may_be_billed=True)
    judge.settle(0.4, None, may_be_billed=False)
    assert (model.spent, judge.spent) == (0.6, 0.0)
    assert judge.reserve(0.5) == "stop"
    assert judge.reserve(0.3) == "go"
