import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncAzureOpenAI

from eval.client import batch, batch_api
from eval.client.asking import Asker, RetryPolicy
from eval.client.batch import ask_in_batches
from eval.client.budget import Budget
from eval.client.prices import Price
from eval.client.requests import Request
from eval.client.server import Server
from eval.client.settings import ServerSettings
from eval.client.store import ReplyStore
from eval.client.throttle import Throttle
from eval.core import Clip, Prediction, Sample
from eval.errors import RunError
from eval.judges.protocol import native_protocol
from eval.judges.served import JUDGE, ServedJudge
from eval.scorers.autodq import AutoDQ
from eval.scorers.open_qa import OpenQA
from tests.client.faults import Reply, error, response
from tests.client.server import BatchScript, JudgeServer
from tests.judges.sensible import sensible

ROOT = Path(__file__).resolve().parents[2]
SERVED = "stand-in-2026-01-01"
KEY = "sk-secret-1234567890"
PRICES = f"""
as_of: 2026-01-01
batch: 0.5
models:
  {SERVED}: {{input: 1000.0, output: 1000.0}}
aliases:
  stand-in: {SERVED}
"""
PRICE = Price(model=SERVED, as_of="2026-01-01", input=1000.0, output=1000.0, cached=1000.0, batch=0.5)


def echo(request):
    return request.text


def request_of(text, max_tokens=10):
    body = {"model": "stand-in", "messages": [{"role": "user", "content": text}], "max_tokens": max_tokens}
    return Request(key=text.ljust(64, "0"), body=body, max_tokens=max_tokens)


def requests_of(n):
    return [request_of(f"call{i}-") for i in range(n)]


class Harness:
    """Asks in batches without a judge around it, and holds what came of it."""

    def __init__(self, path, monkeypatch):
        monkeypatch.setenv("BATCH_KEY", KEY)
        self.store = ReplyStore(path / "verdicts.sqlite")
        self.said = []
        self.bundles = []

    def ask(self, server, requests, *, budget=None, deadline_s=60.0, patience_s=30.0, keep=None, stopped=None):
        """Return the outcome of each request by its text, and the asker."""
        patience = RetryPolicy(deadline_s=patience_s, first_wait_s=0.01)
        asker = Asker(throttle=Throttle(), budget=budget or Budget(), patience=patience, stopped=stopped)
        self.bundles = []
        settings = ServerSettings(
            role=JUDGE,
            provider="openai",
            model="stand-in",
            url=server.url,
            key_env="BATCH_KEY",
            api_version=None,
            timeout_s=10.0,
        )

        async def main():
            async with Server(settings).wire(4) as wire:
                await ask_in_batches(
                    wire.client,
                    requests,
                    self.store,
                    "judge",
                    asker,
                    keep or self.bundles.append,
                    say=self.said.append,
                    poll_s=0.01,
                    deadline_s=deadline_s,
                )

        asyncio.run(main())
        ended = [pair for bundle in self.bundles for pair in bundle]
        assert Counter(request.key for request, _ in ended) == Counter(request.key for request in requests) or keep
        assert all(outcome.batch and outcome.retries == 0 for _, outcome in ended)
        return {request.key.rstrip("0"): outcome for request, outcome in ended}, asker

    @property
    def open(self):
        return {name: [key.rstrip("0") for key in keys] for name, keys in self.store.open_batches("judge").items()}


@pytest.fixture
def harness(tmp_path, monkeypatch):
    made = Harness(tmp_path, monkeypatch)
    yield made
    made.store.close()


def meddle(server, change):
    """Have `change(method, route, whole response or None)` replace responses about files and batches."""
    handle = server._batches.handle

    def meddled(method, route, headers, body):
        instead = change(method, route)
        if isinstance(instead, bytes):
            return instead
        whole = handle(method, route, headers, body)
        return instead(whole) if instead is not None else whole

    server._batches.handle = meddled


def content(lines):
    """Return what replaces the lines of a file."""

    def replaced(whole):
        found = whole.partition(b"\r\n\r\n")[2].splitlines()
        return response(200, b"\n".join(lines([json.loads(line) for line in found])), {"Content-Type": "text/plain"})

    return lambda method, route: replaced if route.endswith("/content") else None


def encoded(lines):
    return [json.dumps(line).encode() for line in lines]


def batches_of(server):
    return server._batches._batches


def kinds(outcomes):
    return {name: outcome.kind for name, outcome in outcomes.items()}


