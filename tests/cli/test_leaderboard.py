"""leaderboard, verify-row and bundle, as a user calls them: from runs to tables, and back from a row to its number."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from eval.__main__ import main
from eval.analysis.leaderboard.cells import read_csv
from eval.errors import ConfigError, DataError, TarsierEvalError
from eval.runs.bundle import open_bundle
from tests.analysis.leaderboard.synthetic import change, write_run
from tests.cli.judged import descriptions, questions
from tests.cli.runs import command, evaluate, needs_world
from tests.cli.test_compare import data_of
from tests.judges.sensible import sensible

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("read_here")]

PROJECT = Path(__file__).resolve().parents[2]


def make_table(table, *runs):
    return command("leaderboard", runs=[*runs] or None, to=table)


def verify(table, row, run=None, data=None):
    return command("verify-row", row=row, table=table, run=run, data=data)


def make_bundle(run, to):
    return command("bundle", run=run, to=to)


def runs_in(table):
    return [row for row in read_csv(table) if row.origin == "run"]


def score(predictions, bench, out, *more):
    assert main(["score", "--pred", str(predictions), "--bench", bench, "--out", str(out), *more]) in (0, 1)
    return out


def test_each_accounting_has_its_number_of_samples(tmp_path):
    """A failed sample is left out by upstream, and in the denominator of strict."""
    table = tmp_path / "t.csv"
    write_run(tmp_path / "runs" / "whole", ["A"] * 4, model="whole")
    make_table(table, tmp_path / "runs")
    assert "strict | n | media |" in table.with_suffix(".md").read_text()
    write_run(tmp_path / "runs" / "part", ["A", "B", "A", None], model="part")
    make_table(table, tmp_path / "runs")
    text = table.with_suffix(".md").read_text()
    assert "| n, upstream | n, strict | media |" in text
    (line,) = [line for line in text.splitlines() if line.startswith("| part ")]
    assert " | 3 | 4 | " in line
    assert " | 4 | 4 | " in next(line for line in text.splitlines() if line.startswith("| whole "))


def test_from_runs_to_three_tables(tmp_path, capsys):
    write_run(tmp_path / "runs" / "good", ["A"] * 40, model="good")
    write_run(tmp_path / "runs" / "bad", ["B"] * 39 + ["A"], model="=bad|")
    table = tmp_path / "results" / "leaderboard.csv"
    assert make_table(table, tmp_path / "runs")
    assert "2 results with 20 rows read" in capsys.readouterr().out
    assert {row.model for row in runs_in(table)} == {"good", "=bad|"}
    assert any(row.origin == "published" and row.source for row in read_csv(table))
    assert "| good | **100.0" in table.with_suffix(".md").read_text()
    assert r"=bad\|" in table.with_suffix(".md").read_text()
    assert r"good & \textbf{100.0" in table.with_suffix(".tex").read_text()
    before = table.read_bytes()
    assert make_table(table, tmp_path / "runs")
    assert table.read_bytes() == before


def test_runs_that_another_takes_the_place_of_are_named_in_one_line(tmp_path, capsys):
    days = {"old": "2026-11-01", "whole": "2026-11-02", "broken": "2026-11-03"}
    about = {name: {"date": f"{day}T12:00:00+00:00"} for name, day in days.items()}
    write_run(tmp_path / "runs" / "broken", ["A", None, None, "B"], about=about["broken"])
    write_run(tmp_path / "runs" / "whole", ["A", "A", "A", "B"], about=about["whole"])
    write_run(tmp_path / "runs" / "old", ["A", "A", "B", "B"], about=about["old"])
    table = tmp_path / "leaderboard.csv"
    assert make_table(table, tmp_path / "runs")
    assert {row.provenance for row in runs_in(table)} == {"runs/whole"}
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Superseded")]
    assert "1 incomplete, beside a complete one (runs/broken); 1 older than another (runs/old)." in line
    write_run(tmp_path / "new", ["A"] * 4, about={"date": "2026-11-04T12:00:00+00:00"})
    assert make_table(table, tmp_path / "new")
    assert "1 older than another (runs/whole).\n" in capsys.readouterr().err
    assert make_table(table, tmp_path / "new")
    assert "Superseded" not in capsys.readouterr().err


def test_a_page_and_figures(tmp_path, capsys):
    runs = [write_run(tmp_path / "runs" / name, ["A", "B"] * 20, model=name) for name in ("one", "two")]
    table = tmp_path / "results" / "leaderboard.csv"
    assert command("leaderboard", runs=runs, to=table, plots=tmp_path / "figures")
    assert f"1 figure in {tmp_path / 'figures'}, as SVG and PNG: mvbench-bars.svg." in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["mvbench-bars.png", "mvbench-bars.svg"]
    page = data_of(table.with_suffix(".html"))["leaderboard"]
    assert [plot["svg"] for plot in page["plots"]] == ["../figures/mvbench-bars.svg"]
    assert {"one", "two"} < {row["model"] for row in page["rows"]}


def test_what_is_damaged_is_said_and_shows_in_the_exit_code(tmp_path, capsys):
    write_run(tmp_path / "runs" / "sound")
    (write_run(tmp_path / "runs" / "torn") / "result.json").write_text("{")
    (write_run(tmp_path / "runs" / "begun") / "result.json").unlink()
    table = tmp_path / "leaderboard.csv"
    assert not make_table(table, tmp_path / "runs")
    said = capsys.readouterr()
    assert "1 result with 10 rows read, 1 not finished, 1 damaged or foreign" in said.out
    assert "torn" in said.err
    assert len(runs_in(table)) == 10
    (tmp_path / "runs" / "torn" / "result.json").unlink()
    assert make_table(table, tmp_path / "runs")  # a run that is not through is no damage


def test_mistakes_are_told_before_anything_is_written(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        make_table(tmp_path / "leaderboard.csv", tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"\.csv"):
        make_table(tmp_path / "leaderboard.txt", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A run, and scores of judged predictions: four benchmarks, three kinds of answer."""
    folder = tmp_path_factory.mktemp("judged")
    write_run(folder / "mvbench", ["A", "B", "C", "A"])
    score(descriptions(folder / "d.jsonl"), "dream-1k", folder / "dream-1k")
    score(questions(folder / "q.jsonl"), "msvd-qa", folder / "msvd-qa")
    return folder


