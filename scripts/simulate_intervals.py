"""Measures by simulation whether intervals cover what they say, and tests err as often as they say.

    .venv/bin/python scripts/simulate_intervals.py [--annotations DIR] [--repetitions 2000]

Answers are right or wrong, and those about one video depend on each other: a video's own accuracy is drawn from a
beta distribution, whose spread gives the intra-cluster correlation. Videos have as many questions as in the official
files where these are at hand (DIR as they are distributed), else as many as are noted here. Prints tables, and writes
them to results/bench/statistics.md; some three minutes on one core.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from eval.scorers.caption import corpus_bleu_of  # noqa: E402
from eval.scorers.event_table import f1_of  # noqa: E402
from eval.stats import cluster_bootstrap  # noqa: E402
from eval.stats.clusters import estimate, influences, share_interval, steadiness  # noqa: E402
from eval.stats.paired import detectable, exchange_p, holm, mcnemar_p  # noqa: E402

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

CORRELATIONS = (0.0, 0.2, 0.5)
ACCURACIES = (0.5, 0.9, 0.98)
ALPHA = 0.05


def video_sizes(annotations: Path | None) -> dict[str, Ints]:
    """Return questions a video, by benchmark; the notes are those of the official files, every tenth percentile."""
    noted = {
        "MSVD-QA val": np.repeat([14, 18, 19, 21, 23, 25, 27, 29, 32, 35, 42], [22] * 8 + [23] * 3),
        "ActivityNet-QA test": np.full(800, 10),
        "NExT-QA val": np.repeat([5, 7, 8, 9, 10, 11, 12], [60, 90, 100, 110, 90, 70, 50]),
    }
    if annotations is None:
        return noted
    rows: dict[str, Iterator[str]] = {
        "MSVD-QA val": (json.loads(line)["vid"] for line in _lines(annotations / "tarsier" / "MSVD-QA-val.jsonl")),
        "ActivityNet-QA test": (
            row["video_name"] for row in _json(annotations / "official" / "activitynet-qa" / "test_q.json")
        ),
        "NExT-QA val": (
            row["video"] for row in csv.DictReader(_lines(annotations / "official" / "nextqa" / "val.csv"))
        ),
    }
    return {name: np.array(list(Counter(videos).values())) for name, videos in rows.items()}


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _json(path: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def video_accuracies(
    accuracy: float, correlation: float, shape: tuple[int, ...], random: np.random.Generator
) -> Floats:
    """Return videos' own accuracies, of which answers about one have this correlation."""
    if correlation == 0:
        return np.full(shape, accuracy)
    pseudo = 1 / correlation - 1
    return random.beta(accuracy * pseudo, (1 - accuracy) * pseudo, size=shape)


def coverage(
    sizes: Ints, accuracy: float, correlation: float, repetitions: int, seed: int
) -> tuple[float, float, float]:
    """Return how often the interval covers the truth, how often it lies below and above it."""
    random = np.random.default_rng(seed)
    right = random.binomial(sizes, video_accuracies(accuracy, correlation, (repetitions, len(sizes)), random))
    value = right.sum(axis=1) / sizes.sum()
    moved = influences(right, np.broadcast_to(sizes, right.shape))
    df = np.clip(steadiness(moved), 1, len(sizes) - 1)
    low, high = share_interval(value, np.sqrt((moved**2).sum(axis=1)), df, len(sizes))
    below, above = float(np.mean(high < accuracy)), float(np.mean(low > accuracy))
    return 1 - below - above, below, above


def macro_coverage(n_strata: int, size: int, correlation: float, *, shared: bool, repetitions: int, seed: int) -> float:
    """Return how often the interval of a macro average covers the truth; videos may be in all strata, or in one."""
    random = np.random.default_rng(seed)
    accuracies = np.linspace(0.4, 0.9, n_strata)
    strata = np.repeat(np.arange(n_strata), size)
    videos = np.tile(np.arange(size), n_strata) if shared else np.arange(n_strata * size)
    hits = 0
    for _ in range(repetitions):
        if shared:  # what a video is like shifts its answers in all strata
            common = random.random(size) < correlation
            luck = random.random(size)
            own = random.random((n_strata, size))
            right = np.where(common, luck, own) < accuracies[:, None]
        else:
            right = random.random((n_strata, size)) < accuracies[:, None]
        ends = estimate(right.ravel().astype(float).tolist(), videos.tolist(), strata.tolist()).of_shares()
        hits += ends is not None and ends[0] <= accuracies.mean() <= ends[1]
    return hits / repetitions


def f1_coverage(size: int, repetitions: int, seed: int) -> float:
    """Return how often the interval of DREAM's F1 covers the truth, with so many videos in each of five sources."""
    random = np.random.default_rng(seed)
    of_source = np.linspace(0.3, 0.6, 5)
    truth = float(f1_of(np.array([of_source.mean(), of_source.mean() + 0.1])))
    strata = np.repeat(np.arange(5), size).tolist()
    hits = 0
    for number in range(repetitions):
        events = random.integers(3, 10, size=(2, 5, size))
        # How well a video is described moves both.
        common = random.uniform(-0.2, 0.2, size=(5, size))
        shares = np.clip(of_source[:, None] + np.array([0.0, 0.1])[:, None, None] + common, 0, 1)
        columns = (random.binomial(events, shares) / events).reshape(2, -1).T
        found = cluster_bootstrap(columns / (5 * size), f1_of, strata=strata, seed=number)
        hits += found is not None and found.low <= truth <= found.high
    return hits / repetitions


