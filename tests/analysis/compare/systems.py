"""Folders of scores for the tests of comparisons."""

from __future__ import annotations

import json

from eval.runs.scored import ScoredRun

MC = {"name": "multiple_choice", "digits": "tarsier", "headline": "micro", "whole_videos": False}
QA = {
    "name": "open_qa",
    "protocol": {"name": "native", "wording": {"sha256": "w"}},
    "judge": {"name": "j", "model": "m"},
}
DREAM = {**QA, "name": "autodq"}
CAPTION = {"name": "captioning", "tokenizer": "1", "form": "CIDEr-D"}
GROUPS = {**MC, "name": "text_video_choice"}
PRIMARY = {
    "multiple_choice": "accuracy", "open_qa": "accuracy", "autodq": "f1", "captioning": "cider",
    "text_video_choice": "group_score",
}  # fmt: skip
RUN = {
    "split": "test", "limit": None, "decoder": {"name": "pyav"}, "wording": {"name": "tarsier", "sha256": "x"},
    "prompts_sha256": "p", "data_sha256": "d",
}  # fmt: skip


def line(key, values, *, subset="", cluster=None, status=None, answer="A", target="A"):
    """Return a line of scores.jsonl; without values the model failed."""
    return {
        "id": key, "subset": subset, "cluster": key if cluster is None else cluster, "answer": answer, "target": target,
        "status": status or ("scored" if values else "model_failed"), "values": values, "groups": [], "chance": None,
        "reason": None, "detail": {},
    }  # fmt: skip


def counts(total):
    """Return the counts of a result of so many scores, of which the tests need the total alone."""
    return {"total": total, "scored": total, "invalid": 0, "model_failed": 0, "judge_failed": 0}


def write(path, lines, *, scorer=MC, model="m", benchmark="mvbench", score_id="s", outputs=None, **provenance):
    """Write the folder of a score, with predictions where outputs are given by id."""
    path.mkdir(parents=True)
    (path / "scores.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    result = {
        "benchmark": benchmark, "model": model, "judge": None, "protocol": None, "primary": PRIMARY[scorer["name"]],
        "metrics": [], "coverage": [], "score_id": score_id, "complete": True, "counts": counts(len(lines)),
        "provenance": {**RUN, "model": {"name": model, "n_frames": 8}, **provenance, "scorer": scorer},
    }  # fmt: skip
    (path / "result.json").write_text(json.dumps(result))
    rows = [
        {"id": key, "benchmark": benchmark, "subset": "", "prompt": "p", "output": output, "error": None,
         "targets": ["A"], "options": [], "cluster": "", "metadata": {}}
        for key, output in (outputs or {}).items()
    ]  # fmt: skip
    if rows:
        (path / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def scored(path, lines, **more):
    return ScoredRun.read(write(path, lines, **more))


def answers(right, **more):
    """Return lines of right and wrong answers, None a failure, each about a video of its own."""
    return [
        line(f"Q_{i}", {} if value is None else {"accuracy": float(value)}, **more) for i, value in enumerate(right)
    ]
