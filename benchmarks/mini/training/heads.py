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
    """Stage one: what each patch must know about the thing in it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.colour = nn.Linear(width, supervision.N_COLOURS)
        self.shape = nn.Linear(width, supervision.N_SHAPES)
        self.place = nn.Linear(width, 5)
        self.background = nn.Linear(width, supervision.N_BACKGROUNDS)

    def loss(self, patches: torch.Tensor, targets: PatchTargets, meter: Meter) -> torch.Tensor:
        """Return the loss for patch features (n, 16, width)."""
        colour, shape, place = self.colour(patches), self.shape(patches), self.place(patches)
        background = self.background(patches.mean(1))
        true_colour, true_shape = targets.colour.flatten(1), targets.shape.flatten(1)
        true_place = targets.place.flatten(1, 2)
        occupied = true_colour > 0
        weight = torch.ones(supervision.N_COLOURS)
        weight[0] = 0.2  # most patches are empty
        meter.add("colour", (colour.argmax(-1) == true_colour)[occupied].float().mean())
        meter.add("shape", (shape.argmax(-1) == true_shape)[occupied].float().mean())
        meter.add("background", (background.argmax(-1) == targets.background).float().mean())
        meter.add("place_error", (place[occupied] - true_place[occupied]).abs().mean())
        return (
            functional.cross_entropy(colour.flatten(0, 1), true_colour.flatten(), weight)
            + functional.cross_entropy(shape.flatten(0, 1), true_shape.flatten(), weight[: supervision.N_SHAPES])
            + 3 * functional.mse_loss(place[occupied], true_place[occupied])
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
