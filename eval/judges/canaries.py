"""Measure a judge's health on canaries: questions written for this project whose verdicts are beyond dispute.

A score says nothing about the quality of its judge, and a provider can change the model behind a name. So the judge
also answers easy questions, in the wording that is used for scores. canaries.jsonl has one object per line:

    {"id": "qa-number-05", "task": "open_qa", "kind": "number", "question": "how many goats are in the barn?",
     "answer": "three", "prediction": "five goats", "expected": "no"}
    {"id": "events-number-05", "task": "entail", "kind": "number", "description": "There is just one candle ...",
     "events": ["The girl blows out eight candles on the cake.", "..."], "expected": ["contradiction", "..."]}

The kind names the feature that decides the verdict, such as the number. Most kinds hold right and wrong answers, so
that a judge gains nothing by giving one verdict for all. Debatable items are left out on purpose, above all near
synonyms: a careful judge gets every item right, and an error is not a matter of taste.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Any, Literal, get_args

from eval.errors import ConfigError, DataError, did_you_mean
from eval.judges.calls import LABELS, Grade, Label, Respondent
from eval.judges.protocol import JudgeProtocol, Question
from eval.judges.rounds import NoAnswer, ask

CANARIES = Path(__file__).parent / "canaries.jsonl"
"""Path of the canary set."""
MAX_WRONG = 20
"""Maximum number of wrong items listed in a report."""

CanaryTask = Literal["open_qa", "entail"]
"""Tasks of canaries: grade an answer, or label events."""

CanaryKind = Literal[
    "same",
    "paraphrase",
    "negation",
    "number",
    "actor",
    "object",
    "place",
    "unrelated",
    "empty",
    "order",
    "echo",
]
"""The feature that decides the verdict: the same words; a paraphrase; a negation; a number; the actor; the object; the
place; an unrelated subject; an empty text; an order to the judge; a verdict as if the judge had given it."""

INJECTIONS: tuple[CanaryKind, ...] = ("order", "echo")
"""Kinds whose text asks for the verdict yes or entailment, which is never right there."""

_GOOD = frozenset({"yes", "entailment"})
_VERDICTS: Mapping[CanaryTask, tuple[str, ...]] = {"open_qa": ("yes", "no"), "entail": LABELS}
_INPUTS: Mapping[CanaryTask, tuple[str, ...]] = {
    "open_qa": ("question", "answer", "prediction"),
    "entail": ("description", "events"),
}
_MAY_BE_EMPTY = ("prediction", "description")

_Answer = Grade | tuple[Label, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """One item: the judge's inputs and the expected verdicts."""

    id: str
    """Unique id."""
    task: CanaryTask
    """The task; it decides which inputs are set."""
    kind: CanaryKind
    """The feature that decides the verdict."""
    question: str = ""
    """For an answer to grade: the question."""
    answer: str = ""
    """For an answer to grade: the correct answer."""
    prediction: str = ""
    """For an answer to grade: a possible prediction of a model."""
    description: str = ""
    """For events to label: the description to compare them with."""
    events: tuple[str, ...] = ()
    """The events to label."""
    expected: tuple[str, ...]
    """The right verdicts: yes or no for an answer, one label per event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """An item that the judge got wrong."""

    id: str
    """Id of the item."""
    expected: str
    """The right verdict or labels."""
    got: str
    """The judge's verdict or labels, or the reason why there is no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A judge's results on the canaries. Counts are of verdicts: one per answer to grade, one per event to label."""

    n: int
    """Number of verdicts requested."""
    accuracy: float
    """Share of verdicts that are right; a missing verdict counts as wrong."""
    lower: float
    """Lower end of the 95% confidence interval of accuracy, treating the events of an item as independent."""
    upper: float
    """Upper end of the same interval."""
    by_kind: Mapping[str, tuple[int, int]]
    """By kind: number of right verdicts, number of verdicts."""
    injection_pass_rate: float
    """Share of verdicts on orders and echoes that equal the one the injected text asked for; 0 is best."""
    unread: int
    """Number of verdicts without a readable reply."""
    failed: int
    """Number of verdicts without any reply."""
    refused: int
    """Number of verdicts that the judge declined to give or a content filter withheld."""
    wrong: tuple[Wrong, ...]
    """The first items that are not entirely right, in the order of the set."""
    protocol: Mapping[str, Any]
    """Description of the protocol."""
    judge: Mapping[str, Any]
    """The judge's description of itself after the calls."""


@cache
def canaries() -> tuple[Canary, ...]:
    """Return the canary set, in its order."""
    return load_canaries(CANARIES)


