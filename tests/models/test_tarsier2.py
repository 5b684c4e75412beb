"""Tarsier2 on a small random checkpoint: outputs against transformers' `generate`, forms of its files, refusals."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from eval.core import Area, Clip, ClipPrompts, Turn
from eval.errors import ModelError
from eval.models.checkpoints import capacity
from eval.models.tarsier2.config import BUDGET, Tarsier2Config
from eval.models.tarsier2.positions import prompt_positions
from eval.models.tarsier2.runner import Tarsier2Runner
from eval.video.preparing import area_size, sizes_of
from tests.models import small2
from tests.models.small2 import IMAGES, TEMPLATE, edit, special_ids, write

IMAGE = special_ids()["<|image_pad|>"]
WHAT = "USER: <video>\nQuestion: What is red?\n(A) the\n(B) red\nASSISTANT: Answer: ("
PROMPTS = (WHAT, "<video>\nDescribe it.", "USER: <video> the red one, the other red one ASSISTANT: ")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return small2.checkpoint(tmp_path_factory.mktemp("tarsier2"))


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "copy")


def runner(folder, **settings):
    settings = {"n_frames": 6, "max_new_tokens": 12, "device": "cpu", **settings}
    return Tarsier2Runner(name="small", checkpoint=str(folder), **settings)


def frames(n, width, height, seed=0):
    drawn = np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), dtype=np.uint8)
    return [Image.fromarray(one) for one in drawn]


def clips():
    """Several sizes and numbers of frames, one and several prompts; 6 frames of 28x56 outnumber max(h, w) / 2."""
    return [
        ClipPrompts(frames=frames(3, 56, 56), prompts=list(PROMPTS)),
        ClipPrompts(frames=frames(6, 28, 56, 1), prompts=[WHAT]),
        ClipPrompts(frames=frames(1, 112, 28, 2), prompts=[PROMPTS[1], WHAT, WHAT]),
        ClipPrompts(frames=frames(2, 84, 56, 3), prompts=[PROMPTS[2]]),
    ]


def outputs(made):
    return [(one.output, one.n_tokens) for one in made]


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("penalty", [None, 1.1])
def test_clips_together_equal_each_prompt_by_generate(folder, attention, penalty):
    if penalty:
        edit(folder / "generation_config.json", lambda found: found.update(repetition_penalty=penalty))
    used = runner(folder, attention=attention)
    found = used.generate(clips())
    for clip, of_clip in zip(clips(), found, strict=True):
        assert outputs(of_clip) == outputs(used.alone(one) for one in clip.one_by_one())
    assert used.batching["largest_stack"] > 1
    assert used.describe().get("repetition_penalty") == penalty


@pytest.mark.slow
def test_the_penalty_changes_an_output(folder):
    plain = runner(folder, max_new_tokens=24).generate(clips())
    edit(folder / "generation_config.json", lambda found: found.update(repetition_penalty=1.1))
    assert runner(folder, max_new_tokens=24).generate(clips()) != plain


def test_positions_by_hand():
    ids = [1, 2, *[IMAGE] * 6, 3, 4]
    assert prompt_positions(ids, [(3, 1, 2)], IMAGE).tolist() == [
        [0, 1, 2, 2, 3, 3, 4, 4, 5, 6],
        [0, 1, 2, 2, 2, 2, 2, 2, 5, 6],
        [0, 1, 2, 3, 2, 3, 2, 3, 5, 6],
    ]


def test_generate_goes_on_behind_the_last_frame(folder):
    """transformers 5.23 would go on at 4, behind the largest of height and width."""
    model = runner(folder)._model
    ids = torch.tensor([[1, 2, *[IMAGE] * 6, 3, 4]])
    positions, ahead = model.model.get_rope_index(ids, image_grid_thw=torch.tensor([[3, 2, 4]]))
    assert positions[:, 0, -2:].tolist() == [[5, 6]] * 3
    assert int(ahead) == 7 - ids.shape[1]


def sent(folder, prompt=WHAT, positions=(2,)):
    processor = runner(folder)._processor
    text = processor.text(prompt, (), positions)
    return text, processor.token_ids(text)


RENDERED = (
    "<|im_start|>user\n<|vision_start|><|image_pad|><|image_pad|><|vision_end|>Question: What is red?\n(A) the\n"
    "(B) red<|im_end|>\n<|im_start|>assistant\n Answer: ("
)


@pytest.mark.parametrize("where", ["json", "jinja", "tokenizer", "list", "processor"])
def test_forms_of_the_chat_template(folder, where):
    (folder / "chat_template.json").unlink()
    named = [{"name": "tool_use", "template": "{{ no }}"}, {"name": "default", "template": TEMPLATE}]
    if where == "json":
        write(folder / "chat_template.json", {"chat_template": TEMPLATE})
    elif where == "jinja":
        (folder / "chat_template.jinja").write_text(TEMPLATE)
    else:
        file = "processor_config.json" if where == "processor" else "tokenizer_config.json"
        edit(folder / file, lambda found: found.update(chat_template=named if where == "list" else TEMPLATE))
    assert sent(folder)[0] == RENDERED


def test_an_open_turn_of_the_user_gets_a_generation_prompt(folder):
    processor = runner(folder)._processor
    turns = (Turn(role="user", parts=(("video", ""), ("text", "red"))),)
    text = processor.text("", turns, [1])
    assert text == "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>red<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize("left_out", [("vocab.json", "merges.txt"), ("tokenizer.json",)])
def test_forms_of_the_tokenizer(folder, left_out):
    expected = sent(folder)[1]
    for name in left_out:
        (folder / name).unlink()
    ids = sent(folder)[1]
    assert ids == expected
    vocabulary, special = small2.vocabulary(), special_ids()
    assert ids[:1] == [special["<|im_start|>"]]
    assert ids.count(IMAGE) == 2
    assert vocabulary["Ġred"] in ids
    assert vocabulary["Ġthe"] in ids


def test_a_folder_without_a_tokenizer_is_refused(folder):
    for name in ("vocab.json", "tokenizer.json"):
        (folder / name).unlink()
    with pytest.raises(ModelError, match=r"it has no tokenizer\.json or vocab\.json and merges\.txt\.$"):
        runner(folder)


OLD = {key: value for key, value in IMAGES.items() if key not in ("min_pixels", "max_pixels")}


@pytest.mark.parametrize(
    "images",
    [
        {**OLD, "size": {"min_pixels": 784, "max_pixels": 12544}, "min_pixels": 784, "max_pixels": 12544},
        {**OLD, "size": {"shortest_edge": 784, "longest_edge": 12544}},
        {**OLD, "image_processor_type": "Qwen2VLImageProcessorFast",
         "size": {"shortest_edge": 784, "longest_edge": 12544}},
    ],
    ids=["old keys", "edges", "edges, fast"],
)  # fmt: skip
@pytest.mark.parametrize("is_section", [False, True])
def test_forms_of_the_image_settings(folder, images, is_section):
    if is_section:
        (folder / "preprocessor_config.json").unlink()
        edit(folder / "processor_config.json", lambda found: found.update(image_processor=images))
    else:
        write(folder / "preprocessor_config.json", images)
    size = runner(folder).frames.size
    assert (size.factor, size.factor_min, size.factor_max, size.image_weight) == (28, 784, 12544, 2)


@pytest.mark.parametrize(
    ("images", "lacking"),
    [
        ({}, "image_mean, image_std, min_pixels, max_pixels"),
        (OLD, "min_pixels, max_pixels"),
        ({**OLD, "size": {"shortest_edge": 784}, "max_pixels": 12544}, "min_pixels"),
        ({key: value for key, value in IMAGES.items() if key != "image_std"}, "image_std"),
    ],
)
def test_image_settings_that_are_missing_are_named(folder, images, lacking):
    write(folder / "preprocessor_config.json", images)
    with pytest.raises(ModelError, match=rf"preprocessor_config\.json lacks {lacking}, so pixel values are not known"):
        runner(folder)


def test_pixels_that_make_prompts_too_long_are_named_with_the_frames(folder, monkeypatch):
    write(folder / "preprocessor_config.json", {**IMAGES, "max_pixels": 10**8})
    monkeypatch.setattr(capacity, "_MOST_ON_CPU", 11_500)
    runner(folder, n_frames=16)
    # Upstream's bound for all frames leaves 18,874,368 / 2 / 16 = 589,824 pixels to each, and not 460,800.
    said = r"^model\.n_frames=16 with model\.max_pixels=1000000000 makes prompts of 1\d,\d{3} positions, which are too"
    with pytest.raises(ModelError, match=rf"{said} long for a CPU, .*; model\.max_pixels=460800 can fit\.$"):
        runner(folder, n_frames=16, max_pixels=10**9)
    with pytest.raises(ModelError, match=r"at most model\.n_frames=1\d with model\.max_pixels=460800 can fit\.$"):
        runner(folder, n_frames=20, max_pixels=10**9)


def test_values_of_pixels_are_those_of_the_settings(folder):
    edit(folder / "preprocessor_config.json", lambda found: found.update(image_mean=[0, 0.5, 1], image_std=[1, 0.5, 2]))
    model = runner(folder)._model
    values = model.pixel_values(torch.full((1, 3, 28, 28), 255, dtype=torch.uint8))
    assert values.shape == (4, 3 * 2 * 14 * 14)
    assert values.view(4, 3, -1)[0, :, 0].tolist() == [1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("generation", "text", "ids", "source"),
    [
        ([7, 9], 3, [7, 9], "generation_config.json"),
        (None, 3, [3], "text_config of config.json"),
        (None, None, [special_ids()["<|im_end|>"]], "the tokenizer"),
    ],
)
def test_end_tokens(folder, generation, text, ids, source):
    if generation is None:
        (folder / "generation_config.json").unlink()
    else:
        edit(folder / "generation_config.json", lambda found: found.update(eos_token_id=generation))
    edit(folder / "config.json", lambda found: found["text_config"].update(eos_token_id=text))
    described = runner(folder).describe()
    assert (described["end_tokens"], described["end_tokens_from"]) == (ids, source)


def of_text(**changes):
    return lambda found: found["text_config"].update(changes)


def of_vision(**changes):
    return lambda found: found["vision_config"].update(changes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (of_vision(embed_dim=32), r"do not fit its config: \d+ of another shape"),
        (of_vision(depth=3), r"do not fit its config: \d+ missing"),
        (of_vision(hidden_size=32), "hidden_size is 32 in vision_config and 48 in text_config"),
        (of_vision(temporal_patch_size=1), "shows each frame 2 times"),
        (of_text(rope_scaling={"type": "mrope", "mrope_section": [2, 2, 3]}), "half of a head's width, 6"),
        (of_text(auto_map={"AutoConfig": "mine--code.Config"}), "sets auto_map: the code that it names is never run"),
        (lambda found: found.update(projection_head="MLP"), "projection_head is 'MLP'; Tarsier2 has none"),
    ],
)
def test_configs_that_are_refused(folder, change, said):
    edit(folder / "config.json", change)
    with pytest.raises(ModelError, match=said) as caught:
        runner(folder)
    assert "\n" not in str(caught.value)


def test_weights_of_the_first_family_are_refused(folder):
    weights = load_file(folder / "model.safetensors")
    old = {name.replace("vision_tower.", "vision_tower.vision_model."): value for name, value in weights.items()}
    save_file({name: value for name, value in old.items() if not name.endswith("_proj.bias")},
              folder / "model.safetensors", metadata={"format": "pt"})  # fmt: skip
    with pytest.raises(ModelError, match=r"do not fit its config: \d+ missing .* \d+ unexpected") as caught:
        runner(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_template_is_refused(folder):
    (folder / "chat_template.json").unlink()
    with pytest.raises(ModelError, match="has no chat template"):
        runner(folder)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (WHAT.replace("red?", "<|image_pad|>?"), r"gives \[2, 1\] image tokens .* text contains"),
        ("Question: what?", "has places for 0 media and there are 1"),
    ],
)
def test_prompts_that_are_refused_before_work(folder, prompt, said, monkeypatch):
    used = runner(folder)
    monkeypatch.setattr(used._generator, "generate", None)
    with pytest.raises(ModelError, match=said) as caught:
        used.generate([ClipPrompts(frames=frames(2, 28, 28), prompts=[prompt])])
    assert "\n" not in str(caught.value)


def test_frames_of_another_size_are_refused(folder):
    with pytest.raises(ModelError, match="frames of 30x28 pixels; prepare them"):
        runner(folder).generate([ClipPrompts(frames=frames(1, 30, 28), prompts=[WHAT])])


def test_the_files_are_of_the_published_form(made):
    config = json.loads((made / "config.json").read_text())
    assert {name.partition(".")[0] for name in load_file(made / "model.safetensors")} == {
        "language_model", "vision_tower"}  # fmt: skip
    assert config["text_config"]["model_type"] == config["vision_config"]["model_type"] == "qwen2_vl"


def test_no_video_takes_more_positions_than_planned():
    config = Tarsier2Config()
    size = Area(max_pixels=460_800, budget=BUDGET, factor=28, factor_min=3136, factor_max=1_003_520)
    for n_frames, width, height in ((16, 1359, 422), (16, 4200, 84), (64, 1920, 1080), (500, 640, 640)):
        (limits,) = sizes_of(size, Clip(source=()), [n_frames])
        assert isinstance(limits, Area)
        fitted = area_size(area_size((width, height), 1, 0, limits.max_pixels), 28, 3136, 1_003_520)
        assert n_frames * fitted[0] * fitted[1] // 28**2 <= config.positions(n_frames)
    # 1359x422 has 48.5 by 15.1 squares, and 616 of them are shown.
    assert 16 * 616 == 9856 <= config.positions(16)
    assert config.input_bytes(16) == config.positions(16) * 28**2 * 3 * (1 + 8)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{% if", "the checkpoint's chat template fails: TemplateSyntaxError"),
        ("{{ 1/0 }}", "the checkpoint's chat template fails: ZeroDivisionError"),
        (TEMPLATE.replace("<|image_pad|>", ""), r"gives \[\] image tokens for media of \[1\] positions"),
        ("{{ raise_exception('not this') }}", "chat template fails"),
        ("{% for x in range(3000) %}{% for y in range(3000) %}{% endfor %}{% endfor %}", "has not ended after 0.1 s"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_before_weights_are_read(folder, template, said, monkeypatch):
    monkeypatch.setattr("eval.models.tarsier2.processing.TEMPLATE_S", 0.1 if "range" in template else 10.0)
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": template}), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=said):
        Tarsier2Runner(name="x", checkpoint=str(folder), device="cpu")
