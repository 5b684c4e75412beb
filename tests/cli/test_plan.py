"""The plan command, eval --dry-run, and the first screen of a run."""

from __future__ import annotations

import json
import shutil

import pytest

from eval.__main__ import main
from eval.config import BUILTIN
from tests.cli.runs import evaluate, needs_world, small_benchmark

pytestmark = needs_world


def planned(capsys, *argv, verb="plan"):
    code = main([verb, *map(str, argv)])
    return code, capsys.readouterr()


def test_a_plan_names_what_a_run_will_do(tmp_path, capsys):
    code, said = planned(capsys, "--bench", "mvbench", "--model", "tarsier-tiny", *small_benchmark(tmp_path))
    assert code == 0
    lines = {line.split()[0]: line for line in said.out.splitlines() if line.strip()}
    assert "3 samples, 3 clips of 3 source videos" in said.out
    assert f"upstream's rows, split test: {tmp_path / 'rows.jsonl'}" in lines["annotations"]
    assert "uniform-8" in lines["frames"]
    assert "mean of the subsets' values" in lines["accounting"]
    assert "1 of 3 media found, 1 missing, 1 unreadable" in lines["media"]
    assert "weights of 4.1 MB as float32" in lines["memory"] or "as half precision" in lines["memory"]
    assert "none is asked" in lines["judge"]
    assert "3 samples, and the published split has 4,000" in lines["comparable"]
    assert "The media of 2 samples are missing or unreadable." in said.out


def test_a_dry_run_is_the_same_and_ends_there(tmp_path, capsys):
    given = ["--bench", "mvbench", "--model", "scripted", "--limit", "20"]
    _, plain = planned(capsys, *given)
    code, dry = planned(capsys, *given, "--dry-run", "--out", tmp_path / "run", verb="eval")
    assert code == 0
    assert dry.out == plain.out
    assert not (tmp_path / "run").exists()
    code, said = planned(capsys, *given, "--probe", verb="eval")
    assert (code, "--probe is of the plan" in said.err) == (2, True)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["out=x"], "plan does not use out"),
        (["--to", "no/where/plan.json"], "--to no/where/plan.json: its folder does not exist"),
        (["--published", "mvbench/No-model"], "no such row"),
        (["--samples", "nothing"], "there is no sample 'nothing'"),
        (["--data", "no/where"], "no/where' does not exist"),
        (["model.n_frames=-1"], "model.n_frames=-1 does not fit: Input should be greater than 0"),
        (["model.n_frames=[1,2]"], "model.n_frames=[1, 2] does not fit: Input should be a valid integer"),
        (["model.fps=inf"], "model.fps=inf does not fit: Input should be a finite number"),
    ],
)
def test_mistakes_are_one_line(capsys, more, said):
    code, found = planned(capsys, "--bench", "mvbench", "--model", "scripted", *more)
    assert code == 2
    assert said in found.err
    assert found.err.count("\n") == 1


def test_a_published_number_stands_beside_it(capsys):
    given = ["--bench", "mvbench", "--model", "scripted", "--limit", "40", "model.n_frames=4"]
    _, said = planned(capsys, *given, "--published", "mvbench/Tarsier-7b")
    assert "Tarsier-7b 62.6" in said.out
    assert "split: test, here test (same)" in said.out
    assert "samples: 4,000, here 40 (different)" in said.out
    assert "frames: 8 (Tarsier, by the benchmark's card), here 4 (different)" in said.out
    assert "at 62.6:" in said.out


