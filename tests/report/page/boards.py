"""Payloads of comparisons and leaderboards, written by hand."""

from __future__ import annotations

from typing import Any

from tests.report.page.payloads import Payload, page

MODELS = (
    ("Tarsier-7b", "uniform-8", 0.61),
    ("Tarsier-7b", "uniform-16", 0.63),
    ("Tarsier2-7b", "fps-2-max-128", 0.715),
)


def difference(subset: str = "overall", accounting: str = "strict", **more: Any) -> Payload:
    """Return a row of a comparison."""
    return {
        "metric": "accuracy",
        "accounting": accounting,
        "subset": subset,
        "n": 60,
        "n_clusters": 41,
        "first": 0.6,
        "second": 0.65,
        "difference": 0.05,
        "interval": [-0.02, 0.12],
        "p": 0.16,
        "p_adjusted": None if subset == "overall" else 0.32,
        "detectable": 0.1,
        "blind": False,
        **more,
    }


def comparison(runs: list[Payload], first: int, second: int, **more: Any) -> Payload:
    """Return a comparison of two runs by the outcomes of their samples, with a row for each of two subsets."""
    outcomes = [{sample["id"]: sample["outcome"] for sample in runs[at]["samples"]} for at in (first, second)]
    right = [{name for name, outcome in each.items() if outcome == "right"} for each in outcomes]
    subsets = list(dict.fromkeys(sample["subset"] for sample in runs[first]["samples"]))
    return {
        "first": first,
        "second": second,
        "rows": [
            difference(),
            difference(accounting="upstream", n=57),
            *(
                difference(subset, accounting, difference=0.05 - 0.04 * place, interval=[-0.3, 0.2])
                for accounting in ("upstream", "strict")
                for place, subset in enumerate(subsets)
            ),
        ],
        "gained": [name for name in outcomes[0] if name in right[1] - right[0]],
        "lost": [name for name in outcomes[0] if name in right[0] - right[1]],
        "judges": [],
        "judged_by": None,
        "explained": "Detectable: the smallest true difference. p: McNemar's exact test.",
        "p_adjusted": None,
        "caveats": ["The models differ in model.n_frames (8 -> 16)."],
        "sentence": "No difference is shown. accuracy, strict: +5.0 [-2.0, +12.0], p 0.160. 60 samples of both.",
        **more,
    }


def compared(*runs: Payload, **more: Any) -> Payload:
    """Return a page that compares each further run with the first."""
    given = list(runs)
    made = [comparison(given, 0, at, **more) for at in range(1, len(given))]
    return {**page(*given), "kind": "compare", "title": "Two runs", "comparisons": made}


def row(benchmark: str, model: str, value: float, **more: Any) -> Payload:
    """Return a row of a leaderboard."""
    return {
        "id": "-".join([benchmark, model, *(str(more.get(name, "")) for name in ("frames", "accounting", "source"))]),
        "benchmark": benchmark,
        "model": model,
        "frames": "",
        "judge": "",
        "protocol": "",
        "accounting": "strict",
        "value": value,
        "interval": [value - 0.03, value + 0.03],
        "chance": 0.27,
        "n": 200,
        "complete": True,
        "published": False,
        "builtin": False,
        "source": "",
        "date": "2026-11-01T12:00:00+00:00",
        "differs": "",
        "caveats": [],
        "group": "split test, samples 0123456789ab, score_id fedcba987654.",
        "best": False,
        "subsets": [],
        **more,
    }


def quoted(benchmark: str, model: str, value: float, **more: Any) -> Payload:
    """Return a published row."""
    about = {"accounting": "", "interval": None, "chance": None, "n": None, "published": True, "date": ""}
    more = {"source": "The paper", "group": "Published; not measured here.", **more}
    return row(benchmark, model, value, **{**about, **more})


def board(rows: list[Payload], plots: list[Payload] | None = None) -> Payload:
    """Return the page of a leaderboard with these rows."""
    names = list(dict.fromkeys(each["benchmark"] for each in rows))
    benchmarks = [
        {"name": name, "title": name.upper(), "metric": "accuracy", "unit": "percent", "best": 1.0} for name in names
    ]
    return {
        **page(),
        "kind": "leaderboard",
        "title": "Leaderboard",
        "leaderboard": {"benchmarks": benchmarks, "rows": rows, "plots": plots or []},
    }


def usual() -> list[Payload]:
    """Return rows of two benchmarks: three measured in both accountings, and two published."""
    subsets = ("Action Sequence", "Object Shuffle", "State Change")
    measured = [
        row(
            benchmark,
            model,
            value - 0.1 * (benchmark == "msvd-qa") + 0.01 * (accounting == "upstream"),
            frames=frames,
            accounting=accounting,
            judge="gpt-3.5-turbo" if benchmark == "msvd-qa" else "",
            differs=frames.replace("uniform-", "") + " frames" if model == "Tarsier-7b" else "",
            best=model == "Tarsier2-7b",
            subsets=[
                {"subset": subset, "value": value + 0.05 * place, "interval": None, "n": 60}
                for place, subset in enumerate(subsets)
            ],
        )
        for benchmark in ("mvbench", "msvd-qa")
        for model, frames, value in MODELS
        for accounting in ("strict", "upstream")
    ]
    return [*measured, quoted("mvbench", "GPT-4o", 0.575), quoted("tvbench", "GPT-4o", 0.396)]
