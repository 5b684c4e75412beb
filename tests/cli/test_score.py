"""`tarsier-eval score` and `export`: every form of prediction file, partial runs, nothing written over."""

from __future__ import annotations

import json

import pytest

from eval.__main__ import main
from eval.config import BUILTIN
from tests.cli.runs import evaluate, needs_world, read, small_benchmark


@pytest.mark.slow
@needs_world
def test_predictions_are_scored_again_from_every_form(tmp_path):
    flags = small_benchmark(tmp_path)
    evaluate(tmp_path / "run", *flags)
    metrics = json.loads((tmp_path / "run" / "result.json").read_text())["metrics"]
    run = str(tmp_path / "run")
    assert main(["export", "--run", run, "--to", str(tmp_path / "e1" / "own.jsonl")]) == 0
    assert main(["export", "--run", run, "--to", str(tmp_path / "e2" / "rows.jsonl"), "--ann", flags[3]]) == 0
    exported = read(tmp_path / "e2" / "rows.jsonl")
    assert [row["text"]["prediction"] for row in exported] == ["A", "<error>", "<error>"]
    assert exported[0]["video_file"] == "good.mp4"
    sources = [run, f"{run}/predictions.jsonl", str(tmp_path / "e1" / "own.jsonl"), str(tmp_path / "e2")]
    for number, source in enumerate(sources):
        out = tmp_path / f"score-{number}"
        assert main(["score", "--pred", source, "--bench", "mvbench", "--out", str(out)]) == 1
        assert json.loads((out / "result.json").read_text())["metrics"] == metrics, source


@needs_world
def test_the_score_of_a_run_keeps_its_coverage(tmp_path):
    assert evaluate(tmp_path / "run", *small_benchmark(tmp_path)) == 1
    flags = ["score", "--pred", str(tmp_path / "run"), "--bench"]
    for bench, out in (("mvbench", "s"), ("mvbench/action_sequence", "part")):
        assert main([*flags, bench, "--out", str(tmp_path / out)]) == 1
        result = json.loads((tmp_path / out / "result.json").read_text())
        assert result["coverage"] == [{"subset": "Action Sequence", "total": 3, "present": 1}]
        assert result["media_failed"] == 2
    # A run whose result counts other samples tells nothing of these.
    path = tmp_path / "run" / "predictions.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    main([*flags, "mvbench", "--out", str(tmp_path / "cut")])
    assert json.loads((tmp_path / "cut" / "result.json").read_text())["coverage"] == []


@needs_world
def test_a_partial_run_is_scored_as_partial(tmp_path, capsys):
    assert evaluate(tmp_path / "run", "--limit", "6") == 0
    predictions = tmp_path / "run" / "predictions.jsonl"
    predictions.write_text("".join(predictions.read_text().splitlines(keepends=True)[:4]))
    assert main(["score", "--pred", str(tmp_path / "run"), "--bench", "mvbench", "--out", str(tmp_path / "s")]) == 1
    assert "stopped with 2 samples to go" in capsys.readouterr().out
    result = json.loads((tmp_path / "s" / "result.json").read_text())
    assert (result["complete"], result["model"], result["counts"]["total"]) == (False, "scripted", 4)
    assert result["provenance"]["limit"] == 6


