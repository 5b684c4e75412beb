"""Tables of publications: a group of benchmarks in its order, with the published numbers beside the run's."""

from __future__ import annotations

import csv
import shutil

import pytest

from eval.__main__ import main
from eval.analysis.leaderboard.gathering import PUBLISHED
from eval.config import cards, groups, table_named, tables
from eval.config.settings import BUILTIN
from eval.errors import ConfigError
from eval.plugins import finding
from eval.running.several import published_beside
from tests.cli.runs import needs_world


@pytest.fixture
def conf(tmp_path, monkeypatch):
    """A folder of a user's with a table."""
    monkeypatch.delenv(finding.VARIABLE, raising=False)
    finding._found.cache_clear()
    table = tmp_path / "mine" / "table" / "two.yaml"
    table.parent.mkdir(parents=True)
    models = "[Tarsier-7b, Tarsier2-7b-0115]"
    table.write_text(f"title: Two\nsource: a draft\nbenchmarks: [tvbench, nextqa, egoschema]\nbeside: {models}\n")
    yield tmp_path / "mine"
    finding._found.cache_clear()


def published(benchmark, model):
    """The headlines in the file, as they are printed."""
    with PUBLISHED.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["benchmark"], row["model"]) == (benchmark, model)]
    rows = [row for row in rows if row["subset"] == "overall" and row["metric"] == cards()[benchmark].metric]
    values = [f"{100 * float(row['value']):.1f}{'?' if row['unstated'] else ''}" for row in rows]
    return ", ".join(dict.fromkeys(values)) or "-"


def lines_of(text):
    return [[cell.strip() for cell in line.strip("|\n").split("|")] for line in text.splitlines() if line[:1] == "|"]


@pytest.mark.parametrize("name", ["tarsier2-table", "tarsier-card"])
def test_a_table_is_a_group_in_its_own_order(name):
    table = tables()[name]
    assert groups()[name] == list(table.benchmarks)
    assert table_named(name.upper().replace("-", "_")) == table
    assert len(table.benchmarks) >= 7
    assert any(published(each, table.beside[0]) != "-" for each in table.benchmarks)


@needs_world
def test_what_is_there_is_run_beside_what_was_published(conf, tmp_path, capsys):
    data = tmp_path / "data"
    for folder in ("TVBench", "NExT-QA"):
        shutil.copytree(BUILTIN / "world" / folder, data / folder)
    out = tmp_path / "out"
    given = ["--conf", str(conf), "--bench", "two", "--data", str(data), "--model", "scripted", "--out", str(out)]
    assert main(["eval", *given]) == 0
    said, err = capsys.readouterr()
    assert "Left out, since there are no annotations: egoschema (" in err
    assert "Two (a draft)." in said
    (header, _, *lines) = lines_of((out / "table.md").read_text())
    assert header == [
        "",
        "metric",
        "n",
        "upstream",
        "strict",
        "95% interval",
        "judge",
        "Tarsier-7b",
        "Tarsier2-7b-0115",
    ]
    assert [line[0] for line in lines] == [cards()[each].title for each in ("tvbench", "nextqa", "egoschema")]
    assert [line[2] for line in lines] == ["20", "24", "-"]
    for line, name in zip(lines, ("tvbench", "nextqa", "egoschema"), strict=True):
        assert line[7:] == [published(name, "Tarsier-7b"), published(name, "Tarsier2-7b-0115")]
    # Where the source leaves the split open, the number says so, and a note says how.
    assert lines[1][7].endswith("?")
    assert "?: the split or the judge is left open" in said


@needs_world
def test_other_groups_show_no_published_numbers(tmp_path, capsys):
    given = ["--bench", "tvbench,nextqa", "--model", "scripted", "--limit", "3", "--out", str(tmp_path / "out")]
    assert main(["eval", *given]) == 0
    assert "Tarsier-7b" not in capsys.readouterr().out
    assert not (tmp_path / "out" / "table.md").exists()


@pytest.mark.parametrize(
    ("name", "benchmarks", "said"),
    [
        ("two", "[tvbench, mvbensh]", "benchmarks has 'mvbensh'. Did you mean 'mvbench'"),
        ("two", "tvbench", "two.yaml"),
        ("mvbench", "[tvbench]", "is a benchmark in conf/"),
        ("tarsier-card", "[tvbench]", "is a name in conf/"),
        ("mc_qa", "[tvbench]", "the name of a group of benchmarks"),
        ("MC-QA", "[tvbench]", "the name of a group of benchmarks"),
        ("all", "[tvbench]", "the name of a group of benchmarks"),
        ("two", "[]", "two.yaml: benchmarks: is empty"),
        ("two", "[tvbench, nextqa, tvbench]", "two.yaml: benchmarks: has 'tvbench' twice"),
        ("two", "[tvbench]\ntitel: x", r"two.yaml: titel: is no field of it\. Did you mean 'title'"),
        ("two", "[tvbench, 3]", r"two.yaml: benchmarks.1=3 does not fit: Input should be a valid string"),
    ],
)
def test_a_table_that_does_not_fit(conf, monkeypatch, name, benchmarks, said):
    (conf / "table" / "two.yaml").unlink()
    (conf / "table" / f"{name}.yaml").write_text(f"title: T\nsource: x\nbenchmarks: {benchmarks}\nbeside: []\n")
    monkeypatch.setenv(finding.VARIABLE, str(conf))
    finding._found.cache_clear()
    with pytest.raises(ConfigError, match=said):
        tables()


