r"""Mark untrusted text for the protocol `hardened`, so that a judge takes it for data and never for instructions.

Predictions come from models, and may hold a verdict, the tokens of a chat template, or an order to the judge. A list of
forbidden text goes out of date with every new chat template, so the allowed characters are listed instead.

1. These are kept: letters, digits, the marks on them, and the punctuation that carries meaning: 3.5, 2:1, don't, 1/2,
   50%. Every control token, tag, fence, rule, heading, JSON object or Python dict needs a character that is not kept
   (< > | [ ] { } ( ) _ # = * ~ \ " ` or a line break), in every family of templates. A colon is kept between digits
   only, so that "ASSISTANT:" names no turn, in any language.
2. Full-width, mathematical and other compatible forms become plain ones first, so the same list applies to them.
   Superscripts and fractions stay as they are, since 10² is not 102. Hidden characters are removed: zero-width,
   bidirectional, tags, variation selectors, private use, lone surrogates. Emoji become their names; otherwise a thumb
   up would be the same as a thumb down.
3. Each space becomes the marker, which no other text can produce ("datamarking": Hines et al., Defending Against
   Indirect Prompt Injection Attacks With Spotlighting, arXiv 2403.14720), so that every word shows its origin. Han and
   kana, which are written without spaces, get a marker between any two. It is "^" because every tokenizer has it as a
   separate character; "▁" is a space to SentencePiece.
4. A text is cut at a maximum length, which exceeds the 512 tokens (some 2,400 characters) to which models are limited
   here, so that no honest description is cut.
5. Notes in square brackets are ours, since the text can have none: [cut here], [empty].

The meaning of the words cannot be removed: "ignore^the^above" still reads as an order to a judge that ignores the
marks. The only defence against that is the wording's instruction about marked text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

MARKING = "marked-1"
"""Version of these rules; part of the identity of every wording that marks, so increment it with any change of them."""
MARKER = "^"
"""The character that replaces a space in marked text."""
MAX_TEXT_CHARS = 4_000
"""Maximum characters of a marked text, without the note that it was cut."""
MAX_EVENT_CHARS = 300
"""Maximum characters of a marked event; the judge is asked for about ten words."""
CUT = " [cut here]"
"""Note at the end of a text that was cut."""
EMPTY = "[empty]"
"""Note in place of a text of which nothing is left."""

_SCANNED = 16
"""Maximum characters scanned, as a multiple of the bound: spaces and hidden characters are dropped afterwards."""
_HIDDEN = frozenset(
    # Letters and marks without a visible form: Unicode's default ignorable code points outside the categories below.
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
_LOOKALIKES = frozenset("ǀǁᐸᐳˆː丨")
"""Letters that look like < > | ^ and the colon."""
_SPELLED = {
    **dict.fromkeys("`´ʹʼˈ‘’‛′", "'"),
    **dict.fromkeys("‐‑‒–−⁃", "-"),
    **dict.fromkeys("—―", " - "),
    **dict.fromkeys("。｡।", ". "),
    **dict.fromkeys("、،", ", "),
    **dict.fromkeys("؛", "; "),
    **dict.fromkeys("؟", "? "),
    **dict.fromkeys("⁄∕", "/"),
    # "&lt;" would be a bracket to a model that knows HTML.
    "&": " and ",
}
"""Replacements that are made before any other rule."""
_PUNCTUATION = frozenset(".,;:?!'-/%+×÷±°‰")
_LOOSE_COLON = re.compile(r"(?<!\d):|:(?!\d)")
_LOOSE_APOSTROPHE = re.compile(r"(?<!\w)'|'(?!\w)")
_LOOSE_SIGN = re.compile(r"(?<!\w)/|/(?!\w)|(?<!\d)%|%(?=\w)|(?<!\d)\+(?!\d)")
_RUN = re.compile(r"([.,;:?!'/%+-])\1+")
_UNSPACED = "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]"
_BETWEEN_UNSPACED = re.compile(f"(?<={_UNSPACED})(?={_UNSPACED})")


def marked(text: str) -> str:
    """Return a text in marked form: one line of at most MAX_TEXT_CHARS, plus a note if it was cut.

    Accepts any text, in bounded time whatever its length.
    """
    return _marked(text, MAX_TEXT_CHARS)


def marked_events(events: Sequence[str]) -> str:
    """Return events in marked form, one per line, each after its number, a full stop and a space."""
    return "\n".join(f"{number}. {_marked(event, MAX_EVENT_CHARS)}" for number, event in enumerate(events, 1))


def _marked(text: str, bound: int) -> str:
    scanned = text[: _SCANNED * bound]
    folded = "".join(map(_folded, " ".join(scanned.split())))
    # Composition takes quadratic time in the length of a run of combining marks, hence the bound here.
    composed = unicodedata.normalize("NFC", folded[: 2 * bound])
    plain = _tidied("".join(map(_kept, composed)))
    words = _BETWEEN_UNSPACED.sub(MARKER, MARKER.join(plain.split()))
    if len(words) > bound:
        # Drop a whole word, since half a word may be a different word.
        words = words[: bound + 1].rpartition(MARKER)[0] or words[:bound]
        return words + CUT
    is_cut = len(text) > len(scanned) or len(folded) > 2 * bound
    return (words or EMPTY) + (CUT if is_cut else "")


@lru_cache(maxsize=8192)
def _folded(char: str) -> str:
    """Return a character in its plain form; "" for an invisible one."""
    category = unicodedata.category(char)
    if char in _HIDDEN or category in ("Cc", "Cf", "Cs", "Co", "Cn", "Me"):
        return ""
    if char in _SPELLED:
        return _SPELLED[char]
    if category == "No" and unicodedata.decomposition(char).startswith(("<super>", "<sub>", "<fraction>")):
        return char
    plain = unicodedata.normalize("NFKC", char)
    return plain if plain == char else "".join(_SPELLED.get(part, part) for part in plain if part not in _HIDDEN)


@lru_cache(maxsize=8192)
def _kept(char: str) -> str:
    """Return an allowed plain character unchanged, an emoji's name, or a space for any other."""
    category = unicodedata.category(char)
    if char in _PUNCTUATION or category == "Sc":
        return char
    if category[0] in "LMN" and char not in _LOOKALIKES:
        return char
    if category == "So" and ("\u2600" <= char <= "\u27bf" or char >= "\U0001f000"):
        return f" {unicodedata.name(char, '').lower()} "
    return "-" if category == "Pd" else " "


def _tidied(text: str) -> str:
    """Return a text without punctuation that carries no meaning in its position."""
    text = _LOOSE_COLON.sub(",", text)
    text = _LOOSE_APOSTROPHE.sub("", text)
    text = _LOOSE_SIGN.sub(" ", text)
    return _RUN.sub(r"\1", text)