def test_a_prediction_file_needs_no_prompts_and_no_videos(tmp_path):
    rows = [
        {"idx": n, "dataset": "MVBench/Action Count", "text": {"response": "B", "prediction": text}}
        for n, text in enumerate(["(B)", "A", "", "<error>"])
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    flags = ["score", "--pred", str(tmp_path / "rows.jsonl"), "--bench", "mvbench"]
    assert main([*flags, "--out", str(tmp_path / "s")]) == 1
    result = json.loads((tmp_path / "s" / "result.json").read_text())
    assert result["counts"] == {"total": 4, "scored": 2, "invalid": 1, "model_failed": 1, "judge_failed": 0}
    values = {(m["name"], m["accounting"], m["subset"]): m["value"] for m in result["metrics"]}
    assert values["accuracy", "upstream", "overall"] == 0.5
    assert values["accuracy", "strict", "Action Count"] == 0.25
    assert main([*flags, "--out", str(tmp_path)]) == 2


@needs_world
def test_upstream_rows_are_reported_as_in_a_run(tmp_path):
    run = tmp_path / "run"
    assert evaluate(run, bench="video-mme") == 0
    annotations = BUILTIN / "world" / "annotations" / "Video-MME.jsonl"
    rows = tmp_path / "rows" / "rows.jsonl"
    assert main(["export", "--run", str(run), "--to", str(rows), "--ann", str(annotations)]) == 0
    assert main(["score", "--pred", str(rows), "--bench", "video-mme", "--out", str(tmp_path / "s")]) == 0
    ran, scored = (json.loads((folder / "result.json").read_text())["metrics"] for folder in (run, tmp_path / "s"))
    assert scored == ran
    assert {"short", "medium", "long"} <= {metric["subset"] for metric in scored}


@needs_world
def test_nothing_is_written_over(tmp_path, capsys):
    assert evaluate(tmp_path / "run", "--limit", "2") == 0
    run = str(tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert main(["export", "--run", run, "--to", f"{run}/predictions.jsonl"]) == 2
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "notes.txt").write_text("mine")
    assert main(["score", "--pred", run, "--bench", "mvbench", "--out", str(tmp_path / "theirs")]) == 2
    (tmp_path / "file").write_text("")
    assert main(["score", "--pred", run, "--bench", "mvbench", "--out", str(tmp_path / "file" / "x")]) == 2
    assert capsys.readouterr().err.count("\n") == 4  # the progress line of the run, and three refusals
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


@needs_world
def test_rows_that_name_no_subset_take_it_from_the_official_files(tmp_path, caplog):
    run, rows, out = tmp_path / "run", tmp_path / "rows.jsonl", tmp_path / "score"
    assert evaluate(run, bench="nextqa") == 0
    assert main(["export", "--run", str(run), "--to", str(rows)]) == 0
    assert main(["score", "--pred", str(rows), "--bench", "nextqa", "--out", str(out)]) == 0
    metrics = [json.loads((folder / "result.json").read_text())["metrics"] for folder in (run, out)]
    assert metrics[0] == metrics[1]
    assert {each["subset"] for each in metrics[0]} == {"overall", "C", "T", "D"}
    assert main(["compare", "--first", str(run), "--second", str(out)]) == 0
    (rows).write_text(rows.read_text().replace("Question", "Asked").replace('"vid": "', '"vid": "x'))
    assert main(["score", "--pred", str(rows), "--bench", "nextqa", "--out", str(tmp_path / "other")]) == 0
    assert "names no subsets, and none are reported; with its official files as data= they are" in caplog.text


def egoschema_rows(*outputs):
    prompt = "USER: <video> q?\n(A) a\n(B) b\n(C) c\nASSISTANT: Answer: ("
    return [
        {
            "idx": n,
            "dataset": "EgoSchema",
            "vid": f"uid-{n}",
            "text": {"prompt": prompt, "response": "", "prediction": p},
        }
        for n, p in enumerate(outputs)
    ]


def test_predictions_of_a_split_without_public_answers_end_as_a_submission(tmp_path, capsys):
    rows = egoschema_rows("C", "(A)", "no idea", "<error>")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    flags = ["score", "--bench", "egoschema", "--pred", str(tmp_path / "rows.jsonl"), "benchmark.split=full"]
    assert main([*flags, "--out", str(tmp_path / "s")]) == 1
    assert json.loads((tmp_path / "s" / "submission.json").read_text()) == {"uid-0": 2, "uid-1": 0}
    assert (tmp_path / "s" / "submission.csv").read_text() == "q_uid,answer\nuid-0,2\nuid-1,0\n"
    assert "submission.json and submission.csv lack 2 answers" in capsys.readouterr().out
    assert main([*flags, "--out", str(tmp_path / "s")]) == 1


def test_cider_says_whose_document_frequencies_it_has(tmp_path, capsys):
    rows = [
        {"idx": n, "dataset": "MSVD-Caption-test", "vid": f"v{n}",
         "text": {"prompt": "USER: <video> x ASSISTANT:", "response": ["a dog runs"], "prediction": "a dog runs"}}
        for n in range(2)
    ]  # fmt: skip
    for count, said in ((1, "1 scored video, with which CIDEr is always 0"), (2, "2 scored videos")):
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:count]))
        flags = ["--pred", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / f"s{count}")]
        assert main(["score", "--bench", "msvd-caption", *flags]) == 0
        assert (
            f"cider takes document frequencies from {said}; DATA= gives those of the split" in capsys.readouterr().out
        )


@needs_world
def test_runs_of_several_benchmarks_are_scored_and_packed_one_by_one(tmp_path, capsys):
    run, out = tmp_path / "run", tmp_path / "s"
    assert evaluate(run, "--limit", "4", bench="nextqa,egoschema") == 0
    capsys.readouterr()
    assert main(["score", "--pred", str(run), "--out", str(out)]) == 0
    summary = capsys.readouterr().out.split("judge, protocol")[-1]
    assert [line.split()[:3] for line in summary.splitlines() if "accuracy" in line] == [
        ["egoschema", "accuracy", "4"],
        ["nextqa", "accuracy", "4"],
    ]
    for name in ("nextqa", "egoschema"):
        again, first = (json.loads((folder / name / "result.json").read_text()) for folder in (out, run))
        assert again["metrics"] == first["metrics"]
    # One of them alone has no folder of its own inside.
    assert main(["score", "--pred", str(run), "--bench", "nextqa", "--out", str(tmp_path / "one")]) == 0
    assert (tmp_path / "one" / "result.json").is_file()
    assert main(["score", "--pred", str(run), "--bench", "nextqa,mvbench", "--out", str(tmp_path / "no")]) == 2
    assert "holds no run of mvbench; it has those of egoschema, nextqa." in capsys.readouterr().err
    assert not (tmp_path / "no").exists()

    assert main(["bundle", "--run", str(run), "--to", str(tmp_path / "run.tar.gz")]) == 0
    assert sorted(path.name for path in tmp_path.glob("*.gz")) == ["run-egoschema.tar.gz", "run-nextqa.tar.gz"]
