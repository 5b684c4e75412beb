"""A short run of scripts/fuzz.py: damaged inputs of every kind give no traceback, no hang and no silent drop."""

from __future__ import annotations

import contextlib
import time

import pytest

from eval.judges import literals, replies, structured
from eval.judges.calls import UnreadableReplyError
from eval.readers.choices import read_options
from scripts import fuzz

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _apart(monkeypatch):
    """Undo what the fuzzer does to the configuration and the log, so that other tests see them as they are."""
    import logging

    from eval import config

    monkeypatch.setattr(config, "load_settings", config.load_settings)
    monkeypatch.setattr(config, "cards", config.cards)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "100")
    before = list(logging.getLogger().handlers)
    yield
    logging.getLogger().handlers[:] = before


@pytest.mark.parametrize(("kind", "n"), [("rows", 8), ("predictions", 8), ("overrides", 6), ("replies", 60)])
def test_damaged_inputs_never_break_the_command(kind, n):
    outcomes = fuzz.fuzz(n, seed=1, kinds=[kind])
    assert len(outcomes) == n
    assert [outcome for outcome in outcomes if outcome.ended in fuzz.FAULTS] == []
    assert len({outcome.ended for outcome in outcomes}) > 1  # some were read, some refused


def test_a_case_is_the_same_each_time():
    first, again = (fuzz.fuzz(9, seed=5, kinds=["replies"]) for _ in range(2))
    assert [(one.ended, one.detail) for one in first] == [(one.ended, one.detail) for one in again]


PIECES = ("a", " ", "\n", "(", "[", "{", "{'a':", '{"a":', '"', "'", "\\", "`", "```", "<think>", "</think>", "json ",
          ", }", "} {", "-", "1+", "not ", "(A) x\n", "(A)\n(B)\n", "\ud800", "é", "lambda:", "f'{")  # fmt: skip


@pytest.mark.parametrize(
    "read",
    [
        structured.read_object,
        replies.read_verdict,
        replies.read_events,
        lambda text: replies.read_labels(text, 2),
        lambda text: literals.read_literal(text[: literals.MAX_CHARS]),
        read_options,
    ],
)
def test_time_grows_no_faster_than_the_text(read):
    for piece in PIECES:
        for around in ("{}", '{{"pred": "yes", "score": 1}}{}', "{}x"):
            text = around.format((piece * 40_000)[:40_000])
            began = time.process_time()
            with contextlib.suppress(UnreadableReplyError):
                read(text)
            assert time.process_time() - began < 1, (piece, around)
