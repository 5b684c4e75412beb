"""A finished run as its page shows it: numbers, accounting, failures, time, money, caveats, and every sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval.analysis.page.clips import Clips, PlaceOf, beside
from eval.analysis.page.published import published_numbers
from eval.analysis.page.samples import is_graded, sample_json
from eval.analysis.scored_outputs import judge_calls, scored_outputs
from eval.config import BUILTIN, cards
from eval.core import Clip, Prediction, Result, Sample, Score, ScorerTraits
from eval.errors import ConfigError
from eval.judges.bill import STAGES
from eval.plugins.finding import remedy
from eval.report.footers import (
    clip_notes,
    corrected,
    depends_on,
    drawn,
    few_videos,
    headline,
    incomplete,
    partial,
    repeated,
)
from eval.report.judging import dollars
from eval.report.printing import counted, titled
from eval.runs.scored import ScoredRun
from eval.scorers.traits import metric_named, traits_of

BUILTIN_CAVEAT = "Its data are the built-in world: rendered clips that check the pipeline."
MOST_REASONS, LONGEST_REASON = 40, 120
"""Most reasons of failures that are listed, and most characters of one."""
_STAGES = {
    "decode": "reading clips, in other processes",
    "prepare": "resizing frames, in other processes",
    "wait": "waiting for frames",
    "encode": "frames through the vision tower",
    "prefill": "prompts up to the first token",
    "generate": "further tokens",
    "model": "everything else of the model",
    "write": "writing predictions",
    "score": "scoring, the judge included",
    "idle": "waiting for clips to be handed out",
}
"""Stages in the order of the pipeline, and what each is."""


def run_payload(scored: ScoredRun, *, page_folder: Path, place: PlaceOf | None = None) -> dict[str, Any]:
    """Return a run in the form of `Run` in `web/src/payload.ts`.

    Args:
        scored: The run, or the score of predictions.
        page_folder: The folder of the page, to which the paths of clips and pictures are relative.
        place: Gives the URLs of files; None: relative paths.

    Raises:
        TarsierEvalError: a file of the run is missing, damaged, or not the one that the result was computed from.
    """
    scored.verify()
    traits = _traits(scored)
    scores = scored.scores
    graded = traits is not None and is_graded(scores.values(), traits)
    clips = Clips(media_root(scored.result.provenance), scored.predictions_folder, place or beside(page_folder))
    calls, pairs = judge_calls(scored), scored_outputs(scored)
    result = scored.result
    samples = [
        sample_json(
            *pair,
            score,
            clip=clips.add(pair[1]),
            traits=traits,
            graded=graded,
            calls=calls.get(score.id, ()),
        )
        for score in scores.values()
        for pair in [pairs.get(score.id) or _unseen(score)]
    ]
    own = caveats(scored)
    if not pairs:
        own.append("The outputs are not shown: the predictions that were scored moved, or were changed since.")
    return {
        **about_benchmark(result.benchmark),
        "name": scored.folder.name,
        "model": result.model,
        "unfinished": False,
        "updated": 0,
        "judge": result.judge,
        "protocol": result.protocol,
        "date": scored.date,
        "folder": str(scored.folder),
        "fingerprint": scored.fingerprint,
        "builtin": scored.is_builtin,
        "complete": result.complete,
        "primary": result.primary,
        "no_value": _no_value(result),
        "traits": _metric_traits(result, traits),
        "metrics": [asdict(metric) for metric in result.metrics],
        "beside": beside_the_score(result),
        "counts": asdict(result.counts),
        "coverage": [asdict(each) for each in result.coverage],
        "failures": failures(scores.values(), {name: prediction for name, (_, prediction) in pairs.items()}),
        "clip_notes": [{"note": note.replace("_", " "), "n": n} for note, n in (result.clip_notes or {}).items()],
        "time": _time(result),
        "wall_s": (result.timing or {}).get("wall_s"),
        "workers": [
            {name: worker.get(name) for name in ("name", "clips", "samples", "waiting")}
            for worker in (result.timing or {}).get("workers", ())
        ],
        "money": _money(result),
        "published": published_numbers(result, is_apart=bool(own)),
        "caveats": own,
        "settings": flat({**scored.result.provenance, **_judged(result)}),
        "clips": clips.rows,
        "samples": samples,
    }


def beside_the_score(result: Result) -> list[dict[str, Any]]:
    """Return what stands beside the score, by title: values that never take its place."""
    found = {
        "Corrected by a judge card": corrected(result),
        "Judged several times": repeated(result),
        "What the score depends on": depends_on(result),
    }
    return [{"title": title, "lines": lines} for title, lines in found.items() if lines]


def about_benchmark(name: str) -> dict[str, Any]:
    """Return what a benchmark's card says of it; of a foreign one only its name is known."""
    card = cards().get(name)
    if card is None:
        return {"benchmark": name, "title": name, "paper": "", "homepage": "", "task": ""}
    about = {key: getattr(card, key) for key in ("title", "paper", "homepage", "task")}
    return {"benchmark": name, **about}


