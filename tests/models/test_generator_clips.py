"""Continuing prompts about several clips at once, on random models, against transformers' own `generate`."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from eval.models.decoding import generator as generator_module
from eval.models.decoding import language as language_module
from eval.models.decoding import memory
from eval.models.decoding.generator import Generator
from eval.models.decoding.memory import ClipSize, Footprint, plan_clips
from eval.models.decoding.questions import Encoded
from eval.models.decoding.rows import Prefix
from tests.models.sequential import continue_alone
from tests.models.small import IMAGE, POSITIONS, PROMPTS, asked, model, prompt, until_settled


@pytest.fixture(scope="module")
def pixels():
    return torch.randn(2, 3, 28, 28, generator=torch.Generator().manual_seed(1))


def several_clips(pixels):
    """Clips with their own frames, and none to nine prompts each; one has a single frame."""
    frames = torch.randn(7, 2, 3, 28, 28, generator=torch.Generator().manual_seed(3))
    short = [[1, 5, *[IMAGE] * POSITIONS, *ids[2 + 2 * POSITIONS :]] for ids in PROMPTS[:2]]
    return [
        asked(frames[0], PROMPTS[:5]),
        asked(frames[1], PROMPTS[5:6]),
        asked(frames[2], []),
        asked(frames[3][:1], short),
        asked(pixels, PROMPTS),
        asked(frames[4], [*PROMPTS[2:4], prompt(1, 9, before=(1, 6, 7))]),
        asked(frames[5], PROMPTS[5:6]),
        asked(frames[6], PROMPTS[:1] * 2),
    ]


@pytest.fixture(scope="module")
def alone(pixels):
    """The ids of each clip's prompts one by one, by key-value heads."""
    found = {}

    def of(kv_heads, clips, new=20):
        if (kv_heads, new) not in found:
            built = model(kv_heads)
            found[kv_heads, new] = [[continue_alone(built, c.media, ids, new) for ids in c.prompts] for c in clips]
        return found[kv_heads, new]

    return of


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kv_heads", [8, 2, 1])
def test_several_clips(kv_heads, attention, pixels, alone):
    clips = several_clips(pixels)
    used = Generator(model(kv_heads, attention), max_new_tokens=20, kv_budget=10**9)
    assert used.generate(clips) == alone(kv_heads, clips)
    assert used.batching()["largest_stack"] == 7
    assert used.batching()["prefixes"] == 8  # one clip has two, another none
    assert used.generate(clips[::-1]) == alone(kv_heads, clips)[::-1]


@pytest.mark.slow
def test_clips_in_passes_that_take_a_few(pixels, alone, monkeypatch):
    clips = several_clips(pixels)
    monkeypatch.setattr(memory, "_AT_ONCE_ON_CPU", 40)
    used = Generator(model(), max_new_tokens=20, kv_budget=10**9)
    assert used.generate(clips) == alone(2, clips)
    assert used.batching()["largest_vision"] == 40 // POSITIONS
    assert used.batching()["largest_stack"] == 7
    footprint = Footprint.of(model().config, torch.float32, 40)
    budget = footprint.clips([ClipSize(prefix=16, rows=5, longest=31)] * 2, 20)
    used = Generator(model(), max_new_tokens=20, kv_budget=budget)
    assert used.generate(clips) == alone(2, clips)
    assert 1 < used.batching()["largest_stack"] < 7


@pytest.mark.slow
def test_clips_whose_rows_have_ended_are_dropped(pixels, monkeypatch):
    built = model()
    kept = []
    keep = Prefix.keep

    def keeping(prefix, clips):
        kept.append(len(clips))
        keep(prefix, clips)

    monkeypatch.setattr(Prefix, "keep", keeping)
    frames = torch.randn(12, 2, 3, 28, 28, generator=torch.Generator().manual_seed(3))
    # The same prompt about all clips: rows of one position that go on in the prefix's own buffers.
    clips = [asked(some, PROMPTS[4:5]) for some in frames]
    used = Generator(built, max_new_tokens=150, kv_budget=10**9)
    found = used.generate(clips)
    assert found == [[continue_alone(built, clip.media, PROMPTS[4], 150)] for clip in clips]
    assert len({len(ids) for (ids,) in found}) > 4
    assert kept[0] <= 6
    assert all(after <= before / 2 for before, after in pairwise(kept))


