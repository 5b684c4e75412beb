"""Prompts about clips: a clip's shared prefix is encoded once, and all rows that fit are generated as one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch

from eval.errors import ModelError, RunError
from eval.models.decoding.devices import device_of, devices_of
from eval.models.decoding.language import Start, continue_rows, encode_prefix
from eval.models.decoding.memory import (
    ClipSize,
    Footprint,
    Tally,
    freed,
    is_out_of_memory,
    plan,
    plan_clips,
    positions_at_once,
    room,
)  # fmt: skip
from eval.models.decoding.questions import Encoded, Member, PromptRow, after_images, agreement, groups
from eval.models.decoding.rows import Prefix
from eval.models.decoding.stages import Stages
from eval.models.decoding.vision import encode_frames
from eval.timing import Clock

_POSITIONS_ON_CPU = 8192
"""Positions of clips processed together on a CPU: more are no faster there, since its caches are small."""

_CLIPS_ON_GPU = 32
"""Most clips processed together on other devices; their frames have to be held in memory, too."""

_USUAL_SUFFIX = 128
"""Positions after the frames that are assumed before the prompts are known."""

_Found = dict[tuple[int, PromptRow], list[int]]
"""Generated ids for each row of each clip."""


class Generator:
    """Greedy continuations by a model of one of the families.

    Args:
        model: the model, in evaluation mode, with `encode_media`, `prompt_positions`, and `config.positions`.
        max_new_tokens: most tokens of each continuation.
        kv_budget: bytes for keys and values on devices other than CUDA, which report their memory.
        repetition_penalty: factor by which logits of tokens that are in the prompt or the output are lowered.
        deterministic: plan with `kv_budget` on every device, and never make a batch smaller than planned.

    Raises:
        ModelError: the model's generation_config names no end token.
    """

    def __init__(
        self,
        model: Any,
        *,
        max_new_tokens: int,
        kv_budget: int,
        repetition_penalty: float = 1.0,
        deterministic: bool = False,
    ) -> None:
        ends = model.generation_config.eos_token_id
        self._ends = frozenset(ends if isinstance(ends, list) else () if ends is None else (ends,))
        if not self._ends:
            raise ModelError("The model's generation_config has no eos_token_id, so no output would end.")
        self._model = model
        self._max_new_tokens = max_new_tokens
        self._devices = devices_of(model)
        self._at_once = positions_at_once(self._devices)
        self._footprint = Footprint.of(model.config, model.dtype, self._at_once)
        self._penalty = repetition_penalty
        self._deterministic = deterministic
        self._room = kv_budget if deterministic else room(model, self._devices, kv_budget)
        self._tally = Tally()

    @property
    def room(self) -> int:
        """Bytes available to batches in planning."""
        return self._room

    def batching(self) -> dict[str, int]:
        """Return statistics of the batching so far, and the bytes of a position."""
        return {**asdict(self._tally), "kv_bytes_per_position": self._footprint.kept}

    def clips_at_once(self, n_frames: int, n_prompts: int) -> int:
        """Return the best number of clips, of so many frames and prompts, for one call: the same on each machine."""
        size = ClipSize(prefix=self._model.config.positions(n_frames), rows=n_prompts, longest=_USUAL_SUFFIX)
        most = _CLIPS_ON_GPU
        if all(device.type == "cpu" for device in self._devices):
            most = max(1, _POSITIONS_ON_CPU // size.prefix)
        return plan_clips([size] * most, self._max_new_tokens, self._footprint, self._room)[0]

    @torch.inference_mode()
    def generate(self, clips: Sequence[Encoded], clock: Clock | None = None) -> list[list[list[int]]]:
        """Return the ids that follow each prompt of each clip, the end token included.

        The clock records the stages `encode` (frames), `prefill` (up to the first token) and `generate`, and counts
        `tokens`, `prefill_positions` and `cut_off`, the outputs that ended at the bound on new tokens.

        Raises:
            ModelError: logits are not finite.
            RunError: memory ran out, and a smaller batch would differ from the run's batches.
        """
        stages = Stages(clock, self._devices)
        try:
            return self._generate(clips, stages)
        except (RuntimeError, MemoryError) as error:
            if not self._deterministic or not is_out_of_memory(error):
                raise
            raise RunError(
                "Memory ran out, and model.deterministic=true makes no batch smaller than planned. Free memory on the "
                "device, take a larger one, or begin another run with a smaller model.kv_budget_gb."
            ) from error

    def _generate(self, clips: Sequence[Encoded], stages: Stages) -> list[list[list[int]]]:
        sizes = [self._size(clip) for clip in clips]
        found: _Found = {}
        start = 0
        for n in plan_clips(sizes, self._max_new_tokens, self._footprint, self._room):
            self._some(dict(enumerate(clips[start : start + n], start)), found, stages)
            start += n
        stages.count("tokens", sum(map(len, found.values())))
        stages.count("cut_off", sum(self._is_cut_off(row, ids) for (_, row), ids in found.items()))
        return [
            [list(found[i, (tuple(ids), settled)]) for ids, settled in zip(clip.prompts, clip.settled, strict=True)]
            for i, clip in enumerate(clips)
        ]

    def _is_cut_off(self, row: PromptRow, ids: Sequence[int]) -> bool:
        """Whether an output ended at the bound on new tokens alone, and might have gone on."""
        _, settled = row
        is_ended = ids[-1] in self._ends or (settled is not None and settled(ids))
        return len(ids) == self._max_new_tokens and not is_ended

    def _size(self, clip: Encoded) -> ClipSize:
        image = self._model.config.image_token_id
        self._tally.longest_prompt = max(self._tally.longest_prompt, *map(len, clip.prompts), 0)
        heads = [after_images(ids, image) for ids in clip.prompts]
        rests = [len(ids) - head for ids, head in zip(clip.prompts, heads, strict=True)]
        return ClipSize(prefix=max(heads, default=0), rows=len(heads), longest=1 + max(rests, default=0))

    def _some(self, clips: dict[int, Encoded], found: _Found, stages: Stages) -> None:
        """Process clips that fit together, by their indices in the call."""
        clips = {i: clip for i, clip in clips.items() if clip.prompts}
        if not clips:
            return
        with stages.stage("encode"):
            encoded = encode_frames(
                self._model,
                [clip.media for clip in clips.values()],
                self._at_once,
                self._tally,
                halve=not self._deterministic,
            )
        features = dict(zip(clips, encoded, strict=True))
        image = self._model.config.image_token_id
        for i, clip in clips.items():
            for ids in clip.prompts:
                if ids.count(image) != len(features[i]):
                    raise ValueError(f"{ids.count(image)} image tokens for {len(features[i])} image features")
        for group in groups(list(clips.items()), image):
            self._group(group, clips, features, found, stages)

    def _group(
        self,
        members: Sequence[Member],
        clips: dict[int, Encoded],
        features: dict[int, torch.Tensor],
        found: _Found,
        stages: Stages,
    ) -> None:
        """Continue prompts with the same text around their media; where memory runs out, half of the clips."""
        try:
            rows = self._stack(members, clips, features, stages)
        except (RuntimeError, MemoryError) as error:
            if len(members) == 1 or not self._halves(error):
                raise
        else:
            asked = [(member.clip, row) for member in members for row in member.rows]
            found.update(zip(asked, rows, strict=True))
            return
        # Outside the handler, whose error still holds the failed attempt's tensors.
        freed(self._tally)
        half = len(members) // 2
        self._group(members[:half], clips, features, found, stages)
        self._group(members[half:], clips, features, found, stages)

    def _halves(self, error: Exception) -> bool:
        """Whether a failed attempt is repeated in two halves."""
        return is_out_of_memory(error) and not self._deterministic

    def _stack(
        self,
        members: Sequence[Member],
        clips: dict[int, Encoded],
        features: dict[int, torch.Tensor],
        stages: Stages,
    ) -> list[list[int]]:
        """Encode the prefixes of clips in one pass, and continue all their rows, clip by clip."""
        shared = agreement(members)
        cuts = [member.head + shared for member in members]
        rests = [len(ids) - cut for cut, member in zip(cuts, members, strict=True) for ids, _ in member.rows]
        # Rows that share with no other row and have one position left continue in the prefix's own buffers.
        alone = len(rests) == len(members) and max(rests) == 1 and cuts[0] == cuts[-1]
        embeddings, positions, starts = [], [], []
        with stages.stage("prefill"):
            for i, (member, cut) in enumerate(zip(members, cuts, strict=True)):
                media, seen = clips[member.clip].media, features[member.clip]
                any_ids = member.rows[0][0]
                shown = len(seen) - any_ids[cut:].count(self._model.config.image_token_id)
                embeddings.append(self._embed(any_ids[:cut], seen[:shown]))
                # The shared part of the positions does not depend on what follows.
                positions.append(self._model.prompt_positions(any_ids, media)[..., :cut])
                starts += [
                    Start(
                        clip=i,
                        embeddings=self._embed(ids[cut:], seen[shown:]),
                        positions=self._model.prompt_positions(ids, media)[..., cut:],
                        settled=settled,
                        ids=ids,
                    )
                    for ids, settled in member.rows
                ]
            prefix = encode_prefix(
                self._model.model.language_model,
                embeddings,
                positions,
                room=1 + self._max_new_tokens if alone else 0,
                at_once=max(1, self._at_once // cuts[-1]),
            )
        stages.count("prefill_positions", sum(cuts))
        self._tally.prefixes += len(cuts)
        self._tally.longest_prefix = max(self._tally.longest_prefix, cuts[-1])
        self._tally.largest_stack = max(self._tally.largest_stack, len(cuts))
        if len(cuts) > 1:
            return self._rows(prefix, starts, stages)
        done: list[list[int]] = []
        free = self._room - cuts[0] * self._footprint.kept
        for size in plan(rests, self._max_new_tokens, self._footprint, free):
            done += self._halving(prefix, starts[len(done) : len(done) + size], stages)
        return done

    def _embed(self, ids: Sequence[int], features: torch.Tensor) -> torch.Tensor:
        """Return input embeddings (n, width), the features (positions, width) at the image tokens."""
        embed = self._model.get_input_embeddings()
        tokens = torch.tensor(ids, device=device_of(embed))
        embedded: torch.Tensor = embed(tokens)
        if len(features):
            embedded[tokens == self._model.config.image_token_id] = features.to(embedded)
        return embedded

    def _rows(self, prefix: Prefix, starts: Sequence[Start], stages: Stages) -> list[list[int]]:
        """Continue prefixes with each of the rows as one batch."""
        done = continue_rows(
            self._model,
            prefix,
            starts,
            max_new_tokens=self._max_new_tokens,
            ends=self._ends,
            penalty=self._penalty,
            stages=stages,
        )
        self._tally.batches += 1
        self._tally.largest_batch = max(self._tally.largest_batch, len(starts))
        return done

    def _halving(self, prefix: Prefix, starts: Sequence[Start], stages: Stages) -> list[list[int]]:
        """Continue a clip's prefix with rows; where memory runs out, with half of them at a time."""
        try:
            return self._rows(prefix, starts, stages)
        except (RuntimeError, MemoryError) as error:
            if len(starts) == 1 or not self._halves(error):
                raise
        freed(self._tally)
        half = len(starts) // 2
        return [*self._halving(prefix, starts[:half], stages), *self._halving(prefix, starts[half:], stages)]
