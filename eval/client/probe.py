"""Find out a server's capabilities by asking: one request with everything, then fewer parameters after each refusal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from eval.client.outcomes import RequestOutcome, Usage
from eval.client.requests import BOUNDS, Capabilities, ReplyBound, Request
from eval.client.settings import Role

_MOST = 8
"""Maximum number of refusals; there are seven things to leave out."""

_MENTIONS: Mapping[str, tuple[str, ...]] = {
    "structured": ("response_format", "json_schema", "json_object", "schema", "structured", "grammar"),
    "reply_bound": ("max_completion_tokens", "max_tokens"),
    "temperature": ("temperature",),
    "system": ("system", "role"),
}
"""Words by which servers name unsupported parameters; where they name none, the first is left out first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """The result of a probe."""

    takes: Capabilities
    served: str | None
    """The model that answered, as the server named it."""
    usages: tuple[Usage | None, ...]
    """Tokens of the probe's own calls that were answered."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What else was found out, as JSON has it, by whoever asks for more than text."""


Send = Callable[[Request], Awaitable[RequestOutcome]]
"""Sends a request, with retries; its outcome is final."""

Look = Callable[[Send, str, Capabilities], Awaitable[Probed]]
"""Finds out what a server takes, given how to send, the model to ask for and the capabilities to try first.

Raises ServerError where the server cannot be asked at all.
"""


async def probe(
    send: Send,
    first: Capabilities,
    request: Callable[[Capabilities], Request],
    role: Role,
    heeded: Callable[[str], bool] = lambda _: True,
) -> Probed:
    """Return the capabilities of a server.

    Args:
        send: Sends a request.
        first: The capabilities to try first.
        request: Returns the request to try, for a server with these capabilities.
        role: What it is asked for, whose error is raised where it cannot be asked at all.
        heeded: Whether a reply is in the form that was asked for.
    """
    bounds = [first.reply_bound, *(bound for bound in BOUNDS if bound != first.reply_bound)]
    usages: list[Usage | None] = []

    async def sent(takes: Capabilities) -> RequestOutcome:
        outcome = await send(request(takes))
        if outcome.kind == "replied":
            usages.append(outcome.usage)
        return outcome

    model = str(request(first).body["model"])
    takes, outcome = first, await sent(first)
    blind: dict[str, Capabilities] = {}
    for _ in range(_MOST):
        if outcome.kind == "replied":
            break
        fewer = _fewer(takes, bounds, outcome)
        if not fewer:
            raise role.error(f"The {role.name} {model!r} does not answer: {outcome.detail or outcome.kind}.")
        named = _named(fewer, outcome)
        name = named or next(iter(fewer))
        if named is None:
            blind.setdefault(name, takes)
        takes, outcome = fewer[name], await sent(fewer[name])
    if outcome.kind != "replied":
        raise role.error(
            f"The {role.name} {model!r} takes none of the requests that it was tried with: {outcome.detail}."
        )
    # Parameters left out on a wrong guess may be harmless: each is put back where the server accepts it.
    for name, before in list(blind.items())[:-1]:
        more = replace(takes, **{name: getattr(before, name)})
        again = await sent(more)
        takes, outcome = (more, again) if again.kind == "replied" else (takes, outcome)
    takes, outcome = await _with_room(sent, replace(takes, thinks=outcome.thinks), outcome, heeded)
    if takes.structured == "json_schema" and not heeded(outcome.text or ""):
        takes = replace(takes, structured="none")
    return Probed(takes=takes, served=outcome.served, usages=tuple(usages))


async def _with_room(
    sent: Callable[[Capabilities], Awaitable[RequestOutcome]],
    takes: Capabilities,
    outcome: RequestOutcome,
    heeded: Callable[[str], bool],
) -> tuple[Capabilities, RequestOutcome]:
    """Ask again where one word did not fit: with more room the reply shows whether it thinks and heeds the form."""
    if outcome.finish_reason != "length" or heeded(outcome.text or ""):
        return takes, outcome
    roomy = await sent(replace(takes, thinks=True))
    if roomy.kind != "replied":
        return takes, outcome
    return replace(takes, thinks=takes.thinks or roomy.thinks), roomy


def _fewer(takes: Capabilities, bounds: Sequence[ReplyBound], refused: RequestOutcome) -> dict[str, Capabilities]:
    """Return the capabilities with one thing less that may be why a request was refused, by the name of that thing."""
    # Some servers answer unknown parameters with 500; retries were made before, so the fault is not temporary.
    if refused.kind != "rejected" and not (refused.kind == "overloaded" and "HTTP 500" in refused.detail):
        return {}
    later = bounds[bounds.index(takes.reply_bound) + 1 :] or ["none"]
    fewer = {
        "structured": replace(takes, structured="json_object" if takes.structured == "json_schema" else "none"),
        "reply_bound": replace(takes, reply_bound=later[0]),
        "temperature": replace(takes, temperature=False),
        "system": replace(takes, system=False),
    }
    # What is answered in the wrong field, or as a stream, is refused for no parameter but perhaps the form.
    is_answered = refused.thinks or refused.may_be_billed
    return {name: left for name, left in fewer.items() if left != takes and (name == "structured" or not is_answered)}


def _named(fewer: Mapping[str, Capabilities], refused: RequestOutcome) -> str | None:
    """Return the parameter that a server named as its reason, if any."""
    for text in (refused.param or "", refused.detail):
        for name in fewer:
            if any(word in text.lower() for word in _MENTIONS[name]):
                return name
    return None
