"""Results as a record of Every Eval Ever, version 0.3.0 of its schema: one JSON file a run.

Source: schemas/eval.schema.json of github.com/evaleval/every_eval_ever. All details that have no field of their own are
texts there, under `additional_details` or `details`. Metrics in which systems are not compared are left out, since the
schema asks of each whether lower is better.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from eval.analysis.leaderboard.rows import instant
from eval.analysis.publish.runs import PublishedRun, slug
from eval.core import OVERALL, Metric, MetricTraits
from eval.judges.calls import JudgeTask
from eval.judges.wording import Wording, hardened_wording, indexed_wording, native_wording
from eval.scorers.traits import all_traits

SCHEMA = "0.3.0"
_COMMIT = re.compile("[0-9a-f]{40}")


def place_of(run: PublishedRun) -> str:
    """Return the record's path: collection, developer, model, and a UUID of version 4 that goes by the run alone."""
    developer, _, model = _model_id(run).rpartition("/")
    name = uuid.UUID(bytes=hashlib.sha256(run.name.encode()).digest()[:16], version=4)
    return f"every_eval_ever/data/{run.config}/{slug(developer or 'unknown')}/{slug(model)}/{name}.json"


def record_of(run: PublishedRun, owner: str | None) -> dict[str, Any] | None:
    """Return the record of a run; None where nothing was scored.

    Args:
        run: The run.
        owner: Who publishes it, where that is known.
    """
    about = run.result.provenance
    results = [_result(run, metric, traits) for metric in run.result.metrics if (traits := _traits(run, metric))]
    if not results:
        return None
    again = about.get("scored_with")
    origin = {**about, **(again if isinstance(again, Mapping) else {})}
    versions = origin.get("versions") or {}
    # Of the run and not of the writing, so that the same run gives the same record.
    when = f"{instant(run.date):.0f}" if run.date else "0"
    return {
        "schema_version": SCHEMA,
        "evaluation_id": f"{run.config}/{_model_id(run)}/{run.name}",
        **({"evaluation_timestamp": run.date} if run.date else {}),
        "retrieved_timestamp": when,
        "source_metadata": {
            "source_name": "tarsier-eval",
            "source_type": "evaluation_run",
            "source_organization_name": owner or "unknown",
            "evaluator_relationship": "other",
        },
        "eval_library": {
            "name": "tarsier-eval",
            "version": str(versions.get("tarsier-eval") or "unknown"),
            "additional_details": _texts({
                "code": origin.get("code"), "fingerprint": run.fingerprint, "score_id": run.result.score_id,
                "versions": versions,
            }),
        },
        "model_info": _model(run),
        "evaluation_results": results,
    }  # fmt: skip


def _traits(run: PublishedRun, metric: Metric) -> MetricTraits | None:
    """Return a metric's traits, where it has a value and systems are compared in it."""
    scorer = all_traits().get(str(run.result.provenance["scorer"]["name"]))
    traits = scorer.metric(metric.name) if scorer else None
    return traits if traits and traits.paired and metric.value is not None else None


def _result(run: PublishedRun, metric: Metric, traits: MetricTraits) -> dict[str, Any]:
    name = run.config if metric.subset == OVERALL else f"{run.config}.{slug(metric.subset)}"
    return {
        "evaluation_result_id": f"{run.name}/{metric.subset}/{metric.name}/{metric.accounting}",
        "evaluation_name": name,
        "source_data": _data(run),
        **({"evaluation_timestamp": run.date} if run.date else {}),
        "metric_config": {
            "evaluation_description": f"{run.title}, {metric.subset}: {metric.name}, {metric.accounting} accounting",
            "metric_id": traits.name,
            "metric_name": metric.name,
            "metric_kind": traits.name,
            "metric_unit": "proportion" if traits.best == 1 else "points",
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": traits.best,
            **_judging(run, traits),
            "additional_details": {"accounting": metric.accounting, "average": metric.average},
        },
        "score_details": {
            "score": metric.value,
            "details": _texts({
                "n_invalid": metric.n_invalid, "n_failed": metric.n_failed, "chance": metric.chance,
                "lower_if_failed": metric.lower, "upper_if_failed": metric.upper, "n_source_videos": metric.n_clusters,
            }),
            "uncertainty": _uncertainty(metric),
        },
        "generation_config": {
            "generation_args": _arguments(run),
            "additional_details": _texts(run.made_by.get("model") or {}),
        },
    }  # fmt: skip


