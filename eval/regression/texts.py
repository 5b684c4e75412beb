"""The fixed inputs of the gate: malformed outputs, replies and captions, which a good model never gives.

The built-in checkpoint answers with clean letters and sentences only, so it cannot reveal a parser that accepts too
much, or an average that omits failed samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LENGTHS = (1, 2, 3, 7, 8, 9, 15, 16, 24, 25, 36, 100, 301, 1799)
"""Frames of a clip."""

SPANS: Sequence[tuple[int, float, float | None, float | None]] = (
    (100, 25.0, None, None),
    (100, 25.0, 1.0, 3.0),
    (100, 25.0, 0.0, 0.0),
    (100, 29.97, 1.4, None),
    (100, 30.0, None, 2.5),
    (60, 24.0, 2.0, 99.0),
    (60, 24.0, 99.0, None),
    (36, 12.0, 1.99, 2.01),
)
"""Frames, frames per second, first and last second of a span."""

PROMPTS: Sequence[str] = (
    "<video>\nWhat is shown?",
    "USER: <video>\nDescribe it. ASSISTANT: ",
    "ASSISTANT: first USER: <video> later",
    "USER: <video>\nQuestion: which?\n(A) one\n(B) two\nASSISTANT: Answer: (",
    "two places: <video> and <video>",
    "no place at all",
)

OUTPUTS: Sequence[str] = (
    "A", "(B)", "B) the red square", "  (C) ", "((D", "E.", "F", "G", "a", "(b)", "the answer is C", "Answer: C",
    "", " ", "()", "0", "1", "2", "5", "6", "9", "(3) three", "*A*", "\nB", "A or B", "Ä", "Ω", "ａ", "C\ufffd", "-D",
    '"A"',
)  # fmt: skip
"""Outputs in place of an option letter."""

MATCHED: Sequence[tuple[str, str]] = (
    ("red", "red"), ("Red.", "red"), ("a red ball", "red"), ("dogs", "dog"), ("two dogs", "2 dog"), ("2 dogs", "two"),
    ("reddish", "red"), ("not a dog", "dog"), ("", "dog"), ("dog", ""), ("ran away", "run away"), ("the the", "the"),
    ("yes, it is", "yes"), ("blue and red", "red and blue"), ("it's left", "its left"), ("ice-cream", "ice cream"),
)  # fmt: skip
"""Outputs, each with the text that it is compared with word for word."""

EVENTS = ("A square moves left.", "A circle grows.")
"""Events to be labelled."""

REPLIES: Mapping[str, Sequence[str]] = {
    "open_qa": (
        '{"pred": "yes", "score": 4}', '{"pred": "no", "score": 0}', "{'pred': 'yes', 'score': 4.5}",
        '{"pred": "Yes", "score": 5}', '{"pred": "yes", "score": 7}', '{"pred": "yes", "score": "4"}',
        '{"pred": true, "score": 4}', '{"pred": "yes"}', '```json\n{"pred": "no", "score": 2}\n```',
        'Sure: {"pred": "yes", "score": 5}', '{"pred": "yes", "score": 5} {"pred": "no", "score": 0}', "yes", "",
        '{"id": "t0", "pred": "yes", "score": 3}', '{"id": "t1", "pred": "yes", "score": 3}',
        '{"pred": "no", "score": 1, "why": "left is not right"}', '{"pred": "yes", "score": -1}',
    ),
    "extract": (
        '{"events": ["a square moves", "it stops"]}', '{"events": []}', "{'events': ['one', 'two',]}",
        '```json\n{"events": ["a", "b"]}\n```', '```python\n{"events": ["a"]}\n```', '["a", "b"]', '{"events": "a"}',
        '{"events": [1, 2]}', '{"events": ["a", 2]}', "1. a\n2. b", "", '{"Events": ["a"]}',
        '{"id": "t0", "events": ["a square"]}', '{"events": ["", " "]}',
    ),
    "entail": (
        '{"events": [{"event": 1, "relationship": "entailment"}, {"event": 2, "relationship": "neutral"}]}',
        '{"events": [{"event": 2, "relationship": "neutral"}, {"event": 1, "relationship": "entailment"}]}',
        '{"events": [{"relationship": "contradiction"}, {"relationship": " Neutral "}]}',
        '{"events": [{"relationship": "entailment"}]}',
        '{"events": [{"relationship": "entailment"}, {"relationship": "neutral"}, {"relationship": "neutral"}]}',
        '{"events": [{"relationship": "entails"}, {"relationship": "neutral"}]}',
        '"events": [{"relationship": "neutral"} {"relationship": "neutral"}]',
        '```json\n{"events": [{"relationship": "entailment"}, {"relationship": "entailment"},]}\n```',
        '{"1": "e", "2": "n"}', '{"1": "entailment", "2": "C"}', '{"1": "e"}', '{"2": "n", "1": "c"}',
        '{"1": "x", "2": "n"}',
        '{"id": "t0", "events": [{"event": 1, "relationship": "neutral"}, {"event": 2, "relationship": "entailment"}]}',
        "", "neutral, neutral",
    ),
}  # fmt: skip
"""Scripted replies by task."""

TARGETS = ("B", "(B)", " b ", "(B) left", "B) left", "Between", "E", "1", "")
"""Answers to compare with, of four options."""
CHOICES: Sequence[tuple[str, str, str, str | None, str]] = (
    ("one", "v1", "A", "A", "kind a"), ("one", "v1", "B", "(B) yes", "kind b"),
    ("one", "v1", "C", "the first", "kind a"),
    ("one", "v2", "D", "A", "kind a"), ("two", "v2", "A", "A) left", "kind b"), ("two", "v3", "B", None, "kind b"),
    ("two", "v3", "C", "2", "kind a"), ("two", "v4", "B", "b", "kind a"), ("two", "v4", "E", "E", "kind b"),
    ("three", "v5", "A", "A", "kind a"), ("three", "v6", "B", None, "kind b"),
)  # fmt: skip
"""Multiple choice: subset, video, target, output (None: the model failed), another kind to report by."""

OPEN: Sequence[tuple[str, str, str, str, str | None]] = (
    ("colour", "w1", "What colour is it?", "Red", "red"),
    ("colour", "w1", "What moves?", "square", "A blue square."),
    ("colour", "w2", "Which way?", "left", "to the RIGHT"),
    ("number", "w2", "How many?", "two", "2"),
    ("number", "w3", "How many circles?", "three", None),
    ("number", "w3", "How many stars?", "one", "How many stars?"),
    ("number", "w4", "How many rings?", "none", "<error>"),
    ("number", "w4", "What grows?", "ring", "it is a ring"),
)
"""Open questions: subset, video, question, answer, output."""

GRADES: Mapping[str, str | Sequence[str]] = {
    "open/0": '{"pred": "yes", "score": 5}',
    "open/1": ["I think so.", '{"pred": "yes", "score": 3}'],
    "open/2": '{"pred": "no", "score": 1}',
    "open/3": ["?", "?", "?"],
    "open/7": '{"pred": "no", "score": 2}',
}
"""The scripted judge's replies by sample; none for the others."""

