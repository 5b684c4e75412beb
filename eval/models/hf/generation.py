"""Greedy continuations by transformers' own `generate`: several prompts a pass, which may share what precedes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from transformers import DynamicCache, GenerationConfig, LogitsProcessorList
from transformers.cache_utils import DynamicLayer
from transformers.generation.stopping_criteria import StoppingCriteriaList

from eval.errors import ModelError
from eval.models.decoding.memory import Tally, freed, is_out_of_memory
from eval.models.decoding.stages import Stages
from eval.models.hf.logits import Checking, Ending, Enough, close
from eval.models.hf.processor import HfProcessor, Prompt

_STEPS = 3
"""Tokens of the trial."""
_ROUNDING, _ROUNDING_IN_HALF = 1e-3, 0.1
"""Differences of logits by sums in another order, as shares of the logits' standard deviation."""


Batches = Literal["of any frames", "of as many frames", "of frames of one size", "of one prompt"]
"""Which prompts go through the model in one batch, padded on the left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A prompt to be continued."""

    prompt: Prompt
    enough: Enough | None = None


@dataclass(slots=True, kw_only=True)
class Continuation:
    """Continues prompts greedily with one model.

    Args:
        model: the loaded model.
        processor: its processor.
        settings: the settings of `generate`.
        batch_size: most prompts in a pass.
    """

    model: Any
    processor: HfProcessor
    settings: GenerationConfig
    batch_size: int
    batches: Batches = "of one prompt"
    shared: bool = False
    """Whether what the prompts about a clip have in common is computed once."""
    tally: Tally = field(default_factory=Tally)

    def of_clips(self, clips: Sequence[Sequence[Row]], stages: Stages) -> list[list[list[int]]]:
        """Return the ids that continue each row of each clip, the end token included."""
        found: dict[int, list[int]] = {}
        apart: dict[Any, list[tuple[int, Row]]] = {}
        number = 0
        for rows in clips:
            numbered = list(enumerate(rows, number))
            number += len(rows)
            prefix = self._prefix(rows, stages) if self.shared and len(rows) > 1 else None
            if prefix is None:
                for place, row in numbered:
                    apart.setdefault(self._likeness(row.prompt, place), []).append((place, row))
            else:
                found |= self._batched(numbered, prefix.inputs, stages)
        for numbered in apart.values():
            found |= self._batched(numbered, self._padded, stages)
        ids = iter(found[place] for place in range(number))
        return [[next(ids) for _ in rows] for rows in clips]

    def alone(self, prompt: Prompt, max_new_tokens: int | None = None) -> list[int]:
        """Return the ids that continue one prompt by itself: the reference for every other way."""
        settings = deepcopy(self.settings)
        settings.max_new_tokens = max_new_tokens or settings.max_new_tokens
        return self._pass([Row(prompt=prompt)], self._moved(self.processor.inputs([prompt])), settings)[0]

    def _likeness(self, prompt: Prompt, place: int) -> Any:
        """Return what prompts must share to go through the model in one batch."""
        keys = {
            "of any frames": prompt.kinds,  # processors take no list of images that is empty for some prompts
            "of as many frames": prompt.numbers,
            "of frames of one size": prompt.shape,
            "of one prompt": place,
        }
        return keys[self.batches]

    def choose_way(self, same: Sequence[Prompt], resized: Prompt, fewer: Prompt) -> None:
        """Set `batches` and `shared` as the architecture allows: logits must be those of one prompt at a time.

        Args:
            same: a short one and a long one about the same media.
            resized: a long one about as many frames of another size.
            fewer: one about fewer frames of another size.
        """
        first, second = (Row(prompt=prompt) for prompt in same)
        trials: dict[Batches, list[Row]] = {
            "of any frames": [first, Row(prompt=fewer), second][: self.batch_size],
            "of as many frames": [first, Row(prompt=resized)],
            "of frames of one size": [first, second],
        }
        if self.batch_size > 1:
            agreeing = (kind for kind, rows in trials.items() if self._agrees(rows, self._padded))
            self.batches = next(agreeing, "of one prompt")
        self.shared = self._agrees([first, second], self._shared)
        self.tally = Tally()

    def _agrees(self, rows: Sequence[Row], inputs: Inputs) -> bool:
        apart = [self._trial([row], self._padded)[:, 0] for row in rows]
        try:
            together = self._trial(rows, inputs)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            return False
        share = _ROUNDING if self.model.dtype.itemsize >= 4 else _ROUNDING_IN_HALF
        return all(close(alone, together[:, place], share) for place, alone in enumerate(apart))

    def _trial(self, rows: Sequence[Row], inputs: Inputs) -> torch.Tensor:
        """Return the logits of the first steps, (steps, rows, vocabulary)."""
        settings = deepcopy(self.settings)
        settings.max_new_tokens, settings.eos_token_id = _STEPS, None
        recorded: list[torch.Tensor] = []
        self._pass(rows, inputs(rows), settings, recorded)
        return torch.stack(recorded).float()

    def _batched(self, rows: Sequence[tuple[int, Row]], inputs: Inputs, stages: Stages) -> Mapping[int, list[int]]:
        """Return the continuations of numbered rows, in batches that are halved when memory runs out."""
        found: dict[int, list[int]] = {}
        size = self.batch_size
        while len(found) < len(rows):
            part = rows[len(found) : len(found) + size]
            asked = [row for _, row in part]
            try:
                made = inputs(asked)
                with stages.stage("generate"):
                    new = self._pass(asked, made, self.settings)
            except Exception as error:
                if len(part) == 1 or not is_out_of_memory(error):
                    raise
                new = None
            if new is None:  # outside the handler, whose error would keep the failed attempt's memory in use
                freed(self.tally)
                size = len(part) // 2
                continue
            found.update(zip((place for place, _ in part), new, strict=True))
            stages.count("tokens", sum(map(len, new)))
            stages.count("cut_off", sum(map(self._is_cut_off, asked, new)))
            self.tally.batches += 1
            self.tally.largest_batch = max(self.tally.largest_batch, len(part))
        return found

    def _pass(
        self,
        rows: Sequence[Row],
        inputs: dict[str, Any],
        settings: GenerationConfig,
        recorded: list[torch.Tensor] | None = None,
    ) -> list[list[int]]:
        """Return the ids that continue each row of one batch."""
        start = inputs["input_ids"].shape[1]
        stop = Ending(start, [row.enough for row in rows])
        with torch.inference_mode():
            sequences = self.model.generate(
                **inputs,
                generation_config=settings,
                logits_processor=LogitsProcessorList([Checking(recorded)]),
                stopping_criteria=StoppingCriteriaList([stop] if any(row.enough for row in rows) else []),
            )
        ends = set(settings.eos_token_id or ())
        return [
            new[: min([*(i + 1 for i, one in enumerate(new) if one in ends), at or len(new)])]
            for new, at in zip(sequences[:, start:].tolist(), stop.at, strict=True)
        ]

    def _is_cut_off(self, row: Row, ids: Sequence[int]) -> bool:
        """Whether an output ended at the bound on new tokens alone, and might have gone on."""
        is_ended = ids[-1] in self.settings.eos_token_id or (row.enough is not None and row.enough(ids))
        return len(ids) == self.settings.max_new_tokens and not is_ended

    def _padded(self, rows: Sequence[Row]) -> dict[str, Any]:
        inputs = self._moved(self.processor.inputs([row.prompt for row in rows]))
        # A repetition penalty counts padding too, so it repeats a token that is in the row anyway.
        ids = inputs["input_ids"]
        inputs["input_ids"] = ids.where(inputs["attention_mask"] != 0, ids[:, -1:])
        self.tally.longest_prompt = max(self.tally.longest_prompt, ids.shape[1])
        return inputs

    def _shared(self, rows: Sequence[Row]) -> dict[str, Any]:
        prefix = self._prefix(rows, Stages(None, ()))
        if prefix is None:
            raise ModelError("the model cannot go on from what prompts have in common")
        return prefix.inputs(rows)

    def _prefix(self, rows: Sequence[Row], stages: Stages) -> _Prefix | None:
        """Return what rows about the same media have in common, computed; None where the model cannot go on from it."""
        each = [self.processor.inputs([row.prompt]) for row in rows]
        ids = [one["input_ids"][0].tolist() for one in each]
        most = min(map(len, ids)) - 1
        n = next((i for i in range(most) if len({one[i] for one in ids}) > 1), most)
        if n < 1 or any(self.processor.media_ids.intersection(one[n:]) for one in ids):
            return None
        whole = each[0]["input_ids"].shape
        first = {
            name: value[:, :n] if torch.is_tensor(value) and value.shape == whole else value
            for name, value in self._moved(each[0]).items()
        }
        settings = deepcopy(self.settings)
        settings.max_new_tokens = 1
        cache = DynamicCache(config=self.model.config.get_text_config(decoder=True))
        with stages.stage("prefill"), torch.inference_mode():
            self.model.generate(**first, past_key_values=cache, generation_config=settings)
        # Layers with a window or a state keep too little of a prefix for others to continue it.
        if cache.get_seq_length() != n or any(type(layer) is not DynamicLayer for layer in cache.layers):
            return None
        # The model's own for the whole prompts: those of some depend on the frames, and not on what was computed.
        positions = [
            self.model._prepare_position_ids_for_generation(one["input_ids"], dict(one)).to(self.model.device)
            for one in each
        ]
        stages.count("prefill_positions", n)
        self.tally.prefixes += 1
        self.tally.longest_prefix = max(self.tally.longest_prefix, n)
        self.tally.longest_prompt = max(self.tally.longest_prompt, *map(len, ids))
        return _Prefix(
            cache=cache,
            ids=ids[0][:n],
            rest={id(row): (one[n:], at) for row, one, at in zip(rows, ids, positions, strict=True)},
            config=self.model.config.get_text_config(decoder=True),
            device=first["input_ids"].device,
        )

    def _moved(self, inputs: Any) -> dict[str, Any]:
        """Return inputs on the model's device; pixels, but not times and other single numbers, in its precision."""
        moved = {}
        for name, value in inputs.items():
            if torch.is_tensor(value):
                pixels = value.is_floating_point() and value.ndim > 1
                moved[name] = value.to(self.model.device, self.model.dtype if pixels else value.dtype)
            else:
                moved[name] = value
        return moved