def test_every_request_is_answered_once_and_at_the_price_of_batches(harness):
    budget = Budget(most=1000.0, price=PRICE)
    with JudgeServer(echo, batches=BatchScript(polls=3)) as server:
        outcomes, asker = harness.ask(server, requests_of(5), budget=budget)
        assert {name: outcome.text for name, outcome in outcomes.items()} == {
            f"call{i}-": f"call{i}-" for i in range(5)
        }
        assert {outcome.served for outcome in outcomes.values()} == {SERVED}
        assert (server.answered, len(batches_of(server))) == (5, 1)
    assert harness.open == {}
    assert asker.stopped is None
    # Two tokens in and two out a call, at 0.1 cents a token, halved.
    assert budget.spent == pytest.approx(5 * 4 * 0.001 * 0.5)
    assert budget.reserved == pytest.approx(0.0)
    assert budget.unconfirmed == 0.0
    assert [text.partition(" batch ")[0] for text in harness.said][:1] == ["5 calls were handed over as"]
    assert harness.said[1:] == [f"Batch batch_0: {status}." for status in ("in_progress", "completed")]


def test_nothing_is_contacted_for_nothing_or_once_stopped(harness):
    with JudgeServer(echo) as server:
        assert harness.ask(server, [])[0] == {}
        outcomes, _ = harness.ask(server, requests_of(2), stopped="not asked, since I say so")
        assert [outcome.detail for outcome in outcomes.values()] == ["not asked, since I say so"] * 2
        assert server._batches._files == {}


def test_chunks_by_number_and_by_size(harness, monkeypatch):
    monkeypatch.setattr(batch_api, "MOST_REQUESTS", 3)
    with JudgeServer(echo) as server:
        outcomes, _ = harness.ask(server, requests_of(7))
        assert set(kinds(outcomes).values()) == {"replied"}
        assert sorted(about["request_counts"]["total"] for about in batches_of(server).values()) == [1, 3, 3]
    size = len(batch_api.line_of(request_of("call0-"), "/chat"))
    for most, sizes in ((2 * size, [2, 2, 1]), (10, [1] * 5)):
        monkeypatch.setattr(batch_api, "MOST_BYTES", most)
        assert [len(chunk) for chunk in batch_api.chunks_of(requests_of(5), "/chat")] == sizes


@pytest.mark.slow
def test_replies_of_more_bytes_than_one_call_may_have(harness):
    text = "word " * 90_000  # 20 of them are 9 MB, and one call may have 8 MiB
    with JudgeServer(lambda _: text) as server:
        outcomes, _ = harness.ask(server, requests_of(20))
        assert {len(outcome.text or "") for outcome in outcomes.values()} == {450_000}
    assert harness.open == {}


def test_refusals_filters_and_errors_in_lines(harness):
    statuses = {"call3-": 500, "call4-": 429, "call5-": 400, "call6-": 404}

    def reply(request):
        name = request.text
        if name == "call1-":
            return Reply(text=None, refusal="I will not.")
        if name == "call2-":
            return Reply(text=None, finish_reason="content_filter")
        return echo(request)

    script = BatchScript(line_status=lambda request: statuses.get(request.text, 200))
    with JudgeServer(reply, batches=script) as server:
        outcomes, asker = harness.ask(server, requests_of(7))
    assert kinds(outcomes) == {
        "call0-": "replied", "call1-": "refused", "call2-": "filtered", "call3-": "overloaded",
        "call4-": "rate_limited", "call5-": "rejected", "call6-": "fatal",
    }  # fmt: skip
    assert outcomes["call1-"].text == "I will not."
    assert outcomes["call3-"].detail == "HTTP 500: The line failed."
    assert asker.stopped is None
    assert harness.open == {}


MALFORMED = [
    ({"status_code": 200, "body": "no object"}, "overloaded"),
    ({"status_code": 200, "body": {}}, "overloaded"),
    ({"status_code": 200}, "overloaded"),
    ({"status_code": "200", "body": {"choices": [{"message": {"content": "x"}}]}}, "replied"),
    ({"status_code": 401, "body": error(f"Incorrect key {KEY}.")}, "fatal"),
    ({"status_code": 200, "body": error("quota", code="insufficient_quota")}, "fatal"),
    ({"status_code": 400, "body": error("filtered", code="content_filter")}, "filtered"),
    ([], "overloaded"),
    (None, "overloaded"),
]


