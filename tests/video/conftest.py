"""The clips that the tests of this folder share, each written once per session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.video.clips import Kind

BuildFile = Callable[[Kind], Path]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> BuildFile:
    """Write a kind of file, or find it where it was written before."""
    folder = tmp_path_factory.mktemp("kinds")

    def write(kind: Kind) -> Path:
        path = folder / kind.file
        if not path.exists():
            kind.make(path)
        return path

    return write
