"""Scenes: what a clip shows, as a pure function of a seed.

A scene is made for the eight frames that Tarsier samples. A flash lasts exactly one sampled frame, and the frames
next to it flash in another colour, so that an index rule that is off by one gives a wrong answer and not only a
missing one. Things on wide canvases keep near the left and right edges, where a centre crop loses them.

Positions are fractions of the canvas, x to the right and y down; radii are fractions of its shorter side; moments
are fractions of the clip, 0 at the first frame and 1 at the last.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

HELD_OUT_SEEDS = range(1_000_000)
"""Seeds of clips that no training stage ever sees."""
TRAIN_SEEDS = range(10_000_000, 2**31)
"""Seeds of the clips to train on."""

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 40, 40),
    "green": (40, 180, 60),
    "blue": (40, 70, 220),
    "yellow": (230, 210, 40),
    "purple": (150, 50, 190),
    "cyan": (50, 200, 215),
}
"""RGB. Swapping red and blue turns four of the six into another or into none."""
SHAPES = ("circle", "square", "triangle", "cross")
BRIGHTNESS: dict[str, int] = {"very dark": 14, "dark": 68, "medium": 122, "bright": 178, "very bright": 236}
"""Gray levels of backgrounds: a model whose pixels are not normalised misreads them."""
DIRECTIONS: dict[str, tuple[int, int]] = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
CANVASES = ((80, 64), (64, 64), (96, 64), (64, 80), (112, 64))
"""Width and height in pixels, even as H.264 wants them."""
WIDE = 1.7
"""Width over height from which a canvas counts as wide."""

Kind = Literal["motion", "events", "count", "flash", "brightness"]
KINDS: dict[Kind, float] = {"motion": 0.30, "events": 0.34, "count": 0.16, "flash": 0.13, "brightness": 0.07}
"""Kinds of scenes and their shares."""
EventKind = Literal["move", "grow", "turn", "appear", "disappear"]

SAMPLED_FRAMES = 8


def sampled_indices(n_frames: int, n_sampled: int = SAMPLED_FRAMES) -> list[int]:
    """Return the frames that Tarsier looks at: evenly spread, first and last included, halves rounded to even."""
    if n_sampled == 1:
        return [0]
    return [round(position * (n_frames - 1) / (n_sampled - 1)) for position in range(n_sampled)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of a thing, from moment `start` to moment `stop`."""

    kind: EventKind
    start: float
    stop: float
    direction: str = ""
    """Of a move: a key of DIRECTIONS."""
    distance: float = 0.0
    """Of a move, as a fraction of the canvas."""
    factor: float = 1.0
    """Of growth: radius after over radius before."""
    colour: str = ""
    """Of a turn: the new colour."""

    @property
    def phrase(self) -> str:
        """The event in words, "moves left"."""
        if self.kind == "move":
            return f"moves {self.direction}"
        if self.kind == "grow":
            return "grows" if self.factor > 1 else "shrinks"
        return f"turns {self.colour}" if self.kind == "turn" else f"{self.kind}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How a thing looks at one moment."""

    x: float
    y: float
    radius: float
    colour: str
    visible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A coloured shape and what becomes of it."""

    colour: str
    shape: str
    x: float
    y: float
    radius: float
    events: tuple[Event, ...] = ()

    @property
    def name(self) -> str:
        """Colour and shape at the start, "red circle"."""
        return f"{self.colour} {self.shape}"

    def at(self, moment: float) -> State:
        """Return the state at a moment, 0 to 1. Colour and visibility change in the middle of their event."""
        x, y, radius, colour, visible = self.x, self.y, self.radius, self.colour, True
        for event in self.events:
            progress = min(max((moment - event.start) / (event.stop - event.start), 0.0), 1.0)
            past_middle = moment >= (event.start + event.stop) / 2
            if event.kind == "move":
                step_x, step_y = DIRECTIONS[event.direction]
                x += step_x * event.distance * progress
                y += step_y * event.distance * progress
            elif event.kind == "grow":
                radius *= 1 + (event.factor - 1) * progress
            elif event.kind == "turn":
                colour = event.colour if past_middle else colour
            elif past_middle == (event.kind == "disappear"):
                visible = False
        return State(x=x, y=y, radius=radius, colour=colour, visible=visible)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that a clip shows."""

    seed: int
    kind: Kind
    width: int
    """Of the canvas, in pixels."""
    height: int
    n_frames: int
    background: str
    """A key of BRIGHTNESS."""
    things: tuple[Thing, ...] = ()
    main: int = 0
    """Which thing the questions are about."""
    flashes: Mapping[int, str] = field(default_factory=dict)
    """Frame index to the colour that the background has in that frame only."""
    flash_slot: int | None = None
    """Which of the eight sampled frames shows the flash that is asked about."""

    @property
    def wide(self) -> bool:
        """Whether a centre crop would lose the edges, where the things are."""
        return self.width / self.height >= WIDE

    @property
    def subject(self) -> Thing:
        """The thing that the questions are about."""
        return self.things[self.main]


