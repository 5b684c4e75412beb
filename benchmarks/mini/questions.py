"""What is asked about a scene, in every form that the harness sends.

Options always hold the nearest wrong answers: the other event of the clip, the opposite direction, the colour of
the frame beside the flash. What a fault makes the model see is thus among the options.
Every answer follows from the description alone, since the language model first learns from descriptions.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.mini import prompts
from benchmarks.mini.scenes import BRIGHTNESS, COLOURS, DIRECTIONS, SHAPES, Scene, sampled_indices

Family = Literal["multiple_choice", "open_qa", "caption", "description"]

NUMBERS = ("one", "two", "three", "four", "five")
OPPOSITES = {"left": "right", "right": "left", "up": "down", "down": "up"}
ANTONYMS = {
    "grows": "shrinks",
    "shrinks": "grows",
    "appears": "disappears",
    "disappears": "appears",
    **{f"moves {direction}": f"moves {opposite}" for direction, opposite in OPPOSITES.items()},
}
TIMES = ("beginning", "middle", "end")
TIME_OF_SLOT = {0: "beginning", 1: "beginning", 3: "middle", 4: "middle", 6: "end", 7: "end"}
"""When a flash in a sampled frame happens; slots 2 and 5 lie between and are not asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing to ask about a clip."""

    task: str
    """What it tests, "moving_direction"."""
    family: Family
    text: str
    """The question; empty for captions and descriptions."""
    answer: str
    """The right option, the short answer, or the reference text."""
    options: tuple[str, ...] = ()

    @property
    def letter(self) -> str:
        """The letter of the right option."""
        return prompts.LETTERS[self.options.index(self.answer)]

    @property
    def target(self) -> str:
        """The continuation to learn, without the end token."""
        if self.family == "multiple_choice":
            return f"{self.letter}) {self.answer}"
        return f" {self.answer}" if self.family == "open_qa" else self.answer

    def prompt(self, form: prompts.Form = "mvbench") -> str:
        """Return the prompt as the harness sends it; `form` matters to multiple choice only."""
        if self.family == "multiple_choice":
            return prompts.multiple_choice(self.text, self.options, form)
        if self.family == "open_qa":
            return prompts.open_qa(self.text)
        return prompts.CAPTION if self.family == "caption" else prompts.DESCRIPTION


class Asker:
    """Collects the questions about one scene, with options drawn by its own generator."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.questions: list[Question] = []

    def choose(self, task: str, text: str, answer: str, near: Sequence[str], far: Sequence[str]) -> None:
        """Add a multiple-choice question: the near wrong answers first, then far ones up to a drawn number."""
        n_options = self.rng.choices((2, 3, 4, 5), (0.05, 0.2, 0.45, 0.3))[0]
        others = [option for option in far if option != answer]
        self.rng.shuffle(others)
        wrong = [option for option in dict.fromkeys([*near, *others]) if option != answer]
        options = [answer, *wrong[: n_options - 1]]
        self.rng.shuffle(options)
        self._add("multiple_choice", task, text, answer, tuple(options))

    def choose_all(self, task: str, text: str, answer: str, options: Sequence[str]) -> None:
        """Add a multiple-choice question with exactly these options, in drawn order."""
        drawn = self.rng.sample(list(options), len(options))
        self._add("multiple_choice", task, text, answer, tuple(drawn))

    def ask(self, text: str, answer: str) -> None:
        """Add a question without options."""
        self._add("open_qa", "open_qa", text, answer)

    def tell(self, caption: str, description: str) -> None:
        """Add the reference texts of the caption and of the description."""
        self._add("caption", "caption", "", caption)
        self._add("description", "description", "", description)

    def _add(self, family: Family, task: str, text: str, answer: str, options: tuple[str, ...] = ()) -> None:
        self.questions.append(Question(task=task, family=family, text=text, answer=answer, options=options))


def make_questions(scene: Scene) -> list[Question]:
    """Return all questions about a scene: several with options, and one caption and one description."""
    asker = Asker(random.Random(f"questions-{scene.seed}-{scene.kind}"))
    askers = {
        "motion": _about_motion,
        "events": _about_events,
        "count": _about_count,
        "flash": _about_flash,
        "brightness": _about_brightness,
    }
    askers[scene.kind](asker, scene)
    return asker.questions


def described(questions: Sequence[Question]) -> str:
    """Return the reference description among a scene's questions."""
    return next(question.answer for question in questions if question.family == "description")


def _about_motion(asker: Asker, scene: Scene) -> None:
    mover = scene.subject
    resting = [thing for thing in scene.things if thing is not mover]
    (move,) = mover.events
    speed = "fast" if move.distance > 0.4 else "slow"
    what = mover.shape if resting else "object"
    direction = move.direction
    text = f"What direction does the {what} move?"
    asker.choose("moving_direction", text, direction, [OPPOSITES[direction]], list(DIRECTIONS))
    text = "What color is the moving object?"
    asker.choose("moving_attribute", text, mover.colour, [thing.colour for thing in resting], list(COLOURS))
    text = "What shape is the moving object?"
    asker.choose("shape", text, mover.shape, [thing.shape for thing in resting], SHAPES)
    asker.choose_all("speed", "How fast does the object move?", speed, ("fast", "slow"))
    asker.ask("which direction does the object move?", direction)
    asker.ask("what color is the moving object?", mover.colour)
    asker.ask("what shape is the moving object?", mover.shape)
    told = f"A {mover.name} moves {direction}"
    rest = "".join(f" A {thing.name} stays still." for thing in resting)
    asker.tell(f"{told}.", f"{told} {'quickly' if speed == 'fast' else 'slowly'}.{rest}")