def test_lines_of_other_shapes(harness):
    def lines(found):
        good, *others = sorted(found, key=lambda line: line["custom_id"])
        shapes = zip(others, MALFORMED, strict=True)
        return encoded([good, *({**line, "response": response} for line, (response, _) in shapes)])

    with JudgeServer(echo) as server:
        meddle(server, content(lines))
        outcomes, asker = harness.ask(server, requests_of(1 + len(MALFORMED)))
    assert kinds(outcomes) == {"call0-": "replied", **{f"call{i}-": kind for i, (_, kind) in enumerate(MALFORMED, 1)}}
    assert KEY not in "".join(outcome.detail for outcome in outcomes.values())
    assert asker.stopped is None


def test_lines_that_were_not_asked_for_that_come_twice_or_not_at_all(harness):
    def lines(found):
        call3, call2, call1, call0 = found
        stranger = {**call3, "custom_id": "nobody's"}
        twice = {**call0, "response": {"status_code": 500, "body": error("second")}}
        return [*encoded([stranger, {**call2, "custom_id": 7}, call1, call0, twice]), b"[1]", b"", b"\xff\xfe"]

    budget = Budget(most=1000.0, price=PRICE)
    with JudgeServer(echo) as server:
        meddle(server, content(lines))
        outcomes, _ = harness.ask(server, requests_of(4), budget=budget)
        assert kinds(outcomes) == {
            "call0-": "replied", "call1-": "replied", "call2-": "overloaded", "call3-": "overloaded",
        }  # fmt: skip
        assert outcomes["call3-"].detail == "the batch has no reply to it; the same command asks it again"
        assert harness.open == {}
    # What the server did not deliver may still be on its bill.
    worst_case_cost = budget.worst_case_cost(6, 10, batch=True)
    assert budget.unconfirmed == pytest.approx(2 * worst_case_cost)
    assert budget.spent == pytest.approx(2 * worst_case_cost + 2 * 4 * 0.001 * 0.5)


def test_a_file_that_was_cut_short_is_fetched_again(harness):
    fetched = []

    def change(method, route):
        if not route.endswith("/content"):
            return None
        fetched.append(route)
        return (lambda whole: response(200, whole.partition(b"\r\n\r\n")[2][:-40])) if len(fetched) < 3 else None

    with JudgeServer(echo) as server:
        meddle(server, change)
        outcomes, _ = harness.ask(server, requests_of(3))
    assert set(kinds(outcomes).values()) == {"replied"}
    assert len(fetched) == 3


def test_a_file_that_stays_cut_short(harness):
    with JudgeServer(echo) as server:
        meddle(server, content(lambda lines: [b"\n".join(encoded(lines))[:-40]]))
        outcomes, _ = harness.ask(server, requests_of(3))
    assert kinds(outcomes) == {"call2-": "replied", "call1-": "replied", "call0-": "overloaded"}
    assert harness.open == {}


def test_a_connection_that_breaks_in_mid_file(harness):
    broken: list[str] = []

    def change(method, route):
        if not route.endswith("/content") or broken:
            return None
        broken.append(route)
        return lambda whole: whole.replace(b"Content-Length: ", b"Connection: close\r\nContent-Length: 9", 1)

    with JudgeServer(echo) as server:
        server_closes(server, broken)
        meddle(server, change)
        outcomes, _ = harness.ask(server, requests_of(3))
    assert set(kinds(outcomes).values()) == {"replied"}
    assert broken


def server_closes(server, broken):
    """Close the connection once after a response that announced more than it holds."""
    exchange = server._exchange

    async def closing(reader, writer):
        n_before = len(broken)
        keep = await exchange(reader, writer)
        return keep and len(broken) == n_before

    server._exchange = closing


def test_expired_half_done_leaves_the_rest_to_the_next_run(harness):
    with JudgeServer(echo, batches=BatchScript(outcomes=["expired"])) as server:
        outcomes, asker = harness.ask(server, requests_of(4))
        failed = [name for name, outcome in outcomes.items() if outcome.kind != "replied"]
        assert failed == ["call2-", "call3-"]
        assert {outcomes[name].detail for name in failed} == {"the batch expired; the same command asks the rest again"}
        assert (asker.stopped, harness.open, len(batches_of(server))) == (None, {}, 1)
        outcomes, _ = harness.ask(server, [request_of(name) for name in failed])
        assert kinds(outcomes) == dict.fromkeys(failed, "replied")
        assert (server.answered, server.stats()["paid_twice"], len(batches_of(server))) == (4, 0, 2)


def test_cancelled(harness):
    def change(method, route):
        if method == "GET" and route == "/batches/batch_0":
            batches_of(server)["batch_0"]["status"] = "cancelling"

    with JudgeServer(echo) as server:
        meddle(server, change)
        outcomes, _ = harness.ask(server, requests_of(2))
    assert {outcome.detail for outcome in outcomes.values()} == {
        "the batch was cancelled; the same command asks the rest again"
    }


