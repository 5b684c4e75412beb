"""What is known of a server from earlier calls, as the verdict store keeps it: what it takes, which model it had."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from eval.errors import JudgeError
from eval.judges.calls import Usage
from eval.judges.client.server import Server
from eval.judges.requests import Capabilities
from eval.judges.verdicts import Identity, VerdictStore

if TYPE_CHECKING:
    from eval.judges.client.asking import Asker


class KnownServer:
    """One server with one model and one set of further parameters."""

    def __init__(self, server: Server, revision: str, extra: Mapping[str, Any]) -> None:
        self.server, self.revision, self.extra = server, revision, extra
        self.takes: Capabilities | None = None
        """What it takes; None where that was not found out yet."""
        self.served = ""
        """The model that it had when it was last asked; "" where it was not asked yet."""

    @property
    def identity(self) -> Identity:
        """Whose verdicts are wanted of the store."""
        settings = self.server.settings
        return Identity(provider=settings.provider, requested=self.server.model, revision=self.revision)

    @property
    def key(self) -> str:
        """What it is kept under."""
        extra = "&".join(f"{name}={value}" for name, value in sorted(self.extra.items()))
        identity = self.identity
        return f"{identity.provider} {self.server.url} {identity.requested} {identity.revision} {extra}"

    def recall(self, store: VerdictStore) -> bool:
        """Take from the store what was found out before; return whether it is known now."""
        self._choose_model(store)
        if self.takes is None and (known := store.capabilities(self.key)) is not None:
            self.takes, self.served = Capabilities(**known["takes"]), str(known["served"])
        return self.takes is not None

    def probe(self, store: VerdictStore, asker: Asker) -> tuple[Usage, ...]:
        """Find out anew what it takes, and keep it; return what that cost. Raises JudgeError where it is not there."""
        self._choose_model(store)
        probed = asyncio.run(self.server.probe(asker, self.extra))
        self.takes = probed.takes
        self.remember(store, probed.served or self.server.model)
        return tuple(usage for usage in probed.usages if usage is not None)

    def _choose_model(self, store: VerdictStore) -> None:
        """Ask a local server that was given without a model which it has; where it is gone, take what it had."""
        settings = self.server.settings
        if settings.model:
            return
        place = f"{settings.provider} {self.server.url}"
        try:
            model = self.server.model
        except JudgeError:
            known = store.capabilities(place)
            if known is None:
                raise
            self.server.settings = replace(settings, model=str(known["model"]))
        else:
            store.keep_capabilities(place, {"model": model})

    def remember(self, store: VerdictStore, served: str) -> None:
        """Keep which model it has now."""
        if self.takes is not None:
            self.served = served
            store.keep_capabilities(self.key, {"takes": asdict(self.takes), "served": served})
