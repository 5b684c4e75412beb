"""Number, tokens and cost of the requests to a model under test."""

from __future__ import annotations

from collections import Counter
from typing import Any

from eval.client.outcomes import Usage
from eval.client.round import Ended
from eval.client.served import Served


class Account:
    """Adds up requests between two bills."""

    def __init__(self, by: Served) -> None:
        self._by = by
        self._counts: Counter[str] = Counter()
        self._usages: list[Usage] = []
        self._billed = 0.0  # the unconfirmed dollars of earlier bills

    def add(self, ended: Ended) -> None:
        """Count what a request came to."""
        counts, reply = self._counts, ended.reply
        counts["calls"] += 1
        if reply is None:
            counts["failed"] += 1
            counts["retries"] += ended.retries
            return
        counts["refused"] += reply.outcome != "replied"
        counts[ended.source] += 1
        if ended.source == "stored":
            return
        counts["retries"] += reply.retries
        counts["uncounted"] += reply.usage is None
        if reply.usage is not None:
            self._usages.append(reply.usage)

    def settled(self) -> dict[str, Any]:
        """Return the bill since the last one; `cost`, in dollars, is None where no price is known."""
        budget, usages = self._by.budget, self._usages
        price = budget.price
        probed, self._by.probed = self._by.probed, ()
        unconfirmed, self._billed = budget.unconfirmed - self._billed, budget.unconfirmed
        names = ("calls", "asked", "stored", "failed", "refused", "retries", "uncounted")
        bill = {
            **{name: self._counts[name] for name in names},
            **{name: sum(getattr(usage, name) for usage in usages) for name in ("input", "cached", "output")},
            "probe": None if price is None else sum(map(price.cost, probed)),
            "cost": None if price is None else sum(map(price.cost, [*usages, *probed])),
            "unconfirmed": None if price is None else unconfirmed,
            "price_of": None if price is None else price.model,
            "price_as_of": None if price is None else price.as_of,
        }
        self._counts, self._usages = Counter(), []
        return bill
