"""Continuing many prompts from one prefix, on random models, against transformers' own `generate`."""

from __future__ import annotations

import pytest
import torch

from eval.errors import ModelError
from eval.models.decoding import generator as generator_module
from eval.models.decoding.finite import most_likely
from eval.models.decoding.generator import Generator
from eval.models.decoding.language import continue_rows
from eval.models.decoding.memory import Footprint, is_out_of_memory, plan
from tests.models.sequential import continue_alone
from tests.models.small import FRAME_END, IMAGE, POSITIONS, PROMPTS, asked, model, prompt, until_settled


@pytest.fixture(scope="module")
def pixels():
    return torch.randn(2, 3, 28, 28, generator=torch.Generator().manual_seed(1))


def by_engine(built, pixels, prompts, *, new=20, kv_budget=10**9, settled=None):
    used = Generator(built, max_new_tokens=new, kv_budget=kv_budget)
    (found,) = used.generate([asked(pixels, prompts, settled)])
    return found, used.batching()


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kv_heads", [8, 2, 1])
def test_grouped_heads_and_lengths(kv_heads, attention, pixels):
    built = model(kv_heads, attention)
    found, used = by_engine(built, pixels, PROMPTS)
    alone = [continue_alone(built, [built.medium(pixels)], ids, 20) for ids in PROMPTS]
    assert found == alone
    assert used["prefixes"] == 1
    assert used["batches"] == 1
    assert used["largest_batch"] == len(PROMPTS)
    # Some rows end by themselves, others at the bound: both ways out are taken.
    assert {len(ids) < 20 for ids in alone} == {True, False}


@pytest.mark.slow
def test_logits_are_those_of_the_whole_prompt(pixels):
    built = model()
    seen = []
    handle = built.lm_head.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    by_engine(built, pixels, PROMPTS, new=1)
    handle.remove()
    (logits,) = seen
    for row, ids in zip(logits, sorted(PROMPTS, key=lambda ids: (len(ids), ids)), strict=True):
        with torch.inference_mode():
            whole = built(input_ids=torch.tensor([ids]), pixel_values=pixels).logits[0, -1]
        assert float((row - whole).abs().max()) < 1e-4


def spoiled(call, row, value=float("nan")):
    """What makes the logits of one row NaN in one call of the head."""
    calls = iter(range(100))

    def hook(_module, _inputs, output):
        if next(calls) == call:
            output[row] = value
        return output

    return hook


@pytest.mark.parametrize(
    ("call", "value"), [(0, float("nan")), (0, float("inf")), (0, -float("inf")), (2, float("nan"))]
)
def test_no_output_is_made_of_logits_that_are_not_finite(call, value, pixels):
    built = model()
    built.lm_head.register_forward_hook(spoiled(call, 1, value))
    with pytest.raises(ModelError, match=r"the logits are NaN or infinite in float32.*; fetch the checkpoint again$"):
        by_engine(built, pixels, [prompt(seed, 9) for seed in range(4)], settled=lambda _: False)


def test_logits_that_leave_float16_name_the_remedy():
    logits = torch.tensor([[1.0, 2.0], [float("inf"), 0.0]], dtype=torch.float16)
    assert most_likely(logits[:1]) == [1]
    with pytest.raises(
        ModelError, match=r"in float16.*ends at 65504; give model\.dtype=bfloat16 or model\.dtype=float32"
    ):
        most_likely(logits)


def test_a_clip_whose_logits_are_not_finite_spoils_no_other(pixels):
    built, broken = model(), torch.full_like(pixels, float("nan"))
    generator = Generator(built, max_new_tokens=5, kv_budget=10**9)
    alone = generator.generate([asked(pixels, PROMPTS[:2])])
    with pytest.raises(ModelError, match="NaN or infinite"):
        generator.generate([asked(broken, PROMPTS[:2]), asked(pixels, PROMPTS[:2])])
    assert generator.generate([asked(pixels, PROMPTS[:2])]) == alone


@pytest.mark.slow
def test_prompts_of_every_kind(pixels):
    built = model()
    prompts = [
        PROMPTS[1],
        PROMPTS[1],  # twice
        [*PROMPTS[1], 17],  # continues another
        prompt(1, 9, before=(1, 6, 7)),  # other text before the frames
        [1, 5, *[IMAGE] * (2 * POSITIONS)],  # nothing after them
        [1, *[IMAGE] * POSITIONS, 44, *[IMAGE] * POSITIONS, 8],  # text between them
    ]
    found, used = by_engine(built, pixels, prompts)
    assert found == [continue_alone(built, [built.medium(pixels)], ids, 20) for ids in prompts]
    assert used["prefixes"] == 3


@pytest.mark.slow
def test_the_plan_is_kept_and_changes_nothing(pixels):
    built = model()
    expected, _ = by_engine(built, pixels, PROMPTS)
    kept = 2 * 3 * 2 * 8 * 4  # key and value, layers, key-value heads, head width, bytes
    footprint = Footprint.of(built.config, torch.float32)
    assert footprint.kept == kept
    prefix = 2 + 2 * POSITIONS
    found, used = by_engine(built, pixels, PROMPTS, kv_budget=prefix * kept + footprint.rows(3, 30, 20))
    assert found == expected
    assert 1 < used["batches"] < len(PROMPTS)
    found, used = by_engine(built, pixels, PROMPTS, kv_budget=1)
    assert found == expected
    assert used["batches"] == len(PROMPTS)


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, 2, 4])
def test_memory_that_runs_out_halves_the_batch(most, pixels, monkeypatch):
    built = model()
    expected, _ = by_engine(built, pixels, PROMPTS)
    work = continue_rows

    def short_of_memory(built, prefix, starts, **settings):
        if len(starts) > most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return work(built, prefix, starts, **settings)

    monkeypatch.setattr(generator_module, "continue_rows", short_of_memory)
    found, used = by_engine(built, pixels, PROMPTS)
    assert found == expected
    assert used["largest_batch"] <= most
    assert used["halvings"] > 0
    assert used["prefixes"] == 1


