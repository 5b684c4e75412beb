"""The three stages of training. Each takes a number of steps, so that a seed and a machine fix the result."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.mini.rendering import render
from benchmarks.mini.scenes import SAMPLED_FRAMES, sampled_indices
from benchmarks.mini.training.checkpoint import IMAGE_SIZE, TEXT_WIDTH, VISION_WIDTH
from benchmarks.mini.training.heads import FrameHeads, Meter, OptionHead, PatchHeads
from benchmarks.mini.training.optimiser import Optimiser, Schedule, split_parameters
from benchmarks.mini.training.packing import (
    IGNORED,
    POSITIONS_PER_FRAME,
    Batch,
    Packer,
    SceneStream,
    pixel_values,
)
from benchmarks.mini.training.supervision import patch_targets
from eval.models.tarsier.model import TarsierForConditionalGeneration

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

LETTER_WEIGHT = 4.0
"""Weight of a multiple-choice letter in the loss, every other token having 1."""
GUIDE_WEIGHT = 0.5
"""Weight of the throw-away heads."""
REPORT_EVERY = 50
VISION_SCENES, VISION_FRAMES_EACH = 32, 2
CLIPS_PER_RANK = 8


def vision_parameters(model: TarsierForConditionalGeneration) -> list[tuple[str, nn.Parameter]]:
    """Return the vision tower's parameters that are read: all but the last layer and the norm after it."""
    unread = f".layers.{len(model.model.vision_tower.encoder.layers) - 1}."
    named = model.model.vision_tower.named_parameters()
    return [(name, each) for name, each in named if unread not in name and "post_layernorm" not in name]


def patch_features(model: TarsierForConditionalGeneration, pixels: torch.Tensor) -> torch.Tensor:
    """Return the second-last hidden state without the class token, (n, 16, width), without computing the last."""
    tower = model.model.vision_tower
    hidden = tower.pre_layrnorm(tower.embeddings(pixels))
    for layer in tower.encoder.layers[:-1]:
        output = layer(hidden, attention_mask=None)
        hidden = output[0] if isinstance(output, tuple) else output
    patches: torch.Tensor = hidden[:, 1:]
    return patches


def train_vision(model: TarsierForConditionalGeneration, schedule: Schedule) -> None:
    """Stage one: single frames, and per patch what is in it."""
    heads = PatchHeads(VISION_WIDTH)
    matrices, others = split_parameters(vision_parameters(model))
    optimiser = Optimiser(matrices, [*others, *heads.parameters()], schedule)
    stream, rng, meter, began = SceneStream(0, 1), random.Random(1), Meter(), time.monotonic()
    for step in range(schedule.steps):
        chosen = [
            (scene, rng.sample(sampled_indices(scene.n_frames), VISION_FRAMES_EACH))
            for scene in stream.take(VISION_SCENES)
        ]
        frames = [render(scene, indices, (IMAGE_SIZE, IMAGE_SIZE)) for scene, indices in chosen]
        pixels = pixel_values(np.concatenate(frames))
        loss = heads.loss(patch_features(model, pixels), patch_targets(chosen), meter)
        meter.add("loss", loss)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step(step)
        _report("vision", step, schedule, began, meter)


