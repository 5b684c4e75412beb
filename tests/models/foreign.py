"""Tiny random checkpoints of transformers' own architectures, made without a download, in the form of a hub's folders.

Their weights are large enough that outputs vary, and depend on the frames and on positions.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HAS_VIDEO = find_spec("torchvision") is not None
"""Whether transformers can make its video processors here."""

_TEXT = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 4096, "tie_word_embeddings": False, "initializer_range": 0.25,
}  # fmt: skip
_VISION = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 28,
    "patch_size": 14, "initializer_range": 0.25,
}  # fmt: skip
_MEAN = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}"
    "{% elif part['type'] == 'image' %}IMAGE{% else %}VIDEO{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def template(image: str, video: str) -> str:
    """Return a chat template in ChatML with these texts for an image and a video."""
    return CHATML.replace("IMAGE", image).replace("VIDEO", video)


def tokenizer(special: dict[str, str]) -> Any:
    """Return a tokenizer of bytes, with special tokens by the names of their attributes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    found = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|pad|>", padding_side="right",
        extra_special_tokens={"turn_token": "<|im_start|>", **special},
    )  # fmt: skip
    assert len(found) < SIZE
    return found


SIZE = 288
"""Size of the vocabularies: 256 bytes and special tokens."""


def _llava_onevision() -> tuple[Any, Any, str, dict[str, Any]]:
    import transformers as t

    tokens = tokenizer({"image_token": "<image>", "video_token": "<video>"})
    config = t.LlavaOnevisionConfig(
        text_config=t.Qwen2Config(vocab_size=SIZE, **_TEXT), vision_config=t.SiglipVisionConfig(**_VISION),
        image_token_index=tokens.image_token_id, video_token_index=tokens.video_token_id,
        image_grid_pinpoints=[[28, 28], [28, 56], [56, 28], [56, 56]], vision_feature_select_strategy="full",
    )  # fmt: skip
    size = {"height": 28, "width": 28}
    return tokens, config, template("<image>", "<video>"), {
        "preprocessor_config.json": {
            "processor_class": "LlavaOnevisionProcessor", "image_processor_type": "LlavaOnevisionImageProcessor",
            "size": size, "image_grid_pinpoints": config.image_grid_pinpoints, **_MEAN,
        },
        "video_preprocessor_config.json": {
            "processor_class": "LlavaOnevisionProcessor", "video_processor_type": "LlavaOnevisionVideoProcessor",
            "size": size, **_MEAN,
        },
        "processor_config.json": {
            "processor_class": "LlavaOnevisionProcessor", "num_image_tokens": 4, "image_token": "<image>",
            "video_token": "<video>", "vision_feature_select_strategy": "full",
        },
    }  # fmt: skip


def _qwen(version: str) -> tuple[Any, Any, str, dict[str, Any]]:
    import transformers as t

    special = {
        "image_token": "<|image_pad|>", "video_token": "<|video_pad|>", "vision_start_token": "<|vision_start|>",
        "vision_end_token": "<|vision_end|>",
    }  # fmt: skip
    tokens = tokenizer(special)
    ids = {f"{name}_id": tokens.convert_tokens_to_ids(token) for name, token in special.items()}
    common = {"hidden_size": 32, "intermediate_size": 48, "depth": 2, "num_heads": 4, "initializer_range": 0.25}
    text: dict[str, Any] = {**_TEXT, "vocab_size": SIZE}
    if version == "2_5":
        vision = {**common, "out_hidden_size": 32, "window_size": 56, "fullatt_block_indexes": [1], "patch_size": 14}
        text["rope_parameters"] = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]}
        config = t.Qwen2_5_VLConfig(text_config=text, vision_config=vision, **ids)
        name, processor, patch = "Qwen2_5_VL", "Qwen2VLImageProcessor", 14
        video = "Qwen2VLVideoProcessor"
    else:
        vision = {
            **common, "out_hidden_size": 32, "patch_size": 16, "num_position_embeddings": 16,
            "deepstack_visual_indexes": [0, 1],
        }  # fmt: skip
        text |= {"head_dim": 8}
        text["rope_parameters"] = {
            "rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1], "mrope_interleaved": True,
        }  # fmt: skip
        config = t.Qwen3VLConfig(text_config=text, vision_config=vision, **ids)
        name, processor, patch = "Qwen3VL", "Qwen2VLImageProcessorFast", 16
        video = "Qwen3VLVideoProcessor"
    limits = {"patch_size": patch, "temporal_patch_size": 2, "merge_size": 2, **_MEAN}
    size = {"shortest_edge": 56 * 56, "longest_edge": 112 * 112}
    around = "<|vision_start|>{}<|vision_end|>"
    shown = around.format("<|video_pad|>") if version == "2_5" else "<|video_pad|>"
    return tokens, config, template(around.format("<|image_pad|>"), shown), {
        "preprocessor_config.json": {
            "processor_class": f"{name}Processor", "image_processor_type": processor, **limits, "size": size,
        },
        "video_preprocessor_config.json": {
            "processor_class": f"{name}Processor", "video_processor_type": video, **limits,
            "size": {"shortest_edge": 56 * 56, "longest_edge": 16 * 112 * 112},
        },
    }  # fmt: skip


