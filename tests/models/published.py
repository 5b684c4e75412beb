"""The published checkpoints as sparse files: right names, sizes, headers and configs, and weights that are all zero.

Weights take no more of the disk than their headers. Tarsier-7b is as its pages on the hub say, down to the sizes of its
shards and index. Of Tarsier-34b they tell the commit, the number of shards and the sizes of two files; the rest is
Yi-34B's and LLaVA-1.6-34b's, and the ids of its special tokens are a guess that fits the 77 bytes of its
added_tokens.json. Tokenizers are stand-ins of the right kind and number of tokens, without merges.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

COMMIT_7B, COMMIT_34B = "b672c01e621e30bc43e8e709e3dee44ef50490ea", "a551ac4"

SHARD = 5 * 10**9
"""Most bytes of a shard, as transformers 4.37 saves by default."""

TRAINING = {"use_bpex_rmsnorm": False, "use_bpex_rotary": False, "use_ft_flash_attn": False}
"""Keys of the library that the models were trained with; their values are not known."""

VISION: dict[str, Any] = {
    "hidden_size": 1024, "image_size": 336, "intermediate_size": 4096, "model_type": "clip_vision_model",
    "num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14, "projection_dim": 768, "vocab_size": 32000,
}  # fmt: skip

CONFIG_7B: dict[str, Any] = {
    "add_transformer_projector": False, "architectures": ["TarsierForConditionalGeneration"], "ignore_index": -100,
    "image_new_idx": 32003, "image_newline_idx": 32002, "image_token_index": 32000, "model_type": "llava",
    "projector_hidden_act": "gelu",
    "text_config": {
        "_name_or_path": "lmsys/vicuna-7b-v1.5", "architectures": ["LlamaForCausalLM"],
        "max_position_embeddings": 4096, "model_type": "llama", "pad_token_id": 0, "rms_norm_eps": 1e-05,
        "torch_dtype": "float16", "use_cache": False, "vocab_size": 32064, **TRAINING,
    },
    "torch_dtype": "bfloat16", "transformers_version": "4.37.2", "vision_config": VISION, "vision_feature_layer": -2,
    "vision_feature_select_strategy": "default", "vocab_size": 32064,
}  # fmt: skip
"""Tarsier-7b's config.json: of the language model's sizes it has none, since they are LlamaConfig's own."""

CONFIG_34B: dict[str, Any] = {
    **CONFIG_7B, "image_new_idx": 64003, "image_newline_idx": 64002, "image_token_index": 64000,
    "text_config": {
        "_name_or_path": "NousResearch/Nous-Hermes-2-Yi-34B", "architectures": ["LlamaForCausalLM"],
        "hidden_size": 7168, "intermediate_size": 20480, "max_position_embeddings": 4096, "model_type": "llama",
        "num_attention_heads": 56, "num_hidden_layers": 60, "num_key_value_heads": 8, "pad_token_id": 0,
        "rms_norm_eps": 1e-05, "rope_theta": 5000000.0, "torch_dtype": "bfloat16", "use_cache": False,
        "vocab_size": 64064, **TRAINING,
    },
    "vocab_size": 64064,
}  # fmt: skip

PREPROCESSOR: dict[str, Any] = {
    "crop_size": {"height": 336, "width": 336}, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True,
    "do_rescale": True, "do_resize": True, "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_processor_type": "CLIPImageProcessor", "image_std": [0.26862954, 0.26130258, 0.27577711],
    "processor_class": "LlavaProcessor", "resample": 3, "rescale_factor": 0.00392156862745098,
    "size": {"shortest_edge": 336},
}  # fmt: skip


