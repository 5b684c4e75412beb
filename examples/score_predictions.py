"""Score a prediction file without a model, and list what went wrong.

    python examples/score_predictions.py predictions.jsonl nextqa

Takes a file in upstream's format, or the predictions.jsonl of a run. The folder of the score is scores/<benchmark>.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tarsier_eval import load, score


def main(predictions: str, bench: str) -> None:
    """Score, and print the headline in both accountings and each sample that earned nothing."""
    out = Path("scores") / bench
    result = score(predictions, bench, out=out)
    print()
    for metric in result.metrics:
        if metric.name == result.primary and metric.subset == "overall" and metric.value is not None:
            span = "no interval" if metric.interval is None else "{:.3f} to {:.3f}".format(*metric.interval)
            print(f"{metric.name}, {metric.accounting}: {metric.value:.3f} of {metric.n} samples ({span})")
    outputs = load(out).outputs
    for sample, found in load(out).scores.items():
        if not found.values.get("accuracy", 0.0):
            print(f"{sample}: {found.status}, answered {found.answer!r}, target {found.target!r}, "
                  f"output {outputs.get(sample)!r}")  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
