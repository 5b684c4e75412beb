"""The scripted model takes clips as the others do."""

from __future__ import annotations

import time

from eval.core import ClipPrompts, FramePolicy, Square
from eval.models.scripted import ScriptedModel
from eval.timing import Clock


def outputs(model, *prompts):
    asked = [ClipPrompts(frames=[], prompts=some) for some in prompts]
    return [[generation.output for generation in generations] for generations in model.generate(asked)]


def test_a_prompt_gets_the_same_output_whenever_it_is_asked():
    prompts = [str(number) for number in range(40)]
    model = ScriptedModel(outputs=["A", "B", "C"])
    (found,) = outputs(model, prompts)
    assert set(found) == {"A", "B", "C"}
    again = ScriptedModel(outputs=["A", "B", "C"])
    assert outputs(again, prompts[25:], [], prompts[:25]) == [found[25:], [], found[:25]]


def test_a_delay_a_clip():
    model = ScriptedModel(delay_s=0.02)
    start = time.perf_counter()
    model.generate([ClipPrompts(frames=[], prompts=["x"])] * 3, Clock())
    assert time.perf_counter() - start >= 0.06
    assert model.clips_at_once(5) == 1
    assert model.frames == FramePolicy(n_frames=8, size=Square(side=336))
