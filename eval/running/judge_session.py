"""Commands' work on a judge apart from scoring: name it, check it, plan its calls, and account for their cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

from eval import building
from eval import config as configuration
from eval.config import Settings
from eval.core import Benchmark, Prediction, Result, Sample
from eval.errors import ConfigError, did_you_mean
from eval.judges.bill import CHARS_PER_TOKEN, ENVELOPE, Bill, Plan, Planner, bill
from eval.judges.calls import Judge, JudgeCall, Usage
from eval.judges.protocol import JudgeProtocol
from eval.judges.replay import ReplayJudge
from eval.judges.served import ServedJudge
from eval.judges.transcript import Transcript
from eval.report.judging import JudgeProgress, bill_lines, health_lines, plan_line
from eval.running.outcome import say

WARN_DAYS = 120
"""Days before a judge's known retirement from which every run warns of it."""


_FORMS = {
    "openai": "openai:<model>", "azure": "azure:<deployment>", "local": "the URL of its server",
    "replay": "replay:<bundle or run folder>", "offline": "offline", "scripted": "scripted",
}  # fmt: skip
"""Forms that --judge accepts for each judge."""


def judge_overrides(text: str | None) -> list[str]:
    """Return the overrides for --judge: a name, a URL, or `openai:<model>`, `azure:<deployment>`, `replay:<bundle>`."""
    if text is None:
        return []
    known = configuration.names("judge")
    name, _, rest = text.partition(":")
    if text in known:
        return [f"judge={text}"]
    if name in ("http", "https"):
        return ["judge=local", f"judge.url={configuration.quoted(text)}"]
    if name == "local" and rest:
        return ["judge=local", f"judge.url={configuration.quoted(rest)}"]
    if name in ("openai", "azure") and rest:
        return [f"judge={name}", f"judge.model={configuration.quoted(rest)}"]
    if name == "replay" and rest:
        bundle = Path(rest).expanduser().resolve()
        return ["judge=replay", f"judge.bundle={configuration.quoted(str(bundle))}"]
    if name in _FORMS:
        raise ConfigError(f"--judge {text} is incomplete; it takes the form {_FORMS[name]}.")
    raise ConfigError(f"Unknown judge {name!r}. {did_you_mean(name, known)} A server is named by its URL.")


def protocol_overrides(name: str | None) -> list[str]:
    """Return the overrides for --protocol."""
    return [] if name is None else [f"protocol={name}"]


def pack_of(settings: Settings) -> Path | None:
    """Return the folder with upstream's imported wording; None for the default place."""
    pack = settings.protocol.get("pack")
    return None if pack is None else Path(pack)


