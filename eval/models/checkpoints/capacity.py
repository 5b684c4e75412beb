"""Checks, before a weight is loaded, that a model and one prompt of so many frames fit into memory."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.errors import ModelError
from eval.models.checkpoints.fitting import model_shapes
from eval.models.decoding.memory import ClipSize, Footprint

if TYPE_CHECKING:
    import torch

_QUESTION = 128
"""Positions after the frames that are assumed before the prompts are known."""

_MOST_ON_CPU = 2**17
"""Positions of the longest prompt tried on a CPU, where the time of attention grows with their square."""

_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Files with a Linux container's memory limit, in two forms; `max`, or more than the machine has, is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The memory that a model is loaded into."""

    name: str
    """Its name in a message, such as `this machine`."""
    size: int
    """Total bytes: other processes may change what is free at the moment."""
    beside: int = 0
    """Bytes elsewhere that may hold weights, and nothing else."""


def memory_of(device: str, *, spread: bool) -> Memory:
    """Return the memory of a torch device; spread over several GPUs, that of all, with the machine's as `beside`."""
    if device == "cpu":
        return Memory(name="this machine", size=_of_machine())
    import torch

    if device == "cuda":
        sizes = [torch.cuda.get_device_properties(i).total_memory for i in range(torch.cuda.device_count())]
        if spread:
            return Memory(name=f"the {len(sizes)} GPU(s) here", size=sum(sizes), beside=_of_machine())
        return Memory(name=torch.cuda.get_device_name(), size=sizes[torch.cuda.current_device()])
    return Memory(name="Apple's MPS", size=int(torch.mps.recommended_max_memory()))


def _of_machine() -> int:
    sizes = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in _CGROUP_LIMITS:
        with suppress(OSError, ValueError):
            sizes.append(int(Path(path).read_text(encoding="ascii")))
    return min(sizes)


def refuse_what_cannot_fit(
    config: Any,
    n_frames: int,
    *,
    new: int = 1,
    dtype: torch.dtype,
    device: str,
    spread: bool,
    attention: str = "sdpa",
) -> None:
    """Refuse a number of frames whose prompt, alone and without an answer, cannot fit beside the weights.

    Args:
        config: the checkpoint's.
        n_frames: frames of a clip.
        new: most new tokens.
        dtype: the weights' type once they are loaded.
        device: a torch device.
        spread: whether a device map may spread the model over all GPUs, and leave weights in the machine's memory.
        attention: transformers' attention implementation.

    Raises:
        ModelError: it cannot fit; the message names the largest `n_frames` that can.
    """
    memory, footprint = memory_of(device, spread=spread), Footprint.of(config, dtype, attention=attention)
    parameters = sum(map(prod, model_shapes(config).values()))
    # Weights may be elsewhere, but a prompt's tensors may not.
    free = min(memory.size, memory.size + memory.beside - parameters * dtype.itemsize)
    if free <= 0:
        smaller = ["model.dtype=bfloat16"] if dtype.itemsize > 2 else []
        several = ["model.device_map=auto"] if device == "cuda" and not spread else []
        raise ModelError(
            f"The weights take up {_gb(parameters * dtype.itemsize)} as {str(dtype).removeprefix('torch.')}, and "
            f"{memory.name} has {_gb(memory.size + memory.beside)}; take "
            f"{', '.join([*smaller, *several])}{' or ' if smaller or several else ''}a machine with more memory."
        )

    if _bytes(config, footprint, 1) <= free < _bytes(config, footprint, 1, new):
        raise ModelError(
            f"model.max_new_tokens={new} takes up to {_gb(_bytes(config, footprint, 1, new))} for one answer about one "
            f"frame, and {memory.name} has {_gb(free)} left beside the weights; upstream has 512."
        )

    def fits(frames: int) -> bool:
        return _bytes(config, footprint, frames) <= free and (
            device != "cpu" or config.positions(frames) <= _MOST_ON_CPU
        )

    if fits(n_frames):
        return
    positions, needed, frames = config.positions(n_frames), _bytes(config, footprint, n_frames), f"n_frames={n_frames}"
    if needed > free:
        why = f"take {_gb(needed)} beside the weights, and {memory.name} has {_gb(free)} left"
    else:
        why = f"are too long for a CPU, where at most {_MOST_ON_CPU:,} are tried"
    given, usual = (getattr(one, "frame_pixels", 0) for one in (config, type(config)))  # 0: frames of one size
    pixels = ""
    if given > usual:
        frames += f" with model.max_pixels={given}"
        pixels = f"model.max_pixels={usual}"
        config.frame_pixels = usual
    low, high = 0, n_frames + 1
    while high - low > 1:  # the largest that fits is in [low, high)
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    most = "" if low == n_frames else f"at most model.n_frames={low}"
    remedy = f"{' with '.join(filter(None, (most, pixels)))} can fit" if low else "not even one frame fits"
    raise ModelError(f"model.{frames} makes prompts of {positions:,} positions, which {why}; {remedy}.")


def _bytes(config: Any, footprint: Footprint, frames: int, new: int = 1) -> int:
    """Return the bytes needed for a clip's frames, one prompt about them, and so many new tokens."""
    size = ClipSize(prefix=config.positions(frames), rows=1, longest=_QUESTION)
    return int(config.input_bytes(frames)) + footprint.clips([size], new)


def _gb(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"
