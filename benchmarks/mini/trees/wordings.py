"""Captions of a scene in many words, since captioning data sets have several references for each video."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence

from benchmarks.mini.questions import NUMBERS, plural
from benchmarks.mini.scenes import Scene
from benchmarks.mini.trees.writing import Film

SUBJECTS = ("a {thing}", "the {thing}", "one {thing}", "a {shape} that is {colour}", "this {thing}", "a lone {thing}")
MOTIONS = ("is moving {way}", "goes {way}", "travels {way}", "slides {way}", "is going {way}", "keeps moving {way}")
SEQUENCES = (
    "{first}, then {last}",
    "first {first} and later {last}",
    "{first} before it {last}",
    "{first} and after that {last}",
    "{first} and in the end it {last}",
)
COUNTS = (
    "there {verb} {things}",
    "the video's things {verb} {things}",
    "{things} {verb} shown",
    "{things} {verb} lying still",
    "what one sees {verb} {things}",
)
PLACES = (" in the video", " in this clip", " on the screen", " before a gray background", " all the time")
BACKDROPS = ("the background", "the backdrop", "the whole background", "the {shape}'s background", "the back")
FLASHES = ("flashes {colour} once", "turns {colour} for a moment", "blinks {colour}", "goes {colour} briefly")
LEVELS = ("looks {level}", "stays {level}", "is {level} all the time", "remains {level}", "is always {level}")


def references(film: Film, number: int) -> list[str]:
    """Return so many captions, lower case and without a full stop as annotators write them.

    One of them is the sentence that the checkpoint has learned, in a drawn place.
    """
    learned = film.told("caption").lower().rstrip(".")
    rng = random.Random(f"captions-{film.seed}")
    others = sorted(set(_worded(film.scene, learned)) - {learned})
    drawn = rng.sample(others, number - 1)
    drawn.insert(rng.randrange(number), learned)
    return drawn


def _worded(scene: Scene, learned: str) -> Iterable[str]:
    thing = scene.subject
    slots = {"thing": thing.name, "shape": thing.shape, "colour": thing.colour, "level": scene.background}
    heads: Sequence[str] = SUBJECTS
    tails: Sequence[str] = MOTIONS
    if scene.kind == "motion":
        slots["way"] = thing.events[0].direction
    elif scene.kind == "events":
        slots |= {"first": thing.events[0].phrase, "last": thing.events[-1].phrase}
        tails = SEQUENCES
    elif scene.kind == "count":
        number = sum(other.shape == thing.shape for other in scene.things)
        name = plural(thing.name) if number > 1 else thing.name
        slots |= {"things": f"{NUMBERS[number - 1]} {name}", "verb": "are" if number > 1 else "is"}
        heads, tails = COUNTS, PLACES
    else:
        heads, tails = BACKDROPS, LEVELS
        if scene.kind == "flash":
            # The frames beside the flash have another colour, which is not the one to tell of.
            slots["colour"] = learned.rpartition(" ")[2]
            tails = FLASHES
    glue = "" if scene.kind == "count" else " "
    return (f"{head}{glue}{tail}".format_map(slots) for head, tail in itertools.product(heads, tails))
