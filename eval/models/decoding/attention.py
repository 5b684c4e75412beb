"""Attention of many continuations over prefixes that they share, without a copy of the prefix for each.

The queries of all rows of a clip attend to the shared keys at once, then each row's to the row's own keys, and the two
parts are merged by their log-sum-exps, which is exact. Scores are never rounded to half precision: the rounding error
would grow with the scores, and shift the weights of the two parts. Sources: Hydragen (arXiv 2402.05099), cascade
inference (flashinfer.ai/2024/02/02/cascade-inference.html), and the merge itself from FlashAttention (arXiv 2205.14135,
sec. 3).

Shapes: c clips, b rows, h query heads, k key-value heads (h = k * g, Llama's grouping: query head i reads head i // g),
n queries a row, s keys, d width of a head.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch

from eval.models.decoding.memory import is_out_of_memory
from eval.models.decoding.rows import KeyValue, Rows, Slots

SHARED_PREFIX = "tarsier_shared_prefix"
"""The name of `shared_prefix_attention` in transformers' attention interface."""

_SCORES_AT_ONCE = 2**26
"""Elements of the score matrix that the plain kernel holds at a time: 256 MB in fp32; half as many for halves."""

_COPIED_AT_ONCE = 2**20
"""Elements of keys or values copied into fp32 at a time, or a head's if that is more: 4 MB, for the caches."""

_HALVES = (torch.float16, torch.bfloat16)

Attended = tuple[torch.Tensor, torch.Tensor]
"""An output (b, h, n, d), and the log-sum-exp of its scores (b, h, n), in fp32."""


def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, scaling: float, causal: bool = False
) -> Attended:
    """Attend from (b, h, n, d) to (b, h, s, d), and return the log-sum-exp too, by the best available kernel.

    `scaled_dot_product_attention` does not return the log-sum-exp, so its kernels are called directly.
    `causal` needs n = s.
    """
    if query.device.type == "cpu" and query.dtype in (torch.float32, torch.bfloat16):
        output, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, 0.0, causal, scale=scaling
        )
        return output, lse
    if _has_flash(query):
        output, lse, *_ = torch.ops.aten._scaled_dot_product_flash_attention(
            query, key, value, 0.0, causal, return_debug_mask=False, scale=scaling
        )
        return output, lse
    mask = None
    if causal:
        mask = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool, device=query.device).tril()
    return attend_plainly(query, key, value, scaling=scaling, mask=mask)


def _has_flash(query: torch.Tensor) -> bool:
    """Whether FlashAttention 2 takes these queries: half precision, Ampere or later, heads of a multiple of 8.

    Not on ROCm, where the layout of the log-sum-exp depends on the kernel behind the name.
    """
    width = query.shape[-1]
    return (
        query.is_cuda and query.dtype in _HALVES and width % 8 == 0 and width <= 256
        and torch.version.hip is None and torch.backends.cuda.is_flash_attention_available()
        and torch.cuda.get_device_capability(query.device) >= (8, 0)
    )  # fmt: skip