def _no_value(result: Result) -> str | None:
    """Return the reason why the headline has no value; None where it has one."""
    metric = headline(result, "strict")
    if metric is not None and metric.value is not None:
        return None
    part = result.provenance.get("part")
    missing = part.get("missing") if isinstance(part, Mapping) else None
    if missing and result.counts.scored:
        return f"It is an average over subsets, {len(missing)} of which have no sample in this part."
    if metric_named(result.primary).grouped and result.counts.scored:
        return "No group has all of its questions."
    return "No sample has a value."


def _metric_traits(result: Result, traits: ScorerTraits | None) -> list[dict[str, Any]]:
    """Return name, unit and maximum of each metric of a run, and of its averages."""
    found = []
    for name in dict.fromkeys(
        [each.name for each in (traits.metrics if traits else ())] + [m.name for m in result.metrics]
    ):
        metric = metric_named(name)
        about = {"name": name, "label": titled(name), "unit": metric.unit, "best": metric.best}
        found.append(about | ({"grouped": True} if metric.grouped else {}))
    return found


def failures(scores: Iterable[Score], predictions: Mapping[str, Prediction]) -> list[dict[str, Any]]:
    """Return the reasons of samples without a value, the most frequent first; what differs by sample is cut off."""
    counts: Counter[tuple[str, str]] = Counter()
    for score in scores:
        if score.status != "scored":
            prediction = predictions.get(score.id)
            counts[score.status, (prediction.error if prediction else None) or score.reason or ""] += 1
    return grouped(counts)


