"""What the code must not contain, what a default run must not do, and what its dependencies must have."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from eval.config import PROJECT

SOURCES = sorted(
    path for folder in ("eval", "benchmarks") for path in (PROJECT / folder).rglob("*.py") if ".venv" not in path.parts
)

FORBIDDEN = {
    *("eval", "exec", "compile", "__import__", "breakpoint", "input"),
    *("os.system", "os.popen", "os.execv", "os.execve", "os.spawnv", "tempfile.mktemp", "pty.spawn"),
    *("yaml.load", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all"),
    *("torch.load", "torch.hub.load", "numpy.fromfile", "np.fromfile", "joblib.load", "pandas.read_pickle"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "ast.literal_eval", "builtins.eval"),
}
"""Calls that run what they are given, or unpack objects."""
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "jinja2", "mako", "xmlrpc", "code", "pty"}
FORBIDDEN_ATTRIBUTES = {"apply_chat_template", "extractall"}
"""Methods that run a checkpoint's template, or unpack an archive wherever it says."""
FORBIDDEN_KEYWORDS = {"shell": True, "trust_remote_code": True, "allow_pickle": True, "weights_only": False}

ALLOWED = {
    (
        "benchmarks/mini/training/train.py",
        "torch.load",
    ): "reads what its own stages wrote a moment before",
    (
        "eval/models/tarsier2/prompts.py",
        "tokenizer.apply_chat_template",
    ): "the form of a prompt is only in the checkpoint's template, which transformers renders in Jinja's sandbox",
    ("eval/judges/literals.py", "ast.literal_eval"): "builds values of a bounded text, and evaluates nothing",
    (
        "eval/models/hf/processor.py",
        "self._processor.apply_chat_template",
    ): "renders a checkpoint's template, which transformers does in jinja2's sandbox",
}
"""What is allowed where, and why."""


def named(node: ast.expr) -> str:
    """Return a dotted name, or what stands for it."""
    if isinstance(node, ast.Attribute):
        return f"{named(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def offences(path: Path) -> list[tuple[str, int]]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(one.name, node.lineno) for one in node.names if one.name.split(".")[0] in FORBIDDEN_MODULES]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module = node.module or ""
            found += [(module, node.lineno)] * (module.split(".")[0] in FORBIDDEN_MODULES)
            found += [
                (f"{module}.{one.name}", node.lineno) for one in node.names if f"{module}.{one.name}" in FORBIDDEN
            ]
        elif isinstance(node, ast.Call):
            name = named(node.func)
            if name in FORBIDDEN or name.rpartition(".")[2] in FORBIDDEN_ATTRIBUTES:
                found.append((name, node.lineno))
            for keyword in node.keywords:
                value = keyword.value
                is_bad = keyword.arg in FORBIDDEN_KEYWORDS and not (
                    isinstance(value, ast.Constant) and value.value is not FORBIDDEN_KEYWORDS[keyword.arg]
                )
                found += [(f"{keyword.arg}=", node.lineno)] * is_bad
    return found


def test_nothing_runs_what_it_reads():
    assert len(SOURCES) > 100
    found = {(str(path.relative_to(PROJECT)), name): line for path in SOURCES for name, line in offences(path)}
    assert {key: line for key, line in found.items() if key not in ALLOWED} == {}
    assert set(ALLOWED) <= set(found)  # nothing is allowed that is no longer done


@pytest.mark.parametrize(
    "code",
    [
        *(
            "import pickle",
            "from marshal import loads",
            "from os import system",
            "eval('1')",
            "import torch\ntorch.load('x')",
        ),
        *("import yaml\nyaml.load(x)", "import subprocess\nsubprocess.run('x', shell=True)", "f(shell=flag)"),
        *(
            "AutoModel.from_pretrained(x, trust_remote_code=True)",
            "tokenizer.apply_chat_template(x)",
            "tar.extractall()",
        ),
    ],
)
def test_each_offence_would_be_found(tmp_path, code):
    (tmp_path / "x.py").write_text(code)
    assert offences(tmp_path / "x.py")


