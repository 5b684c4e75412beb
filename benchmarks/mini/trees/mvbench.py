"""MVBench of the built-in world: fourteen subtasks, with spans, folders of frames and everything in its folder.

MVBench/json/<subtask>.json         official rows: video, question, candidates, answer, start, end
MVBench/video/<official folder>/    the clips
annotations/MVBench.jsonl           the same samples as upstream's rows
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.mini import prompts
from benchmarks.mini.clips import FPS, write_frames, write_video
from benchmarks.mini.drawing import make_scene
from benchmarks.mini.questions import Question, make_questions
from benchmarks.mini.rendering import render_bytes
from benchmarks.mini.scenes import HELD_OUT_SEEDS, Scene
from benchmarks.mini.subtasks import SUBTASKS, Subtask
from benchmarks.mini.surroundings import surrounded
from benchmarks.mini.trees.writing import write_list, write_rows
from eval.core import Clip, Sample

FIRST_SEED = 0
SAMPLES_PER_SUBTASK = 12
QUESTIONS_PER_CLIP = 2
FRAMES_FPS = 3
"""Frames per second of folders of frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSample:
    """One row, before it takes either form."""

    subtask: Subtask
    video: str
    """File or folder name below the subtask's folder."""
    question: Question
    start: float | None = None
    """Seconds; None where the whole clip is meant."""
    end: float | None = None
    frames: tuple[str, ...] = ()
    """Names of the frame files in the span, for a folder of frames."""

    def official(self) -> dict[str, Any]:
        """Return the row of the official annotation file."""
        row = {
            "video": self.video,
            "question": self.question.text,
            "candidates": list(self.question.options),
            "answer": self.question.answer,
        }
        return row if self.start is None else row | {"start": self.start, "end": self.end}

    def upstream(self, index: int) -> dict[str, Any]:
        """Return the row as upstream writes it; `index` counts within the subtask."""
        folder = self.subtask.folder
        listed = f"Question: {self.question.text}\n{prompts.lettered(self.question.options)}"
        row: dict[str, Any] = {
            "idx": index,
            "dataset": f"MVBench/{self.subtask.name}",
            "text": {"prompt": self.question.prompt(), "response": self.question.letter, "question": listed},
            "video_file": [f"{folder}/{self.video}/{name}" for name in self.frames] or "<placeholder>",
            "vid": f"{folder}/{self.video}",
        }
        return row if self.start is None else row | {"start_time": self.start, "end_time": self.end}

    def sample(self, index: int, world: Path) -> Sample:
        """Return the sample that both rows stand for; `world` is the folder that the world was written to."""
        source = world / "MVBench" / "video" / self.subtask.folder / self.video
        return Sample(
            id=f"MVBench/{self.subtask.name}_{index}",
            benchmark="mini",
            subset=self.subtask.name,
            clip=Clip(source=tuple(source / name for name in self.frames) or source, start=self.start, end=self.end),
            prompt=self.question.prompt(),
            targets=(self.question.letter,),
            options=self.question.options,
            cluster=source.name,
        )


def write(world: Path, first: int, samples_per_subtask: int = SAMPLES_PER_SUBTASK) -> list[WorldSample]:
    """Write the tree and upstream's rows, and return the samples in order."""
    rows: list[dict[str, Any]] = []
    written: list[WorldSample] = []
    for subtask in SUBTASKS:
        scenes = _scenes(subtask, first)
        samples = list(_samples(subtask, scenes, samples_per_subtask, world / "MVBench" / "video"))
        written += samples
        write_list(world / "MVBench" / "json" / subtask.file, [sample.official() for sample in samples])
        rows += [sample.upstream(index) for index, sample in enumerate(samples)]
    write_rows(world, "MVBench.jsonl", rows)
    return written


def _samples(
    subtask: Subtask, scenes: Iterator[tuple[Scene, list[Question]]], number: int, videos: Path
) -> Iterator[WorldSample]:
    """Write the clips of a subtask, unless another has, and yield its samples."""
    left = number
    for scene, questions in scenes:
        name = subtask.stem.format(scene.seed) + subtask.suffix
        asked = questions[: min(left, QUESTIONS_PER_CLIP if not subtask.bounded or not subtask.suffix else 1)]
        span = _write_clip(subtask, scene, asked, videos / subtask.folder / name)
        for question in asked:
            yield WorldSample(subtask=subtask, video=name, question=question, **span)
        left -= len(asked)
        if not left:
            return


def _scenes(subtask: Subtask, first_seed: int) -> Iterator[tuple[Scene, list[Question]]]:
    """Yield scenes that have questions for a subtask, each with those questions, at most one of a sort."""
    # Subtasks that share a folder and a name pattern share their clips, hence also their seeds.
    homes = list(dict.fromkeys((each.folder, each.stem) for each in SUBTASKS))
    first = first_seed + 1000 * homes.index((subtask.folder, subtask.stem))
    for seed in HELD_OUT_SEEDS[first : first + 1000]:
        scene = make_scene(seed, subtask.kind)
        questions = [question for question in make_questions(scene) if question.task in subtask.tasks]
        # Whole seconds at 3 frames per second are exact; thirds of a second are not.
        fits = subtask.suffix or scene.n_frames % FRAMES_FPS == 1
        if questions and fits:
            # The last question first for every other clip: otherwise "first" would be asked of all.
            yield scene, questions[:: 1 if seed % 2 else -1]


def _write_clip(subtask: Subtask, scene: Scene, questions: Sequence[Question], path: Path) -> dict[str, Any]:
    """Write a clip and return its span: start, end and frames of a WorldSample, or nothing where there is none."""
    if not subtask.bounded:
        if not path.exists():
            write_video(path, render_bytes(scene))
        return {}
    fps = FPS if subtask.suffix else FRAMES_FPS
    before = 2 * FPS if subtask.suffix else 3 * FRAMES_FPS
    frames = surrounded(scene, questions, before)
    last = before + scene.n_frames - 1
    span: dict[str, Any] = {"start": before / fps, "end": last / fps}
    if subtask.suffix:
        write_video(path, frames)
        return span
    files = write_frames(path, frames)
    return span | {"frames": tuple(file.name for file in files[before : last + 1])}
