"""Shows on a GPU what CPUs cannot: that kernels, plans of memory, and batches in half precision do what they should.

    make gpu-check [ARGS="--minutes 8 --part kernel large --family tarsier2"]
    .venv/bin/python scripts/gpu_check.py --rehearse    every part that a CPU can do, at small sizes: it shows nothing
                                                        about a GPU, but that this script runs

    kernel         attention in half precision against fp64, at the sizes of 7b and 34b, and which kernel it takes
    tiny           tarsier-tiny in the built-in world: the generator against transformers' own `generate`
    large          the same on a random model of the family's 7b, made on the GPU, with its usual number of frames
    speed          clips a second, with 1, 9 and 26 questions a clip, beside a sequential loop's
    memory         what is taken up of what was planned
    recovery       memory runs out: batches are halved, outputs stay, nothing is left behind
    deterministic  model.deterministic=true says the same with little memory

A table is printed, and written to results/bench/gpu.md. A part that raises is a row `failed`, and the others go on.
What would take longer than its share of --minutes is cut short, and says so. 24 GB are enough; with less than 20 GB
free, the model is one of 1b's shape. Exits with 0, with 1 where something failed, and with 2, having written nothing,
where there is no CUDA device.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import torch  # noqa: E402
import transformers  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.markup import escape  # noqa: E402
from rich.table import Table  # noqa: E402

from scripts.gpu_models import SHAPES, Machine  # noqa: E402
from scripts.gpu_parts import PARTS, Row  # noqa: E402

RESULTS = PROJECT / "results" / "bench" / "gpu.md"
STYLES = {"ok": "green", "failed": "bold red", "cut short": "yellow", "needs CUDA": "yellow", "noted": "dim"}

Line = tuple[str, Row]
"""A part, and one of its rows."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts; return the exit code."""
    given = _parser().parse_args(arguments)
    if not given.rehearse and not torch.cuda.is_available():
        print(f"gpu-check: no CUDA device here (torch {torch.__version__}); nothing was checked.")
        print("ARGS=--rehearse tries the script itself on the CPU.")
        return 2
    # TF32 would round what the reference in fp32 is computed from.
    torch.set_float32_matmul_precision("highest")
    device = torch.device("cpu") if given.rehearse else torch.device("cuda", torch.cuda.current_device())
    about = _about(device)
    out = given.out or (None if given.rehearse else RESULTS)
    console = Console()
    console.print(about, highlight=False)
    lines: list[Line] = []
    begun = time.monotonic()
    for part, row in run(device, given.part, given.family, 60 * given.minutes):
        lines.append((part, row))
        console.print(f"[{time.monotonic() - begun:5.0f} s] {part}: {row.check}: {row.verdict}", markup=False)
        if out is not None:  # after each row, so that a run that is killed leaves what it found
            write(out, about, lines)
    console.print(_table(lines))
    failed = sum(row.verdict == "failed" for _, row in lines)
    took = f"{time.monotonic() - begun:.0f} s, {failed} of {len(lines)} rows failed"
    console.print(f"{took}; nothing about a GPU was checked." if given.rehearse else took, highlight=False)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=tuple(PARTS), default=tuple(PARTS))
    parser.add_argument("--family", nargs="+", choices=tuple(SHAPES), default=tuple(SHAPES))
    parser.add_argument("--minutes", type=float, default=8.0, help="time for all parts")
    parser.add_argument("--rehearse", action="store_true", help="small sizes on the CPU; writes only to --out")
    parser.add_argument("--out", type=Path, help="Markdown; by default results/bench/gpu.md")
    return parser


def run(device: torch.device, names: Sequence[str], families: Sequence[str], seconds: float) -> Iterator[Line]:
    """Yield the rows of each part, which has its share of the time that is left; family after family."""
    end = time.monotonic() + seconds
    # Kernels belong to no family.
    asked = [(family, name) for family in families for name in names if name != "kernel" or family == families[0]]
    shares = [PARTS[name][1] for _, name in asked]
    machine = Machine(device)
    for i, (family, name) in enumerate(asked):
        if machine.family != family:
            machine = Machine(device, family=family)  # the other's weights are freed
        left = end - time.monotonic()
        machine.deadline = time.monotonic() + left * shares[i] / sum(shares[i:])
        if left <= 0:
            yield name, Row(check="all", found="no time was left", verdict="cut short")
            continue
        try:
            for row in PARTS[name][0](machine):
                yield name, row
        except Exception as error:  # noqa: BLE001 - whatever it is, the other parts can tell more
            traceback.print_exc()
            yield name, Row(check="the rest of it", found=_one_line(error), verdict="failed")
        if machine.cuda:
            torch.cuda.empty_cache()


def _one_line(error: Exception) -> str:
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first}"[:300]


def _about(device: torch.device) -> str:
    """Return what the results depend on."""
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    if device.type != "cuda":
        return f"Rehearsal on the CPU, {versions}."
    properties = torch.cuda.get_device_properties(device)
    free = torch.cuda.mem_get_info(device)[0]
    return (
        f"{properties.name}, {properties.total_memory / 1e9:.1f} GB ({free / 1e9:.1f} GB free), capability "
        f"{properties.major}.{properties.minor}; {versions}, CUDA {torch.version.cuda}, driver {_driver()}."
    )


def _driver() -> str:
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    if shutil.which(asked[0]) is None:
        return "unknown"
    said = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=30).stdout.split()
    return said[0] if said else "unknown"


def _table(lines: Sequence[Line]) -> Table:
    table = Table()
    for name in ("part", "check", "found", "verdict"):
        table.add_column(name, overflow="fold", no_wrap=name in ("part", "verdict"))
    for part, row in lines:
        table.add_row(part, escape(row.check), escape(row.found), f"[{STYLES[row.verdict]}]{row.verdict}")
    return table


def write(path: Path, about: str, lines: Sequence[Line]) -> None:
    """Write the rows as Markdown."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [(part, row.check, row.found, row.verdict) for part, row in lines]
    rows = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
    head = ["# What only a GPU can show", "", f"`make gpu-check`: {about}", ""]
    head += ["| part | check | found | verdict |", "|---|---|---|---|"]
    path.write_text("\n".join([*head, *rows]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
