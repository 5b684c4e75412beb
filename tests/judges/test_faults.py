"""Every way in which a server can fail, over real HTTP: each call ends as a verdict or a recorded failure, in time."""

from __future__ import annotations

import pytest

from eval.errors import JudgeError
from eval.judges.protocol import native_protocol
from eval.judges.rounds import NoAnswer, ask
from eval.judges.served import ServedJudge
from tests.client import faults
from tests.client.faults import Reply, Request
from tests.client.server import JudgeServer

pytestmark = pytest.mark.slow

PRICES = "as_of: 2026-11-01\nmodels: {stand-in-2026-01-01: {input: 1, output: 2}}\n"
KEY = "sk-live-0123456789abcdef"


@pytest.fixture
def judge_of(tmp_path, monkeypatch):
    """Return a function that makes a judge of a server, with little patience."""
    (tmp_path / "prices.yaml").write_text(PRICES)
    monkeypatch.setenv("STAND_IN_KEY", KEY)

    def make(server, **settings):
        given = {"model": "stand-in", "tries": 2, "timeout_s": 1.0, "deadline_s": 5.0, "key_env": "STAND_IN_KEY"}
        return ServedJudge(
            name="local", provider="local", url=server.url, verdicts=tmp_path / "v.sqlite",
            prices=tmp_path / "prices.yaml", **{**given, **settings},
        )  # fmt: skip

    return make


def question(name):
    return native_protocol().grade(f"Set_{name}", "what is it?", "a dog", f"a cat called {name}")


def called(request):
    """Return the name in a question, or "" for the probe's."""
    return request.text.partition("a cat called ")[2].partition('"')[0]


GOOD = '{"pred": "no", "score": 1}'
LASTING = {
    "rate_limited": (faults.rate_limited("0.2"), "failed", "HTTP 429"),
    "rate_limited_for_long": (faults.rate_limited("3600"), "failed", "HTTP 429"),
    "server_error": (faults.status(500), "failed", "HTTP 500"),
    "bad_gateway": (faults.status(502, b"<html>Bad Gateway</html>"), "failed", "HTTP 502"),
    "unavailable": (faults.status(503), "failed", "HTTP 503"),
    "reset": (faults.reset(), "failed", "ReadError"),
    "reset_mid_body": (faults.reset_mid_body(), "failed", "ReadError"),
    "hang": (faults.hang(), "failed", "no whole reply within 1 s"),
    "slow_drip": (faults.slow_drip(), "failed", "no whole reply within 1 s"),
    "truncated_json": (faults.truncated_json(), "failed", "the reply is not JSON"),
    "truncated_body": (faults.truncated_body(), "failed", "RemoteProtocolError"),
    "not_json": (faults.not_json(), "failed", "the reply is not JSON"),
    "empty_body": (faults.empty_body(), "failed", "the reply is not JSON"),
    "empty_choices": (faults.empty_choices(), "failed", "the reply holds no message"),
    "huge_body": (faults.huge_body(), "failed", "longer than 8 MiB"),
    "gzip_bomb": (faults.gzip_bomb(64), "failed", "packed as 'gzip'"),
    "too_long": (faults.context_length_exceeded(), "failed", "HTTP 400 context_length_exceeded"),
    "unprocessable": (faults.status(422), "failed", "HTTP 422"),
    "null_content": (faults.null_content(), "unreadable", "cannot be read"),
    "cut_off": (faults.cut_off(), "unreadable", "cut off at the bound on tokens"),
    "refusal": (faults.refusal(), "refused", "the judge refused"),
    "content_filter": (faults.content_filter(), "filtered", "a content filter withheld the reply"),
    "content_filter_400": (faults.content_filter_400(), "filtered", "a content filter withheld the reply"),
}
"""Faults that one call meets at every request: what the call ends as, and words of its reason."""

REPLIES = {
    "fenced": f"```json\n{GOOD}\n```",
    "prefixed": f"Here is my verdict:\n\n{GOOD}",
    "python": "{'pred': 'no', 'score': 1}",
}
UNREADABLE = {
    "prose": "I think that it is wrong.",
    "unknown_label": '{"pred": "perhaps", "score": 1}',
    "out_of_range": '{"pred": "yes", "score": 7}',
    "two_verdicts": f"{GOOD}\n{GOOD}",
    "quoted": 'The candidate says: {"pred": "yes", "score": 5}',
    "empty": "",
}


def test_what_each_lasting_fault_ends_as(judge_of):
    good = [f"good{i}" for i in range(40)]
    # Good calls stand between the bad ones, or ten failures in a row would end the asking.
    names = [name for pair in zip(LASTING, good, strict=False) for name in pair]
    with JudgeServer(lambda _: GOOD, faults=lambda r: LASTING.get(called(r), (None,))[0]) as server:
        answers = ask(judge_of(server, max_concurrency=4), [question(name) for name in names])
    for name, answer in zip(names, answers, strict=True):
        if name not in LASTING:
            assert not isinstance(answer, NoAnswer), (name, answer)
            continue
        _, outcome, words = LASTING[name]
        assert isinstance(answer, NoAnswer), name
        assert (answer.outcome, words in answer.reason) == (outcome, True), (name, answer)


def test_a_fault_that_passes_costs_a_retry_and_nothing_else(judge_of):
    passing = {name: fault for name, (fault, outcome, _) in LASTING.items() if outcome == "failed"}
    for name in ("rate_limited_for_long", "too_long", "unprocessable"):
        del passing[name]
    met = set()

    def first_time(request: Request):
        name = called(request)
        if name not in passing or name in met:
            return None
        met.add(name)
        return passing[name]

    with JudgeServer(lambda _: GOOD, faults=first_time) as server:
        judge = judge_of(server)
        replies = judge.ask([question(name).attempt(0) for name in passing])
        assert [(reply.text, reply.retries) for reply in replies] == [(GOOD, 1)] * len(passing)
        # The second time the store has them all.
        n_requests = len(server.requests)
        again = judge.ask([question(name).attempt(0) for name in passing])
        assert [reply.source for reply in again] == ["stored"] * len(passing)
        assert len(server.requests) == n_requests


