"""`tarsier-eval eval`: the run folder, continuing, refusing, failing, the reference checkpoint, the built-in world."""

from __future__ import annotations

import json

import pytest

from eval.config import BUILTIN
from tests.cli.runs import evaluate, needs_world, never_built, read, small_benchmark
from tests.reading import ReadHere

COUNTS = {"total", "scored", "invalid", "model_failed", "judge_failed"}
ROW = [
    "id",
    "benchmark",
    "subset",
    "prompt",
    "output",
    "error",
    "n_frames",
    "media",
    "shown",
    "strip",
    "targets",
    "options",
    "cluster",
    "metadata",
]


@pytest.mark.slow
@needs_world
def test_a_run_writes_the_folder_of_the_contract(tmp_path, capsys):
    assert evaluate(tmp_path / "run") == 0
    rows = read(tmp_path / "run" / "predictions.jsonl")
    assert list(rows[0]) == ROW
    assert len({row["id"] for row in rows}) == len(rows) >= 80
    assert len({row["subset"] for row in rows}) >= 10
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert set(result) >= {"benchmark", "model", "judge", "complete", "counts", "metrics", "provenance", "coverage"}
    assert (result["benchmark"], result["model"], result["judge"], result["complete"]) == (
        "mvbench",
        "scripted",
        None,
        True,
    )
    assert set(result["counts"]) == COUNTS
    assert result["counts"]["total"] == result["counts"]["scored"] == len(rows)
    overall = {(m["name"], m["accounting"]): m for m in result["metrics"] if m["subset"] == "overall"}
    assert set(overall) == {
        (name, accounting)
        for name in ("accuracy", "accuracy_macro", "accuracy_micro")
        for accounting in ("upstream", "strict")
    }
    right = sum(row["targets"] == ["A"] for row in rows) / len(rows)
    assert overall["accuracy_micro", "strict"]["value"] == pytest.approx(right)
    assert 0 < overall["accuracy", "upstream"]["chance"] < 0.5
    provenance = result["provenance"]
    assert provenance["data"] == "built-in"
    assert provenance["decoder"]["decoder"] == "pyav"
    assert {"data_sha256", "prompts_sha256", "model", "versions", "code", "date", "scorer"} <= set(provenance)
    assert len(read(tmp_path / "run" / "scores.jsonl")) == len(rows)
    assert "tarsier-eval" in provenance["versions"]
    shown = capsys.readouterr().out
    assert "accuracy, macro average" in shown
    assert "not comparable" in shown


@pytest.mark.slow
@needs_world
def test_a_run_goes_on_and_ends_with_the_same_bytes(tmp_path, capsys):
    assert evaluate(tmp_path / "whole", "--limit", "40") == 0
    expected = (tmp_path / "whole" / "predictions.jsonl").read_text()
    lines = expected.splitlines(keepends=True)
    (tmp_path / "cut").mkdir()
    for name in ("run.json", "config.yaml"):
        (tmp_path / "cut" / name).write_text((tmp_path / "whole" / name).read_text())
    (tmp_path / "cut" / "predictions.jsonl").write_text("".join(lines[:15]) + lines[15][:30])
    capsys.readouterr()
    assert evaluate(tmp_path / "cut", "--limit", "40") == 0
    said = capsys.readouterr().err
    assert "dropped a half-written last line" in said
    assert f"15 of {len(lines)} samples are done" in said
    assert (tmp_path / "cut" / "predictions.jsonl").read_text() == expected


@pytest.mark.slow
@needs_world
def test_a_run_with_another_setting_is_refused_by_name(tmp_path, capsys):
    assert evaluate(tmp_path / "run", "--limit", "4") == 0
    before = (tmp_path / "run" / "predictions.jsonl").read_bytes()
    assert evaluate(tmp_path / "run", "--limit", "4", "model.n_frames=4") == 2
    assert "another model.n_frames: it has 8, this run has 4" in capsys.readouterr().err
    assert (tmp_path / "run" / "predictions.jsonl").read_bytes() == before


@needs_world
def test_a_foreign_folder_is_refused_before_the_model_is_loaded(tmp_path, capsys, monkeypatch):
    (tmp_path / "thesis.tex").write_text("")
    never_built(monkeypatch)
    assert evaluate(tmp_path) == 2
    assert "is not a run" in capsys.readouterr().err


