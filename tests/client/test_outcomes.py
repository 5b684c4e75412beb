"""What each answer of a server counts as, from the shapes that OpenAI, Azure, gateways and local servers send."""

import json
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from eval.client.outcomes import RequestOutcome, Usage, from_body, from_status, one_line, retry_after
from eval.client.redaction import Redaction
from eval.judges.calls import JudgeCall, JudgeReply
from eval.judges.forms import FORMS

POLICY = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": True}}}

# status, body as the `openai` package gives it, kind, the detail in full
STATUSES = [
    (400, {"message": "Bad.", "code": "invalid_value"}, "rejected", "HTTP 400 invalid_value: Bad."),
    (400, {"error": {"message": "Bad.", "code": None}}, "rejected", "HTTP 400: Bad."),
    (400, {"message": "Filtered.", "code": "content_filter"}, "filtered", "HTTP 400 content_filter: Filtered."),
    (400, {"message": "No.", "innererror": POLICY}, "filtered", "HTTP 400: No."),
    (400, {"message": "No.", "innererror": {"code": "content_filter"}}, "filtered", "HTTP 400: No."),
    (400, {"message": "No.", "innererror": "content_filter"}, "rejected", "HTTP 400: No."),
    (401, {"message": "Wrong key."}, "fatal", "HTTP 401: Wrong key."),
    (402, {"message": "Pay."}, "fatal", "HTTP 402: Pay."),
    (403, {"detail": "Not yours."}, "fatal", "HTTP 403: Not yours."),
    (404, {"detail": "Not Found"}, "fatal", "HTTP 404: Not Found"),
    (404, "<html><h1>404</h1></html>", "fatal", "HTTP 404: <html><h1>404</h1></html>"),
    (408, None, "overloaded", "HTTP 408"),
    (409, {"message": "Busy."}, "overloaded", "HTTP 409: Busy."),
    (413, "too large", "rejected", "HTTP 413: too large"),
    (422, {"detail": [{"loc": ["body"], "msg": "bad"}]}, "rejected", "HTTP 422: [{'loc': ['body'], 'msg': 'bad'}]"),
    (425, None, "overloaded", "HTTP 425"),
    (429, {"message": "Slow."}, "rate_limited", "HTTP 429: Slow."),
    (429, {"code": "rate_limit_exceeded"}, "rate_limited", "HTTP 429 rate_limit_exceeded"),
    (429, {"code": "insufficient_quota"}, "fatal", "HTTP 429 insufficient_quota"),
    (429, {"type": "insufficient_quota", "message": "Pay."}, "fatal", "HTTP 429: Pay."),
    (429, {"code": "billing_hard_limit_reached"}, "fatal", "HTTP 429 billing_hard_limit_reached"),
    (400, {"code": "billing_not_active"}, "fatal", "HTTP 400 billing_not_active"),
    (500, "<html>\n<body>\tOops\u2028</body></html>", "overloaded", "HTTP 500: <html> <body> Oops </body></html>"),
    (502, b"not even text", "overloaded", "HTTP 502"),
    (503, {"error": "still loading"}, "overloaded", "HTTP 503: still loading"),
    (529, None, "overloaded", "HTTP 529"),
    (302, "", "fatal", "HTTP 302: a redirect, which is not followed; give the final URL"),
    (400, [1, 2], "rejected", "HTTP 400"),
    (400, {"code": 7, "type": ["x"], "message": {"a": 1}, "param": 3}, "rejected", "HTTP 400 7: {'a': 1}"),
]


@pytest.mark.parametrize(("status", "body", "kind", "detail"), STATUSES)
def test_what_a_status_counts_as(status, body, kind, detail):
    found = from_status(status, {}, body)
    assert (found.kind, found.detail, found.text, found.usage) == (kind, detail, None, None)
    assert not found.may_be_billed


def test_the_parameter_that_a_rejection_names():
    assert from_status(400, {}, {"message": "No.", "param": "temperature"}).param == "temperature"
    assert from_status(400, {}, {"message": "No.", "param": None}).param is None
    assert from_status(400, {}, {"message": "No.", "param": 7}).param is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after-ms": "-5", "retry-after": "9"}, 9.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e400"}, None),
        ({"retry-after": "86400000"}, 86_400_000.0),
        ({"retry-after": ""}, None),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": "Wed, 99 Foo 2026 99:99:99 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_how_long_a_server_asks_to_wait(headers, seconds):
    assert retry_after(headers) == seconds
    assert from_status(429, headers, None).retry_after_s == seconds
    assert from_status(503, headers, None).retry_after_s == seconds
    assert from_status(401, headers, None).retry_after_s is None


