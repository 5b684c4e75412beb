"""FAVOR-Bench of the built-in world: several questions a video, in all six tasks.

The tasks are stand-ins: nothing moves a camera here, so CM asks about the brightness of the scene.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.mini.scenes import Kind
from benchmarks.mini.trees.writing import Row, chosen, films, tarsier2_row, write_clip, write_list, write_rows

FIRST_SEED = 40_000
TASKS = {
    "action_sequence": "AS",
    "action_antonym": "HAC",
    "moving_direction": "SAD",
    "speed": "SAD",
    "action_next": "MAD",
    "brightness": "CM",
    "fine_flash": "NSM",
    "flash_when": "NSM",
}
FILMS: tuple[tuple[Kind, int, int], ...] = (("events", 4, 3), ("motion", 2, 2), ("brightness", 1, 2), ("flash", 2, 1))
"""Kind of scenes, least number of questions, and number of videos."""


def write(world: Path, first: int) -> None:
    """Write the tree and upstream's rows."""
    folder = world / "FAVOR-Bench"
    official: list[Row] = []
    rows: list[Row] = []
    for kind, least, number in FILMS:
        for film in films(first, kind, chosen(*TASKS), least=least, number=number):
            name = f"F{film.seed}.mp4"
            write_clip(folder / "videos" / name, film)
            questions = [
                {
                    "question": question.text,
                    "options": list(question.options),
                    "correct_answer": question.answer,
                    "task_type": TASKS[question.task],
                }
                for question in film.questions
            ]
            official.append({"video_name": name, "questions": questions})
            for question in film.questions:
                rows.append(tarsier2_row(f"FAVOR-Bench/{TASKS[question.task]}", len(rows), question, name))
    write_list(folder / "video_perspective.json", official)
    write_rows(world, "FAVOR-Bench.jsonl", rows)
