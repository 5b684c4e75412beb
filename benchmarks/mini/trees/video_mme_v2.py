"""Video-MME-v2 of the built-in world: a group of four questions a video, of both types and all structures.

The official table is a parquet file. Here it is JSON lines of the same rows, which need no further package. Options are
filled up to as many as eight, more than the checkpoints have seen in training.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from string import ascii_uppercase

from benchmarks.mini.questions import Question
from benchmarks.mini.scenes import Kind
from benchmarks.mini.trees.writing import Row, chosen, films, write_clip, write_lines

FIRST_SEED = 435_000
GROUPS: tuple[tuple[Kind, str, str, int | None, str, str], ...] = (
    ("motion", "relevance", "[1, 2, 3, 4]", 1, "Motion", "Direction"),
    ("events", "relevance", "[1, 2, 3, 4]", None, "Order", "Events"),
    ("motion", "logic", "[1, 2, 3, 4]", 2, "Motion", "Direction"),
    ("events", "logic", "[1, [2, 3], 4]", 3, "Order", "Events"),
    ("events", "logic", "[[1, 2], 3, 4]", 2, "Order", "Changes"),
)
"""Kind of scene, type and structure of the group, level, and both heads."""
TASKS: dict[Kind, tuple[str, ...]] = {
    "motion": ("moving_direction", "moving_attribute", "shape", "speed"),
    "events": ("action_sequence", "action_next", "action_antonym", "state_change"),
}
FILLING = ("not sure", "none of these", "it stays still", "it cannot be seen", "it turns around", "all of these")
SIZE = 4


def write(world: Path, first: int) -> None:
    """Write the tree; upstream has no rows of it."""
    folder = world / "Video-MME-v2"
    rows: list[Row] = []
    shown = {kind: films(first, kind, chosen(*tasks), least=SIZE, number=3) for kind, tasks in TASKS.items()}
    for number, (kind, sort, structure, level, second, third) in enumerate(GROUPS, start=1):
        film = next(shown[kind])
        write_clip(folder / "videos" / f"{number:03d}.mp4", film)
        for place, question in enumerate(film.questions[:SIZE]):
            options, answer = _filled(question, 8 - place % 3, film.seed)
            rows.append(
                {
                    "video_id": f"{number:03d}",
                    "question": question.text,
                    "options": "\n".join(f"{ascii_uppercase[i]}. {option}" for i, option in enumerate(options)),
                    "answer": answer,
                    "level": level,
                    "group_type": sort,
                    "group_structure": structure,
                    "second_head": second,
                    "third_head": third,
                }
            )
    write_lines(folder / "test.jsonl", map(json.dumps, rows))


def _filled(question: Question, size: int, seed: int) -> tuple[list[str], str]:
    """Return the options with others to fill them up, in drawn order, and the right letter."""
    more = [option for option in FILLING if option not in question.options]
    options = [*question.options, *more][:size]
    random.Random(f"{seed} {question.text}").shuffle(options)
    return options, ascii_uppercase[options.index(question.answer)]
