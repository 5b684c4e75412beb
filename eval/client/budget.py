"""A cap on a run's spending on servers: a call is only sent if its maximum cost stays below the cap.

Every request reserves its maximum cost before it is sent: as many input tokens as its messages have bytes, since no
tokenizer in use makes more, a bound for each picture, and the bound on its reply. The actual cost replaces the
reservation when it is known. A request that broke off may or may not have been billed, so its reservation stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from eval.client.outcomes import Usage
from eval.client.prices import Price

PER_MESSAGE = 16
"""Maximum tokens that a chat template adds to a message."""
UNBOUNDED_OUTPUT = 4096
"""Assumed maximum tokens of a reply without a bound, for a model without a known maximum."""

_NOTHING = 1e-9
"""Dollars below which an amount counts as zero."""


@dataclass(slots=True)
class Budget:
    """Dollars spent, reserved and allowed."""

    most: float | None = None
    """The cap; None allows everything."""
    price: Price | None = None
    """Price of the model."""
    spent: float = 0.0
    """Dollars for calls whose usage is known, and for those that may have been billed."""
    unconfirmed: float = 0.0
    """The part of `spent` that may not have been billed."""
    reserved: float = 0.0
    """Dollars for calls under way."""
    others: list[Budget] = field(default_factory=list)
    """Budgets under the same cap: of the model under test and of its judge."""

    def share(self, other: Budget) -> None:
        """Put another budget under the same cap."""
        self.others.append(other)
        other.others.append(self)

    def worst_case_cost(self, most_input: int, max_tokens: int | None, *, batch: bool = False) -> float:
        """Return the maximum cost of a call, or of a call in a batch; 0 where there is no price."""
        if self.price is None:
            return 0.0
        output = max_tokens or self.price.max_output or UNBOUNDED_OUTPUT
        return self.price.cost(Usage(input=most_input + 2 * PER_MESSAGE, output=output), batch=batch)

    def reserve(self, worst_case_cost: float) -> Literal["go", "wait", "stop"]:
        """Reserve the cost of a call. `wait`: not while others are under way. `stop`: the cap does not allow it."""
        all_of_it = [self, *self.others]
        under_way = sum(one.reserved for one in all_of_it)
        if self.most is None or sum(one.spent for one in all_of_it) + under_way + worst_case_cost <= self.most:
            self.reserved += worst_case_cost
            return "go"
        # Sums and differences that should cancel are not exactly zero.
        return "wait" if under_way > _NOTHING else "stop"

    def settle(self, worst_case_cost: float, usage: Usage | None, *, may_be_billed: bool, batch: bool = False) -> None:
        """Replace a reservation by the call's cost: its usage; the whole reservation if that is unknown; or nothing."""
        self.reserved = max(0.0, self.reserved - worst_case_cost)
        if usage is not None and self.price is not None:
            self.spent += self.price.cost(usage, batch=batch)
        elif may_be_billed:
            self.spent += worst_case_cost
            self.unconfirmed += worst_case_cost
