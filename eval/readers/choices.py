"""The options and answers of multiple-choice questions, read and checked.

Answers come as a letter, as the text of an option, or as its index; all are returned as a letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from string import ascii_uppercase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eval.readers.rows import Row

NO_OPTION = "none of the options"
"""The target of a question whose answer in the official file is none of its options: every output is wrong."""
_LETTERED = re.compile(r"([A-Z])[.)](?![A-Z]\.)\s*(.*)", re.DOTALL)
"""A letter with its text; two letters in a row are initials, as in `U.S.`."""
_SHOWN = 60
"""Most characters of a line that a message quotes."""
_OPTION = re.compile(r"^\(([A-Z])\)[ \t]*(.*)$", re.MULTILINE)


def read_options(prompt: str) -> tuple[str, ...]:
    """Return the option texts that a prompt lists as `(A) ...` lines, or () where it lists fewer than two.

    Only an unbroken run of letters from A counts, and the last such run, since a question may quote one.
    """
    return tuple(prompt[start:end].strip() for start, end in option_spans(prompt))


def option_spans(prompt: str) -> tuple[tuple[int, int], ...]:
    """Return where a prompt has the texts of the options that `read_options` finds: their beginnings and ends."""
    found: list[tuple[int, int]] = []
    for line in _OPTION.finditer(prompt):
        if line[1] == "A":
            found = [line.span(2)]
        elif found and len(found) < 26 and line[1] == ascii_uppercase[len(found)]:
            found.append(line.span(2))
    return tuple(found) if len(found) > 1 else ()


def lettered(row: Row, lines: Iterable[str], field: str) -> tuple[str, ...]:
    """Return the texts of the options that lines list as `A. ...`; a line without a letter continues the one before.

    Raises DataError unless the letters are A, B, C, ... in order.
    """
    found: list[str] = []
    for line in filter(None, map(str.strip, lines)):
        match = _LETTERED.match(line)
        if match is None and found:
            found[-1] = f"{found[-1]} {line}".strip()
        elif match is None or match[1] != ascii_uppercase[len(found) :][:1]:
            raise row.error(
                field,
                f"has {line[:_SHOWN]!r} as option {len(found) + 1}, expected lines that begin with A., B., C., ... in "
                "order; correct it in the file",
            )
        else:
            found.append(match[2])
    return tuple(found)


def without_letters(row: Row, options: Sequence[str], field: str) -> tuple[str, ...]:
    """Return the options of a list without their letters; as they are unless all begin with one of the first letters.

    Raises DataError where they do, and not as A, B, C, ... in order.
    """
    found = [match for option in options if (match := _LETTERED.fullmatch(option.strip()))]
    letters = "".join(match[1] for match in found)
    # Initials of names are seldom all among the first letters.
    if len(found) < len(options) or not set(letters) <= set(ascii_uppercase[: len(options) + 1]):
        return tuple(options)
    if not ascii_uppercase.startswith(letters):
        raise row.error(field, f"has the letters {', '.join(letters)}, expected A, B, C, ... in order; correct it")
    return tuple(match[2] for match in found)


def split_question(row: Row, field: str, text: str) -> tuple[str, tuple[str, ...]]:
    """Return a question without the options that follow it in lines, and these. Raises DataError as `lettered` does."""
    lines = text.split("\n")
    first = next((i for i, line in enumerate(lines) if _LETTERED.match(line.strip())), None)
    if first is None:
        raise row.error(
            field, "lists no options, expected lines that begin with A., B., ... behind it; correct it in the file"
        )
    return "\n".join(lines[:first]).rstrip(), lettered(row, lines[first:], field)


def check_options(row: Row, options: Sequence[str], field: str) -> tuple[str, ...]:
    """Return the options of a question. Raises DataError unless there are 1 to 26, one letter for each.

    A few official questions have a single option, which upstream asks as it is.
    """
    if not 1 <= len(options) <= len(ascii_uppercase):
        raise row.error(field, f"lists {len(options)} options, expected 1 to 26; correct it in the file")
    return tuple(options)


def check_letter(row: Row, letter: str, options: Sequence[str], field: str = "answer") -> str:
    """Return the letter of an answer, without brackets. Raises DataError where no option has it."""
    known = ascii_uppercase[: len(options)]
    found = letter.strip().strip("()").strip()
    if len(found) != 1 or found not in known:
        raise row.error(field, f"is {letter!r}, expected a letter from A to {known[-1:]}; correct it in the file")
    return found


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
