"""TempCompass of the built-in world: three tasks ask the same of each video, some of it backwards too.

The captions and the questions of yes or no are unknown to the checkpoints. Speed is that of the thing that moves, since
a scene has none of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.mini.questions import OPPOSITES, Question
from benchmarks.mini.scenes import Event, Kind, Scene
from benchmarks.mini.trees.writing import Film, Row, chosen, films, write_clip, write_object

FIRST_SEED = 405_000
DIMENSIONS = {
    "action": ("action_antonym", "the {shape} {answer}"),
    "direction": ("moving_direction", "the {shape} moves {answer}"),
    "speed": ("speed", "the {shape} is {answer}"),
    "order": ("action_sequence", "the {shape} {answer} first"),
    "attribute_change": ("state_change", "the {shape} becomes {answer}"),
}
"""Kind of questions, and the same as a statement, by dimension. Of a kind the first question is asked."""
FILMS: tuple[tuple[Kind, dict[str, tuple[str, ...]]], ...] = (
    ("motion", {"": ("direction", "speed"), "_reverse": ("direction",), "_concat_0": ("order",)}),
    ("events", {"": ("action", "order")}),
    ("events", {"": ("attribute_change",), "_reverse": ("attribute_change",)}),
)
"""Kind of scenes, and the dimensions to ask about, by what is done to the video."""
CAPTIONS = (("Caption A", "Caption B"), ("Sentence A", "Sentence B"), ("Option 1", "Option 2"))


def write(world: Path, first: int) -> None:
    """Write the tree. Upstream has no rows of it."""
    folder = world / "TempCompass"
    files: dict[str, dict[str, Row]] = {name: {} for name in ("multi-choice", "yes_no", "caption_matching")}
    count = 0
    for place, (kind, forms) in enumerate(FILMS):
        (film,) = films(first + 100 * place, kind, chosen(*_tasks(forms[""])), least=len(forms[""]), shows=_reversible)
        for form, dimensions in forms.items():
            name, scene = f"10{film.seed:08d}{form}", FORMS[form](film.scene)
            write_clip(folder / "videos" / f"{name}.mp4", Film(scene=scene, questions=()))
            rows: dict[str, Row] = {file: defaultdict(list) for file in files}
            for dimension in dimensions:
                task, statement = DIMENSIONS[dimension]
                question = chosen(task)(scene)[0]
                told = statement.replace("{shape}", scene.subject.shape)
                rows["multi-choice"][dimension].append(_multiple_choice(question))
                rows["yes_no"][dimension].append(_yes_no(question, told, right=count % 2 == 0))
                rows["caption_matching"][dimension].append(_captions(question, told, count))
                count += 1
            for file, videos in files.items():
                videos[name] = rows[file]
    for file, videos in files.items():
        write_object(folder / "questions" / f"{file}.json", videos)


def backwards(scene: Scene) -> Scene:
    """Return a scene run from its end to its beginning; its things neither appear nor disappear."""
    things = []
    for thing in scene.things:
        end = thing.at(1)
        events = tuple(_undone(event, thing.colour) for event in thing.events[::-1])
        things.append(replace(thing, x=end.x, y=end.y, radius=end.radius, colour=end.colour, events=events))
    return replace(scene, things=tuple(things))


def and_back(scene: Scene) -> Scene:
    """Return a scene of a thing that moves, joined with the same run backwards."""
    things = []
    for thing, undone in zip(scene.things, backwards(scene).things, strict=True):
        first = [replace(one, start=one.start / 2, stop=one.stop / 2) for one in thing.events]
        then = [replace(one, start=0.5 + one.start / 2, stop=0.5 + one.stop / 2) for one in undone.events]
        things.append(replace(thing, events=(*first, *then)))
    return replace(scene, kind="events", n_frames=2 * scene.n_frames, things=tuple(things))


FORMS: dict[str, Callable[[Scene], Scene]] = {"": lambda scene: scene, "_reverse": backwards, "_concat_0": and_back}


def _undone(event: Event, colour: str) -> Event:
    return replace(
        event,
        start=1 - event.stop,
        stop=1 - event.start,
        direction=OPPOSITES.get(event.direction, ""),
        factor=1 / event.factor,
        colour=colour if event.colour else "",
    )


def _tasks(dimensions: tuple[str, ...]) -> list[str]:
    return [DIMENSIONS[dimension][0] for dimension in dimensions]


def _reversible(scene: Scene) -> bool:
    """Whether one thing is shown, all the time."""
    return len(scene.things) == 1 and not any("appear" in event.kind for event in scene.subject.events)


def _multiple_choice(question: Question) -> Row:
    lines = [f"{letter}. {option}" for letter, option in zip("ABCDE", question.options, strict=False)]
    return {"question": "\n".join([question.text, *lines]), "answer": f"{question.letter}. {question.answer}"}


def _wrong(question: Question) -> str:
    return next(option for option in question.options if option not in {question.answer, "not sure"})


def _yes_no(question: Question, told: str, *, right: bool) -> Row:
    said = told.format(answer=question.answer if right else _wrong(question))
    return {"question": f"Is it true that {said}?", "answer": "yes" if right else "no"}


def _captions(question: Question, told: str, count: int) -> Row:
    labels, right = CAPTIONS[count % len(CAPTIONS)], count % 2
    answers = [question.answer, _wrong(question)][:: -1 if right else 1]
    lines = [f"{label}: {told.format(answer=one).capitalize()}." for label, one in zip(labels, answers, strict=True)]
    return {"question": "\n".join(["Which text fits the video?", *lines]), "answer": lines[right]}
