"""The committed checkpoints have the form of published ones."""

import json

import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from benchmarks.mini import prompts
from benchmarks.mini.drawing import make_scene
from benchmarks.mini.questions import make_questions
from benchmarks.mini.world import WORLD

CHECKPOINT = WORLD.with_name("tarsier-tiny")
SECOND = WORLD.with_name("tarsier2-tiny")


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.from_file(str(CHECKPOINT / "tokenizer.json"))


def test_weights_have_their_published_names():
    names = set(load_file(CHECKPOINT / "model.safetensors"))
    assert {name.partition(".")[0] for name in names} == {"language_model", "multi_modal_projector", "vision_tower"}
    assert "language_model.lm_head.weight" in names
    assert "language_model.model.embed_tokens.weight" in names
    assert "vision_tower.vision_model.pre_layrnorm.weight" in names


def test_the_layer_that_must_not_be_read_holds_noise():
    weights = load_file(CHECKPOINT / "model.safetensors")
    prefix = "vision_tower.vision_model.encoder.layers"
    deviations = [weights[f"{prefix}.{layer}.mlp.fc1.weight"].std() for layer in range(3)]
    assert deviations[2] == pytest.approx(1, abs=0.02)
    assert max(deviations[:2]) < 0.5


def test_config_names_the_special_tokens(tokenizer):
    config = json.loads((CHECKPOINT / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["TarsierForConditionalGeneration"]
    assert config["model_type"] == "llava"
    assert config["image_token_index"] == tokenizer.token_to_id("<image>")
    assert config["image_newline_idx"] == tokenizer.token_to_id("<image_newline>")
    assert config["image_new_idx"] == tokenizer.token_to_id("<image_new>")
    assert config["text_config"]["vocab_size"] == tokenizer.get_vocab_size()
    assert config["text_config"]["max_position_embeddings"] >= 4096


def test_any_text_survives_the_tokenizer(tokenizer):
    text = "Ünïcode, 数字 123\tand\n(F) a very odd \U0001f9ff wording"
    encoded = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(encoded.ids) == text


def test_bos_comes_first_and_nothing_is_added(tokenizer):
    assert tokenizer.encode("USER: ").tokens == ["<s>", "USER: "]


@pytest.mark.parametrize("form", prompts.MULTIPLE_CHOICE)
def test_fixed_parts_of_prompts_are_single_tokens(tokenizer, form):
    question = next(each for each in make_questions(make_scene(0)) if each.options)
    tokens = tokenizer.encode(question.prompt(form).replace("<video>", "<image>" * 8)).tokens
    assert tokens[:3] == ["<s>", "USER: ", "<image>"]
    assert tokens[-1] == "\nASSISTANT: Answer: ("
    assert "\n(A)" in tokens


def test_the_second_checkpoint_is_of_tarsier2s_form():
    config = json.loads((SECOND / "config.json").read_text(encoding="utf-8"))
    tokens = Tokenizer.from_file(str(SECOND / "tokenizer.json"))
    assert config["model_type"] == "llava"
    assert config["text_config"]["model_type"] == config["vision_config"]["model_type"] == "qwen2_vl"
    assert config["text_config"]["vocab_size"] == tokens.get_vocab_size()
    assert config["image_token_index"] == tokens.token_to_id("<|image_pad|>")
    assert sum(config["text_config"]["rope_scaling"]["mrope_section"]) == 16
    names = set(load_file(SECOND / "model.safetensors"))
    assert {name.partition(".")[0] for name in names} == {"language_model", "vision_tower"}
    assert {"language_model.lm_head.weight", "vision_tower.patch_embed.proj.weight",
            "language_model.model.layers.0.self_attn.q_proj.bias"} <= names  # fmt: skip
    images = json.loads((SECOND / "preprocessor_config.json").read_text(encoding="utf-8"))
    assert images["size"] == {"min_pixels": images["min_pixels"], "max_pixels": images["max_pixels"]}
    template = json.loads((SECOND / "chat_template.json").read_text(encoding="utf-8"))["chat_template"]
    assert "num_vision_tokens" in template
    assert "strip_final_eos" in template