class Judging:
    """The judge of a run, which may span several benchmarks: one budget, one account."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._judge: Judge | None = None
        self._checked = False
        self._before = 0.0

    @property
    def judge(self) -> Judge:
        """The judge, built when it is first needed."""
        if self._judge is None:
            judge: Judge = building.build(self._settings.judge, "judge")
            if isinstance(judge, ReplayJudge):
                judge.require_served()
            self._judge = judge
        return self._judge

    def benchmark(self, settings: Settings) -> tuple[Benchmark, Transcript | None]:
        """Build a benchmark with this judge; return it with the transcript of its calls, where it is judged."""
        node = settings.benchmark
        if "judge" not in node["scorer"]:
            return building.build(node, "benchmark"), None
        transcript = Transcript(self.judge)
        given: dict[str, Any] = {"judge": transcript}
        if isinstance(self.judge, ReplayJudge):
            given["protocol"] = self.judge.protocol(pack_of(settings))
        return building.build(node, "benchmark", given), transcript

    def check(self) -> None:
        """Check, once a run, that the judge can be asked. Raises JudgeError where it can't."""
        if self._checked or not isinstance(self.judge, ServedJudge):
            return
        self.judge.check()
        self._checked = True
        if self._settings.judge_check:
            self.show_health(building.build(self._settings.protocol, "protocol"))

    def show_health(self, protocol: JudgeProtocol) -> bool:
        """Put the canary set to the judge, store and show the outcome; return whether the judge is sound."""
        from eval.judges.canaries import check

        judge = self.judge
        health = check(judge, protocol)
        if isinstance(judge, ServedJudge):
            judge.store.keep_check(judge.describe(), protocol.describe(), asdict(health))
        for line in health_lines(health):
            say(line)
        return health.failed + health.unread + health.refused == 0

    def plan(self, benchmark: Benchmark, pairs: Sequence[tuple[Sample, Prediction]]) -> Plan | None:
        """Return the plan of the judge's remaining calls without asking; None for a judge that costs nothing."""
        judge = self.judge
        if not isinstance(judge, ServedJudge):
            return None
        planner = Planner(look_up=judge.look_up, tokens=_estimator(judge), stages={})
        scorer: Any = benchmark.scorer
        replace(scorer, judge=planner).score(pairs)
        return planner.plan(judge.budget.price, batch=judge.batch)

    def announce(self, benchmark: Benchmark, pairs: Sequence[tuple[Sample, Prediction]]) -> None:
        """Print the planned calls, warn of a judge that is retired soon, and show progress from here on.

        Raises JudgeError where calls are left and the judge can't be asked.
        """
        judge = self.judge
        if not isinstance(judge, ServedJudge):
            return
        plan = self.plan(benchmark, pairs)
        if plan is not None and plan.left:
            self.check()
            # The fields that the server accepts are part of a call's key, and may only be known now.
            plan = self.plan(benchmark, pairs)
        if plan is not None:
            say(plan_line(plan, judge.name, judge.budget.most))
        self.warn()
        judge.say = say
        judge.on_progress = JudgeProgress(f"{benchmark.name}, {judge.name}")

    @contextmanager
    def resumable(self) -> Iterator[None]:
        """Print, if the user stops the judging, that no verdict is lost."""
        try:
            yield
        except KeyboardInterrupt:
            if isinstance(self.judge, ServedJudge):
                say(f"\nThe verdicts so far are in {self.judge.store.path}; the same command goes on from there.")
            raise

    def warn(self) -> None:
        """Warn of a judge whose retirement date is known."""
        judge = self.judge
        if not isinstance(judge, ServedJudge) or judge.server.settings.provider != "openai":
            return
        # No verdict of this run has shown yet which model is served.
        served = judge.served or judge.known.served
        ends = judge.price_list.shutdown(served) or judge.price_list.shutdown(judge.server.settings.model)
        left = (ends - date.today()).days if ends else WARN_DAYS + 1  # noqa: DTZ011 - a day's difference is no matter
        if ends and left <= WARN_DAYS:
            when = f"in {left} days, on {ends}" if left > 0 else f"on {ends}"
            verb = "will be shut down" if left > 0 else "was to be shut down"
            say(f"Warning: the judge {judge.name} {verb} {when}; only open weights, pinned, can't be retired.")

    def health(self, protocol: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a summary of the judge's last canary check under a protocol; None where it was not checked."""
        judge = self.judge
        found = judge.store.last_check(judge.describe(), protocol) if isinstance(judge, ServedJudge) else None
        kept = ("n", "accuracy", "lower", "upper", "injection_pass_rate", "unread", "refused", "failed", "created")
        return None if found is None else {name: found[name] for name in kept}

    def account(self, transcript: Transcript | None) -> Bill | None:
        """Return the cost of a benchmark's calls, after they were made."""
        if transcript is None or not transcript.records:
            return None
        judge = self.judge
        if not isinstance(judge, ServedJudge):
            return bill(transcript.records)
        judge.on_progress = None
        unconfirmed = judge.budget.unconfirmed - self._before
        self._before = judge.budget.unconfirmed
        probed, judge.probed = judge.probed, ()
        return bill(transcript.records, judge.budget.price, probed=probed, unconfirmed=unconfirmed)


def judged(judging: Judging, result: Result, account: Bill | None) -> Result:
    """Return a result with the cost of its judging, and the judge's health where it was checked."""
    if account is None:
        return result
    health = judging.health(result.provenance["scorer"]["protocol"])
    return replace(result, judging={**asdict(account), "health": health})


def notes_of(account: Bill | None, judge: Mapping[str, Any] | None) -> list[str]:
    """Return the lines about a judge that are printed under a table."""
    about = [f"Judge {judge['name']}: {judge['note']}."] if judge and judge.get("note") else []
    return [*about, *(bill_lines(account) if account is not None and account.is_owed else [])]


def _estimator(judge: ServedJudge) -> Any:
    """Return the estimator of a call's tokens: from this judge's earlier calls of the kind, otherwise by length."""
    known = judge.usage_so_far()

    def tokens(call: JudgeCall, reply: str) -> Usage:
        chars = len(call.system) + len(call.user)
        per_char, output = known.get(f"{call.task}/{call.form}", (1 / CHARS_PER_TOKEN, None))
        bound = call.max_tokens or len(reply)
        guess = output if output is not None else min(bound, len(reply) / CHARS_PER_TOKEN + ENVELOPE)
        return Usage(input=round(chars * per_char) + ENVELOPE, output=round(guess))

    return tokens
