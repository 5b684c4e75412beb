"""The Tarsier runner against the reference implementation, in fp32 on the CPU: 36 cases on real videos."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from eval.core import Clip
from eval.models.tarsier.processing import place_frames, wrap_prompt
from eval.models.tarsier.runner import TarsierRunner
from eval.video.frames import load_frames

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runner(golden):
    return TarsierRunner(name="random", checkpoint=str(golden / "tarsier-random"), device="cpu", max_new_tokens=24)


@pytest.fixture(scope="module")
def frames_of(real_videos):
    seen = {}

    def of(video: str, n_frames: int):
        if (video, n_frames) not in seen:
            seen[video, n_frames] = load_frames(Clip(source=real_videos / video), n_frames)
        return seen[video, n_frames]

    return of


def test_the_reference_has_all_its_cases(model_cases):
    assert len(model_cases) == 36


def test_frames_are_the_reference_frames(model_cases, frames_of):
    for case in model_cases:
        frames = frames_of(case["video"], case["n_frames"])
        assert [hashlib.sha256(frame.tobytes()).hexdigest() for frame in frames] == case["frame_sha256"], case["key"]


def test_prompts_and_ids_are_equal(model_cases, runner):
    for case in model_cases:
        prompt = place_frames(wrap_prompt(case["prompt_in"]), case["n_frames"])
        assert prompt == case["prompt"], case["key"]
        assert runner._processor.token_ids(prompt) == case["input_ids"], case["key"]


def test_last_logits_agree(model_cases, golden, runner, frames_of):
    arrays = np.load(golden / "model_arrays.npz")
    worst = 0.0
    for case in model_cases:
        processor = runner._processor
        ids = torch.tensor([processor.expand(case["input_ids"])])
        assert ids.shape[1] == case["sequence_length"], case["key"]
        pixels = processor.pixel_values(frames_of(case["video"], case["n_frames"]))
        with torch.inference_mode():
            logits = runner._model(input_ids=ids, pixel_values=pixels).logits[0, -1].numpy()
        worst = max(worst, float(np.abs(logits - arrays[f"{case['key']}/last_logits"]).max()))
    assert worst < 1e-4


def test_outputs_are_equal(model_cases, runner, frames_of):
    for case in model_cases:
        (generation,) = runner.generate(frames_of(case["video"], case["n_frames"]), [case["prompt_in"]])
        assert generation.output == case["generated_text"], case["key"]
        assert generation.n_tokens == len(case["generated_ids"]), case["key"]
