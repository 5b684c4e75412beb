"""Plugins that do not fit: code that ends the process, names that pass as others, pipes, links, classes of others."""

from __future__ import annotations

import os

import pytest

from eval import building
from eval.config import benchmarks_named, groups, load_settings, names
from eval.errors import ConfigError
from eval.plugins import finding
from eval.plugins import plugin as plugin_module
from eval.provenance import plugin_code
from tests.plugins import toys
from tests.plugins.test_plugins import own_modules, run  # noqa: F401 - a fixture for all tests here


@pytest.fixture
def folder(tmp_path):
    return toys.as_folder(tmp_path)


@pytest.fixture
def lone(tmp_path):
    """A folder with one model alone, whose name the package does not have."""
    place = tmp_path / "lone"
    (place / "model").mkdir(parents=True)
    (place / "lone.py").write_text(toys.MODEL)
    (place / "model" / "lone.yaml").write_text("_target_: lone.Echo\nname: lone\nn_frames: 2\nfps: null\n")
    return place


@pytest.fixture
def site(tmp_path, monkeypatch):
    """The installed package, before it is found."""
    place = toys.as_package(tmp_path)
    monkeypatch.syspath_prepend(str(place))
    return place


def entry(site, name, package):
    """Install a package's entry point."""
    about = site / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[tarsier_eval.conf]\n{package}\n")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("class E(BaseException):\n    def __str__(self): raise SystemExit(0)\nraise E", "imported: E"),
        ("class E(Exception):\n    def __str__(self): return 1\nraise E", "imported: E"),
        ("raise ValueError('a\\x1b[31m\\nb')", "ValueError: a\\x1b[31m\\nb"),
    ],
)
def test_whatever_code_raises_at_its_import_is_one_line(folder, capsys, code, said):
    (folder / "echo.py").write_text(f"{code}\n")
    run("plan", "--bench", "mvbench", "--model", "echo", "--conf", folder, code=2)
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_a_package_that_cannot_be_imported_is_left_out_of_groups_alone(site, caplog):
    (site / "hue_plugin" / "parts" / "hues.py").write_text("import sys; sys.exit(1)\n")
    assert "nextqa" in (found := benchmarks_named("all"))
    assert not {"hues", "hues-graded"} & set(found)
    assert "The benchmark 'hues' of the plugin 'hue-plugin' (hue_plugin) is left out" in caplog.text
    assert benchmarks_named("hues") == ["hues"]
    with pytest.raises(ConfigError, match=r"hues\.Hues' cannot be imported: SystemExit: 1"):
        building.check(load_settings(["benchmark=hues"]).benchmark, "benchmark")


def test_entry_points_that_cannot_be_read_stop_no_other(site, caplog, monkeypatch):
    monkeypatch.delenv("PYDANTIC_DISABLE_PLUGINS", raising=False)
    entry(site, "odd", "no equals sign")
    assert [each.name for each in finding.found()] == ["hue-plugin"]
    assert "odd-1.0.dist-info cannot be read" in caplog.text
    assert "odd-1.0.dist-info" in finding.faults()[0]
    assert os.environ["PYDANTIC_DISABLE_PLUGINS"] == "__all__"


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        ("benchmark/hues", "name: hues\n", "name: mvbench\n", "its name is 'mvbench', and its file's 'hues'"),
        ("benchmark/hues", "name: hues\n", "name: ../../evil\n", "its name is '../../evil'"),
        ("benchmark/hues", "name: hues\n", "", "its name is None"),
        ("model/echo", "name: echo\n", "name: tarsier-7b\n", "its name is 'tarsier-7b'"),
        ("model/echo", "name: echo\n", "defaults: [scripted]\n", "its name is None"),
        ("judge/lenient", "name: lenient\n", "name: openai\n", "its name is 'openai'"),
        ("judge/lenient", "_target_: lenient.Lenient\nname: lenient\n", "defaults: [local]\n", "its name is None"),
        ("model/echo", "_target_: echo.Echo\n", "_target_: os.system\n", "'os.system' is no class of modules in"),
        ("benchmark/hues", "title: The Hues", "titel: x", "card"),
        ("benchmark/hues", "_target_: hues.Hues", "- x\n#", "not valid yaml"),
        ("benchmark/hues", "card:\n", "card:\n  frames: 16\n", "hues.yaml: card.frames=16 does not fit: "),
        (
            "benchmark/hues",
            "card:\n",
            "card:\n  by_hnad: x\n",
            "card.by_hnad: is no field of it. Did you mean 'by_hand'",
        ),
        *(
            (
                "benchmark/hues",
                "card:\n",
                f"card:\n  frames: {{Ours: [8], Mine: {counts}}}\n",
                f"hues.yaml: card.frames.Mine={told} does not fit: list whole numbers of frames from 1 on, such as",
            )
            for counts, told in [
                ("16", "16"),
                ("[0]", "[0]"),
                ("[8, -3]", "[8, -3]"),
                ("[]", "[]"),
                ("[true]", "[True]"),
                ("[1.5]", "[1.5]"),
                ("'16'", "'16'"),
                ("null", "None"),
            ]
        ),
    ],
)
def test_a_file_that_does_not_fit_is_an_error_for_who_named_the_folder(folder, capsys, file, before, after, said):
    path = folder / f"{file}.yaml"
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after, 1))
    run("list", "--conf", folder, code=2)
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("content", ["- a\n- b\n", "text\n", "1\n", "a: 1\na: 2\n"])
def test_a_file_without_settings_is_an_error_or_left_out(lone, site, capsys, content):
    (lone / "model" / "list.yaml").write_text(content)
    run("plan", "--bench", "mvbench", "--model", "scripted", "--conf", lone, code=2)
    assert "list.yaml" in (error := capsys.readouterr().err)
    assert error.count("Traceback") == 0
    finding._found.cache_clear()
    (site / "hue_plugin" / "conf" / "benchmark" / "list.yaml").write_text(content)
    assert "list" not in groups()["all"]
    with pytest.raises(ConfigError, match=r"list\.yaml"):
        load_settings(["benchmark=list"])


