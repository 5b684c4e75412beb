"""The wheel and the sdist: what is in them, and that the wheel works from a folder of the user's."""

from __future__ import annotations

import configparser
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from eval.config import PROJECT, names
from eval.regression.fixed_settings import benchmarks_of_world
from scripts.check_extras import NONE, PROMISES

tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
PACKAGES = ("benchmarks", "conf", "eval", "tarsier_eval")
RESULTS = {"results/published.csv", "results/baselines/tarsier-tiny.jsonl"}
METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def kept():
    """Return the names of all files that have to be in a wheel."""
    paths = (path for package in PACKAGES for path in (PROJECT / package).rglob("*") if path.is_file())
    return {path.relative_to(PROJECT).as_posix() for path in paths if "__pycache__" not in path.parts} | RESULTS


def built(target, project, folder):
    """Build an archive without another environment, which would need an index of packages."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed")
    words = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    done = subprocess.run(words, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (archive,) = folder.iterdir()
    return archive


def contents(wheel):
    """Return the names of a wheel's files, and those in its folder of metadata by their last parts."""
    with zipfile.ZipFile(wheel) as archive:
        members = set(archive.namelist())
    about = {name for name in members if name.partition("/")[0].endswith(".dist-info")}
    return members - about, {name.partition("/")[2] for name in about}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return built("wheel", PROJECT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    return built("sdist", PROJECT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Return the Python of an environment with the wheel, which sees the packages of this one and not this checkout."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--no-compile", str(wheel)], check=True)
    (site_packages,) = folder.rglob("site-packages")
    # Lines of a .pth file lead to folders, and not to the .pth files in them, such as that of an editable install.
    (site_packages / "others.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    return python


def run(python, *words, cwd):
    """Run a program of an environment in a folder as a user would who has nothing else set."""
    home = cwd.parent / "home"
    home.mkdir(exist_ok=True)
    given = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(python.with_name(words[0])), *words[1:]], cwd=cwd, env=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def state(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.slow
def test_a_wheel_holds_what_the_packages_hold_and_nothing_else(wheel):
    members, about = contents(wheel)
    assert members == kept()
    assert "licenses/LICENSE" in about
    assert {f"conf/benchmark/{name}.yaml" for name in names("benchmark")} <= members
    for name in ("benchmarks/mini/tarsier-tiny", "benchmarks/mini/tarsier2-tiny"):
        assert f"{name}/model.safetensors" in members
    for name in ("page.js", "page.css", "LICENCES.txt"):
        assert f"eval/report/page/assets/{name}" in members
    assert any(name.startswith("benchmarks/mini/world/MVBench/video/") for name in members)


@pytest.mark.slow
def test_its_metadata_are_those_of_the_project(wheel):
    with zipfile.ZipFile(wheel) as archive:
        folder = f"tarsier_eval-{METADATA['version']}.dist-info"
        about = archive.read(f"{folder}/METADATA").decode()
        entries = configparser.ConfigParser()
        entries.read_string(archive.read(f"{folder}/entry_points.txt").decode())
    assert entries["console_scripts"]["tarsier-eval"] == METADATA["scripts"]["tarsier-eval"]
    assert set(re.findall(r"^Provides-Extra: (.*)$", about, re.MULTILINE)) == set(METADATA["optional-dependencies"])


@pytest.mark.slow
def test_a_wheel_of_the_sdist_is_the_same(sdist, wheel, tmp_path):
    with tarfile.open(sdist) as archive:
        members = {name.partition("/")[2] for name in archive.getnames()}
        archive.extractall(tmp_path / "source", filter="data")
    assert kept() | {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"} <= members
    assert {name for name in members if name.startswith("results/")} == RESULTS
    assert not any(name.split("/")[0] in (".git", ".venv", ".cache", "tests") for name in members)
    assert not any("node_modules" in name for name in members)
    (source,) = (tmp_path / "source").iterdir()
    assert contents(built("wheel", source, tmp_path / "again")) == contents(wheel)


@pytest.mark.slow
def test_an_installed_wheel_works_from_any_folder_and_stays_as_it_was(installed, tmp_path):
    (site_packages,) = installed.parents[1].rglob("site-packages")
    before = state(site_packages)
    here = tmp_path / "here"
    here.mkdir()
    where = run(installed, "python", "-c", "import eval.installed; print(eval.installed.PROJECT)", cwd=here)
    assert Path(where.strip()) == site_packages
    assert run(installed, "tarsier-eval", "--version", cwd=here).split()[-1] == METADATA["version"]
    listed = run(installed, "tarsier-eval", "list", cwd=here)
    assert all(name in listed for group in ("benchmark", "model", "judge") for name in names(group))

    run(installed, "tarsier-eval", "eval", "--bench", "mvbench", "--limit", "4", cwd=here)
    (folder,) = (here / "results" / "runs").iterdir()
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert result["benchmark"] == "mvbench"
    assert len((folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()) == 4
    assert "<script" in (folder / "report.html").read_text(encoding="utf-8")

    run(installed, "tarsier-eval", "leaderboard", cwd=here)
    assert ",Tarsier-7b," in (here / "results" / "leaderboard.csv").read_text(encoding="utf-8")
    assert state(site_packages) == before
    assert {path.name for path in here.iterdir()} == {"results"}


@pytest.mark.slow
def test_an_installed_wheel_runs_every_benchmark(installed, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    words = ("--bench", "all", "--model", "scripted", "--limit", "1", "--out", "mine", "report=false")
    run(installed, "tarsier-eval", "eval", *words, cwd=here)
    assert {path.parent.name for path in (here / "mine").glob("*/result.json")} == set(benchmarks_of_world())


def test_one_version_everywhere():
    version = re.escape(METADATA["version"])
    assert re.search(rf"^version: {version}$", (PROJECT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    changes = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.findall(r"^## (.*)$", changes, re.MULTILINE)[0]
    assert re.search(rf"(^|\s){version}\b", newest), newest


def test_each_extra_has_a_promise_to_check():
    assert set(PROMISES) == set(METADATA["optional-dependencies"]) - {"dev"} | {NONE}
