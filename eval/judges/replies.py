"""Parse a judge's reply by upstream's rules, branch for branch, without guessing beyond them.

The whole reply has to be the answer. Nothing is searched for in it, since a reply may repeat the prediction, and
that may hold a verdict of its own. Sources: evaluation/metrics/evaluate_qa_oe_gpt.py and evaluate_dream_gpt.py of
github.com/bytedance/tarsier, the same on both branches.
"""

from __future__ import annotations

import json
from typing import cast

from eval.judges.calls import LABELS, Grade, Label, UnreadableReplyError
from eval.judges.literals import read_literal
from eval.judges.structured import MAX_JSON_CHARS, shown

PARSER = "upstream-1"
"""Version of these rules; part of a score's identity, so increment it with any change of the accepted replies."""

_REPAIRS = (
    ("True", "true"),
    ("False", "false"),
    ("} {", "}, {"),
    ("}{", "}, {"),
    (", }", "}"),
    (",}", "}"),
    (", ]", "]"),
    (",]", "]"),
    ("[Placeholder]", "null"),
    ("{Events:", ""),
)
"""Upstream's replacements before it reads labels, in its order; they also apply inside quoted texts."""


class WrittenEvent(str):
    """The text of an event that Python writes otherwise than a text: a number, or half characters that were escaped.

    Upstream sends a list of events to the judge as Python writes it.
    """

    __slots__ = ("_shown",)
    _shown: str

    @classmethod
    def of(cls, event: object) -> str:
        """Return the text of an event. Raises ValueError for a number of thousands of digits."""
        text, written = _whole(str(event)), repr(event)
        if repr(text) == written:
            return text
        found = cls(text)
        found._shown = written
        return found

    def __repr__(self) -> str:
        return self._shown


def read_verdict(reply: str) -> Grade:
    """Read a grade: a Python dict with `pred` exactly "yes" or "no" and a number from 0 to 5 as `score`.

    JSON that is also a Python dict is read; a fence, a capital, a number in quotes or a further word is not. True
    and False are the numbers 1 and 0, as Python has it. Raises UnreadableReplyError.
    """
    found = _as_dict(read_literal(reply), "pred", "score")
    pred, score = found["pred"], found["score"]
    if pred not in ("yes", "no"):
        raise UnreadableReplyError(f"'pred' is {shown(pred)}, neither 'yes' nor 'no'")
    if not isinstance(score, int | float) or not 0 <= score <= 5:
        raise UnreadableReplyError(f"'score' is {shown(score)}, no number from 0 to 5")
    return Grade(correct=pred == "yes", score=float(score))


def read_events(reply: str) -> tuple[str, ...]:
    """Read a list of events: a Python dict, fenced as json or python or bare, with a list of texts as `events`.

    Only the first item has to be a text, as upstream has it. Raises UnreadableReplyError.
    """
    events = _as_dict(read_literal(_unfenced(reply)), "events")["events"]
    if not isinstance(events, list):
        raise UnreadableReplyError(f"'events' is a {type(events).__name__}, no list")
    if events and not isinstance(events[0], str):
        raise UnreadableReplyError(f"the first event is a {type(events[0]).__name__}, no text")
    try:
        return tuple(map(WrittenEvent.of, events))
    except ValueError as error:
        raise UnreadableReplyError(f"an event that cannot be written out: {error}") from error


def read_labels(reply: str, n_events: int) -> tuple[Label, ...]:
    """Read one label per event: JSON, after upstream's repairs, with a list of {"relationship": label} as `events`.

    Args:
        reply: The raw reply.
        n_events: Number of events in the call; for 0 the whole text replaces them, and one label or none
            is an answer.

    The case of a label and the space around it do not matter. Raises UnreadableReplyError, also where one label of
    several is not among the three.
    """
    if len(reply) > MAX_JSON_CHARS:
        raise UnreadableReplyError(f"{len(reply)} characters are too long for an answer; {MAX_JSON_CHARS} are read")
    try:
        found = json.loads(_repaired(reply))
    except (ValueError, RecursionError) as error:
        raise UnreadableReplyError(f"no JSON: {error}") from error
    events = _as_dict(found, "events")["events"]
    # Upstream also counts the entries of an object and the letters of a text, but can read only empty ones.
    if not isinstance(events, list) and events not in ({}, ""):
        raise UnreadableReplyError(f"'events' is a {type(events).__name__}, no list")
    if len(events) != n_events and (n_events, len(events)) != (0, 1):
        raise UnreadableReplyError(f"{len(events)} labels for {n_events} events")
    return tuple(_label(event) for event in events)


def _label(event: object) -> Label:
    relationship = event.get("relationship") if isinstance(event, dict) else None
    label = relationship.strip().lower() if isinstance(relationship, str) else relationship
    if label not in LABELS:
        raise UnreadableReplyError(f"{shown(relationship)} is none of {', '.join(LABELS)}")
    return cast("Label", label)


def _as_dict(found: object, *keys: str) -> dict[object, object]:
    if not isinstance(found, dict):
        raise UnreadableReplyError(f"a {type(found).__name__}, no dict")
    for key in keys:
        if key not in found:
            raise UnreadableReplyError(f"no {key!r} in it")
    return found


def _unfenced(text: str) -> str:
    for fence in ("```json", "```python"):
        if text.startswith(fence):
            return text.replace(fence, "").replace("```", "").strip()
    return text


def _repaired(reply: str) -> str:
    text = _unfenced(" ".join(reply.split()))
    text = text if text.startswith("{") else "{" + text
    text = text if text.endswith("}") else text + "}"
    for wrong, right in _REPAIRS:
        text = text.replace(wrong, right)
    return text.strip()


def _whole(text: str) -> str:
    """Join surrogate pairs that JSON's escapes split in two and Python's do not join again."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
