"""The seam between a judge and those who run one: nobody outside asks which class a judge is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.client.budget import Budget
from eval.client.served import Listener, Say
from eval.judges.bill import Bill, Plan, bill
from eval.judges.calls import Respondent
from eval.judges.protocol import JudgeProtocol
from eval.judges.transcript import CallRecord


class Judge(Respondent):
    """A judge of runs: it answers calls, and accounts for them.

    What is defined here holds for a judge that costs nothing: there is nothing to check, to plan or to keep.
    """

    budget: Budget | None = None
    """What it has spent, and may spend; None where it costs nothing."""
    kept_in: Path | None = None
    """The file that holds every verdict as soon as it is given; None where verdicts are not kept one by one."""

    repeats_itself = True
    """Whether it gives the same verdicts each time, so that to judge again tells nothing."""

    @property
    def stopped(self) -> str | None:
        """The reason why it answers no more calls; None while it does."""
        return None

    def require_served(self) -> None:
        """Raise ConfigError where it can only repeat a server's verdicts and has none."""

    def protocol(self, pack: Path | None = None) -> JudgeProtocol | None:  # noqa: ARG002
        """Return the only protocol that it can be asked in, None for any; `pack` is where upstream's wording lies."""
        return None

    def check(self) -> bool:
        """Check that it can be asked; return whether that, or its verdicts, may change. Raises JudgeError if not."""
        return False

    def renew(self) -> list[str]:
        """Find out anew how it can be asked, and ignore stored verdicts from now on; return what to tell the user."""
        return []

    def plan(self, score: Callable[[Respondent], object], prepare: Callable[[], None]) -> Plan | None:  # noqa: ARG002
        """Return the plan of the calls that are left to pay for; None where no call costs anything.

        Args:
            score: Scores with the judge that is given to it, whose replies are no verdicts.
            prepare: Called before the first call that is left; what it raises is raised here.
        """
        return None

    def watch(self, say: Say, on_progress: Listener) -> None:
        """Show messages and progress from now on, up to the bill."""

    def bill(self, records: Sequence[CallRecord]) -> Bill:
        """Return the cost of calls that it was asked, and of what it needed for them since its last bill."""
        return bill(records)

    def keep_health(self, protocol: Mapping[str, Any], health: Mapping[str, Any]) -> None:
        """Keep the result of a canary check."""

    def health(self, protocol: Mapping[str, Any]) -> dict[str, Any] | None:  # noqa: ARG002
        """Return a summary of its last canary check under a protocol; None where it was not checked."""
        return None
