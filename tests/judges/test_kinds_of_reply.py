"""Replies that servers write in ways of their own: order, marks, streams, thinking, end tokens, names, paths."""

from __future__ import annotations

import json

import pytest

from eval.client.outcomes import from_body
from eval.client.remnants import without_remnants
from eval.client.requests import THINKING_TOKENS
from eval.client.server import Server
from eval.client.settings import ServerSettings
from eval.client.store import ReplyStore
from eval.errors import JudgeError
from eval.judges.calls import UnreadableReplyError
from eval.judges.protocol import native_protocol
from eval.judges.rounds import NoAnswer, ask
from eval.judges.served import JUDGE
from eval.judges.structured import read_object
from tests.client import faults
from tests.client.faults import Fault, response
from tests.client.server import JudgeServer
from tests.client.test_claims import GOOD, calls, judge_of

GREETING = '{"probe": "vermilion"}'


def choice(text, **more):
    return {"message": {"role": "assistant", "content": text}, "finish_reason": "stop", **more}


def completion(*choices, **more):
    return json.dumps({"model": "m", "choices": choices, **more})


def stream(*deltas, end="data: [DONE]\n\n", **more):
    chunks = [{"model": "m", "choices": [{"index": 0, "delta": delta, **more}]} for delta in deltas]
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + end


@pytest.mark.parametrize(
    ("choices", "text"),
    [
        ([choice("b", index=1), choice("a", index=0)], "a"),
        ([choice("a", index=0), choice("b", index=1)], "a"),
        ([choice("a"), choice("b")], "a"),
        ([choice("c", index=2), choice("b", index=1)], "c"),
    ],
)
def test_the_choice_is_taken_by_its_index(choices, text):
    assert from_body(completion(*choices)).text == text


def test_a_byte_order_mark_is_no_fault():
    assert from_body("\ufeff" + completion(choice("a"))).text == "a"


@pytest.mark.parametrize(
    "text",
    [
        stream({"role": "assistant"}, {"content": "a"}, {"content": "b"}),
        stream({"content": "a"}, {"content": "b"}).replace("\n", "\r\n"),
        stream({"content": "a"}, {"content": "b"}, end="", finish_reason="stop"),
        ": hello\n\nevent: message\n" + stream({"content": "ab"}),
        stream({"content": "ab"}) + 'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}\n\n',
        stream({"content": "x"}, index=1, end="") + stream({"content": "ab"}),
        f"data:{completion(choice('ab', index=0))}\n\n",
    ],
)
def test_a_stream_that_nobody_asked_for_is_read_where_it_is_whole(text):
    outcome = from_body(text)
    assert (outcome.kind, outcome.text, outcome.served) == ("replied", "ab", "m")


@pytest.mark.parametrize(
    "text",
    [stream({"content": "a"}, end=""), "data: {\n\n", "data: [DONE]\n\n", "data: [1]\n\ndata: [DONE]\n\n", "data:"],
)
def test_a_stream_that_is_not_whole_is_one_clear_outcome(text):
    outcome = from_body(text)
    assert outcome.kind == "rejected"
    assert outcome.detail.startswith(
        "the server streams its reply, which nobody asked for, and the stream is not whole"
    )


def test_an_error_in_a_stream_is_one():
    assert from_body('data: {"error": {"message": "slow down", "code": 429}}\n\n').kind == "rate_limited"


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
def test_an_answer_in_the_field_of_the_thinking_is_named(field):
    message = {"role": "assistant", "content": None, field: GOOD}
    outcome = from_body(completion({"message": message, "finish_reason": "stop"}))
    assert (outcome.kind, outcome.text) == ("rejected", None)
    assert outcome.detail.startswith(f"the reply is empty, and its text stands in message.{field}: turn the server's")


@pytest.mark.parametrize(
    ("message", "more", "thinks"),
    [
        ({"content": "a"}, {}, False),
        ({"content": ""}, {}, False),
        ({"content": "a", "reasoning_content": ""}, {}, False),
        ({"content": "a", "reasoning_content": "hm"}, {}, True),
        ({"content": "a", "reasoning": "hm"}, {}, True),
        ({"content": "<think>hm"}, {}, True),
        ({"content": "hm</think>a"}, {}, True),
        ({"content": ""}, {"finish_reason": "length"}, True),
        ({"content": "a"}, {"finish_reason": "length"}, False),
        ({"content": None, "reasoning_content": "hm"}, {"finish_reason": "length"}, True),
    ],
)
def test_what_shows_that_a_model_thinks(message, more, thinks):
    assert from_body(completion({"message": message, "finish_reason": "stop", **more})).thinks is thinks


