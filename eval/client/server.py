"""One server: its URL, key, requested model and capabilities."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Awaitable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from eval.client.outcomes import FINAL, RequestOutcome
from eval.client.remnants import without_remnants
from eval.client.requests import Capabilities, Request
from eval.client.settings import ServerSettings
from eval.client.store import StoredReply
from eval.errors import ServerError

if TYPE_CHECKING:
    from eval.client.asking import Asker
    from eval.client.http import Wire
    from eval.client.probe import Look, Probed


SILENT_S = 5.0
"""Seconds after which a server without an answer to a first request is named."""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Server:
    """The identity of a server and its connections. Nothing is contacted before it is needed."""

    def __init__(self, settings: ServerSettings) -> None:
        self.url = self.given_url = settings.base_url()
        """Base URL; `given_url` is the one before `/v1` was found to be missing."""
        self.settings = settings
        self._name, self._error = settings.role.name, settings.role.error

    @property
    def model(self) -> str:
        """The model to request; a local server without a configured model is asked for its model."""
        if not self.settings.model:
            import asyncio

            self.settings = replace(self.settings, model=asyncio.run(self._only_model()))
        return self.settings.model or ""

    def wire(self, connections: int) -> Wire:
        """Return a connection pool to the server. Raises ServerError where the key is not set."""
        from eval.client.http import Wire

        settings = self.settings
        key = os.environ.get(settings.key_env, "").strip() if settings.key_env else ""
        if settings.key_env and not key:
            # A value that does not look like a variable's name may be the key itself, and is not repeated.
            named = (
                settings.key_env if re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+", settings.key_env) else "that is named"
            )
            raise self._error(
                f"The environment variable {named} is not set; the {self._name} at {self.url} needs its key "
                f"({self._name}.key_env)."
            )
        return Wire(
            provider=settings.provider,
            url=self.url,
            key=key,
            api_version=settings.api_version,
            timeout_s=settings.timeout_s,
            connections=connections,
        )

    async def look(self) -> None:
        """Check, at no cost, that the server is reachable and accepts the key. Raises ServerError where it does not."""
        async with self.wire(1) as wire:
            _, outcome = await self._first(wire.models())
        if outcome is not None and (
            (outcome.kind == "fatal" and not _is_not_found(outcome.detail)) or "Connect" in outcome.detail
        ):
            raise self._error(f"The {self._name} at {self.url} cannot be asked: {outcome.detail}.")

    async def probe(self, asker: Asker, look: Look) -> Probed:
        """Find out the server's capabilities. Raises ServerError where it can't be asked."""
        try:
            return await self._probe(asker, look)
        except ServerError as error:
            longer = self._longer_url()
            if longer is None or not _is_not_found(str(error)):
                raise
            shorter, self.url, asker.stopped = self.url, longer, None
            try:
                return await self._probe(asker, look)
            except ServerError:
                self.url = shorter
                raise self._error(f"{error} Its URL is {shorter}, and {longer} does not answer either.") from error

    async def _probe(self, asker: Asker, look: Look) -> Probed:
        first = Capabilities(reply_bound="max_tokens" if self.settings.provider == "local" else "max_completion_tokens")
        async with self.wire(1) as wire:

            async def send(request: Request) -> RequestOutcome:
                ended: list[tuple[Request, RequestOutcome]] = []
                await self._first(asker.ask(wire.send, [request], ended.extend))
                return ended[0][1]

            return await look(send, self.model, first)

    async def _first(self, answer: Awaitable[_T]) -> _T:
        """Return the answer to one of the first requests, and say when it is long in coming."""
        import asyncio

        said = "The %s at %s has not answered within %g s; each try may take %g s (%s.timeout_s)."
        given = (self._name, self.url, SILENT_S, self.settings.timeout_s, self._name)
        later = asyncio.get_running_loop().call_later(SILENT_S, _log.warning, said, *given)
        try:
            return await answer
        finally:
            later.cancel()

    def _longer_url(self) -> str | None:
        """Return the URL with the `/v1` that a server's page may have left out; None where it has a path."""
        return None if self.settings.provider == "azure" or urlsplit(self.url).path else f"{self.url}/v1"

    def stored(self, request: Request, outcome: RequestOutcome, revision: str, served: str) -> StoredReply | None:
        """Return the reply to store for a finished call, or None where the model gave none.

        `served` is the model to record where the reply does not name one, or names it in other letters' case.
        """
        if outcome.kind not in FINAL:
            return None
        text = outcome.text
        if text is not None and outcome.kind == "replied" and not request.is_raw:
            text = without_remnants(text)
        return StoredReply(
            key=request.key,
            provider=self.settings.provider,
            served=served if (outcome.served or served).casefold() == served.casefold() else outcome.served or served,
            revision=revision,
            requested=self.model,
            outcome="replied" if outcome.kind == "replied" else "filtered" if outcome.kind == "filtered" else "refused",
            text=text,
            finish_reason=outcome.finish_reason,
            fingerprint=outcome.fingerprint,
            usage=outcome.usage,
            retries=outcome.retries,
            batch=outcome.batch,
            url=self.url,
            created=time.time(),
            task=request.task,
            request=request.asked,
        )

    async def _only_model(self) -> str:
        async with self.wire(1) as wire:
            names, outcome = await self._first(wire.models())
        longer = self._longer_url()
        if outcome is not None and _is_not_found(outcome.detail) and longer is not None:
            shorter, self.url = self.url, longer
            async with self.wire(1) as wire:
                names, again = await self._first(wire.models())
            if again is not None:
                self.url = shorter
            outcome = None if again is None else replace(outcome, detail=f"{outcome.detail}, nor at {longer}")
        if outcome is not None:
            raise self._error(f"The {self._name} at {self.url} cannot be asked for its models: {outcome.detail}.")
        if len(names) != 1:
            listed = ", ".join(names[:10]) or "none"
            raise self._error(
                f"The {self._name} at {self.url} has {len(names)} models; choose one with "
                f"{self.settings.role.asks_for}=...: {listed}."
            )
        return names[0]


def _is_not_found(detail: str) -> bool:
    """Whether a server has nothing at a path, which is not to say that it lacks a model."""
    return "HTTP 404" in detail and "HTTP 404 model" not in detail
