"""Mark the n-grams that a caption shares with its references, in the texts as they are written: for people to read."""

from __future__ import annotations

from collections.abc import Sequence

from eval.captions.ngrams import MAX_N
from eval.captions.ptb_tokenizer import tokenize
from eval.core import TextMark


def common_ngrams(caption: str, references: Sequence[str]) -> tuple[tuple[TextMark, ...], ...]:
    """Return the marks of the caption and then of each reference.

    A mark is a run of words that hang together by shared n-grams, and are in one of the same length, 1 to 4, at most.
    The caption's are shared with any reference, a reference's with the caption. Tokens that stand otherwise in the text
    than the tokenizer prints them, such as brackets, are not marked.
    """
    own, others = tokenize(caption), [tokenize(reference) for reference in references]
    of_caption, of_references = _ngrams(own), [_ngrams(tokens) for tokens in others]
    known: set[tuple[str, ...]] = set().union(*of_references)
    return (
        _marks(caption, own, known),
        *(_marks(text, tokens, of_caption) for text, tokens in zip(references, others, strict=True)),
    )


def _ngrams(tokens: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(tokens[i : i + n]) for n in range(1, MAX_N + 1) for i in range(len(tokens) - n + 1)}


def _marks(text: str, tokens: Sequence[str], shared: set[tuple[str, ...]]) -> tuple[TextMark, ...]:
    longest = [0] * len(tokens)
    for n in range(1, MAX_N + 1):
        for i in range(len(tokens) - n + 1):
            if tuple(tokens[i : i + n]) in shared:
                longest[i : i + n] = [n] * n
    lower, at = text.lower(), 0
    if len(lower) != len(text):  # a letter whose lower case is two: offsets would not fit
        return ()
    marks: list[TextMark] = []
    before, last = 0, ""
    for token, n in zip(tokens, longest, strict=True):
        found = lower.find(token, at)
        if found < 0:
            before = 0
            continue
        at = found + len(token)
        if n and n == before and (last, token) in shared:
            marks[-1] = TextMark(start=marks[-1].start, end=at, kind="ngram", label=marks[-1].label)
        elif n:
            marks.append(TextMark(start=found, end=at, kind="ngram", label=f"{n}-gram" if n > 1 else "word"))
        before, last = n, token
    return tuple(marks)