def test_the_list_says_what_is_left_out(site, capsys):
    (site / "hue_plugin" / "conf" / "model" / "hf.yaml").write_text("x: 1")
    entry(site, "gone", "gone = no_such_package")
    run("list")
    lines = capsys.readouterr().out.splitlines()
    (theirs,) = [line for line in lines if line.startswith("from the plugin")]
    assert "benchmark hues-graded, hues; frames" in theirs
    left = [line for line in lines if line.startswith("left out: ")]
    assert [any(said in line for line in left) for said in ("'gone'", "'hf' is a name", "broken.yaml:2")] == [True] * 3


@pytest.mark.parametrize("name", ["a,b", "a b", "a=b", "-x", "@x", "a$b", "null", "1e5", "ä"])
def test_names_that_cannot_be_asked_for(lone, site, capsys, caplog, name):
    (lone / "model" / f"{name}.yaml").write_text(f"_target_: echo.Echo\nname: '{name}'\n")
    run("list", "--conf", lone, code=2)
    assert f"{name!r} cannot be asked for by this name" in capsys.readouterr().err
    (site / "hue_plugin" / "conf" / "model" / f"{name}.yaml").write_text("x: 1\n")
    finding._found.cache_clear()
    assert name not in names("model")
    assert "cannot be asked for by this name" in caplog.text


def test_the_spelling_of_papers_means_ours(site):
    conf = site / "hue_plugin" / "conf" / "benchmark"
    text = (conf / "hues.yaml").read_text()
    (conf / "mv-bench.yaml").write_text(text.replace("name: hues", "name: mv-bench", 1).replace("The Hues", "MVBench"))
    assert [benchmarks_named(name) for name in ("MVBench", "MV-Bench", "mv-bench")] == [
        ["mvbench"],
        ["mvbench"],
        ["mv-bench"],
    ]


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_told_and_never_waited_for(folder, capsys, make):
    make(folder / "extra.py")
    run("list", "--conf", folder, code=2)
    assert "extra.py is no file with a module" in capsys.readouterr().err
    (folder / "extra.py").rmdir() if make is os.mkdir else (folder / "extra.py").unlink()
    make(folder / "benchmark" / "pipe.yaml")
    run("list", "--conf", folder, code=2)
    assert "pipe.yaml: is not a file that can be read" in capsys.readouterr().err


def test_the_code_of_linked_packages_counts_and_loops_end(folder, tmp_path, monkeypatch):
    (folder / "pack").mkdir()
    (folder / "pack" / "__init__.py").write_text("")
    other = tmp_path / "other"
    other.mkdir()
    (other / "inner.py").write_text("x = 1\n")
    (folder / "pack" / "linked").symlink_to(other)
    (folder / "pack" / "round").symlink_to(folder / "pack")
    os.mkfifo(folder / "pack" / "pipe.py")
    monkeypatch.setenv(finding.VARIABLE, str(folder))
    before = plugin_code(finding.found())
    (other / "inner.py").write_text("x = 2\n")
    assert plugin_code(finding.found()) != before
    (plugin,) = finding.found()
    assert [path.relative_to(folder).as_posix() for path in plugin.code if "pack" in path.parts] == [
        "pack/__init__.py",
        "pack/linked/inner.py",
    ]
    kept = plugin_code(finding.found())
    (other / "__pycache__").mkdir()  # as an import leaves it
    (other / "__pycache__" / "inner.cpython-311.pyc").write_bytes(b"\0")
    assert plugin_code(finding.found()) == kept
    (other / "bare.pyc").write_bytes(b"\0")
    assert any(path.name == "bare.pyc" for path in plugin.code)
    monkeypatch.setattr(plugin_module, "MOST_FILES", 3)
    with pytest.raises(ConfigError, match="more than 3 folders"):
        plugin_code(finding.found())


def test_classes_and_modules_of_another_plugin_are_not_taken(lone, site, monkeypatch):
    (lone / "model" / "theirs.yaml").write_text("_target_: hue_plugin.parts.echo.Echo\nname: theirs\n")
    monkeypatch.setenv(finding.VARIABLE, str(lone))
    with pytest.raises(ConfigError, match=r"'hue_plugin\.parts\.echo\.Echo' is no class of modules in"):
        names("model")
    (lone / "model" / "theirs.yaml").unlink()
    (lone / "hue_plugin.py").write_text("class Echo: pass\n")
    finding._found.cache_clear()
    with pytest.raises(ConfigError, match="has a module 'hue_plugin', and that is of the plugin 'hue-plugin'"):
        finding.found()


def test_no_choice_of_hydra_is_taken(folder, site, capsys, caplog):
    for conf in (folder, site / "hue_plugin" / "conf"):
        (conf / "hydra" / "launcher").mkdir(parents=True)
        (conf / "hydra" / "launcher" / "basic.yaml").write_text("_target_: os.system\n")
    run("list", "--conf", folder, code=2)
    assert "hydra: plugins add to the groups benchmark, engine, frames" in capsys.readouterr().err
    finding._found.cache_clear()
    assert finding.found() == ()
    assert "The plugin 'hue-plugin' of the package hue_plugin is left out" in caplog.text
