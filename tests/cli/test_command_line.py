"""The command line and make: help, mistakes, exit codes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from eval.__main__ import main
from eval.cli import VERBS
from eval.config import PROJECT


@pytest.mark.slow
def test_the_help_of_every_command_imports_nothing_heavy():
    code = (
        "import sys\nfrom eval.__main__ import main\nfrom eval.cli import VERBS\n"
        "actions = [['judge', name] for name in ('check', 'export', 'replay', 'compare')]\n"
        "for words in ([], *([name] for name in VERBS), *actions):\n"
        "    try:\n        main([*words, '--help'])\n    except SystemExit:\n        pass\n"
        "heavy = {'torch', 'transformers', 'av', 'hydra', 'omegaconf', 'rich', 'PIL', 'numpy', 'pydantic', 'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "tarsier-eval eval --bench mvbench" in done.stdout
    assert done.stdout.count("usage: tarsier-eval") == 1 + len(VERBS) + 4


def test_parsed_arguments_go_no_further_than_the_commands():
    root = PROJECT / "eval"
    found = {path for path in root.rglob("*.py") if "Namespace" in path.read_text(encoding="utf-8")}
    assert found <= {root / "__main__.py", *(root / "cli").rglob("*.py")}


@pytest.mark.slow
def test_the_module_is_the_same_program():
    done = subprocess.run([sys.executable, "-m", "eval", "list"], capture_output=True, text=True, check=True)
    assert "mvbench" in done.stdout
    assert "tarsier-7b" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evl"], "Unknown command 'evl'. Did you mean 'eval'?"),
        (["gate"], "Unknown command 'gate'. Did you mean 'regress'?"),
        (["judge", "gate"], "Unknown command 'gate'. Known: card, check, compare, data, export, replay."),
        (["--bench", "x"], "The command is missing; give one first, such as tarsier-eval eval --bench x"),
        (["--pred=x"], "The command is missing; give one first, such as tarsier-eval score --pred=x"),
        (["limit=3"], "The command is missing; give one first, such as tarsier-eval eval limit=3"),
        (["judge", "--run", "x"], "give one first, such as tarsier-eval judge export --run x"),
        (["eval", "--bnech", "mvbench"], "Unknown flag --bnech. Did you mean '--bench'?"),
        (
            ["eval", "--bench", "mvbench", "--config-dir", "x"],
            "Unknown flag --config-dir. Did you mean '--conf'?",
        ),
        (["leaderboard", "--bench", "x"], "Unknown flag --bench. Known: --conf, --help, --plots, --runs, --to."),
        (["--vresion"], "Unknown flag --vresion. Did you mean '--version'?"),
        (["compare", "A=x", "B=y"], "A= and B= are for make; here give --first x --second y."),
        (["judge", "compare", "--second", "y", "A=x"], "A= is for make; here give --first x."),
        (["eval", "BENCH=mvbench"], "BENCH= is for make; here give --bench mvbench."),
        (["eval", "--bench", "mvbench", "OUT=x"], "Unknown setting 'OUT'. Give out=x."),
        (["compare", "x", "y"], "Unexpected 'x': this command takes flags only. Known: --accept, --conf, --first,"),
        (
            ["leaderboard", "limit=3"],
            "Unexpected 'limit=': this command takes no settings. Known: --conf, --help, --plots, --runs, --to.",
        ),
        (["eval", "--bench", "mvbench", "max_cost=-5"], "max_cost must be at least 0 and finite, got -5"),
        (["eval"], "eval needs --bench"),
        (["score", "--bench", "mvbench"], "score needs --pred"),
        (["eval", "--bench", "mvbnch"], "Unknown benchmark 'mvbnch'. Did you mean 'mvbench'?"),
        (["eval", "--bench", " , "], "--bench names no benchmark"),
        (["eval", "--bench", "mvbench", "--data", "no/where"], "no/where' does not exist"),
        (["eval", "--bench", "mvbench", "--ann", "no/rows.jsonl"], "no/rows.jsonl' does not exist"),
        (["eval", "--bench", "mvbench", "--model", "tarsier-8b"], "Did you mean 'tarsier-7b'?"),
        (["eval", "--bench", "mvbench", "--model", "./nope"], "Unknown model './nope': no such folder"),
        (["eval", "--bench", "mvbench", "model.n_fames=2"], "Did you mean 'model.n_frames'?"),
        (["eval", "--bench", "msvd-qa", "--judge", "ofline"], "Unknown judge 'ofline'. Did you mean 'offline'?"),
        (["eval", "--bench", "msvd-qa", "--judge", "opneai:x"], "Unknown judge 'opneai'. Did you mean 'openai'?"),
        (
            ["eval", "--bench", "msvd-qa", "--judge", "openai:"],
            "--judge openai: is incomplete; it takes the form openai:<model>",
        ),
        (["eval", "--bench", "msvd-qa", "--judge", "replay:no.gz"], "no.gz"),
        (["eval", "--bench", "msvd-qa", "--judge", "openai"], "judge=openai needs a model, with its date"),
        (["eval", "--bench", "msvd-qa", "--protocol", "hardend"], "Did you mean 'hardened'?"),
        (["eval", "--bench", "msvd-qa", "--protocol", "autodq-indexed"], "is not made for open questions"),
        (["eval", "--bench", "mvbench", "--limit", "none"], "--limit: 'none' is not a whole number"),
        (["eval", "mvbench"], "Did you mean --bench mvbench?"),
        (["eval", "--tasks", "mvbench"], "Unknown flag --tasks. Here it is --bench."),
        (["eval", "--bench", "mvbench", "--num_frames", "8"], "It is a setting: model.n_frames=16."),
        (["score", "--bench", "mvbench", "--predictions", "p.jsonl"], "Here it is --pred."),
        (["eval", "--bench", "mvbench", "--include_path", "mine"], "Unknown flag --include_path. Here it is --conf."),
        (["eval", "--bench", "mvbench", "--log_samples"], "of all samples are kept in the run folder"),
        (["eval", "--bench", "mvbench", "--trust_remote_code"], "No code of a checkpoint is run"),
        (["eval", "--bench", "mvbench", "--num_fewshot", "5"], "Prompts have no examples"),
        (["eval", "--bench", "mvbench", "--nproc", "8"], "video.workers=4"),
        (["eval", "--bench", "mvbench", "model.dtype=float8"], "model.dtype='float8' does not fit"),
        (["eval", "--bench", "mvbench", "--out", f"{__file__}/run"], "Cannot write to"),
        (["score", "--pred", "no.jsonl", "--bench", "mvbench"], "no.jsonl' does not exist"),
        (["export", "--run", "no", "--to", "x"], "is not a run folder"),
    ],
)
def test_a_mistake_gives_one_line_and_exit_code_2(arguments, said, capsys):
    try:
        code: object = main(arguments)
    except SystemExit as left:
        code = left.code
    captured = capsys.readouterr()
    assert code == 2
    assert said in captured.err
    assert captured.err.startswith("tarsier-eval: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["eval", "BENHC=mvbench"], "Unknown variable BENHC"),
        (["-n", "eval", "BENCH=mvbench", "ARGS=model.n_frames=16 limit=2 min_coverage=1"], "limit=2 min_coverage=1"),
        (["-n", "eval", "BENCH=mvbench", "OUT=it's my run of today"], "--out 'it'\\''s my run of today'"),
    ],
)
def test_make_variables(arguments, said):
    make = ["make", "-C", str(PROJECT), "--no-print-directory", *arguments]
    done = subprocess.run(make, capture_output=True, text=True, check=False)
    assert said in done.stdout + done.stderr
