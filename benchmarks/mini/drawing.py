"""Drawing scenes: one maker for each kind, all pure functions of a seed."""

from __future__ import annotations

import random
from dataclasses import replace

from benchmarks.mini.scenes import (
    BRIGHTNESS,
    CANVASES,
    COLOURS,
    DIRECTIONS,
    KINDS,
    SAMPLED_FRAMES,
    SHAPES,
    Event,
    Kind,
    Scene,
    Thing,
    sampled_indices,
)


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