def some_of(rows):
    """The headline of each benchmark, and one of its subsets."""
    found = {(row.benchmark, row.headline): row for row in rows if row.accounting == "strict" and row.n}
    assert len(found) == 2 * len({row.benchmark for row in rows})
    return found.values()


def test_a_row_can_be_computed_again(judged, tmp_path, capsys):
    table = tmp_path / "leaderboard.csv"
    assert make_table(table, judged / "mvbench", judged / "dream-1k", judged / "msvd-qa")
    for row in (row for row in some_of(runs_in(table)) if row.headline or row.benchmark == "dream-1k"):
        assert verify(table, row.name), capsys.readouterr().err
    assert "recorded" not in capsys.readouterr().out  # the offline judge computes its verdicts
    rows = read_csv(table)
    number = next(number for number, row in enumerate(rows, start=1) if row.benchmark == "mvbench" and row.score_id)
    assert verify(table, str(number))
    assert f"{rows[number - 1].name}, mvbench" in capsys.readouterr().out


def test_a_row_that_was_changed_is_noticed_by_its_first_field(judged, tmp_path, capsys):
    table = tmp_path / "leaderboard.csv"
    make_table(table, judged / "mvbench")
    row = next(row for row in runs_in(table) if row.headline and row.accounting == "strict")
    text = table.read_text()
    line = next(line for line in text.splitlines() if line.startswith(row.name))

    def changed(old, new):
        assert line.count(old) >= 1
        table.write_text(text.replace(line, line.replace(old, new, 1)))
        assert not verify(table, row.name)
        return capsys.readouterr().err

    assert "value differs: the row has 0.6, and the result there says 0.5" in changed(",0.5,", ",0.6,")
    assert "low differs" in changed(repr(row.low), "0.01")
    assert "n differs" in changed(",4,", ",5,")
    assert "predictions_sha256 differs" in changed(row.predictions_sha256, "0" * 64)
    assert "scores_sha256 differs" in changed(row.scores_sha256, "0" * 64)