GUARD = """
import socket, sys
LOCAL = ("127.", "::1", "localhost")
def refused(real):
    def call(*args, **kwargs):
        target = args[1] if isinstance(args[0], socket.socket) else args[0]
        host = target[0] if isinstance(target, tuple) else target
        if isinstance(host, (str, bytes)) and not str(host).startswith(LOCAL) and not str(host).startswith("/"):
            sys.stderr.write(f"NETWORK {target!r}\\n")
            raise OSError("no network in this test")
        return real(*args, **kwargs)
    return call
for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refused(getattr(socket.socket, name)))
for name in ("getaddrinfo", "gethostbyname", "create_connection"):
    setattr(socket, name, refused(getattr(socket, name)))
"""


def run_guarded(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with every way to the network reported and shut, in this process and those that it starts."""
    (folder / "sitecustomize.py").write_text(GUARD)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "OPENAI", "AZURE"))}
    environment |= {"PYTHONPATH": os.pathsep.join((str(folder), str(PROJECT))), "HF_HOME": str(folder / "hub")}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.slow
def test_the_guard_sees_a_connection(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(GUARD)
    code = "import socket\ntry: socket.create_connection(('example.invalid', 80))\nexcept OSError as e: print(e)"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(tmp_path)},
                          capture_output=True, text=True, timeout=60, check=True)  # fmt: skip
    assert "no network in this test" in done.stdout
    assert "NETWORK" in done.stderr


@pytest.mark.slow
def test_a_default_run_asks_nobody(tmp_path):
    out, score = str(tmp_path / "out"), str(tmp_path / "score")
    runs = [
        ("eval", "--bench", "mvbench", "--out", out, "limit=4"),
        ("score", "--bench", "mvbench", "--pred", out, "--out", score),
        ("eval", "--bench", "msvd-qa", "--out", str(tmp_path / "qa"), "limit=4", "model=scripted"),
        ("judge", "check"),
        ("list",),
    ]
    code = f"from eval.__main__ import main\nfor argv in {runs!r}: print('CODE', main(list(argv)))"
    done = run_guarded(tmp_path, "-c", code)
    assert "NETWORK" not in done.stderr, done.stderr
    ended = [line for line in done.stdout.splitlines() if line.startswith("CODE")]
    assert len(ended) == len(runs), done.stderr
    assert set(ended) <= {"CODE 0", "CODE 1"}, done.stderr
    assert not (tmp_path / "hub").exists() or not any((tmp_path / "hub").rglob("*.safetensors"))


@pytest.fixture(scope="module")
def project():
    tomllib = pytest.importorskip("tomllib")  # of Python 3.11
    return tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))


def requirements(project):
    extras = project["project"]["optional-dependencies"]
    return [*project["project"]["dependencies"], *(one for extra in extras.values() for one in extra)]


def test_dependencies_have_upper_bounds(project):
    for one in [*requirements(project), *project["build-system"]["requires"]]:
        specifier = one.partition(";")[0]
        if not one.startswith("hatchling"):  # the installer's own; its newest has always built this
            assert "==" in specifier or "<" in specifier, f"{one}: no upper bound"
        assert "@" not in specifier, f"{one}: not from the index"


def test_every_dependency_is_locked(project):
    lines = (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    locked: dict[str, list[str]] = {}
    for line in lines:
        if not line.startswith("#"):
            match = re.fullmatch(r"([a-z0-9-]+)==([A-Za-z0-9.+!]+)(?: ; .+)?", line)
            assert match, f"{line}: no exact version"
            locked.setdefault(match[1], []).append(match[2])
    for one in requirements(project):
        found = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*([^;]*)", one)
        assert found, one
        name, specifier = found.groups()
        name = re.sub(r"[-_.]+", "-", name).lower()
        assert name in locked, f"{name}: not in constraints.txt; run make lock"
        packaging = pytest.importorskip("packaging.specifiers")
        for version in locked[name]:
            assert packaging.SpecifierSet(specifier).contains(version, prereleases=True), (
                f"{name}=={version}: {specifier}"
            )