def test_judge_calls_are_counted_and_nobody_is_asked(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    given = ["--bench", "msvd-qa", "--model", "scripted", "--judge", "openai:gpt-3.5-turbo-0125", "max_cost=2"]
    code, said = planned(capsys, *given, f"verdicts={tmp_path / 'v.sqlite'}", "--to", tmp_path / "plan.json")
    assert code == 0
    (one,) = json.loads((tmp_path / "plan.json").read_text())["benchmarks"]
    judge = one["judge"]
    # 22 questions of the built-in world, of which two are asked twice.
    assert one["samples"] == 22
    assert 0 < judge["left"] <= judge["calls"] <= 22
    # 0.5 and 1.5 dollars a million tokens, in and out.
    assert judge["cost"] == pytest.approx((judge["input"] * 0.5 + judge["output"] * 1.5) / 1e6)
    assert "at most $2.00 are spent" in said.out


@pytest.mark.parametrize("whose", ["judge", "model"])
def test_a_cap_without_a_price_is_refused_as_by_a_run(whose, capsys):
    """Judge and model behind a server of which no price is known."""
    url = "http://127.0.0.1:9/v1"
    given = (
        ["--bench", "msvd-qa", "--model", "scripted", "--judge", url, "judge.model=mine"]
        if whose == "judge"
        else ["--bench", "mvbench", "--model", url, "model.served_model=mine"]
    )
    code, said = planned(capsys, *given, "max_cost=0.5")
    assert code == 1
    assert "Refused by eval: max_cost needs a price, and " in said.out
    assert "has none for 'mine'" in said.out
    code, said = planned(capsys, *given)
    assert code == 0
    assert "Refused" not in said.out


def test_several_benchmarks_of_which_some_are_not_there(tmp_path, capsys):
    small_benchmark(tmp_path)
    (tmp_path / "rows.jsonl").rename(tmp_path / "MVBench.jsonl")
    code, said = planned(capsys, "--bench", "mvbench,nextqa", "--model", "scripted", "--data", tmp_path)
    assert code == 1
    assert "1/3" in said.out
    assert "Without annotations, so that they cannot be run (1):" in said.out
    assert f"belongs into {tmp_path / 'NExT-QA'}" in said.out
    # A run names what can be run, and where the others belong.
    code = main(["eval", "--bench", "mvbench,nextqa", "--model", "scripted", "--data", str(tmp_path)])
    assert code == 2
    err = capsys.readouterr().err
    assert "There are no annotations of 1 of 2 benchmarks; run those that are there: --bench mvbench" in err
    assert f"nextqa ({tmp_path / 'NExT-QA'}, 4,996 samples, https://github.com/doc-doc/NExT-QA)" in err


def test_an_empty_folder_names_the_expected_one(tmp_path, capsys):
    code, said = planned(capsys, "--bench", "mvbench", "--model", "scripted", "--data", tmp_path)
    assert code == 2
    assert said.err.startswith("tarsier-eval: No annotations of split 'test'")
    where = "MVBench (4,000 samples, from https://huggingface.co/datasets/OpenGVLab/MVBench)"
    assert f"{where} belongs into {tmp_path / 'MVBench'}" in said.err


def test_a_run_begins_with_six_lines_and_lists_what_is_missing(tmp_path, capsys):
    out = tmp_path / "run"
    assert evaluate(out, *small_benchmark(tmp_path)) == 1
    said = capsys.readouterr()
    first = said.out.split("Asked with ")[0].splitlines()
    assert len(first) <= 6
    assert "Media: 1 of 3 media found, 1 missing, 1 unreadable." in first
    assert (out / "missing.txt").read_text() == "video/star/Charades_v1_480/gone.mp4\n"
    assert (
        f"mvbench: 1 missing in {tmp_path / 'video/star/Charades_v1_480'}; others of these subsets are in {tmp_path}"
        in said.err
    )
    # What cannot be read is named with the reason that `data` gives, which each of its samples carries too.
    page = "is text, not a video"
    assert (out / "unreadable.txt").read_text().startswith(f"text.mp4: {page}")
    assert f"mvbench: text.mp4: {page}" in said.err
    assert f"not_a_video: {tmp_path / 'text.mp4'}: {page}" in (out / "predictions.jsonl").read_text()
    told = f"which {out / 'missing.txt'} and {out / 'unreadable.txt'} list; tarsier-eval data --bench mvbench --data "
    assert f"2 samples will fail for want of media, {told}{tmp_path} " in said.err
    # The video comes, and the same command goes on.
    (tmp_path / "gone.mp4").write_bytes((tmp_path / "good.mp4").read_bytes())
    evaluate(out, *small_benchmark(tmp_path))
    assert not (out / "missing.txt").exists()


def test_several_benchmarks_take_a_line_each(tmp_path, capsys):
    assert evaluate(tmp_path / "run", "--limit", "4", bench="mvbench,nextqa") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("mvbench: 4 samples; all 4 media found")
    assert lines[1].startswith("nextqa: 4 samples; all ")


@pytest.mark.slow
def test_clips_are_decoded_and_timed_on_request(tmp_path, capsys):
    code, said = planned(
        capsys, "--bench", "mvbench", "--model", "scripted", "--full", "--probe", *small_benchmark(tmp_path)
    )
    assert code == 0
    assert "1 of 3 media found, 1 missing, 1 unreadable" in said.out
    assert "for loading, by " in said.out


@pytest.mark.parametrize("content", ["name: x\n", "{", '{"a": 1}', '["benchmarks"]'])
def test_no_file_of_the_users_is_replaced_and_an_earlier_plan_is(tmp_path, capsys, content):
    place = tmp_path / "plan.json"
    given = ["--bench", "mvbench", "--model", "scripted", "--limit", "4", "--to", place]
    place.write_text(content)
    code, said = planned(capsys, *given)
    assert (code, place.read_text(), said.out) == (2, content, "")
    assert f"{place} is there already and is not earlier output of this command" in said.err
    place.unlink()
    assert [planned(capsys, *given)[0] for _ in range(2)] == [0, 0]


def test_frames_that_cannot_fit_are_told_with_the_memory(capsys):
    given = ["--bench", "mvbench", "--model", "tarsier-tiny", "--limit", "4", "model.n_frames=100000000"]
    code, said = planned(capsys, *given)
    assert code == 1
    assert "makes prompts of 2,100,000,000 positions" in " ".join(said.out.split())


def test_frames_behind_published_numbers_are_those_of_the_run_s_family(tmp_path, capsys):
    data = tmp_path / "data"
    shutil.copytree(BUILTIN / "world" / "TVBench", data / "TVBench")
    for model, n, said in (
        ("tarsier-7b", 8, ""),
        ("tarsier-7b", 16, "Frames: uniform-16: 16 spread evenly; behind published numbers are others (Tarsier: 8)."),
        ("tarsier2-7b", 16, ""),
        ("tarsier2-7b", 8, "Frames: uniform-8: 8 spread evenly; behind published numbers are others (Tarsier2: 16)."),
        ("scripted", 4, "behind published numbers are others (Tarsier: 8, Tarsier2: 16)."),
    ):
        given = ["--bench", "tvbench", "--model", model, "--data", str(data), f"model.n_frames={n}"]
        _, found = planned(capsys, *given)
        assert (said in found.out) if said else ("Frames: " not in found.out), (model, n)
    # A model of the hub goes by its checkpoint's name.
    given = ["--bench", "tvbench", "--model", "tarsier2-7b", "--data", str(data), "--published", "tvbench/Tarsier-7b"]
    _, found = planned(capsys, *given)
    assert "model: Tarsier-7b, here Tarsier2-7b-0115 (different)" in found.out