def altered_outputs(run):
    path = run / "predictions.jsonl"
    path.write_text(path.read_text().replace('"output": "C"', '"output": "A"'))


def altered_result(run):
    change(run / "result.json", metrics__5__value=0.9)


def unsealed(run):
    """Predictions that were changed by someone who knew of the seals."""
    altered_outputs(run)
    change(run / "result.json", files={})


def test_prediction_files_of_one_name_are_different_models(tmp_path):
    scores = []
    for name, said in (("one", "plays a guitar"), ("two", "plays a drum")):
        (tmp_path / name).mkdir()
        rows = questions(tmp_path / name / "predictions.jsonl")
        rows.write_text(rows.read_text().replace("plays a guitar", said))
        scores.append(score(rows, "msvd-qa", tmp_path / f"score-{name}"))
    table = tmp_path / "leaderboard.csv"
    make_table(table, *scores)
    names = {row.fingerprint for row in runs_in(table)}
    assert len(names) == 2
    assert {sum(row.fingerprint == name for row in runs_in(table)) for name in names} == {len(runs_in(table)) // 2}


@needs_world
def test_a_run_and_a_score_of_it_are_one_row(tmp_path):
    flags = ["--model", "scripted", "--limit", "6", "--out", str(tmp_path / "run")]
    assert main(["eval", "--bench", "mvbench", *flags]) == 0
    table = tmp_path / "leaderboard.csv"
    make_table(table, tmp_path / "run")
    before = {row.name for row in runs_in(table)}
    make_table(table, score(tmp_path / "run", "mvbench", tmp_path / "again"))
    assert {row.name for row in runs_in(table)} == before


def test_outputs_with_line_separators_verify(tmp_path, capsys):
    rows = questions(tmp_path / "q.jsonl")
    rows.write_text(rows.read_text().replace("plays a guitar", "plays\\u2028a\\u2029guitar\\u0085"))
    score(rows, "msvd-qa", tmp_path / "run")
    # They stand in the file as they are, and only a line feed ends a line there.
    assert {"\u2028", "\u2029", "\x85"} <= set((tmp_path / "run" / "scores.jsonl").read_text(encoding="utf-8"))
    table = tmp_path / "leaderboard.csv"
    make_table(table, tmp_path / "run")
    row = next(row for row in runs_in(table) if row.headline and row.accounting == "strict")
    assert verify(table, row.name), capsys.readouterr().err


def other_frames(run):
    change(run / "result.json", provenance__model__n_frames=9)


def other_settings(run):
    (run / "config.yaml").write_text((run / "config.yaml").read_text() + "more: 1\n")


def other_record(run):
    change(run / "run.json", fingerprint__n_frames=9)


def not_a_number(run):
    change(run / "result.json", metrics__0__chance=float("nan"))


def aliased_settings(run):
    (run / "config.yaml").write_text("a: &a [*a]\n")


@pytest.mark.parametrize(
    "alter",
    [
        *(altered_outputs, altered_result, unsealed, other_frames, other_settings, other_record),
        *(not_a_number, aliased_settings),
    ],
)
def test_a_run_that_was_changed_is_noticed(alter, tmp_path, capsys):
    table = tmp_path / "leaderboard.csv"
    run = write_run(tmp_path / "run", ["A", "B", "C", "A"])
    make_table(table, run)
    row = next(row for row in runs_in(table) if row.headline and row.accounting == "strict")
    assert verify(table, row.name)
    alter(run)
    assert not verify(table, row.name)
    assert capsys.readouterr().err.startswith(row.name)


def test_numbers_that_do_not_follow_from_the_predictions_are_noticed(tmp_path, capsys):
    table = tmp_path / "leaderboard.csv"
    run = write_run(tmp_path / "run", ["A", "B", "C", "A"])
    unsealed(run)  # before the table is made: row and result agree, and nothing follows
    make_table(table, run)
    row = next(row for row in runs_in(table) if row.headline and row.accounting == "strict")
    assert not verify(table, row.name)
    assert "value differs: the row has 0.5, and computed again it is 0.75" in capsys.readouterr().err


def test_what_cannot_be_verified_is_said(judged, tmp_path):
    table = tmp_path / "leaderboard.csv"
    with pytest.raises(ConfigError, match="does not exist"):
        verify(table, "1")
    run = write_run(tmp_path / "run")
    make_table(table, run)
    rows = read_csv(table)
    published = next(number for number, row in enumerate(rows, start=1) if row.origin == "published")
    with pytest.raises(ConfigError, match="is published"):
        verify(table, str(published))
    shutil.rmtree(run)
    with pytest.raises(ConfigError, match="is gone"):
        verify(table, next(row.name for row in rows if row.origin == "run"))


def test_a_row_is_told_as_it_is(tmp_path, capsys):
    table = tmp_path / "leaderboard.csv"
    run = write_run(tmp_path / "run", [None, None])  # upstream averages over nothing
    make_table(table, run)
    row = next(row for row in runs_in(table) if row.value is None)
    capsys.readouterr()
    assert verify(table, row.name)
    assert f": equal, no value of {row.n} samples, computed from" in capsys.readouterr().out


def test_a_table_that_cannot_be_read_is_told_by_what_it_is(tmp_path):
    table = tmp_path / "t.csv"
    make_table(table, write_run(tmp_path / "run"))
    heading, *_ = table.read_bytes().splitlines(keepends=True)
    other = tmp_path / "other.csv"
    for content, error, said in (
        (heading, ConfigError, "--row 1: the table has no rows yet; add runs to it: tarsier-eval leaderboard"),
        (table.read_text(encoding="utf-8").encode("utf-16"), DataError, "is UTF-16, expected text in UTF-8"),
        (heading + b"\xff", DataError, f"is not UTF-8 from byte {len(heading)} on"),
    ):
        other.write_bytes(content)
        with pytest.raises(error, match=said):
            verify(other, "1")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match="is a pipe, socket or device"):
        verify(tmp_path / "pipe.csv", "1")