def test_failed_validation(harness):
    budget = Budget(most=1000.0, price=PRICE)
    with JudgeServer(echo, batches=BatchScript(outcomes=["failed"])) as server:
        outcomes, asker = harness.ask(server, requests_of(2), budget=budget)
        assert {outcome.detail for outcome in outcomes.values()} == {
            "the server refused the batch: invalid_json_line: This line is not a valid request. (line 1)"
        }
        assert (asker.stopped, harness.open, budget.spent, server.answered) == (None, {}, 0.0, 0)
        outcomes, _ = harness.ask(server, requests_of(2))
        assert set(kinds(outcomes).values()) == {"replied"}


def test_max_cost_lets_the_first_ones_through(harness):
    requests = requests_of(4)
    worst_case_cost = Budget(price=PRICE).worst_case_cost(6, 10, batch=True)
    assert worst_case_cost == pytest.approx((6 + 32 + 10) * 0.001 * 0.5)
    budget = Budget(most=2.5 * worst_case_cost, price=PRICE)
    with JudgeServer(echo) as server:
        outcomes, asker = harness.ask(server, requests, budget=budget)
        assert server.answered == 2
    reason = f"not asked, since max_cost={2.5 * worst_case_cost:g} leaves no room for another call"
    assert {name: outcome.detail for name, outcome in outcomes.items()} == {
        "call0-": "", "call1-": "", "call2-": reason, "call3-": reason,
    }  # fmt: skip
    assert asker.stopped is None  # what the batch left of the money may do for a later stage
    assert f"max_cost={2.5 * worst_case_cost:g} has room for 2 of 4 calls." in harness.said


def test_no_money_at_all(harness):
    with JudgeServer(echo) as server:
        outcomes, _ = harness.ask(server, requests_of(2), budget=Budget(most=0.0, price=PRICE))
        assert set(kinds(outcomes).values()) == {"fatal"}
        assert (server._batches._files, batches_of(server)) == ({}, {})


def faulty(wanted, *instead):
    """Answer the first requests to (method, route's start) otherwise."""
    left = list(instead)

    def change(method, route):
        return left.pop(0) if (method, route[: len(wanted[1])]) == wanted and left else None

    return change


PASSING = [response(500, error("oh")), response(429, error("slow"), {"Retry-After": "0.01"}), response(200, b"<html>")]


@pytest.mark.parametrize(
    "wanted", [("POST", "/files"), ("POST", "/batches"), ("GET", "/batches/"), ("GET", "/files/file-1/content")]
)
def test_faults_that_pass(harness, wanted):
    # HTML with status 200 is no fault of a file; it holds no line.
    instead = PASSING[:2] if wanted[1].endswith("content") else PASSING
    with JudgeServer(echo) as server:
        meddle(server, faulty(wanted, *instead))
        outcomes, _ = harness.ask(server, requests_of(3))
        assert set(kinds(outcomes).values()) == {"replied"}
        assert (server.answered, len(batches_of(server))) == (3, 1)
    assert harness.open == {}


@pytest.mark.parametrize("answer", [response(502, error("bad gateway")), response(200, b"{}"), response(200, b"")])
def test_a_lost_answer_to_create_makes_no_second_batch(harness, answer):
    lost: list[str] = []

    def change(method, route):
        if (method, route) != ("POST", "/batches") or lost:
            return None
        lost.append(route)
        return lambda _: answer

    with JudgeServer(echo) as server:
        meddle(server, change)
        outcomes, _ = harness.ask(server, requests_of(3))
        assert set(kinds(outcomes).values()) == {"replied"}
        assert (len(lost), server.answered, len(batches_of(server))) == (1, 3, 1)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, error(f"Incorrect API key provided: {KEY}.", code="invalid_api_key")),
        (429, error("You exceeded your quota.", kind="insufficient_quota", code="insufficient_quota")),
    ],
)
@pytest.mark.parametrize("wanted", [("POST", "/files"), ("POST", "/batches"), ("GET", "/batches/")])
def test_faults_that_end_everything(harness, monkeypatch, wanted, status, said):
    monkeypatch.setattr(batch_api, "MOST_REQUESTS", 2)
    budget = Budget(most=1000.0, price=PRICE)
    with JudgeServer(echo) as server:
        meddle(server, faulty(wanted, *[response(status, said)] * 50))
        outcomes, asker = harness.ask(server, requests_of(4), budget=budget)
        assert set(kinds(outcomes).values()) == {"fatal"}
        assert asker.stopped is not None
        assert asker.stopped.startswith(f"not asked, since the server said: HTTP {status}")
        assert all(f"HTTP {status}" in outcome.detail for outcome in outcomes.values())
        assert KEY not in asker.stopped + "".join(outcome.detail for outcome in outcomes.values())
        assert budget.reserved == pytest.approx(0.0)
        is_open = wanted == ("GET", "/batches/")
        assert sorted(name for names in harness.open.values() for name in names) == (
            ["call0-", "call1-", "call2-", "call3-"] if is_open else ["call0-", "call1-"][: 2 * (wanted[1] != "/files")]
        )
        # The next run, which the server lets in.
        del server._batches.__dict__["handle"]
        outcomes, _ = harness.ask(server, requests_of(4))
        assert set(kinds(outcomes).values()) == {"replied"}
        assert (server.answered, server.stats()["paid_twice"]) == (4, 0)
    assert harness.open == {}


