"""A user's settings for a server, and whom it stands for."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from eval.client.requests import Provider
from eval.client.throttle import MOST
from eval.errors import ConfigError, ServerError

OPENAI_URL = "https://api.openai.com/v1"
_URLS = {"openai": "OPENAI_BASE_URL", "azure": "AZURE_OPENAI_ENDPOINT"}
"""Environment variables for the URL where the settings give none."""
MOST_OF_ANY = 100_000
"""Maximum of every bound that a user sets, in seconds or as a count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What a server is asked for, as messages name it: to judge, or to be the model under test."""

    name: str
    """Its name, which is also its group in conf/: `judge`, `model`."""
    chosen_by: str
    """The setting that chooses it, with a place for the provider: `judge={provider}`."""
    asks_for: str
    """The setting with the name of the model to ask for."""
    store: str
    """The setting with the file of its replies, which names what they are: `verdicts`."""
    result: str
    """What its replies make: a score, a run."""
    done: str
    """What it does with a sample, as a participle: judged."""
    error: type[ServerError]
    """The error where it can't be asked."""

    def chosen(self, provider: Provider) -> str:
        """Return the setting that chooses it at this provider."""
        return self.chosen_by.format(provider=provider)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Which server is asked, and for what."""

    role: Role
    provider: Provider
    model: str | None
    """The model to ask for; None for the only one that the server lists."""
    url: str | None
    """Base URL; None for the one in the environment, or OpenAI's own."""
    key_env: str | None
    """Name of the environment variable with the key; None for a server that asks for none."""
    api_version: str | None
    """Azure's version of its API."""
    timeout_s: float
    """Bound on one request."""

    def base_url(self) -> str:
        """Return the base URL. Raises ConfigError where there is none, it is invalid, or a setting may hold a key."""
        name = self.role.name
        if self.key_env is not None and not re.fullmatch(r"[A-Za-z_]\w{0,63}", self.key_env, re.ASCII):
            # The value may be the key itself, so it is not repeated.
            raise ConfigError(
                f"{name}.key_env takes the name of an environment variable that holds the key, not a key."
            )
        url = self.url or os.environ.get(_URLS.get(self.provider, ""), "")
        chosen = self.role.chosen(self.provider)
        if not url and self.provider != "openai":
            hint = (
                f"{name.upper()}=http://127.0.0.1:8000/v1, or {name}.url=..."
                if self.provider == "local"
                else f"AZURE_OPENAI_ENDPOINT or {name}.url=https://<resource>.openai.azure.com"
            )
            raise ConfigError(f"{chosen} needs the URL of its server: {hint}.")
        if self.provider != "local" and not self.model:
            raise ConfigError(
                f"{chosen} needs a model, with its date: {name.upper()}={self.provider}:<model>, or "
                f"{self.role.asks_for}=<model>."
            )
        return _completed(_checked(url or OPENAI_URL, name), self.provider)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Bounds on the requests to a server."""

    max_concurrency: int = MOST
    """Most requests under way at once."""
    tries: int = 6
    """Maximum requests for one call that meets temporary faults."""
    probe_tries: int | None = None
    """The same for what the server is asked to find out what it takes; None: as many as for a call."""
    deadline_s: float = 600.0
    """Bound on all requests for one call."""
    max_cost: float | None = None
    """Dollars that one run may cost; needs a price."""


def refuse_out_of_range(settings: ServerSettings, bounds: Bounds, reasoning_tokens: int | None) -> None:
    """Raise ConfigError where a bound is out of its range."""
    group = settings.role.name
    for name, value in (
        ("max_concurrency", bounds.max_concurrency),
        ("tries", bounds.tries),
        ("timeout_s", settings.timeout_s),
        ("deadline_s", bounds.deadline_s),
    ):
        if not 0 < value <= MOST_OF_ANY:
            raise ConfigError(f"{group}.{name}={value:g} is out of range; give a number up to {MOST_OF_ANY:,}.")
    if reasoning_tokens is not None and not 0 <= reasoning_tokens <= MOST_OF_ANY:
        raise ConfigError(
            f"{group}.reasoning_tokens={reasoning_tokens} is out of range; give 0 to {MOST_OF_ANY:,}, or null."
        )
    if bounds.max_cost is not None and not 0 <= bounds.max_cost < math.inf:
        raise ConfigError(f"max_cost must be at least 0 and finite, got {bounds.max_cost:g}.")


def _completed(url: str, provider: Provider) -> str:
    """Return a base URL without the path that the client adds itself."""
    if provider == "azure":
        return re.sub(r"/openai(/v1|/deployments(/[^/]*)*)?\Z", "", url)
    return re.sub(r"/(chat/completions|completions|models)\Z", "", url)


def _checked(url: str, group: str) -> str:
    """Return a base URL without its trailing slash. Raises ConfigError if it is invalid or may hold a secret."""
    if re.search(r"//[^/]*@", url) or "?" in url or "#" in url:
        raise ConfigError(
            f"{group}.url holds a user, a query or a fragment: give the plain URL, and the key by {group}.key_env."
        )
    try:
        is_url = re.fullmatch(r"https?://[^/\s]+(/\S*)?", url) is not None and urlsplit(url).port != 0
    except ValueError:  # a port out of range, or brackets that enclose no address
        is_url = False
    if not is_url:
        raise ConfigError(f"{group}.url={url!r} is not a URL; give one such as http://127.0.0.1:8000/v1.")
    return url.rstrip("/")
