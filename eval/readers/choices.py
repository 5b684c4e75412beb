"""Multiple-choice questions as upstream puts them: options by letter, and an answer begun for the model.

The model continues `ASSISTANT: Answer: (`, so that the first character of its output is the option letter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_uppercase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eval.readers.rows import Row

_OPTION = re.compile(r"^\(([A-Z])\)[ \t]*(.*)$", re.MULTILINE)


def choice_prompt(question: str, options: Sequence[str]) -> str:
    r"""Return the prompt of a multiple-choice question.

    `question` follows `<video>` as it stands, so it brings its own separator and introduction:
    `"\nQuestion: ..."` for MVBench and Video-MME, `" ..."` for NeXT-QA.
    """
    return f"USER: <video>{question}\n{lettered(options)}\nASSISTANT: Answer: ("


def lettered(options: Sequence[str]) -> str:
    """Return the options one a line, each behind its letter in brackets."""
    return "\n".join(f"({letter}) {option}" for letter, option in zip(ascii_uppercase, options, strict=False))


def read_options(prompt: str) -> tuple[str, ...]:
    """Return the option texts that a prompt lists as `(A) ...` lines, or () where it lists fewer than two.

    Only an unbroken run of letters from A counts, and the last such run, since a question may quote one.
    """
    options: list[str] = []
    for letter, text in _OPTION.findall(prompt):
        if letter == "A":
            options = [text.strip()]
        elif options and len(options) < 26 and letter == ascii_uppercase[len(options)]:
            options.append(text.strip())
    return tuple(options) if len(options) > 1 else ()


def answer_letter(row: Row, answer: str, options: Sequence[str], field: str = "answer") -> str:
    """Return the letter of the option whose text is the answer. Raises DataError where there is none.

    Where two options read the same, the first counts, as in the official MVBench code.
    """
    if answer not in options:
        raise row.error(field, f"is {answer!r}, which is none of the options {list(options)}; correct it in the file")
    return ascii_uppercase[list(options).index(answer)]


def index_letter(row: Row, index: float | None, options: Sequence[str], field: str = "answer") -> str:
    """Return the letter of the option at a 0-based index. Raises DataError where there is no such option."""
    if index is None or index != int(index) or not 0 <= index < len(options):
        raise row.error(field, f"is {index}, expected the index of one of {len(options)} options, counted from 0")
    return ascii_uppercase[int(index)]
