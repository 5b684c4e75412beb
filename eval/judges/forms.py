"""The forms of a judge's reply: its JSON schema, its parser, and a writer for judges without a model.

Each form has a parser: `parser` is its name with a version, which is part of a score's identity, so increment it
with any change of the accepted replies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from eval.errors import ConfigError, did_you_mean
from eval.judges import replies, structured
from eval.judges.calls import LABELS, Grade, JudgeCall, Label, UnreadableReplyError
from eval.judges.hardening import MARKER


def _object(**properties: Any) -> dict[str, Any]:
    """Return the schema of an object with exactly these keys, as servers with strict schemas require it."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_EVENTS = {"type": "array", "items": {"type": "string"}}
_VERDICT = {"pred": {"type": "string", "enum": ["yes", "no"]}, "score": {"type": "integer", "enum": [0, 1, 2, 3, 4, 5]}}
_LABELLED = {
    "type": "array",
    "items": _object(event={"type": "integer"}, relationship={"type": "string", "enum": list(LABELS)}),
}


def _written(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


class Native:
    """JSON with a schema: a grade, a list of events, or labels with their events' numbers."""

    name = "native"
    parser = "native-1"

    def schema(self, call: JudgeCall) -> Mapping[str, Any] | None:
        """Return the JSON schema of the reply, or None where the form has none."""
        if call.task == "open_qa":
            return _object(**_VERDICT)
        return _object(events=_EVENTS if call.task == "extract" else _LABELLED)

    def read_verdict(self, call: JudgeCall, reply: str) -> Grade:  # noqa: ARG002
        """Read a grade. Raises UnreadableReplyError, as the other readers do."""
        return structured.verdict(structured.read_object(reply))

    def read_events(self, call: JudgeCall, reply: str) -> tuple[str, ...]:  # noqa: ARG002
        """Read a list of events."""
        return structured.events(structured.read_object(reply))

    def read_labels(self, call: JudgeCall, reply: str) -> tuple[Label, ...]:
        """Read one label per event, in the order of the call's events."""
        return structured.labels(structured.read_object(reply), n_labels(call), indexed=False)

    def write_verdict(self, call: JudgeCall, verdict: Grade) -> str:  # noqa: ARG002
        """Write a grade in the form that read_verdict accepts."""
        score = int(verdict.score) if verdict.score == int(verdict.score) else verdict.score
        return _written({"pred": "yes" if verdict.correct else "no", "score": score})

    def write_events(self, call: JudgeCall, events: Sequence[str]) -> str:  # noqa: ARG002
        """Write events in the form that read_events accepts."""
        return _written({"events": list(events)})

    def write_labels(self, call: JudgeCall, labels: Sequence[Label]) -> str:  # noqa: ARG002
        """Write labels in the form that read_labels accepts."""
        return _written({"events": [{"event": i, "relationship": label} for i, label in enumerate(labels, 1)]})


class Upstream(Native):
    """Upstream's form, by its own rules and without a schema: eval/judges/replies.py."""

    name = "upstream"
    parser = replies.PARSER

    def schema(self, call: JudgeCall) -> None:  # noqa: ARG002
        """Return None: upstream asks for no structured output."""
        return

    def read_verdict(self, call: JudgeCall, reply: str) -> Grade:  # noqa: ARG002
        """Read a grade."""
        return replies.read_verdict(reply)

    def read_events(self, call: JudgeCall, reply: str) -> tuple[str, ...]:  # noqa: ARG002
        """Read a list of events."""
        return replies.read_events(reply)

    def read_labels(self, call: JudgeCall, reply: str) -> tuple[Label, ...]:
        """Read one label per event; where the whole text replaces an empty list of events, read one label or none."""
        return replies.read_labels(reply, n_labels(call))


class Tagged(Native):
    """The native form with a tag that only the wording states, which a quoted or foreign reply does not contain."""

    name = "tagged"
    parser = "tagged-1"

    def schema(self, call: JudgeCall) -> Mapping[str, Any]:
        """Return the native schema with a free `id`, since a tag filled in by the server would prove nothing."""
        native = super().schema(call)
        return _object(id={"type": "string"}, **(native or {})["properties"])

    def read_verdict(self, call: JudgeCall, reply: str) -> Grade:
        """Read a grade."""
        return structured.verdict(self._own(call, reply))

    def read_events(self, call: JudgeCall, reply: str) -> tuple[str, ...]:
        """Read a list of events; a copied marker becomes a space."""
        events = (event.replace(MARKER, " ").strip() for event in structured.events(self._own(call, reply)))
        return tuple(event for event in events if event)

    def read_labels(self, call: JudgeCall, reply: str) -> tuple[Label, ...]:
        """Read one label per event, each with its event's number."""
        return structured.labels(self._own(call, reply), n_labels(call), indexed=True)

    def write_verdict(self, call: JudgeCall, verdict: Grade) -> str:
        """Write a grade in the form that read_verdict accepts."""
        return self._tagged(call, super().write_verdict(call, verdict))

    def write_events(self, call: JudgeCall, events: Sequence[str]) -> str:
        """Write events in the form that read_events accepts."""
        return self._tagged(call, super().write_events(call, events))

    def write_labels(self, call: JudgeCall, labels: Sequence[Label]) -> str:
        """Write labels in the form that read_labels accepts."""
        return self._tagged(call, super().write_labels(call, labels))

    def _own(self, call: JudgeCall, reply: str) -> dict[str, Any]:
        found = structured.read_object(reply)
        if found.get("id") != call.inputs["tag"]:
            raise UnreadableReplyError(f"'id' is {structured.shown(found.get('id'))}, not the tag of this call")
        return found

    def _tagged(self, call: JudgeCall, native: str) -> str:
        return _written({"id": call.inputs["tag"], **json.loads(native)})


class Indexed(Native):
    """Labels by number and first letter, {"1": "e", "2": "n"}: a few tokens per event. The rest is native."""

    name = "indexed"
    parser = "indexed-1"
    _LETTERS: Mapping[str, Label] = {label[0]: label for label in LABELS}

    def schema(self, call: JudgeCall) -> Mapping[str, Any] | None:
        """Return the JSON schema of the reply."""
        if call.task != "entail":
            return super().schema(call)
        letter = {"type": "string", "enum": list(self._LETTERS)}
        return _object(**{str(number): letter for number in range(1, n_labels(call) + 1)})

    def read_labels(self, call: JudgeCall, reply: str) -> tuple[Label, ...]:
        """Read one letter per event."""
        found, wanted = structured.read_object(reply), [str(number) for number in range(1, n_labels(call) + 1)]
        if sorted(found) != sorted(wanted):
            raise UnreadableReplyError(f"the labels are for {structured.shown(list(found))}, not 1 to {len(wanted)}")
        return tuple(self._label(found[number]) for number in wanted)

    def write_labels(self, call: JudgeCall, labels: Sequence[Label]) -> str:  # noqa: ARG002
        """Write labels in the form that read_labels accepts."""
        return _written({str(number): label[0] for number, label in enumerate(labels, 1)})

    def _label(self, value: object) -> Label:
        found = self._LETTERS.get(value.strip().lower()) if isinstance(value, str) else None
        return found or structured.label(value)


Form = Native
"""Any form; the others are subclasses of the native one."""

FORMS: Mapping[str, Form] = {form.name: form for form in (Native(), Upstream(), Tagged(), Indexed())}
"""Every form by name."""


def n_labels(call: JudgeCall) -> int:
    """Return the number of labels that a call asks for; 0 where the whole text replaces an empty list of events."""
    return int(call.inputs.get("n_events", len(call.inputs["events"])))


def form(name: str) -> Form:
    """Return the form of that name. Raises ConfigError for an unknown name."""
    if name not in FORMS:
        raise ConfigError(f"Unknown form of reply {name!r}. {did_you_mean(name, FORMS)}")
    return FORMS[name]
