"""A plain run and its probes, compared sample by sample: changes, unchanged answers, positions, what subtasks need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from string import ascii_uppercase

from eval.analysis.compare.change import Change
from eval.analysis.compare.systems import Paired, in_primary
from eval.analysis.probes.claims import Subtask, claims_of, decided
from eval.core import OVERALL, Score
from eval.errors import ConfigError
from eval.runs.scored import ScoredRun
from eval.scorers.traits import metric_named, traits_of

ROTATED = "rotated"
"""The probe whose samples are asked once for every place of their options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRow:
    """A probe beside the plain run, on the samples that have an outcome in both."""

    probe: str
    changes: Mapping[str, Change]
    """The primary metric's change from the plain run, over everything and by subset."""
    unchanged: float | None
    """Share of the samples with the plain run's answer; of moved options, in every place. None without answers."""
    n_failed: int
    """Number of samples left out, since model or judge failed in one of the two."""
    n_not_asked: int
    """Number of samples that the probe cannot ask, such as those without options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How often an option's place is answered, and is right."""

    letter: str
    answered: float
    """Share of all answers of the plain run."""
    right: float
    """Share of its right answers that are there."""
    answered_rotated: float | None
    """Share of the answers while every option is once in every place; None where that was not run."""
    right_rotated: float | None
    """Share of the right answers there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeReport:
    """All probes of a run."""

    benchmark: str
    model: str
    primary: str
    """The primary metric."""
    margin: float
    """The loss below which a probe counts as no worse, in the metric's unit."""
    plain_frames: int | None
    """Number of frames of the plain run; None where that depends on the clip."""
    rows: tuple[ProbeRow, ...]
    positions: tuple[Position, ...]
    """Empty without options."""
    subtasks: tuple[Subtask, ...]
    """What the score needs, over everything and in each subtask."""
    is_builtin: bool
    """Whether it is of the built-in world."""


def probe_report(plain: ScoredRun, probes: Mapping[str, ScoredRun], margin: float) -> ProbeReport:
    """Return the comparison of a plain run with its probes.

    Args:
        plain: The run without a change.
        probes: The probed runs by name.
        margin: In the metric's unit.

    Raises:
        ConfigError: a probe's scores are of another kind than the plain run's, or the plain run has none.
        DataError, RunError: a file is damaged.
    """
    scorer, primary, traits = plain.scorer, plain.result.primary, traits_of(plain.scorer)
    if not plain.result.metrics:
        raise ConfigError(f"{plain.folder} has no number to compare with: its solutions are withheld.")
    if (metric := traits.metric(primary)) is not None and metric.grouped:
        primary = traits.own.name  # a probe asks about single questions
    rows, paired = [], {}
    for name, run in probes.items():
        if run.result.score_id != plain.result.score_id:
            raise ConfigError(f"{run.folder} is scored otherwise than {plain.folder}. Choose another OUT.")
        asked = _by_sample(run.scores, rotated=name == ROTATED)
        common = [(score, asked[key]) for key, score in plain.scores.items() if key in asked]
        sound = [(one, of) for one, of in common if not any(map(_failed, (one, *of.values())))]
        paired[name] = in_primary([(one, _mean([*of.values()])) for one, of in sound], scorer, primary)
        rows.append(
            ProbeRow(
                probe=name,
                changes={subset: found.change for subset, found in paired[name].items()},
                unchanged=_unchanged(sound, plain, run),
                n_failed=len(common) - len(sound),
                n_not_asked=len(plain.scores) - len(common),
            )
        )
    model = plain.provenance.get("model")
    frames = model.get("n_frames") if isinstance(model, Mapping) and not model.get("fps") else None
    return ProbeReport(
        benchmark=plain.benchmark,
        model=plain.result.model,
        primary=primary,
        margin=margin,
        plain_frames=frames if isinstance(frames, int) else None,
        rows=tuple(rows),
        positions=tuple(_positions(plain, probes.get(ROTATED))),
        subtasks=tuple(_subtasks(paired, plain, margin)),
        is_builtin=plain.is_builtin,
    )


def _by_sample(scores: Mapping[str, Score], *, rotated: bool) -> dict[str, dict[int, Score]]:
    """Return the scores of each plain sample, by the number of places that its options moved."""
    found: dict[str, dict[int, Score]] = {}
    for key, score in scores.items():
        sample, _, places = key.rpartition("@") if rotated else (key, "", "0")
        found.setdefault(sample, {})[int(places)] = score
    return found


