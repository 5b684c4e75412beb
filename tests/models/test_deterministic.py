"""Batches that depend on nothing but the run: not on the device's memory, not on where a run was stopped."""

from __future__ import annotations

import json

import pytest
import torch

from eval.config import BUILTIN
from eval.errors import ModelError, RunError
from eval.models.decoding import generator as generator_module
from eval.models.decoding.generator import Generator
from eval.models.tarsier.runner import TarsierRunner
from tests.cli.runs import evaluate, needs_world, read
from tests.models.small import PROMPTS, asked, model

pytestmark = pytest.mark.slow

TINY = str(BUILTIN / "tarsier-tiny")


@pytest.fixture(scope="module")
def pixels():
    return torch.randn(2, 3, 28, 28, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("deterministic", [False, True])
def test_the_device_s_memory_has_no_say(deterministic, monkeypatch):
    monkeypatch.setattr(generator_module, "room", lambda *_: 123)
    generator = Generator(model(), max_new_tokens=5, kv_budget=10**9, deterministic=deterministic)
    assert generator.room == (10**9 if deterministic else 123)


def full(*_, **__):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")


@pytest.mark.parametrize("prompts", [PROMPTS[:1], PROMPTS[:3]])
@pytest.mark.parametrize("where", ["vision", "encode_prefix", "continue_rows"])
def test_no_batch_is_made_smaller_when_memory_runs_out(where, prompts, pixels, monkeypatch):
    built = model()
    generator = Generator(built, max_new_tokens=5, kv_budget=10**9, deterministic=True)
    if where == "vision":
        monkeypatch.setattr(built.model, "get_image_features", full)
    else:
        monkeypatch.setattr(generator_module, where, full)
    with pytest.raises(RunError, match=r"model\.deterministic=true makes no batch smaller .* smaller model\.kv_budget"):
        generator.generate([asked(pixels, prompts)])
    assert generator.batching()["halvings"] == 0


@needs_world
def test_a_run_stops_when_memory_runs_out(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(generator_module, "encode_prefix", full)
    settings = ["--limit", "3", "model.deterministic=true", "video.workers=1"]
    assert evaluate(tmp_path / "run", *settings, bench="msvd-qa", model="tarsier-tiny") == 2
    assert "Memory ran out, and model.deterministic=true" in capsys.readouterr().err
    assert not (tmp_path / "run" / "result.json").exists()


@needs_world
def test_batches_do_not_depend_on_the_other_benchmarks_of_a_run(tmp_path, monkeypatch):
    batches: list[tuple[str, ...]] = []
    generate = TarsierRunner.generate

    def counting(self, asked, clock=None):
        batches.extend(tuple(clip.prompts) for clip in asked)
        return generate(self, asked, clock)

    monkeypatch.setattr(TarsierRunner, "generate", counting)
    settings = ["model.deterministic=true", "video.workers=1"]
    found = {}
    for names in ("msvd-qa", "msvd-caption", "msvd-qa,msvd-caption"):
        batches.clear()
        assert evaluate(tmp_path / names, *settings, bench=names, model="tarsier-tiny") == 0
        found[names] = sorted(batches)
    assert found["msvd-qa,msvd-caption"] == sorted([*found["msvd-qa"], *found["msvd-caption"]])


def test_what_a_run_is_told_by():
    plain = TarsierRunner(name="x", checkpoint=TINY, device="cpu").describe()
    half = TarsierRunner(name="x", checkpoint=TINY, device="cpu", dtype="bfloat16", kv_budget_gb=2).describe()
    fixed = TarsierRunner(name="x", checkpoint=TINY, device="cpu", dtype="bfloat16", deterministic=True)
    # In fp32 outputs do not depend on batches, so that a run may go on where there is more memory.
    assert (plain["deterministic"], plain["batch_memory"]) == (False, None)
    assert (half["deterministic"], half["batch_memory"]) == (False, 2 * 10**9)
    assert (fixed.describe()["deterministic"], fixed.describe()["batch_memory"]) == (True, 4 * 10**9)
    assert fixed.clips_at_once(1) == 1
    assert fixed.whole_clips
    with pytest.raises(ModelError, match=r"one clip at a time; leave out model\.clips_at_once=4"):
        TarsierRunner(name="x", checkpoint=TINY, device="cpu", deterministic=True, clips_at_once=4)


@needs_world
def test_a_run_that_was_stopped_within_a_clip_asks_all_of_it_again(tmp_path, monkeypatch):
    batches: list[tuple[str, ...]] = []
    generate = TarsierRunner.generate

    def counting(self, asked, clock=None):
        batches.extend(tuple(clip.prompts) for clip in asked)
        return generate(self, asked, clock)

    monkeypatch.setattr(TarsierRunner, "generate", counting)
    settings = ["--limit", "24", "model.deterministic=true", "model.dtype=bfloat16", "video.workers=1"]
    out = tmp_path / "run"
    assert evaluate(out, *settings, bench="msvd-qa", model="tarsier-tiny") == 0
    whole, expected = list(batches), (out / "predictions.jsonl").read_bytes()
    rows = read(out / "predictions.jsonl")
    clips = [row["media"] for row in rows]
    shared = next(i for i in range(1, len(clips)) if clips[i] == clips[i - 1] and clips.count(clips[i]) > 2)
    # What a kill leaves: some of a clip's lines.
    (out / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:shared]))
    (out / "result.json").unlink()
    batches.clear()
    assert evaluate(out, *settings, bench="msvd-qa", model="tarsier-tiny") == 0
    assert batches
    assert set(batches) <= set(whole)  # no part of a clip's prompts
    assert (out / "predictions.jsonl").read_bytes() == expected
