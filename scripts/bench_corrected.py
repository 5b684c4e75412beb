"""Measures by simulation whether corrected scores are right, and whether a judge card's intervals cover what they say.

    .venv/bin/python scripts/bench_corrected.py [--repetitions 400]

A benchmark has 200 videos of five questions, and a card has clusters of three items, half of them right. Answers about
one video depend on each other, and so do the judge's errors within a cluster: both come from beta distributions with
an intra-cluster correlation of 0.2 and 0.1. The judge calls a right answer wrong, and a wrong one right, at the rates
of the tables. The truth is the share of right answers in all videos, and kappa's is computed from the rates.

Prints tables, and writes them to results/bench/corrected.md; some five minutes on one core.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from eval.stats import cluster_bootstrap, clustered_mean  # noqa: E402
from eval.stats.corrected import prediction_powered, rogan_gladen  # noqa: E402
from eval.stats.kappa import kappa_of, kappas_of  # noqa: E402
from scripts.simulate_intervals import section  # noqa: E402

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

VIDEOS, QUESTIONS, CLUSTER = 200, 5, 3
WITHIN_VIDEO, WITHIN_CARD = 0.2, 0.1
RATES = (0.05, 0.1, 0.2, 0.3)
SIZES = (200, 500, 1000, 2000)
ACCURACIES = (0.3, 0.6)
DRAWS = 1000
"""Bootstrap draws: half of the usual number, to save time."""


def rates(mean: float, correlation: float, n: int, random: np.random.Generator) -> Floats:
    """Return clusters' own rates, of which items of one have this correlation."""
    pseudo = 1 / correlation - 1
    return random.beta(mean * pseudo, (1 - mean) * pseudo, size=n)


def judged(right: Bools, false_yes: Floats, false_no: Floats, random: np.random.Generator) -> Bools:
    """Return a judge's verdicts on answers, (clusters, items), given its error rates in each cluster."""
    chance = random.random(right.shape)
    return np.where(right, chance >= false_no[:, None], chance < false_yes[:, None])


def benchmark(accuracy: float, errors: tuple[float, float], random: np.random.Generator) -> tuple[Bools, Bools]:
    """Return truth and verdicts of a run, (videos, questions)."""
    right = random.random((VIDEOS, QUESTIONS)) < rates(accuracy, WITHIN_VIDEO, VIDEOS, random)[:, None]
    own = [rates(each, WITHIN_CARD, VIDEOS, random) for each in errors]
    return right, judged(right, own[0], own[1], random)


def card(n: int, errors: tuple[float, float], random: np.random.Generator) -> tuple[Bools, Bools]:
    """Return labels and verdicts of a card, (clusters, items)."""
    n_clusters = round(n / CLUSTER)
    right = random.random((n_clusters, CLUSTER)) < 0.5
    own = [rates(each, WITHIN_CARD, n_clusters, random) for each in errors]
    return right, judged(right, own[0], own[1], random)


def counts(right: Bools, said: Bools) -> Floats:
    """Return what each cluster counts: yes called yes, yes, no called no, no."""
    columns = [(right & said).sum(1), right.sum(1), (~right & ~said).sum(1), (~right).sum(1)]
    return np.stack(columns, axis=1).astype(float)


def outcome(values: Iterable[tuple[float, tuple[float, float] | None]], truth: float) -> str:
    """Return bias in points, coverage, and mean width of intervals."""
    found = list(values)
    kept = [(value, ends) for value, ends in found if ends is not None]
    bias = 100 * (np.mean([value for value, _ in found]) - truth)
    covered = 100 * np.mean([ends[0] <= truth <= ends[1] for _, ends in kept])
    width = 100 * np.mean([ends[1] - ends[0] for _, ends in kept])
    return f"{bias:+.1f} / {covered:.1f} / {width:.0f}"


def corrected(repetitions: int, random: np.random.Generator) -> list[str]:
    """Return the table of scores corrected by error rates."""
    rows = []
    for accuracy in ACCURACIES:
        for rate in RATES:
            for errors in ((rate, rate), (rate / 2, rate)):
                runs = [benchmark(accuracy, errors, random)[1] for _ in range(repetitions)]
                cells = [outcome(map(_as_judged, runs), accuracy)]
                cells += [
                    outcome((_rogan_gladen(said, card(size, errors, random)) for said in runs), accuracy)
                    for size in SIZES
                ]
                rows.append((f"{100 * accuracy:g}", f"{100 * errors[0]:g} / {100 * errors[1]:g}", *cells))
    head = ["truth", "false yes / no, %", "as judged", *(f"card of {size}" for size in SIZES)]
    return section("Corrected by error rates (Rogan-Gladen): bias in points / coverage in % / width", head, rows)