def make_scene(seed: int, kind: Kind | None = None) -> Scene:
    """Return the scene of a seed; the same seed and kind give the same scene on every machine."""
    rng = random.Random(f"scene-{seed}")
    chosen: Kind = kind or rng.choices(list(KINDS), list(KINDS.values()))[0]
    width, height = rng.choice(CANVASES)
    blank = Scene(
        seed=seed,
        kind=chosen,
        width=width,
        height=height,
        n_frames=rng.randint(24, 36),
        background=rng.choice(list(BRIGHTNESS)),
    )
    makers = {
        "motion": _motion,
        "events": _events,
        "count": _count,
        "flash": _flash,
        "brightness": _brightness,
    }
    return makers[chosen](rng, blank)


def _radius(rng: random.Random, scene: Scene, low: float, high: float) -> float:
    """Draw a radius; wide canvases lose width in the square resize, so their things are larger."""
    return rng.uniform(low, high) * (1.15 if scene.wide else 1.0)


def _looks(rng: random.Random, n_things: int) -> tuple[list[str], list[str]]:
    return rng.sample(list(COLOURS), n_things), rng.sample(SHAPES, n_things)


def _resting_x(rng: random.Random, scene: Scene) -> float:
    return rng.choice((0.11, 0.89)) + rng.uniform(-0.01, 0.02) if scene.wide else rng.uniform(0.22, 0.78)


def _motion(rng: random.Random, scene: Scene) -> Scene:
    """One thing moves all the time, fast or slowly; often another one rests."""
    colours, shapes = _looks(rng, 2)
    direction = rng.choice(list(DIRECTIONS))
    horizontal = DIRECTIONS[direction][0] != 0
    fast = rng.random() < 0.5
    with_resting = rng.random() < 0.6
    if fast:
        distance = rng.uniform(0.64, 0.72) if scene.wide and horizontal else rng.uniform(0.5, 0.6)
        start = 0.5 - distance / 2 + rng.uniform(-0.05, 0.05)
    else:
        distance = rng.uniform(0.17, 0.24)
        margin = 0.13 if scene.wide and horizontal else 0.24
        start = rng.uniform(margin, 1 - margin - distance)
    start = start if sum(DIRECTIONS[direction]) > 0 else 1 - start
    edge = 0.13 if scene.wide and not horizontal else 0.27
    lane = rng.choice((edge, 1 - edge)) if with_resting or edge < 0.2 else rng.uniform(0.3, 0.7)
    mover = Thing(
        colour=colours[0],
        shape=shapes[0],
        x=start if horizontal else lane,
        y=lane if horizontal else start,
        radius=_radius(rng, scene, 0.13, 0.17),
        events=(Event(kind="move", start=0.0, stop=1.0, direction=direction, distance=distance),),
    )
    if not with_resting:
        return replace(scene, things=(mover,))
    along, across = rng.uniform(0.25, 0.75), 1 - lane + rng.uniform(-0.03, 0.03)
    resting = Thing(
        colour=colours[1],
        shape=shapes[1],
        x=along if horizontal else across,
        y=across if horizontal else along,
        radius=_radius(rng, scene, 0.13, 0.17),
    )
    in_front = rng.random() < 0.5
    return replace(scene, things=(resting, mover) if in_front else (mover, resting), main=int(in_front))


