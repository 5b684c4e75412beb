"""How many continuations fit into memory at once, reckoned from the model's dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

_USED_OF_FREE = 0.8
"""Share of a GPU's free memory that is planned with; the rest is for fragments and what kernels need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What a language model takes up while it continues a prefix, in bytes."""

    kept: int
    """Keys and values of one position in all layers."""
    passing: int
    """Activations of one position while a layer works on it."""
    logits: int
    """Scores over the vocabulary for one row, in fp32."""

    @classmethod
    def of(cls, text_config: Any, dtype: torch.dtype) -> Footprint:
        """Reckon it from a Llama config: 2 (key, value) x layers x key-value heads x head width x bytes, and so on."""
        size = dtype.itemsize
        heads = int(text_config.num_attention_heads)
        width = int(getattr(text_config, "head_dim", None) or text_config.hidden_size // heads)
        shared = int(text_config.num_key_value_heads or heads)
        # At the widest place: the states, the residual, and gate, up and their product in the MLP. Attention's two
        # parts are merged in fp32, which is less than that.
        passing = size * (4 * int(text_config.hidden_size) + 3 * int(text_config.intermediate_size))
        return cls(
            kept=2 * int(text_config.num_hidden_layers) * shared * width * size,
            passing=passing,
            logits=4 * 2 * int(text_config.vocab_size),
        )

    def rows(self, n: int, longest: int, new: int) -> int:
        """Return the bytes of n rows with suffixes of up to `longest` positions that generate `new` tokens each."""
        return n * (self.kept * (longest + new) + self.passing * longest + self.logits)


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


def room(devices: Sequence[torch.device], budget: int, taken: int) -> int:
    """Return the bytes that further keys and values may take up.

    Args:
        devices: where the layers are; those of CUDA are asked.
        budget: the bound elsewhere, where what is free can't be asked or is others' too.
        taken: bytes of the budget that are in use already.
    """
    asked = [device for device in devices if device.type == "cuda"]
    if not asked:
        return budget - taken
    free = []
    for device in asked:
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        free.append(torch.cuda.mem_get_info(device)[0] + unused)
    # The layers are spread evenly, so the fullest device decides.
    return int(_USED_OF_FREE * min(free) * len(free))


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory has run out; the CPU's allocator raises a bare RuntimeError."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in said or "can't allocate memory" in said)
