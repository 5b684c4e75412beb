"""`tarsier-eval sweep`: run a model, or several, over the product of some settings."""

from __future__ import annotations

import argparse
import re

from eval.cli.flags import add_engine_flag, add_model_flags, model_arguments

_WORDS = re.compile(r"""(?:[^\s'"]|'[^']*'|"[^"]*")+""")
"""Settings between blanks; those in quotes belong to a value, which Hydra reads with its quotes."""

HELP = "run benchmarks over the product of some settings, as jobs of this machine or of Slurm"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add its flags."""
    add_model_flags(parser, needs_bench=False)
    add_engine_flag(parser)
    parser.add_argument(
        "--sweep", metavar="SETTINGS", required=True, help="settings and values: 'model=a,b model.n_frames=1,2,4'"
    )
    parser.add_argument("--launcher", metavar="NAME", default="basic", help="what runs the jobs: from conf/launcher")
    parser.add_argument("--launch", metavar="SETTINGS", default="", help="of the launcher: 'hydra.launcher.x=...'")
    parser.add_argument("--out", metavar="DIR", help="the sweep's folder (default: results/sweeps/<time>)")


def run(given: argparse.Namespace) -> bool:
    """Run the jobs that are not done; return whether all are done."""
    from eval.running.sweeping import SweepRequest, sweep

    arguments = model_arguments(given)
    return sweep(
        SweepRequest(
            bench=arguments.pop("bench"),
            overrides=arguments.pop("overrides"),
            fixed={**arguments, "engine": given.engine},
            sweep=_WORDS.findall(given.sweep),
            launcher=given.launcher,
            launch=_WORDS.findall(given.launch),
            out=given.out,
        )
    )