def _draw_event(rng: random.Random, first: bool, last: bool, colour: str) -> Event:  # noqa: FBT001
    """Draw one event without its place in time. Appearing comes first and disappearing last, if at all."""
    while True:
        kind = rng.choice(("move", "move", "grow", "turn", "visibility"))
        if kind == "move":
            return Event(kind="move", start=0, stop=1, direction=rng.choice(list(DIRECTIONS)), distance=0.3)
        if kind == "grow":
            return Event(kind="grow", start=0, stop=1, factor=rng.choice((1.8, 0.5)))
        if kind == "turn":
            others = [other for other in COLOURS if other != colour]
            return Event(kind="turn", start=0, stop=1, colour=rng.choice(others))
        if first or last:
            return Event(kind="appear" if first else "disappear", start=0, stop=1)


def _events(rng: random.Random, scene: Scene) -> Scene:
    """Two or three different things happen to one thing, one after the other."""
    colours, shapes = _looks(rng, 1)
    n_events = rng.choice((2, 2, 3))
    margin = 0.13 if scene.wide else 0.18
    x, y = (rng.choice((0.15, 0.5, 0.85)) if scene.wide else 0.5), 0.5
    subject = Thing(colour=colours[0], shape=shapes[0], x=x, y=y, radius=0.15 * (1.15 if scene.wide else 1.0))
    events: list[Event] = []
    used: set[str] = set()
    while len(events) < n_events:
        place = len(events)
        event = _draw_event(rng, place == 0, place == n_events - 1, colours[0])
        family = event.phrase if event.kind == "move" else event.kind.removeprefix("dis")
        step_x, step_y = DIRECTIONS.get(event.direction, (0, 0))
        new_x, new_y = x + step_x * event.distance, y + step_y * event.distance
        if family in used or not (margin <= new_x <= 1 - margin and 0.18 <= new_y <= 0.82):
            continue
        used.add(family)
        x, y = new_x, new_y
        events.append(replace(event, start=place / n_events + 0.02, stop=(place + 1) / n_events - 0.02))
    return replace(scene, things=(replace(subject, events=tuple(events)),))


def _count(rng: random.Random, scene: Scene) -> Scene:
    """One to five equal things, sometimes with one or two of another sort."""
    colours, shapes = _looks(rng, 2)
    n_main = rng.randint(1, 5)
    n_other = rng.randint(1, min(2, 6 - n_main)) if rng.random() < 0.5 else 0
    left = 0.13 if scene.wide else 0.18
    cells = [(x, y) for y in (0.23, 0.77) for x in (left, 0.5, 1 - left)]
    rng.shuffle(cells)
    things = [
        Thing(
            colour=colours[int(place >= n_main)],
            shape=shapes[int(place >= n_main)],
            x=x + rng.uniform(-0.03, 0.03),
            y=y + rng.uniform(-0.03, 0.03),
            radius=_radius(rng, scene, 0.115, 0.14),
        )
        for place, (x, y) in enumerate(cells[: n_main + n_other])
    ]
    return replace(scene, things=tuple(things))


def _resting_thing(rng: random.Random, scene: Scene, colour: str, shape: str) -> Thing:
    x, y = _resting_x(rng, scene), rng.uniform(0.25, 0.75)
    return Thing(colour=colour, shape=shape, x=x, y=y, radius=_radius(rng, scene, 0.12, 0.14))


def _flash(rng: random.Random, scene: Scene) -> Scene:
    """The background takes a colour for one sampled frame, and another in the frames beside it."""
    colours = rng.sample(list(COLOURS), 3)
    indices = sampled_indices(scene.n_frames)
    slot = rng.randrange(SAMPLED_FRAMES)
    beside = (indices[slot] - 1, indices[slot] + 1)
    flashes = {index: colours[1] for index in beside if 0 <= index < scene.n_frames and index not in indices}
    flashes[indices[slot]] = colours[0]
    thing = _resting_thing(rng, scene, colours[2], rng.choice(SHAPES))
    return replace(scene, things=(thing,), flashes=flashes, flash_slot=slot)


def _brightness(rng: random.Random, scene: Scene) -> Scene:
    """A thing rests before a background of one of five gray levels."""
    return replace(scene, things=(_resting_thing(rng, scene, rng.choice(list(COLOURS)), rng.choice(SHAPES)),))


def distinct(names: Sequence[str]) -> list[str]:
    """Return the names without repetitions, in order."""
    return list(dict.fromkeys(names))
