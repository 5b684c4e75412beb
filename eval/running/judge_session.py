"""Commands' work on a judge apart from scoring: name it, check it, plan its calls, and account for their cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from eval import building
from eval import config as configuration
from eval.config import Settings
from eval.config.overrides import about_judge
from eval.core import Benchmark, ModelFacts, Prediction, Result, Sample
from eval.errors import ConfigError, did_you_mean
from eval.files import absolute
from eval.judges.bill import Bill
from eval.judges.calls import Respondent
from eval.judges.judge import Judge
from eval.judges.protocol import JudgeProtocol
from eval.judges.transcript import Transcript
from eval.report.judging import JudgeProgress, bill_lines, health_lines, plan_line
from eval.running.outcome import say
from eval.running.repeating import check_repeats, judgings

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
        bundle = absolute(rest)
        return ["judge=replay", f"judge.bundle={configuration.quoted(str(bundle))}"]
    if name in _FORMS:
        raise ConfigError(f"--judge {text} is incomplete; it takes the form {_FORMS[name]}.")
    raise ConfigError(f"Unknown judge {name!r}. {did_you_mean(name, known)} A server is named by its URL.")


def protocol_overrides(name: str | None) -> list[str]:
    """Return the overrides for --protocol."""
    return [] if name is None else [f"protocol={name}"]


def refuse_unasked(
    settings: Sequence[Settings], judge: str | None, protocol: str | None, overrides: Sequence[str]
) -> None:
    """Raise ConfigError where settings of a judge are given, and no benchmark asks one."""
    given = [name for name, value in (("--judge", judge), ("--protocol", protocol)) if value is not None]
    given += [key for key in about_judge(overrides) if not any(key in one.model for one in settings)]
    more = {"card": settings[0].card is not None, "repeats": settings[0].repeats > 1}
    given += [f"--{name}" for name, is_set in more.items() if is_set and name not in given]
    if given and not any("judge" in one.benchmark["scorer"] for one in settings):
        benches = ", ".join(str(one.benchmark.get("name")) for one in settings)
        raise ConfigError(
            f"{' and '.join(given)}: {benches} asks no judge; leave {'it' if len(given) == 1 else 'them'} out."
        )


def pack_of(settings: Settings) -> Path | None:
    """Return the folder with upstream's imported wording; None for the default place."""
    pack = settings.protocol.get("pack")
    return None if pack is None else Path(pack)


class Judging:
    """The judge of a run, which may span several benchmarks: one budget, one account."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._checked = False

    @cached_property
    def judge(self) -> Judge:
        """The judge, built when it is first needed."""
        judge: Judge = building.build(self._settings.judge, "judge")
        judge.require_served()
        return judge

    def benchmark(self, settings: Settings) -> tuple[Benchmark, Transcript | None]:
        """Build a benchmark with this judge; return it with the transcript of its calls, where it is judged."""
        node = settings.benchmark
        if "judge" not in node["scorer"]:
            return building.build(node, "benchmark"), None
        transcript = Transcript(self.judge)
        given = {"judge": transcript, "protocol": self.judge.protocol(pack_of(settings))}
        given = {name: part for name, part in given.items() if part is not None}
        benchmark: Benchmark = building.build(node, "benchmark", given)
        check_repeats(settings.repeats, self.judge, benchmark)
        return benchmark, transcript

    def share(self, model: ModelFacts) -> None:
        """Put the judge, where there is one already, and a model that costs something under one cap."""
        theirs = model.budget
        if theirs is not None and "judge" in vars(self) and self.judge.budget is not None:
            self.judge.budget.share(theirs)

    def check(self) -> None:
        """Check, once a run, that the judge can be asked. Raises JudgeError where it can't."""
        if self._checked:
            return
        self._checked = self.judge.check()
        if self._checked and self._settings.judge_check:
            self.show_health(building.build(self._settings.protocol, "protocol"))

    def show_health(self, protocol: JudgeProtocol, limit: int | None = None) -> bool:
        """Put the canary set to the judge, keep and show the outcome; return whether the judge is sound.

        With a `limit`, only so many canaries are put to it, and the outcome stands for no whole check.
        """
        from eval.judges.canaries import canaries, check, chosen

        items, judge = chosen(protocol, limit), self.judge
        if len(items) < len(canaries()):
            say(f"{len(items)} of {len(canaries())} canaries are put to it, evenly over their kinds.")
        judge.watch(say, JudgeProgress(f"canaries, {judge.name}"))
        health = check(judge, protocol, items)
        if limit is None or len(items) < limit:
            judge.keep_health(protocol.describe(), asdict(health))
        for line in health_lines(health):
            say(line)
        if judge.stopped is not None:
            why = judge.stopped.removeprefix("not asked, since ")
            say(f"The check was stopped: {why}. Give it more time (judge.timeout_s) or less to do (limit=<N>).")
        return health.failed + health.unread + health.refused == 0

    def announce(self, benchmark: Benchmark, pairs: Sequence[tuple[Sample, Prediction]]) -> None:
        """Announce the calls by which a benchmark's predictions are scored, as `announce_calls` does."""
        self.announce_calls(judgings(benchmark.scorer, pairs, self._settings.repeats), benchmark.name)

    def announce_calls(self, ask: Callable[[Respondent], object], about: str) -> None:
        """Print the planned calls, warn of a judge that is retired soon, and show progress from here on.

        Args:
            ask: Puts all of them to a judge that only counts them.
            about: What they are about, in a word.

        Raises JudgeError where calls are left and the judge can't be asked.
        """
        judge = self.judge
        plan = judge.plan(ask, self.check)
        if plan is None:
            return
        say(plan_line(plan, judge.name, plan.most))
        if plan.warning is not None:
            say(plan.warning)
        judge.watch(say, JudgeProgress(f"{about}, {judge.name}"))

    @contextmanager
    def resumable(self) -> Iterator[None]:
        """Print, if the user stops the judging, that no verdict is lost."""
        try:
            yield
        except KeyboardInterrupt:
            if self.judge.kept_in is not None:
                say(f"\nThe verdicts so far are in {self.judge.kept_in}; the same command goes on from there.")
            raise

    def account(self, *transcripts: Transcript | None) -> Bill | None:
        """Return the cost of a benchmark's calls, after they were made."""
        records = [record for each in transcripts if each is not None for record in each.records]
        return self.judge.bill(records) if records else None


def judged(judging: Judging, result: Result, account: Bill | None) -> Result:
    """Return a result with the cost of its judging, and the judge's health where it was checked."""
    if account is None:
        return result
    health = judging.judge.health(result.provenance["scorer"]["protocol"])
    return replace(result, judging={**asdict(account), "health": health})


def notes_of(account: Bill | None, judge: Mapping[str, Any] | None) -> list[str]:
    """Return the lines about a judge that are printed under a table."""
    about = [f"Judge {judge['name']}: {judge['note']}."] if judge and judge.get("note") else []
    return [*about, *(bill_lines(account) if account is not None and account.is_owed else [])]
