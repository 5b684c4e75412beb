"""The Tarsier runner against the reference implementation, in fp32 on the CPU: 36 cases on real videos."""

from __future__ import annotations

import hashlib
import shutil
from typing import Any

import numpy as np
import pytest
import torch

from eval.core import Clip, ClipPrompts, FramePolicy
from eval.models.decoding.generator import Generator
from eval.models.decoding.questions import Encoded
from eval.models.tarsier.processing import place_frames, to_square, wrap_prompt
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
            seen[video, n_frames] = load_frames(Clip(source=real_videos / video), FramePolicy(n_frames=n_frames))
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


def test_pixel_values_are_the_library_s(model_cases, runner, frames_of):
    processor = runner._processor
    for video, n_frames in {(case["video"], case["n_frames"]) for case in model_cases}:
        frames = frames_of(video, n_frames)
        library = processor._by_library([to_square(frame) for frame in frames])
        assert processor.pixel_values(frames).numpy().tobytes() == library.tobytes()


@pytest.fixture(scope="module")
def bare(golden, tmp_path_factory):
    """The same checkpoint as the published one comes: no generation_config.json, no processor_config.json."""
    folder = tmp_path_factory.mktemp("bare") / "tarsier-random"
    shutil.copytree(golden / "tarsier-random", folder)
    for name in ("generation_config.json", "processor_config.json"):
        (folder / name).unlink()
    return TarsierRunner(name="random", checkpoint=str(folder), device="cpu", max_new_tokens=24)


def test_outputs_end_without_a_generation_config(model_cases, runner, bare, frames_of):
    together, clips = asked(model_cases, frames_of)
    assert bare.describe()["end_tokens_from"] == "text_config of config.json"
    assert any(len(case["generated_ids"]) < 24 for case in model_cases)
    for cases, generations in zip(together, bare.generate(clips), strict=True):
        check(cases, generations)
    case = model_cases[0]
    frames = frames_of(case["video"], case["n_frames"])
    check([case], [bare.alone(ClipPrompts(frames=frames, prompts=[case["prompt_in"]]))])


def check(cases, generations):
    for case, generation in zip(cases, generations, strict=True):
        assert generation.output == case["generated_text"], case["key"]
        assert generation.n_tokens == len(case["generated_ids"]), case["key"]


def asked(cases, frames_of):
    """All cases about the same frames as one clip with several prompts, in order of first appearance."""
    together: dict[tuple[str, int], list[Any]] = {}
    for case in cases:
        together.setdefault((case["video"], case["n_frames"]), []).append(case)
    clips = [
        ClipPrompts(frames=frames_of(*shown), prompts=[case["prompt_in"] for case in same])
        for shown, same in together.items()
    ]
    return list(together.values()), clips


def test_outputs_are_equal(model_cases, runner, frames_of):
    for case in model_cases:
        ((generation,),) = runner.generate(asked([case], frames_of)[1])
        check([case], [generation])


def test_outputs_are_equal_when_asked_together(model_cases, runner, frames_of):
    together, clips = asked(model_cases, frames_of)
    assert max(map(len, together)) > 1
    for cases, clip in zip(together, clips, strict=True):
        check(cases, runner.generate([clip])[0])


def test_outputs_are_equal_when_all_clips_are_asked_together(model_cases, runner, frames_of):
    together, clips = asked(model_cases, frames_of)
    for cases, generations in zip(together, runner.generate(clips), strict=True):
        check(cases, generations)
    assert runner.batching["largest_stack"] > 1


def test_first_logits_agree_when_asked_together(model_cases, golden, runner, frames_of):
    arrays = np.load(golden / "model_arrays.npz")
    processor = runner._processor
    for video, n_frames in {(case["video"], case["n_frames"]) for case in model_cases}:
        cases = [case for case in model_cases if (case["video"], case["n_frames"]) == (video, n_frames)]
        by_ids = {tuple(processor.expand(case["input_ids"])): case["key"] for case in cases}
        seen: list[torch.Tensor] = []
        handle = runner._model.lm_head.register_forward_hook(lambda _module, _in, out, kept=seen: kept.append(out))
        pixels = processor.pixel_values(frames_of(video, n_frames))
        shown = Encoded(media=[runner._model.medium(pixels)], prompts=list(by_ids), settled=[None] * len(by_ids))
        Generator(runner._model, max_new_tokens=1, kv_budget=10**9).generate([shown])
        handle.remove()
        # The generator works prefix by prefix, shortest prompt first; whose a row is, the closest golden one tells.
        golden_rows = torch.tensor(np.stack([arrays[f"{key}/last_logits"] for key in by_ids.values()]))
        found = torch.cat(seen)
        assert found.shape == golden_rows.shape
        difference = (found[:, None] - golden_rows[None]).abs().amax(-1)
        assert float(difference.amin(0).max()) < 1e-4
        assert float(difference.amin(1).max()) < 1e-4
