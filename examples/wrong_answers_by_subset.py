"""Read a finished run: how often each subset is answered wrongly, and which frames the model saw of one such clip.

python examples/wrong_answers_by_subset.py results/runs/my-run
"""

from __future__ import annotations

import sys
from collections import Counter

from tarsier_eval import load


def main(folder: str) -> None:
    """Print a line a subset, and the first wrong answer with its frames."""
    run = load(folder)
    scores = run.scores
    total = Counter(each.subset for each in scores.values())
    wrong = Counter(each.subset for each in scores.values() if each.values.get("accuracy", 1.0) < 1)
    for subset, count in total.most_common():
        print(f"{subset or 'all'}: {wrong[subset]} of {count} wrong")
    for sample, prediction in run.predictions:
        if scores[sample.id].values.get("accuracy", 1.0) < 1:
            print(f"\n{sample.id}\n{prediction.prompt}{prediction.output}    (right: {', '.join(sample.targets)})")
            for shown in prediction.shown:
                print(f"shown of {shown.file}: frames {list(shown.frames)}, seconds {list(shown.times)}")
            break


if __name__ == "__main__":
    main(*sys.argv[1:])
