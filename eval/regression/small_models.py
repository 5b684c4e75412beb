"""Small checkpoints with random weights, in the forms in which published ones come and the built-in one does not.

Weights are drawn by numpy from a fixed seed, by the names of transformers 4.37, so that the same files arise on each
machine. Sizes are the smallest with several heads, layers and rows of patches.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

NAMES = ("<unk>", "<s>", "</s>")
"""The first pieces of each vocabulary."""
WORDS = (
    "th", "in", "er", "an", "the", "ing", "▁t", "▁a", "▁the", "▁s", "re", "ar", "are", "qu", "square", "▁square",
    "▁red",
    "US", "ER", "USER", "▁USER", "AS", "SI", "ST", "ANT", "ASSI", "ASSIST", "ASSISTANT", "▁ASSISTANT", "▁▁", "▁▁▁▁",
    "ab", "bc", "abc", "aa", "aaa", "aaaa", "qs", "▁m", "▁mo", "ves", "▁moves", "wh", "▁wh", "at", "what", "▁what",
)  # fmt: skip
"""Pieces of several characters, the likeliest first; some can be made in two ways."""
PIECES = (
    *NAMES, *(f"<0x{byte:02X}>" for byte in range(256)), *WORDS, "▁", *map(chr, range(33, 127)), "é",
)  # fmt: skip
"""Each vocabulary's pieces, by id."""
_BYTES = len(NAMES) + 256
"""Id of the first piece that is neither special nor a byte."""
IMAGE, NEWLINE, FRAME_END = len(PIECES), len(PIECES) + 2, len(PIECES) + 3
VOCABULARY = len(PIECES) + 8
"""Rows of the embedding: more than there are tokens, as in Tarsier-7b."""

_TEXT: Mapping[str, Any] = {
    "model_type": "llama", "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "pad_token_id": 0,
    "max_position_embeddings": 2048,
}  # fmt: skip
_VISION: Mapping[str, Any] = {
    "model_type": "clip_vision_model", "hidden_size": 24, "image_size": 28, "intermediate_size": 32,
    "num_attention_heads": 2, "num_hidden_layers": 3, "patch_size": 14, "projection_dim": 16,
}  # fmt: skip
IMAGES: Mapping[str, Any] = {
    "crop_size": {"height": 28, "width": 28}, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True,
    "do_rescale": True, "do_resize": True, "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_processor_type": "CLIPImageProcessor", "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3,
    "rescale_factor": 1 / 255, "size": {"shortest_edge": 28},
}  # fmt: skip


def checkpoint(
    folder: Path,
    tokenizer: Mapping[str, Any],
    *,
    text: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    ends: Sequence[int] | None = None,
    images: Mapping[str, Any] | None = None,
    shards: int = 1,
    seed: int = 11,
    head: bool = False,
) -> Path:
    """Write a checkpoint, and return its folder.

    Args:
        folder: where to.
        tokenizer: the tokenizer's files by name, as `tokenizer_files` takes them.
        text: settings of the language model that differ.
        config: settings of config.json that differ.
        ends: ids for generation_config.json; None writes no such file.
        images: settings of the image processor that differ.
        shards: files of weights; several have an index.
        seed: of the weights.
        head: whether tied embeddings have a head beside them, which counts for nothing.
    """
    settings = {
        "model_type": "llava", "image_token_index": IMAGE, "image_newline_idx": NEWLINE, "image_new_idx": FRAME_END,
        "projector_hidden_act": "gelu", "vision_feature_layer": -2, "vision_feature_select_strategy": "default",
        "vocab_size": VOCABULARY, "text_config": {**_TEXT, **(text or {})}, "vision_config": dict(_VISION),
        **(config or {}),
    }  # fmt: skip
    tokenizer_files(folder, tokenizer)
    _write(folder / "config.json", settings)
    _write(folder / "preprocessor_config.json", {**IMAGES, **(images or {})})
    if ends is not None:
        _write(folder / "generation_config.json", {"eos_token_id": list(ends), "pad_token_id": 0})
    _weights(folder, dict(_drawn(settings, seed, head=head)), shards)
    return folder


def tokenizer_files(folder: Path, files: Mapping[str, Any]) -> Path:
    """Write a tokenizer's files, bytes as they are and anything else as JSON, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            _write(folder / name, content)
    return folder


def piece_model(*, unigram: bool = False, whole: Sequence[str] = (), control: str = "") -> bytes:
    """Return a tokenizer.model; the pieces in `whole` are the user's, which are never split, and one is of control."""
    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto()
    for i, text in enumerate(PIECES):
        # unknown, control, byte, the user's own, normal
        kind = (
            2 if i == 0 else 3 if i < len(NAMES) or text == control else 6 if i < _BYTES else 4 if text in whole else 1
        )
        model.pieces.add(piece=text, score=0.0 if kind in (2, 3, 6) else float(_BYTES - i) / 8, type=kind)
    model.trainer_spec.model_type = 1 if unigram else 2
    model.trainer_spec.byte_fallback = True
    model.trainer_spec.unk_piece = NAMES[0]
    return bytes(model.SerializeToString())