def grouped(counts: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
    """Return reasons with their numbers by what they share, the most frequent first."""
    groups: Counter[tuple[str, str]] = Counter()
    for (status, reason), n in counts.items():
        groups[status, reason_group(reason)] += n
    whole = {(status, reason) for status, reason in counts if reason_group(reason) == reason}
    found = [
        {"status": status, "reason": reason, "label": reason if (status, reason) in whole else f"{reason} ...", "n": n}
        for (status, reason), n in groups.most_common(MOST_REASONS)
    ]
    others: Counter[str] = Counter()
    for (status, _), n in groups.most_common()[MOST_REASONS:]:
        others[status] += n
    label = f"others, of {len(groups) - MOST_REASONS} kinds"
    return [*found, *({"status": each, "reason": None, "label": label, "n": n} for each, n in others.items())]


def reason_group(reason: str) -> str:
    """Return the part of a reason that many samples share: up to the first colon, quotation or path."""
    for mark in (": ", " '", ' "', " /"):
        reason = reason.split(mark, maxsplit=1)[0]
    return reason[:LONGEST_REASON]


def media_root(provenance: Mapping[str, Any]) -> Path | None:
    """Return the folder of a run's media, as its provenance names it."""
    data = provenance.get("data")
    return BUILTIN / "world" if data == "built-in" else Path(data) if isinstance(data, str) else None


def caveats(scored: ScoredRun) -> list[str]:
    """Return the reasons why a run's number is not comparable with others."""
    result, found = scored.result, []
    if shard := result.provenance.get("shard"):
        n = result.provenance.get("n_samples")
        found.append(f"It is shard {shard} of a run of {n} samples; merge joins them.")
    judge = scored.scorer.get("judge")
    if scored.is_builtin:
        found.append(BUILTIN_CAVEAT)
    if _traits(scored) is None:
        told = remedy(result.provenance.get("plugins"))
        found.append(f"Its scorer {scored.scorer.get('name')!r} is not here: values are shown as recorded.{told}")
    found += [*partial(result), *drawn(result), *incomplete(result), *few_videos(result), *clip_notes(result)]
    size = result.provenance.get("read_from", {}).get("split_size")
    if not scored.is_builtin and isinstance(size, int) and result.counts.total != size:
        found.append(f"It has {counted(result.counts.total, 'sample')}, and the published split {size:,}.")
    missing = sum(each.total - each.present for each in result.coverage)
    if missing:
        found.append(f"The media of {counted(missing, 'sample')} were missing or could not be read.")
    if isinstance(judge, Mapping) and judge.get("note"):
        found.append(f"The judge {result.judge} is {judge['note']}.")
    found += [f"It was continued after a change of {each.field}." for each in scored.accepted]
    skipped = result.provenance.get("read_from", {}).get("malformed_rows_skipped")
    return [*found, *([f"{skipped} malformed rows of the annotations were left out."] if skipped else [])]


def _traits(scored: ScoredRun) -> ScorerTraits | None:
    try:
        return traits_of(scored.scorer)
    except ConfigError:  # of a scorer that this version does not have
        return None


def _unseen(score: Score) -> tuple[Sample, Prediction]:
    """Return a sample of which only the score is there."""
    sample = Sample(
        id=score.id, benchmark="", subset=score.subset, clip=Clip(source=()), prompt="", targets=(score.target,)
    )
    read = f" It was read as {score.answer}." if score.status == "scored" and score.answer is not None else ""
    return sample, Prediction(id=score.id, prompt="", output=None, error=f"The output is no longer at hand.{read}")


def _time(result: Result) -> list[dict[str, Any]]:
    seconds = (result.timing or {}).get("stages_s") or {}
    return [
        {"stage": each, "seconds": seconds[each], "what": what} for each, what in _STAGES.items() if each in seconds
    ]


def _money(result: Result) -> list[dict[str, Any]]:
    stages = (result.judging or {}).get("stages", ())
    served = result.serving
    return [
        *(_bill(f"judge: {STAGES.get(each['task'], each['task'])}", each, each["calls"]) for each in stages),
        *([_bill("served model", served, served["asked"] + served["stored"])] if served is not None else []),
    ]


def _bill(what: str, account: Mapping[str, Any], requests: int) -> dict[str, Any]:
    asked, cost = account["asked"], account["cost"]
    told = dollars(cost) if cost is not None else "price not known" if asked else "nothing"
    return {
        "what": what,
        "requests": requests,
        "tokens_in": account["input"] if asked else None,
        "tokens_out": account["output"] if asked else None,
        "cost": told,
    }


def _judged(result: Result) -> dict[str, Any]:
    about = result.judging or {}
    return {"judging": {key: about[key] for key in ("price_of", "price_as_of", "health") if about.get(key)}}


def flat(value: Any, name: str = "") -> list[dict[str, str]]:
    """Return nested settings as rows of a dotted name and a text."""
    if isinstance(value, Mapping):
        return [row for key, each in value.items() for row in flat(each, f"{name}.{key}" if name else str(key))]
    if isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value):
        return [row for i, each in enumerate(value) for row in flat(each, f"{name}.{i}")]
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value)) or "none"
    return [{"label": name, "value": "not set" if value is None else str(value)}]
