"""What cannot fit into memory is refused before anything is loaded, and the message says what can."""

from __future__ import annotations

import json
import re
import shutil
from math import prod

import pytest
import torch
from PIL import Image

from eval.config import BUILTIN
from eval.core import ClipPrompts
from eval.errors import ModelError
from eval.models.checkpoints import capacity
from eval.models.checkpoints.capacity import Memory, memory_of, refuse_what_cannot_fit
from eval.models.checkpoints.fitting import model_shapes
from eval.models.tarsier.config import read_config
from eval.models.tarsier.runner import TarsierRunner
from tests.models.published import CONFIG_7B

PARAMETERS_7B = 7_063_427_072
"""Of the 686 tensors: 14.1 GB in bfloat16, as its pages on the hub say."""


@pytest.fixture
def published(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG_7B))
    return read_config(tmp_path)


def give(monkeypatch, gigabytes):
    monkeypatch.setattr(capacity, "memory_of", lambda *_, **__: Memory(name="a card", size=int(gigabytes * 1e9)))


def check(config, n_frames, device="cuda", dtype=torch.float16, spread=False, attention="sdpa"):
    refuse_what_cannot_fit(config, n_frames, dtype=dtype, device=device, spread=spread, attention=attention)


def test_the_published_weights_are_counted(published):
    assert sum(map(prod, model_shapes(published).values())) == PARAMETERS_7B


def test_the_default_fits_a_card_of_24_gb_and_is_not_refused_for_its_length(published, monkeypatch):
    assert 8 * published.positions_per_frame() > published.max_positions
    give(monkeypatch, 24)
    check(published, 8)


@pytest.mark.parametrize(("gigabytes", "n_frames"), [(24, 9_999), (80, 9_999), (24, 100), (16, 32)])
def test_the_largest_number_of_frames_is_named_and_fits(published, monkeypatch, gigabytes, n_frames):
    give(monkeypatch, gigabytes)
    said = rf"^model\.n_frames={n_frames} makes prompts of {n_frames * 601:,} positions"
    with pytest.raises(ModelError, match=said) as caught:
        check(published, n_frames)
    named = re.search(r"at most model\.n_frames=(\d+) can fit", str(caught.value))
    assert named is not None
    check(published, int(named[1]))
    with pytest.raises(ModelError):
        check(published, int(named[1]) + 1)


def test_keys_and_values_decide_it(published, monkeypatch):
    # 2 x 32 layers x 32 heads x 128 x 2 bytes = 524,288 bytes a position, 315 MB a frame, and something beside them.
    give(monkeypatch, PARAMETERS_7B * 2 / 1e9 + 10)
    with pytest.raises(ModelError) as caught:
        check(published, 100)
    (most,) = re.findall(r"at most model\.n_frames=(\d+)", str(caught.value))
    assert 15 < int(most) < 10e9 / (601 * 524_288)


def test_attention_that_holds_all_scores_takes_more(published, monkeypatch):
    give(monkeypatch, 80)
    check(published, 64)
    # 32 heads x 38,464 positions squared x (scores in fp16, twice, and a softmax in fp32): 379 GB
    with pytest.raises(ModelError, match=r"which take 4\d\d\.\d GB beside the weights"):
        check(published, 64, attention="eager")


def test_only_weights_may_lie_in_the_machine_s_memory(published, monkeypatch):
    spread = Memory(name="the 1 GPU(s) here", size=24 * 10**9, beside=512 * 10**9)
    monkeypatch.setattr(capacity, "memory_of", lambda *_, **__: spread)
    check(published, 50, spread=True)
    said = r"and the 1 GPU\(s\) here has 24\.0 GB left; at most model\.n_frames=\d\d can fit"
    with pytest.raises(ModelError, match=said):
        check(published, 500, spread=True)
    small = Memory(name="the 1 GPU(s) here", size=10**10, beside=10**9)
    monkeypatch.setattr(capacity, "memory_of", lambda *_, **__: small)
    with pytest.raises(ModelError, match=r"weights take up 14\.1 GB as float16, and the 1 GPU\(s\) here has 11\.0 GB"):
        check(published, 8, spread=True)