def piece_json(*, added: Sequence[Mapping[str, Any]], bos: bool = True) -> dict[str, Any]:
    """Return a tokenizer.json with merges in order of the pieces, which are not those of `piece_model`."""
    known = set(PIECES)
    merges = [
        f"{piece[:cut]} {piece[cut:]}"
        for piece in WORDS
        for cut in range(1, len(piece))
        if piece[:cut] in known and piece[cut:] in known
    ]
    first: list[dict[str, Any]] = [{"SpecialToken": {"id": "<s>", "type_id": 0}}] if bos else []
    named = {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}} if bos else {}
    only: list[dict[str, Any]] = [{"Sequence": {"id": "A", "type_id": 0}}]
    return {
        "version": "1.0", "truncation": {"max_length": 8, "stride": 0, "strategy": "LongestFirst",
        "direction": "Right"},
        "padding": None, "added_tokens": [dict(one) for one in added], "pre_tokenizer": None,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "post_processor": {"type": "TemplateProcessing", "single": [*first, *only],
                           "pair": [*first, *only, {"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": named},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                  "vocab": {piece: i for i, piece in enumerate(PIECES)}, "merges": merges},
    }  # fmt: skip


def token(text: str, **matching: Any) -> dict[str, Any]:
    """Return an added token of tokenizer.json or tokenizer_config.json, special and plainly matched by default."""
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"content": text, **plain, **matching}


def _drawn(settings: Mapping[str, Any], seed: int, *, head: bool) -> Iterator[tuple[str, Any]]:
    """Yield the weights by name, as wide as trained ones, so that the likeliest token has no near rival."""
    random = np.random.default_rng(seed)
    for name, shape in _shapes(settings, head=head):
        if name.endswith(("norm.weight", "norm1.weight", "norm2.weight", "pre_layrnorm.weight", "layernorm.weight")):
            values = 1 + 0.3 * random.standard_normal(shape)
        elif len(shape) == 1:
            values = 0.2 * random.standard_normal(shape)
        else:
            values = random.standard_normal(shape) * (1.0 if "embed" in name else 1.6 / np.sqrt(np.prod(shape[1:])))
        if name.endswith("lm_head.weight"):
            values[len(NAMES) : _BYTES] = 0  # single bytes make no text, in which nothing could be told apart
        yield name, values.astype(np.float32)


def _shapes(settings: Mapping[str, Any], *, head: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    text, vision = settings["text_config"], settings["vision_config"]
    wide, width = text["hidden_size"], vision["hidden_size"]
    yield from _tower_shapes(vision)
    for number, before in ((1, width), (2, wide)):
        yield f"multi_modal_projector.linear_{number}.weight", (wide, before)
        yield f"multi_modal_projector.linear_{number}.bias", (wide,)
    inner, keys = text["intermediate_size"], wide // text["num_attention_heads"] * text["num_key_value_heads"]
    model = "language_model.model"
    yield f"{model}.embed_tokens.weight", (text["vocab_size"], wide)
    for layer in range(text["num_hidden_layers"]):
        of_layer = {
            "self_attn.q_proj": (wide, wide), "self_attn.k_proj": (keys, wide), "self_attn.v_proj": (keys, wide),
            "self_attn.o_proj": (wide, wide), "mlp.gate_proj": (inner, wide), "mlp.up_proj": (inner, wide),
            "mlp.down_proj": (wide, inner), "input_layernorm": (wide,), "post_attention_layernorm": (wide,),
        }  # fmt: skip
        for name, shape in of_layer.items():
            yield f"{model}.layers.{layer}.{name}.weight", shape
    yield f"{model}.norm.weight", (wide,)
    if head or not settings.get("tie_word_embeddings"):
        yield "language_model.lm_head.weight", (text["vocab_size"], wide)


def _tower_shapes(vision: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, patch, hidden = vision["hidden_size"], vision["patch_size"], vision["intermediate_size"]
    tower = "vision_tower.vision_model"
    yield f"{tower}.embeddings.class_embedding", (width,)
    yield f"{tower}.embeddings.patch_embedding.weight", (width, 3, patch, patch)
    yield f"{tower}.embeddings.position_embedding.weight", ((vision["image_size"] // patch) ** 2 + 1, width)
    linear = {f"self_attn.{name}_proj": (width, width) for name in ("k", "v", "q", "out")}
    linear |= {"mlp.fc1": (hidden, width), "mlp.fc2": (width, hidden)}
    for layer in range(vision["num_hidden_layers"]):
        for name, shape in linear.items():
            yield f"{tower}.encoder.layers.{layer}.{name}.weight", shape
            yield f"{tower}.encoder.layers.{layer}.{name}.bias", shape[:1]
        for name in ("layer_norm1", "layer_norm2"):
            for kind in ("weight", "bias"):
                yield f"{tower}.encoder.layers.{layer}.{name}.{kind}", (width,)
    for norm in ("pre_layrnorm", "post_layernorm"):
        for kind in ("weight", "bias"):
            yield f"{tower}.{norm}.{kind}", (width,)


def _weights(folder: Path, weights: Mapping[str, Any], shards: int) -> None:
    from safetensors.numpy import save_file

    if shards == 1:
        save_file(dict(weights), folder / "model.safetensors", metadata={"format": "pt"})
        return
    files = [f"model-{i:05d}-of-{shards:05d}.safetensors" for i in range(1, shards + 1)]
    held = {name: files[i * shards // len(weights)] for i, name in enumerate(weights)}
    for file in files:
        of_file = {name: values for name, values in weights.items() if held[name] == file}
        save_file(of_file, folder / file, metadata={"format": "pt"})
    _write(folder / "model.safetensors.index.json", {"metadata": {"total_size": 0}, "weight_map": held})


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
