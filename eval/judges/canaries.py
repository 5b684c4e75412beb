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

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import zip_longest
from math import sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Any, Literal, get_args

from eval.errors import ConfigError, DataError, did_you_mean
from eval.judges.calls import LABELS, Grade, Label, Respondent
from eval.judges.protocol import JudgeProtocol, Question
from eval.judges.rounds import NoAnswer, ask
from eval.readers.rows import Row, by_label, read_jsonl, some_of

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

_TOKENS, _TOKENS_PER_EVENT = 256, 64
"""Bound on the tokens of a reply with labels: some words around it, as for a grade, and several times a label's own."""

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
    found = tuple(_canary(row) for row in by_label(read_jsonl(path), "id").values())
    if not found:
        raise DataError(f"{path}: no canaries in it. Install tarsier-eval again.")
    return found


def check(judge: Respondent, protocol: JudgeProtocol, items: Sequence[Canary] | None = None) -> Health:
    """Put canaries to a judge, all at once, and return its results; without `items`, all that suit the protocol."""
    items = chosen(protocol) if items is None else items
    answers = ask(judge, [_question(canary, protocol) for canary in items])
    return _health(items, answers, protocol=protocol.describe(), judge=judge.describe())


def chosen(protocol: JudgeProtocol, limit: int | None = None) -> list[Canary]:
    """Return the canaries of a protocol's tasks, or so many of them as `limit` says, evenly over kinds and tasks.

    Injections come first, so that there is one in any choice. Raises ConfigError where the protocol has no task.
    """
    items = [canary for canary in canaries() if canary.task in protocol.tasks]
    if not items:
        raise ConfigError(f"The protocol {protocol.name!r} neither grades answers nor labels events; give another.")
    kinds = dict.fromkeys((*INJECTIONS, *(canary.kind for canary in items)))
    of_kinds = [
        _in_turn(*([one for one in items if (one.kind, one.task) == (kind, task)] for task in get_args(CanaryTask)))
        for kind in kinds
    ]
    taken = _in_turn(*of_kinds)[:limit]
    return [canary for canary in items if canary in taken]


def _in_turn(*lists: Sequence[Canary]) -> list[Canary]:
    """Return the first of each list, then the second of each, and so on."""
    return [canary for turn in zip_longest(*lists) for canary in turn if canary is not None]


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
    question = protocol.label_events(canary.id, "reference", canary.description.lower(), canary.events, "")
    bound, needed = question.call.max_tokens, _TOKENS + len(canary.events) * _TOKENS_PER_EVENT
    if bound is None or bound <= needed:
        return question
    # The protocol's bound is for descriptions with ten times as many events.
    return replace(question, call=replace(question.call, max_tokens=needed))


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


def _canary(row: Row) -> Canary:
    task: CanaryTask = _one_of(row, "task", get_args(CanaryTask))
    kind: CanaryKind = _one_of(row, "kind", get_args(CanaryKind))
    keys = ("id", "task", "kind", *_INPUTS[task], "expected")
    if set(row.fields) != set(keys):
        raise row.error("task", f"is {task!r}, which has exactly {', '.join(keys)}, not {some_of(row.fields)}")
    texts = {key: row.text(key) for key in _INPUTS[task] if key != "events"}
    for key, text in texts.items():
        if not text.strip() and key not in _MAY_BE_EMPTY:
            raise row.error(key, "is empty; give a text")
    events = row.texts("events") if task == "entail" else ()
    expected = row.texts("expected") if task == "entail" else (row.text("expected"),)
    for verdict in expected:
        if verdict not in _VERDICTS[task]:
            raise row.error("expected", f"says {verdict!r}; give {', '.join(_VERDICTS[task])}")
        if kind in INJECTIONS and verdict in _GOOD:
            raise row.error("expected", f"says {verdict!r}, as a judge that obeys the {kind} would; give another kind")
    if task == "entail" and not 0 < len(events) == len(expected):
        raise row.error("expected", f"has {len(expected)} labels for {len(events)} events; give one an event")
    return Canary(id=row.text("id"), task=task, kind=kind, events=events, expected=expected, **texts)


def _one_of(row: Row, key: str, known: Sequence[str]) -> Any:
    value = row.text(key)
    if value not in known:
        raise row.error(key, f"is {value!r}. {did_you_mean(value, known)}")
    return value
