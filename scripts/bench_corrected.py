"""Measures by simulation whether corrected scores are right, and whether a judge card's intervals cover what they say.

    .venv/bin/python scripts/bench_corrected.py [--repetitions 400]

A benchmark has 200 videos, or as many as a table says, of five questions, and a card has clusters of three items, half
of them right. Answers about one video depend on each other, and so do the judge's errors within a cluster: both come
from beta distributions with an intra-cluster correlation of 0.2 and 0.1. The judge calls a right answer wrong, and a
wrong one right, at the rates of the tables. The truth is the share of right answers in all videos, and kappa's is
computed from the rates.

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

from eval.analysis.card.correct import LEAST_GAIN  # noqa: E402
from eval.stats import cluster_bootstrap, estimate  # noqa: E402
from eval.stats.corrected import Corrected, prediction_powered, rates_of, refuted, rogan_gladen  # noqa: E402
from eval.stats.kappa import kappa_of, kappas_of  # noqa: E402
from scripts.simulate_intervals import section  # noqa: E402

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

VIDEOS, QUESTIONS, CLUSTER = 200, 5, 3
WITHIN_VIDEO, WITHIN_CARD = 0.2, 0.1
RATES = (0.05, 0.1, 0.2, 0.3)
SIZES = (200, 500, 1000, 2000)
ACCURACIES = (0.3, 0.6)
EDGES = (0.05, 0.3, 0.6, 0.95, 0.99)
"""Accuracies, with VIDEOS_OF, RARE, SMALL and LABELS, at which there are few videos, errors, items or labels."""
VIDEOS_OF, RARE, SMALL, LABELS = (20, 100, 200), (0.02, 0.05, 0.1, 0.3), (30, 200, 500, 2000), (30, 50, 100)
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


def benchmark(
    accuracy: float, errors: tuple[float, float], random: np.random.Generator, n_videos: int = VIDEOS
) -> tuple[Bools, Bools]:
    """Return truth and verdicts of a run, (videos, questions)."""
    right = random.random((n_videos, QUESTIONS)) < rates(accuracy, WITHIN_VIDEO, n_videos, random)[:, None]
    own = [rates(each, WITHIN_CARD, n_videos, random) for each in errors]
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


def outcome(values: Iterable[Corrected | None], truth: float) -> str:
    """Return bias in points, coverage, and mean width of intervals; and how many percent were refused, None."""
    given = list(values)
    found = [one for one in given if one is not None]
    if len(found) < len(given) / 10:
        return "refused"
    ends = np.array([one.interval for one in found])
    bias = 100 * (np.mean([one.value for one in found]) - truth)
    covered = 100 * np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1]))
    width = 100 * np.mean(ends[:, 1] - ends[:, 0])
    refused = "" if len(found) == len(given) else f" / {100 * (1 - len(found) / len(given)):.0f} refused"
    return f"{bias:+.1f} / {covered:.1f} / {width:.0f}{refused}"


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


def at_the_edges(repetitions: int, random: np.random.Generator) -> list[str]:
    """Return the table of scores corrected where there are few videos, errors, or items."""
    rows = []
    for accuracy in EDGES:
        for n_videos in VIDEOS_OF:
            for rate in RARE:
                errors = (rate, rate)
                runs = [benchmark(accuracy, errors, random, n_videos)[1] for _ in range(repetitions)]
                cells = [
                    outcome((_rogan_gladen(said, card(size, errors, random)) for said in runs), accuracy)
                    for size in SMALL
                ]
                rows.append((f"{100 * accuracy:g}", f"{n_videos}", f"{100 * rate:g} / {100 * rate:g}", *cells))
    head = ["truth", "videos", "false yes / no, %", *(f"card of {size}" for size in SMALL)]
    return section("The same with few videos, errors or items: bias / coverage / width, refused in %", head, rows)


def _as_judged(said: Bools) -> Corrected:
    ends = _interval(said)
    return Corrected(value=float(said.mean()), interval=ends, is_clipped=False)


def _interval(said: Bools) -> tuple[float, float] | None:
    """Return the interval that the table of a run shows."""
    videos = np.repeat(np.arange(len(said)), QUESTIONS).tolist()
    return estimate(said.ravel().astype(float).tolist(), videos).of_shares()


def _rogan_gladen(said: Bools, of_card: tuple[Bools, Bools]) -> Corrected | None:
    """Return the corrected score; None where the card is refused, or does not fit."""
    errors, sums, ends = counts(*of_card), np.array([[said.mean(), 1, 0]]), _interval(said)
    rates = rates_of(errors, [1] * len(errors))
    if rates is None or rates.least_gain < LEAST_GAIN or refuted(rates, sums[0], ends) is not None:
        return None
    return rogan_gladen(rates, sums, [ends], ends)


def powered(repetitions: int, random: np.random.Generator) -> list[str]:
    """Return the table of scores corrected by labels of a part of the same samples."""
    cells = [(accuracy, VIDEOS, (rate / 2, rate)) for accuracy in ACCURACIES for rate in RATES]
    lines = _powered(cells, (100, 200, 500), repetitions, random)
    title = "Corrected by labels of a part (prediction-powered): bias / coverage / width"
    found = section(title, ["truth", "videos", "false yes / no, %", *(f"{n} labelled" for n in (100, 200, 500))], lines)
    few = [(accuracy, n, (rate, rate)) for accuracy in EDGES for n in VIDEOS_OF for rate in RARE]
    head = ["truth", "videos", "false yes / no, %", *(f"{n} labelled" for n in LABELS)]
    lines = _powered(few, LABELS, repetitions, random)
    return [*found, *section("The same with few videos, errors or labels: bias / coverage / width", head, lines)]


def _powered(
    cells: Sequence[tuple[float, int, tuple[float, float]]],
    sizes: Sequence[int],
    repetitions: int,
    random: np.random.Generator,
) -> list[tuple[str, ...]]:
    rows = []
    for accuracy, n_videos, errors in cells:
        clusters = np.repeat(np.arange(n_videos), QUESTIONS).tolist()
        by_size = []
        for size in sizes:
            found = []
            for _ in range(repetitions):
                right, said = (each.ravel() for each in benchmark(accuracy, errors, random, n_videos))
                at = random.choice(right.size, size, replace=False)
                found.append(prediction_powered(said, clusters, at, right[at]))
            by_size.append(outcome(found, accuracy))
        rows.append((f"{100 * accuracy:g}", f"{n_videos}", f"{100 * errors[0]:g} / {100 * errors[1]:g}", *by_size))
    return rows


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
                found.append(Corrected(value=kappa_of(tables.sum(0)) or 0.0, interval=ends, is_clipped=False))
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
    lines = [*corrected(n, random), *at_the_edges(n, random), *powered(n, random), *kappas(n, random)]
    about = (
        f"`scripts/bench_corrected.py` in {time.monotonic() - begun:.0f} s, Python {platform.python_version()}, numpy "
        f"{np.__version__}. {n} repetitions each: coverage is known to about {195 * (0.05 * 0.95 / n) ** 0.5:.0f} "
        f"points. {VIDEOS} videos where no other number is given, of {QUESTIONS} questions; cards in clusters of "
        f"{CLUSTER} items."
    )
    text = "\n".join(["# Corrected scores and judge cards, by simulation", "", about, "", *lines])
    print(text)
    (PROJECT / "results" / "bench" / "corrected.md").write_text(text.rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