def _uncertainty(metric: Metric) -> dict[str, Any]:
    found: dict[str, Any] = {"num_samples": metric.n}
    if metric.stderr is not None:
        found["standard_error"] = {"value": metric.stderr, "method": "clustered by source video"}
    if metric.interval is not None:
        lower, upper = metric.interval
        found["confidence_interval"] = {
            "lower": lower, "upper": upper, "confidence_level": 0.95, "method": "over source videos",
        }  # fmt: skip
    return found


def _data(run: PublishedRun) -> dict[str, Any]:
    about = run.result.provenance
    details = _texts({"split": about.get("split"), "data_sha256": about.get("data_sha256"), "part": about.get("part")})
    if run.hub:
        source: dict[str, Any] = {"source_type": "hf_dataset", "hf_repo": run.hub, "hf_split": run.split}
        if isinstance(size := (about.get("read_from") or {}).get("split_size"), int):
            source["samples_number"] = size
    elif run.card and not run.builtin:
        source = {"source_type": "url", "url": [run.card.homepage]}
    else:
        source = {"source_type": "other"}
    name = f"{run.title} (built-in world of tarsier-eval)" if run.builtin else run.title
    return {"dataset_name": name, **source, "additional_details": details}


def _model_id(run: PublishedRun) -> str:
    """Return the model's id on the hub, or as a server was asked for it, or else its name."""
    about = run.made_by.get("model") or {}
    is_fetched = _COMMIT.fullmatch(str(about.get("revision") or "")) is not None
    found = about.get("checkpoint") if is_fetched else about.get("requested")
    return str(found or run.result.model)


def _model(run: PublishedRun) -> dict[str, Any]:
    about, libraries = run.made_by.get("model") or {}, run.made_by.get("libraries") or {}
    is_served, name = "requested" in about, _model_id(run)
    found: dict[str, Any] = {"name": run.result.model, "id": name}
    if "/" in name:
        found["developer"] = name.rpartition("/")[0]
    if is_served:
        found["inference_platform"] = str(about.get("provider") or "unknown")
    elif libraries.get("transformers"):
        found["inference_engine"] = {"name": "transformers", "version": str(libraries["transformers"])}
    fetched = _COMMIT.fullmatch(str(about.get("revision") or "")) is not None and "checkpoint" in about
    found["additional_details"] = {
        "deployment_type": "unknown" if is_served or not about else "self_deployed",
        "model_availability": "open_weights" if fetched else "unknown",
        **_texts({"revision": about.get("revision"), "files_sha256": about.get("files_sha256")}),
    }
    return found


def _arguments(run: PublishedRun) -> dict[str, Any]:
    about = run.made_by.get("model") or {}
    found: dict[str, Any] = {}
    if about.get("decoding") == "greedy":
        found["temperature"] = 0.0
    if isinstance(about.get("max_new_tokens"), int):
        found["max_tokens"] = about["max_new_tokens"]
    return found


def _judging(run: PublishedRun, traits: MetricTraits) -> dict[str, Any]:
    """Return who graded, and how it was asked, for a metric that the judge gives."""
    scorer = run.result.provenance["scorer"]
    judged = all_traits()[scorer["name"]].judged  # there, since the metric has traits
    judge, protocol = scorer.get("judge"), scorer.get("protocol")
    if judged is None or not {*traits.values} & {*judged.values} or not isinstance(judge, Mapping):
        return {}
    tasks: tuple[JudgeTask, ...] = ("extract", "entail") if judged.items else ("open_qa",)
    model = {
        "name": str(run.result.judge),
        "id": str(judge.get("model") or judge.get("name")),
        "additional_details": {"deployment_type": "unknown", "model_availability": "unknown"},
    }
    return {
        "llm_scoring": {
            "judges": [{"model_info": model, "additional_details": _texts(judge)}],
            "input_prompt": _prompt(tasks, protocol if isinstance(protocol, Mapping) else {}),
            "additional_details": _texts({"protocol": protocol}),
        }
    }


def _prompt(tasks: Sequence[JudgeTask], protocol: Mapping[str, Any]) -> str:
    """Return the wording of the judge's questions; of an imported one only its name and hash, since it is not ours."""
    told = protocol.get("wording") or {}
    known: dict[str, Wording] = {
        each.sha256: each for each in (native_wording(), hardened_wording(), indexed_wording())
    }
    wording = known.get(str(told.get("sha256")))
    if wording is None:
        return f"wording {told.get('name')}, sha256 {told.get('sha256')}"
    templates = {task: wording.template(task) for task in tasks}
    return "\n\n".join(f"[{task}]\n{one.system}\n{one.user}".strip() for task, one in templates.items())


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return values as texts, those that are none as JSON; nothing for None."""
    return {
        str(name): value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
        for name, value in values.items()
        if value is not None
    }
