"""Compares two judges, or two protocols of one judge, on the same predictions.

Judges differ by whole points on the same outputs, so a judged number is only as good as its judge. The comparison is
made sample by sample: how often the two agree, how much of the agreement is beyond chance (kappa), by how much the
metrics differ, and which samples flip. Everything is computed on the samples that both judges have judged, so that one
judge's failures do not look like an offset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.analysis.judges.measured import LabelTable, Offset, label_table, offsets_of
from eval.analysis.judges.opinions import Judged, Opinion
from eval.errors import ConfigError
from eval.runs.differences import Difference, differences_of
from eval.runs.folder import SCORES
from eval.scorers.traits import traits_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Relabelled:
    """An event of a reference that two judges label differently."""

    event: str
    first: str
    second: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeFlip:
    """A sample on which two judges differ: another grade, or other values of a description."""

    id: str
    question: str | None
    """The question, where it is known; None for descriptions."""
    target: str
    output: str
    first: Mapping[str, float]
    """Values by the first judge."""
    second: Mapping[str, float]
    """Values by the second."""
    moved: float
    """Sum of the absolute changes of the values that decide the headline metric."""
    relabelled: tuple[Relabelled, ...] = ()
    """The reference's events that the judges label differently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two judges on the same predictions."""

    benchmark: str
    scorer: str
    """Name of the scorer."""
    first: str
    """The first judge."""
    second: str
    """The second judge."""
    differences: tuple[Difference, ...]
    """Settings in which the two judges differ."""
    n_both: int
    """Number of samples that both judged: everything below is about them."""
    n_first_only: int
    """Number of samples that only the first judged."""
    n_second_only: int
    """Number of samples that only the second judged."""
    n_neither: int
    """Number of samples that neither judged, most often because the model gave no output."""
    table: LabelTable
    """Grades of answers, or labels of the references' events."""
    n_other_events: int
    """Number of descriptions left out of the table because the judges listed different events of the reference."""
    offsets: tuple[Offset, ...]
    """Offsets of accuracy and score; or of f1, recall and precision."""
    flips: tuple[JudgeFlip, ...]
    """Every sample that flips: answers in the order of the file, descriptions with the largest change first."""


def compare_judges(first: Judged, second: Judged) -> Agreement:
    """Return the agreement of two judges on the predictions that both have judged.

    Where judges grade whole answers, the table has their grades yes and no; where they label items, the labels of the
    items that both have labelled. Of AutoDQ these are the references' events: each judge lists a prediction's events
    itself, so their labels of these cannot be compared. Offsets are of the metrics that the judge's values decide, as
    in results: over samples, or over subsets.

    Intervals are over source videos: clustered standard errors for means over samples, otherwise the bootstrap, within
    subsets where the metric is a mean over them.

    Raises ConfigError, which names the field, where the two are not about the same predictions of one benchmark, use
    the same judge and protocol, or have no sample that both have judged.
    """
    _refuse_incomparable(first, second)
    have = [(bool(one.values), bool(second.opinions[key].values)) for key, one in first.opinions.items()]
    pairs = _judged_by_both(first, second)
    if not pairs:
        raise ConfigError(
            f"values: no sample is judged both in {first.folder} and in {second.folder}. The reasons are in {SCORES}."
        )
    traits = traits_of({"name": first.scorer})
    judged = traits.judged
    assert judged is not None, "read_judged refuses scores without a judge"
    comparable = [pair for pair in pairs.values() if _items(pair[0]) == _items(pair[1])]
    flips = flips_between(first, second)
    return Agreement(
        benchmark=first.benchmark,
        scorer=first.scorer,
        first=first.judge,
        second=second.judge,
        differences=tuple(differences_of(first.identity, second.identity)),
        n_both=len(pairs),
        n_first_only=have.count((True, False)),
        n_second_only=have.count((False, True)),
        n_neither=have.count((False, False)),
        table=label_table(comparable, traits),
        n_other_events=len(pairs) - len(comparable),
        offsets=offsets_of(list(pairs.values()), traits),
        flips=tuple(sorted(flips, key=lambda flip: (-flip.moved, -len(flip.relabelled))) if judged.items else flips),
    )


def flips_between(first: Judged, second: Judged) -> list[JudgeFlip]:
    """Return the samples on whose output, the same in both folders, two judges differ, in the order of the first."""
    names = traits_of({"name": first.scorer}).headline.values
    questions = {**second.questions, **first.questions}
    pairs = _judged_by_both(first, second)
    flips = (_flip(key, *pair, questions.get(key), names) for key, pair in pairs.items())
    return [flip for flip in flips if flip.moved or flip.relabelled]


def _judged_by_both(first: Judged, second: Judged) -> dict[str, tuple[Opinion, Opinion]]:
    """Return both opinions, by sample id, where both judges have judged the same output by the same target."""
    pairs = {key: (one, second.opinions[key]) for key, one in first.opinions.items() if key in second.opinions}
    return {
        key: (one, two)
        for key, (one, two) in pairs.items()
        if one.values and two.values and (one.output, one.target) == (two.output, two.target)
    }


def _refuse_incomparable(first: Judged, second: Judged) -> None:
    one, two = first.opinions, second.opinions
    for field, was, now in (
        ("benchmark", first.benchmark, second.benchmark),
        ("scorer.name", first.scorer, second.scorer),
    ):
        if was != now:
            raise ConfigError(
                f"{field}: {first.folder} is of {was!r}, {second.folder} of {now!r}. Give two scores of one benchmark."
            )
    if one.keys() != two.keys():
        others = [key for key in [*one, *two] if key not in one or key not in two]
        raise ConfigError(
            f"id: {len(one.keys() - two.keys())} samples are only in {first.folder}, {len(two.keys() - one.keys())} "
            f"only in {second.folder}, such as {others[0]!r}. Give two scores of the same predictions."
        )
    for field, changed in (
        ("answer", [key for key in one if one[key].output != two[key].output]),
        ("target", [key for key in one if one[key].target != two[key].target]),
    ):
        if changed:
            raise ConfigError(
                f"{field}: {first.folder} and {second.folder} differ in it for {len(changed)} of {len(one)} samples, "
                f"such as {changed[0]!r}. Give two scores of the same predictions, made with the same annotations."
            )
    if first.identity == second.identity:
        raise ConfigError(
            f"judge: {first.folder} and {second.folder} were both scored by {first.judge!r} with the same settings: "
            "there is nothing to compare. Give scores by another judge or protocol."
        )


def _items(opinion: Opinion) -> tuple[str, ...]:
    return tuple(item for item, _ in opinion.labels)


def _flip(key: str, first: Opinion, second: Opinion, question: str | None, names: Sequence[str]) -> JudgeFlip:
    relabelled = (
        Relabelled(event=event, first=one, second=two)
        for (event, one), (_, two) in zip(first.labels, second.labels, strict=False)
        if one != two
    )
    return JudgeFlip(
        id=key,
        question=question,
        target=first.target,
        output=first.output or "",
        first=first.values,
        second=second.values,
        moved=sum(abs(second.values[name] - first.values[name]) for name in names),
        relabelled=tuple(relabelled) if _items(first) == _items(second) else (),
    )
