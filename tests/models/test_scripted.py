"""The scripted model takes clips as the others do."""

from __future__ import annotations

import time

from eval.core import Asked
from eval.models.scripted import ScriptedModel
from eval.timing import Clock


def outputs(model, *prompts):
    asked = [Asked(frames=[], prompts=some) for some in prompts]
    return [[generation.output for generation in generations] for generations in model.generate(asked)]


def test_outputs_in_turn_over_clips_and_calls():
    model = ScriptedModel(outputs=["A", "B", "C"])
    assert outputs(model, ["x", "y"], [], ["z", "x"]) == [["A", "B"], [], ["C", "A"]]
    assert outputs(model, ["x"]) == [["B"]]


def test_a_delay_a_clip():
    model = ScriptedModel(delay_s=0.02)
    start = time.perf_counter()
    model.generate([Asked(frames=[], prompts=["x"])] * 3, Clock())
    assert time.perf_counter() - start >= 0.06
    assert model.clips_at_once(5) == 1
    assert model.frame_side == 336