def _as_judged(said: Bools) -> tuple[float, tuple[float, float] | None]:
    mean = clustered_mean(said.ravel().tolist(), np.repeat(np.arange(VIDEOS), QUESTIONS).tolist())
    return mean.mean, None if mean.low is None or mean.high is None else (mean.low, mean.high)


def _rogan_gladen(said: Bools, of_card: tuple[Bools, Bools]) -> tuple[float, tuple[float, float] | None]:
    errors, n = counts(*of_card), said.size
    sums = np.stack([said.sum(1) / n, np.full(VIDEOS, QUESTIONS / n), np.zeros(VIDEOS)], axis=1)[:, None, :]
    found = rogan_gladen(errors, [""] * len(errors), sums, [""] * VIDEOS, repetitions=DRAWS)
    return found.value, found.interval


def powered(repetitions: int, random: np.random.Generator) -> list[str]:
    """Return the table of scores corrected by labels of a part of the same samples."""
    rows = []
    clusters = np.repeat(np.arange(VIDEOS), QUESTIONS).tolist()
    for accuracy in ACCURACIES:
        for rate in RATES:
            by_size = []
            for size in (100, 200, 500):
                found = []
                for _ in range(repetitions):
                    right, said = (each.ravel() for each in benchmark(accuracy, (rate / 2, rate), random))
                    at = random.choice(right.size, size, replace=False)
                    one = prediction_powered(said, clusters, at, right[at])
                    found.append((one.value, one.interval))
                by_size.append(outcome(found, accuracy))
            rows.append((f"{100 * accuracy:g}", f"{50 * rate:g} / {100 * rate:g}", *by_size))
    head = ["truth", "false yes / no, %", *(f"{size} labelled" for size in (100, 200, 500))]
    return section("Corrected by labels of a part (prediction-powered): bias / coverage / width", head, rows)


def kappas(repetitions: int, random: np.random.Generator) -> list[str]:
    """Return the table of kappa's intervals on a card."""
    rows = []
    for rate in RATES:
        cells = []
        # Half right: rows are the labels, columns the verdicts.
        truth = kappa_of([[0.5 * (1 - rate), 0.5 * rate], [0.25 * rate, 0.5 * (1 - rate / 2)]])
        assert truth is not None, "both labels occur"
        for size in SIZES:
            found = []
            for _ in range(repetitions):
                right, said = card(size, (rate / 2, rate), random)
                yes_yes, yes, no_no, no = counts(right, said).T
                tables = np.stack([yes_yes, yes - yes_yes, no - no_no, no_no], axis=1).reshape(-1, 2, 2)
                spread = cluster_bootstrap(tables, kappas_of, repetitions=DRAWS)
                ends = None if spread is None else (spread.low, spread.high)
                found.append((kappa_of(tables.sum(0)) or 0.0, ends))
            cells.append(outcome(found, truth))
        rows.append((f"{50 * rate:g} / {100 * rate:g}", f"{truth:.3f}", *cells))
    head = ["false yes / no, %", "kappa", *(f"card of {size}" for size in SIZES)]
    return section("Kappa on a card, times 100: bias / coverage in % / width", head, rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=400)
    given = parser.parse_args(arguments)
    begun, random = time.monotonic(), np.random.default_rng(0)
    n = given.repetitions
    lines = [*corrected(n, random), *powered(n, random), *kappas(n, random)]
    about = (
        f"`scripts/bench_corrected.py` in {time.monotonic() - begun:.0f} s, Python {platform.python_version()}, numpy "
        f"{np.__version__}. {n} repetitions each: coverage is known to about {195 * (0.05 * 0.95 / n) ** 0.5:.0f} "
        f"points. {VIDEOS} videos of {QUESTIONS} questions; cards in clusters of {CLUSTER} items."
    )
    text = "\n".join(["# Corrected scores and judge cards, by simulation", "", about, "", *lines])
    print(text)
    (PROJECT / "results" / "bench" / "corrected.md").write_text(text.rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
