"""DREAM-1K of the built-in world: four clips of each source, to be described, with the events of the description."""

from __future__ import annotations

from pathlib import Path

from benchmarks.mini import prompts
from benchmarks.mini.scenes import Kind
from benchmarks.mini.trees.writing import (
    Film,
    Row,
    films,
    open_questions,
    plain,
    tarsier_row,
    write_clip,
    write_list,
    write_rows,
)

FIRST_SEED = 70_000
SOURCES: dict[str, tuple[int, Kind]] = {
    "movie_animation": (1, "events"),
    "movie_live_action": (201, "motion"),
    "shorts": (401, "flash"),
    "stock": (601, "events"),
    "youtube": (801, "brightness"),
}
"""First number and kind of scenes by source."""
CLIPS_PER_SOURCE = 4
# Unwrapped, as upstream's rows have it: the model adds the turn.
PROMPT = prompts.DESCRIPTION.removeprefix("USER: ").removesuffix(" ASSISTANT: ")


def events_of(film: Film) -> list[str]:
    """Return the sentences of a description, each with the thing it is about."""
    sentences = [f"{sentence}." for sentence in film.told("description").rstrip(".").split(". ")]
    return [sentence.replace("Then it", f"The {film.scene.subject.shape}") for sentence in sentences]


def write(world: Path, first: int) -> None:
    """Write the tree and upstream's rows."""
    folder = world / "DREAM-1K"
    official: list[Row] = []
    rows: list[Row] = []
    for place, (source, (begin, kind)) in enumerate(SOURCES.items()):
        # Of scenes in motion some show two things.
        shows = None if kind == "motion" else plain
        shown = films(first + 200 * place, kind, open_questions, number=CLIPS_PER_SOURCE, shows=shows)
        for idx, film in enumerate(shown, start=begin):
            write_clip(folder / "video" / f"{idx}.mp4", film)
            description, events = film.told("description"), events_of(film)
            things = len(film.scene.things)
            counts = {"n_subjects": things, "n_shots": 1, "n_events": len(events)}
            about = {"video_file": f"video/{idx}.mp4", "source": source, "duration": film.seconds}
            official.append({"idx": idx, **about, "description": description, "events": events, **counts})
            extra = {"duration": film.seconds, "n_subjects": things, "n_shots": 1, "events": events}
            extra["n_events"] = len(events)
            rows.append(tarsier_row(f"DREAM/{source}", idx, PROMPT, description, idx, extra=extra))
    write_list(folder / "json" / "metadata.json", official)
    write_rows(world, "DREAM-1k.jsonl", rows)