def _idefics3() -> tuple[Any, Any, str, dict[str, Any]]:
    import transformers as t

    tokens = tokenizer({
        "image_token": "<image>", "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>", "end_of_utterance_token": "<end_of_utterance>",
    })  # fmt: skip
    text = t.LlamaConfig(vocab_size=SIZE, pad_token_id=tokens.pad_token_id, **_TEXT)
    config = t.Idefics3Config(
        text_config=text, vision_config=_VISION, image_token_id=tokens.image_token_id, scale_factor=2,
        tie_word_embeddings=False, pad_token_id=tokens.pad_token_id,
    )  # fmt: skip
    return tokens, config, template("<image>", "<image>"), {
        "preprocessor_config.json": {
            "processor_class": "Idefics3Processor", "image_processor_type": "Idefics3ImageProcessor",
            "size": {"longest_edge": 56}, "max_image_size": {"longest_edge": 28}, "do_image_splitting": True, **_MEAN,
        },
        "processor_config.json": {"processor_class": "Idefics3Processor", "image_seq_len": 1},
    }  # fmt: skip


def _internvl() -> tuple[Any, Any, str, dict[str, Any]]:
    import transformers as t

    tokens = tokenizer({
        "start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    })  # fmt: skip
    config = t.InternVLConfig(
        text_config=t.Qwen2Config(vocab_size=SIZE, **_TEXT),
        vision_config={**_VISION, "image_size": [28, 28], "patch_size": [14, 14]},
        image_token_id=tokens.context_image_token_id, image_seq_length=1, tie_word_embeddings=False,
    )  # fmt: skip
    size = {"height": 28, "width": 28}
    return tokens, config, template("<IMG_CONTEXT>\n", "<video>\n"), {
        "preprocessor_config.json": {
            "processor_class": "InternVLProcessor", "image_processor_type": "GotOcr2ImageProcessor", "size": size,
            "crop_to_patches": False, "max_patches": 4, **_MEAN,
        },
        "video_preprocessor_config.json": {
            "processor_class": "InternVLProcessor", "video_processor_type": "InternVLVideoProcessor", "size": size,
            **_MEAN,
        },
        "processor_config.json": {"processor_class": "InternVLProcessor", "image_seq_length": 1},
    }  # fmt: skip


def _gemma3() -> tuple[Any, Any, str, dict[str, Any]]:
    import transformers as t

    tokens = tokenizer({"image_token": "<image>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"})
    text = t.Gemma3TextConfig(
        **{**_TEXT, "num_hidden_layers": 3}, vocab_size=SIZE, head_dim=8, sliding_window=24, query_pre_attn_scalar=8,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"], pad_token_id=tokens.pad_token_id,
    )  # fmt: skip
    config = t.Gemma3Config(
        text_config=text, vision_config=t.SiglipVisionConfig(**_VISION), mm_tokens_per_image=4,
        image_token_index=tokens.image_token_id, boi_token_index=tokens.boi_token_id,
        eoi_token_index=tokens.eoi_token_id, tie_word_embeddings=False,
    )  # fmt: skip
    return tokens, config, template("<start_of_image>", "<start_of_image>"), {
        "preprocessor_config.json": {
            "processor_class": "Gemma3Processor", "image_processor_type": "Gemma3ImageProcessor",
            "size": {"height": 28, "width": 28}, "do_pan_and_scan": False, **_MEAN,
        },
        "processor_config.json": {"processor_class": "Gemma3Processor", "image_seq_length": 4},
    }  # fmt: skip


ARCHITECTURES = {
    "llava_onevision": _llava_onevision,
    "qwen2_5_vl": lambda: _qwen("2_5"),
    "qwen3_vl": lambda: _qwen("3"),
    "idefics3": _idefics3,
    "internvl": _internvl,
    "gemma3": _gemma3,
}
"""The architectures, by model_type."""
VIDEO = ("llava_onevision", "qwen2_5_vl", "qwen3_vl", "internvl")
"""Those with a video processor."""


def checkpoint(kind: str, folder: Path, **generation: Any) -> Path:
    """Make a checkpoint of an architecture in a folder, and return it.

    Args:
        kind: one of `ARCHITECTURES`.
        folder: the folder, which is made.
        generation: further settings of generation_config.json.
    """
    import torch
    from transformers import AutoModelForImageTextToText, GenerationConfig

    tokens, config, chat, files = ARCHITECTURES[kind]()
    torch.manual_seed(11)
    model = AutoModelForImageTextToText.from_config(config)
    for name, weights in model.named_parameters():
        if "norm" not in name and weights.ndim > 1:
            torch.nn.init.normal_(weights, std=0.35)
    model.generation_config = GenerationConfig(eos_token_id=tokens.eos_token_id, pad_token_id=tokens.pad_token_id)
    model.save_pretrained(folder)
    tokens.save_pretrained(folder)
    settings = {"eos_token_id": tokens.eos_token_id, "pad_token_id": tokens.pad_token_id, **generation}
    files["generation_config.json"] = settings
    files["chat_template.json"] = {"chat_template": chat}
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder
