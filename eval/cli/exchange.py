"""`tarsier-eval export`, `import` and `list`: exchange of files with upstream, and the available names."""

from __future__ import annotations

import argparse
from pathlib import Path

from eval import config as configuration
from eval.errors import ConfigError
from eval.readers.pack import DEFAULT_PACK
from eval.readers.predictions import read_run
from eval.readers.upstream_export import write_predictions
from eval.readers.upstream_import import import_upstream
from eval.running.outcome import say
from eval.runs.folder import PREDICTIONS, RUN, read_fingerprint


def export(given: argparse.Namespace) -> bool:
    """Write a run's predictions as upstream's rows, which upstream's own evaluation reads."""
    folder = Path(given.run).expanduser()
    if not (folder / PREDICTIONS).is_file():
        raise ConfigError(f"{str(folder)!r} is not a run folder: it has no {PREDICTIONS}.")
    annotations = Path(given.ann).expanduser() if given.ann else None
    to = Path(given.to).expanduser().resolve()
    if to.parent == folder.resolve() or to.is_dir() or (annotations and to == annotations.resolve()):
        raise ConfigError(f"--to {given.to} would write over its own sources, or a folder. Choose another file.")
    pairs = read_run(folder / PREDICTIONS)
    if not pairs:
        raise ConfigError(f"{given.run!r} holds no predictions yet.")
    bench = pairs[0][0].benchmark
    card = configuration.cards().get(bench)
    if card is None:
        raise ConfigError(f"{given.run!r} is a run of {bench!r}, which is no benchmark here.")
    if annotations is None and bench in ("tvbench", "favor-bench"):
        raise ConfigError(f"Upstream reads {bench} in another form of row only; give its annotation file with --ann.")
    count = write_predictions(pairs, to, annotations, card.dataset)
    say(f"{count} rows written to {given.to}")
    expected = read_fingerprint(folder).get("n_samples", count) if (folder / RUN).is_file() else count
    if count < expected:
        say(f"The run is not through: {expected - count} of its {expected} samples are not among them.")
    return count >= expected


def import_protocol(given: argparse.Namespace) -> bool:
    """Import upstream's annotation rows and judge wording from a clone of its repository."""
    to = Path(given.to).expanduser() if given.to else DEFAULT_PACK
    pack = import_upstream(Path(given.upstream).expanduser(), to)
    for name, entry in pack.files.items():
        rows = ", ".join(f"{dataset} {count}" for dataset, count in entry.rows.items())
        print(f"{name}  {rows}".rstrip())
    print(f"Imported to {to}; runs that find no rows below DATA take these.")
    return True


def list_names(given: argparse.Namespace) -> bool:  # noqa: ARG001 - every command is given its flags
    """Print the names that --bench, --model and --judge take."""
    for task, members in configuration.groups().items():
        print(f"{task}: {', '.join(members)}")
    for group in ("model", "judge"):
        print(f"{group}: {', '.join(configuration.names(group))}")
    return True
