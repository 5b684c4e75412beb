"""From a call to a request: what of it a server is sent, and what the address of its reply depends on."""

import hashlib
import re
from dataclasses import replace
from itertools import combinations

import pytest

from eval.client.requests import BOUNDS, THINKING_TOKENS, Capabilities, address, body_of, check_extra
from eval.errors import ConfigError
from eval.judges.calls import JudgeCall
from eval.judges.protocol import judge_protocol
from eval.judges.requests import key_of, request_of

SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
CALL = JudgeCall(
    task="open_qa", sample="s", system="S", user="U", inputs={}, schema=SCHEMA, temperature=0.0, max_tokens=256,
)  # fmt: skip
ALL = Capabilities()


def key(call=CALL, takes=ALL, **extra):
    return key_of(call, takes, extra)


def test_the_whole_of_a_request():
    asked = request_of(CALL, ALL, {"seed": 7})
    form = {"type": "json_schema", "json_schema": {"name": "open_qa", "strict": True, "schema": SCHEMA}}
    assert asked == {
        "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}],
        "attempt": 0, "temperature": 0.0, "max_tokens": 256, "response_format": form, "extra": {"seed": 7},
    }  # fmt: skip
    assert body_of(asked, "m", ALL) == {
        "model": "m",
        "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}],
        "temperature": 0.0, "max_completion_tokens": 256, "response_format": form, "seed": 7,
    }  # fmt: skip


def test_upstream_sends_nothing_but_the_messages():
    plain = JudgeCall(task="extract", sample="s", system="", user="U", inputs={}, attempt=3)
    asked = request_of(plain, ALL, {})
    assert asked == {"messages": [{"role": "user", "content": "U"}], "attempt": 3}
    assert body_of(asked, "m", ALL) == {"model": "m", "messages": [{"role": "user", "content": "U"}]}


@pytest.mark.parametrize("bound", BOUNDS)
def test_the_bound_goes_by_the_servers_name(bound):
    takes = replace(ALL, reply_bound=bound)
    body = body_of(request_of(CALL, takes, {}), "m", takes)
    assert {name: body[name] for name in ("max_completion_tokens", "max_tokens") if name in body} == (
        {} if bound == "none" else {bound: 256}
    )


def test_the_address_does_not_depend_on_the_name_of_the_bound_but_on_whether_there_is_one():
    keys = {bound: key(takes=replace(ALL, reply_bound=bound)) for bound in BOUNDS}
    assert keys["max_completion_tokens"] == keys["max_tokens"] != keys["none"]
    assert key(replace(CALL, max_tokens=None)) == keys["none"]


def test_a_model_that_thinks_gets_room_for_it():
    thinking = replace(ALL, thinks=True)
    assert THINKING_TOKENS == 8192
    assert request_of(CALL, thinking, {})["max_tokens"] == 256 + 8192
    assert "max_tokens" not in request_of(replace(CALL, max_tokens=None), thinking, {})
    assert "max_tokens" not in request_of(CALL, replace(thinking, reply_bound="none"), {})


def test_the_address_changes_with_each_part_that_a_reply_depends_on():
    keys = {
        "as it is": key(),
        "system": key(replace(CALL, system="T")),
        "no system": key(replace(CALL, system="")),
        "user": key(replace(CALL, user="U ")),
        "attempt": key(replace(CALL, attempt=1)),
        "temperature": key(replace(CALL, temperature=1.0)),
        "no temperature": key(replace(CALL, temperature=None)),
        "bound": key(replace(CALL, max_tokens=257)),
        "no bound": key(replace(CALL, max_tokens=None)),
        "schema": key(replace(CALL, schema={**SCHEMA, "properties": {"a": {"type": "string"}}})),
        "name of the schema": key(replace(CALL, task="extract")),
        "no schema": key(replace(CALL, schema=None)),
        "JSON only": key(takes=replace(ALL, structured="json_object")),
        "no system role": key(takes=replace(ALL, system=False)),
        "thinks": key(takes=replace(ALL, thinks=True)),
        "extra": key(seed=7),
        "another extra": key(seed=8),
        "nested extra": key(chat_template_kwargs={"enable_thinking": False}),
    }
    for one, two in combinations(keys, 2):
        assert keys[one] != keys[two], (one, two)


def test_the_address_does_not_change_with_anything_else():
    assert key(replace(CALL, sample="another")) == key()
    assert key(replace(CALL, inputs={"side": "reference"})) == key()
    assert key(replace(CALL, form="native")) == key()
    assert key(replace(CALL, schema=dict(reversed(SCHEMA.items())))) == key()
    assert key(b=1, a=2) == key(a=2, b=1)
    # What a server does not take is not part of what it was asked.
    assert key(takes=replace(ALL, temperature=False)) == key(replace(CALL, temperature=None))
    assert key(takes=replace(ALL, structured="none")) == key(replace(CALL, schema=None))
    assert key(replace(CALL, schema=None), replace(ALL, structured="json_object")) == key(replace(CALL, schema=None))
    assert key(replace(CALL, system=""), replace(ALL, system=False)) == key(replace(CALL, system=""))


