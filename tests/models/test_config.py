"""config.json as others write it: with defaults left out, keys that nobody knows, and names of older versions."""

from __future__ import annotations

import json

import pytest

from eval.errors import ModelError
from eval.models.tarsier.config import TarsierConfig, read_config
from tests.models.published import CONFIG_7B, CONFIG_34B
from tests.models.small import config_json


def written(folder, config):
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_the_published_7b_has_the_sizes_of_llama_config(tmp_path):
    config = read_config(written(tmp_path, CONFIG_7B))
    text = config.text_config
    assert (text.hidden_size, text.intermediate_size, text.num_hidden_layers) == (4096, 11008, 32)
    assert (text.num_attention_heads, text.num_key_value_heads, text.vocab_size) == (32, 32, 32064)
    assert text.rope_parameters["rope_theta"] == 10_000.0
    assert text.rms_norm_eps == 1e-05  # LlamaConfig's own is 1e-06
    assert (text.eos_token_id, text.tie_word_embeddings, text.hidden_act) == (2, False, "silu")
    assert (config.vision_config.hidden_act, config.vision_config.layer_norm_eps) == ("quick_gelu", 1e-05)
    assert (config.image_token_index, config.image_newline_idx, config.image_new_idx) == (32000, 32002, 32003)
    assert config.positions_per_frame() == 24 * 25 + 1
    assert config.max_positions == 4096


def test_the_published_34b_groups_its_heads(tmp_path):
    text = read_config(written(tmp_path, CONFIG_34B)).text_config
    assert (text.hidden_size, text.num_attention_heads, text.num_key_value_heads, text.head_dim) == (7168, 56, 8, 128)
    assert text.rope_parameters["rope_theta"] == 5_000_000.0


@pytest.mark.parametrize("left_out", ["projector_hidden_act", "vision_feature_layer", "vision_feature_select_strategy"])
def test_what_is_left_out_is_the_class_s_default(tmp_path, left_out):
    whole = read_config(written(tmp_path, CONFIG_7B))
    part = read_config(written(tmp_path, {key: value for key, value in CONFIG_7B.items() if key != left_out}))
    assert getattr(part, left_out) == getattr(whole, left_out)


def test_saved_again_by_transformers_5_it_says_the_same(tmp_path):
    published = read_config(written(tmp_path, CONFIG_7B))
    published.save_pretrained(tmp_path)
    assert "rope_parameters" in json.loads((tmp_path / "config.json").read_text())["text_config"]
    assert read_config(tmp_path).to_dict() == published.to_dict()


@pytest.mark.parametrize(
    ("scaling", "kind"),
    [
        (None, "default"),
        ({"type": "linear", "factor": 2.0}, "linear"),
        ({"rope_type": "linear", "factor": 2.0}, "linear"),
    ],
)
def test_rope_scaling_of_older_versions(tmp_path, scaling, kind):
    config = config_json()
    config["text_config"] |= {"rope_scaling": scaling, "rope_theta": 500.0}
    rope = read_config(written(tmp_path, config)).text_config.rope_parameters
    assert (rope["rope_type"], rope["rope_theta"]) == (kind, 500.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "qwen2_vl"}, "not of the Tarsier family .*: model_type is 'qwen2_vl'"),
        ({"model_type": None}, "model_type is 'None'"),
        ({"text_config": {"model_type": "mistral"}}, "text_config is of the type 'mistral', not 'llama'"),
        ({"text_config": [1]}, "text_config is not a JSON object"),
        ({"vision_config": {"model_type": "siglip_vision_model"}}, "vision_config is of the type 'siglip"),
        ({"image_newline_idx": 93}, "image_newline_idx is 93; expected a token id from 0 to 92"),
        ({"image_new_idx": -1}, "image_new_idx is -1"),
        ({"image_new_idx": "a"}, "image_new_idx is 'a'"),
        ({"image_token_index": 93}, "image_token_index is 93"),
        ({"vision_feature_layer": 4}, "vision_feature_layer is 4; expected one of .* 3 layers, 1 to 3, or -3 to -1"),
        ({"vision_feature_layer": 0}, "vision_feature_layer is 0"),
        ({"vision_feature_layer": [-2, -1]}, r"vision_feature_layer is \[-2, -1\]"),
        ({"vision_feature_select_strategy": "full"}, "vision_feature_select_strategy is 'full'"),
        ({"num_labels": 10**8}, "num_labels is 100000000, more than any"),
        ({"image_seq_length": 10**9}, "image_seq_length is 1000000000, more than any"),
        ({"image_seq_length": float("nan")}, "not valid JSON|more than any"),
    ],
)
def test_what_is_refused(tmp_path, change, said):
    with pytest.raises(ModelError, match=said) as caught:
        read_config(written(tmp_path, {**config_json(), **change}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("text_config", {"num_hidden_layers": 10**6}, "num_hidden_layers is 1000000, more than any"),
        ("text_config", {"hidden_size": "64"}, "does not fit transformers' config classes"),
        ("text_config", {"num_attention_heads": 7}, "does not fit transformers' config classes.*multiple"),
        ("text_config", {"vocab_size": 0}, "vocab_size of text_config is 0; expected at least 1"),
        ("text_config", {"vocab_size": 90}, "image_token_index is 90"),
        ("text_config", {"intermediate_size": -1}, "intermediate_size of text_config is -1"),
        ("text_config", {"num_key_value_heads": 0}, "num_key_value_heads of text_config is 0"),
        ("vision_config", {"num_attention_heads": -1}, "num_attention_heads of vision_config is -1"),
        ("text_config", {"rope_scaling": {"type": "dynamic", "factor": 2.0}}, "rope_type is 'dynamic'"),
        ("text_config", {"rope_scaling": {"type": "linear", "rope_type": "default"}}, "read in different ways"),
        ("text_config", {"rope_scaling": {"type": "yarn", "factor": 2.0, "mscale": 1.0}}, "read in different ways"),
        ("text_config", {"rope_scaling": {"type": "linear", "factor": 2.0, "rope_theta": 5.0}}, "in different ways"),
        ("vision_config", {"patch_size": 0}, "image_size 28 and patch_size 0"),
        ("vision_config", {"image_size": 13}, "image_size 13 and patch_size 14"),
    ],
)
def test_parts_that_are_refused(tmp_path, part, change, said):
    config = config_json()
    with pytest.raises(ModelError, match=said) as caught:
        read_config(written(tmp_path, {**config, part: {**config[part], **change}}))
    assert "\n" not in str(caught.value)


def test_a_git_lfs_pointer_is_called_one(tmp_path):
    (tmp_path / "config.json").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1169\n")
    with pytest.raises(ModelError, match=r"is a git-lfs pointer, not the file of 1169 bytes.*; run `git lfs pull`"):
        read_config(tmp_path)


def test_the_class_itself_takes_the_published_file(tmp_path):
    assert TarsierConfig.from_pretrained(written(tmp_path, CONFIG_7B)).text_config.use_cache is False
