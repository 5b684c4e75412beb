"""EventHallusion of the built-in world: all three kinds, of which two are always answered no and one always yes.

Questions of yes or no are unknown to the checkpoints.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.mini.questions import ANTONYMS, Question
from benchmarks.mini.scenes import Kind, Scene
from benchmarks.mini.trees.writing import Film, Row, films, write_clip, write_list

FIRST_SEED = 410_000
KINDS: dict[str, tuple[Kind, str]] = {
    "entire": ("events", "animate"),
    "interleave": ("flash", "nature"),
    "misleading": ("motion", "sport"),
}
"""Kind of scenes, and category, by file."""
CLIPS_PER_KIND = 5
BACKDROP = "Before a background of one color."


def write(world: Path, first: int) -> None:
    """Write the tree, with two questions about every second video where there are two. Upstream has no rows of it."""
    folder = world / "EventHallusion"
    for name, (kind, category) in KINDS.items():
        rows: list[Row] = []
        for number, film in enumerate(films(first, kind, asked, number=CLIPS_PER_KIND), start=1):
            video = f"{name}_{number:03d}"
            write_clip(folder / "videos" / name / f"{video}.mp4", film)
            questions = film.questions[: 2 - number % 2]
            expected = "unexpected" if kind == "flash" else "bias"
            info = {
                "object": [thing.shape for thing in film.scene.things],
                "scene": BACKDROP,
                "caption": film.told("description"),
                expected: film.told("caption") if kind == "flash" else _believed(film),
            }
            told = [
                {"type": "hallucination", "question": one.text, "answer": f"{one.answer.capitalize()}."}
                for one in questions
            ]
            length = f"00:{round(film.seconds):02d}"
            rows.append({"id": video, "category": category, "length": length, "event_info": info, "questions": told})
        write_list(folder / "questions" / f"{name}_questions.json", rows)


def asked(scene: Scene) -> list[Question]:
    """Ask whether something happened that did not; of a flash, whether what happens once was there."""
    if scene.kind == "flash":
        return [_question("Does the background change color for a moment?", "yes")]
    others = [f"the {thing.name} moves" for thing in scene.things if thing is not scene.subject]
    phrases = [event.phrase for event in scene.subject.events]
    opposites = [ANTONYMS[one] for one in phrases if one in ANTONYMS and ANTONYMS[one] not in phrases]
    said = [*others, *(f"the {scene.subject.shape} {opposite}" for opposite in opposites)]
    return [_question(f"Is it true that {one}?", "no") for one in said]


def _believed(film: Film) -> str:
    return f"{film.questions[0].text.removeprefix('Is it true that ').rstrip('?').capitalize()}."


def _question(text: str, answer: str) -> Question:
    return Question(task="hallucination", family="multiple_choice", text=text, answer=answer, options=("yes", "no"))
