"""Results in the two forms of the Hugging Face Hub: `.eval_results/*.yaml`, and a card's `model-index`.

Both hold one number a benchmark: the headline in the accounting `strict`, in the unit of the tables.
Sources: huggingface.co/docs/hub/eval-results, and modelcard.md of github.com/huggingface/hub-docs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eval.analysis.publish.runs import PublishedRun
from eval.core import Metric
from eval.report.footers import headline, incomplete, partial
from eval.report.printing import one_line, span
from eval.scorers.traits import metric_named

TASK = "video-text-to-text"
"""The Hub's name for the task of all benchmarks."""


def eval_results(run: PublishedRun, source: str | None) -> list[dict[str, Any]]:
    """Return the entries of a file in a model's `.eval_results/`; none where nothing was scored.

    Args:
        run: The run.
        source: Where it is published.
    """
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    metric = headline(run.result, "strict")
    if metric is None or metric.value is None:
        return []
    repository, _, commit = str((run.result.provenance.get("read_from") or {}).get("hub") or "").partition("@")
    entry = EvalResultEntry(
        dataset_id=_dataset_id(run),
        task_id="default",
        value=_shown(metric),
        dataset_revision=commit or None if repository == _dataset_id(run) else None,
        date=run.date or None,
        source_url=source,
        source_name="tarsier-eval" if source else None,
        notes=_notes(run, metric),
    )
    entries: list[dict[str, Any]] = eval_result_entries_to_yaml([entry])
    return entries


def model_index(runs: Sequence[PublishedRun]) -> list[dict[str, Any]]:
    """Return the results of all models as a card's `model-index`."""
    from huggingface_hub import EvalResult
    from huggingface_hub.repocard_data import eval_results_to_model_index

    found: list[dict[str, Any]] = []
    for model in dict.fromkeys(run.result.model for run in runs):
        results = [
            EvalResult(
                task_type=TASK,
                dataset_type=_dataset_id(run),
                dataset_name=one_line(f"{run.title}{' (built-in world)' if run.builtin else ''}"),
                dataset_split=run.split,
                dataset_args={"run": run.name},
                metric_type=one_line(run.result.primary),
                metric_name=one_line(f"{run.result.primary} (strict)"),
                metric_value=_shown(metric),
            )
            for run in runs
            if run.result.model == model
            and (metric := headline(run.result, "strict")) is not None
            and metric.value is not None
        ]
        found += eval_results_to_model_index(one_line(model), results) if results else []
    return found


def _dataset_id(run: PublishedRun) -> str:
    """Return the data set's id on the Hub.

    Where there is none, and for the built-in world, a part of a split, annotations of the user's own, and a judge that
    is a placeholder, it is a name without an owner, which no data set there has, so that the number enters no
    leaderboard that it does not belong to.
    """
    about = run.result.provenance
    size = (about.get("read_from") or {}).get("split_size")
    is_part = bool(about.get("part")) or not run.result.complete or size not in (None, run.result.counts.total)
    placeholder = bool(((about.get("scorer") or {}).get("judge") or {}).get("note"))
    if run.hub and not is_part and not placeholder and about.get("annotations") is None:
        return run.hub
    kind = "built-in" if run.builtin else "part" if is_part else "placeholder" if placeholder else "data"
    return f"{run.config}-{kind}"


def _shown(metric: Metric) -> float:
    """Return a value in the unit of tables."""
    return round((metric.value or 0.0) * metric_named(metric.name).scale, 4)


def _notes(run: PublishedRun, metric: Metric) -> str:
    """Return everything that a reader of the number has to know, in one line."""
    result = run.result
    said = [
        *(["the built-in world of tarsier-eval, comparable with nothing else"] if run.builtin else []),
        f"{metric.name}, strict: samples without an answer earn nothing",
        f"95% interval {span(metric.name, metric.interval)}, n={metric.n}, split {run.split}",
        *([f"judge {result.judge}, protocol {result.protocol}"] if result.judge else []),
        *([f"frames {run.table[0].frames}"] if run.table[0].frames else []),
        *(line.rstrip(".") for line in (*incomplete(result), *partial(result))),
        *(["a part of the split"] if result.provenance.get("part") else []),
        f"run {run.name}",
    ]
    return "; ".join(said)