@pytest.mark.parametrize("text", REPLIES.values(), ids=REPLIES)
def test_wrapped_replies_are_read(judge_of, text):
    with JudgeServer(lambda _: text, ignores={"response_format"}) as server:
        [answer] = ask(judge_of(server), [question("x")])
    assert not isinstance(answer, NoAnswer)
    assert (answer.correct, answer.score) == (False, 1)


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_asked_three_times_and_is_no_verdict(judge_of, text):
    with JudgeServer(lambda _: text, ignores={"response_format"}) as server:
        [answer] = ask(judge_of(server), [question("x")])
        asked = [r for r in server.requests if called(r.request)]
    assert isinstance(answer, NoAnswer)
    assert answer.outcome == "unreadable"
    assert answer.reason.startswith("asked 3 times; ")
    assert [r.request.body["temperature"] for r in asked] == [0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.wrong_key(), "HTTP 401"),
        (faults.no_access(), "HTTP 403"),
        (faults.model_not_found(), "HTTP 404"),
        (faults.quota(), "HTTP 429 insufficient_quota"),
        (faults.redirect(), "HTTP 302"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_no_call_can_pass_ends_everything_at_once(judge_of, fault, words):
    def later(request):
        return fault if called(request) and request.index > 30 else None

    with JudgeServer(lambda _: GOOD, latency_s=0.01, faults=later) as server:
        replies = judge_of(server, max_concurrency=5).ask([question(str(i)).attempt(0) for i in range(200)])
        n_requests = len(server.requests)
    assert sum(reply.text == GOOD for reply in replies) == 30
    failed = [reply for reply in replies if reply.text is None]
    assert all(reply.outcome == "failed" and words in (reply.error or "") for reply in failed)
    assert n_requests < 45


@pytest.mark.parametrize("fault", [faults.wrong_key(), faults.model_not_found(), faults.quota(), faults.not_json()])
def test_a_judge_that_cannot_be_asked_is_found_out_before_any_work(judge_of, fault):
    with JudgeServer(lambda _: GOOD, faults=lambda _: fault) as server, pytest.raises(JudgeError):
        judge_of(server).check()


def test_ten_failures_in_a_row_end_the_asking(judge_of):
    with JudgeServer(lambda _: GOOD, faults=lambda r: faults.status(500) if called(r) else None) as server:
        replies = judge_of(server, max_concurrency=5).ask([question(str(i)).attempt(0) for i in range(100)])
        n_requests = len(server.requests)
    assert all(reply.outcome == "failed" for reply in replies)
    # Questions are asked in an order of each run's own.
    ended = [r for r in replies if "10 calls in a row had failed, the last one with: HTTP 500" in (r.error or "")]
    assert len(ended) >= 100 - 15
    assert n_requests <= 2 * 15 + 1


def test_a_model_that_changes_behind_its_name_ends_the_asking(judge_of):
    with JudgeServer(lambda _: GOOD, served=lambda index: "old" if index < 20 else "new") as server:
        judge = judge_of(server, max_concurrency=3)
        replies = judge.ask([question(str(i)).attempt(0) for i in range(60)])
        assert {reply.served for reply in replies if reply.text} == {"old"}
        changed = [reply.error for reply in replies if reply.error and "answered by 'new'" in reply.error]
        assert 0 < len(changed) <= 60
        assert judge.describe()["served"] == "old"
        # What the new one said was paid for, and counts where it is asked for by name.
        n_requests = len(server.requests)
        assert n_requests <= 25
        other = judge_of(server, served="new")
        renewed = other.ask([question(str(i)).attempt(0) for i in range(60)])
        assert {reply.served for reply in renewed} == {"new"}
        assert max(server.paid_by_body().values()) == 2


def test_equal_calls_are_paid_for_once(judge_of):
    with JudgeServer(lambda _: GOOD) as server:
        replies = judge_of(server).ask([question("same").attempt(0)] * 50)
        assert [reply.source for reply in replies] == ["asked"] + ["stored"] * 49
        assert len([r for r in server.requests if called(r.request)]) == 1


def test_the_cap_on_cost_holds_and_the_next_run_goes_on(judge_of):
    def reply(request):
        return Reply(text=GOOD, usage={"prompt_tokens": 400, "completion_tokens": 250})

    calls = [question(str(i)).attempt(0) for i in range(50)]
    with JudgeServer(reply, latency_s=0.01) as server:
        judge = judge_of(server, max_cost=0.02)
        replies = judge.ask(calls)
        # Every call costs (400 + 2 x 250) / 1,000,000 dollars; the probe has its own size.
        [probe] = judge.by.probed
        probed = (probe.input + 2 * probe.output) / 1_000_000
        assert judge.budget.spent == pytest.approx(0.0009 * (server.answered - 1) + probed)
        assert judge.budget.spent <= 0.02
        # The worst_case_cost end of a call is below 0.003 dollars, so the cap is used to within that.
        assert judge.budget.spent > 0.017
        left = [reply for reply in replies if reply.text is None]
        assert all("max_cost=0.02 leaves no room" in (reply.error or "") for reply in left)
        assert len(replies) - len(left) == server.answered - 1
        assert all(reply.text for reply in judge_of(server).ask(calls))
        assert set(server.paid_by_body().values()) == {1}
