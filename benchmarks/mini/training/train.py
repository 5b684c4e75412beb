"""Train a checkpoint of the built-in world: `python -m benchmarks.mini.training.train --family tarsier2 --out FOLDER`.

Three stages, for two CPU cores. (1) The vision tower learns what is in each patch. (2) Beside it, on the other
core, the language model learns to answer questions about descriptions. (3) Both learn together from clips, on two
single-threaded ranks that average their gradients. Each stage leaves a snapshot in --work and is skipped where
that is already there, so that stage three can be run again alone. The family tarsier2 begins with tarsier-tiny's
language model in place of stage two, and its vision tower learns on both cores.

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

STEPS = {
    "tarsier": {"vision": 1600, "text": 1200, "joint": 1550},
    "tarsier2": {"vision": 700, "joint": 1100},
}
RANKS = {
    "tarsier": {"vision": 1, "text": 1, "joint": 2},
    "tarsier2": {"vision": 2, "joint": 2},
}
"""Processes of each stage."""
LANGUAGE = Path(__file__).resolve().parents[1] / "tarsier-tiny"
"""The checkpoint whose language model the family tarsier2 begins with."""
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
    parser = argparse.ArgumentParser(description="Train a checkpoint of the built-in world.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--family", choices=list(STEPS), default="tarsier")
    parser.add_argument("--work", type=Path, help="folder of snapshots; by default OUT with .work appended")
    for stage in STEPS["tarsier"]:
        parser.add_argument(f"--{stage}-steps", type=int)
    parser.add_argument("--stage", choices=list(STEPS["tarsier"]), help=argparse.SUPPRESS)
    parser.add_argument("--rank", type=int, default=0, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    chosen.work = chosen.work or chosen.out.with_name(f"{chosen.out.name}.work")
    chosen.steps = {
        stage: getattr(chosen, f"{stage}_steps") or default for stage, default in STEPS[chosen.family].items()
    }
    if chosen.stage:
        run_stage(chosen)
    else:
        run_all(chosen)


def run_all(chosen: argparse.Namespace) -> None:
    """Run the stages before the last side by side, then the last."""
    chosen.work.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    *first, last = STEPS[chosen.family]
    _run_together([stage for stage in first if not (chosen.work / f"{stage}.pt").exists()], chosen)
    _say(f"{' and '.join(first)}: {time.monotonic() - began:.0f} s")
    _run_together([last], chosen)
    _say(f"all stages: {time.monotonic() - began:.0f} s; checkpoint in {chosen.out}")


def run_stage(chosen: argparse.Namespace) -> None:
    """Run one stage in this process; the last writes the checkpoint."""
    import torch

    from benchmarks.mini.training import families, optimiser, stages

    stage, rank, work = chosen.stage, chosen.rank, chosen.work
    ranks = RANKS[chosen.family][stage]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    family = families.OfTarsier() if chosen.family == "tarsier" else families.OfTarsier2(LANGUAGE)
    if ranks > 1:
        meeting = f"file://{(work / f'{stage}.rendezvous').resolve()}"
        torch.distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=ranks)
    steps = chosen.steps[stage]
    if stage == "vision":
        torch.manual_seed(rank)
        schedule = optimiser.Schedule(steps=steps, muon_rate=3e-3, adam_rate=2e-3)
        stages.train_vision(family, schedule, rank, ranks)
        if rank == 0:
            torch.save(family.vision_state().state_dict(), work / "vision.pt")
    elif stage == "text":
        schedule = optimiser.Schedule(steps=steps, muon_rate=3e-3, adam_rate=4e-3)
        stages.LanguageTrainer(family, schedule, frames=False).train()
        torch.save((family.language.state_dict(), family.model.lm_head.state_dict()), work / "text.pt")
    else:
        family.vision_state().load_state_dict(torch.load(work / "vision.pt"))
        if "text" in STEPS[chosen.family]:
            decoder, head = torch.load(work / "text.pt")
            family.language.load_state_dict(decoder)
            family.model.lm_head.load_state_dict(head)
        torch.manual_seed(rank)
        schedule = optimiser.Schedule(steps=steps, muon_rate=2e-3, adam_rate=2e-3)
        trainer = stages.LanguageTrainer(family, schedule, frames=True, rank=rank, n_ranks=ranks, skip_scenes=100_000)
        trainer.train(snapshot=work / "joint.pt", snapshot_every=200)
        if rank == 0:
            family.save(chosen.out)
    if ranks > 1:
        torch.distributed.destroy_process_group()


def _run_together(names: Sequence[str], chosen: argparse.Namespace) -> None:
    """Run stages as processes side by side. Raises where one fails, after ending the others."""
    options = [f"--{stage}-steps={number}" for stage, number in chosen.steps.items()]
    options += [f"--family={chosen.family}", f"--out={chosen.out}", f"--work={chosen.work}"]
    base = [sys.executable, "-m", "benchmarks.mini.training.train", *options]
    environment = {**os.environ, **ENVIRONMENT}
    running = []
    for stage in names:
        (chosen.work / f"{stage}.rendezvous").unlink(missing_ok=True)
        for rank in range(RANKS[chosen.family][stage]):
            command = [*base, f"--stage={stage}", f"--rank={rank}"]
            running.append((stage, subprocess.Popen(command, env=environment)))
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
