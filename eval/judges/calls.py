"""Judge calls and replies: the types that scorers, protocols and judges share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from eval.client.outcomes import Usage
from eval.client.stored import StoredReply
from eval.readers.malformed import whole_characters

JudgeTask = Literal["open_qa", "extract", "entail"]
"""The task of a call: grade an answer; list the events of a description; label events against a description."""

Outcome = Literal["replied", "refused", "filtered", "failed"]
"""Result of a call: a text; refusal by the model; text withheld by a content filter; no reply."""

ReplySource = Literal["computed", "asked", "stored"]
"""Origin of a reply: computed by a judge without a model; asked of a server in this run; read from the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeCall:
    """One question to a judge: the messages as sent, and the inputs they were made from."""

    task: JudgeTask
    """The task."""
    sample: str
    """Id of the sample that the call is about."""
    system: str
    """System message; "" for none."""
    user: str
    """User message."""
    inputs: Mapping[str, Any]
    """The inputs that filled the wording's slots, for judges that do not read the messages (scripted, offline)."""
    attempt: int = 0
    """Number of earlier attempts at the same question whose replies could not be read."""
    judging: int = 0
    """Number of earlier judgings of the same predictions: 0 in the one that gives the score."""
    form: str = "upstream"
    """Form of the reply: a name in eval/judges/forms.py."""
    schema: Mapping[str, Any] | None = None
    """JSON schema of the reply, for servers that can enforce one; None to request no schema."""
    temperature: float | None = None
    """Sampling temperature; None sends none, so that the server's default applies."""
    max_tokens: int | None = None
    """Upper bound on the reply's tokens; None sends none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeReply:
    """A judge's reply: its text, or the reason why there is none."""

    text: str | None
    """The raw reply."""
    error: str | None = None
    """The reason why there is no reply."""
    outcome: Outcome = "replied"
    """Result of the call; `failed` wherever `text` is None and no model declined."""
    source: ReplySource = "computed"
    """Origin of the reply."""
    served: str | None = None
    """The model that answered, as the server named it."""
    usage: Usage | None = None
    """Tokens, where the server counted them."""
    finish_reason: str | None = None
    """Why the model stopped, in the server's words."""
    retries: int = 0
    """Number of requests sent for this call before the one that was answered."""
    batch: bool = False
    """Whether the reply came through the Batch API, at its price."""
    key: str | None = None
    """Key of the call in the reply store."""

    def __post_init__(self) -> None:
        """Replace lone surrogates in the texts by question marks, since every reply is written to files."""
        for name in ("text", "error", "served", "finish_reason"):
            value = getattr(self, name)
            if isinstance(value, str) and not value.isascii():
                object.__setattr__(self, name, whole_characters(value))

    @classmethod
    def of(cls, stored: StoredReply, *, asked: bool = False) -> JudgeReply:
        """Return a stored reply for a scorer, as read from the store, or as just `asked` for."""
        return cls(
            text=stored.text,
            outcome=stored.outcome,
            source="asked" if asked else "stored",
            served=stored.served,
            usage=stored.usage,
            finish_reason=stored.finish_reason,
            retries=stored.retries if asked else 0,
            batch=stored.batch,
            key=stored.key,
        )

    @classmethod
    def failure(cls, error: str, *, retries: int = 0, key: str | None = None) -> JudgeReply:
        """Return a reply without text that states the reason."""
        return cls(text=None, error=error, outcome="failed", retries=retries, key=key)


class Respondent(Protocol):
    """Replies to calls: a judge, or whatever stands before one to record or to count. Scorers need no more of it."""

    @property
    def name(self) -> str:
        """Name of the judge in results."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return the settings its verdicts depend on, including the model as served. Call it after the judge calls."""
        ...

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        """Return one reply per call, in the order given. A failed call is a reply with an error, not an exception."""
        ...


Label = Literal["entailment", "neutral", "contradiction"]
"""Relation of a description to an event: it states the event, says nothing about it, or contradicts it."""

LABELS: tuple[Label, ...] = ("entailment", "neutral", "contradiction")
"""All labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """A judge's grade of an answer."""

    correct: bool
    """Whether the prediction means the same as the answer."""
    score: float
    """Degree of agreement, 0 to 5."""


class UnreadableReplyError(ValueError):
    """A reply without an answer in the requested form. Callers of judges catch it; users never see it."""
