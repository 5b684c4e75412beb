"""Judges from the reply store, whose replies are replayed for other predictions without new judge calls.

A reply's key is the hash of its request, whose form depends on what the server accepted at the time. So each form that
a known server accepts is tried, and the one that finds most replies is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval.client.requests import Capabilities
from eval.client.store import Identity, ReplyStore
from eval.errors import RunError
from eval.judges.calls import JudgeReply
from eval.judges.replay import RecordedJudge, RequestForm


class StoredJudge(RecordedJudge):
    """Gives the stored replies of one served model, whatever they were asked about.

    Args:
        store: The reply store.
        identity: The judge's identity; `requested` is the model as served.
        forms: Request forms to try: the fields that servers accept, and the further parameters.
    """

    missing = "the reply store holds no verdict for this call"

    def __init__(self, store: ReplyStore, identity: Identity, forms: Sequence[RequestForm]) -> None:
        super().__init__(forms)
        self.name = identity.requested
        self._store, self._identity = store, identity

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

    def _find(self, keys: Sequence[str]) -> Mapping[str, JudgeReply]:
        found = self._store.find(keys, self._identity)
        return {
            key: JudgeReply.of(verdict)
            for key, some in found.items()
            for verdict in some
            if verdict.served == self.name
        }


def stored_judges(path: Path) -> list[StoredJudge]:
    """Return the judges whose verdicts are in a store; none where there is no file.

    Raises:
        RunError: it is damaged, or belongs to another program.
    """
    if not path.is_file():
        return []
    store = ReplyStore(path)
    taken = [found["takes"] for found in store.all_capabilities() if isinstance(found.get("takes"), dict)]
    try:
        forms = dict.fromkeys([*(Capabilities(**takes) for takes in taken), Capabilities()])
    except (TypeError, ValueError) as error:
        raise RunError(f"The reply store {path} cannot be read: {error}. Give another with verdicts=<file>.") from error
    extras = store.extras() or [{}]
    both = [(takes, extra) for takes in forms for extra in extras]
    return [StoredJudge(store, identity, both) for identity in store.judges()]