@pytest.mark.slow
def test_other_errors_are_not_taken_for_memory(pixels, monkeypatch):
    def broken(*_args, **_settings):
        raise RuntimeError("CUDA error: device-side assert")

    monkeypatch.setattr(generator_module, "continue_rows", broken)
    with pytest.raises(RuntimeError, match="device-side assert"):
        by_engine(model(), pixels, PROMPTS)


@pytest.mark.slow
def test_settled_rows_leave(pixels):
    built = model()
    whole, _ = by_engine(built, pixels, PROMPTS)
    found, _ = by_engine(built, pixels, PROMPTS, settled=lambda ids: len(ids) >= 2 and ids[-1] % 2 == 0)
    assert found == [until_settled(ids) for ids in whole]
    assert found != whole


@pytest.mark.slow
def test_the_model_is_left_as_it_was(pixels):
    built = model()
    before = continue_alone(built, [built.medium(pixels)], PROMPTS[1], 20)
    by_engine(built, pixels, PROMPTS)
    assert built.config.text_config._attn_implementation == "sdpa"
    assert continue_alone(built, [built.medium(pixels)], PROMPTS[1], 20) == before


@pytest.mark.slow
def test_what_cannot_be_continued_is_refused(pixels):
    built = model()
    with pytest.raises(ValueError, match="7 image tokens for 14 image features"):
        by_engine(built, pixels, [[1, *[IMAGE] * POSITIONS, 4]])
    built.generation_config.eos_token_id = None
    with pytest.raises(ModelError, match="has no eos_token_id, so no output would end"):
        Generator(built, max_new_tokens=1, kv_budget=1)


def test_batches_are_cut_where_they_would_not_fit():
    one = Footprint(kept=10, passing=5, logits=100)
    # A row of n positions and 4 new tokens: 10 * (n + 4) + 5 * n + 100, and all rows of a batch as the longest.
    assert one.rows(1, 2, 4) == 170
    assert plan([2, 2, 2], 4, one, 510) == [3]
    assert plan([2, 2, 2], 4, one, 509) == [2, 1]
    assert plan([2, 2, 10], 4, one, 510) == [2, 1]
    assert plan([2, 2, 2], 4, one, 0) == [1, 1, 1]
    assert plan([], 4, one, 510) == []


@pytest.mark.parametrize(
    "said",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 GiB",
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported at some other API call",
        "cudaErrorMemoryAllocation",
        "HIP out of memory. Tried to allocate 2.00 GiB.",
        "MPS backend out of memory (MPS allocated: 8.00 GB, other allocations: 1.00 GB, max allowed: 9.07 GB).",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        'NVML_SUCCESS == r INTERNAL ASSERT FAILED at "../c10/cuda/CUDACachingAllocator.cpp":830, please report a bug',
        "[enforce fail] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9",
        "[enforce fail] data. DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.",
        "std::bad_alloc",
    ],
)
def test_what_running_out_of_memory_looks_like(said):
    assert is_out_of_memory(RuntimeError(said))
    assert not is_out_of_memory(ValueError(said))


def test_exceptions_of_running_out_of_memory():
    assert is_out_of_memory(torch.OutOfMemoryError("Tried to allocate 2 GiB"))
    assert is_out_of_memory(MemoryError())


@pytest.mark.parametrize(
    "said",
    [
        "shape mismatch",
        "CUDA error: device-side assert triggered",
        "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx(handle)`",
        "CUDA error: an illegal memory access was encountered",
        "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
        "NVML_ERROR_NOT_SUPPORTED",
    ],
)
def test_what_else_goes_wrong_is_not_taken_for_memory(said):
    assert not is_out_of_memory(RuntimeError(said))


@pytest.mark.slow
@pytest.mark.parametrize("layer", [-2, -1, 1])
def test_vision_layers_that_nothing_reads_are_left_out(layer, pixels):
    from transformers import LlavaModel

    built = model()
    built.config.vision_feature_layer = layer
    with torch.inference_mode():
        whole = LlavaModel.get_image_features(built.model, pixels, return_dict=True).pooler_output
        first = {-2: 2, -1: 3, 1: 1}[layer]
        for module in list(built.model.vision_tower.encoder.layers)[first:]:
            module.mlp.forward = None  # cannot be called
        found = built.model.get_image_features(pixels, return_dict=True).pooler_output
    for frame, expected in zip(found, built.model.add_separators(torch.stack(list(whole))), strict=True):
        assert torch.equal(frame, expected)
    assert all("forward" not in module.__dict__ for module in built.model.vision_tower.encoder.layers)


@pytest.mark.slow
@pytest.mark.parametrize("kv_heads", [8, 2])
def test_a_prompt_alone_outgrows_its_room(kv_heads, pixels):
    built = model(kv_heads)
    built.generation_config.eos_token_id = FRAME_END  # which no prompt of these is continued with
    found, _ = by_engine(built, pixels, PROMPTS[3:4], new=150)
    assert len(found[0]) == 150
    assert found == [continue_alone(built, [built.medium(pixels)], PROMPTS[3], 150)]
    found, _ = by_engine(built, pixels, PROMPTS[:4], new=150)
    assert found == [continue_alone(built, [built.medium(pixels)], ids, 150) for ids in PROMPTS[:4]]
