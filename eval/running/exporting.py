"""A run's predictions as upstream's rows, which upstream's own evaluation reads."""

from __future__ import annotations

from eval import config as configuration
from eval.errors import ConfigError
from eval.files import absolute
from eval.readers.predictions import read_run
from eval.readers.upstream_export import write_predictions
from eval.running.request import Place
from eval.runs.folder import PREDICTIONS, RUN, read_fingerprint


def export_predictions(run: Place, to: Place, annotations: Place | None = None) -> int:
    """Write a run's predictions as upstream's rows, and return their number.

    Args:
        run: The run folder.
        to: The file to write.
        annotations: Upstream's annotation file, to keep its rows as they are.

    Raises:
        ConfigError: the run holds no predictions, the file would replace something, or the annotations are needed.
    """
    folder = absolute(run)
    if not (folder / PREDICTIONS).exists():
        raise ConfigError(f"{str(folder)!r} is not a run folder: it has no {PREDICTIONS}.")
    rows = absolute(annotations) if annotations else None
    file = absolute(to)
    if file.parent == folder or file.is_dir() or file == rows:
        raise ConfigError(f"--to {to} would write over its own sources, or a folder. Choose another file.")
    pairs = read_run(folder / PREDICTIONS)
    if not pairs:
        raise ConfigError(f"{str(run)!r} holds no predictions yet.")
    bench = pairs[0][0].benchmark
    card = configuration.cards().get(bench)
    if card is None:
        raise ConfigError(f"{str(run)!r} is a run of {bench!r}, which is not a benchmark here.")
    if rows is None and bench in ("tvbench", "favor-bench"):
        raise ConfigError(f"Upstream reads {bench} in another form of row only; give its annotation file with --ann.")
    return write_predictions(pairs, file, rows, card.dataset)


def n_samples(run: Place, default: int) -> int:
    """Return the number of samples that a run asks for, or the default where it records none."""
    folder = absolute(run)
    return int(read_fingerprint(folder).get("n_samples", default)) if (folder / RUN).exists() else default
