"""What is refused as a checkpoint, and what the user is told."""

from __future__ import annotations

import json
import shutil

import pytest

from eval.errors import ModelError
from eval.models.tarsier.checkpoint import choose_device, choose_dtype, find_checkpoint, load_model
from eval.models.tarsier.runner import TarsierRunner


@pytest.fixture
def checkpoint(golden, tmp_path):
    folder = tmp_path / "checkpoint"
    shutil.copytree(golden / "tarsier-random", folder)
    return folder


def edit(path, **changes):
    content = json.loads(path.read_text())
    content.update(changes)
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def test_a_missing_folder_is_named():
    with pytest.raises(ModelError, match=r"No checkpoint folder at '\./nowhere'"):
        find_checkpoint("./nowhere")


def test_a_hub_id_needs_a_revision():
    with pytest.raises(ModelError, match=r"Pin it with model\.revision="):
        find_checkpoint("omni-research/Tarsier-7b")


def test_an_unreachable_hub_gives_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="Cannot fetch checkpoint") as caught:
        find_checkpoint("owner/name", "main")
    assert "\n" not in str(caught.value)


def test_pickled_weights_are_never_loaded(checkpoint):
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"no \*\.safetensors weights \(only pytorch_model\.bin"):
        find_checkpoint(str(checkpoint))


def test_another_family_is_refused_before_loading(checkpoint):
    edit(checkpoint / "config.json", model_type="qwen2_vl")
    with pytest.raises(ModelError, match=r"not of the Tarsier family.*'qwen2_vl'"):
        find_checkpoint(str(checkpoint))


def test_a_plain_llava_is_refused(checkpoint):
    edit(checkpoint / "config.json", image_newline_idx=None)
    with pytest.raises(ModelError, match="lacks image_newline_idx"):
        find_checkpoint(str(checkpoint))


def test_a_folder_without_a_tokenizer_is_refused(checkpoint):
    (checkpoint / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"has no tokenizer\.json"):
        find_checkpoint(str(checkpoint))


def load(folder):
    return load_model(
        find_checkpoint(str(folder)), device="cpu", dtype=choose_dtype("auto", "cpu"), attention="sdpa", device_map=None
    )


def test_missing_and_left_over_weights_are_errors(checkpoint):
    from safetensors.torch import load_file, save_file

    weights = load_file(checkpoint / "model.safetensors")
    weights["language_model.model.norm2.weight"] = weights.pop("language_model.model.norm.weight")
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"1 missing \(such as .*norm.*1 unexpected"):
        load(checkpoint)


def test_weights_of_another_shape_are_an_error(checkpoint):
    content = json.loads((checkpoint / "config.json").read_text())
    content["text_config"]["intermediate_size"] = 96
    (checkpoint / "config.json").write_text(json.dumps(content))
    with pytest.raises(ModelError):
        load(checkpoint)


def test_truncated_weights_are_an_error(checkpoint):
    path = checkpoint / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ModelError, match="Cannot load checkpoint"):
        load(checkpoint)


def test_device_and_dtype(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto") == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == "cpu"
    with pytest.raises(ModelError, match="this machine has cpu"):
        choose_device("cuda")
    assert choose_dtype("auto", "cpu") == torch.float32
    assert choose_dtype("auto", "cuda") == torch.float16
    assert choose_dtype("bfloat16", "cuda") == torch.bfloat16


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text_config": None}, "text_config lacks hidden_size and vocab_size"),
        ({"vision_config": {}}, "vision_config lacks image_size"),
        ({"image_newline_idx": 999999}, "image_newline_idx is 999999; expected a token id from 0 to 357"),
        ({"image_new_idx": "a"}, "image_new_idx is 'a'"),
    ],
)
def test_a_config_that_would_be_filled_in_is_refused(checkpoint, change, said):
    edit(checkpoint / "config.json", **change)
    with pytest.raises(ModelError, match=said):
        find_checkpoint(str(checkpoint))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("tokenizer.json", "{", "Cannot load the tokenizer or image processor"),
        ("tokenizer_config.json", "[]", "Cannot load the tokenizer or image processor"),
        ("preprocessor_config.json", "{", "Cannot load the tokenizer or image processor"),
        ("preprocessor_config.json", "{}", "crops to"),
    ],
)
def test_a_damaged_tokenizer_or_processor_is_one_error(checkpoint, name, content, said):
    (checkpoint / name).write_text(content)
    with pytest.raises(ModelError, match=said):
        TarsierRunner(name="x", checkpoint=str(checkpoint), device="cpu")
