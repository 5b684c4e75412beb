"""Measures whether sharing and batching change outputs, on this device, in this precision.

In fp32 they do not, as the tests check. In half precision a sum in another order may decide a near tie differently;
this measures how often, and whether any score changes. The reference is one prompt at a time, vision tower
included, through transformers' own `generate`, as upstream does it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from eval import building
from eval.core import Benchmark, ClipPrompts, FramePolicy, Generation, ModelDefaults, Prediction, Sample
from eval.engines.predicting import Load, frame_loader, predict
from eval.errors import ConfigError
from eval.report.equivalence import Equivalence, Flip
from eval.report.progress import RunProgress
from eval.running.judge_session import Judging, refuse_unasked
from eval.running.part import benchmarks_of, ids_in, part_of, refuse_unknown_ids
from eval.running.request import EvalRequest
from eval.running.start import setup_of
from eval.timing import Clock


def measure_equivalence(request: EvalRequest) -> Equivalence:
    """Run the same samples together and one by one, and return the differences.

    Raises:
        TarsierEvalError: a setting, file or name is wrong, or the model can't be asked one prompt at a time.
    """
    benches = benchmarks_of(request.bench)
    if len(benches) > 1:
        raise ConfigError(f"equivalence takes one benchmark at a time, not {request.bench!r}.")
    ((bench, subsets),) = benches.items()
    settings = request.settings_of(bench)
    refuse_unasked([settings], request.judge, request.protocol, request.overrides)
    benchmark, _ = Judging(settings).benchmark(settings)
    population = list(benchmark.samples())
    if settings.samples is not None:
        refuse_unknown_ids(ids_in(settings.samples), {sample.id for sample in population})
    samples = part_of(population, settings, subsets, benchmark)
    setup = setup_of(settings)
    with frame_loader(setup.reading) as loader:
        model = building.build(setup.model, "model")
        if not hasattr(model, "alone"):
            raise ConfigError(f"model={model.name} can't be asked one prompt at a time; give a checkpoint.")
        load = partial(loader.load, policy=model.frames)
        together, fast = _outputs(samples, model, load, f"{benchmark.name}, together")
        alone, slow = _outputs(samples, _OneByOne(model), load, f"{benchmark.name}, one at a time")
    return Equivalence(
        benchmark=benchmark.name,
        model=model.describe(),
        samples=sum(alone[s.id].output is not None and together[s.id].output is not None for s in samples),
        failed=sum(alone[s.id].output is None or together[s.id].output is None for s in samples),
        flips=tuple(_flips(benchmark, samples, population, alone, together)),
        seconds_alone=slow,
        seconds_together=fast,
        batching=model.batching,
    )


class _OneByOne(ModelDefaults):
    """A model that runs one prompt at a time, by the inner model's `alone`."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.name: str = model.name
        self.frames: FramePolicy = model.frames

    def clips_at_once(self, n_prompts: int) -> int:  # noqa: ARG002
        """Return 1."""
        return 1

    def describe(self) -> Mapping[str, Any]:
        """Return the inner model's description."""
        described: Mapping[str, Any] = self._model.describe()
        return described

    def generate(self, asked: Sequence[ClipPrompts], clock: Clock | None = None) -> list[list[Generation]]:  # noqa: ARG002
        """Continue each prompt by itself."""
        return [[self._model.alone(one) for one in each.one_by_one()] for each in asked]


def _outputs(samples: Sequence[Sample], model: Any, load: Load, label: str) -> tuple[dict[str, Prediction], float]:
    """Return the prediction of each sample by id, and the seconds in the model."""
    clock = Clock()
    found: dict[str, Prediction] = {}
    with RunProgress(label, total=len(samples)) as progress:
        for predicted in predict(samples, model, load, clock=clock):
            found.update((sample.id, prediction) for sample, prediction in predicted)
            progress.advance(len(predicted))
    return found, clock.lap().in_model


def _flips(
    benchmark: Benchmark,
    samples: Sequence[Sample],
    population: Sequence[Sample],
    alone: Mapping[str, Prediction],
    together: Mapping[str, Prediction],
) -> list[Flip]:
    """Return the samples with two different outputs, and whether their scores differ too."""
    differ = []
    for sample in samples:
        texts = {alone[sample.id].output, together[sample.id].output}
        if None not in texts and len(texts) > 1:
            differ.append(sample)
    if not differ:
        return []
    scores = [
        benchmark.scorer.score([(sample, found[sample.id]) for sample in differ], population)
        for found in (alone, together)
    ]
    return [
        Flip(
            id=sample.id,
            alone=alone[sample.id].output or "",
            together=together[sample.id].output or "",
            moves_score=(one.status, one.answer, one.values) != (other.status, other.answer, other.values),
        )
        for sample, one, other in zip(differ, *scores, strict=True)
    ]