def test_a_date_to_wait_for(monkeypatch):
    now = datetime(2026, 11, 5, 10, 0, tzinfo=timezone.utc).timestamp()
    monkeypatch.setattr("time.time", lambda: now)
    assert retry_after({"retry-after": "Thu, 05 Nov 2026 10:00:12 GMT"}) == 12.0
    assert retry_after({"retry-after": "Thu, 05 Nov 2026 09:59:00 GMT"}) == 0.0


def completion(message=None, *, finish="stop", **more):
    message = {"role": "assistant", "content": "yes", **(message or {})}
    return {"model": "m-1", "choices": [{"message": message, "finish_reason": finish}], **more}


def of(found) -> RequestOutcome:
    return from_body(json.dumps(found))


def test_a_reply():
    found = of(completion(usage={"prompt_tokens": 9, "completion_tokens": 4}, system_fingerprint="fp_1"))
    assert found == RequestOutcome(
        kind="replied", text="yes", finish_reason="stop", served="m-1", fingerprint="fp_1",
        usage=Usage(input=9, output=4), may_be_billed=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("message", "finish", "kind", "text"),
    [
        ({"content": ""}, "stop", "replied", ""),
        ({"content": None}, "length", "replied", ""),
        ({"content": 7}, "stop", "replied", ""),
        ({"content": {"text": "x"}}, "stop", "replied", ""),
        ({"content": [{"type": "text", "text": "a"}, {"type": "image"}, "b", {"text": 3}, {"text": "c"}]}, "stop",
         "replied", "ac"),
        ({"content": []}, "stop", "replied", ""),
        ({"content": "\ud83d\ude00 \ud83d"}, "stop", "replied", "\U0001f600 ?"),
        ({"content": None, "refusal": "I will not."}, "stop", "refused", "I will not."),
        ({"content": "half", "refusal": "I \ud83d will not."}, "content_filter", "refused", "I ? will not."),
        ({"content": "x", "refusal": ""}, "stop", "replied", "x"),
        ({"content": "x", "refusal": True}, "stop", "replied", "x"),
        ({"content": "half a"}, "content_filter", "filtered", None),
        ({"content": None}, "content_filter", "filtered", None),
        ({"content": "half a"}, "length", "replied", "half a"),
        ({"content": "x", "tool_calls": []}, None, "replied", "x"),
    ],
)  # fmt: skip
def test_what_a_message_says(message, finish, kind, text):
    found = of(completion(message, finish=finish))
    assert (found.kind, found.text, found.finish_reason, found.may_be_billed) == (kind, text, finish, True)


@pytest.mark.parametrize("name", ["model", "system_fingerprint"])
def test_names_can_always_be_stored(name):
    found = of({**completion(), name: "m-\ud83d"})
    assert (found.served if name == "model" else found.fingerprint) == "m-?"
    assert of(completion(finish="st\udfffop")).finish_reason == "st?op"
    odd: object
    for odd in (None, 7, {}, ""):
        assert of({**completion(), "model": odd}).served is None


@pytest.mark.parametrize(
    "body",
    [
        "", "<html>Sign in</html>", "[]", "7", "null", '"text"', "{", "{}", '{"choices": []}', '{"choices": {}}',
        '{"choices": [null]}', '{"choices": [{}]}', '{"choices": [{"message": "x"}]}', '{"choices": null}',
        '{"choices": [["message"]]}', "[" * 100_000, "\x00\x1b[31m", "NaN",
    ],
    ids=lambda body: repr(body[:20]),
)  # fmt: skip
def test_a_success_status_without_a_reply(body):
    found = from_body(body)
    assert (found.kind, found.text, found.may_be_billed) == ("overloaded", None, True)
    assert found.detail.startswith("the reply ")
    assert found.detail.isprintable()
    assert len(found.detail) <= 303
    assert "<" not in found.detail


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("the engine died", "overloaded"),
        ({"message": "x", "code": 429}, "rate_limited"),
        ({"message": "x", "code": 401}, "fatal"),
        ({"message": "x", "code": 400}, "rejected"),
        ({"message": "x", "code": "insufficient_quota"}, "fatal"),
        ({"message": "x", "code": "content_filter"}, "filtered"),
        ({"message": "x", "code": 200}, "overloaded"),
        ({"message": "x", "code": True}, "overloaded"),
        ([1], "overloaded"),
    ],
)
def test_errors_with_a_success_status(error, kind):
    found = of({"error": error})
    assert (found.kind, found.text) == (kind, None)
    assert of({**completion(), "error": error}).kind == kind