@needs_world
def test_failures_are_listed_and_end_with_exit_code_1(tmp_path, capsys):
    flags = small_benchmark(tmp_path)
    assert evaluate(tmp_path / "run", *flags) == 1
    rows = read(tmp_path / "run" / "predictions.jsonl")
    assert [row["output"] for row in rows] == ["A", None, None]
    assert rows[1]["error"].startswith("missing: ")
    assert "gone.mp4" in rows[1]["error"]
    assert rows[2]["error"].startswith("not_a_video: ")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["complete"] is False
    assert result["counts"] == {"total": 3, "scored": 1, "invalid": 0, "model_failed": 2, "judge_failed": 0}
    assert result["coverage"] == [{"subset": "Action Sequence", "total": 3, "present": 1}]
    strict = next(m for m in result["metrics"] if m["accounting"] == "strict")
    assert (strict["value"], strict["n"], strict["n_failed"]) == (pytest.approx(1 / 3), 3, 2)
    assert (strict["lower"], strict["upper"]) == (pytest.approx(1 / 3), 1.0)
    assert result["metrics"][0]["value"] == 1.0
    shown = capsys.readouterr().out
    assert "2 failed:" in shown
    # One file is missing and one is no video: the model was asked about neither.
    assert result["media_failed"] == 2
    said = "INCOMPLETE: 33.3% of the samples have a result, and 99.5% are needed; of 2 the media cannot be shown, the"
    for text in (shown, (tmp_path / "run" / "log.txt").read_text()):
        assert f"{said} model failed 0, the judge 0." in text
    assert "MVBench/Action Sequence_1: missing: " in shown


@needs_world
@pytest.mark.slow
def test_workers_read_what_this_process_reads(tmp_path, monkeypatch):
    flags = small_benchmark(tmp_path)
    assert evaluate(tmp_path / "workers", *flags) == 1
    monkeypatch.setattr("eval.engines.local.frame_loader", ReadHere)
    assert evaluate(tmp_path / "here", *flags) == 1
    workers, here = ((tmp_path / name / "predictions.jsonl").read_bytes() for name in ("workers", "here"))
    assert workers == here


@pytest.mark.slow
@needs_world
def test_a_failed_sample_is_tried_again(tmp_path, capsys):
    flags = small_benchmark(tmp_path)
    assert evaluate(tmp_path / "run", *flags) == 1
    for name in ("gone.mp4", "text.mp4"):
        (tmp_path / name).write_bytes((tmp_path / "good.mp4").read_bytes())
    assert evaluate(tmp_path / "run", *flags) == 0
    assert "1 of 3 samples are done" in capsys.readouterr().err
    assert [row["output"] for row in read(tmp_path / "run" / "predictions.jsonl")] == ["A", "A", "A"]


@needs_world
def test_a_row_without_an_answer_is_refused_before_any_work(tmp_path, capsys):
    flags = small_benchmark(tmp_path)
    rows = read(tmp_path / "rows.jsonl")
    del rows[1]["text"]["response"]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert evaluate(tmp_path / "run", *flags) == 2
    assert "'MVBench/Action Sequence_1' has no answer" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@needs_world
def test_too_little_coverage_is_refused_before_any_work(tmp_path, capsys):
    flags = small_benchmark(tmp_path)
    assert evaluate(tmp_path / "run", *flags, "min_coverage=0.9") == 2
    assert "Media below min_coverage=0.9" in (said := capsys.readouterr().err)
    assert "Action Sequence 1/3" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@needs_world
def test_several_benchmarks_share_one_model_and_get_a_folder_each(tmp_path, monkeypatch, capsys):
    from eval import building

    built = []
    real = building.build

    def counting(node, key, given=None):
        built.append(key)
        return real(node, key, given)

    monkeypatch.setattr(building, "build", counting)
    assert evaluate(tmp_path / "run", "--limit", "2", bench="mvbench,oe_qa,msvd-qa") == 0
    assert built.count("model") == 1
    folders = sorted(path.name for path in (tmp_path / "run").iterdir() if path.is_dir())
    assert folders == ["activitynet-qa", "msrvtt-qa", "msvd-qa", "mvbench", "tgif-qa"]
    for name in folders:
        result = json.loads((tmp_path / "run" / name / "result.json").read_text())
        assert (result["benchmark"], result["judge"]) == (name, None if name == "mvbench" else "offline")
    shown = capsys.readouterr().out
    assert shown.count("a placeholder that compares words") == 1
    # Two of its subsets have no average over all.
    assert ["mvbench", "accuracy,", "micro", "average", "2"] in [line.split()[:5] for line in shown.splitlines()]


@needs_world
def test_withheld_solutions_end_as_a_submission_file(tmp_path):
    videos = tmp_path / "EgoSchema" / "videos"
    videos.mkdir(parents=True)
    source = next((BUILTIN / "world").rglob("*.mp4"))
    for name in ("q-1", "q-2"):
        (videos / f"{name}.mp4").write_bytes(source.read_bytes())
    options = {f"option {number}": word for number, word in enumerate(["red", "blue", "green", "white", "black"])}
    questions = [{"q_uid": name, "question": f"What happens in {name}?", **options} for name in ("q-1", "q-2", "q-3")]
    (tmp_path / "EgoSchema" / "questions.json").write_text(json.dumps(questions))
    flags = ["--data", str(tmp_path), "benchmark.split=full", "model.outputs=[B,neither]"]
    assert evaluate(tmp_path / "run", *flags, bench="egoschema") == 1
    assert json.loads((tmp_path / "run" / "submission.json").read_text()) == {"q-2": 1}
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["metrics"] == []
    assert result["counts"] == {"total": 3, "scored": 1, "invalid": 1, "model_failed": 1, "judge_failed": 0}


