"""Checks that two results can be compared, apart from the differences that a user accepts or accepted before.

The models may differ in anything. Prompts, targets, judge and grading must be the same: a judge or a wording alone
changes a score by more than models differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.errors import ConfigError, did_you_mean
from eval.runs.differences import Difference, differences_of, not_accepted
from eval.runs.record import MEDIA, Accepted, dotted, short
from eval.runs.scored import ScoredRun
from eval.scorers.accounting import video_of
from eval.scorers.traits import traits_of

MUST_AGREE = ("split", "limit", "decoder", "wording", "prompts_sha256", "data_sha256")
"""Fields of a run's provenance that its scores depend on besides model and scorer."""
_SAMPLES = ("ids", "target", "subset", "cluster")
"""Fields of the samples that the scores themselves record."""
_JUDGE_NAMES = ("requested", "note")
"""Names in a judge's identity that do not describe the judge as served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Continued:
    """A run that was continued with settings other than the first, which its user accepted by `accept=[...]`."""

    folder: str
    """Its folder, or that of a score of it."""
    accepted: tuple[Accepted, ...]
    """The accepted changes in order, each with the number of predictions made before it."""


def accepted_differences(first: ScoredRun, second: ScoredRun, accept: Sequence[str]) -> tuple[Difference, ...]:
    """Return the accepted differences between two results in fields that should agree.

    Args:
        first: A result.
        second: Another one.
        accept: Names of fields; a name includes all fields below it.

    Raises:
        ConfigError: they are of different benchmarks or kinds of score, or differ in a field that is not accepted; the
            message names every such field and how to accept it. Or a name in `accept` is no field.
    """
    if first.folder == second.folder:
        raise ConfigError(f"first, second: both are {first.folder}. Give two folders.")
    for field, was, now in (
        ("benchmark", first.benchmark, second.benchmark),
        ("scorer.name", first.scorer.get("name"), second.scorer.get("name")),
        ("primary", first.result.primary, second.result.primary),
    ):
        if was != now:
            raise ConfigError(
                f"{field}: {first.folder} is of {was!r}, {second.folder} of {now!r}. Give two results of one benchmark."
            )
    _refuse_unknown(accept, first, second)
    found = list(_found(first, second))
    refused = not_accepted(found, accept)
    if refused:
        names, one = [each.field for each in refused], refused[0]
        also = f" (and in {', '.join(names[1:])})" if names[1:] else ""
        raise ConfigError(
            f"{one.field}: {first.folder} has {short(one.first)}, {second.folder} has {short(one.second)}{also}. "
            "What differs there may pass for a difference between the models. Score or run one of them anew with the "
            f"other's settings, or accept it by name (with make in ARGS='...'): --accept {' '.join(names)}"
        )
    return tuple(found)


def unknown_fields(first: ScoredRun, second: ScoredRun) -> tuple[str, ...]:
    """Return the fields that should agree but are missing in one folder: predictions from elsewhere."""
    unknown = [name for name in MUST_AGREE if not (name in first.provenance and name in second.provenance)]
    return (*unknown, *(() if first.media.keys() & second.media.keys() else (MEDIA,)))


def continued(system: ScoredRun) -> Continued | None:
    """Return the accepted changes of a run's settings; None where all predictions have the same settings.

    Raises:
        DataError: its result has them in an unreadable form.
    """
    return Continued(folder=str(system.folder), accepted=system.accepted) if system.accepted else None


def _found(first: ScoredRun, second: ScoredRun) -> Iterator[Difference]:
    # A field that only one folder has cannot be compared.
    known = [name for name in MUST_AGREE if name not in unknown_fields(first, second)]
    was, now = ({name: each.provenance[name] for name in known} for each in (first, second))
    yield from differences_of(was, now)
    if first.provenance.get("probe") != second.provenance.get("probe"):
        yield Difference(field="probe", first=first.provenance.get("probe"), second=second.provenance.get("probe"))
    identities = differences_of({"scorer": _identity(first.scorer)}, {"scorer": _identity(second.scorer)})
    yield from identities
    ids = first.result.score_id, second.result.score_id
    if ids[0] != ids[1] and not identities:
        yield Difference(field="score_id", first=ids[0], second=ids[1])
    one, two = first.scores, second.scores
    if one.keys() != two.keys():
        yield Difference(
            field="ids",
            first=f"{len(one)} samples, {len(one.keys() - two.keys())} of them alone",
            second=f"{len(two)} samples, {len(two.keys() - one.keys())} of them alone",
        )
    common = [key for key in one if key in two]
    if not common:
        raise ConfigError(f"id: {first.folder} and {second.folder} have no sample in common: nothing can be paired.")
    renamed = traits_of(first.scorer).renamed
    for field, other_names in (("target", {}), ("subset", renamed)):
        texts = [{key: str(getattr(scores[key], field)) for key in common} for scores in (one, two)]
        texts = [{key: other_names.get(text, text) for key, text in side.items()} for side in texts]
        changed = [key for key in common if texts[0][key] != texts[1][key]]
        if changed:
            values = [f"{side[changed[0]]} for {changed[0]}" for side in texts]
            yield Difference(field=field, first=values[0], second=values[1])
    videos = {(video_of(one[key]), video_of(two[key])) for key in common}
    n_videos = [len({pair[which] for pair in videos}) for which in (0, 1)]
    if {len(videos)} != set(n_videos):
        yield Difference(field="cluster", first=f"{n_videos[0]} source videos", second=f"{n_videos[1]}, cut otherwise")
    shown = [key for key in common if key in first.media and key in second.media]
    other = [key for key in shown if first.media[key] != second.media[key]]
    if other:
        told = f"for {other[0]}, and {len(other) - 1} more of {len(shown)} from other files than the other's"
        yield Difference(
            field=MEDIA, first=f"{first.media[other[0]]} {told}", second=f"{second.media[other[0]]} {told}"
        )


def _must_agree(system: ScoredRun) -> Mapping[str, Any]:
    return {name: system.provenance[name] for name in MUST_AGREE if name in system.provenance}


def _identity(scorer: Mapping[str, Any]) -> Mapping[str, Any]:
    judge = scorer.get("judge")
    if not isinstance(judge, Mapping):
        return scorer
    return {**scorer, "judge": {key: value for key, value in judge.items() if key not in _JUDGE_NAMES}}


def _refuse_unknown(accept: Sequence[str], first: ScoredRun, second: ScoredRun) -> None:
    known = {*MUST_AGREE, *_SAMPLES, MEDIA, "score_id", "scorer", "probe"}
    for each in (first, second):
        known.update(dotted({**_must_agree(each), "scorer": _identity(each.scorer)}))
    for name in accept:
        if name not in known:
            raise ConfigError(f"--accept {name}: not a field that results are compared in. {did_you_mean(name, known)}")