def captions(number: int, random: np.random.Generator) -> Floats:
    """Return the counts of BLEU of invented captions, (captions, counts): matched, possible, length, closest length.

    Captions have 4 to 14 words, and match a reference in runs: each word goes on matching with the video's own chance.
    """
    lengths = random.integers(4, 15, size=number)
    chances = random.beta(2.5, 1.5, size=number)
    matches = (random.random((number, 14)) < chances[:, None]) & (np.arange(14) < lengths[:, None])
    runs = [matches]
    for n in range(1, 4):
        runs.append(runs[-1][:, 1:] & matches[:, : 14 - n])
    matched = [run.sum(axis=1) for run in runs]
    possible = [np.maximum(0, lengths - n) for n in range(4)]
    closest = np.maximum(3, lengths + random.integers(-2, 3, size=number))
    return np.stack([*matched, *possible, lengths, closest], axis=1).astype(float)


def bleu_coverage(size: int, repetitions: int, seed: int) -> tuple[float, float, float]:
    """Return how often the interval of BLEU-4 covers the truth, and how often it lies below and above it."""
    random = np.random.default_rng(seed)
    truth = float(corpus_bleu_of(captions(200_000, random).sum(axis=0)))
    below = above = 0
    for number in range(repetitions):
        found = cluster_bootstrap(captions(size, random), corpus_bleu_of, seed=number, repetitions=1000)
        assert found is not None
        below, above = below + (found.high < truth), above + (found.low > truth)
    return 1 - (below + above) / repetitions, below / repetitions, above / repetitions


