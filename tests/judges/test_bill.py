"""Plans and bills, with counts and dollars worked out by hand."""

from collections import Counter

import pytest

from eval.client.outcomes import Usage
from eval.client.prices import Price
from eval.core import Clip, Prediction, Sample
from eval.judges.bill import StagePlan, bill
from eval.judges.calls import JudgeCall, JudgeReply
from eval.judges.planning import Planner
from eval.judges.protocol import judge_protocol, upstream_protocol
from eval.judges.rounds import ask
from eval.judges.transcript import CallRecord
from eval.judges.wording import native_wording
from eval.scorers.autodq import AutoDQ
from eval.scorers.open_qa import OpenQA

PRICE = Price(model="model-1", as_of="2026-11-05", input=2.0, output=8.0, cached=0.5, batch=0.5)
UNCACHED = Price(model="model-2", as_of="2026-11-05", input=2.0, output=8.0, cached=2.0, batch=0.5)


def record(task="open_qa", attempt=0, **reply):
    call = JudgeCall(task=task, sample="s", system="", user="", inputs={}, attempt=attempt)
    return CallRecord(call=call, reply=JudgeReply(**{"text": "x", "source": "asked", **reply}))


def usage(given, output, cached=0):
    return Usage(input=given, output=output, cached=cached)


@pytest.mark.parametrize(
    ("price", "tokens", "batch", "dollars"),
    [
        (PRICE, usage(1000, 100), False, (1000 * 2 + 100 * 8) / 1e6),  # 0.0028
        (PRICE, usage(1000, 100, 400), False, (600 * 2 + 400 * 0.5 + 100 * 8) / 1e6),  # 0.0022
        (PRICE, usage(1000, 100), True, (1000 * 1 + 100 * 4) / 1e6),  # 0.0014
        (PRICE, usage(1000, 100, 400), True, (1000 * 1 + 100 * 4) / 1e6),  # 0.0014: a cache saves nothing there
        (UNCACHED, usage(1000, 100, 400), False, (1000 * 2 + 100 * 8) / 1e6),
        (UNCACHED, usage(1000, 100, 400), True, (1000 * 1 + 100 * 4) / 1e6),
        (PRICE, usage(0, 0), False, 0.0),
        (PRICE, usage(1_000_000, 1_000_000), False, 10.0),
    ],
)
def test_what_one_call_costs(price, tokens, batch, dollars):
    found = bill([record(usage=tokens, batch=batch)], price)
    assert price.cost(tokens, batch=batch) == pytest.approx(dollars, abs=1e-15)
    assert found.stages[0].cost == found.cost == pytest.approx(dollars, abs=1e-15)


RECORDS = [
    record("entail", usage=usage(300, 50, 100)),
    record("extract", usage=usage(100, 20)),
    record("extract", usage=usage(100, 30), retries=2),
    record("extract", 1, usage=usage(100, 40), batch=True),
    record("extract", source="stored", usage=usage(999, 999)),
    record("extract", usage=None),
    record("extract", outcome="refused", usage=usage(100, 5)),
    record("extract", text=None, outcome="filtered", source="stored"),
    CallRecord(
        call=JudgeCall(task="extract", sample="s", system="", user="", inputs={}),
        reply=JudgeReply.failure("down", retries=5),
    ),
]


def test_counts_by_stage_in_the_order_in_which_they_run():
    found = bill(RECORDS, PRICE)
    assert [stage.task for stage in found.stages] == ["extract", "entail"]
    listing, labelling = found.stages
    assert (listing.calls, listing.asked, listing.stored, listing.again) == (8, 5, 2, 1)
    assert (listing.retries, listing.refused, listing.failed, listing.uncounted) == (7, 2, 1, 1)
    # What the store answered was paid for earlier.
    assert (listing.input, listing.cached, listing.output) == (400, 0, 95)
    # 100, 100 and 100 in, 20, 30 and 5 out; half the price for 100 in, 40 out.
    dollars = (300 * 2 + 55 * 8 + (100 * 2 + 40 * 8) / 2) / 1e6
    assert listing.cost == pytest.approx(dollars)
    assert (labelling.input, labelling.cached, labelling.output) == (300, 100, 50)
    assert labelling.cost == pytest.approx((200 * 2 + 100 * 0.5 + 50 * 8) / 1e6)
    assert found.cost == pytest.approx(dollars + 850 / 1e6)
    assert (found.price_of, found.price_as_of, found.is_owed) == ("model-1", "2026-11-05", True)


def test_the_probe_is_paid_for_and_what_broke_off_stands_apart():
    found = bill(RECORDS[:1], PRICE, probed=[usage(10, 1), usage(20, 2)], unconfirmed=0.25)
    assert found.probe == pytest.approx((30 * 2 + 3 * 8) / 1e6)
    assert found.cost == pytest.approx(850 / 1e6 + 84 / 1e6)
    assert found.unconfirmed == 0.25


def test_without_a_price_there_are_tokens_and_no_dollars():
    found = bill(RECORDS, probed=[usage(10, 1)], unconfirmed=0.0)
    assert (found.cost, found.probe, found.unconfirmed, found.price_of, found.price_as_of) == (None,) * 5
    assert [stage.cost for stage in found.stages] == [None, None]
    assert [stage.input for stage in found.stages] == [400, 300]


def test_what_the_server_did_not_count_costs_nothing_known():
    found = bill([record(usage=None), record(usage=None)], PRICE)
    assert (found.stages[0].asked, found.stages[0].uncounted, found.cost) == (2, 2, 0.0)


def test_a_judge_that_computes_has_no_bill():
    assert not bill([record(source="computed")], PRICE).is_owed
    assert bill([record(source="stored")]).is_owed
    assert bill([CallRecord(call=RECORDS[0].call, reply=JudgeReply.failure("down"))]).is_owed
    assert not bill([]).is_owed
    assert bill([], PRICE).cost == 0


