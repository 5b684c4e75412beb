"""The words in which a judge is asked, as data: a score is only comparable with one that was asked for alike.

A wording is a JSON file:

    {"name": "native",
     "open_qa": {"system": "", "user": ["Question: {{question|json}}", "..."]},
     "extract": {"system": "", "user": "... {{description|json}} ..."},
     "entail": {"system": "", "user": "... {{description|json}} ... {{events|numbered}} ..."}}

A text may be a list of its lines. `{{slot}}` is replaced by the input as it is, `{{slot|json}}` by its JSON string,
inside which an untrusted text cannot close its own quotation; a list of events is written as `json`, as `python`
(its repr), or `numbered`, one event a line. Everything else stands for itself, single braces too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from eval.errors import DataError, did_you_mean
from eval.readers.pack import DEFAULT_PACK, REMEDY, open_pack

JudgeTask = Literal["open_qa", "extract", "entail"]
"""What a judge is asked for."""

_SLOT = re.compile(r"\{\{(\w+)(?:\|(\w+))?\}\}")

_SLOTS: dict[JudgeTask, tuple[str, ...]] = {
    "open_qa": ("question", "answer", "prediction"),
    "extract": ("description",),
    "entail": ("description", "events"),
}


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _as_numbered(events: Sequence[str]) -> str:
    return "\n".join(f"{number}. {' '.join(event.split())}" for number, event in enumerate(events, 1))


_TEXT_FORMS: dict[str, Callable[[Any], str]] = {"": str, "json": _as_json}
_LIST_FORMS: dict[str, Callable[[Any], str]] = {
    "json": _as_json,
    "numbered": _as_numbered,
    "python": lambda events: repr(list(events)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The two messages of a call, with slots."""

    system: str
    """System message; "" for none."""
    user: str
    """User message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What a judge is asked, in full."""

    name: str
    """What results call it."""
    open_qa: Template
    """Asks for a grade; slots question, answer, prediction."""
    extract: Template
    """Asks for the events of a description; slot description."""
    entail: Template
    """Asks for a label an event; slots description, events."""

    @property
    def sha256(self) -> str:
        """Hash over all of it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def template(self, task: JudgeTask) -> Template:
        """Return the messages of a task."""
        templates: dict[JudgeTask, Template] = {"open_qa": self.open_qa, "extract": self.extract, "entail": self.entail}
        return templates[task]

    def fill(self, task: JudgeTask, inputs: Mapping[str, Any]) -> tuple[str, str]:
        """Return system and user message. Slots are filled in one pass, so an input that names one stays as it is."""
        template = self.template(task)

        def filled(slot: re.Match[str]) -> str:
            return _forms(slot[1])[slot[2] or ""](inputs[slot[1]])

        return _SLOT.sub(filled, template.system), _SLOT.sub(filled, template.user)


def load_wording(path: Path) -> Wording:
    """Read a wording from a JSON file. Raises DataError where one does not fit the form above."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; give the JSON file of a wording, or leave it out") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}") from error
    keys = {"name", *_SLOTS}
    if not isinstance(found, dict) or set(found) != keys or not isinstance(found["name"], str) or not found["name"]:
        raise DataError(f"{path}: a wording is an object with exactly {', '.join(sorted(keys))}, and a text as name")
    return Wording(
        name=found["name"],
        open_qa=_template(found["open_qa"], "open_qa", path),
        extract=_template(found["extract"], "extract", path),
        entail=_template(found["entail"], "entail", path),
    )


@cache
def native_wording() -> Wording:
    """Return this project's own wording."""
    return load_wording(Path(__file__).with_name("native.json"))


def judge_wording(which: Literal["auto", "native", "upstream"] = "auto", pack: Path | None = None) -> Wording:
    """Return the wording that judges are asked with.

    Args:
        which: `upstream` is that of the imported protocol pack, `native` this project's own; `auto` takes
            upstream's where a pack was imported, since published numbers rest on it.
        pack: The pack's folder; None for the default one.

    Raises DataError where upstream's is asked for and there is no pack, or where the pack was changed.
    """
    if which == "native":
        return native_wording()
    found = open_pack(pack or DEFAULT_PACK)
    if found is None:
        if which == "upstream":
            raise DataError(f"wording=upstream needs a protocol pack; {REMEDY}")
        return native_wording()
    return load_wording(found.judge_wording())


def _template(value: object, task: JudgeTask, path: Path) -> Template:
    if not isinstance(value, dict) or set(value) != {"system", "user"}:
        raise DataError(f"{path}: {task!r} must be an object with exactly 'system' and 'user'")
    template = Template(
        system=_text(value["system"], f"{path}: {task}.system"), user=_text(value["user"], f"{path}: {task}.user")
    )
    used = set()
    for name, form in _SLOT.findall(template.system + template.user):
        if name not in _SLOTS[task]:
            raise DataError(f"{path}: {task} has a slot {name!r}. {did_you_mean(name, _SLOTS[task])}")
        if form not in _forms(name):
            known = [known or "(none)" for known in _forms(name)]
            raise DataError(f"{path}: {task} writes {name!r} in the form {form!r}. {did_you_mean(form, known)}")
        used.add(name)
    missing = [name for name in _SLOTS[task] if name not in used]
    if missing:
        raise DataError(f"{path}: {task} never says {{{{{missing[0]}}}}}; without it the judge cannot answer")
    return template


def _text(value: object, place: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    raise DataError(f"{place} must be a text, or a list of its lines")


def _forms(slot: str) -> dict[str, Callable[[Any], str]]:
    return _LIST_FORMS if slot == "events" else _TEXT_FORMS
