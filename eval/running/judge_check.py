"""Checks a judge: the fields that its server accepts, and its verdicts on the canary set."""

from __future__ import annotations

from collections.abc import Sequence

from eval import building
from eval import config as configuration
from eval.errors import ConfigError
from eval.running.judge_session import Judging, judge_overrides, protocol_overrides
from eval.running.outcome import say


def check_judge(
    judge: str | None = None, protocol: str | None = None, overrides: Sequence[str] = (), *, limit: int | None = None
) -> bool:
    """Probe a server's accepted fields again, then send the canary set; return whether every reply could be read.

    Args:
        judge: The judge, as EvalRequest takes it.
        protocol: The protocol of its calls.
        overrides: Further settings of conf/, as `key=value`.
        limit: Number of canaries, evenly over their kinds; None for all.
    """
    flags = [name for name, value in (("judge", judge), ("protocol", protocol)) if value is not None]
    configuration.refuse_unused("judge check", overrides, flags)
    settings = configuration.load_settings([*judge_overrides(judge), *protocol_overrides(protocol), *overrides])
    limit = settings.limit if limit is None else limit
    if limit is not None and limit < 1:
        raise ConfigError(f"limit={limit} leaves no canary; give a number from 1 on, or leave it out.")
    judging = Judging(settings)
    for line in judging.judge.renew():
        say(line)
    return judging.show_health(building.build(settings.protocol, "protocol"), limit)
