"""What a stored reply is worth: an output, or the reason why there is none."""

from __future__ import annotations

from eval.client.remnants import spoken
from eval.client.stored import StoredReply
from eval.core import Generation

CUT_OFF = "length"
"""The finish reason of a reply that stopped at the bound on its tokens."""
_SHOWN = 200
"""Maximum characters of a refusal that are repeated."""


def generation_of(prompt: str, reply: StoredReply) -> Generation:
    """Return the output in a reply to a prompt, without the model's thinking."""
    n_tokens = 0 if reply.usage is None else reply.usage.output
    output = spoken(reply.text or "")
    if reply.outcome == "filtered":
        return failed(prompt, "a content filter withheld the reply")
    if reply.outcome == "refused":
        return failed(prompt, f"the model refused: {(reply.text or '')[:_SHOWN]}")
    if output is not None and output.strip():
        return Generation(prompt=prompt, output=output, n_tokens=n_tokens)
    if reply.finish_reason == CUT_OFF or output is None:
        return failed(
            prompt,
            "the reply was cut off before any answer; raise model.max_new_tokens, or where the model reasons "
            "model.reasoning_tokens",
        )
    return failed(prompt, "the reply is empty")


def failed(prompt: str, reason: str) -> Generation:
    """Return a generation without an output."""
    return Generation(prompt=prompt, output="", n_tokens=0, error=reason)
