"""All prompts about one clip: what they share is encoded once, and the rest is generated in batches that fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from eval.errors import ModelError
from eval.models.tarsier.language import Settled, continue_rows, encode_prefix
from eval.models.tarsier.memory import Footprint, is_out_of_memory, plan, room
from eval.models.tarsier.rows import Prefix

Ids = tuple[int, ...]

_NOT_GREEDY = (
    "bad_words_ids", "begin_suppress_tokens", "exponential_decay_length_penalty", "forced_bos_token_id",
    "forced_eos_token_id", "guidance_scale", "min_length", "min_new_tokens", "no_repeat_ngram_size",
    "repetition_penalty", "sequence_bias", "stop_strings", "suppress_tokens", "watermarking_config",
)  # fmt: skip
"""Settings of a generation_config.json by which transformers' generate departs from plain greedy decoding."""


@dataclass(slots=True, kw_only=True)
class Batching:
    """How the work was cut so far."""

    prefixes: int = 0
    """Prefixes encoded."""
    longest_prefix: int = 0
    """Positions of the longest."""
    batches: int = 0
    """Batches generated."""
    largest_batch: int = 0
    """Rows of the largest that went through."""
    halvings: int = 0
    """Times that memory ran out in spite of the plan."""


class Engine:
    """Greedy continuations by a TarsierForConditionalGeneration.

    Args:
        model: the model, in evaluation mode.
        max_new_tokens: bound on each continuation.
        kv_budget: bytes for keys and values where free memory can't be asked (anywhere but on CUDA).

    Raises:
        ModelError: the checkpoint's generation_config asks for something else than greedy decoding.
    """

    def __init__(self, model: Any, *, max_new_tokens: int, kv_budget: int) -> None:
        settings = model.generation_config
        for name in _NOT_GREEDY:
            if getattr(settings, name, None) not in (None, 0, 1, [], {}):
                raise ModelError(
                    f"generation_config.json sets {name}={getattr(settings, name)!r}, so its outputs would not be "
                    "greedy ones; remove it from the checkpoint."
                )
        ends = settings.eos_token_id
        self._ends = frozenset(ends if isinstance(ends, list) else () if ends is None else (ends,))
        self._model = model
        self._max_new_tokens = max_new_tokens
        self._kv_budget = kv_budget
        self._footprint = Footprint.of(model.config.text_config, model.dtype)
        self._devices = sorted({p.device for p in model.parameters() if p.device.type != "meta"}, key=str)
        self._batching = Batching()

    def batching(self) -> dict[str, int]:
        """Return how the work was cut so far, and what a position takes up."""
        return {**asdict(self._batching), "kv_bytes_per_position": self._footprint.kept}

    @torch.inference_mode()
    def generate(
        self, pixels: torch.Tensor, prompts: Sequence[Sequence[int]], settled: Settled | None
    ) -> list[list[int]]:
        """Return the ids that follow each prompt, the end token included.

        Args:
            pixels: the frames, (n, 3, side, side).
            prompts: ids, with one image token for each position that the frames take.
            settled: may end a continuation before its end token.
        """
        distinct = sorted({tuple(prompt) for prompt in prompts}, key=lambda ids: (len(ids), ids))
        features = self._features(pixels)
        image = self._model.config.image_token_id
        for ids in distinct:
            if ids.count(image) != len(features):
                raise ValueError(f"{ids.count(image)} image tokens for {len(features)} image features")
        # In order of length, so that a batch has little padding, and the same rows in whatever order they were asked.
        groups: dict[Ids, list[Ids]] = {}
        for ids in distinct:
            groups.setdefault(ids[: len(ids) - ids[::-1].index(image)], []).append(ids)
        found: dict[Ids, list[int]] = {}
        for group in groups.values():
            found.update(zip(group, self._continuations(group, features, settled), strict=True))
        return [list(found[tuple(prompt)]) for prompt in prompts]

    def _features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return what stands at the image positions: (positions, width)."""
        return torch.cat(self._model.model.get_image_features(pixels, return_dict=True).pooler_output)

    def _embed(self, ids: Sequence[int], features: torch.Tensor) -> torch.Tensor:
        """Return input embeddings (n, width), the features in order at the image tokens."""
        tokens = torch.tensor(ids, device=self._model.device)
        embedded = self._model.get_input_embeddings()(tokens)
        at_image = (tokens == self._model.config.image_token_id).to(embedded.device)
        result: torch.Tensor = embedded.masked_scatter(at_image[:, None], features.to(embedded))
        return result

    def _continuations(
        self, prompts: Sequence[Ids], features: torch.Tensor, settled: Settled | None
    ) -> list[list[int]]:
        """Continue prompts that agree through their last image position, shortest first."""
        # Each row keeps a position of its own, from whose state its first token is read.
        n_shared = min(_agreement(prompts), min(map(len, prompts)) - 1)
        shown = prompts[0][:n_shared].count(self._model.config.image_token_id)
        prefix = encode_prefix(
            self._model.model.language_model, self._embed(prompts[0][:n_shared], features[:shown])[None]
        )
        self._batching.prefixes += 1
        self._batching.longest_prefix = max(self._batching.longest_prefix, prefix.length)
        suffixes = [self._embed(ids[n_shared:], features[shown:]) for ids in prompts]
        free = room(self._devices, self._kv_budget, prefix.length * self._footprint.kept)
        done: list[list[int]] = []
        for size in plan([len(rest) for rest in suffixes], self._max_new_tokens, self._footprint, free):
            done += self._rows(prefix, suffixes[len(done) : len(done) + size], settled)
        return done

    def _rows(self, prefix: Prefix, suffixes: Sequence[torch.Tensor], settled: Settled | None) -> list[list[int]]:
        """Continue a prefix with each suffix; where memory runs out, with half of them at a time."""
        try:
            done = continue_rows(
                self._model,
                prefix,
                suffixes,
                max_new_tokens=self._max_new_tokens,
                ends=self._ends,
                settled=settled,
            )
        except (RuntimeError, MemoryError) as error:
            if len(suffixes) == 1 or not is_out_of_memory(error):
                raise
        else:
            self._batching.batches += 1
            self._batching.largest_batch = max(self._batching.largest_batch, len(suffixes))
            return done
        # Outside of the handler, whose error still holds on to the tensors of the failed attempt.
        self._batching.halvings += 1
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        half = len(suffixes) // 2
        return [*self._rows(prefix, suffixes[:half], settled), *self._rows(prefix, suffixes[half:], settled)]


def _agreement(prompts: Sequence[Ids]) -> int:
    """Return how many ids all prompts begin with; those that come first and last in order differ earliest."""
    first, last = min(prompts), max(prompts)
    return next((i for i, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