def test_polling_is_given_up_in_bounded_time(harness):
    with JudgeServer(echo) as server:
        meddle(server, lambda method, route: response(503, error("down")) if "/batches/" in route else None)
        outcomes, asker = harness.ask(server, requests_of(2), patience_s=0.2)
        assert set(kinds(outcomes).values()) == {"overloaded"}
        assert asker.stopped is None
        assert outcomes["call0-"].detail == (
            "HTTP 503: down; it is in batch batch_0, where the same command looks again; judge.batch=false asks "
            "without it"
        )
    assert harness.open == {"batch_0": ["call0-", "call1-"]}


def test_a_server_that_is_gone(harness):
    with JudgeServer(echo) as server:
        pass
    outcomes, asker = harness.ask(server, requests_of(2), patience_s=0.2)
    [said] = {outcome.detail for outcome in outcomes.values()}
    assert said.startswith("ConnectError: ")
    assert said.endswith("; it could not be handed over in a batch; the same command asks it again")
    assert (asker.stopped, harness.open) == (None, {})


def test_the_deadline_leaves_the_batch_to_the_next_run(harness):
    budget = Budget(most=1000.0, price=PRICE)
    with JudgeServer(echo, batches=BatchScript(polls=10**9)) as server:
        outcomes, asker = harness.ask(server, requests_of(2), deadline_s=0.2, budget=budget)
        assert set(kinds(outcomes).values()) == {"timed_out"}
        assert outcomes["call1-"].detail.startswith("the batch was not done in time; it is in batch batch_0,")
        assert asker.stopped is None
        assert budget.spent == budget.unconfirmed == pytest.approx(2 * budget.worst_case_cost(6, 10, batch=True))
        assert harness.open == {"batch_0": ["call0-", "call1-"]}
        server._batches._script = BatchScript(polls=1)
        outcomes, _ = harness.ask(server, [*requests_of(2), request_of("new")], budget=Budget(most=0.0, price=PRICE))
        # What an earlier run handed over is read whatever the money is now; a new call is not sent.
        assert kinds(outcomes) == {"new": "fatal", "call1-": "replied", "call0-": "replied"}
        assert (server.answered, len(batches_of(server))) == (2, 1)
    assert harness.open == {}


def test_what_a_smaller_run_does_not_want_is_left_for_a_larger_one(harness):
    with JudgeServer(echo, batches=BatchScript(polls=10**9)) as server:
        harness.ask(server, requests_of(4), deadline_s=0.1)
        server._batches._script = BatchScript(polls=1)
        outcomes, _ = harness.ask(server, requests_of(1))
        assert kinds(outcomes) == {"call0-": "replied"}
        assert harness.open == {"batch_0": ["call1-", "call2-", "call3-"]}
        outcomes, _ = harness.ask(server, requests_of(6)[1:])
        assert set(kinds(outcomes).values()) == {"replied"}
        assert (server.answered, server.stats()["paid_twice"]) == (6, 0)
        assert [about["request_counts"]["total"] for about in batches_of(server).values()] == [4, 2]
    assert harness.open == {}


def test_batches_of_another_judge_are_not_touched(harness):
    harness.store.keep_batch("batch_9", "other", [request.key for request in requests_of(2)], "open")
    with JudgeServer(echo) as server:
        outcomes, _ = harness.ask(server, requests_of(2))
    assert set(kinds(outcomes).values()) == {"replied"}
    assert list(harness.store.open_batches("other")) == ["batch_9"]


