"""Judges that repeat recorded replies without asking any server, above all those of a run, from its folder or bundle.

A server's replies are found by the hash of the request, so that a changed prediction, wording or reference finds none,
and the score reports this instead of changing. Judges that compute their replies leave no hash. Theirs are found by
sample, task, side and attempt, in order, which is valid only for the same predictions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from eval.client.requests import Capabilities
from eval.errors import ConfigError, DataError, did_you_mean
from eval.judges.calls import JudgeCall, JudgeReply
from eval.judges.judge import Judge
from eval.judges.protocol import JudgeProtocol, ProtocolName, judge_protocol, with_wording
from eval.judges.requests import key_of
from eval.judges.transcript import WhichCall, read_verdicts
from eval.judges.wording import load_wording
from eval.readers.malformed import printable
from eval.runs.bundle import WORDING, unpacked
from eval.runs.checksums import verify
from eval.runs.fields import checked, mapping
from eval.runs.folder import VERDICTS
from eval.runs.result import read_result

RequestForm = tuple[Capabilities, Mapping[str, Any]]
"""The form in which a server was asked: the fields that it accepts, and further parameters. It is part of the key."""


@dataclass(frozen=True, kw_only=True)
class _Recorded:
    """What a replay takes from a judge's description."""

    name: str
    takes: Capabilities | None = None
    extra: dict[str, Any] | None = None


class RecordedJudge(Judge, ABC):
    """Gives recorded replies, wherever they are; a call without one fails.

    Args:
        forms: Forms in which the judge may have been asked. The first call with a reply settles it: the form that finds
            most replies in its round.
    """

    name: str = ""
    missing: str
    """The reason given for a call without a reply."""

    def __init__(self, forms: Sequence[RequestForm]) -> None:
        self._forms = forms
        self._form: RequestForm | None = None
        self.said_anything = False
        """Whether any call so far had a reply."""

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        """Return the recorded reply to each call, in the order given."""
        forms = self._forms if self._form is None else [self._form]
        tried = [[key_of(call, *form) for call in calls] for form in forms]
        found = [self._find(keys) for keys in tried]
        best = max(range(len(forms)), key=lambda i: len(found[i]))
        if found[best]:
            self._form = forms[best]
        replies = [
            found[best].get(key) or self._in_turn(call) or JudgeReply.failure(self.missing, key=key)
            for key, call in zip(tried[best], calls, strict=True)
        ]
        self.said_anything = self.said_anything or any(reply.outcome != "failed" for reply in replies)
        return replies

    @abstractmethod
    def _find(self, keys: Sequence[str]) -> Mapping[str, JudgeReply]:
        """Return the replies with these keys."""

    def _in_turn(self, call: JudgeCall) -> JudgeReply | None:  # noqa: ARG002
        """Return the next reply without a key to a call; None where there is none."""
        return None


class ReplayJudge(RecordedJudge):
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

    missing = "no verdict was recorded for this call: it was never given, or prediction, reference or wording differ"

    def __init__(self, *, bundle: Path | None, same_predictions: bool = False) -> None:
        if bundle is None:
            raise ConfigError("judge=replay needs the bundle: JUDGE=replay:<bundle>, or judge.bundle=<bundle>.")
        self.place = bundle
        self.n_served = 0
        """Number of replies that came from a server."""
        self._same_predictions = same_predictions
        self._by_key: dict[str, JudgeReply] = {}
        self._computed: dict[WhichCall, deque[JudgeReply]] = defaultdict(deque)
        with unpacked(bundle) as folder:
            self._scorer = _scorer_in(folder)
            path = folder / WORDING
            self._wording = load_wording(path) if path.exists() else None  # a run folder has none
            try:
                self._judge: dict[str, Any] = dict(mapping(self._scorer["judge"], "judge"))
                recorded = checked(self._judge, _Recorded, "judge")
                _refuse_unknown(self._judge.get("takes") or {})
            except DataError as error:
                raise DataError(
                    f"{folder}: its result describes no judge that can be replayed: {printable(str(error))}."
                ) from error
            form = recorded.takes or Capabilities(), recorded.extra or {}
            self.name = recorded.name
            if (folder / VERDICTS).exists():  # otherwise nothing was asked
                for which, reply in read_verdicts(folder / VERDICTS):
                    if reply.key is None:
                        self._computed[which].append(reply)
                    else:
                        self._by_key.setdefault(reply.key, reply)
                        self.n_served += reply.outcome != "failed"
        super().__init__([form])

    def describe(self) -> Mapping[str, Any]:
        """Return the description of the judge that gave the verdicts: a replay has no identity of its own."""
        return dict(self._judge)

    def require_served(self) -> None:
        """Raise ConfigError where no verdict came from a server, so that none can be found by its request."""
        if not self.n_served:
            why = (
                "none of its calls had a reply; score it again"
                if self._judge.get("provider")
                else f"{self.name!r} computes its own again. Score the predictions with --judge {self.name}, "
                "or pack the run: tarsier-eval bundle"
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
            said, known = str(name)[:60], [known for known in get_args(ProtocolName) if known != "auto"]
            raise ConfigError(f"Unknown protocol {said!r} in {self.place}. {did_you_mean(said, known)}")
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

    def _find(self, keys: Sequence[str]) -> Mapping[str, JudgeReply]:
        return {key: self._by_key[key] for key in keys if key in self._by_key}

    def _in_turn(self, call: JudgeCall) -> JudgeReply | None:
        which = (call.sample, call.task, call.inputs.get("side"), call.attempt)
        left = self._computed.get(which) if self._same_predictions else None
        return left.popleft() if left else None


def _refuse_unknown(takes: Mapping[str, Any]) -> None:
    """Raise DataError for what a server takes that this version does not know: requests would differ."""
    if unknown := sorted(takes.keys() - {each.name for each in fields(Capabilities)}):
        raise DataError(f"judge.takes: it has {unknown[0]!r}, which this version does not know")


def _scorer_in(folder: Path) -> Mapping[str, Any]:
    """Return a result's description of its scorer, which had a judge. Raises as the class does."""
    result, raw = read_result(folder)
    scorer: Mapping[str, Any] = result.provenance["scorer"]
    if "judge" not in scorer:
        raise ConfigError(f"{folder} was scored without a judge; there are no verdicts to replay.")
    verify(folder, raw, VERDICTS)
    return scorer
