"""Parts of a model that a device map leaves on the disk or in other memory: outputs are those of the whole in place."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from eval.models.checkpoints.loading import find_checkpoint, load_model
from eval.models.decoding.devices import device_of, devices_of
from eval.models.decoding.generator import Generator
from eval.models.decoding.questions import Encoded, Medium
from eval.models.decoding.reference import continue_alone

pytest.importorskip("accelerate")
pytestmark = pytest.mark.slow

PARTS = {
    "model.vision_tower": "cpu", "model.multi_modal_projector": "cpu", "model.language_model.embed_tokens": "cpu",
    "model.language_model.layers": "cpu", "model.language_model.norm": "cpu", "model.language_model.rotary_emb": "cpu",
    "lm_head": "cpu",
}  # fmt: skip


def load(golden, device_map):
    model = load_model(
        find_checkpoint(str(golden / "tarsier-random")), device="cpu", dtype=torch.float32, attention="sdpa",
        device_map=device_map,
    )  # fmt: skip
    model.generation_config.eos_token_id = [2]
    return model


@pytest.fixture(scope="module")
def clips():
    pixels = torch.randn(3, 2, 3, 56, 56, generator=torch.Generator().manual_seed(2))
    frames = [354] * (2 * 21)
    prompts = [[1, 9, *frames, *tail] for tail in ([30], [40, 50, 60], [70, 80])]
    shown = [Medium(pixels=some, positions=21, patches=21) for some in pixels]
    return [Encoded(media=[some], prompts=prompts, settled=[None] * 3) for some in shown]


@pytest.fixture(scope="module")
def expected(golden, clips):
    model = load(golden, None)
    return [[continue_alone(model, clip.media, ids, 12) for ids in clip.prompts] for clip in clips]


@pytest.mark.parametrize("away", [*PARTS, "everything"])
def test_what_is_on_the_disk_is_brought_when_it_is_called(golden, clips, expected, away):
    device_map = {part: "disk" if away in (part, "everything") else "cpu" for part in PARTS}
    model = load(golden, device_map)
    if away != "model.language_model.rotary_emb":
        assert any(weight.device.type == "meta" for weight in model.parameters())
    assert model.device == torch.device("cpu")
    assert devices_of(model) == [torch.device("cpu")]
    generator = Generator(model, max_new_tokens=12, kv_budget=10**9)
    assert generator.generate(clips) == expected
    assert continue_alone(model, clips[0].media, clips[0].prompts[0], 12) == expected[0][0]


def test_where_a_module_computes():
    from accelerate.hooks import AlignDevicesHook, SequentialHook

    assert device_of(torch.nn.Linear(2, 2)) == torch.device("cpu")
    for hook, device in (
        (AlignDevicesHook(execution_device="cuda:1"), "cuda:1"),
        (AlignDevicesHook(execution_device="cpu"), "cpu"),
        (SequentialHook(AlignDevicesHook(), AlignDevicesHook(execution_device="cuda:0")), "cuda:0"),
    ):
        away: Any = torch.nn.Linear(2, 2, device="meta")
        away._hf_hook = hook
        assert device_of(away) == torch.device(device)
        assert devices_of(torch.nn.Sequential(away, torch.nn.Linear(2, 2))) == sorted(
            {torch.device(device), torch.device("cpu")}, key=str
        )
