"""A run of several benchmarks ends in one screen; what it leaves out is in the log of each."""

from __future__ import annotations

import json
import shutil

import pytest

from eval.__main__ import parser
from eval.config import BUILTIN, benchmarks_named
from eval.config.makefile import ARGS, MAKE, as_typed, in_words_of_make
from eval.errors import ConfigError
from eval.report.printing import counted
from eval.running.request import EvalRequest, ScoreRequest
from eval.running.score_file import score
from eval.running.start import evaluate
from tests.cli.runs import needs_world
from tests.reading import ReadHere


@pytest.fixture(autouse=True)
def read_here(monkeypatch):
    monkeypatch.setattr("eval.engines.local.frame_loader", ReadHere)


def run(out, *overrides, bench="mvbench"):
    return evaluate(EvalRequest(bench=bench, out=out, overrides=["model=scripted", "limit=20", *overrides]))


def test_one_line_a_benchmark_and_notes_once(tmp_path, capsys):
    run(tmp_path, bench="mvbench,nextqa,tvbench")
    shown = capsys.readouterr().out
    assert shown.count("This is the built-in world") == 1
    assert shown.count("Values times 100") == 1
    assert "mvbench, nextqa, tvbench" not in shown  # said of all, without names
    assert "Action Sequence" not in shown
    assert len(shown.splitlines()) < 24
    log = (tmp_path / "mvbench" / "log.txt").read_text()
    assert "Action Sequence" in log
    assert f"Written to {tmp_path / 'mvbench'}" in log


def test_the_log_has_every_failure(tmp_path, capsys):
    about = {
        "benchmark": "mvbench",
        "subset": "A",
        "prompt": "",
        "output": None,
        "targets": ["A"],
        "options": [],
        "cluster": "",
    }
    rows = [{**about, "id": f"MVBench/A_{n}", "error": f"missing: {n}.mp4"} for n in range(30)]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    score(ScoreRequest(predictions=tmp_path / "p.jsonl", bench="mvbench", out=tmp_path / "score"))
    shown, log = capsys.readouterr().out, (tmp_path / "score" / "log.txt").read_text()
    assert "... and 20 more" in shown
    assert "29.mp4" not in shown
    assert all(f"{n}.mp4" in log for n in range(30))


def test_a_log_that_cannot_be_written_costs_nothing(tmp_path):
    run(tmp_path / "run")
    (tmp_path / "run" / "log.txt").unlink()
    (tmp_path / "run" / "log.txt").mkdir()
    assert run(tmp_path / "run")[0].counts.total == 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MVBench", ["mvbench"]),
        ("NExT-QA, Video-MME", ["nextqa", "video-mme"]),
        ("mvbench nextqa", ["mvbench", "nextqa"]),
        ("Dream_1k", ["dream-1k"]),
        ("Description", ["dream-1k"]),
    ],
)
def test_names_as_people_write_them(text, expected):
    assert benchmarks_named(text) == expected


@pytest.mark.parametrize(
    ("text", "said"), [("", "names no benchmark"), (" , ", "names no benchmark"), ("mvbnch", "Did you mean 'mvbench'")]
)
def test_names_of_nothing(text, said):
    with pytest.raises(ConfigError, match=said):
        benchmarks_named(text)


@pytest.mark.parametrize(
    ("typed", "make"),
    [
        (
            "score needs --pred and --bench; give --to, not --to-file",
            "score needs PRED and BENCH; give TO, not --to-file",
        ),
        ("--unpack unpacks them", 'ARGS="--unpack" unpacks them'),
        ("--to FILE has all of it", "TO=FILE has all of it"),
        ("--missing FILE lists them", 'ARGS="--missing FILE" lists them'),
        ("2 more reasons: tarsier-eval plan)", "2 more reasons: make plan)"),
        ("run those that are there: --bench mvbench,nextqa, or", "run those that are there: BENCH=mvbench,nextqa, or"),
        ("name it: --bench <name>.", "name it: BENCH=<name>."),
        ("--bench names no benchmark.", "BENCH names no benchmark."),
        ("--data /a/b: no such folder", "DATA=/a/b: no such folder"),
        (
            "see tarsier-eval data --bench mvbench --data '/a b' --unpack --missing m.txt now",
            "see make data BENCH=mvbench DATA='/a b' ARGS=\"--unpack --missing m.txt\" now",
        ),
        ("make it: tarsier-eval judge check --judge x", "make it: make judge-check JUDGE=x"),
        # Other programs keep their words.
        ("hf download x --repo-type dataset --local-dir y", "hf download x --repo-type dataset --local-dir y"),
        ("ray start --head; install tarsier-eval again", "ray start --head; install tarsier-eval again"),
    ],
)
def test_messages_in_words_of_make(typed, make, monkeypatch):
    assert in_words_of_make(typed) == make
    monkeypatch.setenv("TARSIER_EVAL_MAKE", "1")
    assert as_typed(typed) == make
    monkeypatch.delenv("TARSIER_EVAL_MAKE")
    assert as_typed(typed) == typed


def test_every_flag_has_a_word_of_make():
    def flags(of):
        for action in of._actions:
            yield from (option for option in action.option_strings if option.startswith("--"))
            for command in (action.choices or {}).values() if isinstance(action.choices, dict) else ():
                yield from flags(command)

    assert set(flags(parser())) - {*MAKE.values()} - {"--help", "--version"} == ARGS


def test_subsets_alone_have_the_average_over_their_samples(tmp_path, capsys):
    run(tmp_path, bench="mvbench/state change,nextqa")
    said = capsys.readouterr()
    assert "mvbench: accuracy, micro average " in said.out + said.err
    assert "mvbench   accuracy, micro average" in said.out
    assert "nextqa    accuracy   " in said.out


@needs_world
def test_why_samples_of_several_benchmarks_have_no_value_is_told_at_the_end(tmp_path, capsys):
    for name in ("NExT-QA", "TVBench"):
        shutil.copytree(BUILTIN / "world" / name, tmp_path / "data" / name)
    lost = min((tmp_path / "data" / "NExT-QA").rglob("*.mp4"))
    lost.write_text("<html>sign in</html>")
    request = EvalRequest(
        bench="nextqa,tvbench", out=tmp_path / "run", data=tmp_path / "data", overrides=["model=scripted"]
    )
    first, _ = evaluate(request)
    n = first.media_failed
    assert n
    last = capsys.readouterr().out.rpartition("judge, protocol")[2]
    assert f"nextqa: {counted(n, 'sample')} without media that can be shown ({n} not a video)." in last
    assert f"of {n} the media cannot be shown, the model failed 0, the judge 0." in last
    assert "tvbench: 0" not in last