@pytest.mark.parametrize("field", ["title", "source", "benchmarks", "beside"])
def test_a_table_that_lacks_a_field(conf, monkeypatch, field):
    path = conf / "table" / "two.yaml"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith(field)))
    monkeypatch.setenv(finding.VARIABLE, str(conf))
    finding._found.cache_clear()
    with pytest.raises(ConfigError) as refused:
        tables()
    assert str(refused.value) == f"{path}: {field}: is missing; add it."


def test_a_table_and_a_benchmark_of_plugins_share_no_name(conf, tmp_path, monkeypatch):
    benchmark = conf / "benchmark" / "Two.yaml"
    other = tmp_path / "other" / "benchmark" / "TWO.yaml"
    for each in (benchmark, other):
        each.parent.mkdir(parents=True)
        each.write_text("name: two\n")
    for folders, said in (
        ([conf], "table/two.yaml: 'two' is a benchmark in the plugin 'mine' already"),
        ([tmp_path / "other", conf], "'Two' is a name in the plugin 'other' already"),
    ):
        monkeypatch.setenv(finding.VARIABLE, ":".join(map(str, folders)))
        finding._found.cache_clear()
        with pytest.raises(ConfigError, match=said):
            groups()
    benchmark.unlink()
    for folders, said in (
        ([tmp_path / "other", conf], "'two' is a benchmark in the plugin 'other' already"),
        ([conf, tmp_path / "other"], "'TWO' is a table in the plugin 'mine' already"),
    ):
        monkeypatch.setenv(finding.VARIABLE, ":".join(map(str, folders)))
        finding._found.cache_clear()
        with pytest.raises(ConfigError, match=said):
            groups()


@needs_world
def test_a_table_of_one_benchmark_is_shown_too(conf, tmp_path, capsys):
    path, out = conf / "table" / "two.yaml", tmp_path / "out"
    path.write_text(path.read_text().replace("[tvbench, nextqa, egoschema]", "[tvbench]"))
    given = ["--conf", str(conf), "--bench", "two", "--model", "scripted", "--limit", "3", "--out", str(out)]
    for _ in range(2):  # a second time it goes on
        assert main(["eval", *given]) == 0
        said = capsys.readouterr().out
        assert "Two (a draft)." in said
        assert said.count("To look at: ") == 1
        assert len(lines_of((out / "table.md").read_text())) == 3


def test_a_users_benchmark_takes_no_tables_name(conf, monkeypatch):
    (conf / "benchmark").mkdir()
    (conf / "benchmark" / "tarsier-card.yaml").write_text("name: tarsier-card\n")
    monkeypatch.setenv(finding.VARIABLE, str(conf))
    finding._found.cache_clear()
    with pytest.raises(ConfigError, match="the name of a group of benchmarks"):
        groups()


@needs_world
def test_what_departs_from_a_table_is_told_with_it(tmp_path, capsys):
    data = tmp_path / "data"
    for folder in ("TVBench", "Vinoground"):
        shutil.copytree(BUILTIN / "world" / folder, data / folder)
    out = tmp_path / "out"
    given = ["--bench", "tarsier2-table", "--data", str(data), "--model", "scripted", "--out", str(out)]
    assert main(["eval", *given]) == 0
    text = (out / "table.md").read_text()
    assert "tvbench: 20 samples, and the published split has 2,525." in text
    assert "tvbench: Frames: uniform-8: 8 spread evenly; behind published numbers are others (Tarsier2: 16)." in text
    lines = {line[0]: line for line in lines_of(text)}
    # Six groups of four questions each.
    assert lines["Vinoground"][1:3] == ["group_score", "6"]
    assert " 24 " not in next(line for line in capsys.readouterr().out.splitlines() if line.startswith(" vinoground"))


def test_a_number_of_another_split_says_so():
    beside = published_beside(tables()["tarsier-card"])
    assert beside["Tarsier-34b"]["egoschema"] == "61.7 (full), 68.6"


@needs_world
def test_a_table_says_who_judged_and_what_that_is_worth(tmp_path):
    out = tmp_path / "out"
    given = ["--bench", "tarsier-card", "--model", "scripted", "--limit", "1", "--out", str(out)]
    assert main(["eval", *given]) == 0
    text = (out / "table.md").read_text()
    (dream,) = [line for line in lines_of(text) if line[0] == "DREAM-1K"]
    assert dream[6] == "offline"
    assert "Judge offline: a placeholder that compares words; its numbers mean nothing" in text