def test_the_address_is_the_hash_of_canonical_json():
    asked = request_of(JudgeCall(task="extract", sample="s", system="", user="é", inputs={}), ALL, {})
    text = r'{"attempt":0,"messages":[{"content":"\u00e9","role":"user"}]}'
    assert address(asked) == hashlib.sha256(text.encode()).hexdigest()
    # Written down once, so that a change of the rules is seen: every stored verdict would be lost.
    assert address(asked) == "fcb876af5a5052ef47a97c30265114cea99f476feaad3f64986da680ab24c7da"


def test_a_system_message_that_is_not_taken_goes_before_the_users():
    takes = replace(ALL, system=False)
    assert request_of(CALL, takes, {})["messages"] == [{"role": "user", "content": "S\n\nU"}]
    assert request_of(replace(CALL, system=""), takes, {})["messages"] == [{"role": "user", "content": "U"}]


def test_only_what_is_taken_is_sent():
    least = Capabilities(structured="none", reply_bound="none", temperature=False, system=False)
    assert body_of(request_of(CALL, least, {}), "m", least) == {
        "model": "m", "messages": [{"role": "user", "content": "S\n\nU"}],
    }  # fmt: skip
    some = replace(ALL, structured="json_object")
    assert request_of(CALL, some, {})["response_format"] == {"type": "json_object"}


def test_what_no_encoding_has_becomes_a_question_mark():
    broken = replace(CALL, system="a\ud83d", user="b\udc00c 😀")
    [system, user] = request_of(broken, ALL, {})["messages"]
    assert (system["content"], user["content"]) == ("a?", "b?c 😀")
    assert key(broken) == key(replace(CALL, system="a?", user="b?c 😀"))
    # A prediction with such a half goes all the way to a request.
    for name in ("native", "hardened"):
        question = judge_protocol(name).grade("s", "q", "a", "half \ud83d")
        body = body_of(request_of(question.call, ALL, {}), "m", ALL)
        str(body["messages"]).encode()
        assert len(key_of(question.call, ALL, {})) == 64


@pytest.mark.parametrize("name", [
    "messages", "model", "n", "stream", "temperature", "max_tokens", "max_completion_tokens", "response_format",
    "tools",
])  # fmt: skip
def test_further_parameters_may_not_change_what_is_asked(name):
    with pytest.raises(ConfigError, match=rf"judge\.extra\.{name} is set by the protocol; choose another PROTOCOL"):
        check_extra({"seed": 1, name: 1})


def test_parameters_are_a_mapping():
    with pytest.raises(
        ConfigError, match=r"judge\.extra holds no parameters; give them as judge\.extra=\{name: value\}"
    ):
        check_extra("api_key=sk-1")


def test_other_parameters_pass():
    check_extra({"seed": 1, "reasoning_effort": "low", "chat_template_kwargs": {"enable_thinking": False}})
    check_extra({})


@pytest.mark.parametrize(
    ("extra", "place"),
    [
        ({"api_key": "sk-1"}, "judge.extra.api_key"),
        ({"seed": 1, "extra_headers": {"Authorization": "Bearer sk-1"}}, "judge.extra.extra_headers.Authorization"),
        ({"X-API-Key": "sk-1"}, "judge.extra.X-API-Key"),
        ({"apiKey": "sk-1"}, "judge.extra.apiKey"),
        ({"clientSecret": "sk-1"}, "judge.extra.clientSecret"),
        ({"PASSWORD": "sk-1"}, "judge.extra.PASSWORD"),
        ({"token": "sk-1"}, "judge.extra.token"),
        ({"a": [{"hf_token": "sk-1"}]}, "judge.extra.a.hf_token"),
        ({"credentials": {"x": "sk-1"}}, "judge.extra.credentials"),
    ],
)
def test_a_secret_is_no_parameter(extra, place):
    with pytest.raises(
        ConfigError, match=rf"{re.escape(place)} would be written into results.*judge\.key_env\.$"
    ) as caught:
        check_extra(extra)
    assert "sk-1" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["min_tokens", "truncate_prompt_tokens", "stop_token_ids", "skip_special_tokens", "top_k", "prompt_cache_key",
     "thinking_token_budget", "tokenizer", "keywords"],
)  # fmt: skip
def test_what_only_sounds_like_a_secret_is_a_parameter(name):
    check_extra({name: 1, "nested": {name: [1]}})


def test_a_further_judging_is_another_request_with_the_same_body():
    again = replace(CALL, judging=1)
    assert len({key(), key(again), key(replace(CALL, judging=2)), key(replace(CALL, attempt=1))}) == 4
    assert "judging" not in request_of(CALL, ALL, {})  # so that no earlier key changes
    assert body_of(request_of(again, ALL, {}), "m", ALL) == body_of(request_of(CALL, ALL, {}), "m", ALL)