def test_weights_that_do_not_fit_are_refused_by_their_size(published, monkeypatch):
    give(monkeypatch, 24)
    with pytest.raises(ModelError, match=r"weights take up 28\.3 GB as float32, and a card has 24\.0 GB"):
        check(published, 8, dtype=torch.float32)


def test_more_new_tokens_than_fit(published, monkeypatch):
    give(monkeypatch, 24)
    said = (
        r"model\.max_new_tokens=100000000 takes up to [\d,.]+ GB for one answer about one frame, and a card has 9\.9 GB"
    )
    with pytest.raises(ModelError, match=said):
        refuse_what_cannot_fit(published, 8, new=10**8, dtype=torch.float16, device="cuda", spread=False)


def test_not_one_frame(published, monkeypatch):
    give(monkeypatch, PARAMETERS_7B * 2 / 1e9 + 0.1)
    with pytest.raises(ModelError, match="not even one frame fits"):
        check(published, 8)


def test_on_a_cpu_it_is_time_that_ends_it(tmp_path, monkeypatch):
    small = CONFIG_7B | {"text_config": CONFIG_7B["text_config"] | {"hidden_size": 32, "intermediate_size": 64}}
    (tmp_path / "config.json").write_text(json.dumps(small))
    give(monkeypatch, 500)
    said = r"too long for a CPU, where at most 131,072 are tried; at most model\.n_frames=218 can fit\.$"
    with pytest.raises(ModelError, match=said):
        check(read_config(tmp_path), 219, device="cpu", dtype=torch.float32)
    check(read_config(tmp_path), 218, device="cpu", dtype=torch.float32)
    check(read_config(tmp_path), 219, dtype=torch.float32)


@pytest.fixture
def short(tmp_path):
    """The built-in checkpoint with a config that says its prompts have 100 positions; 8 frames are 168."""
    folder = shutil.copytree(BUILTIN / "tarsier-tiny", tmp_path / "short")
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["max_position_embeddings"] = 100
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


def test_prompts_longer_than_the_config_says_are_answered_and_noted(short, caplog):
    as_it_is = str(BUILTIN / "tarsier-tiny")
    runner, whole = (TarsierRunner(name="x", checkpoint=each, device="cpu") for each in (short, as_it_is))
    asked = [ClipPrompts(frames=[Image.new("RGB", (56, 56))] * 8, prompts=["<video>\nWhat is there?"])]
    assert runner.generate(asked) == whole.generate(asked)
    assert caplog.messages == []
    longest = runner.batching["longest_prompt"]
    assert 168 < longest < 200
    assert runner.batching["max_position_embeddings"] == 100


def test_from_twice_the_published_frames_on_it_warns_once(short, caplog):
    runner = TarsierRunner(name="x", checkpoint=short, device="cpu", n_frames=16)
    runner.generate([ClipPrompts(frames=[Image.new("RGB", (56, 56))] * 16, prompts=["<video>\nWhat is there?"])] * 2)
    (said,) = caplog.messages
    assert said.startswith("16 frames make prompts of 336 positions and more; the default is 8 frames")
    assert "max_position_embeddings 100" in said
    caplog.clear()
    TarsierRunner(name="x", checkpoint=str(BUILTIN / "tarsier-tiny"), device="cpu", n_frames=16)
    assert caplog.messages == []  # 336 positions are what its config allows


def test_too_many_frames_are_refused_before_a_weight_is_read(monkeypatch):
    monkeypatch.setattr("eval.models.checkpoints.runner.load_model", lambda *_, **__: pytest.fail("was loaded"))
    with pytest.raises(ModelError, match=r"209,979 positions.*at most model\.n_frames=6241 can fit"):
        TarsierRunner(name="x", checkpoint=str(BUILTIN / "tarsier-tiny"), device="cpu", n_frames=9_999)


def test_this_machine_has_some_memory(monkeypatch, tmp_path):
    memory = memory_of("cpu", spread=False)
    assert 1e9 < memory.size < 1e14
    (tmp_path / "limit").write_text("2000000000\n")
    monkeypatch.setattr(capacity, "_CGROUP_LIMITS", (str(tmp_path / "limit"), str(tmp_path / "none")))
    assert memory_of("cpu", spread=False).size == 2_000_000_000
    (tmp_path / "limit").write_text("max\n")
    assert memory_of("cpu", spread=False).size == memory.size
