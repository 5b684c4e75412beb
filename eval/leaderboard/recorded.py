"""A judge that says again what it said in a run, from the run's verdicts.jsonl, and asks nobody.

A server's replies are found by the hash of what is asked, so that a changed prediction, wording or reference finds
none. Judges that compute their replies leave no hash; theirs are found by sample, task, side and attempt, in order.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from eval.errors import DataError
from eval.judges.calls import JudgeCall, JudgeReply, Usage
from eval.judges.requests import Capabilities, asked_of

_Which = tuple[str, str, str | None, int]
_FIELDS = frozenset(field.name for field in fields(JudgeReply))


class RecordedJudge:
    """Gives the replies of a run.

    Args:
        identity: What the run's result says of its judge.
        path: Its verdicts.jsonl; where there is none, nothing was asked.

    Raises:
        DataError: a line of the file is no verdict.
    """

    def __init__(self, identity: Mapping[str, Any], path: Path) -> None:
        self._identity = dict(identity)
        self._path = path
        self._by_key: dict[str, JudgeReply] = {}
        self._in_turn: dict[_Which, list[JudgeReply]] = defaultdict(list)
        try:
            takes = identity.get("takes")
            self._takes = Capabilities(**takes) if takes else Capabilities()
            self._extra = dict(identity.get("extra") or {})
            self.name = str(identity["name"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path.parent}: its result describes no judge that can be replayed: {error}.") from error
        if path.exists():
            self._read()

    def describe(self) -> Mapping[str, Any]:
        """Return what the run's judge said of itself."""
        return self._identity

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        """Return the reply that each call had, in the order given; what had none fails."""
        return [self._reply(call) for call in calls]

    def _reply(self, call: JudgeCall) -> JudgeReply:
        key = asked_of(call, self._takes, self._extra).key
        if key in self._by_key:
            return self._by_key[key]
        left = self._in_turn.get((call.sample, call.task, call.inputs.get("side"), call.attempt))
        if left:
            return left.pop(0)
        return JudgeReply.failure(f"{self._path.name} holds no verdict for this call", key=key)

    def _read(self) -> None:
        number = 0
        try:
            with self._path.open(encoding="utf-8") as file:
                for line in file:
                    number += 1
                    self._keep(json.loads(line))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(f"{self._path}:{number}: no verdict, or a damaged one: {error}.") from error

    def _keep(self, row: Mapping[str, Any]) -> None:
        usage = row.get("usage")
        given = {name: value for name, value in row.items() if name in _FIELDS}
        reply = JudgeReply(**{**given, "usage": None if usage is None else Usage(**usage)})
        if not isinstance(reply.text, str | None):
            raise TypeError("a reply is a text")
        if reply.key is None:
            self._in_turn[row["sample"], row["task"], row["side"], row["attempt"]].append(reply)
        else:
            self._by_key.setdefault(str(reply.key), reply)
