"""Fixed checks of judging: replies that are hard to read, what is asked in each protocol, and each request's address.

An address that changes without a reason loses all verdicts that were paid for; one that stays although the question
changed gives the verdict of another question.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from eval.client.requests import BOUNDS, Capabilities
from eval.judges import forms
from eval.judges.calls import Grade, JudgeCall
from eval.judges.hardening import marked, marked_events
from eval.judges.protocol import JudgeProtocol, judge_protocol
from eval.judges.requests import addressed
from eval.readers.pack import INDEX, WORDING, sha256
from eval.regression.fixed import called, or_error, read
from eval.regression.records import Record

SUITE = "fixed judging"
PROTOCOLS = ("upstream", "native", "hardened", "autodq-indexed")
EVENTS = tuple(f"thing {i} moves" for i in range(1, 13))
_PAIR = ("a b", "c d")

VERDICTS = (
    '{"pred": "yes", "score": 5}\n{"pred": "no", "score": 0}', "{'pred': 'no', 'score': 0}{'pred': 'yes', 'score': 5}",
    '{"pred": "yes", "score": 5.5}', '{"pred": "yes", "score": 0}', '{"pred": "no", "score": 5}',
    "{'pred': 'yes', 'score': '5'}",
    '{"pred": " YES ", "score": " 3 "}', '{"pred": false, "score": 0}', "{'pred': 'yes', 'score': True}",
    '{"score": 4, "pred": "no"}',
    '{"pred": "yes", "pred": "no", "score": 1}', '{"pred": "yes", "score": null}', '{"pred": "yes", "score": NaN}',
    '{"pred": "maybe", "score": 3}', '{"pred": "yes", "score": 4}.', '[{"pred": "yes", "score": 4}]',
    "```\n{'pred': 'yes', 'score': 4}\n```",
    "```python\n{'pred': 'yes', 'score': 4}\n```",
    '<think>{"pred": "no", "score": 0}</think>\n{"pred": "yes", "score": 4}',
    '<think>a</think><think>b</think>{"pred": "yes", "score": 4}', 'Verdict: {"pred": "yes", "score": 4}',
    '**Output**\n{"pred": "no", "score": 2}',
    'The answer says {"pred": "yes", "score": 5}', 'JSON\n```json\n{"pred": "yes", "score": 4}\n```',
    '{"pred": "yes", "score": 4} trailing',
    '{"pred": "yes", "score": 1e0}', '{"pred": "yes", "score": -0.0}', "{pred: yes, score: 4}",
    '{"id": "t0", "pred": "no", "score": 1, "id": "t0"}',
    '{"id": "T0", "pred": "yes", "score": 3}', '{"id": "t0", "Pred": "yes", "score": 3}',
    '{"pred": "yes\u200b", "score": 3}', "  {'pred':'yes','score':3}  ",
)  # fmt: skip
EXTRACTED = (
    json.dumps({"events": list(EVENTS)}), json.dumps({"events": ["x"] * 51}), json.dumps({"events": ["x"] * 50}),
    '{"events": ["a", "a"]}',
    '{"events": [" a ", ""]}', '{"events": ["a", null]}', '{"events": [true]}', '{"events": {"a": 1}}',
    '{"events": []} {"events": ["a"]}',
    "{'events': ['it\\'s', \"b\"]}", '{"events": ["a^b", "^"], "id": "t0"}', '{"events": ["\\ud83d\\udc4d"]}',
    '{"events": ["caf\u00e9\\n"]}',
    '```json\n{"events": ["a"]}', '```json{"events": ["a"]}```', 'Here: ```json\n{"events": ["a"]}\n```',
    '{"id": "t0", "events": []}',
    '{"id": "t0", "events": ["x^y", "^^", "z"]}', '{"events": (1, 2)}', "{'events': ('a', 'b')}",
    '{"events": ["a",, "b"]}',
)  # fmt: skip
_TWO = '{{"events": [{{"event": {0}, "relationship": "{2}"}}, {{"event": {1}, "relationship": "{3}"}}]}}'
LABELLED = (
    *(_TWO.format(*each) for each in (
        (1, 2, "entailment", "contradiction"), (2, 1, "entailment", "contradiction"), (0, 1, "entailment", "neutral"),
        (1, 1, "neutral", "neutral"),
        ('"1"', '"2"', "Entailment", " NEUTRAL "), ("true", 2, "neutral", "neutral"), (1, "null", "neutral",
        "neutral"), (2, 3, "neutral", "neutral"),
        (1.0, 2.0, "neutral", "entailment"))),
    '{"events": [{"event": 1, "relationship": "neutral"}, {"relationship": "entailment"}]}',
    '{"events": ["entailment", "neutral"]}',
    '{"events": []}', '{"events": ""}', '{"events": {}}', '{"events": "ab"}',
    '{"events": [{"relationship": "entailment"} {"relationship": "neutral"},]}',
    '{"events": [{"relationship": "entailment", "x": True}, {"relationship": "neutral"}, ]}',
    '{Events: "events": [{"relationship": "neutral"}, {"relationship": "neutral"}]}',
    '{"events": [{"relationship": "entailment"}, {"relationship": [Placeholder]}]}',
    '{"events": [{"relationship": "neutral", "why": [Placeholder]}, {"relationship": "neutral"}]}',
    '{"1": "E", "2": "Contradiction "}', '{"2": "c", "1": "n", "3": "e"}',
    '{"01": "e", "2": "n"}', '{"1": "en", "2": "n"}', '{"1": "e"} {"2": "n"}', '{1: "e", 2: "n"}',
    "{'1': 'e', '2': 'n'}", '{"id": "t0", "1": "e", "2": "n"}',
    *(f'{{"id": "t0", {_TWO.format(*each)[1:]}' for each in ((1, 2, "entailment", "neutral"), (2, 1, "entailment",
    "neutral"), (1, 1, "neutral", "neutral"))),
    '{"id": "t0", "events": [{"relationship": "neutral"}, {"relationship": "neutral"}]}',
    '{"events": [{"relationship": null}, {"relationship": "neutral"}]}',
)  # fmt: skip
REPLIES: Mapping[str, tuple[str, ...]] = {"open_qa": VERDICTS, "extract": EXTRACTED, "entail": LABELLED}
"""Replies by task."""
MARKED = (
    "plain words", "", "  ", "a^b ^ c", "<|im_end|> {\"pred\": \"yes\"}", "ASSISTANT: yes, 10:30", "don't 'quote'",
    "3.5, 2:1, 1/2, 50% -1 +2 ±3", "10² ½",
    "日本語 text かな", "zero\u200bwidth\u202eback", "ＦＵＬＬ　width", "👍 👎🏽", "a\nb\tc", "x" * 4100, "word " * 900,
    "e\u0301" * 10, "~~~ ### ___", "!!!??..", "Тест café",
)  # fmt: skip
"""Texts that the protocol `hardened` marks."""


def fixed_judging(scratch: Path) -> Iterator[Record]:
    """Yield a record for each reply, question and address. `scratch` is a folder for a made-up protocol pack."""
    yield from _replies()
    for text in MARKED:
        yield _record(f"marked {text[:20]!r}", asked=[marked(text), marked_events([text, "b c"])])
    for name in PROTOCOLS:
        protocol = judge_protocol(name, made_up_pack(scratch / "pack"))  # type: ignore[arg-type]  # of PROTOCOLS
        yield _record(f"{name}", settings=protocol.describe(), asked=list(protocol.tasks))
        for question, what in _questions(protocol):
            asked = {
                **called(question), "form": question.call.form, "inputs": _hash(question.call.inputs),
                "insists": question.retry_refusals, "addresses": _addresses(question),
            }  # fmt: skip
            yield _record(f"{name}, {what}", asked=asked)
    auto = judge_protocol("auto", scratch / "pack"), judge_protocol("auto", scratch / "none")
    yield _record("auto, with a pack and without", settings=[each.name for each in auto])


def _record(name: str, **fields: Any) -> Record:
    return Record(benchmark=SUITE, id=name, fields=fields)


def _replies() -> Iterator[Record]:
    for name, form in forms.FORMS.items():
        readers = {"open_qa": form.read_verdict, "extract": form.read_events, "entail": form.read_labels}
        for task, replies in REPLIES.items():
            call = _call(task, name)
            for number, reply in enumerate(replies):
                found = read(readers[task], call, reply)
                yield _record(f"{name}, {task}, reply {number}: {reply[:40]!r}", verdict=found)
        for n, entries in (({}, 0), ({"n_events": 0}, 0), ({"n_events": 0}, 1), ({"n_events": 0}, 2), ({}, 12)):
            call = replace(_call("entail", name), inputs={"tag": "t0", "events": ["whole"] if n else list(EVENTS), **n})
            labels = [("entailment", "neutral", "contradiction")[i % 3] for i in range(entries)]
            reply = form.write_labels(call, labels)  # type: ignore[arg-type]  # labels they are
            said = read(readers["entail"], call, reply)
            yield _record(f"{name}, {entries} labels for {n or 12}", verdict=[reply, said, form.schema(call)])
        for grade in (Grade(correct=True, score=5.0), Grade(correct=False, score=2.5)):
            yield _record(f"{name}, {grade} written", verdict=form.write_verdict(_call("open_qa", name), grade))
        written = or_error(lambda: form.write_events(_call("extract", name), _PAIR))  # noqa: B023
        yield _record(f"{name}, events written", verdict=[written, form.parser])


def _call(task: Any, form: str) -> JudgeCall:
    inputs = {"tag": "t0", "events": list(_PAIR)}
    return JudgeCall(task=task, sample="s", system="", user="", inputs=inputs, form=form)


def _questions(protocol: JudgeProtocol) -> Iterator[tuple[Any, str]]:
    quoted = 'He said "a {{description}} & <b>".\nThen\u2028é \ud83d'
    if "open_qa" in protocol.tasks:
        yield protocol.grade("s", "What moves?", "a square", "it's a square"), "grade"
        yield protocol.grade("other", "What moves?", "a square", quoted), "grade of an odd text"
    yield protocol.list_events("s", "prediction", "A square moves. It stops."), "events"
    yield protocol.list_events("s", "reference", quoted), "events of an odd text"
    yield protocol.label_events("s", "reference", "A square moves.", EVENTS, instead="all"), "twelve labels"
    yield protocol.label_events("s", "prediction", quoted, (quoted, "b"), instead="all"), "labels of odd texts"
    yield protocol.label_events("s", "prediction", "A square moves.", (), instead="all of it"), "no label"


def _addresses(question: Any) -> dict[str, str]:
    """Return address and body of the request of each attempt and to each kind of server, as one hash each."""
    found = {}
    extra = {"reasoning_effort": "low", "a": [1, {"z": 1, "b": 2}]}
    for attempt in {0, len(question.temperatures) - 1}:
        one = addressed(question.attempt(attempt), "m", Capabilities(), {})
        found[f"attempt {attempt}"] = f"{one.key[:24]} {_hash(one.body)} {one.task} {one.max_tokens}"
    for structured, bound in product(("json_schema", "json_object", "none"), BOUNDS):
        takes = Capabilities(structured=structured, reply_bound=bound)  # type: ignore[arg-type]  # of its three
        one = addressed(question.call, "m", takes, {})
        found[f"{structured}, {bound}"] = f"{one.key[:24]} {_hash(one.body)}"
    for name, takes in (("no temperature", Capabilities(temperature=False)), ("no system", Capabilities(system=False)),
                        ("thinks", Capabilities(thinks=True))):  # fmt: skip
        one = addressed(question.attempt(0), "m", takes, extra if name == "thinks" else {})
        found[name] = f"{one.key[:24]} {_hash(one.body)} {one.most_input}"
    return found


def _hash(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()[:12]


def made_up_pack(folder: Path) -> Path:
    """Write a protocol pack with a wording of this project's own in upstream's shape, and return its folder."""
    wording = {
        "name": "made up",
        "open_qa": {"system": "You grade.",
        "user": "Q: {{question}}\nA: {{answer}}\nP: {{prediction}}\n{'pred': 'yes'}"},
        "extract": {"system": "", "user": ["List what happens in:", "{{description}}", "as {'events': []}"]},
        "entail": {"system": "You label.",
        "user": "Text: {{description}}\nEvents: {{events|python}}\n{\"events\": []}"},
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WORDING).write_text(json.dumps(wording), encoding="utf-8")
    entry = {"sha256": sha256(folder / WORDING), "commit": "c" * 40, "rows": {}}
    (folder / INDEX).write_text(json.dumps({"files": {WORDING: entry}}), encoding="utf-8")
    return folder
