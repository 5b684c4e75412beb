"""Vinoground of the built-in world: pairs of clips with opposite motion, or with two events in the other order.

The checkpoints were not trained on its questions: which caption a clip has, and which of two segments a caption.
"""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.mini.clips import FPS, joined, write_video
from benchmarks.mini.questions import OPPOSITES
from benchmarks.mini.rendering import render_bytes
from benchmarks.mini.scenes import DIRECTIONS, Kind, Scene
from benchmarks.mini.trees.writing import Film, Row, chosen, films, write_clip, write_lines, write_list

FIRST_SEED = 430_000
PAIRS: tuple[tuple[Kind, str, str, str], ...] = (
    ("motion", "moving_direction", "action", "spatial"),
    ("events", "action_sequence", "object", "interaction;cyclical"),
)
"""Kind of scenes, a question that they allow, and both sorts of category."""
NUMBER = 3
N_FRAMES = 24
ENDS = "Answer with the option's letter."


def write(world: Path, first: int) -> None:
    """Write the tree; upstream has no rows of it."""
    folder = world / "Vinoground"
    text: list[Row] = []
    video: list[Row] = []
    table = [["index", "major", "minor", "pos_vid", "neg_vid"]]
    for kind, task, major, minor in PAIRS:
        for film in films(first, kind, chosen(task), number=NUMBER, shows=_has_a_twin):
            index = len(table) - 1
            pair = {"pos": film.lasting(N_FRAMES), "neg": Film(scene=_twin(film.scene), questions=()).lasting(N_FRAMES)}
            captions = [one.told("caption") for one in pair.values()]
            swapped = film.seed % 2
            for number, (sign, one) in enumerate(pair.items()):
                name = f"vinoground_videos/{index}_{sign}.mp4"
                write_clip(folder / name, one)
                asked = _asked("Which caption fits the video?", captions[:: -1 if swapped else 1])
                text.append(_row(index, sign, name, asked, number ^ swapped))
            name = f"vinoground_videos_concated/{index}.mp4"
            parts = [render_bytes(one.scene) for one in pair.values()]
            write_video(folder / name, joined([parts[swapped], np.zeros_like(parts[0][: 2 * FPS]), parts[1 - swapped]]))
            for number, (sign, caption) in enumerate(zip(pair, captions, strict=True)):
                about = (
                    f"Which part of the video, before or after the black frames, fits the caption?\nCaption: {caption}"
                )
                asked = _asked(about, ["The part before them", "The part after them"])
                video.append(_row(index, sign, name, asked, number ^ swapped))
            table.append([str(index), major, minor, f"{film.seed}", f"{film.seed}, twin"])
    write_list(folder / "vinoground_textscore.json", text)
    write_list(folder / "vinoground_videoscore.json", video)
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(table)
    write_lines(folder / "vinoground.csv", lines.getvalue().splitlines())


def _has_a_twin(scene: Scene) -> bool:
    events = scene.subject.events
    plain = all(event.kind in {"move", "grow", "turn"} for event in events)
    return len(scene.things) == 1 and plain and len({event.phrase for event in events}) == (scene.kind == "events") + 1


def _twin(scene: Scene) -> Scene:
    """Return the scene with the opposite motion, or with its two events in the other order."""
    thing = scene.subject
    one, *others = thing.events
    if others:
        events = (replace(others[0], start=one.start, stop=one.stop),
                  replace(one, start=others[0].start, stop=others[0].stop))  # fmt: skip
        return replace(scene, things=(replace(thing, events=events),))
    right, down = (step * one.distance for step in DIRECTIONS[one.direction])
    back = replace(one, direction=OPPOSITES[one.direction])
    return replace(scene, things=(replace(thing, x=thing.x + right, y=thing.y + down, events=(back,)),))


def _asked(question: str, options: list[str]) -> str:
    return "\n".join([question, *(f"{letter}. {option}" for letter, option in zip("AB", options, strict=True)), ENDS])


def _row(index: int, sign: str, video: str, question: str, right: int) -> Row:
    return {"idx": f"{index}_{sign}", "video_name": video, "question": question, "GT": "AB"[right]}
