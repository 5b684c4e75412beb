"""What comes before and after the span of a bounded clip: scenes in which the same question has a wrong answer.

A harness that ignores the span, or misses its start, then sees something that leads to another of the options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.mini.clips import Frames, joined
from benchmarks.mini.drawing import make_scene
from benchmarks.mini.questions import Question, make_questions
from benchmarks.mini.rendering import render_bytes
from benchmarks.mini.scenes import COLOURS, Scene, sampled_indices

CANDIDATES = 300
"""Scenes to look at before the most misleading one is taken."""
SEED_DISTANCE = 500_000
"""Between the seeds of clips and of what surrounds them."""


def surrounded(scene: Scene, questions: Sequence[Question], length: int) -> Frames:
    """Return `length` frames, the scene's own, and `length` more.

    The frame before the span repeats its first and the frame after it its last, since readers of folders of frames
    differ by one in where they begin to count.
    """
    inside = render_bytes(scene)
    if scene.kind == "flash":
        before, after = _flashing(scene, length, questions[0].answer)
    else:
        before, after = (_misleading(scene, questions, length, side) for side in (0, 1))
    before[-1], after[0] = inside[0], inside[-1]
    return joined([before, inside, after])


def _misleading(scene: Scene, questions: Sequence[Question], length: int, side: int) -> Frames:
    """Let the same thing do something else, so that as many questions as possible get a wrong option."""

    def misled(other: Scene) -> int:
        answers = {question.text: question.answer for question in make_questions(other) if question.options}
        given = [(question, answers.get(question.text, question.answer)) for question in questions]
        return sum(answer != question.answer and answer in question.options for question, answer in given)

    first = SEED_DISTANCE + CANDIDATES * (2 * scene.seed + side)
    return render_bytes(
        replace(max((_alike(scene, seed) for seed in range(first, first + CANDIDATES)), key=misled), n_frames=length)
    )


def _alike(scene: Scene, seed: int) -> Scene:
    """Return another scene of the same kind on the same canvas with a thing of the same look."""
    other = make_scene(seed, scene.kind)
    thing = replace(other.subject, colour=scene.subject.colour, shape=scene.subject.shape)
    return replace(other, things=(thing,), width=scene.width, height=scene.height, background=scene.background)


def _flashing(scene: Scene, length: int, answer: str) -> tuple[Frames, Frames]:
    """Flash at the wrong end of the whole clip, in the frames that a harness without the span would look at."""
    still = replace(scene, flashes={})
    before, after = (render_bytes(still, np.zeros(length, int)) for _ in range(2))
    total = 2 * length + scene.n_frames
    seen = set(sampled_indices(total))
    colour = np.array(next(COLOURS[name] for name in scene.flashes.values())) * 9 // 10
    plain = render_bytes(replace(still, things=()), [0])[0, 0, 0]
    side, offset = (after, length + scene.n_frames) if answer == "beginning" else (before, 0)
    for index in range(length):
        if offset + index in seen:
            background = (np.abs(side[index].astype(int) - plain) < 3).all(-1)
            side[index][background] = colour
    return before, after
