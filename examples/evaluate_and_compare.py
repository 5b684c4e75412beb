"""Measure a model with two numbers of frames, and say whether the difference is more than chance.

    python examples/evaluate_and_compare.py [benchmark] [model] [data]

Without arguments it runs tarsier-tiny on NExT-QA of the built-in world, which needs no download and takes seconds.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tarsier_eval import compare, evaluate


def main(bench: str = "nextqa", model: str = "tarsier-tiny", data: str | None = None) -> None:
    """Run both, or go on with what is there, and print the comparison."""
    runs = Path("results/runs")
    few, many = runs / f"{bench}-2-frames", runs / f"{bench}-8-frames"
    for folder, n_frames in ((few, 2), (many, 8)):
        evaluate(bench, model=model, data=data, out=folder, settings={"model.n_frames": n_frames})
    change = compare(few, many).changes[0]
    print(f"\n{change.name}, {change.accounting}: {change.first:.3f} with 2 frames, {change.second:.3f} with 8")
    if change.low is None or change.high is None:
        print("No interval: the samples come from too few videos.")
    else:
        excluded = change.low > 0 or change.high < 0
        print(f"difference {change.difference:+.3f}, 95% interval {change.low:+.3f} to {change.high:+.3f}")
        print("Zero is outside of it: a real difference." if excluded else "Zero is inside: it may be chance.")


if __name__ == "__main__":
    main(*sys.argv[1:])
