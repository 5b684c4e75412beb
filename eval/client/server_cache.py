"""A server's capabilities and served model as found by earlier calls, kept in the reply store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from eval.client.outcomes import Usage
from eval.client.requests import Capabilities
from eval.client.server import Server
from eval.client.store import Identity, ReplyStore
from eval.errors import ServerError

if TYPE_CHECKING:
    from eval.client.asking import Asker
    from eval.client.probe import Look


class KnownServer:
    """One server with one model and one set of further parameters."""

    def __init__(
        self,
        server: Server,
        revision: str,
        extra: Mapping[str, Any],
        look: Look,
        reasoning_tokens: int | None = None,
    ) -> None:
        self.server, self.revision, self.extra, self._look = server, revision, extra, look
        self.reasoning_tokens = reasoning_tokens
        self._found: Capabilities | None = None
        """The server's capabilities as found."""
        self.served = ""
        """The model that was served when it was last asked; "" where it was not asked yet."""
        self.more: Mapping[str, Any] = {}
        """What else was found out about it."""

    @property
    def takes(self) -> Capabilities | None:
        """The server's capabilities, with the user's own room to reason; None where they are not known yet."""
        if self._found is None or self.reasoning_tokens is None:
            return self._found
        return replace(self._found, thinks=self.reasoning_tokens)

    @property
    def may_give_room(self) -> bool:
        """Whether replies have no room to reason, and the user has not decided that."""
        return self._found is not None and self.reasoning_tokens is None and not self._found.thinks

    def give_room(self, store: ReplyStore) -> None:
        """Give replies room to reason from now on, since one had too little."""
        if self._found is not None:
            self._found = replace(self._found, thinks=True)
            self.remember(store, self.served)

    @property
    def identity(self) -> Identity:
        """The identity for looking up stored replies."""
        settings = self.server.settings
        return Identity(provider=settings.provider, requested=self.server.model, revision=self.revision)

    @property
    def key(self) -> str:
        """Key of this record in the store."""
        extra = "&".join(f"{name}={value}" for name, value in sorted(self.extra.items()))
        identity = self.identity
        return f"{identity.provider} {self.server.given_url} {identity.requested} {identity.revision} {extra}"

    def recall(self, store: ReplyStore) -> bool:
        """Load earlier findings from the store; return whether the capabilities are known now."""
        self._choose_model(store)
        if self._found is None and (known := store.capabilities(self.key)) is not None:
            self._found, self.served = Capabilities(**known["takes"]), str(known["served"])
            self.more = known.get("more") or {}
            self.server.url = str(known.get("url") or self.server.url)
        return self._found is not None

    def probe(self, store: ReplyStore, asker: Asker) -> tuple[Usage, ...]:
        """Probe the server anew, store its capabilities, return the usage. Raises ServerError if it is unreachable."""
        self._choose_model(store)
        probed = asyncio.run(self.server.probe(asker, self._look))
        self._found, self.more = probed.takes, probed.more
        self.remember(store, probed.served or self.server.model)
        return tuple(usage for usage in probed.usages if usage is not None)

    def _choose_model(self, store: ReplyStore) -> None:
        """Ask a local server without a configured model for its model; if it is unreachable, use the last known one."""
        settings = self.server.settings
        if settings.model:
            return
        place = f"{settings.provider} {self.server.given_url}"
        try:
            model = self.server.model
        except ServerError:
            known = store.capabilities(place)
            if known is None:
                raise
            self.server.settings = replace(settings, model=str(known["model"]))
        else:
            store.keep_capabilities(place, {"model": model})

    def remember(self, store: ReplyStore, served: str) -> None:
        """Store the model that is served now."""
        if self._found is not None:
            self.served = served
            known = {"takes": asdict(self._found), "served": served, "url": self.server.url}
            known |= {"more": dict(self.more)} if self.more else {}
            store.keep_capabilities(self.key, known)
