"""A small random model with many end tokens, and prompts for it."""

from __future__ import annotations

import torch

from eval.models.decoding.questions import Encoded, Medium

IMAGE, NEWLINE, FRAME_END = 90, 91, 92
ENDS = [2, 10, 20, 30, 40, 50]
POSITIONS = 2 * 3 + 1
"""Of a frame of 2 x 2 patches."""


def model(kv_heads=2, attention="sdpa"):
    from transformers import CLIPVisionConfig, LlamaConfig

    from eval.models.tarsier.config import TarsierConfig
    from eval.models.tarsier.model import TarsierForConditionalGeneration

    torch.manual_seed(7)
    config = TarsierConfig(
        text_config=LlamaConfig(
            vocab_size=93, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=8,
            num_key_value_heads=kv_heads, bos_token_id=1, pad_token_id=0, initializer_range=0.3,
        ),
        vision_config=CLIPVisionConfig(
            hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4, image_size=28,
            patch_size=14,
        ),
        image_token_index=IMAGE, image_newline_idx=NEWLINE, image_new_idx=FRAME_END,
        attn_implementation=attention,
    )  # fmt: skip
    built = TarsierForConditionalGeneration(config).eval()
    built.generation_config.eos_token_id = ENDS
    built.generation_config.pad_token_id = 0
    return built


def config_json():
    """Return its config.json, with what is LlamaConfig's and CLIPVisionConfig's default left out."""
    return {
        "model_type": "llava", "image_token_index": IMAGE, "image_newline_idx": NEWLINE, "image_new_idx": FRAME_END,
        "text_config": {
            "model_type": "llama", "vocab_size": 93, "hidden_size": 64, "intermediate_size": 96,
            "num_hidden_layers": 3, "num_attention_heads": 8, "num_key_value_heads": 2,
        },
        "vision_config": {
            "model_type": "clip_vision_model", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
            "num_attention_heads": 4, "image_size": 28, "patch_size": 14,
        },
    }  # fmt: skip


def prompt(seed, n, before=(1, 5)):
    drawn = torch.randint(3, 90, (n,), generator=torch.Generator().manual_seed(seed)).tolist()
    return [*before, *[IMAGE] * (2 * POSITIONS), *drawn]


LENGTHS = (1, 9, 3, 30, 2, 9, 17, 1, 4)
PROMPTS = [prompt(seed, n) for seed, n in enumerate(LENGTHS)]


def asked(pixels, prompts, settled=None):
    shown = Medium(pixels=pixels, positions=POSITIONS, patches=POSITIONS)
    return Encoded(media=[shown], prompts=prompts, settled=[settled] * len(prompts))


def until_settled(ids):
    return next((ids[:n] for n in range(2, len(ids)) if ids[n - 1] % 2 == 0), ids)