def sample(number, reference="A dog runs. It barks.", events=("a dog runs", "it barks")):
    return Sample(
        id=f"v_{number}", benchmark="dream", subset="", clip=Clip(source=()), prompt="?", targets=(reference,),
        cluster="v", metadata={"question": "What runs?", **({"events": list(events)} if events is not None else {})},
    )  # fmt: skip


def pair(number, output="A cat sits. It naps.", **more):
    return sample(number, **more), Prediction(id=f"v_{number}", prompt="?", output=output)


class Store:
    """Holds replies by task and sample, and keeps what it was looked up for."""

    def __init__(self, **replies):
        self.replies = replies
        self.seen: Counter[str] = Counter()

    def look_up(self, calls):
        self.seen.update(call.task for call in calls)
        found = [self.replies.get(f"{call.task}_{call.sample}_{call.attempt}") for call in calls]
        return [None if text is None else JudgeReply(text=text, source="stored") for text in found]


def planner(**replies):
    """Counts ten tokens in and three out for each call."""
    return Planner(look_up=Store(**replies).look_up, prepare=lambda: lambda *_: usage(10, 3))


def planned(task, calls, stored, n):
    return StagePlan(task=task, calls=calls, stored=stored, input=10 * n, output=3 * n)


@pytest.mark.parametrize("protocol", [
    upstream_protocol(native_wording()), judge_protocol("native"), judge_protocol("hardened"),
    judge_protocol("autodq-indexed"),
], ids=lambda protocol: protocol.name)  # fmt: skip
def test_both_stages_of_descriptions_are_planned_in_every_protocol(protocol):
    judge = planner()
    AutoDQ(judge=judge, protocol=protocol).score([pair(0, "A cat sits."), pair(1, "A bird flies.", events=None)])
    plan = judge.plan(PRICE)
    # Events of two predictions and one reference; then labels for both sides of two videos.
    assert plan.stages == (planned("extract", 3, 0, 3), planned("entail", 4, 0, 4))
    assert (plan.calls, plan.left) == (7, 7)
    assert plan.cost == pytest.approx(7 * (10 * 2 + 3 * 8) / 1e6)
    assert plan.price_as_of == "2026-11-05"
    assert judge.plan(PRICE, batch=True).cost == pytest.approx(7 * (10 * 2 + 3 * 8) / 2e6)
    assert judge.plan(None).cost is judge.plan(None).price_as_of is None


def test_equal_calls_are_paid_for_once():
    judge = planner()
    AutoDQ(judge=judge).score([pair(0), pair(1), pair(2, "A bird flies.")])
    # Two videos have the same description and the same reference. The third shares only the reference.
    plan = judge.plan(None)
    assert plan.stages == (planned("extract", 3, 1, 2), planned("entail", 6, 2, 4))
    assert (plan.calls, plan.left) == (9, 6)


def test_what_the_store_holds_is_not_left():
    labels = '{"events": [{"event": 1, "relationship": "neutral"}, {"event": 2, "relationship": "neutral"}]}'
    judge = planner(extract_v_0_0='{"events": ["x", "y"]}', entail_v_0_0=labels)
    AutoDQ(judge=judge).score([pair(0, "One."), pair(1, "Two.")])
    assert judge.plan(None).stages == (planned("extract", 2, 1, 1), planned("entail", 4, 2, 2))


def test_a_run_that_is_stored_in_full_leaves_nothing():
    judge = planner(open_qa_v_0_0='{"pred": "yes", "score": 5}')
    OpenQA(judge=judge).score([pair(0)])
    plan = judge.plan(PRICE)
    assert plan.stages == (planned("open_qa", 1, 1, 0),)
    assert (plan.calls, plan.left, plan.cost) == (1, 0, 0.0)
    # A reply that cannot be read was asked for again, and both are stored.
    judge = planner(open_qa_v_0_0="Yes!", open_qa_v_0_1='{"pred": "yes", "score": 5}')
    OpenQA(judge=judge).score([pair(0)])
    assert judge.plan(None).stages == (planned("open_qa", 2, 2, 0),)


def test_what_is_to_be_paid_for_is_left():
    """The first reply is stored and cannot be read, so that the second will be asked for."""
    judge = planner(open_qa_v_0_0="Yes!")
    OpenQA(judge=judge).score([pair(0)])
    plan = judge.plan(PRICE)
    assert plan.stages == (planned("open_qa", 2, 1, 1),)
    assert plan.left == 1
    assert plan.cost == pytest.approx((10 * 2 + 3 * 8) / 1e6)


def test_nothing_is_planned_for_what_needs_no_judge():
    judge = planner()
    AutoDQ(judge=judge).score([(sample(0), Prediction(id="v_0", prompt="?", output=None, error="no video"))])
    OpenQA(judge=judge).score([pair(0, " ... ")])
    plan = judge.plan(PRICE)
    assert (plan.stages, plan.calls, plan.left, plan.cost) == ((), 0, 0, 0.0)


def test_the_stages_of_several_rounds_add_up():
    judge = planner()
    for word in ("dog", "cat"):
        ask(judge, [judge_protocol("native").grade("s", "q", "a", word)])
    assert judge.plan(None).stages == (planned("open_qa", 2, 0, 2),)
    # A call that equals one of an earlier round, as a further scoring has it, is not paid for again.
    ask(judge, [judge_protocol("native").grade("t", "q", "a", "dog")])
    assert judge.plan(None).stages == (planned("open_qa", 3, 1, 2),)
    assert judge.name == "planner"
    assert judge.describe() == {}