def test_an_error_that_is_none():
    empty: object
    for empty in (None, "", {}, []):
        assert of({**completion(), "error": empty}).text == "yes"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, None),
        ("many", None),
        ({}, None),
        ({"prompt_tokens": 5}, None),
        ({"prompt_tokens": 5, "completion_tokens": None}, None),
        ({"prompt_tokens": 5, "completion_tokens": -1}, None),
        ({"prompt_tokens": "5", "completion_tokens": 1}, None),
        ({"prompt_tokens": 5.0, "completion_tokens": 1}, None),
        ({"prompt_tokens": True, "completion_tokens": 1}, None),
        ({"prompt_tokens": 2**31, "completion_tokens": 1}, None),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage(input=0, output=0)),
        ({"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": None}, Usage(input=5, output=1)),
        ({"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 3}},
         Usage(input=5, output=1, cached=3)),
        ({"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 9}},
         Usage(input=5, output=1, cached=5)),
        ({"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": -9}},
         Usage(input=5, output=1)),
        ({"prompt_tokens": 5, "completion_tokens": 8, "completion_tokens_details": {"reasoning_tokens": 6}},
         Usage(input=5, output=8, reasoning=6)),
        ({"prompt_tokens": 5, "completion_tokens": 8, "completion_tokens_details": {"reasoning_tokens": 99}},
         Usage(input=5, output=8, reasoning=8)),
        ({"prompt_tokens": 5, "completion_tokens": 8, "completion_tokens_details": [1]}, Usage(input=5, output=8)),
    ],
)  # fmt: skip
def test_what_was_counted(usage, expected):
    assert of(completion(usage=usage)).usage == expected


def test_a_servers_words_become_one_bounded_line():
    assert one_line(" a\r\n\tb\x00c\x1b[31m\u200b ") == "a b c [31m"
    assert one_line("x" * 300) == "x" * 300
    assert one_line("x" * 301) == "x" * 300 + "..."
    assert one_line("\ud800") == ""
    assert len(from_status(500, {}, "y" * 10_000_000).detail) == 303


KEY = 'sk-"live/0123\\456'
REPEATED = [
    f"Wrong key: {KEY}.",
    json.dumps({"m": f"Wrong key: {KEY}."}),
    f"{KEY}{KEY}",
    "Wrong key: " + "".join(f"\\u{ord(letter):04x}" for letter in KEY),
    "Wrong key: " + "".join(f"\\u{ord(letter):04X}" for letter in KEY),
    f"{'x' * 290} {KEY}",
]


@pytest.mark.parametrize("text", REPEATED)
def test_the_key_is_taken_out_however_it_is_written(text):
    redact = Redaction(KEY)
    assert "[key]" in redact(text)
    for part in ("0123", "0030", "live"):
        assert part not in redact(text)
        assert part not in from_status(401, {}, redact.json({"message": text})).detail


def test_what_is_no_key_stays():
    assert Redaction("")("a none b") == "a none b"
    assert Redaction("none")("none of them") == "none of them"  # what stands for no key
    assert Redaction(KEY)("sk-live") == "sk-live"
    assert Redaction(KEY).json({"a": [1, None, KEY, {KEY: True}]}) == {"a": [1, None, "[key]", {"[key]": True}]}
    assert Redaction(KEY).json({1, 2}) is None


def test_no_reply_holds_half_a_character():
    reply = JudgeReply(text="a\ud800😀", served="m\udfff", error="\ud800", finish_reason="é")
    assert (reply.text, reply.served, reply.error, reply.finish_reason) == ("a?😀", "m?", "?", "é")
    assert replace(reply, text="\ud800").text == "?"
    assert JudgeReply.failure("x\ud83d").error == "x?"
    assert from_body(json.dumps({"choices": [{"message": {"content": "\ud800"}}]})).text == "?"


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_no_answer_that_is_read_holds_half_a_character(form):
    call = JudgeCall(task="extract", sample="s", system="", user="", inputs={"tag": "t", "events": []}, form=form.name)
    for event in ("\\ud800", "\\udfff\\ud800", "\\ud83d\\ude00"):
        reply = f'{{"id": "t", "events": ["a {event}"]}}'
        "".join(form.read_events(call, reply)).encode("utf-8")
