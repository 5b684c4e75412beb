"""Steps of a continuation: refusing logits that are not finite, comparing them, and ending rows early."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from transformers import LogitsProcessor
from transformers.generation.stopping_criteria import StoppingCriteria

from eval.models.decoding.finite import most_likely

Enough = Callable[[Sequence[int]], bool]
"""Whether an output of these ids needs no further ones."""


class Ending(StoppingCriteria):  # type: ignore[misc]
    """Ends rows whose output needs no further ids."""

    def __init__(self, start: int, enough: Sequence[Enough | None]) -> None:
        self.at = [0] * len(enough)
        """Number of new ids at which a row was ended, 0 where it was not."""
        self._start, self._enough = start, enough

    def __call__(self, input_ids: torch.Tensor, _scores: object, **_: object) -> torch.Tensor:
        """Return for each row whether it has ended."""
        for place, enough in enumerate(self._enough):
            if enough is not None and not self.at[place]:
                new = input_ids[place, self._start :].tolist()
                self.at[place] = len(new) if enough(new) else 0
        return torch.tensor([at > 0 for at in self.at], device=input_ids.device)


class Checking(LogitsProcessor):  # type: ignore[misc]
    """Refuses logits that are not finite, and records them where that is wanted."""

    def __init__(self, recorded: list[torch.Tensor] | None) -> None:
        self._recorded = recorded

    def __call__(self, _input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return the logits unchanged. Raises ModelError."""
        most_likely(scores)
        if self._recorded is not None:
            self._recorded.append(scores.clone())
        return scores


def close(alone: torch.Tensor, together: torch.Tensor, share: float) -> bool:
    """Whether logits, (steps, vocabulary), are the same but for rounding, up to the first step with another token.

    Rounding may be a `share` of their standard deviation.
    """
    for one, other in zip(alone, together, strict=True):
        sound = one.isfinite() & other.isfinite()
        bound = share * one[sound].std()
        if (one - other)[sound].abs().max() > bound or not torch.equal(one.isfinite(), other.isfinite()):
            return False
        if one.argmax() != other.argmax():
            break
    return True