@pytest.mark.slow
@pytest.mark.parametrize("where", ["vision", "prefix", "rows", "later rows"])
def test_memory_that_runs_out_anywhere_halves_the_clips(where, pixels, alone, monkeypatch):
    clips = several_clips(pixels)
    built = model()
    full = "CUDA out of memory. Tried to allocate 2 GiB"
    if where == "vision":
        see = built.model.get_image_features

        def seeing(frames, **settings):
            if len(frames) > 1:
                raise torch.OutOfMemoryError(full)
            return see(frames, **settings)

        monkeypatch.setattr(built.model, "get_image_features", seeing)
    elif where == "prefix":
        encode = language_module.encode_prefix

        def encoding(language, embeddings, positions, **settings):
            if len(embeddings) > 2:
                raise torch.OutOfMemoryError(full)
            return encode(language, embeddings, positions, **settings)

        monkeypatch.setattr(generator_module, "encode_prefix", encoding)
    else:
        step = language_module._step
        most = 3

        def stepping(language, embeddings, positions, rows):
            later = embeddings.shape[1] == 1
            if len(embeddings) > most and later == (where == "later rows"):
                raise torch.OutOfMemoryError(full)
            return step(language, embeddings, positions, rows)

        monkeypatch.setattr(language_module, "_step", stepping)
    used = Generator(built, max_new_tokens=20, kv_budget=10**9)
    assert used.generate(clips) == alone(2, clips)
    assert used.batching()["halvings"] > 0


@pytest.mark.slow
def test_each_row_has_its_own_settlement(pixels, alone):
    clips = several_clips(pixels)
    whole = alone(2, clips)
    settled = [None, lambda ids: len(ids) >= 2 and ids[-1] % 2 == 0, lambda ids: True]
    mixed = [
        Encoded(media=c.media, prompts=c.prompts, settled=[settled[i % 3] for i in range(len(c.prompts))])
        for c in clips
    ]
    found = Generator(model(), max_new_tokens=20, kv_budget=10**9).generate(mixed)
    ways = [lambda ids: ids, until_settled, lambda ids: ids[:1]]
    assert found == [[ways[i % 3](ids) for i, ids in enumerate(each)] for each in whole]


@pytest.mark.slow
def test_how_many_clips_at_once():
    used = Generator(model(), max_new_tokens=20, kv_budget=10**9)
    # On a CPU, clips of 8 frames of 7 positions until there are 8192.
    assert used.clips_at_once(8, 1) == 146
    footprint = Footprint.of(model().config, torch.float32, memory._AT_ONCE_ON_CPU)
    budget = footprint.clips([ClipSize(prefix=56, rows=4, longest=128)] * 9, 20)
    assert Generator(model(), max_new_tokens=20, kv_budget=budget).clips_at_once(8, 4) == 9
    assert Generator(model(), max_new_tokens=20, kv_budget=budget - 1).clips_at_once(8, 4) == 8
    assert Generator(model(), max_new_tokens=20, kv_budget=1).clips_at_once(8, 4) == 1


def test_clips_are_cut_where_they_would_not_fit():
    one = Footprint(kept=10, passing=5, logits=100, embedding=1, at_once=4)
    size = ClipSize(prefix=3, rows=1, longest=2)
    # Of a clip 3 positions of 10 + 2 * 1, and a row of 10 * (2 + 4) + 5 * 2 + 100; a pass over 3 or 4 positions of 5
    # is less than that.
    assert one.clips([size], 4) == 36 + 170
    assert plan_clips([size] * 3, 4, one, 2 * 206) == [2, 1]
    assert plan_clips([size] * 3, 4, one, 2 * 206 - 1) == [1, 1, 1]
    # Without rows to speak of it is the pass that decides: one of 4 positions, or a longer prefix.
    assert one.clips([ClipSize(prefix=3, rows=0, longest=0)] * 2, 4) == 72 + 20
    assert one.clips([ClipSize(prefix=9, rows=0, longest=0)], 4) == 108 + 45
    assert plan_clips([], 4, one, 0) == []
