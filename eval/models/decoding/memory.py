"""Number of clips and continuations that fit into memory at once, computed from the model's dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


USED = 0.8
"""Share of a GPU's memory without the weights used in planning; the rest is for fragmentation and kernels."""

_AT_ONCE_ON_CPU = 2048
"""Positions in a pass over several frames or prefixes on a CPU; its caches are small, and more are slower."""

_AT_ONCE = 16384
"""The same on other devices: enough to keep a GPU busy, and small next to the keys and values."""

_SIGNS = (
    "out of memory",  # CUDA, HIP, MPS
    "cudaerrormemoryallocation",
    "can't allocate memory", "not enough memory: you tried to allocate", "bad_alloc",  # CPUs: Linux, Windows, C++
    "cublas_status_alloc_failed", "cudnn_status_alloc_failed",
    "_allocation_failed",  # the end of cuDNN 9's longer names
    # A handle is created at a thread's first call; this is its error when torch has left no memory for its workspace.
    "cublas_status_not_initialized", "cudnn_status_not_initialized",
    # On a slice of a GPU (MIG), torch's out-of-memory report may itself fail when it queries the free memory.
    "nvml_success == r internal assert failed",
)  # fmt: skip
"""Parts of out-of-memory error messages, in lower case."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """Statistics of the batching so far."""

    prefixes: int = 0
    """Number of prefixes encoded, one a clip where its prompts agree."""
    longest_prefix: int = 0
    """Positions of the longest prefix."""
    longest_prompt: int = 0
    """Positions of the longest prompt, frames and text."""
    largest_stack: int = 0
    """Most clips in one pass over the language model."""
    largest_vision: int = 0
    """Most frames in one pass over the vision tower."""
    batches: int = 0
    """Number of batches generated."""
    largest_batch: int = 0
    """Rows of the largest batch that succeeded."""
    halvings: int = 0
    """Number of times that memory ran out in spite of the plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSize:
    """Size of a clip and its prompts."""

    prefix: int
    """Positions up to and including the last of the frames'."""
    rows: int
    """Number of prompts."""
    longest: int
    """Most positions of a prompt after the prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Memory needs of a model while it continues prefixes, in bytes."""

    kept: int
    """Keys and values of one position in all layers."""
    passing: int
    """Activations of one position while a layer works on it."""
    logits: int
    """Scores over the vocabulary for one row, in fp32."""
    embedding: int = 0
    """A position's input to the language model."""
    score: int = 0
    """Attention scores of one query and key, in all heads, where the kernel holds them all at once."""
    copied: int = 0
    """The fp32 copy of one head's key or value at a position, which half-precision attention may hold for all rows."""
    at_once: int = _AT_ONCE
    """Positions in a pass over several prefixes."""

    @classmethod
    def of(cls, config: Any, dtype: torch.dtype, at_once: int = _AT_ONCE, *, attention: str | None = None) -> Footprint:
        """Compute it from a Tarsier config: keys and values 2 x layers x key-value heads x head width, and so on.

        `attention` is the implementation that a model will use; a loaded model's config already contains it.
        """
        text, size = config.text_config, dtype.itemsize
        heads = int(text.num_attention_heads)
        width = int(getattr(text, "head_dim", None) or text.hidden_size // heads)
        shared = int(text.num_key_value_heads or heads)
        # At the widest point: the states, the residual, and gate, up and their product in the MLP. Attention's two
        # parts are merged in fp32, which is less than that.
        passing = size * (4 * int(text.hidden_size) + 3 * int(text.intermediate_size))
        return cls(
            kept=2 * int(text.num_hidden_layers) * shared * width * size,
            passing=passing,
            logits=4 * 2 * int(text.vocab_size),
            embedding=size * int(text.hidden_size),
            # Scores and their softmax, computed in fp32.
            score=heads * (2 * size + 4) if (attention or text._attn_implementation) == "eager" else 0,
            copied=4 * width if size < 4 else 0,
            at_once=at_once,
        )

    def rows(self, n: int, longest: int, new: int) -> int:
        """Return the bytes of n rows with suffixes of up to `longest` positions that generate `new` tokens each."""
        return n * ((self.kept + self.copied) * (longest + new) + self.passing * longest + self.logits)

    def clips(self, sizes: Sequence[ClipSize], new: int) -> int:
        """Return the bytes of clips whose prefixes are encoded and whose rows are continued together."""
        longest = max(size.prefix for size in sizes)
        positions = longest * len(sizes)
        passing = max(longest, min(positions, self.at_once)) * (self.passing + self.score * longest)
        rows = self.rows(sum(size.rows for size in sizes), max(size.longest for size in sizes), new)
        # The frames' features are held besides the stacked input that contains them.
        return positions * (self.kept + self.copied + 2 * self.embedding) + max(passing, rows)


def plan(lengths: Sequence[int], new: int, footprint: Footprint, room: int) -> list[int]:
    """Return the sizes of the batches into which rows of these lengths, in order, are cut so that each fits.

    A row that does not fit by itself is a batch of one, which the device may still manage.
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
    """Return the numbers of clips, in order, to process at a time so that they fit; at least one each."""
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
    """Return the number of positions in a pass over frames or prefixes; a single one may be longer."""
    return _AT_ONCE_ON_CPU if all(device.type == "cpu" for device in devices) else _AT_ONCE


def room(model: Any, devices: Sequence[torch.device], budget: int) -> int:
    """Return the bytes available to everything but the weights.

    On CUDA it is computed from the devices' total memory, not from what is free at the moment: batches of one size give
    the same sums in half precision each time.

    Args:
        model: the model, with its weights on the devices.
        devices: the layers' devices; CUDA devices report their memory.
        budget: the limit on other devices, whose memory is shared.
    """
    import torch

    asked = [device for device in devices if device.type == "cuda"]
    if not asked:
        return budget
    weights = sum(p.numel() * p.element_size() for p in model.parameters() if p.device in asked)
    least = min(torch.cuda.get_device_properties(device).total_memory for device in asked)
    # The layers are spread evenly, so the smallest device decides. In whole GiB, since two cards of one kind, or one
    # under two drivers, differ by some megabytes, and a run is resumed only with its original batches.
    return int(USED * (least * len(asked) - weights)) >> 30 << 30


def freed(tally: Tally) -> None:
    """Free the memory of a failed attempt, and count it."""
    import torch

    tally.halvings += 1
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error means that memory has run out; only torch's own GPU allocator has an exception for it.

    If a message occasionally has another cause, smaller batches fail too, and the last error is raised.
    """
    import torch

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in said for sign in _SIGNS)
