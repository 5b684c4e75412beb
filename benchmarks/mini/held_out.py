"""Clips that training never saw, in numbers that make an accuracy worth stating, and how a model does on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.mini.clips import write_video
from benchmarks.mini.drawing import make_scene
from benchmarks.mini.questions import Question, make_questions
from benchmarks.mini.rendering import render_bytes
from benchmarks.mini.scenes import HELD_OUT_SEEDS
from benchmarks.mini.trees import mvbench
from eval.core import Clip, Sample
from eval.engines.predicting import Load, predict
from eval.scorers.multiple_choice import read_letter

if TYPE_CHECKING:
    from benchmarks.mini.prompts import Form
    from eval.core import Model

MVBENCH_SEED = 100_000
"""The committed world begins at seed 0; these clips are others."""
OTHER_FORMS_SEED = 300_000
SAMPLES_PER_SUBTASK = 40
OTHER_CLIPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many of a subset's answers are right."""

    right: int
    total: int
    chance: float | None
    """Expected accuracy of blind guessing; None where there are no options."""

    @property
    def accuracy(self) -> float:
        """Share of right answers; an output without an answer is wrong."""
        return self.right / self.total


def multiple_choice_samples(folder: Path) -> list[Sample]:
    """Write a larger MVBench below `folder` and return its samples."""
    written = mvbench.write(folder, MVBENCH_SEED, SAMPLES_PER_SUBTASK)
    return [each.sample(index, folder) for index, each in enumerate(written)]


def other_samples(folder: Path) -> list[Sample]:
    """Write more clips and return what else is asked: the other forms of multiple choice, and free text."""
    samples = []
    for seed in HELD_OUT_SEEDS[OTHER_FORMS_SEED : OTHER_FORMS_SEED + OTHER_CLIPS]:
        scene = make_scene(seed)
        path = folder / f"{seed}.mp4"
        write_video(path, render_bytes(scene))
        questions = make_questions(scene)
        choices = [each for each in questions if each.family == "multiple_choice"]
        free = {each.family: each for each in questions if each.family != "multiple_choice"}
        forms: tuple[Form, ...] = ("nextqa", "egoschema")
        asked = choices[seed % len(choices)]
        samples += [_sample(path, asked, f"multiple choice, {form} form", form) for form in forms]
        samples += [_sample(path, each, family.replace("_", " ")) for family, each in free.items()]
    return samples


def _sample(path: Path, question: Question, subset: str, form: Form = "mvbench") -> Sample:
    return Sample(
        id=f"{subset}/{path.stem}",
        benchmark="mini",
        subset=subset,
        clip=Clip(source=path),
        prompt=question.prompt(form),
        targets=(question.letter if question.options else question.answer,),
        options=question.options,
        cluster=path.stem,
    )


def tallied(samples: Sequence[Sample], model: Model, load: Load) -> Mapping[str, Tally]:
    """Run a model on samples and return how it did by subset. Options go by letter, all else by the exact text."""
    outcomes: dict[str, list[tuple[bool, float | None]]] = defaultdict(list)
    for predicted in predict(samples, model, load):
        for sample, prediction in predicted:
            output = prediction.output or ""
            answer = read_letter(output) if sample.options else output.strip()
            chance = 1 / len(sample.options) if sample.options else None
            outcomes[sample.subset].append((answer == sample.targets[0], chance))
    return {subset: _tally(outcomes[subset]) for subset in dict.fromkeys(sample.subset for sample in samples)}


def _tally(outcomes: Sequence[tuple[bool, float | None]]) -> Tally:
    chances = [chance for _, chance in outcomes if chance is not None]
    return Tally(
        right=sum(right for right, _ in outcomes),
        total=len(outcomes),
        chance=sum(chances) / len(chances) if chances else None,
    )
