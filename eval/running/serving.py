"""The account of a model behind a server over all starts of a run, on disk as the run goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from eval.core import ModelFacts
from eval.runs.folder import SERVING, write_json

_DOLLARS = ("probe", "cost", "unconfirmed")
_PRICES = ("price_of", "price_as_of")


class Serving:
    """Adds up the accounts of a model that has any, of earlier starts too."""

    def __init__(self, folder: Path, model: ModelFacts) -> None:
        self._path = folder / SERVING
        self._model = model
        self.so_far: dict[str, Any] | None = None
        """The sum; None where no server was asked."""
        with suppress(OSError, ValueError, TypeError):
            self.so_far = dict(json.loads(self._path.read_text("utf-8")))

    def settle(self) -> None:
        """Add the model's account since it was last settled, and keep the sum."""
        if (more := self._model.account()) is not None:
            self.so_far = dict(more) if self.so_far is None else _sum(self.so_far, more)
            write_json(self._path, self.so_far)


def _sum(before: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return two accounts as one, with the newer prices; a cost that one of them does not know is not known."""
    total = {name: before.get(name, 0) + n for name, n in more.items() if name not in (*_DOLLARS, *_PRICES)}
    for name in _DOLLARS:
        total[name] = None if None in (before.get(name), more[name]) else before[name] + more[name]
    return {**total, **{name: more[name] for name in _PRICES}}
