"""Tokenize like pycocoevalcap with the Stanford PTB tokenizer 3.4.1, without Java.

Written from the observable behaviour of `java edu.stanford.nlp.process.PTBTokenizer -preserveLines -lowerCase`, the
call that pycocoevalcap 1.2 makes; the tokenizer's source is GPL and was not read. Notable behaviour:

- brackets come out as -lrb- and so on and stay, because pycocoevalcap's list of punctuation has them in capitals;
- "!!" and "?!" stay, single marks go; "..." and dashes go, five and more hyphens stay;
- "s." keeps its full stop, as in "two women s.": it could be an initial;
- pounds become "#", euros "$", "½" becomes "1/2"; emoji and all else beyond U+FFFF vanish;
- "1 1/2", telephone numbers and tags with attributes are one token with no-break spaces inside.

Each caption is read alone. pycocoevalcap reads all captions as one text, so that the next caption can matter there:
"potato s." loses its full stop if the next begins with "The", and "no." keeps it if the next begins with a number.
Captions that are lower-cased first, as Tarsier's evaluation does, never show the first of these effects.
"""

from __future__ import annotations

import re

from eval.captions.ptb_characters import DIGITS, LETTERS, MARKS, SYMBOLS
from eval.captions.ptb_rules import (
    BEFORE_NUMBERS,
    CAPITAL_ENDINGS,
    ENDINGS,
    REACH,
    RULES,
    SPLIT_WORDS,
    STARTERS,
    TITLES,
    Rule,
)

TOKENIZER_VERSION = "ptb-3.4.1/3"
"""Version of the tokenization, changed with any change of tokens; part of the key of all data made from tokens."""

PUNCTUATION = frozenset(
    ["''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";"]
)
"""Tokens that pycocoevalcap drops; its bracket names never match, because tokens are lower case by then."""

_PRINTED = {
    "(": "-lrb-",
    ")": "-rrb-",
    "[": "-lsb-",
    "]": "-rsb-",
    "{": "-lcb-",
    "}": "-rcb-",
    '"': "''",
    "\u00ad": "-",
}
_PRINTED |= {"£": "#", "¢": "cents", "€": "$", "¤": "$", "₠": "$", "\u0080": "$"}
_PRINTED |= {"½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3"}
_QUOTES = str.maketrans(
    {
        **dict.fromkeys("‘‹‛\u0091", "`"),
        **dict.fromkeys("’›\u0092", "'"),
        **dict.fromkeys("“«\u0093", "``"),
        **dict.fromkeys("”»\u0094", "''"),
    }
)
_CLITIC_MARKS = str.maketrans({"’": "'", "\u0092": "'", "‘": "`", "\u0091": "`"})
_PARENTHESES = str.maketrans({bracket: _PRINTED[bracket] for bracket in "()"})
_SPACES = str.maketrans(" ", "\u00a0")
_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": "''", "&apos;": "'", "&nbsp;": ""}

_BY_START: dict[str, list[Rule]] = {start: [rule for rule in RULES if start in rule.starts] for start in "LDO"}
_LETTER = re.compile(rf"[{LETTERS}{MARKS}\u00ad]")
_DIGIT = re.compile(f"[{DIGITS}]")
_KEPT = re.compile(f"[{SYMBOLS}{LETTERS}{MARKS}{DIGITS}\u00ad]")
_SENTENCE_STARTS = "|".join([*STARTERS, *(word.upper() for word in STARTERS), f"</?[A-Za-z][^>]{{0,{REACH}}}>"])
_STARTER = re.compile(rf"\s+(?:{_SENTENCE_STARTS})(?=\s|$)")

# Nearly all of a caption is plain words, which no rule changes; reading them directly is six times faster.
_PLAIN = re.compile(r"([A-Za-z]+)(?:,?(?= |$)|(\.)(?= [^.]|$))")
_ABBREVIATIONS = frozenset([*BEFORE_NUMBERS, *TITLES, *ENDINGS, *(word.lower() for word in CAPITAL_ENDINGS)])


def tokenize(caption: str) -> list[str]:
    """Return the tokens of one caption, lower case and without punctuation, as metrics count them.

    A caption with a newline counts as one line, as in pycocoevalcap; there, other line separators would shift every
    later caption to the wrong video, here they are spaces. Case matters in a few cases ("U.S. The"): lower-case first
    where the protocol does.
    """
    return tokenize_line(caption).split()


def tokenize_line(caption: str) -> str:
    """Return the tokens joined by spaces, exactly like pycocoevalcap, with no-break spaces inside tokens kept."""
    tokens: list[str] = []
    position, end = 0, len(caption)
    # Some rules read the end of a line as lookahead.
    caption += "\n"
    while position < end:
        plain = _PLAIN.match(caption, position)
        if plain and _is_plain(word := plain[1].lower(), stopped=plain[2] is not None):
            tokens.append(word)
            position = plain.end() + 1
        elif caption[position].isspace():
            position += 1
        else:
            token, length = _next_token(caption, position)
            if token and token not in PUNCTUATION:
                tokens.append(token)
            position += length
    return " ".join(tokens)


def _is_plain(word: str, *, stopped: bool) -> bool:
    return word not in SPLIT_WORDS and not (stopped and word in _ABBREVIATIONS)


def _next_token(text: str, position: int) -> tuple[str, int]:
    """Return the printed form of the token at a position, "" for none, and its length in characters."""
    first = text[position]
    start = "L" if _LETTER.match(first) else "D" if _DIGIT.match(first) else "O"
    kind, token, reach = "", "", 0
    for rule in _BY_START[start]:
        match = rule.pattern.match(text, position)
        if match and match.end() - position > reach:
            kind, reach = rule.kind, match.end() - position
            token = next((group for group in match.groups() if group is not None), match[0])
    if not token:
        return _PRINTED.get(first, first.lower()) if _KEPT.match(first) else "", 1
    if kind == "abbreviation" and len(token) == 2 and _STARTER.match(text, position + 2):
        token = token[0]
    return _printed(kind, token), len(token)


def _printed(kind: str, token: str) -> str:
    if kind == "ellipsis":
        return "..."
    if kind == "dash":
        return "--"
    if kind == "quotes":
        return token.translate(_QUOTES)
    if kind == "entity":
        return _ENTITIES[token.lower()]
    if kind == "clitic":
        token = token.replace("&apos;", "'").translate(_CLITIC_MARKS)
    elif kind in {"spaced", "smiley", "tag"}:
        token = token.translate(_SPACES)
        token = token if kind == "tag" else token.translate(_PARENTHESES)
    if kind not in {"raw", "tag"}:
        token = token.replace("\u00ad", "") or "-"
    return token.lower()