def test_replies_that_are_no_longer_there(harness):
    with JudgeServer(echo) as server:
        meddle(server, lambda _, route: response(404, error("no such file")) if "content" in route else None)
        outcomes, asker = harness.ask(server, requests_of(2), patience_s=0.2)
    assert {outcome.detail for outcome in outcomes.values()} == {
        "the batch's replies are no longer there; the same command asks it again"
    }
    assert (asker.stopped, harness.open) == (None, {})


def test_what_keep_raises_is_raised_and_the_batch_stays_open(harness):
    def keep(_):
        raise RunError("no room on the disk")

    with JudgeServer(echo) as server:
        with pytest.raises(RunError, match="no room"):
            harness.ask(server, requests_of(2), keep=keep)
        assert harness.open == {"batch_0": ["call0-", "call1-"]}
        outcomes, _ = harness.ask(server, requests_of(2))
        assert set(kinds(outcomes).values()) == {"replied"}
        assert server.answered == 2


def test_an_interrupted_run_leaves_its_batch_open(harness, monkeypatch):
    ask = ask_in_batches

    async def interrupted(*arguments, **settings):
        asking = asyncio.create_task(ask(*arguments, **settings))
        while "Batch batch_0: in_progress." not in harness.said:
            await asyncio.sleep(0.01)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    with JudgeServer(echo, batches=BatchScript(polls=10**9)) as server:
        monkeypatch.setattr(sys.modules[__name__], "ask_in_batches", interrupted)
        harness.ask(server, requests_of(2), keep=harness.bundles.append)
        monkeypatch.undo()
        monkeypatch.setenv("BATCH_KEY", KEY)
        assert harness.bundles == []
        assert harness.open == {"batch_0": ["call0-", "call1-"]}
        server._batches._script = BatchScript(polls=1)
        outcomes, _ = harness.ask(server, requests_of(2))
        assert set(kinds(outcomes).values()) == {"replied"}
        assert server.answered == 2


def test_an_intent_is_looked_for_in_all_pages(harness):
    pages = []

    def change(method, route):
        if (method, route) != ("GET", "/batches"):
            return None
        pages.append(route)
        others = {"data": [{"id": f"batch_x{len(pages)}"}, None, {"id": "y", "metadata": None}], "has_more": True}
        return response(200, others) if len(pages) < 3 else None

    requests = requests_of(2)
    with JudgeServer(echo, batches=BatchScript(polls=10**9)) as server:
        harness.ask(server, requests, deadline_s=0.1)
        server._batches._script = BatchScript(polls=1)
        # As a run leaves it that is killed before it learns the batch's id.
        mark = batches_of(server)["batch_0"]["metadata"]["tarsier-eval"]
        harness.store.name_batch("batch_0", mark)
        meddle(server, change)
        outcomes, _ = harness.ask(server, requests)
        assert set(kinds(outcomes).values()) == {"replied"}
        assert (len(pages), len(batches_of(server))) == (3, 1)
    assert harness.open == {}


def test_an_intent_that_cannot_be_looked_for_is_not_asked_twice(harness):
    requests = requests_of(3)
    harness.store.keep_batch("intent-1", "judge", [request.key for request in requests[:2]], "open")
    with JudgeServer(echo) as server:
        meddle(server, lambda m, route: response(500, error("x")) if (m, route) == ("GET", "/batches") else None)
        outcomes, _ = harness.ask(server, requests, patience_s=0.1)
        assert kinds(outcomes) == {"call0-": "overloaded", "call1-": "overloaded", "call2-": "replied"}
        assert server.answered == 1
    assert harness.open == {"intent-1": ["call0-", "call1-"]}


def test_azures_paths(harness):
    ended: list[Any] = []

    async def main(url):
        async with AsyncAzureOpenAI(base_url=url, api_key="azure", api_version="1", max_retries=0) as client:
            asker = Asker(throttle=Throttle())
            await ask_in_batches(client, requests_of(2), harness.store, "judge", asker, ended.extend, poll_s=0.01)

    def change(method, route):  # Azure reads a file through first
        if (method, route) != ("POST", "/files"):
            return None
        return lambda whole: response(200, whole.partition(b"\r\n\r\n")[2].replace(b'"processed"', b'"pending"'))

    with JudgeServer(echo, key="azure") as server:
        meddle(server, change)
        asyncio.run(main(f"{server.root}/openai/v1"))
        assert [about["endpoint"] for about in batches_of(server).values()] == ["/chat/completions"]
    assert [outcome.text for _, outcome in ended] == ["call1-", "call0-"]


# With a judge around it.


