"""Output about a run's judge: planned calls, progress, cost, and the judge's health; the bill of a served model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eval.judges.bill import STAGES, Bill, Plan
from eval.judges.canaries import Health
from eval.report.printing import one_line
from eval.report.progress import RunProgress


def dollars(amount: float) -> str:
    """Return an amount in dollars and cents; amounts below a cent with two digits."""
    return (
        f"${amount:.2f}" if amount >= 0.995 or amount == 0 else f"${amount:.2g}" if amount < 0.01 else f"${amount:.3f}"
    )


def tokens(count: int) -> str:
    """Return a count of tokens in thousands or millions."""
    if count >= 1_000_000:
        return f"{count / 1_000_000:.1f} M"
    return f"{count / 1000:.1f} k" if count >= 1000 else str(count)


def capped(cost: float | None, most: float | None) -> str:
    """Return what a cap on the cost allows, and whether the estimate is above it; "" for no cap."""
    if most is None:
        return ""
    short = cost is not None and cost > most
    return f"; at most {dollars(most)} are spent{', which is too little to judge all of them' if short else ''}"


def plan_line(plan: Plan, judge: str, most: float | None) -> str:
    """Return the planned calls before a run is judged, in one line."""
    judge = one_line(judge)
    if not plan.left:
        return f"Judge {judge}: all {plan.calls:,} calls are in the reply store; nothing is asked."
    paid = f", {plan.calls - plan.left:,} of them in the store or repeated" if plan.left < plan.calls else ""
    sent, received = sum(stage.input for stage in plan.stages), sum(stage.output for stage in plan.stages)
    price = f"about {dollars(plan.cost)} (prices of {plan.price_as_of})" if plan.cost is not None else "price not known"
    cap = capped(plan.cost, most)
    return (
        f"Judge {judge}: {plan.calls:,} calls{paid}; {plan.left:,} to ask, about {tokens(sent)} tokens in and "
        f"{tokens(received)} out, {price}{cap}."
    )


def bill_lines(bill: Bill) -> list[str]:
    """Return the cost, one line a stage."""
    lines = []
    for stage in bill.stages:
        parts = [f"{stage.asked:,} asked", f"{stage.stored:,} from the store or repeated"]
        for count, what in (
            (stage.again, "asked again"),
            (stage.retries, "requests repeated"),
            (stage.refused, "refused"),
            (stage.failed, "failed"),
        ):
            parts += [f"{count:,} {what}"] if count else []
        if stage.asked:
            parts.append(f"{tokens(stage.input)} tokens in, {tokens(stage.output)} out")
            parts += [dollars(stage.cost)] if stage.cost is not None else []
        lines.append(f"  {STAGES[stage.task]}: {', '.join(parts)}")
    total = (
        f"Judge's bill: {dollars(bill.cost)} (prices of {bill.price_as_of})"
        if bill.cost is not None
        else "Judge's bill"
    )
    if bill.unconfirmed:
        total += f", and up to {dollars(bill.unconfirmed)} for requests that broke off"
    return [f"{total}:", *lines]


def serving_line(account: Mapping[str, Any]) -> str:
    """Return the requests to a model behind a server, and their cost, in one line."""
    parts = [f"{account['asked']:,} asked", f"{account['stored']:,} from the store or repeated"]
    parts += [f"{account[name]:,} {name}" for name in ("refused", "failed") if account[name]]
    parts += [f"{account['retries']:,} requests repeated"] if account["retries"] else []
    parts += [f"{tokens(account['input'])} tokens in, {tokens(account['output'])} out"] if account["asked"] else []
    known = account["cost"] is not None
    total = (
        f"Model's bill: {dollars(account['cost'])} (prices of {account['price_as_of']})" if known else "Model's bill"
    )
    if account["unconfirmed"]:
        total += f", and up to {dollars(account['unconfirmed'])} for requests that broke off"
    return f"{total}: {', '.join(parts)}."


def health_lines(health: Health) -> list[str]:
    """Return the result of the canary set for a judge."""
    kinds = [f"{kind} {right}/{n}" for kind, (right, n) in health.by_kind.items()]
    who = one_line(f"Judge {health.judge['name']}, protocol {health.protocol['name']}")
    interval = f"[{100 * health.lower:.1f}, {100 * health.upper:.1f}]"
    unread = f"replies that could not be read: {health.unread}; refused: {health.refused}; failed: {health.failed}"
    return [
        f"{who}: {100 * health.accuracy:.1f}% of {health.n} canary verdicts right {interval}",
        f"  by kind: {', '.join(kinds)}",
        f"  injections that turned it: {100 * health.injection_pass_rate:.1f}%; {unread}",
        *(
            f"  wrong: {one_line(wrong.id)}: {one_line(wrong.got)}, not {one_line(wrong.expected)}"
            for wrong in health.wrong[:5]
        ),
    ]


class JudgeProgress:
    """Number of calls answered and time left: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar: RunProgress | None = None
        self._total = self._done = 0

    def __call__(self, done: int, total: int) -> None:
        """Show that so many of a round's calls are finished."""
        if self._bar is None or total != self._total or done < self._done:
            self.close()
            self._bar = RunProgress(self._label, total=total, unit="calls", ends=False)
            self._bar.__enter__()
            self._total, self._done = total, 0
        self._bar.advance(done - self._done)
        self._done = done
        if done == total:
            self.close()

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.__exit__()
            self._bar = None
