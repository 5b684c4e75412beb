"""A cap on what a run may spend on its judge: a call is only sent when even its dearest end stays below the cap.

Every request reserves the most that it can cost before it is sent: as many input tokens as its messages have bytes,
since no tokenizer in use makes more, and the bound on its reply. What it did cost takes the place of the reservation
when it is known. A request that broke off may have been billed or not, so its reservation stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from eval.judges.calls import Usage
from eval.judges.client.prices import Price

PER_MESSAGE = 16
"""Tokens that a chat template may add to a message."""
UNBOUNDED_OUTPUT = 4096
"""Tokens of a reply that has no bound of its own and whose model has none that is known."""

_NOTHING = 1e-9
"""Dollars that are none."""


@dataclass(slots=True)
class Budget:
    """Dollars spent, reserved and allowed."""

    most: float | None = None
    """The cap; None allows everything."""
    price: Price | None = None
    """Of the model that is asked."""
    spent: float = 0.0
    """For calls whose usage is known, and for those that may have been billed."""
    unconfirmed: float = 0.0
    """The part of it that may not have been billed."""
    reserved: float = 0.0
    """For calls under way."""

    def dearest(self, n_bytes: int, max_tokens: int | None, *, batch: bool = False) -> float:
        """Return the most that a call can cost, or one in a batch; 0 where there is no price."""
        if self.price is None:
            return 0.0
        output = max_tokens or self.price.max_output or UNBOUNDED_OUTPUT
        return self.price.cost(Usage(input=n_bytes + 2 * PER_MESSAGE, output=output), batch=batch)

    def reserve(self, dearest: float) -> Literal["go", "wait", "stop"]:
        """Reserve for a call. `wait`: not while the others are under way. `stop`: the cap leaves no room for it."""
        if self.most is None or self.spent + self.reserved + dearest <= self.most:
            self.reserved += dearest
            return "go"
        # What is left of sums and differences that cancel is not quite zero.
        return "wait" if self.reserved > _NOTHING else "stop"

    def settle(self, dearest: float, usage: Usage | None, *, may_be_billed: bool, batch: bool = False) -> None:
        """Replace a reservation by what the call cost: its usage, all of it where that is unknown, or nothing."""
        self.reserved = max(0.0, self.reserved - dearest)
        if usage is not None and self.price is not None:
            self.spent += self.price.cost(usage, batch=batch)
        elif may_be_billed:
            self.spent += dearest
            self.unconfirmed += dearest