class LanguageTrainer:
    """Stages two and three: questions behind descriptions, then behind frames."""

    def __init__(
        self,
        model: TarsierForConditionalGeneration,
        tokenizer: PreTrainedTokenizerFast,
        schedule: Schedule,
        *,
        frames: bool,
        rank: int = 0,
        n_ranks: int = 1,
        skip_scenes: int = 0,
    ) -> None:
        self.model, self.schedule, self.frames, self.rank = model, schedule, frames, rank
        self.packer = Packer(tokenizer, random.Random(rank + 1))
        self.stream = SceneStream(skip_scenes + rank, n_ranks)
        self.frame_heads, self.option_head = FrameHeads(TEXT_WIDTH), OptionHead(TEXT_WIDTH)
        self.meter, self.hidden = Meter(), dict[int, torch.Tensor]()
        language = model.model.language_model
        for layer in (1, 2, 3):
            language.layers[layer].register_forward_hook(self._keeper(layer))
        named = [*language.named_parameters(), ("lm_head", model.lm_head.weight)]
        heads = list(self.option_head.parameters())
        if frames:
            named += vision_parameters(model)
            projector = model.model.multi_modal_projector.named_parameters()
            named += [(f"projector.{name}", each) for name, each in projector]
            heads += self.frame_heads.parameters()
        matrices, others = split_parameters(named)
        self.optimiser = Optimiser(matrices, [*others, *heads], schedule)
        first = len(self.packer.opening) + POSITIONS_PER_FRAME - 1
        self.frame_ends = torch.arange(SAMPLED_FRAMES) * POSITIONS_PER_FRAME + first

    def train(self, snapshot: Path | None = None, snapshot_every: int = 0) -> None:
        """Run all steps; rank 0 prints progress and keeps a snapshot of the weights now and then."""
        stage, began = ("joint" if self.frames else "text"), time.monotonic()
        for step in range(self.schedule.steps):
            progress = step / self.schedule.steps
            scenes = self.stream.take(CLIPS_PER_RANK)
            pack = self.packer.with_frames if self.frames else self.packer.with_descriptions
            self._loss(pack(scenes, progress), progress).backward()  # type: ignore[no-untyped-call]
            self.optimiser.step(step)
            if self.rank == 0:
                _report(stage, step, self.schedule, began, self.meter)
                if snapshot and snapshot_every and (step + 1) % snapshot_every == 0:
                    torch.save(self.model.state_dict(), snapshot)

    def _keeper(self, layer: int):  # type: ignore[no-untyped-def]  # noqa: ANN202 - torch's hook signature
        def keep(_module: nn.Module, _inputs: object, output: torch.Tensor | tuple[torch.Tensor, ...]) -> None:
            self.hidden[layer] = output[0] if isinstance(output, tuple) else output

        return keep

    def _states(self, batch: Batch) -> torch.Tensor:
        """Return the last hidden states (b, t, width), visual positions filled with frames if there are any."""
        embeddings = self.model.get_input_embeddings()(batch.ids)
        if batch.pixels is not None:
            patches = self.model.model.multi_modal_projector(patch_features(self.model, batch.pixels))
            visual = self.model.model.add_separators(patches)
            visual = visual.reshape(len(batch.ids), SAMPLED_FRAMES * POSITIONS_PER_FRAME, -1)
            start, stop = len(self.packer.opening), self.packer.prefix_length
            embeddings = torch.cat([embeddings[:, :start], visual, embeddings[:, stop:]], dim=1)
        output = self.model.model.language_model(
            inputs_embeds=embeddings, attention_mask=batch.mask, position_ids=batch.positions, use_cache=False
        )
        states: torch.Tensor = output.last_hidden_state
        return states

    def _loss(self, batch: Batch, progress: float) -> torch.Tensor:
        states = self._states(batch)
        scored = batch.labels != IGNORED
        logits = self.model.lm_head(states[scored])
        labels = batch.labels[scored]
        weights = torch.ones(batch.labels.shape)
        for answer in batch.answered:
            if answer.family == "multiple_choice":
                weights[answer.row, answer.position] = LETTER_WEIGHT
        weight = weights[scored]
        loss = (functional.cross_entropy(logits, labels, reduction="none") * weight).sum() / weight.sum()
        self.meter.add("loss", loss)
        self._note_answers(batch, logits.argmax(-1) == labels, scored)
        remaining = 1 - progress
        option = self.option_head.loss(self.hidden[3], batch.option_ends, self.meter)
        loss = loss + 2 * GUIDE_WEIGHT * option * min(1.0, remaining / 0.2)
        if batch.targets is not None:
            after_second, after_third = (self.hidden[layer][:, self.frame_ends] for layer in (1, 2))
            guide = self.frame_heads.loss(after_second, after_third, batch.targets, self.meter)
            loss = loss + GUIDE_WEIGHT * guide * min(1.0, remaining / 0.3)
        return loss

    def _note_answers(self, batch: Batch, right: torch.Tensor, scored: torch.Tensor) -> None:
        """Meter how often the first token (of texts: every token) of an answer is predicted."""
        hits = torch.zeros_like(batch.labels, dtype=torch.bool)
        hits[scored] = right
        for answer in batch.answered:
            end = answer.position + 1
            if answer.family in ("caption", "description"):
                while batch.labels[answer.row, end] != IGNORED:
                    end += 1
            self.meter.add(answer.task, hits[answer.row, answer.position : end].all())


def _report(stage: str, step: int, schedule: Schedule, began: float, meter: Meter) -> None:
    if (step + 1) % REPORT_EVERY == 0:
        seconds = time.monotonic() - began
        print(f"{stage} {step + 1}/{schedule.steps} {seconds:.0f} s | {meter.report()}", flush=True)