DESCRIBED: Sequence[tuple[str, str, str, str | None, Sequence[str] | None]] = (
    ("youtube", "d1", "A Square moves. It stops.", 'A "red" square moves left.', ("A square moves.", "It stops.")),
    ("youtube", "d2", "A circle grows.", "Nothing happens.", ("A circle grows.",)),
    ("videvo", "d3", "A star turns twice.", "A star turns.", None),
    ("videvo", "d4", "A ring appears.", None, ("A ring appears.",)),
    ("videvo", "d5", "A ring goes.", "A ring goes away.", ("A ring goes.",)),
    ("stock", "d6", "It is dark.", "", ()),
    ("stock", "d7", "A ring turns.", "A ring turns.", ("A ring turns.",)),
)
"""Descriptions: source, video, reference, output, events of the reference (None: the judge lists them)."""

_BOTH = '{"events": [{"event": 1, "relationship": "entailment"}, {"event": 2, "relationship": "contradiction"}]}'
_YES = '{"events": [{"event": 1, "relationship": "entailment"}]}'
_NEUTRAL = '{"events": [{"event": 1, "relationship": "neutral"}]}'
LABELLED: Mapping[str, str | Sequence[str]] = {
    "described/0 extract prediction": '{"events": ["a square moves left"]}',
    "described/0 entail reference": _BOTH,
    "described/0 entail prediction": _YES,
    "described/1 extract prediction": '{"events": []}',
    "described/1 entail reference": _NEUTRAL,
    "described/2 extract prediction": ["no list", '{"events": ["a star turns"]}'],
    "described/2 extract reference": '{"events": ["a star turns", "it turns again"]}',
    "described/2 entail reference": _BOTH,
    "described/2 entail prediction": _YES,
    "described/4 extract prediction": "never a list",
    "described/5 extract prediction": '{"events": []}',
    "described/6 extract prediction": '{"events": ["a ring turns"]}',
    "described/6 entail reference": "never labels",
    "described/6 entail prediction": _YES,
}
"""The scripted judge's replies for descriptions, by sample, task and side."""

CAPTIONS: Sequence[tuple[Sequence[str], str | None]] = (
    (("A red square moves left.", "a square is moving to the left", "The red square, it moves."),
     "a red square moves left"),
    (("Two circles grow!", "two circles get bigger", "circles that grow"), "Two circles shrink and shrink and shrink."),
    (("A dog's ball isn't here.", "the dog has no ball", "there's no ball"), "the dog's ball isn't there"),
    (("A star turns.", "star turning", "it turns: a star"), ""),
    (("A ring appears.", "a ring shows up", "the ring comes"), None),
)  # fmt: skip
"""References of a video, and the caption; None: the model failed."""