def test_a_bundle_gives_the_same_rows_elsewhere(judged, tmp_path, capsys):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    names = ("mvbench", "dream-1k", "msvd-qa")
    for name in names:
        assert make_bundle(judged / name, here / f"{name}.tar.gz")
    first = (here / "mvbench.tar.gz").read_bytes()
    assert make_bundle(judged / "mvbench", here / "mvbench.tar.gz")
    assert (here / "mvbench.tar.gz").read_bytes() == first
    make_table(here / "leaderboard.csv", *(judged / name for name in names))
    shutil.copytree(here, there)
    (there / "leaderboard.csv").unlink()
    make_table(there / "leaderboard.csv", there)

    def content(row):
        return {name: getattr(row, name) for name in row.__slots__ if name not in ("provenance", "bundle_sha256")}

    rows = runs_in(there / "leaderboard.csv")
    assert [content(row) for row in rows] == [content(row) for row in runs_in(here / "leaderboard.csv")]
    assert {row.provenance for row in rows} == {f"{name}.tar.gz" for name in names}
    for row in (row for row in some_of(rows) if row.headline):
        assert verify(there / "leaderboard.csv", row.name), capsys.readouterr().err
    judged_row = next(row for row in rows if row.judge)
    assert verify(here / "leaderboard.csv", judged_row.name, run=there / judged_row.provenance)
    # The bundle was replaced by that of another run.
    shutil.copy(there / "dream-1k.tar.gz", there / "mvbench.tar.gz")
    assert not verify(there / "leaderboard.csv", next(row.name for row in rows if row.benchmark == "mvbench"))
    assert "bundle_sha256 differs" in capsys.readouterr().err


