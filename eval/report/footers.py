"""Notes under a result's table: meaning of its values, and missing samples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from eval.core import COMPLETE_FROM, OVERALL, Accounting, Metric, Result
from eval.report.printing import counted, printed, span, titled
from eval.scorers.traits import metric_named

FEW_VIDEOS = 30
"""Number of source videos below which an interval may cover as little as 93%: results/bench/statistics.md."""

IF_FAILED = "if failed"
"""Header of the column with the range of a value given the failed samples."""


def headline(result: Result, accounting: Accounting) -> Metric | None:
    """Return the benchmark's primary metric, or None where nothing was scored."""
    key = (result.primary, accounting, OVERALL)
    return next((m for m in result.metrics if (m.name, m.accounting, m.subset) == key), None)


def number_of(result: Result, accounting: Accounting) -> Metric | None:
    """Return the primary metric, or where this part has no average over subsets, that over its samples."""
    found = headline(result, accounting)
    if found is None or found.value is not None:
        return found
    key = (f"{result.primary}_micro", accounting, OVERALL)
    return next((m for m in result.metrics if (m.name, m.accounting, m.subset) == key), found)


def in_units(names: Iterable[str]) -> str:
    """Return how the values of metrics are printed: times 100, or in points as they are."""
    by_unit: dict[bool, dict[str, None]] = {True: {}, False: {}}
    for name in names:
        metric = metric_named(name)
        by_unit[metric.unit == "points"][metric.title] = None
    if not by_unit[True]:
        return "Values times 100"
    return f"Values times 100 ({', '.join(by_unit[True])}: points)" if by_unit[False] else "Values in points"


def explained(shown: frozenset[str], names: Iterable[str]) -> str:
    """Return an explanation of the columns shown, in which metrics of these names stand."""
    known = list(names)
    grouped = [metric_named(name).grouped for name in known]
    where = " where single questions count" if any(grouped) else ""
    left_out = f"is left out by upstream{where}, and " if "upstream" in shown and not all(grouped) else ""
    said = (
        f"{in_units(known)}. What has no valid answer, or failed, {left_out}earns nothing in strict. The interval is "
        "that of strict, over source videos."
    )
    if any(grouped):
        said += (
            " A group of questions counts once: in upstream as in its authors' code, which may count an answer that is "
            "none, and without groups in which an output failed."
        )
    if "tolerant" in shown:
        said += " Tolerant: answers as a person would read them, in brackets, phrases or an option's own words."
    if IF_FAILED in shown:
        said += " If failed: the value had all that failed been wrong, and had all been right."
    return said


def judge_notes(results: Iterable[Result]) -> list[str]:
    """Return what is to be said of the judges of some results, such as that one is a placeholder."""
    about = {result.judge: (result.provenance.get("scorer") or {}).get("judge") or {} for result in results}
    return [f"Judge {judge}: {told['note']}." for judge, told in about.items() if told.get("note")]


def few_videos(result: Result) -> list[str]:
    """Return a warning where an interval rests on too few videos and may be too narrow."""
    metric = number_of(result, "strict")
    if metric is None or metric.interval is None or metric.n_clusters is None or metric.n_clusters >= FEW_VIDEOS:
        return []
    few = counted(metric.n_clusters, "source video")
    return [f"Only {few}: intervals are rough, and may be too narrow near 0 and 100."]


def corrected(result: Result) -> list[str]:
    """Return the judged metrics corrected for the judge's errors, or why they are not, and by what."""
    found = result.corrected
    if found is None:
        return []
    if found.refused is not None:
        return [f"Not corrected for the judge's errors: {found.refused}."]
    values = {(value.name, value.accounting): value for value in found.values}
    told = []
    for name in dict.fromkeys(value.name for value in found.values):
        strict, upstream = values.get((name, "strict")), values.get((name, "upstream"))
        if strict is not None:
            other = "" if upstream is None else f" (upstream {printed(name, upstream.value)})"
            cut = ", cut there" if strict.clipped else ""
            ends = f"[{span(name, strict.interval)}]" if strict.interval else "(no interval: too few source videos)"
            told.append(f"{titled(name)} {printed(name, strict.value)}{other}{cut} {ends}")
    whose = "people's labels of these very outputs" if found.method == "prediction-powered" else "error rates"
    by = f"{found.n_items:,} items of the kind {found.kind} ({', '.join(found.sets)})"
    rates = f"sensitivity {100 * found.sensitivity:.1f}, specificity {100 * found.specificity:.1f}"
    return [
        f"Corrected for the judge's errors: {'; '.join(told)}. By {whose}: {by}, {rates}.",
        "These intervals carry the uncertainty of both, and "
        + (
            "take the labelled outputs for a random part."
            if found.method == "prediction-powered"
            else "assume that the judge errs here as it does on those items."
        ),
    ]


