"""examples/: each script runs as a reader would start it, in an empty folder, and prints what a run's files say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from eval.config import PROJECT
from tests.cli.runs import evaluate, needs_world, read

pytestmark = [needs_world, pytest.mark.slow]
EXAMPLES = PROJECT / "examples"


def run(name, *given, folder):
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, given)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_script_is_tested():
    called = re.findall(r'run\("(\w+\.py)"', (PROJECT / "tests" / "test_examples.py").read_text(encoding="utf-8"))
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(called)


def test_evaluate_and_compare(tmp_path):
    shown = run("evaluate_and_compare.py", "nextqa", "scripted", folder=tmp_path)
    # A model that says "A" whatever it is shown gains nothing by more frames.
    assert "difference +0.000" in shown
    assert shown.rstrip().endswith("Zero is inside: it may be chance.")
    runs = tmp_path / "results" / "runs"
    frames = {path.name: read(path / "predictions.jsonl")[0]["n_frames"] for path in runs.iterdir()}
    assert frames == {"nextqa-2-frames": 2, "nextqa-8-frames": 8}


def test_the_two_that_read_a_run(tmp_path):
    assert evaluate(tmp_path / "run", "--limit", "8", bench="nextqa") == 0
    rows = read(tmp_path / "run" / "scores.jsonl")
    wrong = [row["id"] for row in rows if not row["values"].get("accuracy")]
    assert 0 < len(wrong) < len(rows)
    shown = run("score_predictions.py", tmp_path / "run" / "predictions.jsonl", "nextqa", folder=tmp_path)
    assert [line.partition(":")[0] for line in shown.splitlines() if ": scored, answered" in line] == wrong
    headline = next(m for m in json.loads((tmp_path / "run" / "result.json").read_text())["metrics"])
    assert f"{headline['value']:.3f} of 8 samples" in shown
    shown = run("wrong_answers_by_subset.py", tmp_path / "run", folder=tmp_path)
    assert sum(int(count) for count in re.findall(r": (\d+) of \d+ wrong", shown)) == len(wrong)
    first = next(row for row in read(tmp_path / "run" / "predictions.jsonl") if row["id"] == wrong[0])
    assert f"frames {first['shown'][0]['frames']}" in shown


def test_the_notebook_runs_from_its_first_cell_to_its_last(tmp_path):
    """Its cells in one process, as a kernel runs them; it is kept without outputs, which would go stale."""
    notebook = json.loads((EXAMPLES / "from_predictions_to_a_plot.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    code = "\n\n".join("".join(cell["source"]) for cell in cells)
    environment = {**os.environ, "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    scored = read(tmp_path / "runs" / "notebook-score" / "scores.jsonl")
    wrong = [row["id"] for row in scored if row["values"].get("accuracy") == 0]
    assert re.findall(r"^(\S+) \S+ answered ", done.stdout, re.MULTILINE) == wrong
    assert "<svg" in (tmp_path / "nextqa.svg").read_text(encoding="utf-8")