@pytest.mark.slow
def test_a_bundle_is_verified_by_another_checkout_without_data(judged, tmp_path):
    """In a process whose project has neither the built-in world nor results, as after a clone of the code alone."""
    make_bundle(judged / "msvd-qa", tmp_path / "run.tar.gz")
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("eval", "conf"):
        shutil.copytree(PROJECT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    (clone / "benchmarks").mkdir()
    for path in (PROJECT / "benchmarks").glob("*.py"):
        shutil.copy(path, clone / "benchmarks")
    code = """
import sys
from pathlib import Path
import eval.config
assert Path(eval.config.__file__).is_relative_to(sys.argv[2]), eval.config.__file__
from eval.__main__ import main
from eval.analysis.leaderboard.cells import read_csv
main(["leaderboard", "--runs", sys.argv[1], "--to", "leaderboard.csv"])
row = next(row for row in read_csv(Path("leaderboard.csv")) if row.headline and row.origin == "run")
sys.exit(main(["verify-row", "--row", row.name, "--table", "leaderboard.csv"]))
"""
    environment = {**os.environ, "PYTHONPATH": str(clone)}
    command = [sys.executable, "-c", code, str(tmp_path / "run.tar.gz"), str(clone)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "equal" in done.stdout


@pytest.mark.slow
def test_verdicts_of_a_server_are_replayed_by_what_was_asked(tmp_path, capsys):
    from tests.client.server import JudgeServer

    with JudgeServer(sensible) as server:
        more = ["--judge", server.url, f"verdicts={tmp_path / 'v.sqlite'}"]
        score(descriptions(tmp_path / "d.jsonl"), "dream-1k", tmp_path / "run", *more)
    # The server is gone.
    make_bundle(tmp_path / "run", tmp_path / "run.tar.gz")
    table = tmp_path / "leaderboard.csv"
    make_table(table, tmp_path / "run.tar.gz")
    row = next(row for row in runs_in(table) if row.headline and row.accounting == "strict")
    assert row.value == pytest.approx(0.65625)  # worked out in tests/cli/judged.py
    assert verify(table, row.name)
    assert "; the verdicts are the recorded ones." in capsys.readouterr().out
    verdicts = tmp_path / "run" / "verdicts.jsonl"
    lines = verdicts.read_text().splitlines(keepends=True)
    verdicts.write_text("".join(lines[2:]))
    change(tmp_path / "run" / "result.json", files={})
    capsys.readouterr()
    assert not verify(table, row.name, run=tmp_path / "run")
    assert "differs" in capsys.readouterr().err


@pytest.mark.slow
@needs_world
def test_captions_of_a_part_take_the_references_of_the_whole_along(tmp_path, capsys):
    """CIDEr needs the whole split; a bundle of a run with a limit holds it."""
    run = tmp_path / "run"
    assert main(["eval", "--bench", "msvd-caption", "--model", "scripted", "--limit", "2", "--out", str(run)]) == 0
    make_bundle(run, tmp_path / "run.tar.gz")
    with tarfile.open(tmp_path / "run.tar.gz") as tar:
        assert "population.jsonl" in tar.getnames()
    table = tmp_path / "leaderboard.csv"
    make_table(table, tmp_path / "run.tar.gz")
    for row in (row for row in runs_in(table) if row.accounting == "strict"):
        assert verify(table, row.name), capsys.readouterr().err


def test_a_bundle_names_no_place_of_this_machine_and_keeps_no_media(tmp_path, tmp_path_factory, capsys):
    config = f"data: {tmp_path}/data\nbenchmark:\n  scorer: {{digits: tarsier}}\njudge: {{key_env: SECRET_KEY}}\n"
    about = {"data": f"{tmp_path}/data", "read_from": {"files": [f"{tmp_path}/data/MVBench.jsonl"]}}
    run = write_run(tmp_path / "run", config=config, about=about, settings={"checkpoint": f"{tmp_path}/tarsier-7b"})
    (run / "clip.mp4").write_bytes(b"a video")
    make_bundle(run, tmp_path / "run.tar.gz")
    open_bundle(tmp_path / "run.tar.gz", unpacked := tmp_path_factory.mktemp("unpacked"))
    found = {path.name: path.read_bytes() for path in unpacked.iterdir()}
    assert not any(str(tmp_path).encode() in content for content in found.values())
    assert json.loads(found["result.json"])["provenance"]["read_from"]["files"] == [".../MVBench.jsonl"]
    assert "clip.mp4" not in found
    assert "name folders" not in capsys.readouterr().err


def test_a_key_stops_the_bundle(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "sk-secret-secret")
    run = write_run(tmp_path / "run", model="sk-secret-secret", config="judge: {key_env: SECRET_KEY}\n")
    with pytest.raises(ConfigError, match="SECRET_KEY") as error:
        make_bundle(run, tmp_path / "run.tar.gz")
    assert "sk-secret" not in str(error.value)
    assert not (tmp_path / "run.tar.gz").exists()


def test_mistakes_in_bundling(tmp_path):
    run = write_run(tmp_path / "run")
    (tmp_path / "other.tar.gz").write_text("not mine")
    for to, said in (("b.zip", "ends in"), ("no/b.tar.gz", "does not exist"), ("other.tar.gz", "not a bundle")):
        with pytest.raises(ConfigError, match=said):
            make_bundle(run, tmp_path / to)
    with pytest.raises(ConfigError, match=r"result\.json"):
        make_bundle(tmp_path, tmp_path / "b.tar.gz")
    altered_outputs(run)
    (run / "config.yaml").write_text("{")
    with pytest.raises(TarsierEvalError):
        make_bundle(run, tmp_path / "b.tar.gz")
    assert not (tmp_path / "b.tar.gz").exists()


@pytest.mark.parametrize(
    "content", ["{", "[]", "benchmark: 1", "benchmark: {scorer: []}", "!!python/object:os.system x"]
)
def test_a_damaged_configuration_is_no_traceback(content, tmp_path, capsys):
    run = write_run(tmp_path / "run", config=content)
    table = tmp_path / "leaderboard.csv"
    make_table(table, run)
    assert not verify(table, runs_in(table)[0].name)
    assert "config.yaml is damaged" in capsys.readouterr().err
    if content != "benchmark: 1" and not content.startswith("benchmark"):
        with pytest.raises(DataError, match=r"config\.yaml is damaged"):
            make_bundle(run, tmp_path / "b.tar.gz")


def test_a_run_that_was_scored_again_in_another_way_is_computed_so(tmp_path):
    """Its configuration is that of the first scoring."""
    run = write_run(tmp_path / "run", ["A", "1", "2", "B"])
    score(run, "mvbench", run, "benchmark.scorer.digits=tarsier2")
    make_table(tmp_path / "leaderboard.csv", run)
    assert verify(tmp_path / "leaderboard.csv", runs_in(tmp_path / "leaderboard.csv")[0].name)


def test_a_bundle_decides_about_no_class_and_no_path(tmp_path):
    """Its settings come from anyone: plain values of the scorer count, and nothing else."""
    config = (
        "benchmark:\n  scorer:\n    _target_: eval.files.write_atomically\n    path: owned\n    text: x\n"
        "    cache: /tmp/owned\n    digits: tarsier\n    headline: macro\n"
    )
    run = write_run(tmp_path / "run", config=config)
    make_table(tmp_path / "leaderboard.csv", run)
    assert verify(tmp_path / "leaderboard.csv", runs_in(tmp_path / "leaderboard.csv")[0].name)
    assert not Path("owned").exists()


def test_a_run_read_as_a_person_would_has_a_column_of_its_own(tmp_path):
    for name, said in (("a", "The answer is A."), ("b", "The answer is B.")):
        assert evaluate(tmp_path / name, f"model.outputs=['{said}']", bench="nextqa") == 0
    assert main(["leaderboard", "--runs", str(tmp_path), "--to", str(tmp_path / "table.csv")]) == 0
    (header,) = [line for line in (tmp_path / "table.md").read_text().splitlines() if "accuracy, tolerant" in line]
    assert header.index("accuracy, upstream") < header.index("accuracy, strict") < header.index("accuracy, tolerant")
