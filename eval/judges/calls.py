"""What is asked of a judge and what comes back: the types that scorers, protocols and judges share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from eval.readers.malformed import whole_characters

JudgeTask = Literal["open_qa", "extract", "entail"]
"""What is asked: grade an answer; list the events of a description; label events against a description."""

Outcome = Literal["replied", "refused", "filtered", "failed"]
"""What became of a call: there is a text; the model declined; a content filter withheld it; there was no reply."""

Source = Literal["computed", "asked", "stored"]
"""Where a reply is from: a judge without a model; a server, now; the verdict store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeCall:
    """One question to a judge: the text as sent, and what it was made of."""

    task: JudgeTask
    """What is asked."""
    sample: str
    """The id of the sample that it is asked for."""
    system: str
    """System message; "" for none."""
    user: str
    """User message."""
    inputs: Mapping[str, Any]
    """The parts that the wording was filled with, for judges that read no prose (scripted, offline)."""
    attempt: int = 0
    """How often the same was asked before, because no reply could be read."""
    form: str = "upstream"
    """In which form the reply is asked for; a name of eval/judges/forms.py."""
    schema: Mapping[str, Any] | None = None
    """JSON schema of the reply, for servers that can hold a model to it; None where none is to be asked for."""
    temperature: float | None = None
    """Sampling temperature; None sends none, which leaves the server's default."""
    max_tokens: int | None = None
    """Bound on the reply; None sends none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call, as the server counted them."""

    input: int
    """Tokens of the messages, those from a cache included."""
    output: int
    """Tokens of the reply, a model's silent reasoning included."""
    cached: int = 0
    """Tokens of the messages that were read from the server's cache, which many bill at a lower price."""
    reasoning: int = 0
    """Tokens of the output that were a model's silent reasoning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeReply:
    """What a judge answered: text, or the reason why there is none."""

    text: str | None
    """The raw reply."""
    error: str | None = None
    """Why there is no reply."""
    outcome: Outcome = "replied"
    """What became of the call; `failed` wherever `text` is None and no model declined."""
    source: Source = "computed"
    """Where it is from."""
    served: str | None = None
    """The model that answered, as the server named it."""
    usage: Usage | None = None
    """Tokens, where the server counted them."""
    finish_reason: str | None = None
    """Why the model stopped, in the server's words."""
    retries: int = 0
    """Requests that were sent for this call before the one that was answered."""
    batch: bool = False
    """Whether it came through the Batch API, at its price."""
    key: str | None = None
    """The call's address in the verdict store."""

    def __post_init__(self) -> None:
        """Put question marks for halves of characters: whatever a judge is, its words are written to files."""
        for name in ("text", "error", "served", "finish_reason"):
            value = getattr(self, name)
            if isinstance(value, str) and not value.isascii():
                object.__setattr__(self, name, whole_characters(value))

    @classmethod
    def failure(cls, error: str, *, retries: int = 0, key: str | None = None) -> JudgeReply:
        """Return a reply that says why there is none."""
        return cls(text=None, error=error, outcome="failed", retries=retries, key=key)


class Judge(Protocol):
    """Answers questions about predictions."""

    @property
    def name(self) -> str:
        """What results call it."""
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return what its verdicts depend on: model as served, settings. To be asked after the calls."""
        ...

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        """Return one reply a call, in the order given. A failed call is a reply with an error, not an exception."""
        ...


Label = Literal["entailment", "neutral", "contradiction"]
"""What a description says about an event: that it happens, nothing, or otherwise."""

LABELS: tuple[Label, ...] = ("entailment", "neutral", "contradiction")
"""All labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a judge graded an answer."""

    correct: bool
    """Whether the prediction means the same as the answer."""
    score: float
    """How well it does, 0 to 5."""


class UnreadableReplyError(ValueError):
    """A reply that holds no answer in the form asked for. Caught where calls are made, never shown to users."""