def attend_plainly(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, scaling: float, mask: torch.Tensor | None = None
) -> Attended:
    """Do the same with plain matrix products, scores and softmax in fp32, a block of heads and queries at a time.

    `mask` is true where a query may attend, the same for all heads, and broadcasts to (b, h, n, s).
    """
    rows, heads, n_queries, width = query.shape
    n_keys = key.shape[2]
    of_heads = heads
    if query.dtype in _HALVES and not _sums_in_fp32(query.device, query.dtype):
        of_heads = min(heads, max(1, _COPIED_AT_ONCE // (rows * n_keys * width)))
    # For halves, the weights are held beside the scores.
    at_once = _SCORES_AT_ONCE // 2 if query.dtype in _HALVES else _SCORES_AT_ONCE
    of_queries = max(1, at_once // (rows * of_heads * n_keys))
    parts = []
    for head in range(0, heads, of_heads):
        here = min(of_heads, heads - head)
        queries, keys, values = (states.narrow(1, head, here) for states in (query, key, value))
        blocks = []
        for start in range(0, n_queries, of_queries):
            n = min(of_queries, n_queries - start)
            seen = mask if mask is None or mask.shape[-2] == 1 else mask.narrow(-2, start, n)
            blocks.append(_attend_block(queries.narrow(2, start, n), keys, values, scaling, seen))
        parts.append(_joined(blocks, dim=2))
    return _joined(parts, dim=1)


def _attend_block(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float, mask: torch.Tensor | None
) -> Attended:
    """Attend with plain matrix products, with all scores in memory."""
    half = query.dtype in _HALVES
    if half:
        # Scaled afterwards, since scaling the query would round it again.
        scores = _product(query, key.transpose(-1, -2)).mul_(scaling)
    else:
        scores = torch.matmul(query * scaling, key.transpose(-1, -2))
    if mask is not None:
        scores.masked_fill_(mask.logical_not(), float("-inf"))
    if not half:
        lse = scores.logsumexp(-1)
        return torch.matmul(scores.sub_(lse.unsqueeze(-1)).exp_(), value), lse
    largest = scores.amax(-1, keepdim=True)
    weights = scores.sub_(largest).exp_()
    total = weights.sum(-1, keepdim=True)
    # Weights are rounded to halves before the division, as in FlashAttention: the largest is 1, which is exact.
    output = _product(weights.to(value.dtype), value).div_(total)
    return output.to(value.dtype), (largest + total.log()).squeeze(-1)


def _product(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return the product of matrices of halves, (b, h, n, m) and (b, h, m, s), summed and kept in fp32."""
    if _sums_in_fp32(one.device, one.dtype):
        product = torch.bmm(one.flatten(0, 1), other.flatten(0, 1), out_dtype=torch.float32)
        return product.view(*one.shape[:3], other.shape[3])
    # Products of two halves are exact in fp32, and halves fit into TF32 too.
    return torch.matmul(one.float(), other.float())


@cache
def _sums_in_fp32(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a device multiplies halves into fp32 without copying them: CUDA does, from torch 2.8 on."""
    if device.type != "cuda":
        return False
    some = torch.zeros(2, 8, 8, device=device, dtype=dtype)
    try:
        torch.bmm(some, some, out_dtype=torch.float32)
    except (RuntimeError, TypeError) as error:  # TypeError: a torch without out_dtype
        if is_out_of_memory(error):
            raise
        return False
    return True


def _joined(parts: list[Attended], dim: int) -> Attended:
    if len(parts) == 1:
        return parts[0]
    return torch.cat([output for output, _ in parts], dim=dim), torch.cat([lse for _, lse in parts], dim=dim)


def attend_shared(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, scaling: float, slots: Slots | None = None
) -> Attended:
    """Attend from rows' queries (b, h, n, d) to the keys of their clips (c, k, s, d), unmasked.

    The queries of all of a clip's rows, and of all heads that share a key-value head, become one long list: the keys
    are read once, and one call serves all clips. So each clip must have equally many rows, in order, or `slots` must
    give their places in such an order.
    """
    return attend_prefixes(query, [(slice(0, len(key)), (key, value))], scaling=scaling, slots=slots)


def attend_prefixes(
    query: torch.Tensor, runs: Iterable[tuple[slice, KeyValue]], *, scaling: float, slots: Slots | None = None
) -> Attended:
    """Do the same where clips have prefixes of several lengths: `runs` has the clips of one length at a time."""
    if slots is not None:
        query = query.index_select(0, slots.row)
    found = list(runs)
    each = len(query) // found[-1][0].stop
    queries = torch.split(query, [(run.stop - run.start) * each for run, _ in found])
    parts = [_attend_run(some, *states, scaling) for some, (_, states) in zip(queries, found, strict=True)]
    output, lse = _joined(parts, dim=0)
    if slots is not None:
        output, lse = output.index_select(0, slots.slot), lse.index_select(0, slots.slot)
    return output, lse


def _attend_run(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float) -> Attended:
    clips, shared = key.shape[:2]
    rows, heads, n, width = query.shape
    each, group = rows // clips, heads // shared
    grouped = query.view(clips, each, shared, group, n, width).permute(0, 2, 3, 1, 4, 5)
    output, lse = attend(grouped.reshape(clips, shared, group * each * n, width), key, value, scaling=scaling)
    output = output.reshape(clips, shared, group, each, n, width).permute(0, 3, 1, 2, 4, 5)
    lse = lse.reshape(clips, shared, group, each, n).permute(0, 3, 1, 2, 4)
    return output.reshape(rows, heads, n, width), lse.reshape(rows, heads, n)


def attend_own(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, scaling: float, seen: torch.Tensor | None
) -> Attended:
    """Attend from each row's queries (b, h, n, d) to its own keys (b, k, s, d).

    Several queries are the row's first, one for each key, with causal attention. A single one attends to all keys where
    `seen` (b, s) is true, or to all keys where that is None.
    """
    rows, heads, n, width = query.shape
    own = key.shape[1]
    if n == 1:
        grouped = query.view(rows, own, heads // own, width)
        mask = None if seen is None else seen.view(rows, 1, 1, -1)
        output, lse = attend_plainly(grouped, key, value, scaling=scaling, mask=mask)
        return output.reshape(rows, heads, 1, width), lse.reshape(rows, heads, 1)
    if own != heads:
        key, value = (states.repeat_interleave(heads // own, dim=1) for states in (key, value))
    return attend(query, key, value, scaling=scaling, causal=True)


def merge(one: Attended, other: Attended) -> torch.Tensor:
    """Return the attention over the union of two disjoint sets of keys, in fp32: (b, h, n, d)."""
    (first, first_lse), (second, second_lse) = one, other
    # softmax weights of the two parts: exp(lse_1) / (exp(lse_1) + exp(lse_2)), which cannot overflow as a sigmoid
    share = torch.sigmoid(first_lse - second_lse).unsqueeze(-1)
    return first.float() * share + second.float() * (1 - share)


def shared_prefix_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,  # noqa: ARG001 - the rows know what may be seen
    *,
    scaling: float,
    rows: Rows,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend for one layer, as transformers' attention interface asks.

    `rows` keeps the new keys and values (b, k, n, d). Returns (b, n, h, d).
    """
    own_key, own_value = rows.append(module.layer_idx, key, value)
    slots = rows.slots(query.device)
    if rows.alone:
        output = attend_shared(query, own_key, own_value, scaling=scaling, slots=slots)[0]
        return output.transpose(1, 2), None
    seen = rows.seen(own_key.shape[2], query.device)
    merged = merge(
        attend_prefixes(query, rows.prefix.of(module.layer_idx), scaling=scaling, slots=slots),
        attend_own(query, own_key, own_value, scaling=scaling, seen=seen),
    )
    return merged.to(query.dtype).transpose(1, 2).contiguous(), None


@cache
def _registered() -> str:
    from transformers import AttentionInterface

    AttentionInterface.register(SHARED_PREFIX, shared_prefix_attention)
    return SHARED_PREFIX


@contextmanager
def sharing_prefix(config: Any) -> Iterator[None]:
    """Let the modules of a text config attend by `shared_prefix_attention`, and restore them afterwards."""
    before = config._attn_implementation
    config._attn_implementation = _registered()
    try:
        yield
    finally:
        config._attn_implementation = before