def test_reasoning_is_counted_wherever_it_stands():
    usage = {"prompt_tokens": 9, "completion_tokens": 80}
    for more in ({"reasoning_tokens": 64}, {"completion_tokens_details": {"reasoning_tokens": 64}}):
        outcome = from_body(completion(choice("a"), usage=usage | more))
        assert outcome.usage is not None
        assert (outcome.usage.reasoning, outcome.thinks) == (64, True)


YES = '{"pred": "yes", "score": 5}'


@pytest.mark.parametrize(
    "text",
    [
        *(f"{YES}{end}" for end in ("<|im_end|>", "</s>", "<|eot_id|>", "\n<|endoftext|>\n", "<|im_end|><|endoftext|>",
                                    "<end_of_turn>", "<｜end▁of▁sentence｜>", " /no_think")),
        *(f"{begin}{YES}" for begin in ("\ufeff", "/no_think\n", "<|assistant|>", "<think>\n", "<think>")),
        f"```json\n{YES}\n```<|im_end|>",
        f"They agree.</think>{YES}",
        f"They agree.\n</think>\n\n{YES}</s>",
        f"<think>\n\n</think>\n\n{YES}<|im_end|>",
    ],
)  # fmt: skip
def test_remnants_of_a_template_are_cut(text):
    assert read_object(without_remnants(text)) == {"pred": "yes", "score": 5}


@pytest.mark.parametrize(
    "text",
    [
        f"{YES}<|im_end|>\n<|im_start|>user\nAnd now?",
        f"The candidate says {YES}<|im_end|>",
        f"{YES} It is so.</s>",
        f"It is {{so}}.</think>{YES}",
        f"{YES}\n</think>\n{YES}",
        f"<think>So {YES}",
        f"a</think>b</think>{YES}",
    ],
)
def test_what_may_be_a_quotation_stays_refused(text):
    with pytest.raises(UnreadableReplyError):
        read_object(without_remnants(text))


@pytest.mark.parametrize("text", ["", "yes", YES, "a < b", "x" * 300_000 + "</s>", "<think>hm</think>\n" + YES])
def test_what_has_no_remnants_stays_as_it_is(text):
    assert without_remnants(text) == text


def questions(n=1):
    return [native_protocol().grade(str(i), "what is it?", "a dog", f"a cat called {i}") for i in range(n)]


def thinker(at_least, probe=None, **message):
    """Return a judge that thinks for so many tokens before it replies, and what it says to the probe."""

    def reply(wire):
        if "Greet me" in wire.request.text and probe is not None:
            return completion(choice(probe), model="stand-in")
        if (wire.request.body.get("max_tokens") or 10**6) < at_least:
            return completion({"message": {"content": None}, "finish_reason": "length"}, model="stand-in")
        return completion({"message": {"content": GOOD, **message}, "finish_reason": "stop"}, model="stand-in")

    async def send(wire):
        wire.writer.write(response(200, reply(wire).encode()))
        await wire.writer.drain()
        return True

    return Fault(name="thinker", send=send)


def bounds(server):
    return [exchange.request.body.get("max_tokens") for exchange in server.requests]


@pytest.mark.slow
@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_a_model_whose_thinking_has_a_field_gets_room_for_it(tmp_path, field):
    with JudgeServer(lambda _: "", faults=lambda _: thinker(600, **{field: "hm"})) as server:
        [answer] = ask(judge_of(tmp_path, server), questions())
        assert not isinstance(answer, NoAnswer)
        assert bounds(server) == [1024, 256 + THINKING_TOKENS]


@pytest.mark.slow
def test_a_model_that_needs_more_than_the_probe_has_is_asked_again_with_room(tmp_path):
    with JudgeServer(lambda _: "", faults=lambda _: thinker(2000, reasoning="hm")) as server:
        [answer] = ask(judge_of(tmp_path, server), questions())
        assert not isinstance(answer, NoAnswer)
        assert bounds(server) == [1024, 1024 + THINKING_TOKENS, 256 + THINKING_TOKENS]


@pytest.mark.slow
def test_a_model_that_begins_to_think_in_mid_run_gets_room_from_then_on(tmp_path):
    with JudgeServer(lambda _: "", faults=lambda _: thinker(600, GREETING)) as server:
        answers = ask(judge_of(tmp_path, server), questions(6))
        assert not any(isinstance(answer, NoAnswer) for answer in answers)
        assert bounds(server) == [1024, 256, *[256 + THINKING_TOKENS] * 6]
        # It is known from then on.
        again = ask(judge_of(tmp_path, server), questions(7))
        assert not any(isinstance(answer, NoAnswer) for answer in again)
        assert bounds(server)[8:] == [256 + THINKING_TOKENS]