def tarsier_7b(folder: Path) -> Path:
    """Write Tarsier-7b as published: 686 tensors in three shards, a fast tokenizer, no generation_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "config.json", CONFIG_7B)
    _write(folder / "preprocessor_config.json", PREPROCESSOR)
    weights(folder, CONFIG_7B)
    names = ["<unk>", "<s>", "</s>"]
    tokenizer_files(folder, names, {"<image>": 32000}, bos="<s>", eos="</s>", pad="<unk>")
    tokenizer_json(folder, [*names, *_pieces(32000)], {"<image>": 32000}, bos="<s>")
    tokenizer_model(folder, [*names, *_pieces(32000)])
    return folder


def tarsier_34b(folder: Path) -> Path:
    """Write Tarsier-34b as far as it is known: 938 tensors in 15 shards, tokenizer.model without tokenizer.json."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "config.json", CONFIG_34B)
    _write(folder / "preprocessor_config.json", PREPROCESSOR)
    weights(folder, CONFIG_34B)
    names = ["<unk>", "<|startoftext|>", "<|endoftext|>"]
    added = {"<image>": 64000, "<|startoftext|>": 64001, "<|endoftext|>": 64002}
    tokenizer_files(folder, names, added, bos="<|startoftext|>", eos="<|endoftext|>", pad="<unk>")
    # Yi's own pieces have these names, so that what was added under them a second time changes nothing.
    tokenizer_model(folder, [*names, *_pieces(64000)])
    return folder


def shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return name and shape of each tensor of a checkpoint, in the order and by the names of transformers 4.37."""
    from transformers import LlamaConfig

    vision, text = config["vision_config"], LlamaConfig(**config["text_config"])
    width, wide = vision["hidden_size"], text.hidden_size
    found = dict(_vision_shapes(vision))
    found |= {
        "multi_modal_projector.linear_1.weight": (wide, width),
        "multi_modal_projector.linear_1.bias": (wide,),
        "multi_modal_projector.linear_2.weight": (wide, wide),
        "multi_modal_projector.linear_2.bias": (wide,),
        "language_model.model.embed_tokens.weight": (text.vocab_size, wide),
    }
    keys = wide // text.num_attention_heads * text.num_key_value_heads
    inner = text.intermediate_size
    for layer in range(text.num_hidden_layers):
        of_layer = {
            "self_attn.q_proj": (wide, wide), "self_attn.k_proj": (keys, wide), "self_attn.v_proj": (keys, wide),
            "self_attn.o_proj": (wide, wide), "mlp.gate_proj": (inner, wide), "mlp.up_proj": (inner, wide),
            "mlp.down_proj": (wide, inner), "input_layernorm": (wide,), "post_attention_layernorm": (wide,),
        }  # fmt: skip
        found |= {f"language_model.model.layers.{layer}.{name}.weight": shape for name, shape in of_layer.items()}
    found["language_model.model.norm.weight"] = (wide,)
    found["language_model.lm_head.weight"] = (text.vocab_size, wide)
    return found


def _vision_shapes(vision: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, patch, inner = vision["hidden_size"], vision["patch_size"], vision["intermediate_size"]
    prefix = "vision_tower.vision_model"
    yield f"{prefix}.embeddings.class_embedding", (width,)
    yield f"{prefix}.embeddings.patch_embedding.weight", (width, 3, patch, patch)
    yield f"{prefix}.embeddings.position_embedding.weight", ((vision["image_size"] // patch) ** 2 + 1, width)
    both = {"weight", "bias"}
    for kind in sorted(both):
        yield f"{prefix}.pre_layrnorm.{kind}", (width,)
    linear = {f"self_attn.{name}_proj": (width, width) for name in ("k", "v", "q", "out")}
    linear |= {"mlp.fc1": (inner, width), "mlp.fc2": (width, inner)}
    for layer in range(vision["num_hidden_layers"]):
        for name, shape in linear.items():
            yield f"{prefix}.encoder.layers.{layer}.{name}.weight", shape
            yield f"{prefix}.encoder.layers.{layer}.{name}.bias", shape[:1]
        for name in ("layer_norm1", "layer_norm2"):
            for kind in sorted(both):
                yield f"{prefix}.encoder.layers.{layer}.{name}.{kind}", (width,)
    for kind in sorted(both):
        yield f"{prefix}.post_layernorm.{kind}", (width,)


def weights(folder: Path, config: Mapping[str, Any]) -> None:
    """Write sparse shards in bf16, and their index, split as transformers 4.37 splits."""
    shards: list[dict[str, tuple[int, ...]]] = [{}]
    size = 0
    for name, shape in shapes(config).items():
        n_bytes = 2 * prod(shape)
        if size + n_bytes > SHARD and size > 0:
            shards.append({})
            size = 0
        shards[-1][name] = shape
        size += n_bytes
    names = [f"model-{i:05d}-of-{len(shards):05d}.safetensors" for i in range(1, len(shards) + 1)]
    for name, held in zip(names, shards, strict=True):
        sparse(folder / name, held)
    total = sum(2 * prod(shape) for held in shards for shape in held.values())
    held_by = {tensor: name for name, held in zip(names, shards, strict=True) for tensor in held}
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(held_by.items()))}
    _write(folder / "model.safetensors.index.json", index)


def sparse(path: Path, held: Mapping[str, tuple[int, ...]], dtype: str = "BF16") -> None:
    """Write a safetensors file whose tensors are all zero and take no place on the disk."""
    width = {"BF16": 2, "F16": 2, "F32": 4, "F64": 8}[dtype]
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in sorted(held.items()):  # the order in which the format's own library saves
        first, end = end, end + width * prod(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [first, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)


def _pieces(n_tokens: int) -> list[str]:
    """Return the tokens from 3 on: 256 bytes, then what is printable in ASCII, then stand-ins."""
    pieces = [f"<0x{byte:02X}>" for byte in range(256)]
    pieces += ["\u2581", *map(chr, range(33, 127))]
    return [*pieces, *(f"\u2581t{i}" for i in range(3 + len(pieces), n_tokens))]


def tokenizer_files(folder: Path, names: list[str], added: dict[str, int], *, bos: str, eos: str, pad: str) -> None:
    """Write the settings of a Llama tokenizer as transformers 4.37 saves them."""
    about = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    by_id = {**dict(enumerate(names)), **{i: name for name, i in added.items()}}
    _write(folder / "added_tokens.json", dict(sorted(added.items())))
    special = {"bos_token": bos, "eos_token": eos, "pad_token": pad, "unk_token": "<unk>"}
    _write(folder / "special_tokens_map.json", {key: {"content": name, **about} for key, name in special.items()})
    _write(
        folder / "tokenizer_config.json",
        {
            "add_bos_token": True,
            "add_eos_token": False,
            "added_tokens_decoder": {str(i): {"content": name, **about, "special": True} for i, name in by_id.items()},
            **special,
            "clean_up_tokenization_spaces": False,
            "legacy": False,
            "model_max_length": 4096,
            "padding_side": "left",
            "processor_class": "LlavaProcessor",
            "sp_model_kwargs": {},
            "tokenizer_class": "LlamaTokenizer",
            "use_default_system_prompt": False,
        },
    )


def tokenizer_json(folder: Path, pieces: list[str], added: dict[str, int], *, bos: str) -> None:
    """Write a fast tokenizer with the parts of Llama's and no merges."""
    about = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    special = {name: i for i, name in enumerate(pieces[:3])} | added
    start = [{"SpecialToken": {"id": bos, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    content: dict[str, Any] = {
        "version": "1.0", "truncation": None, "padding": None, "pre_tokenizer": None,
        "added_tokens": [{"id": i, "content": name, **about} for name, i in special.items()],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "\u2581"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
        ]},
        "post_processor": {
            "type": "TemplateProcessing", "single": start,
            "pair": [*start, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {bos: {"id": bos, "ids": [special[bos]], "tokens": [bos]}},
        },
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ]},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
            "vocab": {piece: i for i, piece in enumerate(pieces)}, "merges": [],
        },
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")


def tokenizer_model(folder: Path, pieces: list[str]) -> None:
    """Write a sentencepiece model: a protobuf message of pieces (text, score, kind) and two lists of settings."""
    parts = []
    for i, piece in enumerate(pieces):
        kind = 2 if i == 0 else 3 if i < 3 else 6 if piece.startswith("<0x") else 1  # unknown, control, byte, normal
        score = _float32(float(-i)) if kind == 1 else _float32(0.0)
        parts.append(_field(1, _field(1, piece.encode()) + b"\x15" + score + b"\x18" + bytes([kind])))
    # model_type BPE, byte_fallback true; add_dummy_prefix true, remove_extra_whitespaces false.
    trainer = b"\x18\x02" + _varint(35 << 3) + b"\x01" + _varint(4 << 3) + _varint(len(pieces))
    normalizer = _field(1, b"identity") + b"\x18\x01\x20\x00\x28\x01"
    (folder / "tokenizer.model").write_bytes(b"".join(parts) + _field(2, trainer) + _field(3, normalizer))


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _float32(number: float) -> bytes:
    return struct.pack("<f", number)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
