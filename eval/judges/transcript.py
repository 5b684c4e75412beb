"""Record judge calls and replies: for the bill, and for `verdicts.jsonl` in the run folder, which is read here too.

A bundle is untrusted input, so its verdicts are checked field by field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from eval.client.outcomes import Usage
from eval.errors import DataError
from eval.judges.calls import JudgeCall, JudgeReply, Outcome, ReplySource, Respondent
from eval.readers.malformed import printable
from eval.readers.parsing import opened_text, parsed, problem

MAX_BYTES = 1 << 30
"""Maximum bytes of verdicts; those of a run of 13,691 questions take some 10 MB."""
MAX_LINE = 64 << 20
"""Maximum bytes of one line; a reply has at most 8 MiB."""
MAX_LINES = 500_000
"""Maximum number of lines: objects take far more memory than lines; the largest benchmark has 72,821 questions."""

WhichCall = tuple[str, str, str | None, int]
"""Sample, task, side and attempt of a call."""
_TEXT, _TEXT_OR_NONE, _NUMBER = (str,), (str, type(None)), (int,)
_TYPES: Mapping[str, tuple[type, ...]] = {
    "sample": _TEXT, "task": _TEXT, "side": _TEXT_OR_NONE, "attempt": _NUMBER,
    "text": _TEXT_OR_NONE, "error": _TEXT_OR_NONE, "outcome": _TEXT, "source": _TEXT, "served": _TEXT_OR_NONE,
    "usage": (dict, type(None)), "finish_reason": _TEXT_OR_NONE, "retries": _NUMBER, "batch": (bool,),
    "key": _TEXT_OR_NONE,
}  # fmt: skip
"""The fields of a line of verdicts.jsonl: the identity of the call, and the reply."""
_COUNTS = ("input", "output", "cached", "reasoning")
_WHICH = ("sample", "task", "side", "attempt")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One recorded call and its reply."""

    call: JudgeCall
    reply: JudgeReply


@dataclass(slots=True)
class Transcript:
    """A judge that records calls and replies in order, of one judging; otherwise it is like the judge it wraps."""

    judge: Respondent
    """The wrapped judge."""
    records: list[CallRecord] = field(default_factory=list)
    """All calls so far, with their replies."""
    judging: int = 0
    """Number of earlier judgings of the same predictions."""

    @property
    def name(self) -> str:
        """Name of the wrapped judge."""
        return self.judge.name

    def describe(self) -> Mapping[str, Any]:
        """Return the wrapped judge's description of itself."""
        return self.judge.describe()

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        """Pass the calls on, and record them with their replies."""
        calls = [replace(call, judging=self.judging) for call in calls] if self.judging else calls
        replies = self.judge.ask(calls)
        self.records += [CallRecord(call=call, reply=reply) for call, reply in zip(calls, replies, strict=True)]
        return replies


def to_json(record: CallRecord) -> dict[str, Any]:
    """Return one line of verdicts.jsonl: the identity of the call, the raw reply and its origin."""
    call, reply = record.call, record.reply
    which = {"sample": call.sample, "task": call.task, "side": call.inputs.get("side"), "attempt": call.attempt}
    return {**which, **asdict(reply)}


def read_verdicts(path: Path) -> Iterator[tuple[WhichCall, JudgeReply]]:
    """Yield call and reply of each line. Raises DataError, naming the line, where it is no verdict or too large."""
    number, left = 0, MAX_BYTES
    with opened_text(path) as file:
        try:
            while line := file.readline(MAX_LINE + 1):
                number += 1
                left -= len(line)
                if left < 0 or len(line) > MAX_LINE or number > MAX_LINES:
                    raise ValueError(f"more than {MAX_BYTES} bytes, {MAX_LINE} in a line, or {MAX_LINES} lines")  # noqa: TRY301
                yield _verdict(parsed(line))
        except (OSError, ValueError, TypeError) as error:
            raise DataError(
                f"{path}:{number}: no verdict, or a damaged one: {printable(str(error))}. Get it again, or score again."
            ) from error


def _verdict(found: Any) -> tuple[WhichCall, JudgeReply]:
    """Return the call and reply in a line. Raises ValueError or TypeError."""
    if trouble := problem(found):
        raise ValueError(trouble)
    if not isinstance(found, dict):
        raise TypeError("it is not an object")
    if wrong := sorted(found.keys() ^ _TYPES.keys()):
        raise ValueError(f"the field {wrong[0][:60]!r} is missing, or none of a verdict")
    for name, types in _TYPES.items():
        # Not isinstance, which accepts true as a number.
        if type(found[name]) not in types:
            raise TypeError(f"{name} is {str(found[name])[:60]!r}")
    outcome, source, text = found["outcome"], found["source"], found["text"]
    if outcome not in get_args(Outcome) or source not in get_args(ReplySource):
        raise ValueError(f"outcome {outcome[:60]!r}, source {source[:60]!r}")
    if (outcome == "replied" and text is None) or (outcome == "failed" and text is not None):
        raise ValueError(f"{outcome}, {'without a' if text is None else 'and yet a'} text")
    usage = found["usage"]
    if usage is not None and (set(usage) != set(_COUNTS) or any(type(usage[name]) is not int for name in _COUNTS)):
        raise TypeError(f"usage is {str(usage)[:60]!r}")
    given = {name: value for name, value in found.items() if name not in _WHICH}
    # Calls that were paid for in the run cost nothing now.
    given |= {"usage": None if usage is None else Usage(**usage), "retries": 0}
    if found["key"] is not None and outcome != "failed":
        given["source"] = "stored"
    which = (found["sample"], found["task"], found["side"], found["attempt"])
    return which, JudgeReply(**given)
