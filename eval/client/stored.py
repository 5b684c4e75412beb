"""A reply as the store keeps it: a judge's verdict, or an output of a model under test."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from eval.client.outcomes import Usage

DAMAGED = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""Exceptions that a field raises when the disk has corrupted it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReply:
    """One stored reply: the model's text, or its refusal. Its fields are in the order of the table's columns."""

    key: str
    """Key of the reply: the hash of the request."""
    provider: str
    """Provider of the server."""
    served: str
    """The model that answered, as the server named it."""
    revision: str
    """The user's mark that distinguishes this model from others of the same name."""
    requested: str
    """The model as requested."""
    outcome: Literal["replied", "refused", "filtered"]
    text: str | None
    """The raw reply."""
    finish_reason: str | None
    fingerprint: str | None
    """OpenAI's `system_fingerprint`."""
    usage: Usage | None
    """Tokens, where the server counted them."""
    retries: int
    """Number of requests before the one that was answered."""
    batch: bool
    """Whether the reply came through the Batch API."""
    url: str
    """The server's base URL."""
    created: float
    """Time of the reply, in seconds since 1970."""
    task: str
    """Task and form of the call: `entail/native`."""
    request: Mapping[str, Any]
    """The part of the request that its key depends on."""


_FIELDS = tuple(field.name for field in fields(StoredReply))


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The identity of a served model, whose replies are looked up."""

    provider: str
    requested: str
    """The model as requested, or as served."""
    revision: str = ""


def _checked(reply: StoredReply) -> StoredReply:
    texts = (reply.key, reply.provider, reply.served, reply.revision, reply.requested)
    if not all(isinstance(text, str) for text in texts) or not isinstance(reply.text, str | None):
        raise TypeError("a reply's key, model and text are texts")
    if reply.outcome not in ("replied", "refused", "filtered"):
        raise ValueError(f"outcome {reply.outcome!r}")
    return reply


def row_of(reply: StoredReply) -> tuple[Any, ...]:
    """Return a reply as a row of the table: its fields in order, with four counts in place of the usage.

    The first four are the primary key.
    """
    *first, usage, retries, batch, url, created, task, request = (getattr(reply, name) for name in _FIELDS)
    counts = (None,) * 4 if usage is None else (usage.input, usage.output, usage.cached, usage.reasoning)
    return (*first, *counts, retries, int(batch), url, created, task, json.dumps(request, ensure_ascii=False))


def digest_of(row: Sequence[Any]) -> bytes:
    """Return the hash of a row as read from the table, where numbers may have another type than when written."""
    return hashlib.sha256(json.dumps(list(row)).encode("ascii")).digest()


def sound(row: Sequence[Any], digest: bytes | None) -> StoredReply:
    """Return the reply in a row, or raise one of DAMAGED where it differs from the stored one.

    Replies of earlier versions have no digest; for those only the form can be checked.
    """
    if digest is not None and digest_of(row) != digest:
        raise ValueError("its digest differs")
    for value in row:
        if isinstance(value, str):
            value.encode("utf-8")  # The store reads invalid UTF-8 as lone surrogates.
    if any("\0" in name for name in row[:5]):
        raise ValueError("zeros in its address")  # The digest is looked up by this address.
    return _checked(_reply(row))


def _reply(row: Sequence[Any]) -> StoredReply:
    *first, sent, received, cached, reasoning, retries, batch, url, created, task, request = row
    usage = None if sent is None else Usage(input=sent, output=received, cached=cached, reasoning=reasoning)
    values = (*first, usage, retries, bool(batch), url, created, task, json.loads(request))
    return StoredReply(**dict(zip(_FIELDS, values, strict=True)))