@pytest.fixture
def judge_of(tmp_path, monkeypatch):
    monkeypatch.setenv("BATCH_KEY", KEY)
    monkeypatch.setattr(batch, "ask_in_batches", partial(ask_in_batches, poll_s=0.01))
    (tmp_path / "prices.yaml").write_text(PRICES)

    def made(server, *, name="verdicts", batch=True, **settings):
        return ServedJudge(
            name="judge",
            provider="openai",
            model="stand-in",
            url=server.url,
            key_env="BATCH_KEY",
            batch=batch,
            verdicts=tmp_path / f"{name}.sqlite",
            prices=tmp_path / "prices.yaml",
            **settings,
        )

    return made


def qa_pair(i):
    sample = Sample(
        id=f"qa{i}", benchmark="qa", subset="", clip=Clip(source=()), prompt="?", targets=("a cat",),
        cluster=f"v{i}", metadata={"question": f"what is seen in {i}?"},
    )  # fmt: skip
    return sample, Prediction(id=sample.id, prompt="?", output="A cat." if i % 3 else f"a dog {i}")


def dream_pair(i):
    sample = Sample(
        id=f"d{i}", benchmark="dream", subset="youtube" if i % 2 else "stock", clip=Clip(source=()), prompt="?",
        targets=(f"A man walks {i} dogs. A dog barks at him.",), cluster=f"v{i}",
        metadata={"events": [f"A man walks {i} dogs", "A dog barks"]},
    )  # fmt: skip
    output = f"A man walks {i} dogs. He sings." if i % 3 else f"A woman cooks dinner {i} times."
    return sample, Prediction(id=sample.id, prompt="?", output=output)


@pytest.mark.parametrize(
    ("scorer", "pair", "rounds"), [(OpenQA, qa_pair, [9 - 1]), (AutoDQ, dream_pair, [9 - 1, 2 * 9])]
)
def test_rounds_and_numbers_are_those_of_live_calls(judge_of, scorer, pair, rounds):
    pairs = [pair(i) for i in range(9)]
    metrics = {}
    for mode in ("live", "batch"):
        with JudgeServer(sensible, batches=BatchScript(polls=2)) as server:
            judge = judge_of(server, name=mode, batch=mode == "batch")
            progress: list[tuple[int, int]] = []
            judge.by.on_progress = lambda done, total, progress=progress: progress.append((done, total))
            scoring = scorer(judge=judge, protocol=native_protocol())
            scores = scoring.score(pairs)
            assert {score.status for score in scores} == {"scored"}
            metrics[mode] = scores, scoring.aggregate(scores)
            sizes = [about["request_counts"]["total"] for about in batches_of(server).values()]
            # One call goes ahead to settle which model is served.
            assert sizes == (rounds if mode == "batch" else [])
            assert server.stats()["paid_twice"] == 0
            assert progress[-1][0] == progress[-1][1]
            before = server.answered
            scorer(judge=judge_of(server, name=mode, batch=mode == "batch")).score(pairs)
            assert server.answered == before
    assert metrics["batch"] == metrics["live"]
    assert any(0.0 < (metric.value or 0.0) < 1.0 for metric in metrics["batch"][1])


def test_verdicts_say_that_they_are_of_a_batch_and_cost_half(judge_of):
    pairs = [qa_pair(i) for i in range(4)]
    question = native_protocol().grade("", "what?", "a cat", "a cat").call
    spent = {}
    for mode in ("live", "batch"):
        with JudgeServer(sensible) as server:
            judge = judge_of(server, name=mode, batch=mode == "batch", served=SERVED)
            judge.check()
            before = judge.budget.spent
            OpenQA(judge=judge, protocol=native_protocol()).score(pairs)
            spent[mode] = judge.budget.spent - before
            [reply] = judge.ask([question])
            assert (reply.batch, reply.source, reply.outcome) == (mode == "batch", "asked", "replied")
            [reply] = judge.ask([question])
            assert (reply.batch, reply.source) == (mode == "batch", "stored")
    assert spent["batch"] == pytest.approx(spent["live"] / 2)


def test_a_reply_that_cannot_be_read_is_asked_again_live(judge_of):
    def reply(request):
        return "oh" if request.custom_id is not None and "in 2?" in request.text else sensible(request)

    with JudgeServer(reply) as server:
        judge = judge_of(server, served=SERVED)
        scores = OpenQA(judge=judge, protocol=native_protocol()).score([qa_pair(i) for i in range(4)])
        assert {score.status for score in scores} == {"scored"}
        live = [exchange for exchange in server.requests if exchange.request.custom_id is None]
        assert ["in 2?" in exchange.request.text for exchange in live[-1:]] == [True]
        assert (len(batches_of(server)), len(live)) == (1, 2)  # the probe, and the second attempt


