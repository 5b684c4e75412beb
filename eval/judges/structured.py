"""Read a JSON object from a judge's reply: tolerant of wrapping, strict about a second answer.

Servers that cannot enforce a schema send JSON in a fence, after an introductory sentence or visible reasoning, or with
Python's quotes. All of these are read. But a reply may also repeat the prediction, which may hold its own verdict, so
no object is searched for: an object counts only where it begins a line, ends the reply, and is the first in it.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from eval.judges.calls import LABELS, Grade, Label, UnreadableReplyError
from eval.judges.literals import MAX_CHARS, read_literal
from eval.readers.malformed import whole_characters

MAX_JSON_CHARS = 262_144
"""Maximum characters of a reply that is read; thirty copied events with reasons take some 15,000 characters."""
MAX_EVENTS = 50
"""Maximum number of events read from one description; the judge is asked for ten."""

_QUOTATION = (
    "so that it may be a quotation (a server that holds replies to a schema prevents it, and often a parameter in "
    "judge.extra, such as one that turns thinking off)"
)
_THINKING = re.compile(r"\A\s*<think>.*</think>", re.DOTALL)
_HEADING = re.compile(r"\W*(?:(?:json|output|verdict|reply|response|result)\W*)?", re.IGNORECASE)
"""Text that may precede an object on its own line; "the candidate says:" must not."""
_FENCE = re.compile(r"\A```[A-Za-z]*[^\S\n]*\n(.*)```\Z", re.DOTALL)


def read_object(reply: str) -> dict[str, Any]:
    """Return the one JSON object of a reply. Raises UnreadableReplyError where there is none, or more than one."""
    if len(reply) > MAX_JSON_CHARS:
        raise UnreadableReplyError(f"{len(reply)} characters are too long for an answer; {MAX_JSON_CHARS} are read")
    if reply.count("</think>") > 1:
        raise UnreadableReplyError("the end of its thinking comes twice; where the answer begins cannot be told")
    text = _THINKING.sub("", reply).strip()
    fenced = _FENCE.match(text)
    found = _whole((fenced[1] if fenced else text).strip())
    if found is None:
        found = _last(text)
    if not isinstance(found, dict):
        raise UnreadableReplyError(f"a {type(found).__name__}, no object")
    if not all(isinstance(key, str) for key in found):
        raise UnreadableReplyError("a key that is not text")
    return found


def verdict(found: Mapping[str, Any]) -> Grade:
    """Read a grade: yes or no as `pred`, whatever its case, and a number from 0 to 5 as `score`."""
    pred, score = _value(found, "pred"), _value(found, "score")
    word = (
        pred.strip().lower()
        if isinstance(pred, str)
        else {True: "yes", False: "no"}.get(pred)
        if _is_bool(pred)
        else ""
    )
    if word not in ("yes", "no"):
        raise UnreadableReplyError(f"'pred' is {shown(pred)}, neither yes nor no")
    if isinstance(score, str) and re.fullmatch(r"\s*[0-5](\.\d+)?\s*", score):
        score = float(score)
    if _is_bool(score) or not isinstance(score, int | float) or not 0 <= score <= 5:
        raise UnreadableReplyError(f"'score' is {shown(score)}, no number from 0 to 5")
    return Grade(correct=word == "yes", score=float(score))


def events(found: Mapping[str, Any]) -> tuple[str, ...]:
    """Read a list of texts as `events`, without empty ones."""
    listed = _list(found)
    if len(listed) > MAX_EVENTS:
        raise UnreadableReplyError(f"{len(listed)} events; a description has {MAX_EVENTS} at the most")
    for event in listed:
        if not isinstance(event, str):
            raise UnreadableReplyError(f"{shown(event)} is not text")
    return tuple(whole_characters(event.strip()) for event in listed if event.strip())


def labels(found: Mapping[str, Any], n_events: int, *, indexed: bool) -> tuple[Label, ...]:
    """Read one {"event": number, "relationship": label} per event, in any order.

    Args:
        found: The reply's object.
        n_events: Number of events in the call.
        indexed: Whether each entry must give its event's number; otherwise entries without any event number are read in
            their given order.
    """
    entries = _list(found)
    if len(entries) != n_events:
        raise UnreadableReplyError(f"{len(entries)} labels for {n_events} events")
    numbers: list[int | None] = []
    read: list[Label] = []
    for entry in entries:
        if not isinstance(entry, dict):
            raise UnreadableReplyError(f"{shown(entry)} is not an object with a relationship")
        numbers.append(_number(entry.get("event")))
        read.append(label(entry.get("relationship")))
    if not indexed and not any("event" in entry for entry in entries):
        return tuple(read)
    return _in_order(numbers, read)


def label(value: object) -> Label:
    """Read a label, ignoring its case and the space around it."""
    word = value.strip().lower() if isinstance(value, str) else ""
    found = next((known for known in LABELS if known == word), None)
    if found is None:
        raise UnreadableReplyError(f"{shown(value)} is none of {', '.join(LABELS)}")
    return found


def shown(value: object) -> str:
    """Return a value for a message; some hostile values have no printable form: too many digits, too deep a nesting."""
    try:
        return repr(value)[:60]
    except (ValueError, RecursionError):
        return f"a {type(value).__name__}"


def _in_order(numbers: Sequence[int | None], read: Sequence[Label]) -> tuple[Label, ...]:
    by_number = dict(zip(numbers, read, strict=True))
    wanted = list(range(1, len(read) + 1))
    if sorted(by_number, key=lambda number: number or 0) != wanted:
        raise UnreadableReplyError(f"the events are numbered {shown(list(numbers))}, not 1 to {len(read)}")
    return tuple(by_number[number] for number in wanted)


def _number(value: object) -> int | None:
    if isinstance(value, int) and not _is_bool(value):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"\s*\d{1,3}\s*", value) else None


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _value(found: Mapping[str, Any], key: str) -> Any:
    if key not in found:
        raise UnreadableReplyError(f"no {key!r} in it")
    return found[key]


def _list(found: Mapping[str, Any]) -> list[Any]:
    listed = _value(found, "events")
    if not isinstance(listed, list):
        raise UnreadableReplyError(f"'events' is a {type(listed).__name__}, no list")
    return listed


def _whole(text: str) -> object:
    """Return the value of a text as JSON or as a Python literal; None where it is neither."""
    try:
        return _DECODER.decode(text)
    except UnreadableReplyError:
        raise
    except (ValueError, RecursionError):
        pass
    if not text.startswith("{") or len(text) > MAX_CHARS:
        return None
    try:
        found = read_literal(text)
    except UnreadableReplyError:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text, mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
            _once([(str(key), None) for key in keys])
    return found


def _last(text: str) -> dict[str, Any]:
    """Return the object at the end of a text, if it begins a line and the text has no other brace."""
    body = text.removesuffix("```").rstrip()
    at = body.find("{")
    if at < 0:
        raise UnreadableReplyError("no JSON object")
    try:
        found, end = _DECODER.raw_decode(body, at)
    except UnreadableReplyError:
        raise
    except (ValueError, RecursionError) as error:
        raise UnreadableReplyError(f"no JSON object: {error}") from error
    if end != len(body):
        raise UnreadableReplyError(f"text follows the first object, {_QUOTATION}")
    line = body[:at].rpartition("\n")[2]
    if not _HEADING.fullmatch(line):
        raise UnreadableReplyError(f"the object stands within a sentence, {_QUOTATION}")
    return dict(found)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; refuse one with the same key twice, since it holds two answers."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableReplyError("a key comes twice")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)
