"""What goes on is said, where it takes long."""

from __future__ import annotations

import time

import pytest

from eval.report import progress
from eval.report.progress import Working


def test_a_line_where_it_takes_long(monkeypatch, capsys):
    monkeypatch.setattr(progress, "LONG", 0.01)
    with Working("Loading\nthe model"):
        deadline = time.monotonic() + 10
        while not capsys.readouterr().err and time.monotonic() < deadline:
            time.sleep(0.01)
    assert time.monotonic() < deadline


def test_nothing_where_it_does_not(monkeypatch, capsys):
    monkeypatch.setattr(progress, "LONG", 0.05)
    with Working("Loading"):
        pass
    time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_an_error_ends_it(capsys):
    with pytest.raises(ValueError, match="no"), Working("Loading"):
        raise ValueError("no")
    assert capsys.readouterr().err == ""
