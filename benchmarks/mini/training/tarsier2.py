"""tarsier2-tiny as files: its tokenizer, its shape, what it takes over from tarsier-tiny, and saving it.

The checkpoint looks like Tarsier2-7b's: model_type llava with two parts of qwen2_vl, upstream's weight names,
Qwen2-VL's preprocessing, and a chat template. Only the sizes differ, and the template, which is this project's own.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken

from benchmarks.mini import prompts
from benchmarks.mini.training.checkpoint import (
    CLIP_MEAN,
    CLIP_STD,
    CONTEXT,
    HEADS,
    PATCH_SIZE,
    TEXT_LAYERS,
    TEXT_WIDTH,
    VISION_LAYERS,
    VISION_WIDTH,
    trained_pieces,
)
from eval.models.tarsier2.config import read_config
from eval.models.tarsier2.model import Tarsier2ForConditionalGeneration

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MERGE = 2
MIN_PIXELS, MAX_PIXELS = 56 * 56, 112 * 112
"""Limits on a frame; the world's canvases become 56x56, 84x56, 56x84 and 112x56."""
SECTIONS = (6, 5, 5)
"""Rotary frequencies of time, height and width, together half of a head."""
END, PADDING = "<|im_end|>", "<|endoftext|>"
SPECIAL_TOKENS = (
    PADDING, "<|im_start|>", END, "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>",
    "<|video_pad|>",
)  # fmt: skip
PHRASES = {
    "user\n": "USER: ",
    "assistant\n": " ASSISTANT: ",
    "Question:": "\nQuestion:",
    " Answer: (": "\nASSISTANT: Answer: (",
    " Answer: In the video,": "\nASSISTANT:\nAnswer: In the video,",
    "The camera is worn by the person called c.": " The camera is worn by the person called c.",
    "Answer the question in a few words, then describe the video. Question:": (
        " Answer the question in a few words, then describe the video. Question:"
    ),
    "Caption the video in one short sentence.": "\nCaption the video in one short sentence.",
    "Describe the video in detail.": "\nDescribe the video in detail.",
    **{phrase: phrase for phrase in prompts.PHRASES if phrase.startswith(("\nQ", "\nO", "\n(", "\nR"))},
    END: "</s>",
    PADDING: "<pad>",
    "<|image_pad|>": "<image>",
    "<|vision_end|>": "<image_new>",
}
"""Tokens of the prompts' fixed pieces, each with tarsier-tiny's token whose embedding it begins with."""
TEMPLATE = (
    "{%- macro shown(part) -%}"
    "{%- if part.type == 'text' -%}{{ part.text }}"
    "{%- else -%}{{ '<|vision_start|>' ~ '<|image_pad|>' * part.num_vision_tokens ~ '<|vision_end|>' }}{%- endif -%}"
    "{%- endmacro -%}"
    "{%- for message in messages -%}"
    "{{ '<|im_start|>' ~ message.role ~ '\\n' }}"
    "{%- if message.content is string -%}{{ message.content }}"
    "{%- else -%}{%- for part in message.content -%}{{ shown(part) }}{%- endfor -%}{%- endif -%}"
    "{%- if not (loop.last and strip_final_eos and message.role == 'assistant') -%}{{ '<|im_end|>\\n' }}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}"
)


def build_tokenizer() -> PreTrainedTokenizerBase:
    """Return Qwen2's tokenizer with tarsier-tiny's merges, and the fixed pieces of the prompts as tokens."""
    from transformers.models.qwen2.tokenization_qwen2 import Qwen2Tokenizer

    pieces = json.loads(trained_pieces().to_str())["model"]
    merges = [tuple(pair) for pair in pieces["merges"]]
    tokenizer = Qwen2Tokenizer(
        vocab=pieces["vocab"],
        merges=merges,
        unk_token=None,
        eos_token=END,
        pad_token=PADDING,
        additional_special_tokens=list(SPECIAL_TOKENS),
        padding_side="left",
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )
    fixed = [phrase for phrase in PHRASES if phrase not in SPECIAL_TOKENS]
    tokenizer.add_tokens([AddedToken(phrase, normalized=False, special=False) for phrase in fixed])
    return tokenizer


