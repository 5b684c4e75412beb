"""Write the built-in world: `python -m benchmarks.mini.world [FOLDER]`.

    MVBench/json/<subtask>.json         official rows: video, question, candidates, answer, start, end
    MVBench/video/<official folder>/    the clips
    annotations/MVBench.jsonl           the same samples as upstream's rows
    MANIFEST.json                       SHA-256 of every file, seeds, library versions

The same seeds and libraries give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
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
from eval.core import Clip, Sample

HERE = Path(__file__).parent
WORLD = HERE / "world"
FIRST_SEED = 0
SAMPLES_PER_SUBTASK = 12
QUESTIONS_PER_CLIP = 2
FRAMES_FPS = 3
"""Frames per second of folders of frames."""
LIBRARIES = ("av", "numpy", "pillow")
"""What the bytes of the clips depend on."""


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


def write_world(
    folder: Path, first_seed: int = FIRST_SEED, samples_per_subtask: int = SAMPLES_PER_SUBTASK
) -> list[WorldSample]:
    """Write everything below `folder`, which is emptied first, and return the samples in order."""
    if folder.exists() and not (folder / "MANIFEST.json").exists():
        raise SystemExit(f"{folder} is there and is no built-in world; give another folder")
    shutil.rmtree(folder, ignore_errors=True)
    upstream_rows: list[dict[str, Any]] = []
    written: list[WorldSample] = []
    (folder / "MVBench" / "json").mkdir(parents=True)
    for subtask in SUBTASKS:
        scenes = _scenes(subtask, first_seed)
        samples = list(_samples(subtask, scenes, samples_per_subtask, folder / "MVBench" / "video"))
        written += samples
        _write_lines(folder / "MVBench" / "json" / subtask.file, [sample.official() for sample in samples])
        upstream_rows += [sample.upstream(index) for index, sample in enumerate(samples)]
    annotations = folder / "annotations" / "MVBench.jsonl"
    annotations.parent.mkdir()
    annotations.write_text("".join(f"{json.dumps(row)}\n" for row in upstream_rows), encoding="utf-8")
    manifest = {
        "first_seed": first_seed,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "files": file_hashes(folder),
    }
    (folder / "MANIFEST.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return written


def file_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, but of its manifest, by path in order."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "MANIFEST.json")
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


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


def _write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write a JSON list with one row a line."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the world into the folder given, by default the committed one."""
    parser = argparse.ArgumentParser(description="Write the clips and rows of the built-in world.")
    parser.add_argument("folder", type=Path, nargs="?", default=WORLD)
    write_world(parser.parse_args(arguments).folder)


if __name__ == "__main__":
    main()
