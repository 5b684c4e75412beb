"""Find the sentence of a text that an event is most like, by shared words: for people to read, never for a score.

A judge lists events in words of its own and does not say where in the text they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from eval.core import TextMark

_SENTENCE = re.compile(r"\S[^.!?\n]*[.!?]*")
_WORD = re.compile(r"\w+")
_LEAST = 0.3
"""Share of an event's words that its sentence has at least; with fewer, no sentence is named."""


def nearest_sentences(text: str, events: Sequence[str]) -> tuple[TextMark, ...]:
    """Return a mark for each event that resembles a sentence, whose label is the event's number, from 0."""
    sentences = [(found.start(), found.end(), _words(found[0])) for found in _SENTENCE.finditer(text)]
    marks = []
    for number, event in enumerate(events):
        words = _words(event)
        shares = [len(words & there) / len(words) if words else 0.0 for _, _, there in sentences]
        if shares and (best := max(shares)) >= _LEAST:
            start, end, _ = sentences[shares.index(best)]
            marks.append(TextMark(start=start, end=end, kind="event", label=str(number)))
    return tuple(marks)


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}