def depends_on(result: Result) -> list[str]:
    """Return each value that says what the score depends on."""
    told = []
    for one in result.diagnoses:
        scale, digits = (100, 1) if one.unit == "percent" else (1, 2)
        value = "-" if one.value is None else f"{scale * one.value:.{digits}f}"
        ends = one.interval
        said = "" if ends is None else f" [{scale * ends[0]:.{digits}f} to {scale * ends[1]:.{digits}f}]"
        told.append(f"{one.name} {value}{said}")
    return told


def repeated(result: Result) -> list[str]:
    """Return the judged metrics in several judgings of the same predictions, or the reason why there are none."""
    found = result.repeated
    if found is None:
        return []
    lines = []
    if found.values:
        asked = "the server's own temperature" if found.temperature is None else f"temperature {found.temperature:g}"
        told = []
        for value in found.values:
            if value.accounting == "strict":
                name, scale = value.name, metric_named(value.name).scale
                error = "" if value.stderr is None else f", the judge's standard error {scale * value.stderr:.2f}"
                told.append(
                    f"{titled(name)} {', '.join(printed(name, each) for each in value.values)} (mean "
                    f"{printed(name, value.mean)}, standard deviation {scale * value.stdev:.2f}{error})"
                )
        lines += [
            f"Judged {found.whole} times at {asked}: {'; '.join(told)}.",
            "The first judging is the score. These are errors by the judge alone, which intervals over videos contain.",
        ]
    if found.lacking:
        whole = f"{found.whole} of {found.wanted} judgings are whole"
        lines.append(f"{whole}, and the next lacks {found.lacking} replies; the same command goes on.")
    return lines


def clip_notes(result: Result) -> list[str]:
    """Return what to know of the clips that were read, in one line."""

    def clips(n: int, said: str) -> list[str]:
        return [f"{counted(n, 'clip')} {said}"] if n else []

    notes = result.clip_notes or {}
    found = [
        *clips(notes.get("length_not_verifiable", 0), "whose length cannot be verified"),
        *clips(notes.get("one_frame", 0), "with only one frame"),
        *clips(notes.get("palette_lost", 0), "whose palette decord loses, shown black or in other colours"),
    ]
    return [f"{'; '.join(found)}."] if found else []


def _to_go(result: Result) -> int:
    """Return the number of samples that a result still lacks."""
    return max(0, int(result.provenance.get("n_samples") or 0) - result.counts.total)


def partial(result: Result) -> list[str]:
    """Return the number of remaining samples, where the run was stopped."""
    left = 0 if result.provenance.get("shard") else _to_go(result)
    return [f"Partial: the run stopped with {counted(left, 'sample')} to go."] if left else []


def drawn(result: Result) -> list[str]:
    """Return how a part of the benchmark was drawn, and the subsets of which it has no sample."""
    part = result.provenance.get("part")
    if not isinstance(part, Mapping):
        return []
    lines = []
    if part.get("subsets"):
        lines.append(f"Of these subsets only: {', '.join(part['subsets'])}.")
    if part.get("limit") is not None:
        offset = f", after OFFSET={part['offset']}," if part.get("offset") else ""
        lines.append(f"LIMIT={part['limit']}{offset} draws {part.get('order')}, with seed {part.get('seed')}.")
    elif part.get("offset"):
        lines.append(f"OFFSET={part['offset']} leaves out the samples that LIMIT={part['offset']} draws.")
    if part.get("samples"):
        lines.append("Samples were chosen by their ids: the numbers stand for these alone.")
    if missing := part.get("missing"):
        lines.append(
            f"No average over subsets, since this part has no sample of {len(missing)} of them: {', '.join(missing)}."
        )
    return lines


def incomplete(result: Result) -> list[str]:
    """Return the missing samples, where there are too many of them to call the result complete."""
    counts, wanted = result.counts, result.counts.total + _to_go(result)
    ended = counts.total - counts.model_failed - counts.judge_failed
    if result.complete or result.provenance.get("shard") or (wanted and ended >= COMPLETE_FROM * wanted):
        return []
    share = f"{math.floor(1000 * ended / wanted) / 10:.1f}%" if wanted else "none"  # never rounded up to what is due
    needed = f"{100 * COMPLETE_FROM:g}% are needed"
    return [f"INCOMPLETE: {share} of the samples have a result, and {needed}; {failed_by(result)}."]


def media_failed(result: Result) -> int:
    """Return the number of samples that were not put to the model for want of media; of an older result by coverage."""
    if result.media_failed is not None:
        return result.media_failed
    return min(result.counts.model_failed, sum(each.total - each.present for each in result.coverage))


def failed_by(result: Result) -> str:
    """Return how many samples have no value for want of media, and how many because the model or the judge failed."""
    counts, media = result.counts, media_failed(result)
    parts = [f"of {media:,} the media cannot be shown"] if media else []
    return ", ".join(
        [*parts, f"the model failed {counts.model_failed - media:,}", f"the judge {counts.judge_failed:,}"]
    )
