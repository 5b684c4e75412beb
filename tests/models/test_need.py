"""The memory that a model takes, from the headers of its weights."""

from __future__ import annotations

import subprocess
import sys

import pytest

from eval.config import BUILTIN, load_settings
from eval.models.checkpoints.need import MemoryNeed, memory_need
from tests.cli.runs import needs_world

pytestmark = needs_world


def test_the_weights_and_the_batches():
    pytest.importorskip("safetensors")
    from safetensors import safe_open

    with safe_open(BUILTIN / "tarsier-tiny" / "model.safetensors", framework="numpy") as file:
        parameters = sum(file.get_tensor(name).size for name in file.keys())  # noqa: SIM118
    model = load_settings(["model=tarsier-tiny", "model.device=cpu", "model.kv_budget_gb=2"]).model
    found = memory_need(model)
    assert isinstance(found, MemoryNeed)
    assert found.weights == 4 * parameters
    assert (found.batches, found.dtype, found.place) == (2_000_000_000, "float32", "this machine")
    assert found.fits
    half = memory_need({**model, "dtype": "bfloat16"})
    assert isinstance(half, MemoryNeed)
    assert half.weights == 2 * parameters


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tarsier-7b", "before omni-research/Tarsier-7b is fetched"),
        ("scripted", "takes none"),
        ("served", "not loaded here"),
    ],
)
def test_what_is_not_here_is_not_fetched(name, said):
    assert said in str(memory_need(load_settings([f"model={name}"]).model))


def test_a_checkpoint_in_the_hubs_cache_is_known(tmp_path, monkeypatch):
    commit = "a" * 40
    repo = tmp_path / "models--omni-research--Tarsier-7b"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(commit)
    (repo / "snapshots").mkdir()
    snapshot = repo / "snapshots" / commit
    snapshot.mkdir()
    (snapshot / "config.json").write_bytes((BUILTIN / "tarsier-tiny" / "config.json").read_bytes())
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    model = load_settings(["model=tarsier-7b", "model.revision=main"]).model
    assert "is fetched" in str(memory_need(model))  # only its settings are there
    (snapshot / "model.safetensors").symlink_to(BUILTIN / "tarsier-tiny" / "model.safetensors")
    found = memory_need(model)
    assert isinstance(found, MemoryNeed)
    assert found.weights > 0


def test_prompts_that_cannot_fit_are_told_as_loading_tells_them():
    model = load_settings(["model=tarsier-tiny", "model.device=cpu"]).model
    few, many = memory_need(model), memory_need({**model, "n_frames": 100_000_000})
    assert isinstance(few, MemoryNeed)
    assert isinstance(many, MemoryNeed)
    assert few.problem == ""
    assert "model.n_frames=100000000 makes prompts of 2,100,000,000 positions" in many.problem


def test_a_damaged_checkpoint_is_told(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    assert str(memory_need({"checkpoint": str(tmp_path)})).startswith("not known: ")


@pytest.mark.slow
def test_it_needs_no_torch_where_there_is_no_gpu():
    code = (
        "import sys; from eval.models.checkpoints.need import memory_need, _may_have_gpu;"
        f"memory_need({{'checkpoint': {str(BUILTIN / 'tarsier-tiny')!r}}});"
        "sys.exit('torch' in sys.modules and not _may_have_gpu())"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
