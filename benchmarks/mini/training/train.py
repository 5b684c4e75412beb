"""Train tarsier-tiny from scratch: `python -m benchmarks.mini.training.train --out benchmarks/mini/tarsier-tiny`.

Three stages, for two CPU cores. (1) The vision tower learns what is in each patch. (2) Beside it, on the other
core, the language model learns to answer questions about descriptions. (3) Both learn together from clips, on two
single-threaded ranks that average their gradients. Each stage leaves a snapshot in --work and is skipped where
that is already there, so that stage three can be run again alone.

Each stage is a process of its own: thread and allocator settings must be there before torch is.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

RANKS = 2
STEPS = {"vision": 1600, "text": 1200, "joint": 1550}
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "passive",
    "TOKENIZERS_PARALLELISM": "false",
    # Keep freed pages: the allocator otherwise returns and faults in the same memory at every step.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all stages, or with --stage one of them."""
    parser = argparse.ArgumentParser(description="Train tarsier-tiny from scratch.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--work", type=Path, help="folder of snapshots; by default OUT with .work appended")
    for stage, default in STEPS.items():
        parser.add_argument(f"--{stage}-steps", type=int, default=default)
    parser.add_argument("--stage", choices=list(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--rank", type=int, default=0, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    work = chosen.work or chosen.out.with_name(f"{chosen.out.name}.work")
    steps = {stage: getattr(chosen, f"{stage}_steps") for stage in STEPS}
    if chosen.stage:
        run_stage(chosen.stage, chosen.rank, work, chosen.out, steps)
    else:
        run_all(work, chosen.out, steps)


def run_all(work: Path, out: Path, steps: dict[str, int]) -> None:
    """Run stages one and two side by side, then stage three on two ranks."""
    work.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    first = [stage for stage in ("vision", "text") if not (work / f"{stage}.pt").exists()]
    _run_together([(stage, 0) for stage in first], work, out, steps)
    _say(f"stages one and two: {time.monotonic() - began:.0f} s")
    (work / "rendezvous").unlink(missing_ok=True)
    _run_together([("joint", rank) for rank in range(RANKS)], work, out, steps)
    _say(f"all stages: {time.monotonic() - began:.0f} s; checkpoint in {out}")


def run_stage(stage: str, rank: int, work: Path, out: Path, steps: dict[str, int]) -> None:
    """Run one stage in this process; stage three writes the checkpoint."""
    import torch

    from benchmarks.mini.training import checkpoint, optimiser, stages

    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokenizer = checkpoint.build_tokenizer()
    model = checkpoint.build_model(tokenizer).train()
    language = model.model.language_model
    if stage == "vision":
        schedule = optimiser.Schedule(steps=steps[stage], muon_rate=3e-3, adam_rate=2e-3)
        stages.train_vision(model, schedule)
        torch.save(model.model.vision_tower.state_dict(), work / "vision.pt")
    elif stage == "text":
        schedule = optimiser.Schedule(steps=steps[stage], muon_rate=3e-3, adam_rate=4e-3)
        stages.LanguageTrainer(model, tokenizer, schedule, frames=False).train()
        torch.save((language.state_dict(), model.lm_head.state_dict()), work / "text.pt")
    else:
        meeting = f"file://{(work / 'rendezvous').resolve()}"
        torch.distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=RANKS)
        model.model.vision_tower.load_state_dict(torch.load(work / "vision.pt"))
        decoder, head = torch.load(work / "text.pt")
        language.load_state_dict(decoder)
        model.lm_head.load_state_dict(head)
        torch.manual_seed(rank)
        schedule = optimiser.Schedule(steps=steps[stage], muon_rate=2e-3, adam_rate=2e-3)
        trainer = stages.LanguageTrainer(
            model, tokenizer, schedule, frames=True, rank=rank, n_ranks=RANKS, skip_scenes=100_000
        )
        trainer.train(snapshot=work / "joint.pt", snapshot_every=400)
        if rank == 0:
            checkpoint.save(model, tokenizer, out)
        torch.distributed.destroy_process_group()


def _run_together(jobs: Sequence[tuple[str, int]], work: Path, out: Path, steps: dict[str, int]) -> None:
    """Run stages as processes side by side. Raises where one fails, after ending the others."""
    options = [f"--{stage}-steps={number}" for stage, number in steps.items()]
    base = [sys.executable, "-m", "benchmarks.mini.training.train", f"--out={out}", f"--work={work}", *options]
    environment = {**os.environ, **ENVIRONMENT}
    running = [
        (stage, subprocess.Popen([*base, f"--stage={stage}", f"--rank={rank}"], env=environment))
        for stage, rank in jobs
    ]
    try:
        while any(process.poll() is None for _, process in running):
            failed = [(stage, process.returncode) for stage, process in running if process.returncode]
            if failed:
                raise SystemExit(f"stage {failed[0][0]} ended with {failed[0][1]}")
            time.sleep(0.5)
    finally:
        for _, process in running:
            process.terminate()
            process.wait()
    for stage, process in running:
        if process.returncode:
            raise SystemExit(f"stage {stage} ended with {process.returncode}")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
