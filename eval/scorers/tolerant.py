"""Read a multiple-choice answer as a person would: for the accounting `tolerant`, never in place of upstream's rule.

In this order: the text of one option and nothing else; a letter of its own at the beginning, in brackets of any script
or none; what is boxed or named the answer, the last of several; a letter that is called an option, chosen or correct;
the only bracketed letter; the only option whose text occurs; the only capital on its own. Anything else, or two answers
at once, is none. Letters beyond the options, and digits that are no option's text, are none either.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_uppercase
from unicodedata import category, normalize

READ = 500
"""Characters of an output that are read."""

_THINKING = re.compile(r"\A.*</think>", re.DOTALL)
_COMMAND = re.compile(r"\\(?:text|textbf|mathrm|mathbf|textit)\s*\{([^{}]*)\}")
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{([^{}]*)\}")
_LETTER = r"(?<![A-Za-z'])[\W_]*([A-Z])(?![A-Za-z'’])"
_IS = (
    r"(?:['’]s)?(?:\s*(?:is|was|are|be|would be|should be|must be|[:：=是为為]))*"
    r"(?:\s+(?:the\s+)?(?:option|choice|letter))?\s*[:：]?"
)
_NAMED = re.compile(
    rf"(?i:\b(?:final\s+|correct\s+|best\s+|right\s+|my\s+)*(?:answer|correct\s+(?:option|choice)|ans)\b{_IS})\s*{_LETTER}"
    rf"|(?:答案|正确选项|正確選項)\s*{_IS}\s*{_LETTER}"
)
_CALLED = re.compile(
    rf"(?i:\b(?:option|choice|choose|chose|select|pick|go\s+with|选项|選項|选择|選擇|选|選))\s*[:：]?{_LETTER}"
    r"(?!\W*(?i:is|was)\s+(?i:not|wrong|incorrect|false))"
    rf"|{_LETTER}\W*(?i:is|seems)\s+(?i:the\s+)?(?i:correct|right|best)\b(?!\s*[,;]?\s*\?)"
)
_BRACKETED = re.compile(r"[(\[{<]\s*([A-Z])\s*[)\]}>]")
_ALONE = re.compile(r"[\W_]*([A-Za-z])(?!\w|['’][A-Za-z])")
_SEVERAL = re.compile(r"[\W_]*([A-Z])\W*(?:[,/&]|\bor\b|\band\b)\W*([A-Z])(?![\w'’])")
_SINGLE = re.compile(r"(?<![\w'’])([B-HJ-Z]|[AI](?=\W*\Z|[^\w\s]|\s+(?:and|or|nor)\b))(?![\w'’])")
"""A capital on its own that is no English word there."""
_DENIED = re.compile(r"(?i:\b(?:not|neither|nor|never)|n['’]t)\s+(?i:option\s+)?\(?[A-Z]\b\)?")
_EMPHASIS = re.compile(r"[*_`$#]+")


def read_answer(output: str, options: Sequence[str]) -> str | None:  # noqa: PLR0911 - a rule a return
    """Return the letter of the option that an output names, or None where it names none, or several.

    Args:
        output: Raw text of a model.
        options: Texts of the options, A first; () where they are not known, so that any capital letter may be one.
    """
    letters = ascii_uppercase[: len(options)] if options else ascii_uppercase
    text = _plain(output[:READ])
    if (found := _option_told(text, options, whole=True)) is not None:
        return found
    boxed = [content for content in _BOXED.findall(text) if content.strip()]
    if boxed:
        return read_answer(boxed[-1], options)
    if (several := _SEVERAL.match(text)) and several[1] != several[2] and several[2] in letters:
        return None
    alone = _ALONE.match(text)
    if alone and (alone[1].isupper() or len(_words(text)) == 1) and alone[1].upper() in letters:
        return alone[1].upper()
    for pattern in (_NAMED, _CALLED):
        named = [next(filter(None, each)) for each in pattern.findall(text)]
        if named := [letter for letter in named if letter in letters]:
            return named[-1] if pattern is _NAMED or len(set(named)) == 1 else None
    text = _DENIED.sub("", text)
    bracketed = {letter for letter in _BRACKETED.findall(text) if letter in letters}
    if bracketed:
        return bracketed.pop() if len(bracketed) == 1 else None
    if (found := _option_told(text, options, whole=False)) is not None:
        return found
    single = {letter for letter in _SINGLE.findall(text) if letter in letters}
    return single.pop() if len(single) == 1 else None


def _plain(text: str) -> str:
    """Return a text without thinking and markup, brackets of all scripts as round ones."""
    text = normalize("NFKC", _THINKING.sub("", text))
    text = "".join({"Ps": "(", "Pe": ")"}.get(category(c), c) if not c.isascii() else c for c in text)
    for _ in range(2):
        text = _COMMAND.sub(r"\1", text)
    return _EMPHASIS.sub("", text).strip()


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _option_told(text: str, options: Sequence[str], *, whole: bool) -> str | None:
    """Return the only option whose words are a text, or occur in it; words of a longer option do not count twice."""
    said = f" {' '.join(_words(text))} "
    told = {ascii_uppercase[i]: f" {' '.join(_words(_plain(option)))} " for i, option in enumerate(options[:26])}
    found = [letter for letter, words in told.items() if words.strip() and (words == said if whole else words in said)]
    if not whole:
        found = [one for one in found if not any(told[one] in told[other] != told[one] for other in found)]
    return found[0] if len(found) == 1 else None
