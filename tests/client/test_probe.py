"""What a server takes is found out over real HTTP, whatever it refuses and however it says so."""

import asyncio
from itertools import combinations

import pytest

from eval.client.asking import Asker, RetryPolicy
from eval.client.outcomes import Usage
from eval.client.requests import BOUNDS, Capabilities, body_of
from eval.client.server import Server
from eval.client.settings import ServerSettings
from eval.client.throttle import Throttle
from eval.errors import JudgeError
from eval.judges.calls import JudgeCall
from eval.judges.probing import probe_of
from eval.judges.requests import request_of
from eval.judges.served import JUDGE
from tests.client import faults
from tests.client.faults import Reply
from tests.client.server import JudgeServer

NAMES = ("response_format", "max_completion_tokens", "temperature", "system")
"""What the first request has that a server may refuse, in the order in which it is left out where none is named."""


def probe(server, *, provider="openai", extra=None, tries=1):
    """Return what the probe found, and the bodies that it sent."""
    settings = ServerSettings(
        role=JUDGE, provider=provider, model="stand-in", url=server.url, key_env=None, api_version=None, timeout_s=5.0
    )
    patience = RetryPolicy(tries=tries, first_wait_s=0.01, deadline_s=2.0)
    found = asyncio.run(
        Server(settings).probe(Asker(throttle=Throttle(), patience=patience), probe_of(JUDGE, extra or {}))
    )
    return found, [exchange.request.body for exchange in server.requests]


def greet(_):
    return '{"greeting": "hello"}'


def test_a_server_that_takes_everything_is_asked_once():
    with JudgeServer(greet) as server:
        found, bodies = probe(server)
    assert found.takes == Capabilities()
    assert found.served == "stand-in-2026-01-01"
    # 19 + 62 characters of messages and 22 of the reply, a token for every four begun.
    assert found.usages == (Usage(input=21, output=6),)
    [body] = bodies
    assert (body["model"], body["temperature"], body["max_completion_tokens"]) == ("stand-in", 0.0, 1024)
    assert body["response_format"]["type"] == "json_schema"


def without(names, bound="max_tokens"):
    """Return what is left of everything; without the first name of the bound there is the other one."""
    return Capabilities(
        structured="none" if "response_format" in names else "json_schema",
        reply_bound=bound if "max_completion_tokens" in names else "max_completion_tokens",
        temperature="temperature" not in names,
        system="system" not in names,
    )


SUBSETS = [set(some) for n in range(len(NAMES) + 1) for some in combinations(NAMES, n)]


@pytest.mark.parametrize("rejects", SUBSETS, ids=lambda some: "-".join(sorted(some)) or "nothing")
def test_only_what_is_refused_by_name_is_left_out(rejects):
    with JudgeServer(greet, rejects=rejects) as server:
        found, bodies = probe(server)
    assert found.takes == without(rejects)
    # One refusal each; of a form two, since the looser one is tried in between.
    assert len(bodies) == 1 + len(rejects) + ("response_format" in rejects)


@pytest.mark.parametrize("last", range(len(NAMES)), ids=NAMES)
def test_where_no_parameter_is_named_what_does_no_harm_is_put_back(last):
    with JudgeServer(greet, rejects={NAMES[last]}, names_param=False) as server:
        found, bodies = probe(server)
    assert found.takes == without({NAMES[last]})
    # Left out in turn, of the form and of the bound two each; then one more for each thing that is put back.
    assert len(bodies) == (3, 5, 8, 10)[last]


@pytest.mark.parametrize("names_param", [True, False])
def test_a_server_that_takes_nothing_but_a_users_message(names_param):
    rejects = {*NAMES, "max_tokens"}
    with JudgeServer(greet, rejects=rejects, names_param=names_param) as server:
        found, bodies = probe(server)
    assert found.takes == without(NAMES, bound="none")
    assert sorted(bodies[6]) == ["messages", "model"]
    [message] = bodies[6]["messages"]
    assert message["role"] == "user"
    assert message["content"].startswith("You answer in JSON.\n\nGreet me")
    # Where nothing was named, all but the last are tried once more.
    assert len(bodies) == (7 if names_param else 10)


@pytest.mark.parametrize(("provider", "first"), [("openai", "max_completion_tokens"), ("local", "max_tokens")])
@pytest.mark.parametrize("names_param", [True, False])
def test_either_name_of_the_bound(provider, first, names_param):
    [other] = set(BOUNDS) - {first, "none"}
    with JudgeServer(greet, rejects={first}, names_param=names_param) as server:
        found, bodies = probe(server, provider=provider)
        assert found.takes.reply_bound == other
        assert bodies[-1][other] == 1024
        assert first not in bodies[-1]
    with JudgeServer(greet, rejects={other}, names_param=names_param) as server:
        found, bodies = probe(server, provider=provider)
        assert (found.takes, len(bodies)) == (Capabilities(reply_bound=first), 1)


