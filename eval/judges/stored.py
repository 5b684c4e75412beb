"""A verdict as the store keeps it, and as a bundle does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from eval.judges.calls import Usage

DAMAGED = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What a field raises that a disk has spoilt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One stored reply: what the model said, or that it would not."""

    key: str
    """Address: the hash of the request."""
    provider: str
    """Whose server it was."""
    served: str
    """The model that answered, as the server named it."""
    revision: str
    """What the user says tells this model from others of the same name."""
    requested: str
    """The model as it was asked for."""
    outcome: Literal["replied", "refused", "filtered"]
    text: str | None
    """The raw reply."""
    finish_reason: str | None
    fingerprint: str | None
    """OpenAI's `system_fingerprint`."""
    usage: Usage | None
    """Tokens, where the server counted them."""
    retries: int
    """Requests before the one that was answered."""
    batch: bool
    """Whether it came through the Batch API."""
    url: str
    """The server's base URL."""
    created: float
    """When it came, in seconds since 1970."""
    task: str
    """What was asked, and in which form: `entail/native`."""
    request: Mapping[str, Any]
    """The request as it was sent, as far as it is part of the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose replies are wanted."""

    provider: str
    requested: str
    """The model as asked for, or as served."""
    revision: str = ""


def _checked(verdict: Verdict) -> Verdict:
    texts = (verdict.key, verdict.provider, verdict.served, verdict.revision, verdict.requested)
    if not all(isinstance(text, str) for text in texts) or not isinstance(verdict.text, str | None):
        raise TypeError("a verdict's key, judge and reply are texts")
    if verdict.outcome not in ("replied", "refused", "filtered"):
        raise ValueError(f"outcome {verdict.outcome!r}")
    return verdict


def row_of(verdict: Verdict) -> tuple[Any, ...]:
    """Return a verdict as a row of the table, its columns in the table's order; the first four are its address."""
    usage = verdict.usage
    return (
        verdict.key,
        verdict.provider,
        verdict.served,
        verdict.revision,
        verdict.requested,
        verdict.outcome,
        verdict.text,
        verdict.finish_reason,
        verdict.fingerprint,
        usage and usage.input,
        usage and usage.output,
        usage and usage.cached,
        usage and usage.reasoning,
        verdict.retries,
        int(verdict.batch),
        verdict.url,
        verdict.created,
        verdict.task,
        json.dumps(verdict.request, ensure_ascii=False),
    )


def digest_of(row: Sequence[Any]) -> bytes:
    """Return the hash of a row as the table gives it back: numbers may come in another type than they were put."""
    return hashlib.sha256(json.dumps(list(row)).encode("ascii")).digest()


def sound(row: Sequence[Any], digest: bytes | None) -> Verdict:
    """Return the verdict in a row, or raise one of DAMAGED where it is not as it was stored.

    Replies of earlier versions have no digest; of those it is known only whether they still have the form of one.
    """
    if digest is not None and digest_of(row) != digest:
        raise ValueError("its digest differs")
    for value in row:
        if isinstance(value, str):
            value.encode("utf-8")  # The store reads bytes that are no text as halves of surrogates.
    if any("\0" in name for name in row[:5]):
        raise ValueError("zeros in its address")  # By which its digest would have been found.
    return _checked(_verdict(row))


def _verdict(row: Sequence[Any]) -> Verdict:
    key, provider, served, revision, requested, outcome, text, finish, fingerprint = row[:9]
    sent, received, cached, reasoning, retries, batch, url, created, task, request = row[9:]
    return Verdict(
        key=key,
        provider=provider,
        served=served,
        revision=revision,
        requested=requested,
        outcome=outcome,
        text=text,
        finish_reason=finish,
        fingerprint=fingerprint,
        usage=None if sent is None else Usage(input=sent, output=received, cached=cached, reasoning=reasoning),
        retries=retries,
        batch=bool(batch),
        url=url,
        created=created,
        task=task,
        request=json.loads(request),
    )