@pytest.mark.slow
def test_other_weights_are_another_run(tmp_path, capsys, golden):
    import shutil

    from safetensors.torch import load_file, save_file

    checkpoint = tmp_path / "checkpoint"
    shutil.copytree(golden / "tarsier-random", checkpoint)
    flags = ["--limit", "1", "model.max_new_tokens=1", "model.device=cpu"]
    assert evaluate(tmp_path / "run", *flags, model=str(checkpoint)) == 0
    weights = load_file(checkpoint / "model.safetensors")
    weights["language_model.lm_head.weight"] *= 2
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    assert evaluate(tmp_path / "run", *flags, model=str(checkpoint)) == 2
    assert "another model.files_sha256" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("n_frames", [1, 2, 8, 16])
def test_the_reference_checkpoint_gives_the_reference_outputs(n_frames, model_cases, golden, real_videos, tmp_path):
    cases = [case for case in model_cases if case["n_frames"] == n_frames]
    assert len(cases) == 9
    rows = [
        {
            "idx": number,
            "dataset": "MVBench/Action Sequence",
            "text": {"prompt": case["prompt_in"], "response": "A"},
            "video_file": case["video"],
            "vid": case["video"],
        }
        for number, case in enumerate(cases)
    ]
    annotations = tmp_path / "rows.jsonl"
    annotations.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code = evaluate(
        tmp_path / "run",
        "--data",
        str(real_videos),
        "--ann",
        str(annotations),
        f"model.n_frames={n_frames}",
        "model.max_new_tokens=24",
        "model.device=cpu",
        "full_output=true",
        model=str(golden / "tarsier-random"),
    )
    assert code == 0
    got = [row["output"] for row in read(tmp_path / "run" / "predictions.jsonl")]
    assert got == [case["generated_text"] for case in cases]


@pytest.mark.slow
@needs_world
def test_the_built_in_world_is_answered_well_and_the_same_each_time(tmp_path):
    assert evaluate(tmp_path / "one", "model.device=cpu", model="tarsier-tiny") == 0
    metrics = json.loads((tmp_path / "one" / "result.json").read_text())["metrics"]
    strict = {m["subset"]: m for m in metrics if m["accounting"] == "strict" and m["name"] == "accuracy"}
    assert strict["overall"]["value"] >= 0.85
    for subset, metric in strict.items():
        assert metric["value"] > metric["chance"] + 0.25, subset
    source = evaluate(tmp_path / "official", "model.device=cpu", "benchmark.source=official", model="tarsier-tiny")
    assert source == 0
    outputs = [
        {row["id"]: row["output"] for row in read(tmp_path / n / "predictions.jsonl")} for n in ("one", "official")
    ]
    assert outputs[0] == outputs[1]


@needs_world
def test_what_cannot_be_judged_is_refused_before_any_work(tmp_path, capsys):
    source = BUILTIN / "world" / "annotations" / "MSVD-QA-val.jsonl"
    rows = read(source)
    for row in rows:
        del row["text"]["question"]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    flags = ["--ann", str(tmp_path / "rows.jsonl"), "--data", str(BUILTIN / "world")]
    assert evaluate(tmp_path / "run", *flags, bench="msvd-qa") == 2
    assert "no question to show to the judge" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@needs_world
@pytest.mark.slow
def test_outputs_that_never_ended_are_told_and_a_repeated_command_keeps_the_timing(tmp_path, capsys):
    def run():
        more = ["--limit", "3", "model.max_new_tokens=2", "video.workers=1"]
        return evaluate(tmp_path / "run", *more, bench="msvd-caption", model="tarsier-tiny")

    assert run() == 0
    assert "3 of 3 outputs stopped at the bound on new tokens, not at an end token." in capsys.readouterr().out
    timing = json.loads((tmp_path / "run" / "result.json").read_text())["timing"]
    assert timing["batching"]["longest_prompt"] > 168
    assert run() == 0
    assert json.loads((tmp_path / "run" / "result.json").read_text())["timing"] == timing


@pytest.mark.slow
@needs_world
def test_a_run_of_mixed_settings_says_so(tmp_path, capsys):
    more = ["--limit", "4"]
    assert evaluate(tmp_path / "run", *more) == 0
    capsys.readouterr()
    assert evaluate(tmp_path / "run", *more, "model.n_frames=4", "accept=[model.n_frames]") == 0
    said = "Mixed settings: model.n_frames was 8 for the first 4 samples, and is 4 since (accepted)."
    assert said in capsys.readouterr().out.replace("\n", " ")
