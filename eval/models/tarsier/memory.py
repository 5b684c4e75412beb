"""How many clips and continuations fit into memory at once, reckoned from the model's dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

_USED = 0.8
"""Share of a GPU's memory without the weights that is planned with; the rest is for fragments and what kernels need."""

_AT_ONCE_ON_CPU = 2048
"""Positions in a pass over several frames or prefixes on a CPU, whose caches are small: more take longer each."""

_AT_ONCE = 16384
"""The same elsewhere: enough to keep a GPU busy, and little beside the keys and values."""

_SIGNS = (
    "out of memory",  # CUDA, HIP, MPS
    "cudaerrormemoryallocation",
    "can't allocate memory", "not enough memory: you tried to allocate", "bad_alloc",  # CPUs: Linux, Windows, C++
    "cublas_status_alloc_failed", "cudnn_status_alloc_failed",
    "_allocation_failed",  # the end of cuDNN 9's longer names
    # A handle is made at a thread's first call, and says this where torch has left no memory for its workspace.
    "cublas_status_not_initialized", "cudnn_status_not_initialized",
    # On a slice of a GPU (MIG) torch's report that memory has run out may fail itself, in asking for what there is.
    "nvml_success == r internal assert failed",
)  # fmt: skip
"""What errors say, in lower case, when memory has run out."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """How the work was cut so far."""

    prefixes: int = 0
    """Prefixes encoded, one a clip where its prompts agree."""
    longest_prefix: int = 0
    """Positions of the longest."""
    longest_prompt: int = 0
    """Positions of the longest prompt, frames and text."""
    largest_stack: int = 0
    """Most clips in one pass over the language model."""
    largest_vision: int = 0
    """Most frames in one pass over the vision tower."""
    batches: int = 0
    """Batches generated."""
    largest_batch: int = 0
    """Rows of the largest that went through."""
    halvings: int = 0
    """Times that memory ran out in spite of the plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSize:
    """How large a clip and its prompts are."""

    prefix: int
    """Positions through the last of the frames'."""
    rows: int
    """Prompts."""
    longest: int
    """Most positions of a prompt after those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What a model takes up while it continues prefixes, in bytes."""

    kept: int
    """Keys and values of one position in all layers."""
    passing: int
    """Activations of one position while a layer works on it."""
    logits: int
    """Scores over the vocabulary for one row, in fp32."""
    embedding: int = 0
    """A position's input to the language model."""
    score: int = 0
    """Attention's scores of one query and key, in all heads, where the kernel holds them all at once."""
    copied: int = 0
    """The copy in fp32 of one head's key, or value, of a position, which attention to halves may hold for all rows."""
    at_once: int = _AT_ONCE
    """Positions in a pass over several prefixes."""

    @classmethod
    def of(cls, config: Any, dtype: torch.dtype, at_once: int = _AT_ONCE, *, attention: str | None = None) -> Footprint:
        """Reckon it from a Tarsier config: keys and values 2 x layers x key-value heads x head width, and so on.

        `attention` is the implementation that a model will have; a model's own config says it by itself.
        """
        text, size = config.text_config, dtype.itemsize
        heads = int(text.num_attention_heads)
        width = int(getattr(text, "head_dim", None) or text.hidden_size // heads)
        shared = int(text.num_key_value_heads or heads)
        # At the widest place: the states, the residual, and gate, up and their product in the MLP. Attention's two
        # parts are merged in fp32, which is less than that.
        passing = size * (4 * int(text.hidden_size) + 3 * int(text.intermediate_size))
        return cls(
            kept=2 * int(text.num_hidden_layers) * shared * width * size,
            passing=passing,
            logits=4 * 2 * int(text.vocab_size),
            embedding=size * int(text.hidden_size),
            # Scores and their softmax, which is taken in fp32.
            score=heads * (2 * size + 4) if (attention or text._attn_implementation) == "eager" else 0,
            copied=4 * width if size < 4 else 0,
            at_once=at_once,
        )

    def rows(self, n: int, longest: int, new: int) -> int:
        """Return the bytes of n rows with suffixes of up to `longest` positions that generate `new` tokens each."""
        return n * ((self.kept + self.copied) * (longest + new) + self.passing * longest + self.logits)

    def clips(self, sizes: Sequence[ClipSize], new: int) -> int:
        """Return the bytes of clips whose prefixes are encoded, and whose rows are then continued, together."""
        positions = sum(size.prefix for size in sizes)
        longest = max(size.prefix for size in sizes)
        passing = max(longest, min(positions, self.at_once)) * (self.passing + self.score * longest)
        rows = self.rows(sum(size.rows for size in sizes), max(size.longest for size in sizes), new)
        # What the frames show is held besides the stacked input of which it is a part.
        return positions * (self.kept + self.copied + 2 * self.embedding) + max(passing, rows)


def plan(lengths: Sequence[int], new: int, footprint: Footprint, room: int) -> list[int]:
    """Return the sizes of the batches into which rows of these lengths, in order, are cut so that each fits.

    A row that does not fit by itself is a batch of one, for the device to decide about.
    """
    sizes: list[int] = []
    longest = 0
    for length in lengths:
        longest = max(longest, length)
        if sizes and footprint.rows(sizes[-1] + 1, longest, new) <= room:
            sizes[-1] += 1
        else:
            sizes.append(1)
            longest = length
    return sizes


def plan_clips(clips: Sequence[ClipSize], new: int, footprint: Footprint, room: int) -> list[int]:
    """Return how many clips at a time, in order, are worked on so that they fit; at least one."""
    sizes: list[int] = []
    done = 0
    for i in range(len(clips)):
        if sizes and footprint.clips(clips[done : i + 1], new) <= room:
            sizes[-1] += 1
        else:
            sizes.append(1)
            done = i
    return sizes


def positions_at_once(devices: Sequence[torch.device]) -> int:
    """Return how many positions a pass over frames or prefixes takes; one alone may be longer."""
    return _AT_ONCE_ON_CPU if all(device.type == "cpu" for device in devices) else _AT_ONCE


def room(model: Any, devices: Sequence[torch.device], budget: int) -> int:
    """Return the bytes that what is not weights may take up.

    On CUDA it is reckoned from what the devices have, not from what is free at the moment: batches of one size give
    the same sums in half precision each time.

    Args:
        model: whose weights are on the devices.
        devices: where the layers are; those of CUDA are asked.
        budget: the bound elsewhere, where memory is others' too.
    """
    asked = [device for device in devices if device.type == "cuda"]
    if not asked:
        return budget
    weights = sum(p.numel() * p.element_size() for p in model.parameters() if p.device in asked)
    least = min(torch.cuda.get_device_properties(device).total_memory for device in asked)
    # The layers are spread evenly, so the smallest device decides. Whole GiB, since two cards of one kind, or one under
    # two drivers, differ by some megabytes, and a run goes on only with the batches that it began with.
    return int(_USED * (least * len(asked) - weights)) >> 30 << 30


def freed(tally: Tally) -> None:
    """Give back what a failed attempt has left, and count it."""
    tally.halvings += 1
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory has run out; only torch's own allocator of GPUs has an exception for it.

    Where a sign has another cause once in a while, smaller batches fail too, and the error of the last is raised.
    """
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in said for sign in _SIGNS)
