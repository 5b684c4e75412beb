"""Samples without a value: how many and why, each reason that several of them share told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Console

from eval.core import Prediction, Score
from eval.errors import media_reason
from eval.report.printing import REASON, counted, one_line, results_console, say
from eval.runs.folder import PREDICTIONS, SCORES

FAILURES_SHOWN = 10
"""Number of failed samples listed on the terminal; predictions.jsonl has all of them."""
DOUBTS_SHOWN = 3
"""Number of answers in doubt that are shown; scores.jsonl has all of them."""
_UNASKED = {"model: not asked, ": "put to the model", "the judge was not asked, ": "judged"}
"""Beginning of the reasons of samples that were not asked about, which all share one, and what was not done."""
_UNREAD = " cannot be read: "
"""Part of the reason of a sample whose judge replied, and the reply does not fit its form."""
_KEPT = "Replies that cannot be read are kept and not asked for again; of a mended judge, judge.revision=2 asks anew."


def show_failures(
    predictions: Sequence[Prediction],
    scores: Sequence[Score] = (),
    *,
    console: Console | None = None,
    most: tuple[int, int] = (FAILURES_SHOWN, DOUBTS_SHOWN),
) -> None:
    """List the samples that failed and the answers in doubt, with the reason; `most` of either in full."""
    console = console or results_console()
    failed, unjudged = _failed(predictions), _unjudged(scores)
    for what, found, where in (("failed", failed, PREDICTIONS), ("without a verdict", unjudged, SCORES)):
        if not found:
            continue
        say(console, f"\n{len(found):,} {what}:", "bold red")
        for line in _unasked(reason for _, reason in found):
            say(console, f"  {line}")
        asked = [(name, reason) for name, reason in found if _not_done(reason) is None]
        for name, reason in asked[: most[0]]:
            say(console, f"  {one_line(name)}: {one_line(reason, REASON)}")
        if len(asked) > most[0]:
            say(console, f"  ... and {len(asked) - most[0]:,} more, in {where}")
        if found is unjudged and any(_UNREAD in reason for _, reason in found):
            say(console, f"  {_KEPT}")
    doubts = [
        (score.id, score.reason) for score in scores if score.values and score.status == "scored" and score.reason
    ]
    if doubts:
        which = "scored by upstream's rule, which reads the first character:"
        say(console, f"\n{counted(len(doubts), 'answer')} in doubt, {which}")
        for name, reason in doubts[: most[1]]:
            say(console, f"  {one_line(name)}: {one_line(reason, REASON)}")


def failure_lines(predictions: Sequence[Prediction], scores: Sequence[Score]) -> list[str]:
    """Return why samples have no value, a line for media, for the model and for the judge, for a table of several."""
    failed, unjudged = _failed(predictions), _unjudged(scores)
    media = Counter(kind for _, reason in failed if (kind := media_reason(reason)) is not None)
    kinds = ", ".join(f"{n:,} {kind.replace('_', ' ')}" for kind, n in media.most_common())
    lines = [f"{counted(media.total(), 'sample')} without media that can be shown ({kinds})."] if media else []
    for found, what in ((failed, "failed in the model"), (unjudged, "without a verdict")):
        lines += _unasked(reason for _, reason in found)
        asked = [(name, reason) for name, reason in found if _not_done(reason) is None and media_reason(reason) is None]
        if asked:
            name, reason = asked[0]
            first = "" if len(asked) == 1 else "the first one, "
            lines.append(f"{counted(len(asked), 'sample')} {what}: {first}{one_line(name)}: {one_line(reason, REASON)}")
    return [*lines, *([_KEPT] if any(_UNREAD in reason for _, reason in unjudged) else [])]


def _failed(predictions: Sequence[Prediction]) -> list[tuple[str, str]]:
    return [(one.id, one.error) for one in predictions if one.error is not None]


def _unjudged(scores: Sequence[Score]) -> list[tuple[str, str]]:
    return [(score.id, score.reason or "") for score in scores if score.status == "judge_failed"]


def _not_done(reason: str) -> tuple[str, str] | None:
    """Return what was not done with a sample that was not asked about, and why; None for any other reason."""
    for begin, done in _UNASKED.items():
        _, found, why = reason.partition(begin)  # a step of the judge's may be named before it
        if found:
            return done, why
    return None


def _unasked(reasons: Iterable[str]) -> list[str]:
    """Return a line for each reason why samples were not asked about, with their number and how to go on."""
    lines = []
    for (done, why), n in Counter(told for reason in reasons if (told := _not_done(reason)) is not None).items():
        how = "the same command with a higher max_cost" if "max_cost=" in why else "the same command"
        verb = "was" if n == 1 else "were"
        lines.append(f"{counted(n, 'sample')} {verb} not {done}, {one_line(why, REASON).rstrip('.')}; {how} goes on.")
    return lines
