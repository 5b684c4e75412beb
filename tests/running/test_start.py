"""The line at the start of a run: the wording of its prompts, where it was read, and the judge's protocol."""

from __future__ import annotations

import pytest

from tests.cli.runs import evaluate, needs_world, small_benchmark

pytestmark = needs_world


@pytest.mark.parametrize(
    ("bench", "said"),
    [("nextqa", "."), ("msvd-qa", ", judged by protocol native.")],
)
def test_the_wording_and_the_protocol_are_told(tmp_path, capsys, bench, said):
    assert evaluate(tmp_path / "run", "--limit", "1", bench=bench) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Asked with ")]
    assert line.startswith("Asked with own (read from eval/readers/prompts.py)") or "(read from /" in line
    assert line.endswith(f"){said}")


def test_the_file_of_rows_is_named_and_each_benchmark_of_several(tmp_path, capsys):
    evaluate(tmp_path / "one", *small_benchmark(tmp_path))
    assert f"Asked with rows of rows.jsonl (read from {tmp_path / 'rows.jsonl'})." in capsys.readouterr().out
    assert evaluate(tmp_path / "two", "--limit", "1", bench="nextqa,msvd-qa") == 0
    told = capsys.readouterr().out
    assert "\nmsvd-qa: asked with " in f"\n{told}"
    assert "\nnextqa: asked with " in f"\n{told}"
