"""One server: its URL, key, requested model and capabilities."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from eval.errors import ConfigError, JudgeError
from eval.judges.client.outcomes import FINAL, RequestOutcome
from eval.judges.client.remnants import without_remnants
from eval.judges.requests import Capabilities, Provider, Request
from eval.judges.verdicts import StoredReply

if TYPE_CHECKING:
    from eval.judges.client.asking import Asker
    from eval.judges.client.http import Wire
    from eval.judges.client.probe import Probed

OPENAI_URL = "https://api.openai.com/v1"
_URLS = {"openai": "OPENAI_BASE_URL", "azure": "AZURE_OPENAI_ENDPOINT"}
"""Environment variables for the URL where the settings give none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """A user's settings for a server; see eval.judges.served.ServedJudge."""

    provider: Provider
    model: str | None
    url: str | None
    key_env: str | None
    api_version: str | None
    timeout_s: float


class Server:
    """The identity of a server and its connections. Nothing is contacted before it is needed."""

    def __init__(self, settings: ServerSettings) -> None:
        if settings.key_env is not None and not re.fullmatch(r"[A-Za-z_]\w{0,63}", settings.key_env, re.ASCII):
            # The value may be the key itself, so it is not repeated.
            raise ConfigError("judge.key_env takes the name of an environment variable that holds the key, not a key.")
        url = settings.url or os.environ.get(_URLS.get(settings.provider, ""), "")
        if not url and settings.provider != "openai":
            hint = (
                "JUDGE=http://127.0.0.1:8000/v1, or judge.url=..."
                if settings.provider == "local"
                else "AZURE_OPENAI_ENDPOINT or judge.url=https://<resource>.openai.azure.com"
            )
            raise ConfigError(f"judge={settings.provider} needs the URL of its server: {hint}.")
        self.url = self.given_url = _completed(_checked(url or OPENAI_URL), settings.provider)
        """Base URL; `given_url` is the one before `/v1` was found to be missing."""
        if settings.provider != "local" and not settings.model:
            raise ConfigError(
                f"judge={settings.provider} needs a model, with its date: JUDGE={settings.provider}:<model>, or "
                "judge.model=<model>."
            )
        self.settings = settings

    @property
    def model(self) -> str:
        """The model to request; a local server without a configured model is asked for its model."""
        if not self.settings.model:
            import asyncio

            self.settings = replace(self.settings, model=asyncio.run(self._only_model()))
        return self.settings.model or ""

    def wire(self, connections: int) -> Wire:
        """Return a connection pool to the server. Raises JudgeError where the key is not set."""
        from eval.judges.client.http import Wire

        settings = self.settings
        key = os.environ.get(settings.key_env, "").strip() if settings.key_env else ""
        if settings.key_env and not key:
            # A value that does not look like a variable's name may be the key itself, and is not repeated.
            named = (
                settings.key_env if re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+", settings.key_env) else "that is named"
            )
            raise JudgeError(
                f"The environment variable {named} is not set; the judge at {self.url} needs its key (judge.key_env)."
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
        """Check, at no cost, that the server is reachable and accepts the key. Raises JudgeError where it does not."""
        async with self.wire(1) as wire:
            _, outcome = await wire.models()
        if outcome is not None and (
            (outcome.kind == "fatal" and not _is_not_found(outcome.detail)) or "Connect" in outcome.detail
        ):
            raise JudgeError(f"The judge at {self.url} cannot be asked: {outcome.detail}.")

    async def probe(self, asker: Asker, extra: Mapping[str, Any]) -> Probed:
        """Find out the server's capabilities. Raises JudgeError where it can't be asked."""
        try:
            return await self._probe(asker, extra)
        except JudgeError as error:
            longer = self._longer_url()
            if longer is None or not _is_not_found(str(error)):
                raise
            shorter, self.url, asker.stopped = self.url, longer, None
            try:
                return await self._probe(asker, extra)
            except JudgeError:
                self.url = shorter
                raise JudgeError(f"{error} Its URL is {shorter}, and {longer} does not answer either.") from error

    async def _probe(self, asker: Asker, extra: Mapping[str, Any]) -> Probed:
        from eval.judges.client.probe import probe

        first = Capabilities(reply_bound="max_tokens" if self.settings.provider == "local" else "max_completion_tokens")
        async with self.wire(1) as wire:

            async def send(request: Request) -> RequestOutcome:
                ended: list[tuple[Request, RequestOutcome]] = []
                await asker.ask(wire.send, [request], ended.extend)
                return ended[0][1]

            return await probe(send, self.model, first, extra)

    def _longer_url(self) -> str | None:
        """Return the URL with the `/v1` that a server's page may have left out; None where it has a path."""
        return None if self.settings.provider == "azure" or urlsplit(self.url).path else f"{self.url}/v1"

    def verdict(self, request: Request, outcome: RequestOutcome, revision: str, served: str) -> StoredReply | None:
        """Return the verdict to store for a finished call, or None where the model gave no reply.

        `served` is the model to record where the reply does not name one, or names it in other letters' case.
        """
        if outcome.kind not in FINAL:
            return None
        text = outcome.text
        if text is not None and outcome.kind == "replied" and not request.task.endswith("/upstream"):
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
            names, outcome = await wire.models()
        longer = self._longer_url()
        if outcome is not None and _is_not_found(outcome.detail) and longer is not None:
            shorter, self.url = self.url, longer
            async with self.wire(1) as wire:
                names, again = await wire.models()
            if again is not None:
                self.url = shorter
            outcome = None if again is None else replace(outcome, detail=f"{outcome.detail}, nor at {longer}")
        if outcome is not None:
            raise JudgeError(f"The judge at {self.url} cannot be asked for its models: {outcome.detail}.")
        if len(names) != 1:
            listed = ", ".join(names[:10]) or "none"
            raise JudgeError(
                f"The judge at {self.url} has {len(names)} models; choose one with judge.model=...: {listed}."
            )
        return names[0]


def _is_not_found(detail: str) -> bool:
    """Whether a server has nothing at a path, which is not to say that it lacks a model."""
    return "HTTP 404" in detail and "HTTP 404 model" not in detail


def _completed(url: str, provider: Provider) -> str:
    """Return a base URL without the path that the client adds itself."""
    if provider == "azure":
        return re.sub(r"/openai(/v1|/deployments(/[^/]*)*)?\Z", "", url)
    return re.sub(r"/(chat/completions|completions|models)\Z", "", url)


def _checked(url: str) -> str:
    """Return a base URL without its trailing slash. Raises ConfigError if it is invalid or may hold a secret."""
    if re.search(r"//[^/]*@", url) or "?" in url or "#" in url:
        raise ConfigError(
            "judge.url holds a user, a query or a fragment: give the plain URL, and the key by judge.key_env."
        )
    try:
        is_url = re.fullmatch(r"https?://[^/\s]+(/\S*)?", url) is not None and urlsplit(url).port != 0
    except ValueError:  # a port out of range, or brackets that enclose no address
        is_url = False
    if not is_url:
        raise ConfigError(f"judge.url={url!r} is not a URL; give one such as http://127.0.0.1:8000/v1.")
    return url.rstrip("/")