def paired(
    sizes: Ints, difference: float, correlation: float, repetitions: int, seed: int
) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Yield two systems' right answers a video, (videos,), and the differences, (samples,), again and again.

    The first has 0.6 of the answers right; 0.2 of the answers change, in a video's own direction as far as they
    correlate.
    """
    random = np.random.default_rng(seed)
    for _ in range(repetitions):
        towards = video_accuracies((0.2 + difference) / 0.4, correlation, sizes.shape, random)
        of = np.repeat(np.arange(len(sizes)), sizes)
        was = random.random(len(of)) < 0.6
        changes = random.random(len(of)) < 0.2
        better = random.random(len(of)) < towards[of]
        moved = np.where(changes, np.where(better, 1.0, -1.0), 0.0)
        first = np.bincount(of, weights=was, minlength=len(sizes)).astype(int)
        second = first + np.bincount(of, weights=moved, minlength=len(sizes)).astype(int)
        yield first, second, moved


def rejections(sizes: Ints, difference: float, correlation: float, repetitions: int, seed: int) -> tuple[float, float]:
    """Return how often the test finds a difference at 5%, and the mean of what it says that it could detect."""
    found, said = 0, []
    clusters = np.repeat(np.arange(len(sizes)), sizes).tolist()
    single = bool((sizes == 1).all())
    for number, (first, second, moved) in enumerate(paired(sizes, difference, correlation, repetitions, seed)):
        if single:
            p = mcnemar_p(int((moved < 0).sum()), int((moved > 0).sum()))
        else:
            p, _ = exchange_p(first[:, None], second[:, None], lambda sums: sums[:, 0], seed=number)
        found += p <= ALPHA
        if number < 50:
            seen = estimate(moved.tolist(), clusters)
            said.append(detectable(seen.stderr or 0.0, seen.df))
    return found / repetitions, float(np.mean(said))


def family_error(n_subsets: int, size: int, n_true: int, repetitions: int, seed: int) -> tuple[float, float]:
    """Return how often any of several subsets that don't differ is said to: plainly, and by Holm's correction."""
    random = np.random.default_rng(seed)
    plain = corrected = 0
    for _ in range(repetitions):
        n_changed = random.binomial(size, 0.2, size=n_subsets)
        chance = np.where(np.arange(n_subsets) < n_true, 0.9, 0.5)
        better = random.binomial(n_changed, chance)
        p = [mcnemar_p(int(n - up), int(up)) for n, up in zip(n_changed, better, strict=True)]
        plain += min(p[n_true:]) <= ALPHA
        corrected += min(holm(p)[n_true:]) <= ALPHA
    return plain / repetitions, corrected / repetitions


def section(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> list[str]:
    """Return a table in markdown under its title."""
    lines = [f"## {title}", "", *([note, ""] if note else [])]
    lines += [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def percent(share: float) -> str:
    """Return a share times 100."""
    return f"{100 * share:.1f}"


SMALL = {
    f"{videos} videos of {size}": np.full(videos, size)
    for videos, size in ((20, 26), (20, 10), (20, 1), (40, 10), (100, 10))
}
"""Questions a video, of designs that are smaller than any benchmark."""


def accuracies(official: dict[str, Ints], repetitions: int) -> list[str]:
    """Return how well intervals of an accuracy cover it."""
    rows = []
    for number, (name, sizes) in enumerate([*official.items(), *SMALL.items()]):
        for correlation in CORRELATIONS if sizes.max() > 1 else (0.0,):
            found = [coverage(sizes, p, correlation, repetitions, 100 * number + i) for i, p in enumerate(ACCURACIES)]
            shown = [f"{percent(inside)} ({percent(below)} / {percent(above)})" for inside, below, above in found]
            rows.append([name, str(len(sizes)), str(sizes.sum()), f"{correlation:g}", *shown])
    head = ["videos as in", "videos", "questions", "correlation", *(f"accuracy {value:g}" for value in ACCURACIES)]
    note = f"{repetitions} repetitions each: a figure is known to about 1.0. In brackets: below / above the truth."
    return section("Coverage of 95% intervals of an accuracy", head, rows, note)


def macro_averages(repetitions: int) -> list[str]:
    """Return how well intervals of a macro average cover it."""
    designs = (
        ("20 subsets of 200 videos, each in one", 20, 200, False, 0.0),
        ("10 subsets of the same 100 videos", 10, 100, True, 0.5),
        ("5 subsets of 8 videos, each in one", 5, 8, False, 0.0),
    )
    rows = []
    for where, n_strata, size, shared, correlation in designs:
        inside = macro_coverage(n_strata, size, correlation, shared=shared, repetitions=repetitions, seed=7)
        rows.append([where, f"{correlation:g}", percent(inside)])
    head = ["subsets", "correlation between them", "coverage"]
    return section("Coverage of 95% intervals of a macro average", head, rows)


def bootstrapped(repetitions: int) -> list[str]:
    """Return how well intervals of DREAM's F1 cover it."""
    rows = [
        [str(size), str(count), percent(f1_coverage(size, count, 11))]
        for size, count in ((5, repetitions), (10, repetitions), (40, repetitions), (200, repetitions // 4))
    ]
    head = ["videos in each of 5 sources", "repetitions", "coverage"]
    f1 = section("Coverage of 95% intervals of DREAM's F1, from the bootstrap", head, rows)
    rows = []
    for size, count in ((10, repetitions), (20, repetitions), (50, repetitions), (200, repetitions // 4)):
        inside, below, above = bleu_coverage(size, count, 13)
        rows.append([str(size), str(count), f"{percent(inside)} ({percent(below)} / {percent(above)})"])
    head = ["videos", "repetitions", "coverage (below / above)"]
    return f1 + section("Coverage of 95% intervals of BLEU-4, from the bootstrap", head, rows)


def paired_tests(repetitions: int) -> list[str]:
    """Return how often the paired test errs, and what it finds."""
    designs = {"500 videos of 1": np.ones(500, int)}
    designs |= {name: SMALL[name] for name in ("20 videos of 10", "100 videos of 10")}
    rows = []
    for number, (name, sizes) in enumerate(designs.items()):
        for correlation in CORRELATIONS if sizes.max() > 1 else (0.0,):
            false, said = rejections(sizes, 0.0, correlation, repetitions, 500 + number)
            # Each of them takes as long as a comparison does.
            power, _ = rejections(sizes, said, correlation, repetitions if sizes.max() == 1 else repetitions // 4, 600)
            rows.append([name, f"{correlation:g}", percent(false), percent(said), percent(power)])
    head = ["design", "correlation", "false positives", "detectable difference", "power there"]
    note = "20% of the answers change. Power is at the difference that is said to be found in 80% of cases."
    return section("The paired test at 5%", head, rows, note)


def families(repetitions: int) -> list[str]:
    """Return how often one of several subsets is said to differ that does not."""
    rows = [
        [str(n_subsets), str(n_true), *map(percent, family_error(n_subsets, 200, n_true, repetitions, 900))]
        for n_subsets, n_true in ((20, 0), (20, 5), (5, 0))
    ]
    head = ["subsets of 200", "of which differ", "any false positive, p", "any false positive, Holm's p"]
    return section("Several subsets", head, rows)


def report(annotations: Path | None, repetitions: int) -> list[str]:
    """Return the tables."""
    return [
        *accuracies(video_sizes(annotations), repetitions),
        *macro_averages(repetitions),
        *bootstrapped(repetitions),
        *paired_tests(repetitions),
        *families(repetitions),
    ]


def main() -> None:
    """Print the tables, and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", type=Path, help="folder with official/ and tarsier/")
    parser.add_argument("--repetitions", type=int, default=2000)
    given = parser.parse_args()
    begun = time.monotonic()
    lines = report(given.annotations, given.repetitions)
    sizes = "of the official files" if given.annotations else "as noted in the script"
    about = (
        f"`scripts/simulate_intervals.py` on one core in {time.monotonic() - begun:.0f} s, Python "
        f"{platform.python_version()}, numpy {np.__version__}; questions a video are those {sizes}."
    )
    text = "\n".join(["# Intervals and tests, by simulation", "", about, "", *lines])
    print(text)
    (PROJECT / "results" / "bench" / "statistics.md").write_text(text.rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
