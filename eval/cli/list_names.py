"""`tarsier-eval list`: the available names."""

from __future__ import annotations

import argparse

HELP = "list benchmarks, groups, models, choices of frames and judges"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add nothing: it has no flags of its own."""


def run(given: argparse.Namespace) -> bool:  # noqa: ARG001 - every verb is given its flags
    """Print the names that --bench, --model, --frames and --judge take."""
    from eval import config
    from eval.config.choices import added_by, left_out
    from eval.plugins.finding import found
    from eval.readers.malformed import printable

    for task, members in config.groups().items():
        print(f"{task}: {', '.join(members)}")
    for group in ("model", "frames", "judge"):
        print(f"{group}: {', '.join(config.names(group))}")
    for plugin in found():
        added = (f"{group} {', '.join(names)}" for group, names in added_by(plugin).items())
        print(f"from the plugin {plugin.name} ({plugin.version or plugin.home}): {'; '.join(added) or 'nothing'}")
    for each in left_out():
        print(f"left out: {printable(each)}")
    return True