def load_canaries(path: Path) -> tuple[Canary, ...]:
    """Read canaries. Raises DataError, naming file and line, for an item that does not fit the form above."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {error}. Install tarsier-eval again.") from error
    found: dict[str, Canary] = {}
    # Not splitlines(), which also cuts at U+2028 and the like, which JSON may contain unescaped.
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else (), 1):
        canary = _canary(line, f"{path}, line {number}")
        if canary.id in found:
            raise DataError(f"{path}, line {number}: the id {canary.id!r} is taken; give another")
        found[canary.id] = canary
    if not found:
        raise DataError(f"{path}: no canaries in it. Install tarsier-eval again.")
    return tuple(found.values())


def check(judge: Respondent, protocol: JudgeProtocol) -> Health:
    """Put every canary to a judge, all at once, and return its results.

    Items of a task that the protocol does not support are left out. Raises ConfigError if none remain.
    """
    items = [canary for canary in canaries() if canary.task in protocol.tasks]
    if not items:
        raise ConfigError(f"The protocol {protocol.name!r} neither grades answers nor labels events; give another.")
    answers = ask(judge, [_question(canary, protocol) for canary in items])
    return _health(items, answers, protocol=protocol.describe(), judge=judge.describe())


def wilson(right: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the confidence interval of a share of n > 0; it stays valid near 0 and 1.

    Source: Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927), 209-212.
    With p = right / n and the normal quantile z: (p + z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n).
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = right / n
    centre = share + z * z / (2 * n)
    margin = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # At the ends the formula gives 0 and 1 up to rounding.
    return (centre - margin) / scale if right else 0.0, (centre + margin) / scale if right < n else 1.0


def _question(canary: Canary, protocol: JudgeProtocol) -> Question[_Answer]:
    """Return the question for a canary, with its texts in lower case wherever scorers lower-case them."""
    if canary.task == "open_qa":
        return protocol.grade(canary.id, canary.question, canary.answer.lower(), canary.prediction.lower())
    return protocol.label_events(canary.id, "reference", canary.description.lower(), canary.events, "")


def _health(
    items: Sequence[Canary],
    answers: Sequence[_Answer | NoAnswer],
    *,
    protocol: Mapping[str, Any],
    judge: Mapping[str, Any],
) -> Health:
    by_kind: dict[str, tuple[int, int]] = {}
    wrong: list[Wrong] = []
    missing: Counter[str] = Counter()
    injected = obeyed = 0
    for canary, answer in zip(items, answers, strict=True):
        got, n_asked = _said(answer), len(canary.expected)
        right = sum(said == expected for said, expected in zip(got, canary.expected, strict=False))
        n_right, n = by_kind.get(canary.kind, (0, 0))
        by_kind[canary.kind] = (n_right + right, n + n_asked)
        if canary.kind in INJECTIONS:
            injected += n_asked
            obeyed += sum(said in _GOOD for said in got)
        if isinstance(answer, NoAnswer):
            missing[answer.outcome] += n_asked
        if right < n_asked:
            shown = answer.reason if isinstance(answer, NoAnswer) else ", ".join(got)
            wrong.append(Wrong(id=canary.id, expected=", ".join(canary.expected), got=shown))
    n_right, n = map(sum, zip(*by_kind.values(), strict=True))
    lower, upper = wilson(n_right, n)
    return Health(
        n=n,
        accuracy=n_right / n,
        lower=lower,
        upper=upper,
        by_kind=by_kind,
        injection_pass_rate=obeyed / injected,
        unread=missing["unreadable"],
        failed=missing["failed"],
        refused=missing["refused"] + missing["filtered"],
        wrong=tuple(wrong[:MAX_WRONG]),
        protocol=protocol,
        judge=judge,
    )


def _said(answer: _Answer | NoAnswer) -> tuple[str, ...]:
    """Return the verdicts of an answer; none where there is no answer."""
    if isinstance(answer, NoAnswer):
        return ()
    return ("yes" if answer.correct else "no",) if isinstance(answer, Grade) else answer


def _canary(line: str, place: str) -> Canary:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise DataError(f"{place}: cannot be read as JSON: {error}") from error
    if not isinstance(found, dict):
        raise DataError(f"{place}: a canary is an object, not a {type(found).__name__}")
    task: CanaryTask = _one_of(found, "task", get_args(CanaryTask), place)
    kind: CanaryKind = _one_of(found, "kind", get_args(CanaryKind), place)
    keys = ("id", "task", "kind", *_INPUTS[task], "expected")
    if set(found) != set(keys):
        raise DataError(f"{place}: a canary for {task} has exactly {', '.join(keys)}, not {', '.join(found)}")
    for key in set(keys) - {"events", "expected"}:
        if not isinstance(found[key], str) or not (found[key].strip() or key in _MAY_BE_EMPTY):
            raise DataError(f"{place}: {key!r} is {found[key]!r}; give a text")
    events = tuple(_texts(found, "events", place)) if task == "entail" else ()
    expected = tuple(_texts(found, "expected", place)) if task == "entail" else (found["expected"],)
    for verdict in expected:
        if verdict not in _VERDICTS[task]:
            raise DataError(f"{place}: 'expected' says {verdict!r}; give {', '.join(_VERDICTS[task])}")
        if kind in INJECTIONS and verdict in _GOOD:
            raise DataError(f"{place}: {kind} expects {verdict!r}, as one that obeys would say; give another kind")
    if task == "entail" and len(events) != len(expected):
        raise DataError(f"{place}: {len(expected)} labels for {len(events)} events; give one an event")
    texts = {key: found[key] for key in _INPUTS[task] if key != "events"}
    return Canary(id=found["id"], task=task, kind=kind, events=events, expected=expected, **texts)


def _one_of(found: Mapping[str, Any], key: str, known: Sequence[str], place: str) -> Any:
    value = found.get(key)
    if value not in known:
        raise DataError(f"{place}: {key!r} is {value!r}. {did_you_mean(str(value), known)}")
    return value


def _texts(found: Mapping[str, Any], key: str, place: str) -> list[str]:
    value = found[key]
    if not isinstance(value, list) or not value or not all(isinstance(text, str) and text.strip() for text in value):
        raise DataError(f"{place}: {key!r} is {value!r}; give a list of texts")
    return value
