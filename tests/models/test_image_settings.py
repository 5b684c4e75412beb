"""The image processor's settings in every form, against transformers 4.44.2: the bytes of its slow CLIPImageProcessor.

The hashes are of what AutoImageProcessor of 4.44.2 (Pillow 13.0, NumPy 2.2) made of the three images of `drawn`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.mini.world import WORLD
from eval.errors import ModelError
from eval.models.tarsier.processing import TarsierProcessor, missing_files

TINY = WORLD.parent / "tarsier-tiny"
PUBLISHED = "66f1ce2a61cd95d0"
FEATURES = {
    "size": 56, "crop_size": 56, "image_processor_type": None, "feature_extractor_type": "CLIPFeatureExtractor",
    "do_rescale": None, "rescale_factor": None, "do_convert_rgb": None,
}  # fmt: skip
FORMS: dict[str, tuple[dict[str, Any], str]] = {
    "as published": ({}, PUBLISHED),
    "whole numbers": ({"size": 56, "crop_size": 56}, PUBLISHED),
    "a feature extractor": (FEATURES, PUBLISHED),
    "no name": ({"image_processor_type": None}, PUBLISHED),
    "the fast one's name": ({"image_processor_type": "CLIPImageProcessorFast"}, PUBLISHED),
    "nulls": ({"image_mean": "null", "image_std": "null"}, PUBLISHED),
    "square": ({"use_square_size": True}, PUBLISHED),
    "larger, then cut": ({"size": {"shortest_edge": 64}}, "0a54584e397bbd40"),
    "height and width": ({"size": {"height": 60, "width": 70}}, "695eaad136aaa638"),
    "bilinear": ({"resample": 2}, "c92ed8380e01d5e5"),
    "not rescaled": ({"do_rescale": False}, "b194395093961a76"),
    "one mean": ({"image_mean": 0.5, "image_std": 0.5}, "ba12b68c3241e26f"),
    "another factor": ({"rescale_factor": 0.00784313725490196}, "5a06322a3086adb0"),
}


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(TINY, tmp_path / "checkpoint", ignore=shutil.ignore_patterns("*.safetensors"))


def settings(folder, **changes):
    """The settings of a folder with changes: None takes one out, and "null" is null."""
    content = json.loads((folder / "preprocessor_config.json").read_text()) | changes
    return {key: None if value == "null" else value for key, value in content.items() if value is not None}


def load(folder):
    return TarsierProcessor(folder, image_token=4, image_size=56, positions_per_frame=21)


def drawn(side):
    at = np.arange(side * side * 3, dtype=np.int64).reshape(side, side, 3)
    return Image.fromarray(((at * at * 7 + at * 31) % 251).astype(np.uint8))


def made(processor):
    values = processor.pixel_values([drawn(side) for side in (56, 40, 97)]).numpy()
    assert values.dtype == np.float32
    assert values.shape == (3, 3, 56, 56)
    return hashlib.sha256(values.tobytes()).hexdigest()[:16]


@pytest.mark.parametrize("form", FORMS)
def test_pixel_values_are_those_of_4_44(form, folder):
    changes, expected = FORMS[form]
    (folder / "preprocessor_config.json").write_text(json.dumps(settings(folder, **changes)))
    assert made(load(folder)) == expected


def test_settings_that_transformers_5_saved(folder):
    from transformers import CLIPImageProcessorPil, LlavaProcessor, PreTrainedTokenizerFast

    images = CLIPImageProcessorPil.from_dict(settings(folder))
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    (folder / "preprocessor_config.json").unlink()
    LlavaProcessor(images, tokenizer).save_pretrained(folder)
    assert not (folder / "preprocessor_config.json").exists()
    assert missing_files(folder) == []
    assert made(load(folder)) == PUBLISHED
    assert load(folder).tokenizer.token_ids("USER: <image>\n") == load(TINY).tokenizer.token_ids("USER: <image>\n")


def test_the_file_that_4_44_reads_comes_first(folder):
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": {"size": 99}}))
    assert made(load(folder)) == PUBLISHED


def test_what_a_folder_lacks_is_named(folder):
    assert missing_files(folder) == []
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text('{"processor_class": "LlavaProcessor"}')
    (folder / "tokenizer.json").unlink()
    (folder / "config.json").unlink()
    assert missing_files(folder) == [
        "config.json",
        "preprocessor_config.json (nor image_processor in processor_config.json)",
        "tokenizer.json or tokenizer.model (either will do)",
    ]
    with pytest.raises(ModelError, match=r"no preprocessor_config\.json, and no processor_config\.json with a section"):
        load(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"image_processor_type": "SiglipImageProcessor"},
            "is 'SiglipImageProcessor', and models of the family have CLIP",
        ),
        ({"image_processor_type": ["CLIPImageProcessor"]}, "and models of the family have CLIPImageProcessor"),
        ({"size": {"shortest_edge": 10**9}}, "more than 4096 pixels"),
        ({"size": 10**9}, "more than 4096 pixels"),
        ({"size": [56, 10**9]}, "more than 4096 pixels"),
        ({"crop_size": 64}, r"crops to \['64'\]"),
        ({"size": {"shortest_edge": 64}, "do_center_crop": False}, "gives images of 64 x 64"),
        ({"image_mean": [0.5]}, "Cannot make the image processor"),
        ({"image_mean": "grey"}, "Cannot make the image processor"),
        ({"size": "large"}, "Cannot make the image processor"),
        ({"resample": 77}, "Cannot make the image processor"),
    ],
)
def test_settings_that_fit_no_model_are_one_error(changes, said, folder):
    (folder / "preprocessor_config.json").write_text(json.dumps(settings(folder, **changes)))
    with pytest.raises(ModelError, match=said) as caught:
        load(folder)
    assert str(caught.value).isprintable()
    assert "preprocessor_config.json" in str(caught.value)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b'{"size": 1, "size": 2}', b" " * (10 * 2**20 + 1)])
def test_damaged_settings_are_one_error(content, folder):
    (folder / "preprocessor_config.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"preprocessor_config\.json"):
        load(folder)


@pytest.mark.parametrize("lacking", [("size",), ("image_mean", "image_std"), ("crop_size", "size")])
def test_fields_that_are_missing_are_named(lacking, folder):
    (folder / "preprocessor_config.json").write_text(json.dumps(settings(folder, **dict.fromkeys(lacking))))
    named = ", ".join(name for name in ("size", "crop_size", "image_mean", "image_std") if name in lacking)
    with pytest.raises(ModelError, match=rf"preprocessor_config\.json.* lacks {named}[.,]"):
        load(folder)


def test_empty_settings_are_no_defaults(folder):
    (folder / "preprocessor_config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"crops to .* It lacks size, crop_size, image_mean, image_std\.$"):
        load(folder)


def test_a_pipe_is_not_waited_for(folder):
    (folder / "preprocessor_config.json").unlink()
    os.mkfifo(folder / "preprocessor_config.json")
    with pytest.raises(ModelError, match=r"preprocessor_config\.json is not a file"):
        load(folder)