def config_json(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """Return config.json in the published form."""
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS}
    text = {
        "model_type": "qwen2_vl",
        "architectures": ["Qwen2VLForCausalLM"],
        "vocab_size": len(tokenizer),
        "hidden_size": TEXT_WIDTH,
        "intermediate_size": TEXT_WIDTH * 8 // 3,
        "num_hidden_layers": TEXT_LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "hidden_act": "silu",
        "max_position_embeddings": CONTEXT,
        "max_window_layers": TEXT_LAYERS,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "rope_scaling": {"type": "mrope", "mrope_section": list(SECTIONS)},
        "sliding_window": CONTEXT,
        "use_sliding_window": False,
        "tie_word_embeddings": False,
        "bos_token_id": ids[PADDING],
        "eos_token_id": ids[END],
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
        "vision_token_id": ids["<|vision_pad|>"],
    }
    vision = {
        "model_type": "qwen2_vl",
        "depth": VISION_LAYERS,
        "embed_dim": VISION_WIDTH,
        "hidden_size": TEXT_WIDTH,
        "num_heads": HEADS,
        "mlp_ratio": 3,
        "hidden_act": "quick_gelu",
        "in_channels": 3,
        "patch_size": PATCH_SIZE,
        "spatial_merge_size": MERGE,
        "temporal_patch_size": 2,
    }
    return {
        "model_type": "llava",
        "architectures": ["TarsierForConditionalGeneration"],
        "image_token_index": ids["<|image_pad|>"],
        "projection_head": None,
        "text_config": text,
        "vision_config": vision,
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
    }


def build_model(tokenizer: PreTrainedTokenizerBase) -> Tarsier2ForConditionalGeneration:
    """Return an untrained model of the tiny size."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config_json(tokenizer)), encoding="utf-8")
        config = read_config(Path(folder))
    config._attn_implementation = "sdpa"
    return Tarsier2ForConditionalGeneration(config)


def begin_with(model: Tarsier2ForConditionalGeneration, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Take over the language model of tarsier-tiny, whose folder is given: layers, and embeddings token by token."""
    from transformers import AutoTokenizer

    prefix = "language_model."
    found = {name.removeprefix(prefix): value for name, value in load_file(folder / "model.safetensors").items()
             if name.startswith(prefix)}  # fmt: skip
    old = AutoTokenizer.from_pretrained(folder, local_files_only=True).get_vocab()
    embedding, head = found.pop("model.embed_tokens.weight"), found.pop("lm_head.weight")
    with torch.no_grad():
        for token, row in tokenizer.get_vocab().items():
            before = old.get(PHRASES.get(token, token))
            model.get_input_embeddings().weight[row] = embedding.mean(0) if before is None else embedding[before]
            model.lm_head.weight[row] = head.mean(0) if before is None else head[before]
        language = model.model.language_model
        layers = {name.removeprefix("model."): value for name, value in found.items()}
        missing, unexpected = language.load_state_dict(layers, strict=False)
        assert not unexpected
        assert all(name.endswith("_proj.bias") or name == "embed_tokens.weight" for name in missing)
        for name, parameter in language.named_parameters():
            if name.endswith("_proj.bias"):
                parameter.zero_()


def published_name(name: str) -> str:
    """Return the name that published Tarsier2 checkpoints give to a weight."""
    if name.startswith("lm_head."):
        return f"language_model.{name}"
    if name.startswith("model.visual."):
        return f"vision_tower.{name.removeprefix('model.visual.')}"
    return f"language_model.model.{name.removeprefix('model.language_model.')}"


def save(model: Tarsier2ForConditionalGeneration, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write the checkpoint: fp32 weights under the published names, and the files of its processing."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {published_name(name): value.detach().clone() for name, value in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save_pretrained(folder)
    ids = tokenizer.convert_tokens_to_ids
    images = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "TarsierProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "resample": 3,
        "rescale_factor": 1 / 255,
        "image_mean": list(CLIP_MEAN),
        "image_std": list(CLIP_STD),
        "min_pixels": MIN_PIXELS,
        "max_pixels": MAX_PIXELS,
        "size": {"min_pixels": MIN_PIXELS, "max_pixels": MAX_PIXELS},
        "patch_size": PATCH_SIZE,
        "merge_size": MERGE,
        "temporal_patch_size": 2,
    }
    processor = {
        "processor_class": "TarsierProcessor",
        "image_token": "<|image_pad|>",
        "max_seq_len": CONTEXT,
        "patch_size": PATCH_SIZE,
        "merge_size": MERGE,
        "temporal_patch_size": 2,
    }
    ends = [ids(END), ids(PADDING)]
    files = {
        "config.json": config_json(tokenizer),
        "preprocessor_config.json": images,
        "processor_config.json": processor,
        "chat_template.json": {"chat_template": TEMPLATE},
        "generation_config.json": {"bos_token_id": ids(PADDING), "eos_token_id": ends, "pad_token_id": ids(PADDING)},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
