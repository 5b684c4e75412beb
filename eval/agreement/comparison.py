"""A second opinion: what two judges, or two protocols of one, make of the same predictions.

Judges differ by whole points on the same outputs, so a judged number is as good as its judge. Here two of them are
compared sample by sample: how often they say the same and how much of that is more than chance (kappa), how far the
metrics move, and which samples flip. Everything is computed on the samples that both have judged, so that failures
of one judge do not pass for an offset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.agreement.opinions import VALUES, Judged, Kind, Opinion
from eval.errors import ConfigError
from eval.judges.calls import LABELS
from eval.scorers.autodq import RENAMED, f1_of
from eval.stats import cluster_bootstrap, clustered_mean, kappa_of
from eval.stats.kappa import kappas_of
from eval.store import SCORES

_GRADES = ("yes", "no")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field in which the identities of two judges, or of two runs, differ."""

    field: str
    """Its path, such as `judge.model`."""
    first: Any
    """Its value in the first; None where it has none."""
    second: Any
    """Its value in the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelTable:
    """How two judges labelled the same items."""

    labels: tuple[str, ...]
    """What rows and columns stand for."""
    counts: tuple[tuple[int, ...], ...]
    """Items by label: a row for each of the first judge's, a column for each of the second's."""
    n: int
    """Items."""
    share: float | None
    """How many got the same label from both, 0 to 1; None without items."""
    kappa: float | None
    """Cohen's kappa; None where it is undefined."""
    low: float | None
    """Lower end of kappa's 95% interval, over source videos; None where it cannot be told."""
    high: float | None
    """Upper end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """How far a metric moves from the first judge to the second, on the samples that both have judged."""

    name: str
    """The metric, as in results."""
    first: float
    """By the first judge, unscaled."""
    second: float
    """By the second."""
    offset: float
    """Second minus first."""
    low: float | None
    """Lower end of the offset's 95% interval, over source videos; None where it cannot be told."""
    high: float | None
    """Upper end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relabelled:
    """An event of a reference of which two judges say different things."""

    event: str
    first: str
    second: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A sample that two judges see differently: a grade that turns, or a description whose values move."""

    id: str
    question: str | None
    """What was asked, where it is known; None for descriptions."""
    target: str
    output: str
    first: Mapping[str, float]
    """Values by the first judge."""
    second: Mapping[str, float]
    """Values by the second."""
    moved: float
    """How far values moved, all taken as positive: accuracy, or recall and precision together."""
    relabelled: tuple[Relabelled, ...] = ()
    """The reference's events that were labelled otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two judges on the same predictions."""

    benchmark: str
    scorer: Kind
    first: str
    """The first judge."""
    second: str
    """The second judge."""
    differences: tuple[Difference, ...]
    """What makes them two."""
    n_both: int
    """Samples that both judged: everything below is about them."""
    n_first_only: int
    """Samples that only the first judged."""
    n_second_only: int
    """Samples that only the second judged."""
    n_neither: int
    """Samples that none judged, most often since the model gave no output."""
    table: LabelTable
    """Grades of answers, or labels of the references' events."""
    n_other_events: int
    """Descriptions left out of the table, since the judges listed other events of the reference."""
    offsets: tuple[Offset, ...]
    """Accuracy and score; or f1, recall and precision."""
    flips: tuple[Flip, ...]
    """Every sample that flips: answers in the order of the file, descriptions that moved most first."""


def compare_judges(first: Judged, second: Judged) -> Agreement:
    """Return how two judges agree on the predictions that both have judged.

    open_qa: grades yes and no, with kappa; offsets of accuracy and mean score over samples. autodq: labels of the
    references' events, with kappa; offsets of f1, recall and precision as results have them, over sources. What a
    prediction's events are is up to each judge, so that their labels have nothing in common to compare.

    Intervals are over source videos: clustered standard errors for means over samples, and else the bootstrap, for
    autodq within sources.

    Raises ConfigError, which names the field, where the two are not about the same predictions of one benchmark, are
    by the same judge and protocol, or have no sample in common that both have judged.
    """
    _refuse_incomparable(first, second)
    judged = [(bool(one.values), bool(second.opinions[key].values)) for key, one in first.opinions.items()]
    ids = [key for key, both in zip(first.opinions, judged, strict=True) if all(both)]
    if not ids:
        raise ConfigError(
            f"values: no sample is judged both in {first.folder} and in {second.folder}. The reasons are in {SCORES}."
        )
    pairs = {key: (first.opinions[key], second.opinions[key]) for key in ids}
    is_qa = first.scorer == "open_qa"
    comparable = {key: pair for key, pair in pairs.items() if is_qa or _events(pair[0]) == _events(pair[1])}
    questions = {**second.questions, **first.questions}
    flips = [_flip(key, *pair, questions.get(key)) for key, pair in pairs.items()]
    flips = [flip for flip in flips if flip.moved or flip.relabelled]
    return Agreement(
        benchmark=first.benchmark,
        scorer=first.scorer,
        first=first.judge,
        second=second.judge,
        differences=tuple(differences_of(first.identity, second.identity)),
        n_both=len(ids),
        n_first_only=judged.count((True, False)),
        n_second_only=judged.count((False, True)),
        n_neither=judged.count((False, False)),
        table=_table(list(comparable.values()), _GRADES if is_qa else LABELS, within_sources=not is_qa),
        n_other_events=len(pairs) - len(comparable),
        offsets=_sample_offsets(list(pairs.values())) if is_qa else _source_offsets(list(pairs.values())),
        flips=tuple(flips if is_qa else sorted(flips, key=lambda flip: (-flip.moved, -len(flip.relabelled)))),
    )


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


def differences_of(first: Mapping[str, Any], second: Mapping[str, Any], path: str = "") -> list[Difference]:
    """Return the fields, dotted, in which two nested settings differ; `path` comes before their names."""
    found: list[Difference] = []
    for key in dict.fromkeys([*first, *second]):
        one, two = first.get(key), second.get(key)
        if isinstance(one, Mapping) and isinstance(two, Mapping):
            found += differences_of(one, two, f"{path}{key}.")
        elif one != two:
            found.append(Difference(field=f"{path}{key}", first=one, second=two))
    return found


def _events(opinion: Opinion) -> tuple[str, ...]:
    return tuple(event for event, _ in opinion.labels)


def _said(opinion: Opinion) -> tuple[str, ...]:
    """Return what a judge said of each item of a sample: the grade, or the label of each event."""
    if "accuracy" in opinion.values:
        return (_GRADES[0] if opinion.values["accuracy"] else _GRADES[1],)
    return tuple(label for _, label in opinion.labels)


def _source(opinion: Opinion) -> str:
    return RENAMED.get(opinion.subset, opinion.subset)


def _flip(key: str, first: Opinion, second: Opinion, question: str | None) -> Flip:
    names = ("accuracy",) if "accuracy" in first.values else ("recall", "precision")
    relabelled = (
        Relabelled(event=event, first=one, second=two)
        for (event, one), (_, two) in zip(first.labels, second.labels, strict=False)
        if one != two
    )
    return Flip(
        id=key,
        question=question,
        target=first.target,
        output=first.output or "",
        first=first.values,
        second=second.values,
        moved=sum(abs(second.values[name] - first.values[name]) for name in names),
        relabelled=tuple(relabelled) if _events(first) == _events(second) else (),
    )


def _videos(pairs: Sequence[tuple[Opinion, Opinion]]) -> tuple[NDArray[np.intp], list[str]]:
    """Return the number of each pair's source video, and the source of each video, in order of number."""
    sources = {first.cluster: _source(first) for first, _ in pairs}
    numbers = {video: number for number, video in enumerate(sources)}
    return np.array([numbers[first.cluster] for first, _ in pairs], dtype=np.intp), list(sources.values())


def _table(pairs: Sequence[tuple[Opinion, Opinion]], labels: Sequence[str], *, within_sources: bool) -> LabelTable:
    numbers, sources = _videos(pairs)
    by_video = np.zeros((len(sources), len(labels), len(labels)), dtype=int)
    for number, (first, second) in zip(numbers, pairs, strict=True):
        for one, two in zip(_said(first), _said(second), strict=True):
            by_video[number, labels.index(one), labels.index(two)] += 1
    counts = by_video.sum(axis=0)
    n, kappa = int(counts.sum()), kappa_of(counts)

    strata = sources if within_sources else None
    interval = None if kappa is None else cluster_bootstrap(by_video, kappas_of, strata=strata)
    return LabelTable(
        labels=tuple(labels),
        counts=tuple(tuple(int(count) for count in row) for row in counts),
        n=n,
        share=int(np.trace(counts)) / n if n else None,
        kappa=kappa,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
    )


def _sample_offsets(pairs: Sequence[tuple[Opinion, Opinion]]) -> tuple[Offset, ...]:
    clusters = [first.cluster for first, _ in pairs]
    found = []
    for name in VALUES["open_qa"]:
        ones, twos = ([pair[side].values[name] for pair in pairs] for side in (0, 1))
        moved = clustered_mean([two - one for one, two in zip(ones, twos, strict=True)], clusters)
        first, second = sum(ones) / len(pairs), sum(twos) / len(pairs)
        found.append(Offset(name=name, first=first, second=second, offset=moved.mean, low=moved.low, high=moved.high))
    return tuple(found)


def _source_offsets(pairs: Sequence[tuple[Opinion, Opinion]]) -> tuple[Offset, ...]:
    """Return offsets of f1, recall and precision as results have them: recall and precision are means over sources.

    Each description weighs one over the number of sources and of descriptions in its source, so that the mean over
    sources is a sum over videos, also of those that are drawn within sources.
    """
    names = VALUES["autodq"]
    numbers, strata = _videos(pairs)
    of = [_source(first) for first, _ in pairs]
    weights = np.array([1 / (len(set(of)) * of.count(source)) for source in of])
    # videos x judges x (recall, precision)
    shares = np.zeros((len(strata), 2, len(names)))
    rows = np.array([[[one.values[name] for name in names] for one in pair] for pair in pairs])
    np.add.at(shares, numbers, rows * weights[:, None, None])

    def moved(name: str, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        first, second = _metric(name, totals[:, 0]), _metric(name, totals[:, 1])
        return second - first

    found = []
    for name in ("f1", *names):
        first, second = (float(_metric(name, shares[:, side].sum(axis=0))) for side in (0, 1))
        spread = cluster_bootstrap(shares, partial(moved, name), strata=strata)
        low, high = (spread.low, spread.high) if spread else (None, None)
        found.append(Offset(name=name, first=first, second=second, offset=second - first, low=low, high=high))
    return tuple(found)


def _metric(name: str, means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return f1, recall or precision of means of recall and precision, (..., 2) to (...)."""
    if name != "f1":
        return means[..., VALUES["autodq"].index(name)]
    return f1_of(means)
