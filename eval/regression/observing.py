"""Runs chosen samples through the whole pipeline twice, together and one by one, and records every step."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from eval.core import Benchmark, Clip, ClipPrompts, FramePolicy, LoadedClip, Metric, Prediction, Sample, Score, Scorer
from eval.engines.predicting import predict
from eval.regression.records import Record
from eval.regression.watching import Seen, Watched, frame_hash

if TYPE_CHECKING:
    from PIL.Image import Image

    from eval.models.checkpoints.runner import CheckpointRunner


class LoadClips(Protocol):
    """Reads clips in order."""

    def __call__(self, clips: Iterable[Clip], policy: FramePolicy) -> Iterator[LoadedClip]:
        """Yield each clip's frames as the policy says, or its error."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A benchmark and its samples that the gate runs."""

    benchmark: Benchmark
    population: Sequence[Sample]
    """All samples of the split."""
    samples: Sequence[Sample]
    """The chosen ones, in the order of the split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """Batching and order of the work, which must not change any result; the check for false alarms varies them."""

    clips_at_once: int | None = None
    """Clips per call; None leaves it to the runner."""
    shuffled: int | None = None
    """Seed of the order of the samples; None is the benchmarks' own order."""


def choose(population: Sequence[Sample], most: int) -> list[Sample]:
    """Return samples of every subset in turn, the first of each first, up to `most`, or one of each subset.

    The rule uses no randomness, so that the same split always gives the same samples.
    """
    subsets: dict[str, list[Sample]] = {}
    for sample in population:
        subsets.setdefault(sample.subset, []).append(sample)
    rounds = [
        part[place]
        for place in range(max(map(len, subsets.values()), default=0))
        for part in subsets.values()
        if place < len(part)
    ]
    taken = {sample.id for sample in rounds[: max(most, len(subsets))]}
    return [sample for sample in population if sample.id in taken]


def observe(
    chosen: Sequence[Chosen], runner: CheckpointRunner, load: LoadClips, way: Batching, named: str = "{}"
) -> Iterator[Record]:
    """Yield a record for each sample, and one for each metric over a benchmark's samples.

    Args:
        chosen: benchmarks and their samples.
        runner: the model.
        load: reads clips.
        way: batches and order.
        named: the benchmark of the records, `{}` standing for its name.
    """
    samples = [sample for each in chosen for sample in each.samples]
    if way.shuffled is not None:
        samples = random.Random(way.shuffled).sample(samples, len(samples))  # noqa: S311 - an order, no secret
    clips = list(dict.fromkeys(sample.clip for sample in samples))
    as_they_are = replace(runner.frames, size=None)
    decoded = {each.clip: _frames(each.frames) for each in load(clips, as_they_are) if each.frames}
    kept: dict[Clip, LoadedClip] = {}
    settled = {each.benchmark.name: each.benchmark.scorer.settled() for each in chosen}
    together = Watched(runner, way.clips_at_once)
    found: dict[tuple[str, str], tuple[Prediction, Seen | None]] = {}

    def loading(wanted: Iterable[Clip]) -> Iterator[LoadedClip]:
        for each in load(wanted, runner.frames):
            kept[each.clip] = each
            yield each

    for predicted in predict(samples, together, loading, settled=settled):
        watched = iter(together.seen)
        for sample, prediction in predicted:
            seen = next(watched) if prediction.error is None else None
            found[sample.benchmark, sample.id] = prediction, seen
        together.seen.clear()
    alone = Watched(runner)
    for each in chosen:
        pairs = [(sample, found[sample.benchmark, sample.id][0]) for sample in each.samples]
        scores = each.benchmark.scorer.score(pairs, each.population)
        for (sample, prediction), score in zip(pairs, scores, strict=True):
            seen = found[sample.benchmark, sample.id][1]
            fields = {
                "sample": _asked(sample),
                "decoded": decoded.get(sample.clip, []),
                **_on_its_way(prediction, seen),
                **(_alone(alone, kept[sample.clip], sample) if seen else {}),
                **of_score(score),
            }
            yield Record(benchmark=named.format(each.benchmark.name), id=sample.id, fields=fields)
        yield from of_metrics(named.format(each.benchmark.name), each.benchmark.scorer.aggregate(scores))


def scored(
    name: str,
    scorer: Scorer,
    pairs: Sequence[tuple[Sample, Prediction]],
    *,
    suite: str = "fixed",
    population: Sequence[Sample] | None = None,
) -> Iterator[Record]:
    """Yield the scores of given outputs: a record for each of them, and one for each metric.

    Args:
        name: of the check.
        scorer: scores them.
        pairs: samples with their outputs.
        suite: the checks that it belongs to.
        population: the samples of the split; None: those of the pairs.
    """
    scores = scorer.score(pairs, [sample for sample, _ in pairs] if population is None else population)
    for score in scores:
        yield Record(benchmark=suite, id=f"{name}: {score.id}", fields=of_score(score))
    for record in of_metrics(suite, scorer.aggregate(scores)):
        yield Record(benchmark=record.benchmark, id=f"{name}: {record.id}", fields=record.fields)


def of_score(score: Score) -> dict[str, Any]:
    """Return the fields of a score."""
    rest = ("subset", "cluster", "target", "groups", "chance", "reason", "detail")
    values = asdict(score)
    return {
        "status": score.status,
        "answer": score.answer,
        "values": values["values"],
        "score": {name: values[name] for name in rest},
    }


def of_metrics(benchmark: str, metrics: Sequence[Metric]) -> Iterator[Record]:
    """Yield a record for each metric; repeated names are numbered."""
    names: dict[str, int] = {}
    for metric in metrics:
        name = f"metric {metric.name}, {metric.accounting}, {metric.subset}"
        names[name] = names.get(name, 0) + 1
        yield Record(
            benchmark=benchmark,
            id=name if names[name] == 1 else f"{name} ({names[name]})",
            fields={"aggregate": {key: value for key, value in asdict(metric).items() if value is not None}},
        )


def _asked(sample: Sample) -> dict[str, Any]:
    clip = sample.clip
    return {
        # Only the file's name: its folder is the user's own.
        "clip": [path.name for path in ((clip.source,) if not isinstance(clip.source, tuple) else clip.source)],
        "span": [clip.start or None, clip.end, clip.fps],
        "subset": sample.subset,
        "cluster": sample.cluster,
        "prompt": sample.prompt,
        "targets": list(sample.targets),
        "options": list(sample.options),
    }


def _on_its_way(prediction: Prediction, seen: Seen | None) -> Mapping[str, Any]:
    if seen is None:
        return {"prompt": prediction.prompt, "error": prediction.error}
    return {
        "frames": list(seen.frames),
        "prompt": prediction.prompt,
        "ids": seen.ids,
        **({"positions": dict(seen.positions)} if seen.positions else {}),
        "pixels": dict(seen.pixels),
        "error": prediction.error,
        "logprobs": list(seen.logprobs),
        "output": prediction.output,
    }


def _alone(model: Watched, loaded: LoadedClip, sample: Sample) -> Mapping[str, Any]:
    clip = ClipPrompts(frames=loaded.frames or (), prompts=[sample.prompt], turns=[sample.turns], counts=loaded.counts)
    ((made,),) = model.generate([clip])
    (seen,) = model.seen
    model.seen.clear()
    return {"alone_logprobs": list(seen.logprobs), "alone_output": [made.output, made.n_tokens]}


def _frames(frames: Sequence[Image]) -> list[str]:
    return [frame_hash(frame) for frame in frames]
