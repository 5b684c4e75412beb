"""Benchmarks, models, judges and scorers of a user's, from a folder and from a package, through the command line."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from eval import building
from eval.__main__ import main
from eval.analysis.page.run import caveats
from eval.config import cards, groups, load_settings, names
from eval.errors import ConfigError
from eval.plugins import finding, importing
from eval.provenance import plugin_code
from eval.runs.scored import ScoredRun
from eval.scorers.traits import all_traits, metric_named
from tests.cli.runs import needs_world
from tests.plugins import toys

KINDS = ("folder", "package")
POINTS = {"red": [10, 8, 9, 7], "turquoise": [4, 6, 5, 7]}
"""Ten, less the difference of the letters from red, green, blue and yellow."""


@pytest.fixture(autouse=True)
def own_modules(monkeypatch):
    """Forget what a test imported and found, since others write other files under the same names."""
    monkeypatch.delenv(finding.VARIABLE, raising=False)
    finding._found.cache_clear()
    yield
    finding._found.cache_clear()
    for name in [
        each for each in sys.modules if each.partition(".")[0] in {*toys.MODULES, "broken", "lone", "hue_plugin"}
    ]:
        del sys.modules[name]
    importing._FINDER.folders.clear()


@pytest.fixture(params=KINDS)
def conf(request, tmp_path, monkeypatch):
    """The flags that name the toys: none for the package, which is installed."""
    if request.param == "package":
        monkeypatch.syspath_prepend(str(toys.as_package(tmp_path)))
        return []
    return ["--conf", str(toys.as_folder(tmp_path))]


def run(*words, code=0):
    assert main([str(word) for word in words]) == code


def result_of(folder):
    return json.loads((folder / "result.json").read_text())


@needs_world
@pytest.mark.slow
def test_they_are_run_compared_listed_drawn_and_published(conf, tmp_path, capsys):
    data = toys.data(tmp_path)
    for word in POINTS:
        run(
            "eval",
            "--bench",
            "hues",
            "--model",
            "echo",
            f"model.word={word}",
            "--data",
            data,
            "--out",
            tmp_path / word,
            *conf,
        )
    run(
        "eval",
        "--bench",
        "The-Hues",
        "--model",
        "echo",
        "--frames",
        "fps-3-max-5",
        "--data",
        data,
        "--out",
        tmp_path / "fps",
        *conf,
    )
    run(
        "eval",
        "--bench",
        "hues-graded",
        "--model",
        "echo",
        "--judge",
        "lenient",
        "--data",
        data,
        "--out",
        tmp_path / "graded",
        *conf,
    )
    assert "7.50" not in capsys.readouterr().err
    found = {word: result_of(tmp_path / word) for word in POINTS}
    for word, result in found.items():
        (strict,) = [each["value"] for each in result["metrics"] if each["accounting"] == "strict"]
        assert strict == pytest.approx(sum(POINTS[word]) / 4)
    (graded,) = [m["value"] for m in result_of(tmp_path / "graded")["metrics"] if m["accounting"] == "strict"]
    assert (graded, result_of(tmp_path / "graded")["judge"]) == (1.0, "lenient")

    name, version = ("my-choices", str(tmp_path / "my-choices")) if conf else ("hue-plugin", "1.2")
    about, record = found["red"]["provenance"], json.loads((tmp_path / "red" / "run.json").read_text())
    assert about["versions"][f"plugin {name}"] == version
    assert about["plugins"] == record["fingerprint"]["plugins"]
    assert list(about["plugins"]) == [name]

    run("compare", "--first", tmp_path / "red", "--second", tmp_path / "turquoise", "--to", tmp_path / "c.html", *conf)
    assert "letter points, strict: -3.00" in capsys.readouterr().out  # (4 + 6 + 5 + 7 - 34) / 4
    run("why", "--run", tmp_path / "red", "--value", "9.5", *conf)
    assert "the other    9.50" in capsys.readouterr().out
    run("leaderboard", "--runs", tmp_path / "red", tmp_path / "graded", "--to", tmp_path / "t.csv", *conf)
    assert "as recorded" not in capsys.readouterr().err
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    headline = {
        row["benchmark"]: (row["metric"], float(row["value"]))
        for row in rows
        if row["headline"] == "yes" and row["model"] == "echo"
    }
    assert headline == {"hues": ("letter_points", 8.5), "hues-graded": ("right", 1.0)}
    run("report", "--run", tmp_path / "red", *conf)
    assert "is not here" not in (tmp_path / "red" / "report.html").read_text()
    run("regress", "--run", tmp_path / "turquoise", "--against", tmp_path / "red", "--margin", "5", *conf, code=3)
    run("score", "--pred", tmp_path / "graded", "--judge", "lenient", "--out", tmp_path / "again", *conf)
    assert result_of(tmp_path / "again")["provenance"]["scored_with"]["plugins"] == about["plugins"]
    run("bundle", "--run", tmp_path / "graded", "--to", tmp_path / "g.tar.gz", *conf)
    for benchmark, place in (("hues", tmp_path / "red"), ("hues-graded", tmp_path / "g.tar.gz")):
        row = next(each["row"] for each in rows if each["benchmark"] == benchmark)
        run("verify-row", "--row", row, "--run", place, "--table", tmp_path / "t.csv", *conf)
    pytest.importorskip("pyarrow")
    run("publish", "--run", tmp_path / "red", tmp_path / "graded", "--to", tmp_path / "published", *conf)
    card = (tmp_path / "published" / "README.md").read_text()
    assert ("--conf <my-choices>" in card) == bool(conf)


@needs_world
@pytest.mark.slow
def test_a_result_is_still_a_row_when_the_plugin_is_gone(tmp_path, capsys):
    data, conf = toys.data(tmp_path), ["--conf", str(toys.as_folder(tmp_path))]
    for word in ("red", "blue"):
        more = [f"model.word={word}", "--data", data, "--out", tmp_path / word, *conf]
        run("eval", "--bench", "hues", "--model", "echo", *more)
    capsys.readouterr()
    run("leaderboard", "--runs", tmp_path / "red", "--to", tmp_path / "t.csv")
    assert "no scorer here gives it: letter_points of hues" in capsys.readouterr().err
    assert "| echo | 8.50 (" in (tmp_path / "t.md").read_text()
    run("report", "--run", tmp_path / "red")
    told = "Its scorer 'letters' is not here: values are shown as recorded. It was made with the plugin 'my-choices': "
    assert any(each.startswith(told) for each in caveats(ScoredRun.read(tmp_path / "red")))
    capsys.readouterr()
    run("compare", "--first", tmp_path / "red", "--second", tmp_path / "blue", code=2)
    assert "'letters' is not a scorer of this version, nor of a plugin that is here" in capsys.readouterr().err
    run("bundle", "--run", tmp_path / "red", "--to", tmp_path / "b.tar.gz", code=2)
    said = capsys.readouterr().err
    assert "It was made with the plugin 'my-choices': install it, or name its folder as --conf." in said
    run("score", "--pred", tmp_path / "red", "--out", tmp_path / "again", code=2)
    assert "Unknown benchmark 'hues'." in (said := capsys.readouterr().err)
    assert "It was made with the plugin 'my-choices'" in said
    run("why", "--run", tmp_path / "red", "--value", "9", code=2)
    assert "no scorer here gives letter_points" in (said := capsys.readouterr().err)
    assert "It was made with the plugin 'my-choices'" in said
    run("why", "--run", tmp_path / "red", code=2)
    assert "It was made with the plugin 'my-choices'" in capsys.readouterr().err
    run("eval", "--bench", "hues", "--model", "echo", "--data", data, "--out", tmp_path / "red", code=2)
    assert "It was made with the plugin 'my-choices'" in (said := capsys.readouterr().err)
    assert said.count("Unknown benchmark 'hues'.") == 1
    run("eval", "--bench", "nextqa", "--model", "echo", "--out", tmp_path / "red", code=2)
    assert "It was made with the plugin 'my-choices'" in capsys.readouterr().err


@needs_world
@pytest.mark.slow
def test_a_group_of_the_built_in_world_leaves_out_what_it_has_none_of(tmp_path, capsys):
    conf = ["--conf", str(toys.as_folder(tmp_path)), "--model", "scripted", "--limit", "1"]
    run("eval", "--bench", "oe_qa", "--out", tmp_path / "out", *conf)
    assert "the built-in world has none of it: hues, hues-graded." in capsys.readouterr().err
    assert not (tmp_path / "out" / "hues").exists()
    assert (tmp_path / "out" / "msvd-qa" / "result.json").exists()
    run("eval", "--bench", "oe_qa,hues", "--out", tmp_path / "other", *conf, code=2)
    assert re.search(r"There are no annotations of 2 of \d+ benchmarks", capsys.readouterr().err)


def test_names_groups_and_cards_have_them(conf, monkeypatch):
    if conf:
        monkeypatch.setenv(finding.VARIABLE, conf[1])
    assert {"hues", "hues-graded"} <= set(groups()["oe_qa"]) & set(groups()["all"])
    assert cards()["hues"].title == "The Hues"
    assert ("echo" in names("model"), "lenient" in names("judge"), "fps-3-max-5" in names("frames")) == (True,) * 3
    assert metric_named("letter_points").best == 10.0
    assert all_traits()["graded"].judged is not None
    assert load_settings(["benchmark=hues", "frames=fps-3-max-5", "model=echo"]).model["n_frames"] == 5


def test_the_list_names_each_with_where_it_is_from(conf, capsys):
    run("list", *conf)
    said = capsys.readouterr().out
    assert f"from the plugin {'my-choices' if conf else 'hue-plugin (1.2)'}" in said
    assert "model broken, echo" in said


def test_what_is_broken_stops_only_those_who_want_it(conf, monkeypatch, capsys):
    if conf:
        monkeypatch.setenv(finding.VARIABLE, conf[1])
    assert "broken" not in groups()["all"]
    assert "hues" in cards()
    if not conf:
        with pytest.raises(ConfigError, match=r"broken\.yaml:2: not valid yaml"):
            load_settings(["benchmark=broken"])
    node = load_settings(["model=broken"]).model
    with pytest.raises(
        ConfigError, match=r"broken\.Model' cannot be imported: ModuleNotFoundError: No module named 'no_such"
    ):
        building.build(node, "model")


@pytest.mark.parametrize(
    "target", ["hues.AnnotatedBenchmark.mro", "hues.read_jsonl", "json.JSONDecoder", "torch.nn.Linear", "toys.Hues"]
)
def test_only_classes_of_modules_in_the_folder_are_built(tmp_path, monkeypatch, target):
    monkeypatch.setenv(finding.VARIABLE, str(toys.as_folder(tmp_path)))
    with pytest.raises(ConfigError, match=r"may be built|cannot be imported"):
        building.check({"_target_": target}, "model")


@pytest.mark.parametrize(
    ("name", "said"),
    [("json", "a module of Python"), ("benchmarks", "a name of this project"), ("yaml", "a module that is installed")],
)
def test_no_module_hides_another(tmp_path, monkeypatch, name, said):
    folder = toys.as_folder(tmp_path)
    (folder / f"{name}.py").write_text("class Model: pass\n")
    monkeypatch.setenv(finding.VARIABLE, str(folder))
    with pytest.raises(ConfigError, match=f"has a module '{name}', and that is {said}"):
        building.check({"_target_": "echo.Echo"}, "model")


def test_two_folders_may_not_have_one_module(tmp_path, monkeypatch):
    one, two = (toys.as_folder(tmp_path / name) for name in "ab")
    for path in two.glob("*/*.yaml"):
        path.rename(path.with_stem(f"{path.stem}-two"))
    two = two.rename(two.with_name("other"))
    monkeypatch.setenv(finding.VARIABLE, f"{one}{os.pathsep}{two}")
    with pytest.raises(ConfigError, match=r"has a module '\w+', and that is of the plugin 'my-choices'; rename yours"):
        building.check({"_target_": "echo.Echo"}, "model")


def without_groups(folder):
    for group in folder.glob("*/"):
        shutil.rmtree(group)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (shutil.rmtree, "there is no such folder"),
        (without_groups, "it has none of the groups"),
        (lambda folder: (folder / "model" / "hf.yaml").write_text("x: 1"), "'hf' is a name in conf/ already"),
        (lambda folder: (folder / "model" / "Hf.yaml").write_text("x: 1"), "'Hf' is a name in conf/ already"),
        (lambda folder: (folder / "benchmark" / "oe_qa.yaml").write_text("x: 1"), "the name of a group of benchmarks"),
    ],
)  # fmt: skip
def test_a_folder_that_does_not_fit_is_refused_at_once(tmp_path, capsys, change, said):
    folder = toys.as_folder(tmp_path)
    change(folder)
    run("list", "--conf", folder, code=2)
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_a_package_that_does_not_fit_is_left_out_with_a_warning(tmp_path, monkeypatch, caplog):
    site = toys.as_package(tmp_path)
    (site / "hue_plugin" / "conf" / "model" / "hf.yaml").write_text("x: 1")
    (site / "hue_plugin-1.2.dist-info" / "entry_points.txt").write_text(
        "[tarsier_eval.conf]\nhue-plugin = hue_plugin\nnone = no_such_package\nours = eval.judges\npython = json\n"
        "odd = a b\n"
    )
    monkeypatch.syspath_prepend(str(site))
    assert [each.name for each in finding.found()] == ["hue-plugin"]
    assert load_settings(["model=hf"]).model["_target_"].startswith("eval.")
    for said in ("'none'", "'ours'", "'python'", "'odd'", "'hf' is a name in conf/ already"):
        assert said in caplog.text


def test_the_code_counts_where_it_is_used(tmp_path, monkeypatch):
    folder = toys.as_folder(tmp_path)
    monkeypatch.setenv(finding.VARIABLE, str(folder))
    used = building.plugins_of(load_settings(["benchmark=nextqa", "model=echo"]).nodes)
    assert [each.name for each in used] == ["my-choices"]
    assert building.plugins_of(load_settings(["benchmark=nextqa", "model=scripted"]).nodes) == []
    before = plugin_code(used)
    (folder / "echo.py").write_text(f"# why\n{toys.MODEL}")
    assert plugin_code(used) == before
    (folder / "echo.py").write_text(toys.MODEL.replace("outputs=(word,)", "outputs=(word, word)"))
    assert plugin_code(used) != before


@needs_world
@pytest.mark.slow
def test_a_run_goes_on_only_with_the_same_code(tmp_path, capsys):
    folder, data = toys.as_folder(tmp_path), toys.data(tmp_path)
    words = ["--model", "echo", "--conf", folder, "--out", tmp_path / "out"]
    run("eval", "--bench", "hues", "--data", data, *words)
    (folder / "letters.py").write_text(toys.SCORER.replace("10.0 - abs", "9.0 - abs"))
    capsys.readouterr()
    run("eval", "--bench", "hues", "--data", data, *words, code=2)
    assert "accept=[plugins.my-choices.code]" in capsys.readouterr().err
    run("eval", "--bench", "hues", "--data", data, *words, "accept=[plugins.my-choices.code]")
    other = ["--model", "scripted", "--limit", "1", "--conf", folder, "--out", tmp_path / "other"]
    run("eval", "--bench", "nextqa", *other)
    (folder / "letters.py").write_text(toys.SCORER)
    run("eval", "--bench", "nextqa", *other)


@needs_world
@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        ["--engine", "ray", "engine.workers=1"],
        ["--launcher", "joblib", "--launch", "hydra.launcher.n_jobs=1"],
        ["--launcher", "basic"],
    ],
)
def test_other_processes_find_them(tmp_path, monkeypatch, more):
    """The folder is named by a relative path, which holds where the command is typed."""
    pytest.importorskip(more[1] if more[1] != "basic" else "hydra")
    folder, data = toys.as_folder(tmp_path), toys.data(tmp_path)
    verb = ["eval"] if "ray" in more else ["sweep", "--sweep", "model.word=red,blue"]
    words = ["--bench", "hues", "--model", "echo", "--data", data, "--out", tmp_path / "out", "--conf", folder.name]
    command = [sys.executable, "-m", "eval", *verb, *map(str, words), *more]
    environment = {**os.environ, "PYTHONPATH": str(building.__file__).rpartition("/eval/")[0]}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "8.50" in done.stdout  # (10 + 8 + 9 + 7) / 4
    assert "ray" in more or "9.00" in done.stdout  # (9 + 9 + 10 + 8) / 4, of the second job
