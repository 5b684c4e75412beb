"""The three stages of training. Each takes a number of steps, so that a seed and a machine fix the result."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from benchmarks.mini.rendering import render
from benchmarks.mini.scenes import sampled_indices
from benchmarks.mini.training.checkpoint import TEXT_WIDTH
from benchmarks.mini.training.heads import FrameHeads, Meter, OptionHead, PatchHeads
from benchmarks.mini.training.optimiser import Optimiser, Schedule, split_parameters
from benchmarks.mini.training.packing import IGNORED, Batch, Packer, SceneStream, as_decoded
from benchmarks.mini.training.supervision import patch_targets

if TYPE_CHECKING:
    from benchmarks.mini.training.families import Family

LETTER_WEIGHT = 4.0
"""Weight of a multiple-choice letter in the loss, every other token having 1."""
GUIDE_WEIGHT = 0.5
"""Weight of the throw-away heads."""
REPORT_EVERY = 50
VISION_SCENES, VISION_FRAMES_EACH = 32, 2
CLIPS_PER_RANK = 8


def train_vision(family: Family, schedule: Schedule, rank: int = 0, n_ranks: int = 1) -> None:
    """Stage one: single frames, and per patch what is in it."""
    heads = PatchHeads(family.feature_width, family.merge**2)
    matrices, others = split_parameters(family.vision_parameters())
    optimiser = Optimiser(matrices, [*others, *heads.parameters()], schedule)
    stream, rng, meter, began = SceneStream(rank, n_ranks), random.Random(rank + 1), Meter(), time.monotonic()
    for step in range(schedule.steps):
        chosen = [
            (scene, rng.sample(sampled_indices(scene.n_frames), VISION_FRAMES_EACH), family.grid(scene))
            for scene in stream.take(VISION_SCENES)
        ]
        pixels = [as_decoded(render(scene, indices, family.size(scene))) for scene, indices, _ in chosen]
        loss = heads.loss(family.features(pixels), patch_targets(chosen, family.merge), meter)
        meter.add("loss", loss)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step(step)
        if rank == 0:
            _report("vision", step, schedule, began, meter)


class LanguageTrainer:
    """Stages two and three: questions behind descriptions, then behind frames."""

    def __init__(
        self,
        family: Family,
        schedule: Schedule,
        *,
        frames: bool,
        rank: int = 0,
        n_ranks: int = 1,
        skip_scenes: int = 0,
    ) -> None:
        self.family, self.schedule, self.frames, self.rank = family, schedule, frames, rank
        self.model = family.model
        self.packer = Packer(family, random.Random(rank + 1))
        self.stream = SceneStream(skip_scenes + rank, n_ranks)
        self.frame_heads, self.option_head = FrameHeads(TEXT_WIDTH), OptionHead(TEXT_WIDTH)
        self.meter, self.hidden = Meter(), dict[int, torch.Tensor]()
        language = family.language
        for layer in (1, 2, 3):
            language.layers[layer].register_forward_hook(self._keeper(layer))
        named = [*language.named_parameters(), ("lm_head", self.model.lm_head.weight)]
        heads = list(self.option_head.parameters())
        if frames:
            named += family.joint_parameters()
            heads += self.frame_heads.parameters()
        matrices, others = split_parameters(named)
        self.optimiser = Optimiser(matrices, [*others, *heads], schedule)

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
        if batch.pixels:
            is_visual = (batch.ids == self.family.image_id)[..., None]
            embeddings = embeddings.masked_scatter(is_visual, self.family.visual(batch.pixels))
        output = self.family.language(
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
            rows = torch.arange(len(batch.ids))[:, None]
            after_second, after_third = (self.hidden[layer][rows, batch.frame_ends] for layer in (1, 2))
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
