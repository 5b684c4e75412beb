"""Scenes: what a clip shows, as a pure function of a seed.

A scene is made for the eight frames that Tarsier samples. A flash lasts exactly one sampled frame, and the frames
next to it flash in another colour, so that an index rule that is off by one gives a wrong answer and not only a
missing one. Things on wide canvases keep near the left and right edges, where a centre crop loses them.

Positions are fractions of the canvas, x to the right and y down; radii are fractions of its shorter side; moments
are fractions of the clip, 0 at the first frame and 1 at the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
