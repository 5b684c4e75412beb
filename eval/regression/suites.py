"""The fixed checks by name: each suite is one idea, and takes some seconds at most."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from eval.regression.fixed import fixed_checks
from eval.regression.fixed_answers import fixed_answers
from eval.regression.fixed_conversations import fixed_conversations
from eval.regression.fixed_files import fixed_files
from eval.regression.fixed_foreign import fixed_foreign
from eval.regression.fixed_judging import fixed_judging
from eval.regression.fixed_media import fixed_media
from eval.regression.fixed_models import fixed_models
from eval.regression.fixed_runs import fixed_runs
from eval.regression.fixed_settings import fixed_settings
from eval.regression.records import Record

SUITES: Mapping[str, Callable[[Path], Iterator[Record]]] = {
    "fixed": fixed_checks,
    "fixed settings": lambda _: fixed_settings(),
    "fixed media": fixed_media,
    "fixed models": fixed_models,
    "fixed foreign": fixed_foreign,
    "fixed conversations": fixed_conversations,
    "fixed answers": fixed_answers,
    "fixed judging": fixed_judging,
    "fixed runs": fixed_runs,
    "fixed files": fixed_files,
}
"""Each suite's records, given an empty folder for its files."""


def suites(scratch: Path) -> Iterator[Record]:
    """Yield the records of all suites, in silence: what they check deserves warnings."""
    for name, suite in SUITES.items():
        folder = scratch / name
        folder.mkdir(parents=True)
        with _silence():
            records = list(suite(folder))
        yield from records


@contextmanager
def _silence() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
