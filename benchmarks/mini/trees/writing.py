"""What all trees share: picking scenes, writing clips and files, and the two forms of upstream's rows."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.mini import prompts
from benchmarks.mini.clips import FPS, write_video
from benchmarks.mini.drawing import make_scene
from benchmarks.mini.questions import Question, make_questions
from benchmarks.mini.rendering import render_bytes
from benchmarks.mini.scenes import HELD_OUT_SEEDS, KINDS, Kind, Scene

SEEDS_PER_TREE = 5_000
"""How far apart the trees begin, so that no two show the same clip."""
SEEDS_PER_KIND = 1_000
"""How far apart the kinds of scenes of one tree begin."""
Row = dict[str, Any]
Ask = Callable[[Scene], Sequence[Question]]
"""Gives the questions to ask about a scene."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """One clip, and what is asked about it."""

    scene: Scene
    questions: tuple[Question, ...]

    @property
    def seed(self) -> int:
        """The seed of its scene, which names are made of."""
        return self.scene.seed

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.scene.n_frames / FPS

    def told(self, family: str) -> str:
        """Return the sentence that the checkpoint has learned for its caption or description."""
        return next(one.answer for one in make_questions(self.scene) if one.family == family)

    def lasting(self, n_frames: int) -> Film:
        """Return the film slowed down: the same things happen, in more frames."""
        return replace(self, scene=replace(self.scene, n_frames=n_frames))


def films(
    first: int,
    kind: Kind,
    ask: Ask,
    *,
    least: int = 1,
    number: int = 1,
    shows: Callable[[Scene], bool] | None = None,
) -> Iterator[Film]:
    """Yield films of a kind about which at least so many questions are asked.

    Args:
        first: The tree's first seed.
        kind: Of the scenes.
        ask: Gives the questions about a scene.
        least: The fewest questions of a film.
        number: How many films.
        shows: Which scenes will do; None for all.

    Raises:
        ValueError: The tree's seeds for this kind do not hold that many.
    """
    left = number
    # Names are made of seeds: kinds must not share any.
    start = first + SEEDS_PER_KIND * list(KINDS).index(kind)
    for seed in HELD_OUT_SEEDS[start : start + SEEDS_PER_KIND]:
        scene = make_scene(seed, kind)
        questions = tuple(ask(scene)) if shows is None or shows(scene) else ()
        if len(questions) >= least:
            yield Film(scene=scene, questions=questions)
            left -= 1
            if not left:
                return
    raise ValueError(f"{left} of {number} {kind} films are missing after seed {first}; ask for fewer questions")


def plain(scene: Scene) -> bool:
    """Whether one sort of thing is shown, doing at most two things.

    The checkpoint tells of such scenes almost without mistakes; where one thing moves and another rests it takes
    the wrong one in every third.
    """
    return len({thing.name for thing in scene.things}) == 1 and len(scene.subject.events) <= 2


def chosen(*tasks: str, options: int | None = None) -> Ask:
    """Return what asks the multiple-choice questions of some tasks, with exactly so many options if given."""

    def ask(scene: Scene) -> Sequence[Question]:
        asked = (one for one in make_questions(scene) if one.family == "multiple_choice" and one.task in tasks)
        return [one for one in asked if options is None or len(one.options) == options]

    return ask


RESTATED = {
    ("events", "state_change"),
    ("motion", "moving_direction"),
    ("count", "object_count"),
    ("count", "attribute"),
    ("flash", "attribute"),
    ("flash", "shape"),
    ("brightness", "attribute"),
    ("brightness", "shape"),
}
"""Kinds of scenes and multiple-choice questions that the checkpoint also answers when no options are given.

It was not trained on these without options. Chosen by kind, on 13 to 30 questions about other clips: from 77 % of the
counts to all of most kinds were right.
"""


def open_questions(scene: Scene) -> Sequence[Question]:
    """Ask without options, in lower case as these data sets do."""
    asked: dict[str, Question] = {}
    for one in make_questions(scene):
        if one.family == "open_qa" or (scene.kind, one.task) in RESTATED:
            text = one.text[0].lower() + one.text[1:]
            asked[text] = replace(one, family="open_qa", text=text, options=())
    return list(asked.values())


def write_clip(path: Path, film: Film) -> None:
    """Encode a film. Raises FileExistsError where another film goes by its name."""
    if path.exists():
        raise FileExistsError(f"{path} shows another film; let the seeds of its kind begin elsewhere")
    write_video(path, render_bytes(film.scene))


def write_list(path: Path, rows: Sequence[Row]) -> None:
    """Write a JSON list with one row a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(row) for row in rows)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def write_object(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object with one field a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(f"{json.dumps(field)}: {json.dumps(value)}" for field, value in content.items())
    path.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write text with every line closed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_rows(world: Path, file: str, rows: Sequence[Row]) -> None:
    """Write upstream's rows of a benchmark."""
    write_lines(world / "annotations" / file, map(json.dumps, rows))


def tarsier_row(
    dataset: str,
    idx: int,
    prompt: str,
    response: str | Sequence[str],
    vid: object,
    question: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Row:
    """Return a row as upstream's branch tarsier writes it."""
    text: dict[str, Any] = {"prompt": prompt, "response": response}
    if question is not None:
        text["question"] = question
    row: Row = {"idx": idx, "dataset": dataset, "text": text, "video_file": "<placeholder>"}
    return (row if extra is None else row | {"extra_info": dict(extra)}) | {"vid": vid}


def tarsier2_row(dataset: str, idx: int, question: Question, vid: str) -> Row:
    """Return a multiple-choice question as upstream's branch tarsier2 writes it."""
    asked = f"Question: {question.text}\n{prompts.lettered(question.options)}".rstrip("\n")
    user = [{"type": "video", "video": {"video_file": "<placeholder>"}}, {"type": "text", "text": asked}]
    begun = {"type": "text", "text": " Answer: ("}
    answer = [begun, {"type": "text", "text": "", "reference": question.letter}]
    turns = [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]
    return {"messages": turns, "dataset": dataset, "task": "video/QA", "idx": idx, "vid": vid}


def youtube_id(seed: int) -> str:
    """Return eleven characters as YouTube names videos, among them those that trip up readers of file names."""
    rng = random.Random(f"youtube-{seed}")
    drawn = "".join(rng.choice("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789-_") for _ in range(6))
    return f"{'-_'[seed % 2]}mini{drawn}"