def _failed(score: Score) -> bool:
    return score.status.endswith("_failed")


def _mean(scores: Sequence[Score]) -> Score:
    """Return one score for several of a sample, with the means of their values; a missing one earns nothing."""
    if len(scores) == 1:
        return scores[0]
    names = dict.fromkeys(name for score in scores for name in score.values)
    return replace(
        scores[0], values={name: sum(score.values.get(name, 0.0) for score in scores) / len(scores) for name in names}
    )


def _unchanged(pairs: Iterable[tuple[Score, Mapping[int, Score]]], plain: ScoredRun, run: ScoredRun) -> float | None:
    """Return the share of samples whose answers are all the plain run's; of n options, n - 1 answers are there."""
    same = [
        all(_answer(other, run, moved, len(of) + 1) == _answer(one, plain) for moved, other in of.items())
        for one, of in pairs
    ]
    return sum(same) / len(same) if same else None


def _answer(score: Score, run: ScoredRun, moved: int = 0, n: int = 0) -> str | None:
    """Return an answer, as the letter that the option has in the plain run, or the output where none is parsed."""
    if score.answer is None:
        output = run.outputs.get(score.id)
        return None if output is None else output.strip()
    at = ascii_uppercase.find(score.answer) if moved and len(score.answer) == 1 else -1
    return ascii_uppercase[(at - moved) % n] if 0 <= at < n else score.answer


def _positions(plain: ScoredRun, rotated: ScoredRun | None) -> list[Position]:
    """Return the share of answers at each place; nothing for a benchmark without options."""
    own = [score for score in plain.scores.values() if score.chance is not None and len(score.target) == 1]
    if not own:
        return []
    moved = [] if rotated is None else [*rotated.scores.values(), *_of(plain, rotated)]
    answers, targets = _shares(score.answer for score in own), _shares(score.target for score in own)
    answers_moved, targets_moved = (
        _shares(score.answer for score in moved), _shares(score.target for score in moved)
    )  # fmt: skip
    letters = sorted({*answers, *targets, *answers_moved, *targets_moved})
    return [
        Position(
            letter=letter,
            answered=answers.get(letter, 0.0),
            right=targets.get(letter, 0.0),
            answered_rotated=answers_moved.get(letter, 0.0) if moved else None,
            right_rotated=targets_moved.get(letter, 0.0) if moved else None,
        )
        for letter in letters
    ]


def _of(plain: ScoredRun, rotated: ScoredRun) -> list[Score]:
    """Return the plain scores of the samples whose options were moved: their first place."""
    asked = _by_sample(rotated.scores, rotated=True)
    return [score for key, score in plain.scores.items() if key in asked]


def _shares(letters: Iterable[str | None]) -> dict[str, float]:
    counts = Counter(letter for letter in letters if letter is not None)
    return {letter: count / counts.total() for letter, count in counts.items()}


def _subtasks(paired: Mapping[str, Mapping[str, Paired]], plain: ScoredRun, margin: float) -> list[Subtask]:
    subsets = dict.fromkeys(subset for of_probe in paired.values() for subset in of_probe)
    by_subset = {subset: {name: of[subset] for name, of in paired.items() if subset in of} for subset in subsets}
    chances = _chances(plain)
    claims = {subset: claims_of(changes, chances.get(subset), margin) for subset, changes in by_subset.items()}
    return decided({subset: found for subset, found in claims.items() if found}, by_subset, chances)


def _chances(plain: ScoredRun) -> dict[str, float | None]:
    """Return the mean chance of the samples of each subset, and of all."""
    traits = traits_of(plain.scorer)
    found: dict[str, list[float | None]] = {}
    for score in plain.scores.values():
        for subset in (OVERALL, traits.renamed.get(score.subset, score.subset)):
            found.setdefault(subset, []).append(score.chance)
    return {
        subset: sum(known) / len(known) if len(known := [one for one in of if one is not None]) == len(of) else None
        for subset, of in found.items()
    }


def scale_of(report: ProbeReport) -> float:
    """Return the factor by which tables multiply the report's metric."""
    return metric_named(report.primary).scale
