"""The attention over a shared prefix against torch's own over the whole, each row with its copy."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from eval.models.tarsier import attention
from eval.models.tarsier.attention import attend, attend_own, attend_plainly, attend_shared, merge

SCALING = 0.25


def drawn(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape))).to(dtype)


def whole(query, prefix, own, mask):
    """Attend over prefix and own keys as one, the prefix repeated for every row."""
    rows, heads, _, _ = query.shape
    key, value = (
        torch.cat([p.expand(rows, -1, -1, -1), o], dim=2).repeat_interleave(heads // p.shape[1], dim=1)
        for p, o in zip(prefix, own, strict=True)
    )
    return scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=SCALING)


def plainly(query, key, value, *, scaling, causal=False):
    mask = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool).tril() if causal else None
    return attend_plainly(query, key, value, scaling=scaling, mask=mask)


@pytest.fixture(params=["kernel", "plain", "plain in blocks"])
def path(request, monkeypatch):
    if request.param != "kernel":
        monkeypatch.setattr(attention, "attend", plainly)
    if request.param == "plain in blocks":
        monkeypatch.setattr(attention, "_SCORES_AT_ONCE", 500)


@pytest.mark.parametrize("kv_heads", [8, 2, 1])
def test_first_positions_of_a_row(kv_heads, path):
    query = drawn(3, 8, 5, 16)
    prefix = drawn(1, kv_heads, 41, 16), drawn(1, kv_heads, 41, 16, seed=1)
    own = drawn(3, kv_heads, 5, 16), drawn(3, kv_heads, 5, 16, seed=2)
    mask = torch.cat([torch.ones(5, 41, dtype=torch.bool), torch.ones(5, 5, dtype=torch.bool).tril()], dim=1)
    found = merge(attend_shared(query, *prefix, scaling=SCALING), attend_own(query, *own, scaling=SCALING, seen=None))
    torch.testing.assert_close(found, whole(query, prefix, own, mask), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kv_heads", [8, 2, 1])
def test_one_position_of_padded_rows(kv_heads, path):
    query = drawn(3, 8, 1, 16)
    prefix = drawn(1, kv_heads, 41, 16), drawn(1, kv_heads, 41, 16, seed=1)
    own = drawn(3, kv_heads, 6, 16), drawn(3, kv_heads, 6, 16, seed=2)
    seen = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 1, 1], [1, 1, 0, 0, 1, 1]], dtype=torch.bool)
    mask = torch.cat([torch.ones(3, 41, dtype=torch.bool), seen], dim=1)[:, None, None]
    found = merge(attend_shared(query, *prefix, scaling=SCALING), attend_own(query, *own, scaling=SCALING, seen=seen))
    torch.testing.assert_close(found, whole(query, prefix, own, mask), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype):
    query, key, value = (drawn(1, 4, 7, 16, seed=seed, dtype=dtype) for seed in range(3))
    output, lse = attend(query, key, value, scaling=SCALING)
    exact, exact_lse = attend_plainly(query.float(), key.float(), value.float(), scaling=SCALING)
    assert output.dtype == dtype
    assert lse.dtype == torch.float32
    torch.testing.assert_close(output.float(), exact, atol=2e-2, rtol=2e-2)
    torch.testing.assert_close(lse, exact_lse, atol=2e-2, rtol=2e-2)


def test_a_part_that_weighs_nothing_changes_nothing():
    part = drawn(1, 1, 2, 4), torch.tensor([[[5.0, 900.0]]])
    other = drawn(1, 1, 2, 4, seed=1), torch.tensor([[[-900.0, -900.0]]])
    torch.testing.assert_close(merge(part, other), part[0])
    torch.testing.assert_close(merge(other, part), part[0])
