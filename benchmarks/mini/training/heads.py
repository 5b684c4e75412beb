"""The throw-away heads and their losses. What they are for is said in supervision.py."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import nn
from torch.nn import functional

from benchmarks.mini.scenes import COLOURS, SHAPES
from benchmarks.mini.training import supervision
from benchmarks.mini.training.packing import OptionEnd
from benchmarks.mini.training.supervision import FrameTargets, PatchTargets


class Meter:
    """Averages of named values since they were last reported."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = defaultdict(list)

    def add(self, name: str, value: torch.Tensor | float) -> None:
        """Add one value; values that are not numbers (a mean over nothing) are left out."""
        number = float(value.detach() if isinstance(value, torch.Tensor) else value)
        if number == number:  # noqa: PLR0124 - NaN differs from itself
            self.values[name].append(number)

    def report(self) -> str:
        """Return the averages as text and forget them."""
        text = " ".join(f"{name} {sum(each) / len(each):.2f}" for name, each in sorted(self.values.items()))
        self.values.clear()
        return text


class PatchHeads(nn.Module):
    """Stage one: what must be known about the thing in each patch.

    Args:
        width: of the features.
        patches: number of patches in a feature.
    """

    def __init__(self, width: int, patches: int = 1) -> None:
        super().__init__()
        self.colour = nn.Linear(width, patches * supervision.N_COLOURS)
        self.shape = nn.Linear(width, patches * supervision.N_SHAPES)
        self.place = nn.Linear(width, patches * 5)
        self.background = nn.Linear(width, supervision.N_BACKGROUNDS)
        self.patches = patches

    def loss(self, features: torch.Tensor, targets: PatchTargets, meter: Meter) -> torch.Tensor:
        """Return the loss for features (p / patches, width)."""
        colour = self.colour(features).view(-1, supervision.N_COLOURS)
        shape = self.shape(features).view(-1, supervision.N_SHAPES)
        place = self.place(features).view(-1, 5)
        frame = targets.frame[:: self.patches]
        sums = features.new_zeros(len(targets.background), features.shape[1]).index_add(0, frame, features)
        background = self.background(sums / frame.bincount()[:, None])
        occupied = targets.colour > 0
        weight = torch.ones(supervision.N_COLOURS)
        weight[0] = 0.2  # most patches are empty
        meter.add("colour", (colour.argmax(-1) == targets.colour)[occupied].float().mean())
        meter.add("shape", (shape.argmax(-1) == targets.shape)[occupied].float().mean())
        meter.add("background", (background.argmax(-1) == targets.background).float().mean())
        meter.add("place_error", (place[occupied] - targets.place[occupied]).abs().mean())
        return (
            functional.cross_entropy(colour, targets.colour, weight)
            + functional.cross_entropy(shape, targets.shape, weight[: supervision.N_SHAPES])
            + 3 * functional.mse_loss(place[occupied], targets.place[occupied])
            + 0.5 * functional.cross_entropy(background, targets.background)
        )


class FrameHeads(nn.Module):
    """Stage three: what must be readable at each frame's last token, after the second and the third layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.colour = nn.Linear(width, supervision.N_COLOURS)
        self.shape = nn.Linear(width, supervision.N_SHAPES)
        self.background = nn.Linear(width, supervision.N_BACKGROUNDS)
        self.count = nn.Linear(width, supervision.N_COUNTS)
        self.place = nn.Linear(width, 3)
        self.tally = nn.Linear(width, len(COLOURS) + len(SHAPES))
        self.motion = nn.Linear(width, supervision.N_MOTIONS)
        self.size_change = nn.Linear(width, supervision.N_SIZE_CHANGES)
        self.displacement = nn.Linear(width, 6)

    def loss(
        self, after_second: torch.Tensor, after_third: torch.Tensor, targets: FrameTargets, meter: Meter
    ) -> torch.Tensor:
        """Return the loss for the hidden states (b, 8, width) of the frames' last tokens."""
        total = torch.zeros(())
        for name, hidden in (
            ("colour", after_second),
            ("shape", after_second),
            ("background", after_second),
            ("count", after_second),
            ("motion", after_third),
            ("size_change", after_third),
        ):
            logits, truth = getattr(self, name)(hidden), getattr(targets, name)
            total = total + functional.cross_entropy(logits.flatten(0, 1), truth.flatten())
            meter.add(name, (logits.argmax(-1) == truth)[truth > 0].float().mean())
        place, displacement = self.place(after_second), self.displacement(after_third)
        meter.add("place_error", (place - targets.place).abs().mean())
        residual = (displacement - targets.displacement).square().mean()
        meter.add("displacement_r2", 1 - residual / targets.displacement.var())
        tally = functional.mse_loss(self.tally(after_second), targets.tally)
        place_loss = functional.mse_loss(place, targets.place)
        loss: torch.Tensor = total + 2 * place_loss + 4 * residual + 4 * tally
        return loss


class OptionHead(nn.Module):
    """At an option's last token, after the fourth layer: is this option right?

    In first trials letters were learned soon after the facts with it, and stayed at chance without it. That was no
    clean ablation: depth and questions differed too.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.right = nn.Linear(width, 1)

    def loss(self, after_fourth: torch.Tensor, ends: list[OptionEnd], meter: Meter) -> torch.Tensor:
        """Return the loss for hidden states (b, t, width)."""
        rows = torch.tensor([end.row for end in ends])
        positions = torch.tensor([end.position for end in ends])
        truth = torch.tensor([float(end.right) for end in ends])
        logits = self.right(after_fourth[rows, positions]).squeeze(-1)
        meter.add("option", ((logits > 0).float() == truth).float().mean())
        return functional.binary_cross_entropy_with_logits(logits, truth, pos_weight=torch.tensor(2.0))
