"""A judge that repeats its replies in an earlier run, from the run's folder or its bundle, without asking any server.

A server's replies are found by the hash of the request, so that a changed prediction, wording or reference finds none,
and the score reports this instead of changing. Judges that compute their replies leave no hash. Theirs are found by
sample, task, side and attempt, in order, which is valid only for the same predictions.

A bundle is untrusted input, so it is checked field by field.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from eval.errors import ConfigError, DataError, did_you_mean
from eval.judges.calls import JudgeCall, JudgeReply, Outcome, ReplySource, Usage
from eval.judges.protocol import JudgeProtocol, ProtocolName, judge_protocol, with_wording
from eval.judges.requests import Capabilities, asked_of
from eval.judges.wording import Wording, wording_of
from eval.readers.malformed import printable
from eval.readers.parsing import NotJSONError, opened_text, parsed, problem, whole
from eval.runs.bundle import WORDING, unpacked
from eval.runs.checksums import verify
from eval.runs.folder import VERDICTS
from eval.runs.result import read_result

MAX_BYTES = 1 << 30
"""Maximum bytes of verdicts; those of a run of 13,691 questions take some 10 MB."""
MAX_LINE = 64 << 20
"""Maximum bytes of one line; a reply has at most 8 MiB."""
MAX_LINES = 500_000
"""Maximum number of lines: objects take far more memory than lines; the largest benchmark has 72,821 questions."""

_Which = tuple[str, str, str | None, int]
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


class ReplayJudge:
    """Gives the recorded replies of a run.

    Args:
        bundle: The run's bundle, the run's folder, or a score's folder.
        same_predictions: Whether the predictions are the same as those of the recorded verdicts. Only then
            are computed replies used, since nothing identifies the texts they were about.

    Raises:
        ConfigError: nothing is named, or the named run was scored without a judge.
        DataError: the bundle is invalid or damaged, the result describes no judge, or a line is no verdict.
        RunError: there is no result, or the verdicts are not those that it was computed with.
    """

    def __init__(self, *, bundle: Path | None, same_predictions: bool = False) -> None:
        if bundle is None:
            raise ConfigError("judge=replay needs the bundle: JUDGE=replay:<bundle>, or judge.bundle=<bundle>.")
        self.place = bundle
        self.n_served = 0
        """Number of replies that came from a server."""
        self.said_anything = False
        """Whether any call so far had a reply."""
        self._same_predictions = same_predictions
        self._by_key: dict[str, JudgeReply] = {}
        self._in_turn: dict[_Which, deque[JudgeReply]] = defaultdict(deque)
        with unpacked(bundle) as folder:
            self._scorer = _scorer_in(folder)
            self._wording = _wording_in(folder)
            try:
                self._judge: dict[str, Any] = dict(self._scorer["judge"])
                takes = self._judge.get("takes")
                self._takes = Capabilities(**takes) if takes else Capabilities()
                self._extra = dict(self._judge.get("extra") or {})
                self.name = str(self._judge["name"])
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(
                    f"{folder}: its result describes no judge that can be replayed: {printable(str(error))}."
                ) from error
            if (folder / VERDICTS).exists():  # otherwise nothing was asked
                for which, reply in _recorded(folder / VERDICTS):
                    self._keep(which, reply)

    def describe(self) -> Mapping[str, Any]:
        """Return the description of the judge that gave the verdicts: a replay has no identity of its own."""
        return dict(self._judge)

    def require_served(self) -> None:
        """Raise ConfigError where no verdict came from a server, so that none can be found by its request."""
        if not self.n_served:
            why = (
                "none of its calls had a reply; score it again"
                if self._judge.get("provider")
                else f"{self.name!r} computes its own again; name that judge"
            )
            raise ConfigError(f"{self.place} holds no verdicts of a server: {why}.")

    def protocol(self, pack: Path | None = None) -> JudgeProtocol:
        """Return the protocol of the recorded verdicts.

        Args:
            pack: Where upstream's wording was imported to, for a run folder, which keeps no wording; None for the
                default place.

        Raises:
            ConfigError: the protocol is unknown, or its wording is no longer at hand.
            DataError: the result does not say how the judge was asked, or its bundle holds another wording.
        """
        asked = self._scorer.get("protocol")
        try:
            name, sha256 = asked["name"], asked["wording"]["sha256"]  # type: ignore[index]
        except (KeyError, TypeError) as error:
            raise DataError(f"{self.place}: the result does not say how its judge was asked.") from error
        if name not in get_args(ProtocolName):
            said = str(name)[:60]
            raise ConfigError(f"Unknown protocol {said!r} in {self.place}. {did_you_mean(said, _protocols())}")
        kept = self._wording
        try:
            protocol = judge_protocol(name, pack) if kept is None else with_wording(name, kept)
        except DataError as error:  # upstream's wording was not imported here
            raise ConfigError(f"{self.place} was judged in upstream's wording. {error}") from error
        if protocol.wording.sha256 == sha256:
            return protocol
        if kept is not None:
            raise DataError(f"{self.place}: its {WORDING} is not the wording that the result names.")
        raise ConfigError(
            f"The run was judged in another wording of the protocol {name!r} than the one at hand; use the version, or "
            "the imported pack (protocol.pack=<folder>), that it was judged with."
        )

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        """Return the recorded reply to each call, in the order given; a call without one fails."""
        return [self._reply(call) for call in calls]

    def _reply(self, call: JudgeCall) -> JudgeReply:
        key = asked_of(call, self._takes, self._extra).key
        reply = self._by_key.get(key)
        if reply is None and self._same_predictions:
            left = self._in_turn.get((call.sample, call.task, call.inputs.get("side"), call.attempt))
            reply = left.popleft() if left else None
        if reply is None:
            return JudgeReply.failure(
                "no verdict was recorded for this call: it was never given, or prediction, reference or wording differ",
                key=key,
            )
        self.said_anything = self.said_anything or reply.outcome != "failed"
        return reply

    def _keep(self, which: _Which, reply: JudgeReply) -> None:
        if reply.key is None:
            self._in_turn[which].append(reply)
            return
        self.n_served += reply.outcome != "failed"
        self._by_key.setdefault(reply.key, reply)


def _scorer_in(folder: Path) -> Mapping[str, Any]:
    """Return a result's description of its scorer, which had a judge. Raises as the class does."""
    result, raw = read_result(folder)
    scorer: Mapping[str, Any] = result.provenance["scorer"]
    if "judge" not in scorer:
        raise ConfigError(f"{folder} was scored without a judge; there are no verdicts to replay.")
    verify(folder, raw, VERDICTS)
    return scorer


def _wording_in(folder: Path) -> Wording | None:
    """Return the wording in a bundle; None for a run folder, which has none. Raises DataError where it is invalid."""
    path = folder / WORDING
    if not path.exists():
        return None
    try:
        return wording_of(parsed(whole(path)), str(path))
    except NotJSONError as error:
        raise DataError(f"{path}: cannot be read as JSON: {printable(str(error))}") from error


def _recorded(path: Path) -> Iterator[tuple[_Which, JudgeReply]]:
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


def _verdict(found: Any) -> tuple[_Which, JudgeReply]:
    """Return the call and reply in a line. Raises ValueError or TypeError."""
    if trouble := problem(found):
        raise ValueError(trouble)
    if not isinstance(found, dict):
        raise TypeError("it is no object")
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


def _protocols() -> list[str]:
    return [name for name in get_args(ProtocolName) if name != "auto"]
