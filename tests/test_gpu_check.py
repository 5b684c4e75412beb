"""scripts/gpu_check.py where there is no GPU: it says so, and rehearses what a CPU can do."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from eval.models.decoding import attention
from scripts import gpu_check, gpu_models, gpu_parts
from scripts.gpu_models import Difference, Machine, Said
from scripts.gpu_parts import Row

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Where the table would be written."""
    path = tmp_path / "gpu.md"
    monkeypatch.setattr(gpu_check, "RESULTS", path)
    return path


def test_without_cuda_nothing_is_checked(results, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu_check.main([]) == 2
    said = (
        f"gpu-check: no CUDA device here (torch {torch.__version__}); nothing was checked.\n"
        "ARGS=--rehearse tries the script itself on the CPU.\n"
    )
    assert capsys.readouterr().out == said
    assert not results.exists()


def test_a_part_that_raises_is_a_row_and_the_others_go_on(results, tmp_path, monkeypatch, capsys):
    def broken(_machine):
        yield Row(check="one", found="a | b")
        raise RuntimeError("no such kernel\nand more")

    def sound(_machine):
        yield Row(check="two", verdict="noted")

    monkeypatch.setattr(gpu_check, "PARTS", {"kernel": (broken, 1.0), "tiny": (sound, 1.0)})
    out = tmp_path / "out" / "rehearsed.md"
    assert gpu_check.main(["--rehearse", "--part", "kernel", "tiny", "--family", "tarsier", "--out", str(out)]) == 1
    assert out.read_text(encoding="utf-8").splitlines()[-3:] == [
        "| kernel | one | a \\| b | ok |",
        "| kernel | the rest of it | RuntimeError: no such kernel | failed |",
        "| tiny | two |  | noted |",
    ]
    assert gpu_check.main(["--rehearse", "--part", "tiny"]) == 0
    assert not results.exists()
    assert "Traceback" in capsys.readouterr().err


def test_each_part_has_its_share_of_the_time_that_is_left(monkeypatch):
    shares = []

    def part(machine):
        shares.append(machine.deadline - time.monotonic())
        yield Row(check="done")

    monkeypatch.setattr(gpu_check, "PARTS", {"kernel": (part, 1.0), "tiny": (part, 2.0), "large": (part, 1.0)})
    cpu = torch.device("cpu")
    rows = list(gpu_check.run(cpu, ["kernel", "tiny", "large"], ["tarsier"], 12.0))
    # 1 of 4, then 2 of 3, then all: what a part leaves goes to those after it.
    assert shares == pytest.approx([3.0, 8.0, 12.0], abs=0.5)
    assert [row.verdict for _, row in rows] == ["ok", "ok", "ok"]
    late = gpu_check.run(cpu, ["kernel", "tiny"], ["tarsier", "tarsier2"], 0.0)
    assert [row.verdict for _, row in late] == ["cut short"] * 3  # kernels belong to no family


def test_what_differs_is_measured_up_to_where_outputs_part():
    reference = Said(ids=[5, 1, 2], steps=[torch.tensor([-1.0, -2.0, -3.0])] * 3)
    found = Difference()
    found.add(Said(ids=[5, 2, 0], steps=[torch.tensor([-1.5, -2.0, -3.0])] * 2 + [torch.zeros(3)]), reference)
    assert (found.rows, found.flips, found.unseen, found.steps) == (1, 1, 0, 2)
    assert found.gap == 1.0  # of token 1, which the reference took, and token 2
    assert found.largest == 0.5  # the third step continues other tokens
    assert found.deviation == pytest.approx((0.25 / 3) ** 0.5)
    found.add(reference, reference)
    assert (found.rows, found.flips) == (2, 1)
    found.add(Said(ids=[5, 1, 2], steps=[]), reference)
    assert found.unseen == 1


@pytest.mark.slow
def test_a_rehearsal_runs_all_parts(tmp_path):
    kept = ROOT / "results" / "bench" / "gpu.md"
    before = kept.stat().st_mtime_ns if kept.exists() else None
    out = tmp_path / "gpu.md"
    command = [sys.executable, str(ROOT / "scripts" / "gpu_check.py"), "--rehearse", "--out", str(out)]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}  # other tests have the other cores
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=alone)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing about a GPU was checked" in done.stdout
    rows = [line.strip("| ").split(" | ") for line in out.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    assert {row[0] for row in rows[1:]} == set(gpu_parts.PARTS)
    verdicts = {row[-1] for row in rows[1:]}
    assert verdicts == {"ok", "noted", "needs CUDA"}
    assert (kept.stat().st_mtime_ns if kept.exists() else None) == before


@pytest.mark.slow
@pytest.mark.parametrize("family", ["tarsier", "tarsier2"])
def test_a_wrong_merge_is_found(family, monkeypatch):
    attend = attention.attend_prefixes

    def shifted(*given, **settings):
        output, lse = attend(*given, **settings)
        return output, lse + 0.05

    machine = Machine(torch.device("cpu"), family=family)
    model = machine.model(torch.float32)
    clips = gpu_models.clips_of(model, machine.shape, (2, 1))
    assert gpu_parts._compared(machine, model, clips, 4, "as it is").verdict == "ok"
    monkeypatch.setattr(attention, "attend_prefixes", shifted)
    assert gpu_parts._compared(machine, model, clips, 4, "shifted").verdict == "failed"


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_random_model_says_something(dtype):
    model = gpu_models.random_model(gpu_models.LEAST, torch.device("cpu"), dtype)
    assert model.dtype == dtype
    assert {buffer.dtype for name, buffer in model.named_buffers() if "inv_freq" in name} == {torch.float32}
    assert torch.get_default_dtype() == torch.float32
    (said, _) = gpu_models.by_engine(model, gpu_models.clips_of(model, gpu_models.LEAST, (2,)), 8)
    assert len(said.ids) == 8
    assert len(set(said.ids)) > 2
    # Neither flat, which would be 1 of 160, nor certain.
    assert all(0.03 < float(step.exp().max()) < 0.999 for step in said.steps)
