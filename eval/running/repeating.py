"""Judges predictions again, to see how far a judged score varies by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from eval.analysis.judges.repeated import repeated_values
from eval.core import Benchmark, Prediction, Repeated, Result, Sample, Score, Scorer
from eval.errors import ConfigError
from eval.judges.calls import Respondent
from eval.judges.judge import Judge
from eval.judges.transcript import Transcript

Pairs = Sequence[tuple[Sample, Prediction]]


def check_repeats(repeats: int, judge: Judge, benchmark: Benchmark) -> None:
    """Raise ConfigError, before work is done, where to judge a benchmark again tells nothing."""
    if repeats > 1 and judge.repeats_itself:
        raise ConfigError(
            f"repeats={repeats}: the judge {judge.name} gives {benchmark.name} the same verdicts each time; choose a "
            "judge behind a server, or leave it out."
        )


def judgings(scorer: Scorer, pairs: Pairs, repeats: int) -> Callable[[Respondent], None]:
    """Return a function that puts the calls of all judgings to a judge, such as one that only counts them."""

    def ask(judge: Respondent) -> None:
        for number in range(repeats):
            _judged_by(scorer, Transcript(judge, judging=number)).score(pairs)

    return ask


def repeated(
    repeats: int, scores: Sequence[Score], result: Result, pairs: Pairs, scorer: Scorer, first: Transcript | None
) -> tuple[Result, list[Transcript]]:
    """Judge again until a score was judged so many times; return its result with what that shows, and the calls.

    Each further judging asks just as the first did, and its replies are kept under keys of their own. One that lacks a
    reply is left out, and ends it: what the same command does next goes on from there.

    Args:
        repeats: Number of judgings, that of the score among them.
        scores: The scores of the first.
        result: Their result.
        pairs: What was judged.
        scorer: Its scorer.
        first: The calls of the first judging; None where the benchmark is not judged.
    """
    if repeats < 2 or first is None or not first.records:
        return result, []
    whole, tables, more = [scores], [result.metrics], []
    lacking = _lacking(first)
    for number in range(1, repeats):
        if lacking:
            break
        more.append(Transcript(first.judge, judging=number))
        again = _judged_by(scorer, more[-1])
        found = again.score(pairs)
        lacking = _lacking(more[-1])
        if not lacking:
            whole.append(found)
            tables.append(tuple(again.aggregate(found)))
    takes = result.provenance["scorer"]["judge"].get("takes") or {}
    told = Repeated(
        wanted=repeats,
        whole=len(whole) if more else 0,
        lacking=lacking,
        temperature=first.records[0].call.temperature if takes.get("temperature", True) else None,
        values=repeated_values(whole, tables, scorer.traits, sharing(first)) if len(whole) > 1 else (),
    )
    return replace(result, repeated=told), more


def _judged_by(scorer: Scorer, judge: Respondent) -> Scorer:
    found: Scorer = replace(cast("Any", scorer), judge=judge)
    return found


def sharing(transcript: Transcript) -> dict[str, str]:
    """Return one sample for all that share a call, by each of them: the same question is put to a judge once."""
    first: dict[str, str] = {}
    asked: dict[object, str] = {}

    def found(sample: str) -> str:
        while first[sample] != sample:
            sample = first[sample]
        return sample

    for record in transcript.records:
        call = record.call
        first.setdefault(call.sample, call.sample)
        key = record.reply.key or (call.task, call.system, call.user, call.attempt)
        first[found(call.sample)] = found(asked.setdefault(key, call.sample))
    return {sample: found(sample) for sample in first}


def _lacking(transcript: Transcript) -> int:
    """Return the number of calls without a reply."""
    return sum(record.reply.outcome == "failed" for record in transcript.records)
