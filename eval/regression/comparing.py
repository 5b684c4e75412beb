"""Differences between a baseline and a new observation, in the order of the pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eval.errors import RunError
from eval.regression.records import FIELDS, ROUNDING, TOLERANCES, Observation, Record

MISSING = "(nothing)"
"""Shown for a record, or a part of a field, that only one side has."""

_LOGPROBS = ("logprobs", "alone_logprobs", "half_logprobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDifference:
    """A place in an observed record whose value is not the baseline's, beyond the tolerance of its field.

    Other than `eval.runs.differences.Difference`, it is about outcomes of the pipeline and not about settings.
    """

    benchmark: str
    id: str
    field: str
    """Its name in FIELDS."""
    path: str
    """The first place in the field that differs, such as `[3]` or `.values.cider`; "" for the whole."""
    expected: Any
    """The baseline's value there."""
    found: Any
    """The observed value there."""
    note: str = ""
    """What explains it, where that is known."""

    @property
    def place(self) -> str:
        """The field and the place in it, such as `decoded[3]`."""
        return f"{self.field}{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOutcome:
    """The outcome of a comparison with a baseline."""

    checked: Sequence[Record]
    """All records: those of the baseline, and those observed only now."""
    differences: Sequence[RecordDifference]
    """All differences in the order of the pipeline: the first one is nearest to the cause."""
    libraries: Mapping[str, tuple[str, str]]
    """Library versions that differ from the baseline's: old and new, by library."""

    @property
    def passed(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    @property
    def first(self) -> RecordDifference | None:
        """The earliest difference in the pipeline."""
        return self.differences[0] if self.differences else None

    def by_field(self) -> Mapping[str, int]:
        """Return the number of records that differ in each field, in the order of the pipeline."""
        counts = Counter(each.field for each in self.differences)
        return {name: counts[name] for name in FIELDS if counts[name]}


def compare(baseline: Observation, now: Observation) -> GateOutcome:
    """Compare all records with a baseline.

    Raises:
        RunError: the baseline is of another checkpoint or another world, so that the two cannot be compared.
    """
    for name, was, found in (
        ("checkpoint", baseline.checkpoint, now.checkpoint),
        ("built-in world", baseline.world, now.world),
    ):
        if was != found:
            raise RunError(
                f"The baseline was made with another {name} ({was[:12]}, here {found[:12]}). Restore it from git; if "
                "it was changed on purpose, make baseline."
            )
    then = {(record.benchmark, record.id): record for record in baseline.records}
    here = {(record.benchmark, record.id): record for record in now.records}
    keys = [*then, *(key for key in here if key not in then)]
    apart = [each for key in keys for each in _of_record(key, then.get(key), here.get(key))]
    order = {name: place for place, name in enumerate(FIELDS)}
    names = sorted(baseline.libraries.keys() | now.libraries.keys())
    versions = {name: (baseline.libraries.get(name, "none"), now.libraries.get(name, "none")) for name in names}
    return GateOutcome(
        checked=[then.get(key) or here[key] for key in keys],
        differences=sorted(_handed_out(apart, then), key=lambda each: order[each.field]),
        libraries={name: both for name, both in versions.items() if both[0] != both[1]},
    )


def _of_record(key: tuple[str, str], then: Record | None, now: Record | None) -> Iterator[RecordDifference]:
    was, found = then.fields if then else {}, now.fields if now else {}
    for name in FIELDS:
        if name in was or name in found:
            apart = first_difference(name, was.get(name, MISSING), found.get(name, MISSING))
            if apart is not None:
                path, expected, observed = apart
                yield RecordDifference(
                    benchmark=key[0], id=key[1], field=name, path=path, expected=expected, found=observed
                )


def _handed_out(
    apart: Sequence[RecordDifference], then: Mapping[tuple[str, str], Record]
) -> Iterator[RecordDifference]:
    """Yield the differences; outputs that only changed places with others about the same clip are noted as that."""
    groups: dict[str, list[RecordDifference]] = {}
    for each in apart:
        record = then.get((each.benchmark, each.id))
        asked = record.fields.get("sample") if record else None
        if each.field == "output" and each.path == "" and isinstance(asked, dict):
            groups.setdefault(f"{asked.get('clip')} {asked.get('span')}", []).append(each)
    notes: dict[tuple[str, str], str] = {}
    for group in groups.values():
        for each in group:
            given = [one for one in group if one.expected == each.found]
            if given and any(one.found == each.expected for one in group):
                told = f"that of {given[0].id}, about the same clip: handed out in another order"
                notes[each.benchmark, each.id] = told
    for each in apart:
        note = notes.get((each.benchmark, each.id), "") if each.field == "output" else ""
        yield replace(each, note=note) if note else each


def first_difference(field: str, expected: Any, found: Any) -> tuple[str, Any, Any] | None:
    """Return the path of the first difference between two values of a field, and both parts; None within tolerance."""
    if field in _LOGPROBS and isinstance(expected, list) and isinstance(found, list):
        return _likeliest(expected, found, TOLERANCES[field])
    return _apart(expected, found, TOLERANCES.get(field, ROUNDING), "")


def _apart(expected: Any, found: Any, tolerance: float, path: str) -> tuple[str, Any, Any] | None:
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = [*expected, *(key for key in found if key not in expected)]
        parts = ((f"{path}.{key}", expected.get(key, MISSING), found.get(key, MISSING)) for key in keys)
        return next((apart for at, one, two in parts if (apart := _apart(one, two, tolerance, at))), None)
    if isinstance(expected, list) and isinstance(found, list):
        longest = range(max(len(expected), len(found)))
        sides = [[*part, *[MISSING] * (len(longest) - len(part))] for part in (expected, found)]
        parts = ((f"{path}[{i}]", sides[0][i], sides[1][i]) for i in longest)
        return next((apart for at, one, two in parts if (apart := _apart(one, two, tolerance, at))), None)
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (expected, found))
    if numbers:
        same = abs(expected - found) <= tolerance * max(1.0, abs(expected))
    else:
        same = type(expected) is type(found) and expected == found
    return None if same else (path, expected, found)


def _likeliest(
    expected: Sequence[Sequence[Any]], found: Sequence[Sequence[Any]], tolerance: float
) -> tuple[str, Any, Any] | None:
    """Compare tokens by their log-probabilities, [[id, text, value], ...] with the likeliest first.

    Tokens of nearly equal probability may swap places. A token may drop out of the list only if it is about as likely
    as the list's last one.
    """
    now = {token: value for token, _, value in found}
    least = found[-1][2] if found else float("-inf")
    for place, (token, text, value) in enumerate(expected):
        other = now.get(token, least)
        if len(expected) != len(found) or abs(other - value) > tolerance:
            shown = next((list(each) for each in found if each[0] == token), found[-1] if found else MISSING)
            return f"[{place}]", [token, text, value], shown
    return None
