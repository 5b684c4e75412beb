"""The attention over a shared prefix against torch's own over the whole, each row with its copy."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.functional import scaled_dot_product_attention
from torch.utils._python_dispatch import TorchDispatchMode

from eval.models.decoding import attention
from eval.models.decoding.attention import attend_own, attend_plainly, attend_shared, merge
from eval.models.decoding.memory import Footprint
from eval.models.decoding.rows import Prefix, Rows, Slots

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
    rows = Rows(Prefix(layers=[], lengths=[41] * 4), [5] * 6, clips)
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
    rows = Rows(Prefix(layers=[], lengths=[41] * 3), [5] * 6, [0, 0, 1, 1, 2, 2])
    assert rows.slots(torch.device("cpu")) is None
    query, prefix = drawn(6, 4, 5, 16), (drawn(3, 4, 41, 16), drawn(3, 4, 41, 16, seed=1))
    found = attend_shared(query, *prefix, scaling=SCALING)[0]
    key, value = (p.repeat_interleave(2, dim=0) for p in prefix)
    expected = scaled_dot_product_attention(query, key, value, scale=SCALING)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


HALVES = [torch.float16, torch.bfloat16]
WIDTH = 128
PLACES = {
    # rows, heads, key-value heads, queries, keys
    "a row's only key": (3, 4, 4, 1, 1),
    "a row's own keys": (3, 4, 2, 1, 64),
    "many own keys": (3, 4, 4, 1, 600),
    "a question": (2, 4, 2, 64, 64),
    "a prefix": (1, 4, 2, 26, 4808),
}


def halves(magnitude, dtype, place):
    """Draw queries, keys and values whose largest score is of a magnitude."""
    rows, heads, kv_heads, n, s = PLACES[place]
    query, key, value = (drawn(rows, h, m, WIDTH, seed=seed) for seed, (h, m) in enumerate(
        [(heads, n), (kv_heads, s), (kv_heads, s)]
    ))  # fmt: skip
    largest = (query @ key.repeat_interleave(heads // kv_heads, 1).mT).abs().max() * WIDTH**-0.5
    factor = (magnitude / largest) ** 0.5
    return (query * factor).to(dtype), (key * factor).to(dtype), value.to(dtype)


def exactly(query, key, value, *, causal=False):
    """Attend in fp64; return output, log-sum-exp, weights, and values as each query head sees them."""
    query, key, value = (states.double() for states in (query, key, value))
    key, value = (states.repeat_interleave(query.shape[1] // key.shape[1], dim=1) for states in (key, value))
    scores = query @ key.mT * WIDTH**-0.5
    if causal:
        scores.masked_fill_(~torch.ones(scores.shape[-2:], dtype=torch.bool).tril(), float("-inf"))
    return scores.softmax(-1) @ value, scores.logsumexp(-1), scores.softmax(-1), value


def by_place(place, query, key, value):
    if place == "a prefix":
        return attend_shared(query, key, value, scaling=WIDTH**-0.5)
    return attend_own(query, key, value, scaling=WIDTH**-0.5, seen=None)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("magnitude", [1, 23, 60, 133])
@pytest.mark.parametrize("dtype", HALVES)
def test_halves_are_rounded_once(dtype, magnitude, place, path):
    query, key, value = halves(magnitude, dtype, place)
    found, lse = by_place(place, query, key, value)
    exact, exact_lse, weights, values = exactly(query, key, value, causal=place == "a question")
    assert found.dtype == dtype
    assert lse.dtype == torch.float32
    # An fp32 score of 128 products errs by some units of 2^-24 of itself; the kernel for CPUs takes an exponential that
    # errs by 6e-5 besides, or a little more.
    of_score = 1e-6 * magnitude + 1e-6 + (1e-4 if dtype == torch.bfloat16 else 0)
    assert float((lse - exact_lse).abs().max()) < of_score
    # The output is rounded once, and so is each weight but the largest, which is 1.
    rounding = torch.finfo(dtype).eps / 2
    others = weights.scatter(-1, weights.argmax(-1, keepdim=True), 0.0)
    bound = rounding * (exact.abs() + others @ values.abs()) + 2 * of_score * float(values.abs().max())
    assert bool(((found.double() - exact).abs() <= bound).all())


@pytest.mark.parametrize("magnitude", [1, 23, 60, 133])
@pytest.mark.parametrize("dtype", HALVES)
def test_parts_of_halves_are_merged_as_one(dtype, magnitude):
    query, own_key, own_value = halves(magnitude, dtype, "a row's own keys")
    _, prefix_key, prefix_value = halves(magnitude, dtype, "a prefix")
    found = merge(
        attend_shared(query, prefix_key, prefix_value, scaling=WIDTH**-0.5),
        attend_own(query, own_key, own_value, scaling=WIDTH**-0.5, seen=None),
    )
    key, value = (
        torch.cat([prefix.expand(3, -1, -1, -1), own], dim=2)
        for prefix, own in ((prefix_key, own_key), (prefix_value, own_value))
    )
    exact, _, weights, values = exactly(query, key, value)
    # Weights and outputs of both parts are rounded, but nothing that grows with the scores.
    rounding = torch.finfo(dtype).eps / 2
    bound = 2 * rounding * (weights @ values.abs()) + 4e-4 * float(values.abs().max())
    assert bool(((found.double() - exact).abs() <= bound).all())


@pytest.fixture
def into_fp32(monkeypatch):
    """Let this device sum products of halves in fp32 as CUDA does, by copies behind the name."""
    bmm = torch.bmm

    def wide(one, other, *, out_dtype):
        assert one.dtype == other.dtype
        return bmm(one.to(out_dtype), other.to(out_dtype))

    monkeypatch.setattr(attention, "_sums_in_fp32", lambda _device, _dtype: True)
    monkeypatch.setattr(torch, "bmm", wide)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("dtype", HALVES)
def test_products_without_copies_are_the_same(dtype, place, into_fp32, monkeypatch):
    query, key, value = halves(23, dtype, place)
    # As rows keep them: with room behind what is filled.
    key, value = (torch.cat([states, states[:, :, :1]], dim=2)[:, :, :-1] for states in (key, value))
    monkeypatch.setattr(attention, "attend", plainly)
    found = by_place(place, query, key, value)
    monkeypatch.setattr(attention, "_sums_in_fp32", lambda _device, _dtype: False)
    for one, other in zip(found, by_place(place, query, key, value), strict=True):
        # fp32 sums in another order may end at the other side of a rounding.
        torch.testing.assert_close(one, other, atol=1e-5, rtol=torch.finfo(one.dtype).eps)


@pytest.mark.parametrize("dtype", [torch.float32, *HALVES])
@pytest.mark.parametrize("seen", [None, "rows", "queries"])
def test_blocks_of_heads_and_queries(seen, dtype, monkeypatch):
    query, key, value = (drawn(3, 5, n, 16, seed=seed, dtype=dtype) for seed, n in enumerate((7, 11, 11)))
    mask = None
    if seen is not None:
        mask = torch.rand(3, 1, 7 if seen == "queries" else 1, 11) < 0.5
        mask[..., 0] = True
    whole = attend_plainly(query, key, value, scaling=SCALING, mask=mask)
    copies = 2 * 3 * 11 * 16  # of two heads, so that the last block has one
    monkeypatch.setattr(attention, "_COPIED_AT_ONCE", copies)
    monkeypatch.setattr(attention, "_SCORES_AT_ONCE", 3 * 3 * 5 * 11)
    for one, other in zip(attend_plainly(query, key, value, scaling=SCALING, mask=mask), whole, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=torch.finfo(one.dtype).eps)


class Copies(TorchDispatchMode):
    """Notes the largest copy into fp32."""

    def __init__(self):
        super().__init__()
        self.largest = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **kwargs or {})
        if func.name() == "aten::_to_copy" and made.dtype == torch.float32:
            self.largest = max(self.largest, made.numel())
        return made


@pytest.mark.slow
@pytest.mark.parametrize("dtype", HALVES)
def test_copies_into_fp32_are_those_that_are_reckoned_with(dtype, monkeypatch):
    from tests.models.small import model

    config = model().config
    footprint = Footprint.of(config, dtype)
    assert footprint.copied == 4 * 8  # bytes, width of a head
    assert Footprint.of(config, torch.float32).copied == 0
    # One row of 5 positions, 3 of them its suffix: a copy of one head's keys.
    assert footprint.rows(1, 3, 2) - replace(footprint, copied=0).rows(1, 3, 2) == 5 * 4 * 8
    monkeypatch.setattr(attention, "_COPIED_AT_ONCE", 100)
    with Copies() as copies:
        attend_plainly(*(drawn(6, 4, n, 8, dtype=dtype) for n in (1, 33, 33)), scaling=SCALING)
    assert copies.largest == 6 * 33 * 8
    assert 4 * copies.largest == footprint.copied * 6 * 33


@pytest.fixture
def on_card(monkeypatch):
    """Tensors that say they are on a card of a capability, and hold no numbers: shapes, types and places only."""
    fake = FakeTensorMode()

    def place(capability, *, built=True, hip=None):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device=None: capability)
        monkeypatch.setattr(torch.backends.cuda, "is_flash_attention_available", lambda: built)
        monkeypatch.setattr(torch.version, "hip", hip)

        def empty(*shape, dtype=torch.float16):
            with fake:
                return torch.empty(*shape, dtype=dtype, device="cuda")

        return empty

    attention._sums_in_fp32.cache_clear()
    with fake:
        yield place
    attention._sums_in_fp32.cache_clear()


@pytest.mark.parametrize(
    ("capability", "dtype", "width", "flash"),
    [
        ((8, 0), torch.float16, 128, True),
        ((8, 9), torch.bfloat16, 72, True),
        ((9, 0), torch.float16, 256, True),
        ((12, 0), torch.bfloat16, 128, True),
        ((7, 5), torch.float16, 128, False),
        ((7, 0), torch.float16, 128, False),
        ((9, 0), torch.float32, 128, False),
        ((9, 0), torch.float16, 100, False),
        ((9, 0), torch.float16, 264, False),
    ],
)
def test_which_card_has_the_flash_kernel(capability, dtype, width, flash, on_card):
    query = on_card(capability)(1, 4, 3, width, dtype=dtype)
    assert attention._has_flash(query) is flash
    assert not attention._has_flash(on_card(capability, built=False)(1, 4, 3, width, dtype=dtype))
    assert not attention._has_flash(on_card(capability, hip="6.3")(1, 4, 3, width, dtype=dtype))


def test_a_cpu_has_no_flash_kernel_for_gpus():
    assert not attention._has_flash(drawn(1, 4, 3, 128, dtype=torch.float16))


class Noted(TorchDispatchMode):
    """Notes which operations are done."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(func.name())
        return func(*args, **kwargs or {})