def test_another_model_in_a_batch_is_kept_apart(judge_of):
    served = lambda index: "other-2026" if index == 3 else SERVED  # noqa: E731
    with JudgeServer(sensible, served=served) as server:
        judge = judge_of(server, served=SERVED)
        scores = OpenQA(judge=judge, protocol=native_protocol()).score([qa_pair(i) for i in range(4)])
        failed = [score for score in scores if score.status == "judge_failed"]
        assert len(failed) == 1
        assert "answered by 'other-2026'" in (failed[0].reason or "")
        assert server.answered == 5


def test_max_cost_of_a_judge(judge_of):
    with JudgeServer(sensible) as server:
        judge = judge_of(server, served=SERVED, max_cost=3.0)
        scores = OpenQA(judge=judge, protocol=native_protocol()).score([qa_pair(i) for i in range(9)])
        scored = [score for score in scores if score.status == "scored"]
        assert 0 < len(scored) < 9
        assert scored == scores[: len(scored)]
        reason = "the judge was not asked, since max_cost=3 leaves no room for another call"
        assert {score.reason for score in scores[len(scored) :]} == {reason}
        assert judge.budget.spent < 3.0


PAIRS = [qa_pair(i) for i in range(6)]
KILLED = """
import os, signal, sys
from functools import partial
from pathlib import Path
from eval.client import batch, batch_api
from eval.judges.served import JUDGE, ServedJudge
from eval.client.store import ReplyStore
from eval.scorers.open_qa import OpenQA
from tests.client.test_batch import PAIRS, SERVED

url, folder, where = sys.argv[1:]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def then_die(function):
    def both(*args, **kwargs):
        function(*args, **kwargs)
        die()
    return both

batch.ask_in_batches = partial(batch.ask_in_batches, poll_s=0.01)
batch._BUNDLE = 2
if where == "uploaded":
    ReplyStore.keep_batch = die
elif where == "intent is stored":
    ReplyStore.keep_batch = then_die(ReplyStore.keep_batch)
elif where == "created":
    ReplyStore.name_batch = die
elif where == "id is stored":
    ReplyStore.name_batch = then_die(ReplyStore.name_batch)
elif where == "half is read":
    put = ReplyStore.put
    ReplyStore.put = lambda self, some: then_die(put)(self, some) if len(some) == 2 else put(self, some)
elif where == "all is read":
    keep_batch = ReplyStore.keep_batch
    ReplyStore.keep_batch = lambda *args: die() if args[-1] == "read" else keep_batch(*args)
judge = ServedJudge(
    name="judge", provider="openai", model="stand-in", url=url, key_env="BATCH_KEY", batch=True, served=SERVED,
    verdicts=Path(folder) / "verdicts.sqlite", prices=Path(folder) / "prices.yaml",
)
OpenQA(judge=judge).score(PAIRS)
"""

KILLS = {
    "uploaded": 0, "intent is stored": 0, "created": 0, "id is stored": 0, "half is read": 6, "all is read": 6,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("where", [*KILLS, "while it waits"])
def test_a_killed_run_is_taken_up_and_nothing_is_paid_for_twice(judge_of, tmp_path, where):
    script = BatchScript(polls=10**9 if where == "while it waits" else 1)
    with JudgeServer(sensible, batches=script) as server:
        command = [sys.executable, "-c", KILLED, server.url, str(tmp_path), where]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            if where == "while it waits":
                wait_for(lambda: any(about["_looks"] > 2 for about in list(batches_of(server).values())), process)
                process.kill()
            _, said = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL, said
        n_before = len(batches_of(server))
        assert n_before == (0 if where in ("uploaded", "intent is stored") else 1)
        assert server.answered == 1 + KILLS.get(where, 0)  # the probe's among them
        server._batches._script = BatchScript(polls=1)
        judge = judge_of(server, served=SERVED)
        scores = OpenQA(judge=judge).score(PAIRS)
        assert {score.status for score in scores} == {"scored"}
        assert len(batches_of(server)) == 1
        assert server.stats()["paid_twice"] == 0
        assert server.answered == 1 + 6
        looked: list[str] = []
        meddle(server, lambda method, route: looked.append(route))
        assert OpenQA(judge=judge_of(server, served=SERVED)).score(PAIRS) == scores
        assert looked == []


def wait_for(ready, process, seconds=60.0):
    import time

    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