@pytest.mark.parametrize("rejects", [set(), {"temperature"}])
def test_a_form_that_is_accepted_but_not_heeded_is_none(rejects):
    with JudgeServer(greet, ignores={"response_format"}, rejects=rejects) as server:
        found, bodies = probe(server)
    assert found.takes == Capabilities(structured="none", temperature=not rejects)
    assert len(bodies) == 1 + len(rejects)


@pytest.mark.parametrize("text", ["vermilion", '{"probe": "red"}', '{"probe": "vermilion", "x": 1}', "[" * 5000, ""])
def test_what_does_not_heed_a_form(text):
    with JudgeServer(lambda _: text, ignores={"response_format"}) as server:
        assert probe(server)[0].takes.structured == "none"


def test_a_server_that_knows_only_the_looser_form():
    def fault(request):
        strict = request.body.get("response_format", {}).get("type") == "json_schema"
        message = "response_format.type must be 'json_object' or 'text'"
        return faults.status(400, faults.error(message)) if strict else None

    with JudgeServer(greet, faults=fault) as server:
        found, bodies = probe(server)
    assert found.takes == Capabilities(structured="json_object")
    assert bodies[-1]["response_format"] == {"type": "json_object"}
    assert len(bodies) == 2


@pytest.mark.parametrize("tries", [1, 3])
def test_a_server_that_answers_what_it_does_not_know_with_500(tries):
    def fault(request):
        return faults.status(500) if "response_format" in request.body else None

    with JudgeServer(greet, faults=fault) as server:
        found, bodies = probe(server, tries=tries)
    assert found.takes == Capabilities(structured="none")
    assert len(bodies) == 2 * tries + 1  # a 500 may be a passing fault as well


def test_a_passing_fault_costs_no_capability():
    with JudgeServer(greet, faults=[faults.status(500), faults.rate_limited("0"), faults.not_json()]) as server:
        found, bodies = probe(server, tries=6)
    assert (found.takes, len(bodies)) == (Capabilities(), 4)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(
            text="{}",
            usage={
                "prompt_tokens": 9, "completion_tokens": 80, "completion_tokens_details": {"reasoning_tokens": 64},
            },
        ),
        Reply(text='<think>Hm.</think>\n{"probe": "vermilion"}'),
        Reply(text=" \n<think>Hm.", finish_reason="length"),
    ],
    ids=["counted", "in the reply", "cut off"],
)  # fmt: skip
def test_a_model_that_thinks_gets_room_for_it(reply):
    with JudgeServer(lambda _: reply, ignores={"response_format"}) as server:
        takes = probe(server)[0].takes
    assert takes.thinks
    call = JudgeCall(task="open_qa", sample="", system="", user="x", inputs={}, max_tokens=256)
    assert body_of(request_of(call, takes, {}), "m", takes)["max_completion_tokens"] == 256 + 8192


def test_further_parameters_are_tried_too():
    with JudgeServer(greet) as server:
        _, [body] = probe(server, extra={"reasoning_effort": "low"})
    assert body["reasoning_effort"] == "low"


@pytest.mark.parametrize(
    ("fault", "words", "n_requests"),
    [
        (faults.refusal(), "'stand-in' does not answer: the model refused.", 1),
        (faults.content_filter(), "does not answer: a content filter withheld the reply.", 1),
        (faults.content_filter_400(), "does not answer: HTTP 400 content_filter: ", 1),
        (faults.wrong_key(), "does not answer: HTTP 401 invalid_api_key: ", 1),
        (faults.model_not_found(), "does not answer: HTTP 404 model_not_found: ", 1),
        (faults.quota(), "does not answer: HTTP 429 insufficient_quota: ", 1),
        (faults.status(503), "does not answer: HTTP 503", 1),
        (faults.not_json(), "does not answer: the reply is not JSON", 1),
        (faults.reset(), "does not answer: ReadError", 1),
        # Six things to leave out, after which it is no parameter's fault.
        (faults.status(400), "does not answer: HTTP 400: Bad Request", 7),
        (faults.status(500), "does not answer: HTTP 500: Internal Server Error", 7),
        (faults.status(422, {"detail": "temperature"}), "does not answer: HTTP 422: temperature", 7),
    ],
    ids=lambda value: value.name if isinstance(value, faults.Fault) else None,
)
def test_a_server_that_cannot_be_asked(fault, words, n_requests):
    with JudgeServer(greet, faults=lambda _: fault) as server:
        with pytest.raises(JudgeError) as raised:
            probe(server)
        assert len(server.requests) == n_requests
    assert words in str(raised.value)


def test_a_server_that_is_not_there():
    with JudgeServer(greet) as server:
        pass
    with pytest.raises(JudgeError, match="does not answer: ConnectError"):
        probe(server)
