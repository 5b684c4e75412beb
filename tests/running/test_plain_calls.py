"""What the commands do with finished runs, called from Python with plain arguments."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from eval.analysis.leaderboard.gathering import gather
from eval.api import compare
from eval.errors import ConfigError
from eval.running.bundling import bundle_judged, bundle_run
from eval.running.explaining import explain_run
from eval.running.replaying import replay
from eval.running.request import WhyRequest
from eval.running.verifying import verify_row
from tests.analysis.leaderboard.synthetic import write_run
from tests.cli.runs import command

pytestmark = pytest.mark.slow


@pytest.fixture
def runs(tmp_path):
    """Ten questions whose answer is A, of which one model has 8, and another 5."""
    write_run(tmp_path / "good", ["A"] * 8 + ["B"] * 2, model="good")
    write_run(tmp_path / "bad", ["A"] * 5 + ["B"] * 5, model="bad")
    return tmp_path


def test_a_row_is_gathered_and_verified(runs, capsys):
    table = runs / "table" / "t.csv"
    gathered = gather([runs / "good", str(runs / "bad")], table)
    assert (gathered.table, gathered.found.n_results) == (table, 2)
    assert [path.name for path in gathered.beside] == ["t.md", "t.tex", "t.html"]
    row = next(row for row in gathered.rows if row.headline and row.model == "good")
    assert row.value == 0.8
    found = verify_row(row.name, table=table)
    assert (found.row, found.place, found.difference) == (row, runs / "good", None)
    other = verify_row(row.name, table=table, run=runs / "bad")
    assert other.difference is not None
    assert "and the result there says" in other.difference
    with pytest.raises(ConfigError, match="no row is called so"):
        verify_row("nothing of the kind", table=table)
    assert capsys.readouterr() == ("", "")


def test_a_bundle_says_what_is_in_it(runs, capsys):
    written = bundle_run(runs / "good", runs / "good.tar.gz")
    assert (written.folder, written.path) == (runs / "good", runs / "good.tar.gz")
    assert written.size == written.path.stat().st_size
    assert written.n_predictions == 10
    with pytest.raises(ConfigError, match="judge"):
        bundle_judged(runs / "good", runs / "judged.tar.gz")
    with pytest.raises(ConfigError, match="judge"):
        replay(written.path)
    assert capsys.readouterr() == ("", "")


def test_a_number_is_explained(runs, capsys):
    found = explain_run(WhyRequest(run=runs / "good", value="82.6"))
    assert found.target is not None
    assert found.number.value == 0.8
    assert found.target.value == pytest.approx(0.826)
    with pytest.raises(ConfigError, match="--published and --value: give one of them"):
        WhyRequest(run=runs / "good", published="1", value="82.6")
    assert capsys.readouterr() == ("", "")


def test_the_command_writes_what_the_api_compares(runs):
    assert command("compare", first=runs / "bad", second=runs / "good", to=runs / "c.json")
    found = compare(runs / "bad", runs / "good")
    assert found.changes[0].difference == pytest.approx(0.3)
    assert json.loads((runs / "c.json").read_text(encoding="utf-8")) == json.loads(json.dumps(asdict(found)))
