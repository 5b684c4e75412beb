"""EgoSchema of the built-in world: one question of five options a clip, some without a public answer."""

from __future__ import annotations

import uuid
from pathlib import Path

from benchmarks.mini import prompts
from benchmarks.mini.scenes import Kind
from benchmarks.mini.trees.writing import (
    Row,
    chosen,
    films,
    tarsier_row,
    write_clip,
    write_list,
    write_object,
    write_rows,
)

FIRST_SEED = 30_000
ASKED: tuple[tuple[Kind, str, int], ...] = (
    ("events", "action_sequence", 5), ("events", "action_next", 3), ("events", "state_change", 3),
    ("count", "object_count", 3), ("motion", "moving_attribute", 2),
)  # fmt: skip
"""Kind of scenes, kind of questions, and number of clips."""
N_FRAMES = 240
"""Thirty seconds: long for this world, though not the three minutes of EgoSchema."""
WITHHELD = 4
"""Every so manieth answer is not public."""
HINTS = ("The camera is worn by the person called c.\n", "Reply with one option letter.")


def write(world: Path, first: int) -> None:
    """Write the tree and upstream's rows of the subset whose answers are public."""
    folder = world / "EgoSchema"
    questions: list[Row] = []
    answers: dict[str, int] = {}
    rows: list[Row] = []
    for place, (kind, task, number) in enumerate(ASKED):
        for film in films(first + 300 * place, kind, chosen(task, options=5), number=number):
            uid = str(uuid.uuid5(uuid.NAMESPACE_OID, f"egoschema-{film.seed}"))
            question = film.questions[film.seed % len(film.questions)]
            write_clip(folder / "videos" / f"{uid}.mp4", film.lasting(N_FRAMES))
            options = {f"option {number}": option for number, option in enumerate(question.options)}
            questions.append({"q_uid": uid, "question": question.text, **options})
            if len(questions) % WITHHELD == 0:
                continue
            answers[uid] = question.options.index(question.answer)
            prompt = question.prompt("egoschema")
            asked = f"Question: {question.text}\nOptions:\n{prompts.lettered(question.options)}{HINTS[1]}"
            rows.append(tarsier_row("EgoSchema", len(rows), prompt, question.letter, uid, asked))
    write_list(folder / "questions.json", questions)
    write_object(folder / "subset_answers.json", answers)
    write_rows(world, "EgoSchema_subset.jsonl", rows)
