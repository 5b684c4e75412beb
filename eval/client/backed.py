"""Settings that a judge and a model under test share where each is a model behind a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from eval.client.budget import Budget
from eval.client.probe import Look
from eval.client.requests import Provider
from eval.client.served import Served
from eval.client.settings import Bounds, Role, ServerSettings
from eval.client.throttle import MOST


class ServerBacked:
    """Stands on a model behind an OpenAI-compatible server, which it asks by settings.

    Args:
        look: Given the further parameters of each request, returns what finds out what the server takes.
        model: The model to ask for; None takes the only model that a local server lists.
        store: The file of its replies.
        provider: `openai`, `azure` or `local`.
        url: Base URL; None takes OPENAI_BASE_URL or OpenAI's own, for Azure AZURE_OPENAI_ENDPOINT.
        key_env: Name of the environment variable with the key; None for a server that asks for none.
        api_version: Azure's version of its API.
        revision: Distinguishes this model from others of the same name (a commit, a quantisation).
        served: Only replies of the model that is served under this name count; None accepts any model.
        extra: Further parameters of each request, such as {reasoning_effort: low}.
        reasoning_tokens: Tokens on top of each reply's bound for a model that reasons; None gives 8,192 to a model that
            shows that it does.
        max_concurrency: Most requests under way at once.
        timeout_s: Bound on one request.
        tries: Maximum requests for one call that meets temporary faults.
        deadline_s: Bound on all requests for one call.
        prices: The price file.
        max_cost: Dollars that one run may cost; needs a price.
    """

    role: ClassVar[Role]
    probe_tries: ClassVar[int | None] = None
    """Maximum requests for one question about what the server takes; None: `tries`."""

    def __init__(  # noqa: PLR0913 - each is a setting of conf/judge/ and conf/model/served.yaml
        self,
        look: Callable[[Mapping[str, Any]], Look],
        model: str | None,
        store: Path,
        /,
        *,
        provider: Provider,
        url: str | None = None,
        key_env: str | None = None,
        api_version: str | None = None,
        revision: str = "",
        served: str | None = None,
        extra: Mapping[str, Any] | None = None,
        reasoning_tokens: int | None = None,
        max_concurrency: int = MOST,
        timeout_s: float = 120.0,
        tries: int = 6,
        deadline_s: float = 600.0,
        prices: Path,
        max_cost: float | None = None,
    ) -> None:
        extra = extra or {}
        self.by = Served(
            ServerSettings(
                role=self.role,
                provider=provider,
                model=model,
                url=url,
                key_env=key_env,
                api_version=api_version,
                timeout_s=timeout_s,
            ),
            Bounds(
                max_concurrency=max_concurrency,
                tries=tries,
                probe_tries=self.probe_tries,
                deadline_s=deadline_s,
                max_cost=max_cost,
            ),
            look(extra),
            revision=revision,
            served=served,
            extra=extra,
            reasoning_tokens=reasoning_tokens,
            store=store,
            prices=prices,
        )
        """The model behind the server."""
        self.budget: Budget | None = self.by.budget
        """The money that it has spent, and may spend."""

    @property
    def stopped(self) -> str | None:
        """The reason why its server is asked nothing more; None while it is."""
        return self.by.stopped
