r"""The prompts for questions from official files.

Their structure is that of upstream's rows, which the published numbers are based on: roles, `<video>` first, options by
letter, a begun answer. The instruction sentences are this project's own. A protocol pack (eval/readers/pack.py) can
replace them by upstream's; every run records the wording used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from string import Formatter, ascii_uppercase
from typing import Literal

from eval.errors import DataError

PromptForm = Literal["mvbench", "nextqa", "egoschema", "open_qa", "caption", "description"]
"""The forms of prompts."""

OWN: dict[PromptForm, str] = {
    "mvbench": "USER: <video>\nQuestion: {question}\n{options}ASSISTANT: Answer: (",
    "nextqa": "USER: <video> {question}\n{options}ASSISTANT: Answer: (",
    "egoschema": (
        "USER: <video> The camera is worn by the person called c.\nQuestion: {question}\nOptions:\n{options}"
        "Reply with one option letter.\nASSISTANT: Answer: ("
    ),
    "open_qa": (
        "USER: <video> Answer the question in a few words, then describe the video. Question: {question}\n"
        "ASSISTANT:\nAnswer: In the video,"
    ),
    "caption": "USER: <video>\nCaption the video in one short sentence. ASSISTANT: ",
    # Unwrapped, as in upstream's rows: the model adds the turn.
    "description": "<video>\nDescribe the video in detail.",
}
r"""Templates; `{options}` stands for lines `(A) text\n`."""

SLOTS = frozenset({"question", "options"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptWording:
    """The wording of prompts, with name and hash, so that two runs can be told apart."""

    name: str
    """`own`, `upstream` (from a protocol pack), or `rows of <file>` where the prompts came with the annotations."""
    sha256: str
    """Hash of the template, or of the file of rows."""
    template: str | None = field(default=None, repr=False)
    """The template; None where the prompts came with the annotations."""
    place: str = field(default="", repr=False)
    """The file or folder that it was read from."""

    def ask(self, question: str, options: Sequence[str]) -> str:
        """Return the prompt of a question; captions and descriptions have no question."""
        assert self.template is not None, "prompts that come with the annotations are sent as they stand"
        return self.template.format(question=question, options=lettered(options))


def wording(name: str, template: str, place: str = "") -> PromptWording:
    """Return a template as wording. Raises DataError where it has slots other than question and options."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise DataError(f"wording {name}: not a template ({error}); import it again") from None
    slots = {slot for _, slot, _, _ in parts if slot is not None}
    if any(spec or conversion for _, _, spec, conversion in parts):
        raise DataError(f"wording {name}: a slot is its name alone, without what follows '!' or ':'; import it again")
    if "<video>" not in template or not slots <= SLOTS:
        raise DataError(f"wording {name}: needs <video> and no slots but {sorted(SLOTS)}, not {sorted(slots)}")
    sha256 = hashlib.sha256(template.encode()).hexdigest()
    return PromptWording(name=name, sha256=sha256, template=template, place=place)


def lettered(options: Sequence[str]) -> str:
    """Return the options, one a line, each after its letter in brackets."""
    return "".join(f"({letter}) {option}\n" for letter, option in zip(ascii_uppercase, options, strict=False))
