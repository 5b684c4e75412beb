"""README and docs: each make command in them parses and its settings compose, and each link leads somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from eval import __main__ as program
from eval import config as configuration
from eval.config import PROJECT
from eval.config.sweeping import combinations
from eval.plugins import finding, importing
from eval.running import start, sweeping
from eval.running.part import benchmarks_of
from eval.running.sweep_plan import SweepJob
from tests.cli.runs import needs_world

PAGES = [
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "AGENTS.md")),
    *sorted((PROJECT / "docs").rglob("*.md")),
]


def commands(text):
    """Return the make commands in the blocks of a page; `<name>` in them stands for something of the reader's."""
    for block in re.findall(r"```[^\n]*\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if found := re.search(r"(?:^|\s)(make [a-z].*?)(?:\s+#.*)?$", line):
                yield re.sub(r"<[^>]*>", "X", found[1].replace("$((SLURM_ARRAY_TASK_ID))", "3"))


def anchors(page):
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def composed(request):
    """Compose the settings of a request, but for models that are the reader's own."""
    if request.model in (None, *configuration.names("model")):
        for bench in benchmarks_of(request.bench):
            request.settings_of(bench)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_documented_command_parses(page, monkeypatch):
    def evaluated(request):
        composed(request)
        return []

    def swept(request):
        assert request.launcher in configuration.names("launcher")
        fixed = {name: None if value is None else str(value) for name, value in request.fixed.items()}
        plan = {"bench": request.bench, "fixed": fixed, "overrides": list(request.overrides)}
        for values in combinations(request.sweep):
            composed(sweeping.request_of(plan, SweepJob(name="job", values=values), PROJECT))
        return True

    monkeypatch.setattr(start, "evaluate", evaluated)
    monkeypatch.setattr(sweeping, "sweep", swept)
    # A make around these tests hands its own variables, such as ARGS, to every make below it.
    own = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    for command in commands(page.read_text(encoding="utf-8")):
        words = ["make", "-n", *shlex.split(command)[1:]]
        expanded = subprocess.run(words, cwd=PROJECT, env=own, capture_output=True, text=True, check=False)
        assert expanded.returncode == 0, (command, expanded.stderr)
        for line in expanded.stdout.replace("\\\n", " ").splitlines():
            if "tarsier-eval " not in line:
                continue
            root = program.parser()
            given = program._parsed(root, shlex.split(line.partition("tarsier-eval ")[2]))
            program._require(given.parser, given)
            if given.carry_out.__module__ in ("eval.cli.evaluate", "eval.cli.sweep"):
                assert given.carry_out(given), command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if link.startswith("http"):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_is_the_first_screen():
    assert len((PROJECT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


RUNNABLE = [page for page in PAGES if re.search(r"^```(bash|python) run$", page.read_text("utf-8"), re.MULTILINE)]


BLOCK = re.compile(r"^```(bash|python) run\n(.*?)^```", re.MULTILINE | re.DOTALL)
PLAIN = re.compile(r"^tarsier-eval [^|&;<>$`\n\\]*$", re.MULTILINE)
"""A command of ours with nothing in it that only a shell understands."""


@pytest.fixture
def reader(tmp_path, monkeypatch, read_here):
    """An empty folder to work in, in this process; it forgets what it imported from there."""
    monkeypatch.chdir(tmp_path)
    finding._found.cache_clear()
    yield tmp_path
    finding._found.cache_clear()
    importing._FINDER.folders.clear()
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(f"{tmp_path}{os.sep}"):
            del sys.modules[name]


def in_bash(block, folder):
    environment = {**os.environ, "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))}
    command = ["bash", "-euc", block]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (block, done.stdout[-2000:], done.stderr[-2000:])


@needs_world
@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_each_runnable_block_runs(page, reader):
    """Blocks marked `bash run` or `python run`, in order, in one empty folder, with the program on the PATH.

    Our commands are carried out in this process where no shell is needed, which spares loading everything each time.
    """
    for language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        with mock.patch.dict(os.environ):
            if language == "python":
                exec(compile(block, page.name, "exec"), {"__name__": "__main__"})
                continue
            begun = 0
            for command in PLAIN.finditer(block):
                if (before := block[begun : command.start()]).strip():
                    in_bash(before, reader)
                assert program.main(shlex.split(command[0], comments=True)[1:]) == 0, command[0]
                begun = command.end()
            if (rest := block[begun:]).strip():
                in_bash(rest, reader)


def test_a_block_in_the_guides_runs_or_is_a_template():
    """A block that names a language is run; those that name none have `make` commands, which are parsed above."""
    for page in {*RUNNABLE, PROJECT / "docs" / "reproduce.md"}:
        for language in re.findall(r"^\s*```(\S.*)$", page.read_text(encoding="utf-8"), re.MULTILINE):
            assert language in ("bash run", "python run", "{toctree}"), f"{page.name}: {language}"
