"""Which tokens end an output: those that transformers 4.44 takes, in its order, and never none."""

from __future__ import annotations

import json

import pytest

from eval.errors import ModelError
from eval.models.checkpoints.ending import end_tokens, repetition_penalty
from eval.models.tarsier.config import read_config
from tests.models.small import config_json

ABSENT = "absent"
GENERATION, CONFIG, TEXT = "generation_config.json", "config.json", "text_config of config.json"


def folder_of(tmp_path, generation=ABSENT, top=ABSENT, text=ABSENT, **more):
    config = {**config_json(), **more}
    if top != ABSENT:
        config["eos_token_id"] = top
    if text != ABSENT:
        config["text_config"] = {**config["text_config"], "eos_token_id": text}
    (tmp_path / "config.json").write_text(json.dumps(config))
    if generation != ABSENT:
        (tmp_path / "generation_config.json").write_text(json.dumps(generation))
    return tmp_path


def found(folder, tokenizers=None):
    ends = end_tokens(folder, read_config(folder), tokenizers)
    return list(ends.ids), ends.source


@pytest.mark.parametrize(
    ("generation", "top", "text", "expected"),
    [
        # As transformers 4.44.2 gives them for upstream's own config class. LlamaConfig's default is 2.
        (ABSENT, ABSENT, ABSENT, ([2], TEXT)),
        (ABSENT, None, ABSENT, ([2], TEXT)),
        (ABSENT, ABSENT, 7, ([7], TEXT)),
        (ABSENT, None, [8, 7], ([7, 8], TEXT)),
        (ABSENT, 5, ABSENT, ([5], CONFIG)),
        (ABSENT, 5, None, ([5], CONFIG)),
        (ABSENT, 5, 7, ([5], CONFIG)),
        (ABSENT, [6, 5], [8, 7], ([5, 6], CONFIG)),
        ({"eos_token_id": 3}, ABSENT, ABSENT, ([3], GENERATION)),
        ({"eos_token_id": 3}, 5, 7, ([3], GENERATION)),
        ({"eos_token_id": [4, 3]}, [6, 5], None, ([3, 4], GENERATION)),
        # There it would never stop.
        ({"bos_token_id": 1}, ABSENT, ABSENT, ([2], TEXT)),
        ({"eos_token_id": None}, 5, 7, ([5], CONFIG)),
        ({"eos_token_id": []}, ABSENT, 7, ([7], TEXT)),
    ],
)
def test_the_order_of_places(tmp_path, generation, top, text, expected):
    assert found(folder_of(tmp_path, generation, top, text), tokenizers=9) == expected


def test_the_tokenizers_comes_last(tmp_path):
    folder = folder_of(tmp_path, text=None)
    assert found(folder, tokenizers=9) == ([9], "the tokenizer")
    with pytest.raises(ModelError, match=r"names no end token, so every output would run to model\.max_new_tokens"):
        found(folder)


@pytest.mark.parametrize("wrong", [-1, 93, 2.5, "2", True, [2, 500]])
def test_what_can_never_be_generated_is_refused(tmp_path, wrong):
    folder = folder_of(tmp_path, generation={"eos_token_id": wrong})
    with pytest.raises(ModelError, match=r"of generation_config\.json is not a token id from 0 to 92"):
        found(folder)


@pytest.mark.parametrize(
    ("name", "off", "on"),
    [
        ("num_beams", 1, 4),
        ("no_repeat_ngram_size", 0, 1),
        ("min_new_tokens", 0, 1),
        ("penalty_alpha", 0.0, 0.6),
        ("guidance_scale", 1, 0),
        ("forced_eos_token_id", None, 1),
        ("forced_bos_token_id", None, 0),
        ("suppress_tokens", [], [7]),
        ("stop_strings", None, "."),
    ],
)
def test_other_than_greedy_decoding_is_refused_by_name(tmp_path, name, off, on):
    repetition_penalty(folder_of(tmp_path, generation={name: off}, **{name: on}))  # the first file alone is asked
    with pytest.raises(ModelError, match=rf"generation_config\.json sets {name}=.*, so its outputs would not be"):
        repetition_penalty(folder_of(tmp_path, generation={name: on}))
    (tmp_path / "generation_config.json").unlink()
    with pytest.raises(ModelError, match=rf": config\.json sets {name}="):
        repetition_penalty(folder_of(tmp_path, **{name: on}))
    text = {**config_json()["text_config"], name: on}
    with pytest.raises(ModelError, match=rf": config\.json sets {name}="):
        repetition_penalty(folder_of(tmp_path, text_config=text))


def test_sampling_settings_are_no_matter(tmp_path):
    # Vicuna's own file, whose sampling nobody asks for.
    repetition_penalty(folder_of(tmp_path, generation={"temperature": 0.9, "top_p": 0.6, "do_sample": False}))


@pytest.mark.parametrize(
    ("said", "penalty"), [({}, 1.0), ({"repetition_penalty": None}, 1.0), ({"repetition_penalty": 1.05}, 1.05)]
)
def test_the_repetition_penalty_is_the_checkpoints(tmp_path, said, penalty):
    assert repetition_penalty(folder_of(tmp_path, generation=said)) == penalty


@pytest.mark.parametrize("wrong", [0, -1.5, "1.1", True])
def test_a_repetition_penalty_that_is_none_is_refused(tmp_path, wrong):
    with pytest.raises(ModelError, match=r"repetition_penalty of generation_config.*expected a positive number"):
        repetition_penalty(folder_of(tmp_path, generation={"repetition_penalty": wrong}))
