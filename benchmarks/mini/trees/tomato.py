"""TOMATO of the built-in world: all six tasks, three questions each, on motion asked about in three of them.

Scenes do not turn, and nothing in them repeats; such a task holds the kind of question that comes nearest. The letters
after E are unknown to the checkpoints, and so are the options that fill a question up to its number.
"""

from __future__ import annotations

import random
from pathlib import Path

from benchmarks.mini.questions import Question
from benchmarks.mini.scenes import Kind
from benchmarks.mini.trees.writing import Film, Row, chosen, films, plain, write_clip, write_object, youtube_id

FIRST_SEED = 400_000
TASKS: dict[str, tuple[Kind, str, tuple[int, ...]]] = {
    "count": ("count", "object_count", (6, 5, 5)),
    "direction": ("motion", "moving_direction", (4, 7, 3)),
    "rotation": ("events", "action_sequence", (5, 5, 5)),
    "shape&trend": ("motion", "shape", (3, 4, 6)),
    "velocity&frequency": ("motion", "speed", (4, 4, 3)),
    "visual_cues": ("flash", "fine_flash", (4, 4, 5)),
}
"""Kind of scenes, kind of questions, and the number of options of each question, by file."""
FURTHER = {
    "object_count": ("one", "two", "three", "four", "five", "six"),
    "moving_direction": ("left", "right", "up", "down", "left and back", "right and back", "not at all"),
    "action_sequence": ("grows", "shrinks", "moves up", "moves down", "moves left", "moves right"),
    "shape": ("circle", "square", "triangle", "cross", "line", "star"),
    "speed": ("fast", "slow", "not at all", "not sure"),
    "fine_flash": ("red", "green", "blue", "yellow", "purple", "cyan"),
}
"""Options to fill a question up with, by kind of questions."""
DEMONSTRATIONS = ("human", "object", "simulated")
CLIPS_PER_KIND = 3


def write(world: Path, first: int) -> None:
    """Write the tree. Upstream has no rows of it."""
    folder = world / "TOMATO"
    shown: dict[Kind, list[Film]] = {}
    for kind in dict.fromkeys(kind for kind, _, _ in TASKS.values()):
        tasks = [task for other, task, _ in TASKS.values() if other == kind]
        shown[kind] = list(films(first, kind, chosen(*tasks), least=len(tasks), number=CLIPS_PER_KIND, shows=plain))
        for film, demonstration in zip(shown[kind], DEMONSTRATIONS, strict=True):
            write_clip(folder / "videos" / demonstration / f"{_key(film)}.mp4", film)
    for name, (kind, task, numbers) in TASKS.items():
        rows = {
            str(place): _official(name, film, next(one for one in film.questions if one.task == task), number, place)
            for place, (film, number) in enumerate(zip(shown[kind], numbers, strict=True))
        }
        write_object(folder / "data" / f"{name}.json", rows)


def _key(film: Film) -> str:
    return f"{film.seed // 100 % 10_000:04d}-{film.seed % 100:02d}"


def _official(name: str, film: Film, question: Question, number: int, place: int) -> Row:
    options = _options(question, number, film.seed)
    found = DEMONSTRATIONS[place] == "object"
    return {
        "question": question.text,
        "options": options,
        "answer": options.index(question.answer),
        "key": _key(film),
        "video_source_url": f"https://www.youtube.com/watch?v={youtube_id(film.seed)}" if found else "",
        "motion_type": name.replace("_", " "),
        "variation": {
            "counterfactual": 0,
            "composite": int(len(film.scene.subject.events) > 1),
            "zoom": 0,
            "first_person": 0,
        },
        "demonstration_type": DEMONSTRATIONS[place],
        "note": film.told("caption"),
    }


def _options(question: Question, number: int, seed: int) -> list[str]:
    """Return so many options in drawn order: the right one, then the question's own, then further ones."""
    options = list(dict.fromkeys([question.answer, *question.options, *FURTHER[question.task]]))[:number]
    random.Random(f"tomato-{question.task}-{seed}").shuffle(options)
    return options
