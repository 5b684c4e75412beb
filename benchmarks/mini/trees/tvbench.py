"""TVBench of the built-in world: all ten tasks, two questions each.

Scenes cannot show what every task is named after; such a task holds the kind of question that comes nearest. Upstream's
rows hold no spans, so the two tasks that have some in the official files span the whole clip.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.mini.clips import FPS
from benchmarks.mini.scenes import Kind
from benchmarks.mini.trees.writing import Row, chosen, films, tarsier2_row, write_clip, write_list, write_rows

FIRST_SEED = 20_000
TASKS: dict[str, tuple[Kind, str, str]] = {
    "Action Antonym": ("events", "action_antonym", ".avi"),
    "Action Count": ("count", "object_count", ".mp4"),
    "Action Localization": ("flash", "flash_when", ".mp4"),
    "Action Sequence": ("events", "action_sequence", ".mp4"),
    "Egocentric Sequence": ("events", "action_next", ".mp4"),
    "Moving Direction": ("motion", "moving_direction", ".mp4"),
    "Object Shuffle": ("motion", "moving_attribute", ".mp4"),
    "Object Count": ("count", "object_count", ".mp4"),
    "Scene Transition": ("events", "state_change", ".mp4"),
    "Unexpected Action": ("flash", "fine_flash", ".webm"),
}
"""Kind of scenes, kind of questions and container of each task, in the order in which upstream counts."""
BOUNDED = {"Action Localization", "Action Sequence"}
CLIPS_PER_TASK = 2


def write(world: Path, first: int) -> None:
    """Write the tree and upstream's rows; one question a clip."""
    rows: list[Row] = []
    for place, (task, (kind, asked, suffix)) in enumerate(TASKS.items()):
        slug = task.lower().replace(" ", "_")
        official: list[Row] = []
        for film in films(first + 100 * place, kind, chosen(asked), number=CLIPS_PER_TASK):
            name, question = f"T{film.seed}{suffix}", film.questions[film.seed % len(film.questions)]
            write_clip(world / "TVBench" / "video" / slug / name, film)
            row = {
                "video": name,
                "question": question.text,
                "candidates": list(question.options),
                "answer": question.answer,
            }
            span = {"start": 0.0, "end": film.seconds - 1 / FPS} if task in BOUNDED else {}
            official.append(row | span)
            rows.append(tarsier2_row(f"TVBench/{task}", len(rows), question, f"{slug}/{name}"))
        write_list(world / "TVBench" / "json" / f"{slug}.json", official)
    write_rows(world, "TVBench.jsonl", rows)