@pytest.mark.slow
@pytest.mark.parametrize(("tokens", "bound"), [(0, 256), (1000, 1256)])
def test_the_user_decides_on_the_room(tmp_path, tokens, bound):
    with JudgeServer(lambda _: "", faults=lambda _: thinker(600, GREETING)) as server:
        judge = judge_of(tmp_path, server, reasoning_tokens=tokens)
        [answer] = ask(judge, questions())
        assert set(bounds(server)) == {1024, bound}
        assert isinstance(answer, NoAnswer) is (tokens == 0)
        found = ReplyStore(tmp_path / "v.sqlite").all_capabilities()
        assert [one["takes"]["thinks"] for one in found] == [False]  # as the probe found it


@pytest.mark.slow
def test_an_answer_in_the_wrong_field_is_not_asked_for_again(tmp_path):
    async def send(wire):
        text = GREETING if "Greet me" in wire.request.text else None
        message = {"content": text, "reasoning_content": None if text else GOOD}
        wire.writer.write(response(200, completion({"message": message, "finish_reason": "stop"}).encode()))
        await wire.writer.drain()
        return True

    with JudgeServer(lambda _: "", faults=lambda _: Fault(name="misplaced", send=send)) as server:
        [answer] = ask(judge_of(tmp_path, server, tries=3), questions())
        assert len(server.requests) == 2
    assert isinstance(answer, NoAnswer)
    assert (answer.outcome, "turn the server's reasoning parser off" in answer.reason) == ("failed", True)


@pytest.mark.slow
def test_a_name_in_other_letters_case_is_the_same_model(tmp_path):
    with JudgeServer(lambda _: GOOD, served=lambda index: "Judge-X" if index % 2 else "judge-x") as server:
        first = judge_of(tmp_path, server).ask(calls(9))
        n_requests = len(server.requests)
        again = judge_of(tmp_path, server)
        assert [reply.source for reply in again.ask(calls(9))] == ["stored"] * 9
        assert len(server.requests) == n_requests == 10
        assert {reply.served for reply in first} == {again.describe()["served"]}
        assert judge_of(tmp_path, server, served="JUDGE-x").ask(calls(9))[0].outcome == "replied"
        assert len(server.requests) == n_requests


@pytest.mark.slow
@pytest.mark.parametrize("model", ["stand-in", None])
def test_a_url_without_its_v1_is_completed(tmp_path, model):
    with JudgeServer(lambda _: GOOD) as server:
        for _ in range(2):
            judge = judge_of(tmp_path, server, url=server.root, model=model)
            assert judge.ask(calls(2))[0].text == GOOD
        assert [exchange.request.path for exchange in server.requests][-3:] == ["/v1/chat/completions"] * 3
        assert len(server.requests) <= 4  # the second judge knows


@pytest.mark.slow
def test_a_url_that_is_wrong_either_way_is_named(tmp_path):
    with JudgeServer(lambda _: GOOD, faults=lambda _: faults.status(404)) as server:
        judge = judge_of(tmp_path, server, url=server.root)
        with pytest.raises(JudgeError, match=rf"HTTP 404.* Its URL is {server.root}, and {server.root}/v1 does not"):
            judge.check()


@pytest.mark.parametrize(
    ("provider", "url", "base"),
    [
        ("azure", "https://r.openai.azure.com", "https://r.openai.azure.com"),
        ("azure", "https://r.openai.azure.com/openai", "https://r.openai.azure.com"),
        ("azure", "https://r.openai.azure.com/openai/v1/", "https://r.openai.azure.com"),
        ("azure", "https://r.openai.azure.com/openai/deployments/d/chat/completions", "https://r.openai.azure.com"),
        ("azure", "https://gateway.example.org/openai-proxy", "https://gateway.example.org/openai-proxy"),
        ("local", "http://127.0.0.1:8000/v1/chat/completions", "http://127.0.0.1:8000/v1"),
        ("local", "http://127.0.0.1:8000/openai", "http://127.0.0.1:8000/openai"),
    ],
)
def test_a_url_is_taken_without_what_the_client_adds(provider, url, base):
    settings = ServerSettings(
        role=JUDGE, provider=provider, model="m", url=url, key_env=None, api_version="1", timeout_s=1.0
    )
    assert Server(settings).url == base
