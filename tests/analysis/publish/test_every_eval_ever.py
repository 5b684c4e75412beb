"""The record of Every Eval Ever, held against the fields of version 0.3.0 of its schema, written down here by hand."""

from __future__ import annotations

import json
import re

import pytest

from eval.__main__ import main
from eval.analysis.publish.every_eval_ever import place_of, record_of
from eval.analysis.publish.runs import read_run
from tests.analysis.leaderboard.synthetic import write_run
from tests.cli.runs import needs_world

# Name: type, or the fields of an object; `*` before a name: it is required. `texts`: an object with texts alone.
# A list of one: a list of such. Objects are closed here, which in the schema only the outermost is.
MODEL = {
    "*name": str, "*id": str, "developer": str, "inference_platform": str,
    "inference_engine": {"name": str, "version": str}, "*additional_details": "texts",
}  # fmt: skip
RESULT = {
    "evaluation_result_id": str,
    "*evaluation_name": str,
    "*source_data": {
        "*dataset_name": str, "*source_type": str, "hf_repo": str, "hf_split": str, "samples_number": int, "url": [str],
        "additional_details": "texts",
    },
    "evaluation_timestamp": str,
    "*metric_config": {
        "evaluation_description": str, "metric_id": str, "metric_name": str, "metric_kind": str, "metric_unit": str,
        "*lower_is_better": bool, "*score_type": str, "*min_score": float, "*max_score": float,
        "llm_scoring": {
            "*judges": [{"*model_info": MODEL, "additional_details": "texts"}], "*input_prompt": str,
            "additional_details": "texts",
        },
        "additional_details": "texts",
    },
    "*score_details": {
        "*score": float,
        "details": "texts",
        "uncertainty": {
            "standard_error": {"*value": float, "method": str},
            "confidence_interval": {"*lower": float, "*upper": float, "confidence_level": float, "method": str},
            "num_samples": int,
        },
    },
    "generation_config": {
        "generation_args": {"temperature": float, "max_tokens": int}, "additional_details": "texts",
    },
}  # fmt: skip
RECORD = {
    "*schema_version": str, "*evaluation_id": str, "evaluation_timestamp": str, "*retrieved_timestamp": str,
    "*source_metadata": {
        "source_name": str, "*source_type": str, "*source_organization_name": str, "*evaluator_relationship": str,
    },
    "*eval_library": {"*name": str, "*version": str, "additional_details": "texts"},
    "*model_info": MODEL,
    "*evaluation_results": [RESULT],
}  # fmt: skip


def check(value, shape, place="record"):
    if shape == "texts":
        assert isinstance(value, dict), place
        assert all(isinstance(text, str) for pair in value.items() for text in pair), place
    elif isinstance(shape, list):
        assert isinstance(value, list), place
        assert value, place
        for number, each in enumerate(value):
            check(each, shape[0], f"{place}[{number}]")
    elif isinstance(shape, dict):
        known = {name.lstrip("*"): kind for name, kind in shape.items()}
        assert set(value) <= set(known), (place, set(value) - set(known))
        assert {name[1:] for name in shape if name[0] == "*"} <= set(value), place
        for name, each in value.items():
            check(each, known[name], f"{place}.{name}")
    else:
        assert type(value) is shape, (place, value)


def sound(record):
    check(record, RECORD)
    details = [record["model_info"]["additional_details"]]
    for result in record["evaluation_results"]:
        config, score = result["metric_config"], result["score_details"]["score"]
        assert config["min_score"] <= score <= config["max_score"]
        kind = result["source_data"]["source_type"]
        assert (kind == "url") == ("url" in result["source_data"])
        assert (kind == "hf_dataset") == ("hf_repo" in result["source_data"])
        assert kind in ("url", "hf_dataset", "other")
        details += [one["model_info"]["additional_details"] for one in config.get("llm_scoring", {}).get("judges", [])]
    for each in details:
        assert each["deployment_type"] in ("self_deployed", "externally_managed", "unknown")
        assert each["model_availability"] in ("open_weights", "closed_weights", "unknown")
    ids = [result["evaluation_result_id"] for result in record["evaluation_results"]]
    assert len(ids) == len(set(ids))
    return True


def test_a_run_of_multiple_choice(tmp_path):
    commit = "0123456789abcdef0123456789abcdef01234567"
    model = {"checkpoint": "omni-research/Tarsier-7b", "revision": commit, "n_frames": 8, "max_new_tokens": 64}
    run = read_run(write_run(tmp_path / "run", ["A", "B", "?", None], settings=model, about={"data": "/data"}))
    record = record_of(run, "owner")
    assert record is not None
    assert sound(record)
    assert record["schema_version"] == "0.3.0"
    assert record["evaluation_id"] == f"mvbench/omni-research/Tarsier-7b/{run.name}"
    # 12:00 on 1 November 2026, UTC
    assert record["retrieved_timestamp"] == "1793534400"
    assert record["source_metadata"]["source_organization_name"] == "owner"
    told = record["model_info"]
    assert (told["id"], told["developer"]) == ("omni-research/Tarsier-7b", "omni-research")
    assert told["additional_details"]["model_availability"] == "open_weights"
    by_id = {result["evaluation_result_id"]: result for result in record["evaluation_results"]}
    strict = by_id[f"{run.name}/overall/accuracy_micro/strict"]
    assert strict["source_data"]["hf_repo"] == "OpenGVLab/MVBench"
    assert strict["score_details"]["score"] == 0.25
    assert strict["score_details"]["details"]["n_failed"] == "1"
    assert strict["score_details"]["uncertainty"]["num_samples"] == 4
    assert strict["metric_config"]["metric_id"] == "accuracy"
    assert "llm_scoring" not in strict["metric_config"]
    # One of the two that were answered in its way is right.
    assert by_id[f"{run.name}/overall/accuracy_micro/upstream"]["score_details"]["score"] == 0.5
    assert by_id[f"{run.name}/Action Sequence/accuracy/strict"]["evaluation_name"] == "mvbench.Action-Sequence"
    assert strict["generation_config"]["generation_args"] == {"max_tokens": 64}
    place = place_of(run)
    uuid = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert re.fullmatch(rf"every_eval_ever/data/mvbench/omni-research/Tarsier-7b/{uuid}\.json", place)
    assert place_of(read_run(tmp_path / "run")) == place


@needs_world
@pytest.mark.slow
@pytest.mark.parametrize("bench", ["msvd-qa", "dream-1k", "msvd-caption"])
def test_a_run_of_another_kind(tmp_path, bench):
    assert main(["eval", "--bench", bench, "--model", "scripted", "--limit", "5", "--out", str(tmp_path / "run")]) == 0
    assert main(["publish", "--run", str(tmp_path / "run"), "--to", str(tmp_path / "to")]) == 0
    (file,) = (tmp_path / "to" / "every_eval_ever").rglob("*.json")
    record = json.loads(file.read_text(encoding="utf-8"))
    assert sound(record)
    judged = {
        result["metric_config"]["metric_name"]: result["metric_config"].get("llm_scoring")
        for result in record["evaluation_results"]
    }
    if bench == "msvd-qa":
        assert judged["accuracy"]["input_prompt"].startswith("[open_qa]")
        assert "{{question|json}}" in judged["accuracy"]["input_prompt"]
        assert judged["exact_match"] is None
    elif bench == "dream-1k":
        # Shares of neutral events are neither good nor bad.
        assert {"f1", "recall", "precision"} >= set(judged)
        assert judged["recall"]["input_prompt"].count("[e") == 2
    else:
        assert set(judged) == {"cider", "bleu_4", "rouge_l"}
        assert set(judged.values()) == {None}
