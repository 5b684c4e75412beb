"""What is scored is held against the run that it is from: its predictions, its benchmark, its data."""

from __future__ import annotations

import json

import pytest

from eval import building
from eval.analysis.judges.opinions import read_judged
from eval.api import compare, load
from eval.config import load_settings
from eval.core import Prediction
from eval.errors import ConfigError, DataError, RunError
from eval.readers.predictions import to_json
from eval.readers.upstream_export import write_predictions
from eval.running.bundling import bundle_run
from eval.running.outcome import BUILTIN_NOTE
from eval.running.request import ScoreRequest
from eval.running.score_file import score
from eval.runs.bundle import open_bundle
from tests.analysis.leaderboard.synthetic import write_run
from tests.cli.runs import needs_world


def scored(source, out, bench=None):
    return score(ScoreRequest(predictions=source, bench=bench, out=out))[0]


def altered(path, was, now):
    text = path.read_text(encoding="utf-8")
    assert was in text
    path.write_text(text.replace(was, now, 1), encoding="utf-8")


def test_changed_predictions_of_a_run_are_noticed(tmp_path, capsys):
    run = write_run(tmp_path / "run", ["A", "B"])
    scored(run, tmp_path / "same")
    assert "is not as" not in capsys.readouterr().out
    altered(run / "predictions.jsonl", '"output": "B"', '"output": "A"')
    for number, source in enumerate((run, run / "predictions.jsonl")):
        scored(source, tmp_path / f"s{number}")
        said = " ".join(capsys.readouterr().out.split())
        assert "predictions.jsonl is not as result.json was computed with it: its lines were changed;" in said
    (run / "predictions.jsonl").write_text((run / "predictions.jsonl").read_text().splitlines(keepends=True)[0])
    scored(run, tmp_path / "cut")
    assert "computed with it: it has 1 lines, not 2;" in " ".join(capsys.readouterr().out.split())


def test_rows_that_were_passed_over_are_told_for_what_they_are(tmp_path, capsys):
    lines = (write_run(tmp_path / "run", ["A", "B", "A"]) / "predictions.jsonl").read_text().splitlines()
    other = lines[0].replace('"benchmark": "mvbench"', '"benchmark": "tvbench"')
    for name, rows, expected in (
        ("one.jsonl", [*lines, lines[0]], ["1 repeated row in one.jsonl was passed over."]),
        ("two.jsonl", [*lines, *lines[:2], other], [
            "2 repeated rows in two.jsonl were passed over.", "1 row of other benchmarks in two.jsonl was passed over.",
        ]),
    ):  # fmt: skip
        (tmp_path / name).write_text("\n".join(rows))
        scored(tmp_path / name, tmp_path / name[:3], "mvbench")
        said = " ".join(capsys.readouterr().out.split())
        assert [note for note in expected if note in said] == expected
        assert said.count("passed over") == len(expected)


def test_predictions_of_a_run_are_not_those_of_another_benchmark(tmp_path):
    run = write_run(tmp_path / "run", ["A"])
    with pytest.raises(ConfigError, match="is a run of 'mvbench', and its predictions cannot"):
        scored(run, tmp_path / "s", "tvbench")
    altered(run / "predictions.jsonl", '"benchmark": "mvbench"', '"benchmark": "tvbench"')
    with pytest.raises(ConfigError, match="cannot be scored as those of 'tvbench'"):
        scored(run, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_an_edited_result_is_not_compared(tmp_path):
    first, second = (write_run(tmp_path / name, ["A", "B"], model=name) for name in "ab")
    compare(first, second)
    altered(second / "result.json", '"value": 0.5', '"value": 0.75')
    for read in (load, read_judged):
        with pytest.raises(RunError, match=r"result\.json is not as it was written: something in it was edited"):
            read(second)
    with pytest.raises(RunError, match="something in it was edited"):
        compare(first, second)


@needs_world
@pytest.mark.parametrize("form", ["own", "upstream"])
def test_predictions_of_the_built_in_world_are_known_by_their_content(form, tmp_path, capsys):
    settings = load_settings(["benchmark=nextqa"])
    samples = list(building.build(settings.benchmark, "benchmark").samples())[:3]
    pairs = [(one, Prediction(id=one.id, prompt=one.prompt, output="A", error=None)) for one in samples]
    path = tmp_path / "rows.jsonl"
    if form == "own":
        path.write_text("".join(json.dumps(to_json(*pair)) + "\n" for pair in pairs), encoding="utf-8")
    else:
        write_predictions(pairs, path, None, "Next-QA-val-multi_choice")
    result = scored(path, tmp_path / "s", "nextqa")
    said = " ".join(capsys.readouterr().out.split())
    assert BUILTIN_NOTE in said
    assert "of the published split" not in said
    assert result.provenance["data"] == "built-in"
    (target,) = samples[0].targets
    altered(path, f'"{target}"', '"B"' if target == "A" else '"A"')
    assert scored(path, tmp_path / "other", "nextqa").provenance["data"] is None
    assert "3 of the 4996 samples of the published split" in " ".join(capsys.readouterr().out.split())


def test_a_bundle_is_unpacked_first(tmp_path):
    run = write_run(tmp_path / "a run", ["A", "B"])
    bundle = bundle_run(run, tmp_path / "a b.tar.gz").path
    for take in (lambda: scored(bundle, tmp_path / "s"), lambda: compare(bundle, run)):
        with pytest.raises(DataError, match=r"is a bundle, .* unpack it \(mkdir 'a b' && tar -xzf"):
            take()
    (tmp_path / "a b").mkdir()
    open_bundle(bundle, tmp_path / "a b")
    assert scored(tmp_path / "a b", tmp_path / "s").metrics == load(run).result.metrics
