"""Benchmarks whose score is over groups of questions, run on the built-in world."""

from __future__ import annotations

import pytest

from eval.__main__ import main
from eval.api import load
from eval.config import BUILTIN
from eval.core import Result
from eval.running.probing import probe
from eval.running.request import EvalRequest
from eval.running.start import evaluate


def metric(result: Result, name: str) -> tuple[float | None, int]:
    """Return value and n of a metric over everything, in strict."""
    return next(
        (one.value, one.n)
        for one in result.metrics
        if (one.name, one.accounting, one.subset) == (name, "strict", "overall")
    )


@pytest.mark.slow
@pytest.mark.parametrize(("bench", "headline"), [("vinoground", "group_score"), ("video-mme-v2", "nonlinear_score")])
def test_a_part_has_whole_groups_and_a_probe_is_about_questions(tmp_path, capsys, bench, headline):
    (part,) = evaluate(EvalRequest(bench=bench, model="scripted", limit=9, out=tmp_path / "a"))
    assert metric(part, headline)[1] == 2
    assert metric(part, "accuracy")[1] == 8
    assert "LIMIT=9 draws whole groups of questions" in capsys.readouterr().out

    (least,) = evaluate(EvalRequest(bench=bench, model="scripted", limit=3, out=tmp_path / "least"))
    assert metric(least, headline)[1] == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "LIMIT=3 draws one whole group of questions (4), the least that can be drawn" in said

    rows = (tmp_path / "a" / "predictions.jsonl").read_text().splitlines()
    (tmp_path / "few.jsonl").write_text("\n".join(rows[:-1]))
    assert main(["score", "--pred", str(tmp_path / "few.jsonl"), "--bench", bench, "--out", str(tmp_path / "b")]) == 0
    assert "groups without exactly their questions, left out of" in capsys.readouterr().out

    request = EvalRequest(bench=bench, model="scripted", limit=8, out=tmp_path / "c", verb="probe")
    report = probe(request, "reversed,rotated").report
    assert report.primary == "accuracy"
    assert [(row.probe, row.changes["overall"].n) for row in report.rows] == [("reversed", 8), ("rotated", 8)]


@pytest.mark.slow
@pytest.mark.parametrize("bench", ["vinoground", "video-mme-v2"])
@pytest.mark.parametrize("data", [[], ["--data", str(BUILTIN / "world")]])
def test_groups_survive_an_export(tmp_path, bench, data):
    run, rows = tmp_path / "run", tmp_path / "ex.jsonl"
    evaluate(EvalRequest(bench=bench, model="scripted", out=run))
    assert main(["export", "--run", str(run), "--to", str(rows)]) == 0
    assert main(["score", "--bench", bench, "--pred", str(rows), "--out", str(tmp_path / "s"), *data]) == 0
    then, now = load(run), load(tmp_path / "s")
    assert now.result.metrics == then.result.metrics
    assert list(now.scores) == list(then.scores)
    assert [one.cluster for one in now.scores.values()] == [one.cluster for one in then.scores.values()]