@pytest.mark.parametrize("width", [128, 72])
@pytest.mark.parametrize("kv_heads", [56, 8])
@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("capability", [(9, 0), (7, 5)])
def test_shapes_on_a_card(capability, dtype, kv_heads, width, on_card):
    empty = on_card(capability)
    clips, rows, heads = 2, 6, 56
    prefix = [empty(clips, kv_heads, 4808, width, dtype=dtype) for _ in "kv"]
    for n, own in ((40, 40), (1, 43)):
        query = empty(rows, heads, n, width, dtype=dtype)
        key, value = (empty(rows, kv_heads, own, width, dtype=dtype) for _ in "kv")
        seen = empty(rows, own, dtype=torch.bool) if n == 1 else None
        with Noted() as noted:
            parts = [
                attend_shared(query, *prefix, scaling=SCALING),
                attend_own(query, key, value, scaling=SCALING, seen=seen),
            ]
        for output, lse in parts:
            assert (output.shape, output.dtype, output.device.type) == (query.shape, dtype, "cuda")
            assert (lse.shape, lse.dtype, lse.device.type) == (query.shape[:3], torch.float32, "cuda")
        assert merge(*parts).shape == query.shape
        assert merge(*parts).dtype == torch.float32
        kernels = {name for name in noted.names if "attention" in name or "mm" in name}
        if capability == (7, 5):
            assert kernels == {"aten::bmm.dtype"}
        elif n > 1:
            assert kernels == {"aten::_scaled_dot_product_flash_attention"}
        else:  # a step's own keys are masked, which the flash kernel knows nothing of
            assert kernels == {"aten::_scaled_dot_product_flash_attention", "aten::bmm.dtype"}


def test_shapes_of_slots_on_a_card(on_card):
    empty = on_card((8, 0))
    prefix = [empty(4, 8, 4808, 128) for _ in "kv"]
    slots = Slots(row=empty(12, dtype=torch.int64), slot=empty(6, dtype=torch.int64))
    output, lse = attend_shared(empty(6, 8, 1, 128), *prefix, scaling=SCALING, slots=slots)
    assert output.shape == (6, 8, 1, 128)
    assert lse.shape == (6, 8, 1)


def test_a_part_that_weighs_nothing_changes_nothing():
    part = drawn(1, 1, 2, 4), torch.tensor([[[5.0, 900.0]]])
    other = drawn(1, 1, 2, 4, seed=1), torch.tensor([[[-900.0, -900.0]]])
    torch.testing.assert_close(merge(part, other), part[0])
    torch.testing.assert_close(merge(other, part), part[0])
