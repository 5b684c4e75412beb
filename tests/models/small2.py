"""A small random Tarsier2 checkpoint in the published form, written where no reference files are needed."""

from __future__ import annotations

import json
from pathlib import Path

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{% for part in message.content %}"
    "{% if part.type == 'text' %}{{ part.text }}{% else %}<|vision_start|>"
    "{% for _ in range(part.num_vision_tokens) %}<|image_pad|>{% endfor %}<|vision_end|>{% endif %}{% endfor %}"
    "{% if not (loop.last and strip_final_eos) %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ("<|im_end|>", "<|endoftext|>", "<|im_start|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
MERGES = ("t h", "th e", "Ġ the", "r e", "re d", "Ġ red")
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
IMAGES = {
    "image_processor_type": "Qwen2VLImageProcessor", "do_resize": True, "do_rescale": True, "do_normalize": True,
    "resample": 3, "rescale_factor": 1 / 255, "image_mean": MEAN, "image_std": STD, "min_pixels": 784,
    "max_pixels": 12544, "patch_size": 14, "merge_size": 2, "temporal_patch_size": 2,
}  # fmt: skip


def vocabulary():
    from tokenizers.pre_tokenizers import ByteLevel

    pieces = [*sorted(ByteLevel.alphabet()), *(merge.replace(" ", "") for merge in MERGES)]
    return {piece: number for number, piece in enumerate(pieces)}


def special_ids():
    first = len(vocabulary())
    return {token: first + place for place, token in enumerate(SPECIAL)}


def config_json():
    ids = special_ids()
    return {
        "model_type": "llava", "architectures": ["TarsierForConditionalGeneration"], "projection_head": None,
        "image_token_index": ids["<|image_pad|>"], "tie_word_embeddings": False,
        "text_config": {
            "model_type": "qwen2_vl", "vocab_size": len(vocabulary()) + len(SPECIAL), "hidden_size": 48,
            "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
            "max_position_embeddings": 2048, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
            "rope_scaling": {"type": "mrope", "mrope_section": [2, 2, 2]}, "use_sliding_window": False,
            "tie_word_embeddings": False, "bos_token_id": None, "eos_token_id": ids["<|im_end|>"],
            "image_token_id": ids["<|image_pad|>"],
            "auto_map": {"AutoConfig": "models--modeling_qwen2_vl_fast.Qwen2VLConfig"},
        },
        "vision_config": {
            "model_type": "qwen2_vl", "depth": 2, "embed_dim": 16, "hidden_size": 48, "num_heads": 2, "mlp_ratio": 2,
            "in_channels": 3, "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2,
        },
    }  # fmt: skip


def write(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")


def edit(path, change):
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    write(path, content)


def write_tokenizer(folder: Path) -> None:
    """Write the tokenizer in both forms: tokenizer.json, and vocab.json with merges.txt."""
    from transformers.models.qwen2.tokenization_qwen2 import Qwen2Tokenizer

    merges = [tuple(merge.split(" ")) for merge in MERGES]
    made = Qwen2Tokenizer(vocab=vocabulary(), merges=merges, unk_token=None, eos_token="<|im_end|>",
                          pad_token="<|endoftext|>", additional_special_tokens=list(SPECIAL))  # fmt: skip
    made._tokenizer.save(str(folder / "tokenizer.json"))
    assert {token: made.convert_tokens_to_ids(token) for token in SPECIAL} == special_ids()
    write(folder / "vocab.json", vocabulary())
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES) + "\n", encoding="utf-8")
    plain = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    settings = {
        "added_tokens_decoder": {str(number): {"content": token, **plain} for token, number in special_ids().items()},
        "additional_special_tokens": list(SPECIAL), "bos_token": None, "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>", "unk_token": None, "tokenizer_class": "Qwen2Tokenizer",
        "clean_up_tokenization_spaces": False, "model_max_length": 2048,
    }  # fmt: skip
    write(folder / "tokenizer_config.json", settings)


def write_weights(folder: Path, seed: int = 5) -> None:
    """Write random weights under the published names, wide enough that the likeliest token has no near rival."""
    import torch
    from safetensors.torch import save_file

    from eval.models.tarsier2.config import read_config
    from eval.models.tarsier2.model import Tarsier2ForConditionalGeneration

    generator = torch.Generator().manual_seed(seed)
    new = {"model.visual.": "vision_tower.", "model.language_model.": "language_model.model.",
           "lm_head.": "language_model.lm_head."}  # fmt: skip
    weights = {}
    for name, value in Tarsier2ForConditionalGeneration(read_config(folder)).state_dict().items():
        drawn = torch.randn(value.shape, generator=generator)
        if value.ndim == 1:
            drawn = drawn * 0.2 + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
        elif "embed_tokens" not in name:
            drawn = drawn * 1.6 / value[0].numel() ** 0.5
        before = next(prefix for prefix in new if name.startswith(prefix))
        weights[new[before] + name.removeprefix(before)] = drawn
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def checkpoint(folder: Path, **generation: object) -> Path:
    """Write a checkpoint, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = special_ids()
    write(folder / "config.json", config_json())
    write_tokenizer(folder)
    write(folder / "preprocessor_config.json", IMAGES)
    write(folder / "processor_config.json", {"temporal_patch_size": 2, "image_token": "<|image_pad|>"})
    write(folder / "chat_template.json", {"chat_template": TEMPLATE})
    ends = {"eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]], "pad_token_id": ids["<|endoftext|>"]}
    write(folder / "generation_config.json", {**ends, **generation})
    write_weights(folder)
    return folder
