"""The wording of judge calls, as data: scores are only comparable if their judges had the same wording.

A wording is a JSON file:

    {"name": "native",
     "open_qa": {"system": "", "user": ["Question: {{question|json}}", "..."]},
     "extract": {"system": "", "user": "... {{description|json}} ..."},
     "entail": {"system": "", "user": "... {{description|json}} ... {{events|numbered}} ..."}}

A text may be a list of its lines. `{{slot}}` is replaced by the input unchanged, `{{slot|json}}` by its JSON string, in
which an untrusted text cannot close its quotation, and `{{slot|marked}}` by its form in eval/judges/hardening.py. A
list of events is written as `json`, as `python` (its repr), or `numbered` or `marked`, one event per line. `{{tag}}`
may appear anywhere; it is a word specific to the call. All other text is literal, including single braces.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from eval.errors import DataError, did_you_mean
from eval.judges.calls import JudgeTask
from eval.judges.hardening import MARKING, marked, marked_events
from eval.readers.malformed import printable
from eval.readers.pack import DEFAULT_PACK, REMEDY, open_pack
from eval.readers.parsing import NotJSONError, parsed, whole

_HERE = Path(__file__).parent
_SLOT = re.compile(r"\{\{(\w+)(?:\|(\w+))?\}\}")

_TAG = "tag"
_SLOTS: dict[JudgeTask, tuple[str, ...]] = {
    "open_qa": ("question", "answer", "prediction"),
    "extract": ("description",),
    "entail": ("description", "events"),
}


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _as_numbered(events: Sequence[str]) -> str:
    return "\n".join(f"{number}. {' '.join(event.split())}" for number, event in enumerate(events, 1))


_TEXT_FORMS: dict[str, Callable[[Any], str]] = {"": str, "json": _as_json, "marked": marked}
_LIST_FORMS: dict[str, Callable[[Any], str]] = {
    "json": _as_json,
    "numbered": _as_numbered,
    "python": lambda events: repr(list(events)),
    "marked": marked_events,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The two messages of a call, with slots for inputs."""

    system: str
    """System message; "" for none."""
    user: str
    """User message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """The complete wording of a judge's questions."""

    name: str
    """Name of the wording in results."""
    open_qa: Template
    """Messages that ask for a grade; slots question, answer, prediction."""
    extract: Template
    """Messages that ask for the events of a description; slot description."""
    entail: Template
    """Messages that ask for a label per event; slots description, events."""

    @property
    def sha256(self) -> str:
        """Hash over the whole wording, and over the marking rules where they are used."""
        text = json.dumps(asdict(self), sort_keys=True)
        rules = MARKING if "|marked}}" in text else ""
        return hashlib.sha256((text + rules).encode()).hexdigest()

    def template(self, task: JudgeTask) -> Template:
        """Return the messages of a task."""
        template: Template = getattr(self, task)
        return template

    def has_tag(self, task: JudgeTask) -> bool:
        """Whether a task's messages contain a tag, which the reply must then repeat."""
        template = self.template(task)
        return f"{{{{{_TAG}}}}}" in template.system + template.user

    def fill(self, task: JudgeTask, inputs: Mapping[str, Any]) -> tuple[str, str]:
        """Return system and user message. Slots are filled in one pass, so a slot name in an input stays unchanged."""
        template = self.template(task)

        def filled(slot: re.Match[str]) -> str:
            return _forms(slot[1])[slot[2] or ""](inputs[slot[1]])

        return _SLOT.sub(filled, template.system), _SLOT.sub(filled, template.user)


def load_wording(path: Path) -> Wording:
    """Read a wording from a JSON file. Raises DataError where it does not fit the form above."""
    if not path.exists():
        raise DataError(f"{path} does not exist; give the JSON file of a wording, or leave it out")
    try:
        return wording_of(parsed(whole(path)), str(path))
    except NotJSONError as error:
        raise DataError(f"{path}: cannot be read as JSON: {printable(str(error))}") from error


def wording_of(found: object, place: str) -> Wording:
    """Return the wording in such a file's content. Raises DataError, naming the place, where it does not fit."""
    keys = {"name", *_SLOTS}
    if not isinstance(found, dict) or set(found) != keys or not isinstance(found["name"], str) or not found["name"]:
        raise DataError(f"{place}: a wording is an object with exactly {', '.join(sorted(keys))}, and a text as name")
    return Wording(
        name=found["name"],
        open_qa=_template(found["open_qa"], "open_qa", place),
        extract=_template(found["extract"], "extract", place),
        entail=_template(found["entail"], "entail", place),
    )


@cache
def native_wording() -> Wording:
    """Return this project's own wording."""
    return load_wording(_HERE / "native.json")


@cache
def hardened_wording() -> Wording:
    """Return the wording that keeps predictions apart from everything else and asks for a tag in the reply."""
    return load_wording(_HERE / "hardened.json")


@cache
def indexed_wording() -> Wording:
    """Return the native wording, except that labels are requested as numbers and letters."""
    return load_wording(_HERE / "indexed.json")


def upstream_wording(pack: Path | None = None, *, required: bool) -> Wording | None:
    """Return upstream's wording from an imported protocol pack, or None where there is no pack.

    Args:
        pack: The pack's folder; None for the default one.
        required: Whether a missing pack is an error.

    Raises DataError for a missing pack if `required`, and for a pack that was changed since it was imported.
    """
    found = open_pack(pack or DEFAULT_PACK)
    if found is not None:
        return load_wording(found.judge_wording())
    if required:
        raise DataError(f"The protocol upstream needs upstream's wording in a protocol pack; {REMEDY}")
    return None


def _template(value: object, task: JudgeTask, place: str) -> Template:
    if not isinstance(value, dict) or set(value) != {"system", "user"}:
        raise DataError(f"{place}: {task!r} must be an object with exactly 'system' and 'user'")
    template = Template(
        system=_text(value["system"], f"{place}: {task}.system"), user=_text(value["user"], f"{place}: {task}.user")
    )
    used = set()
    for name, form in _SLOT.findall(template.system + template.user):
        if name == _TAG and not form:
            continue
        if name not in _SLOTS[task]:
            raise DataError(f"{place}: {task} has a slot {name!r}. {did_you_mean(name, _SLOTS[task])}")
        if form not in _forms(name):
            known = [known or "(none)" for known in _forms(name)]
            raise DataError(f"{place}: {task} writes {name!r} in the form {form!r}. {did_you_mean(form, known)}")
        used.add(name)
    missing = [name for name in _SLOTS[task] if name not in used]
    if missing:
        raise DataError(f"{place}: {task} never says {{{{{missing[0]}}}}}; without it the judge cannot answer")
    return template


def _text(value: object, place: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    raise DataError(f"{place} must be a text, or a list of its lines")


def _forms(slot: str) -> dict[str, Callable[[Any], str]]:
    return _LIST_FORMS if slot == "events" else _TEXT_FORMS