Inputs = Callable[[Sequence[Row]], dict[str, Any]]
"""Returns the inputs of a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prefix:
    """The common beginning of prompts about a clip, and what follows it in each."""

    cache: DynamicCache
    ids: list[int]
    rest: dict[int, tuple[list[int], torch.Tensor]]
    """The ids that follow and the positions of all, (..., 1, n), by the id() of the row."""
    config: Any
    device: Any

    def inputs(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return the inputs of some rows, each with a copy of what was computed, padded behind it."""
        rest, positions = zip(*(self.rest[id(row)] for row in rows), strict=True)
        longest = max(map(len, rest))
        gaps = [longest - len(one) for one in rest]
        ids = [self.ids + [one[-1]] * gap + one for one, gap in zip(rest, gaps, strict=True)]
        mask = [[1] * len(self.ids) + [0] * gap + [1] * (longest - gap) for gap in gaps]
        cache = DynamicCache(config=self.config)
        for place, layer in enumerate(self.cache.layers):
            copies = (one.expand(len(rows), -1, -1, -1) for one in (layer.keys, layer.values))
            cache.update(*copies, place)
        return {
            "input_ids": torch.tensor(ids, device=self.device),
            "attention_mask": torch.tensor(mask, device=self.device),
            "position_ids": torch.cat(
                [
                    torch.cat(
                        [at[..., : len(self.ids)], at[..., :1].expand(*at.shape[:-1], gap), at[..., len(self.ids) :]],
                        -1,
                    )
                    for at, gap in zip(positions, gaps, strict=True)
                ],
                -2,
            ),
            "past_key_values": cache,
        }
