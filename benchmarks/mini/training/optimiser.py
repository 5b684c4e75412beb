"""Muon and AdamW together, with gradients averaged over the ranks.

torch.optim.Muon orthogonalises in bfloat16, which a CPU without bfloat16 arithmetic emulates: there it takes
three times as long as the model itself. This one works in fp32 and on all matrices of one shape at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import distributed, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long a stage runs and how fast it learns."""

    steps: int
    muon_rate: float
    adam_rate: float
    decay: float = 0.45
    """Share of the steps, at the end, over which the rates fall to nothing."""
    warm_up: int = 25

    def factor(self, step: int) -> float:
        """Return the share of the full rates to use at a step."""
        remaining = 1 - step / self.steps
        return min(1.0, (step + 1) / self.warm_up) * min(1.0, remaining / self.decay + 0.01)


def orthogonalised(matrices: torch.Tensor, iterations: int = 5) -> torch.Tensor:
    """Return nearby matrices with singular values of about 1, for (n, rows, columns).

    Newton-Schulz iteration with the coefficients of Muon (Keller Jordan, 2024).
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    current = matrices.mT if tall else matrices
    current = current / current.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(iterations):
        gram = current @ current.mT
        current = 3.4445 * current + (-4.7750 * gram + 2.0315 * (gram @ gram)) @ current
    result: torch.Tensor = current.mT if tall else current
    return result


class Muon:
    """Momentum whose direction is orthogonalised, for matrices. Rates are matched to those of AdamW.

    A convolution is taken as the matrix that it applies to a patch.
    """

    MOMENTUM = 0.95
    WEIGHT_DECAY = 0.01

    def __init__(self, matrices: Iterable[nn.Parameter]) -> None:
        self.groups: dict[torch.Size, list[nn.Parameter]] = {}
        for matrix in matrices:
            self.groups.setdefault(matrix.flatten(1).shape, []).append(matrix)
        self.momenta = {shape: torch.zeros(len(group), *shape) for shape, group in self.groups.items()}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Apply the gradients at hand and clear them."""
        for shape, group in self.groups.items():
            grads = torch.stack([torch.zeros(shape) if each.grad is None else each.grad.flatten(1) for each in group])
            momentum = self.momenta[shape]
            momentum.lerp_(grads, 1 - self.MOMENTUM)
            updates = orthogonalised(grads.lerp(momentum, self.MOMENTUM)) * (0.2 * math.sqrt(max(shape)))
            for matrix, update in zip(group, updates, strict=True):
                matrix.mul_(1 - rate * self.WEIGHT_DECAY).sub_(update.view_as(matrix), alpha=rate)
                matrix.grad = None


class Optimiser:
    """Muon for the layers' matrices, AdamW for everything else."""

    def __init__(self, matrices: list[nn.Parameter], others: list[nn.Parameter], schedule: Schedule) -> None:
        self.schedule = schedule
        self.parameters = [*others, *matrices]
        self.muon = Muon(matrices)
        self.adam = torch.optim.AdamW(others, lr=schedule.adam_rate, betas=(0.9, 0.98), weight_decay=0.01)
        if distributed.is_initialized():
            for parameter in self.parameters:
                distributed.broadcast(parameter.data, 0)

    def step(self, step: int) -> None:
        """Apply the gradients at hand, averaged over the ranks and clipped to norm 1, and clear them."""
        if distributed.is_initialized():
            self._average()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        factor = self.schedule.factor(step)
        for group in self.adam.param_groups:
            group["lr"] = self.schedule.adam_rate * factor
        self.adam.step()
        self.adam.zero_grad()
        self.muon.step(self.schedule.muon_rate * factor)

    def _average(self) -> None:
        grads = [torch.zeros_like(each) if each.grad is None else each.grad for each in self.parameters]
        joined = torch.cat([grad.flatten() for grad in grads])
        distributed.all_reduce(joined)
        joined /= distributed.get_world_size()
        pieces = torch.split(joined, [each.numel() for each in self.parameters])
        for parameter, piece in zip(self.parameters, pieces, strict=True):
            parameter.grad = piece.view_as(parameter).clone()


def split_parameters(named: Iterable[tuple[str, nn.Parameter]]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Separate the layers' matrices, which Muon takes, from everything else."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in named:
        inside = any(part in name for part in ("layers.", "projector", "blocks.", "merger.", "patch_embed."))
        (matrices if inside and parameter.ndim > 1 else others).append(parameter)
    return matrices, others
