"""What users copy or build, and nothing here runs: workflows, hooks, issue forms, container recipes, the citation."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml

from eval import __main__ as program
from eval.config import PROJECT

FORMS = sorted((PROJECT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
RECIPES = sorted((PROJECT / "container").glob("Dockerfile*"))
MARKUP = sorted(
    path
    for pattern in ("*.yaml", "*.cff", ".*.yaml", ".github/**/*.yml", "examples/**/*.y*ml", "conf/**/*.yaml")
    for path in PROJECT.glob(pattern)
)
HOOKS = (".pre-commit-hooks.yaml", "examples/ci/pre-commit-config.yaml")
WORKFLOW = "examples/ci/github-actions.yml"


def read(path):
    return yaml.safe_load((PROJECT / path).read_text(encoding="utf-8"))


def hook(path):
    """Return the one hook of a manifest, or of a configuration."""
    found = read(path)
    (one,) = found["repos"][0]["hooks"] if isinstance(found, dict) else found
    return one


def parses(command):
    """Whether a command of tarsier-eval, `<name>` standing for something of the reader's, can be carried out."""
    root = program.parser()
    given = program._parsed(root, shlex.split(re.sub(r"<[^>]*>", "X", command).removeprefix("tarsier-eval ")))
    program._require(given.parser, given)
    return given.command


def instructions(recipe):
    """Return the instructions of a recipe, without comments and broken lines, each as its name and the rest."""
    lines = [line for line in recipe.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in "\n".join(lines).replace("\\\n", " ").splitlines() if line]


@pytest.mark.parametrize("path", MARKUP, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_each_file_of_settings_can_be_read(path):
    yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_workflow_runs_the_gate_and_keeps_its_report():
    workflow = read(WORKFLOW)
    assert workflow["permissions"] == {"contents": "read"}
    (job,) = workflow["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert [parses(command) for command in commands if command.startswith("tarsier-eval ")] == ["regress"]
    (kept,) = [step["with"]["path"] for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    assert any(f"--junit {kept}" in command for command in commands)
    assert (PROJECT / re.findall(r"-c (\S+)", workflow["env"]["INSTALL"])[0]).is_file()


@pytest.mark.parametrize("path", HOOKS)
def test_a_hook_runs_the_gate_and_gives_it_no_file(path):
    assert parses(hook(path)["entry"]) == "regress"
    assert hook(path)["pass_filenames"] is False
    assert hook(path)["always_run"] is True


def test_both_hooks_are_the_same():
    ours, theirs = (hook(path) for path in HOOKS)
    assert {name: value for name, value in ours.items() if name != "description"} == theirs


@pytest.mark.slow
@pytest.mark.parametrize(("path", "command"), zip(HOOKS, ("validate-manifest", "validate-config"), strict=True))
def test_pre_commit_takes_them(path, command):
    pytest.importorskip("pre_commit")
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", command, str(PROJECT / path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "warning" not in done.stdout.lower()


@pytest.mark.slow
def test_a_copied_hook_runs_what_is_on_the_path(tmp_path):
    pytest.importorskip("pre_commit")
    programs, repository = tmp_path / "bin", tmp_path / "mine"
    programs.mkdir()
    (programs / "tarsier-eval").write_text('#!/bin/sh\necho "called with $*"; exit 1\n', encoding="utf-8")
    (programs / "tarsier-eval").chmod(0o755)
    own = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    subprocess.run(["git", "init", "--quiet", str(repository)], env=own, check=True)
    shutil.copy(PROJECT / HOOKS[1], repository / ".pre-commit-config.yaml")
    subprocess.run(["git", "add", "."], cwd=repository, env=own, check=True)
    words = [sys.executable, "-m", "pre_commit", "run", "--hook-stage", "manual", "tarsier-eval-gate"]
    done = subprocess.run(words, cwd=repository, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.search("^called with regress$", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_each_issue_form_asks_what_github_can_show(path):
    form = read(path)
    if path.name == "config.yml":
        assert set(form) <= {"blank_issues_enabled", "contact_links"}
        return
    assert form["name"]
    assert form["description"]
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    assert {part["type"] for part in asked} <= {"textarea", "input", "dropdown", "checkboxes"}
    assert all(part["attributes"]["label"] for part in asked)
    assert len({part["id"] for part in asked}) == len(asked)
    for part in asked:
        options = part["attributes"].get("options")
        assert bool(options) == (part["type"] in ("dropdown", "checkboxes"))
        # GitHub refuses a form in which YAML made something else of a word such as Yes.
        assert part["type"] != "dropdown" or all(isinstance(option, str) for option in options)
    for command in re.findall(r"`(tarsier-eval \w+ --[^`]*)`", path.read_text(encoding="utf-8")):
        assert parses(command)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_a_recipe_names_what_is_there(recipe):
    text = recipe.read_text(encoding="utf-8")
    given = instructions(recipe)
    stages = {rest.split(" AS ")[1] for name, rest in given if name == "FROM" and " AS " in rest}
    for name, rest in given:
        assert name in ("FROM", "ARG", "COPY", "RUN", "ENV", "WORKDIR", "ENTRYPOINT", "CMD")
        if name == "COPY":
            stage = re.match(r"--from=(\S+) ", rest)
            source = rest.split()[0]
            assert stage[1] in stages if stage else (PROJECT / source).exists(), rest
    about = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    scripts = re.findall(r"^(\S+) = \"eval\.__main__", about, re.MULTILINE)
    assert dict(given)["ENTRYPOINT"] == f'["{scripts[0]}"]'
    for extra in re.findall(r"\*\.whl\)\[([\w,-]+)\]", text):
        assert all(re.search(rf"^{name} = \[", about, re.MULTILINE) for name in extra.split(",")), extra
    supported = [int(minor) for minor in re.findall(r"Python :: 3\.(\d+)", about)]
    assert {int(minor) for minor in re.findall(r"^FROM python:3\.(\d+)-slim", text, re.MULTILINE)} <= set(supported)
    for path in re.findall(r"docker build -f (\S+)", text):
        assert PROJECT / path == recipe
    comments = "\n".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#")).replace("\\\n", " ")
    runs = re.findall(r"docker run .* tarsier-eval(?::\w+)? +(.*)$", comments, re.MULTILINE)
    assert [parses(command) for command in runs] == ["eval"]


def test_what_must_not_enter_an_image_is_left_out():
    left_out = (PROJECT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".git", ".venv", "**/node_modules", "results/runs", "results/*.sqlite*"} <= set(left_out)


def test_the_citation_is_complete():
    citation = read("CITATION.cff")
    assert {"cff-version", "message", "title", "authors", "version", "license"} <= set(citation)
    assert f'license = "{citation["license"]}"' in (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    for source in (citation, *citation["references"]):
        assert source["title"]
        assert source["authors"]