def _about_events(asker: Asker, scene: Scene) -> None:
    subject = scene.subject
    shape = subject.shape
    phrases = [event.phrase for event in subject.events]
    first, last = phrases[0], phrases[-1]
    possible = [*ANTONYMS, *(f"turns {colour}" for colour in COLOURS)]
    asker.choose("action_sequence", f"What does the {shape} do first?", first, phrases[::-1], possible)
    asker.choose("action_sequence", f"What does the {shape} do last?", last, phrases, possible)
    place = asker.rng.randrange(len(phrases) - 1)
    text = f"What does the {shape} do after it {phrases[place]}?"
    asker.choose("action_next", text, phrases[place + 1], phrases, possible)
    for phrase in phrases:
        if phrase in ANTONYMS and ANTONYMS[phrase] not in phrases:
            options = (phrase, ANTONYMS[phrase], "not sure")
            asker.choose_all("action_antonym", f"What does the {shape} do in the video?", phrase, options)
    turned = [event.colour for event in subject.events if event.kind == "turn"]
    if turned:
        old, new = subject.colour, turned[0]
        text = f"What color is the {shape} at the end of the video?"
        text = f"What color does the {shape} become?" if last == "disappears" else text
        asker.choose("state_change", text, new, [old], list(COLOURS))
        text = f"What color is the {shape} at the beginning of the video?"
        text = f"What color is the {shape} at first?" if first == "appears" else text
        asker.choose("state_change", text, old, [new], list(COLOURS))
        asker.ask(f"what color does the {shape} become?", new)
    asker.ask(f"what does the {shape} do first?", first)
    asker.ask(f"what does the {shape} do last?", last)
    then = "".join(f" Then it {phrase}." for phrase in phrases[1:])
    asker.tell(f"A {subject.name} {first} and then {last}.", f"A {subject.name} {first}.{then}")


def _about_count(asker: Asker, scene: Scene) -> None:
    subject = scene.subject
    others = [thing for thing in scene.things if thing.shape != subject.shape]
    n_main = len(scene.things) - len(others)
    number = NUMBERS[n_main - 1]
    total = NUMBERS[len(scene.things) - 1] if len(scene.things) <= len(NUMBERS) else number
    for text in (f"How many {plural(subject.shape)} are there?", f"How many {subject.colour} objects are there?"):
        asker.choose("object_count", text, number, [total], NUMBERS)
    if others:
        text = f"What color is the {others[0].shape}?"
        asker.choose("attribute", text, others[0].colour, [subject.colour], list(COLOURS))
    else:
        asker.choose("attribute", "What color are the objects?", subject.colour, [], list(COLOURS))
    asker.ask(f"how many {plural(subject.shape)} are there?", number)
    counted = _counted(n_main, subject.name)
    verb = "are" if n_main > 1 else "is"
    more = f" and {_counted(len(others), others[0].name)}" if others else ""
    asker.tell(f"There {verb} {counted}.", f"There {verb} {counted}{more}. Nothing moves.")


def _about_flash(asker: Asker, scene: Scene) -> None:
    thing = scene.subject
    slot = scene.flash_slot
    if slot is None:
        raise ValueError(f"scene {scene.seed} is a flash without a slot")
    flash = next(colour for index, colour in scene.flashes.items() if index == sampled_indices(scene.n_frames)[slot])
    beside = [colour for colour in scene.flashes.values() if colour != flash]
    asker.choose("fine_flash", "What color does the background flash?", flash, beside, list(COLOURS))
    when = TIME_OF_SLOT.get(slot)
    if when:
        asker.choose_all("flash_when", "When does the background flash?", when, TIMES)
    asker.choose("shape", "What shape is the object?", thing.shape, [], SHAPES)
    asker.choose("attribute", f"What color is the {thing.shape}?", thing.colour, [flash], list(COLOURS))
    asker.ask("what color does the background flash?", flash)
    told = f"The background flashes {flash}"
    asker.tell(f"{told}.", f"A {thing.name} stays still. {told}{f' at the {when}' if when else ''}.")


def _about_brightness(asker: Asker, scene: Scene) -> None:
    thing = scene.subject
    levels = list(BRIGHTNESS)
    place = levels.index(scene.background)
    near = levels[max(place - 1, 0) : place + 2]
    asker.rng.shuffle(near)
    asker.choose("brightness", "How bright is the background?", scene.background, near, levels)
    asker.choose("shape", "What shape is the object?", thing.shape, [], SHAPES)
    asker.choose("attribute", f"What color is the {thing.shape}?", thing.colour, [], list(COLOURS))
    asker.ask("how bright is the background?", scene.background)
    told = f"The background is {scene.background}."
    asker.tell(told, f"A {thing.name} stays still. {told}")


def plural(noun: str) -> str:
    """Return the plural of a shape's name."""
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def _counted(number: int, name: str) -> str:
    return f"{NUMBERS[number - 1]} {plural(name) if number > 1 else name}"
