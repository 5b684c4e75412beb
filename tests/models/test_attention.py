"""The attention over a shared prefix against torch's own over the whole, each row with its copy."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from eval.models.tarsier import attention
from eval.models.tarsier.attention import attend, attend_own, attend_plainly, attend_shared, merge
from eval.models.tarsier.rows import Prefix, Rows

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


@pytest.mark.parametrize("kv_heads", [8, 2, 1])
def test_rows_of_several_clips(kv_heads, path):
    clips = [0, 0, 0, 2, 3, 3]  # none about clip 1
    rows = Rows(Prefix(layers=[], length=41, clips=4), [5] * 6, clips)
    slots = rows.slots(torch.device("cpu"))
    assert slots is not None
    assert slots.slot.tolist() == [0, 1, 2, 6, 9, 10]
    assert slots.row.tolist() == [0, 1, 2, 0, 0, 0, 3, 0, 0, 4, 5, 0]
    query = drawn(6, 8, 5, 16)
    prefix = drawn(4, kv_heads, 41, 16), drawn(4, kv_heads, 41, 16, seed=1)
    found, lse = attend_shared(query, *prefix, scaling=SCALING, slots=slots)
    for row, clip in enumerate(clips):
        alone = attend_shared(query[row : row + 1], *(p[clip : clip + 1] for p in prefix), scaling=SCALING)
        torch.testing.assert_close(found[row : row + 1], alone[0], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(lse[row : row + 1], alone[1], atol=1e-5, rtol=1e-5)


def test_equally_many_rows_a_clip_need_no_slots():
    rows = Rows(Prefix(layers=[], length=41, clips=3), [5] * 6, [0, 0, 1, 1, 2, 2])
    assert rows.slots(torch.device("cpu")) is None
    query, prefix = drawn(6, 4, 5, 16), (drawn(3, 4, 41, 16), drawn(3, 4, 41, 16, seed=1))
    found = attend_shared(query, *prefix, scaling=SCALING)[0]
    key, value = (p.repeat_interleave(2, dim=0) for p in prefix)
    expected = scaled_dot_product_attention(query, key, value, scale=SCALING)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


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
