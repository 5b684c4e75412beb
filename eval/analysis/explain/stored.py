"""Judges from the verdict store, whose replies are replayed for other predictions without new judge calls.

A reply's key is the hash of its request, whose form depends on what the server accepted at the time. So each form that
a known server accepts is tried, and the one that finds most replies is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval.errors import RunError
from eval.judges.calls import JudgeCall, JudgeReply
from eval.judges.requests import Capabilities, asked_of
from eval.judges.verdicts import Identity, StoredReply, VerdictStore


class StoredJudge:
    """Return the stored replies of one served model; a call without a stored reply fails.

    Args:
        store: The verdict store.
        identity: The judge's identity; `requested` is the model as served.
        forms: Request forms to try: the fields that servers accept, and the further parameters.
    """

    def __init__(
        self, store: VerdictStore, identity: Identity, forms: Sequence[tuple[Capabilities, Mapping[str, Any]]]
    ) -> None:
        self._store, self._identity, self._forms = store, identity, forms
        self._form: tuple[Capabilities, Mapping[str, Any]] | None = None

    @property
    def name(self) -> str:
        """The model's name as served."""
        return self._identity.requested

    @property
    def said_anything(self) -> bool:
        """Whether the store held a reply to any call so far."""
        return self._form is not None

    def anew(self) -> StoredJudge:
        """Return the same judge in its initial state: another protocol may have used another form."""
        return StoredJudge(self._store, self._identity, self._forms)

    def describe(self) -> Mapping[str, Any]:
        """Return everything the replies depend on, as the original judge described itself."""
        takes, extra = self._form or (None, {})
        return {
            "name": self.name,
            "provider": self._identity.provider,
            "requested": self.name,
            "served": self.name,
            "revision": self._identity.revision,
            "takes": None if takes is None else asdict(takes),
            "extra": dict(extra),
        }

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        """Return the reply to each call, in the order given."""
        if not calls:
            return []
        found: dict[str, StoredReply] = {}
        keys: list[str] = []
        for form in self._forms if self._form is None else [self._form]:
            tried = [asked_of(call, *form).key for call in calls]
            there = {
                key: verdict
                for key, some in self._store.find(tried, self._identity).items()
                for verdict in some[::-1]
                if verdict.served == self.name
            }
            if not keys or len(there) > len(found):
                keys, found, kept = tried, there, form
        if found and self._form is None:
            self._form = kept
        return [_reply(key, found.get(key)) for key in keys]


def stored_judges(path: Path) -> list[StoredJudge]:
    """Return the judges whose verdicts are in a store; none where there is no file.

    Raises:
        RunError: it is damaged, or belongs to another program.
    """
    if not path.is_file():
        return []
    store = VerdictStore(path)
    taken = [found["takes"] for found in store.all_capabilities() if isinstance(found.get("takes"), dict)]
    try:
        forms = dict.fromkeys([*(Capabilities(**takes) for takes in taken), Capabilities()])
    except (TypeError, ValueError) as error:
        raise RunError(
            f"The verdict store {path} cannot be read: {error}. Give another with verdicts=<file>."
        ) from error
    extras = store.extras() or [{}]
    both = [(takes, extra) for takes in forms for extra in extras]
    return [StoredJudge(store, identity, both) for identity in store.judges()]


def _reply(key: str, verdict: StoredReply | None) -> JudgeReply:
    if verdict is None:
        return JudgeReply.failure("the verdict store holds no verdict for this call", key=key)
    withheld = None if verdict.text is not None else f"the judge's reply is {verdict.outcome}"
    return JudgeReply(
        text=verdict.text,
        error=withheld,
        outcome=verdict.outcome,
        source="stored",
        served=verdict.served,
        usage=verdict.usage,
        finish_reason=verdict.finish_reason,
        batch=verdict.batch,
        key=key,
    )
