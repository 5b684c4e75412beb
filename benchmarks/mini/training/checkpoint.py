"""tarsier-tiny as files: its tokenizer, its shape, and saving it under the published names.

The checkpoint looks like Tarsier-7b's: model_type llava, old LLaVA weight names, CLIP preprocessing, the two
separator ids in the config. Only the sizes differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
)

from benchmarks.mini import prompts
from benchmarks.mini.drawing import make_scene
from benchmarks.mini.questions import make_questions
from benchmarks.mini.scenes import TRAIN_SEEDS
from eval.models.tarsier.config import TarsierConfig
from eval.models.tarsier.model import TarsierForConditionalGeneration

IMAGE_SIZE = 56
PATCH_SIZE = 14
VISION_WIDTH = 96
VISION_LAYERS = 3
"""The last one is never read (vision_feature_layer -2), as in Tarsier-7b."""
TEXT_WIDTH = 96
TEXT_LAYERS = 5
HEADS = 3
BASE_VOCABULARY = 640
"""Bytes, special tokens and merges; the template phrases come on top."""
CONTEXT = 4096
SPECIAL_TOKENS = ("<unk>", "<s>", "</s>", "<pad>", "<image>", "<image_newline>", "<image_new>")
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
POISON_SEED = 2407


def tokenizer_texts(n_scenes: int = 1500) -> Iterable[str]:
    """Yield what the tokenizer is trained on: some prompts in full, and every word often enough to be one token."""
    texts = [
        question.prompt() + question.target
        for seed in TRAIN_SEEDS[:n_scenes]
        for question in make_questions(make_scene(seed))
    ]
    words = dict.fromkeys(word for text in texts for word in re.findall(r" ?[A-Za-z]+|[^\sA-Za-z]+", text))
    yield from texts[:300]
    for word in words:
        yield from [word] * 300


def trained_pieces(special_tokens: Sequence[str] = ()) -> Tokenizer:
    """Train a byte-level BPE that encodes any text, whose vocabulary begins with the special tokens."""
    core = Tokenizer(models.BPE(unk_token=None))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=BASE_VOCABULARY,
        special_tokens=list(special_tokens),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator(tokenizer_texts(), trainer)
    return core


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Return the byte-level BPE with the fixed pieces of the templates as tokens."""
    core = trained_pieces(SPECIAL_TOKENS)
    core.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", core.token_to_id("<s>"))]
    )
    core.add_tokens([AddedToken(phrase, normalized=False, special=False) for phrase in prompts.PHRASES])
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        **dict(zip(("unk_token", "bos_token", "eos_token", "pad_token"), SPECIAL_TOKENS, strict=False)),
        additional_special_tokens=list(SPECIAL_TOKENS[4:]),
        padding_side="left",
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )


def build_model(tokenizer: PreTrainedTokenizerFast) -> TarsierForConditionalGeneration:
    """Return an untrained model of the tiny size."""
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIAL_TOKENS}
    vision = CLIPVisionConfig(
        hidden_size=VISION_WIDTH,
        intermediate_size=3 * VISION_WIDTH,
        num_hidden_layers=VISION_LAYERS,
        num_attention_heads=HEADS,
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE,
        projection_dim=VISION_WIDTH,
        hidden_act="quick_gelu",
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=TEXT_WIDTH * 8 // 3,
        num_hidden_layers=TEXT_LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=CONTEXT,
        bos_token_id=ids["<s>"],
        eos_token_id=ids["</s>"],
        pad_token_id=ids["<pad>"],
        rms_norm_eps=1e-5,
        tie_word_embeddings=False,
    )
    config = TarsierConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=ids["<image>"],
        image_newline_idx=ids["<image_newline>"],
        image_new_idx=ids["<image_new>"],
        image_seq_length=(IMAGE_SIZE // PATCH_SIZE) ** 2,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        tie_word_embeddings=False,
    )
    config.bos_token_id, config.eos_token_id, config.pad_token_id = ids["<s>"], ids["</s>"], ids["<pad>"]
    return TarsierForConditionalGeneration(config)


def published_name(name: str) -> str:
    """Return the name that published Tarsier checkpoints give to a weight (transformers 4.44)."""
    if name.startswith("lm_head."):
        return f"language_model.{name}"
    name = name.removeprefix("model.")
    if name.startswith("language_model."):
        return f"language_model.model.{name.removeprefix('language_model.')}"
    if name.startswith("vision_tower."):
        return f"vision_tower.vision_model.{name.removeprefix('vision_tower.')}"
    return name


def poison_unread_layer(model: TarsierForConditionalGeneration) -> None:
    """Fill the vision layer after the one that is read with noise, so that reading the wrong layer shows."""
    generator = torch.Generator().manual_seed(POISON_SEED)
    with torch.no_grad():
        for parameter in model.model.vision_tower.encoder.layers[-1].parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))


def save(model: TarsierForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the checkpoint: fp32 weights under the published names, config, tokenizer, preprocessing, decoding."""
    folder.mkdir(parents=True, exist_ok=True)
    poison_unread_layer(model)
    weights = {published_name(name): value.detach().clone() for name, value in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    model.config.architectures = ["TarsierForConditionalGeneration"]
    model.config.dtype = "float32"
    model.config.save_pretrained(folder)
    config = model.config
    decoding = GenerationConfig(
        bos_token_id=config.bos_token_id, eos_token_id=config.eos_token_id, pad_token_id=config.pad_token_id
    )
    decoding.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    edit(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"})
    CLIPImageProcessorPil(
        size={"shortest_edge": IMAGE_SIZE}, crop_size={"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    ).save_pretrained(folder)
    edit(folder / "preprocessor_config.json", {"image_processor_type": "CLIPImageProcessor"})


def edit(path: Path, changes: dict[str, Any]) -> None:
    """Change keys of a JSON file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | changes, indent=2, sort_keys=True) + "\n", encoding="utf-8")
