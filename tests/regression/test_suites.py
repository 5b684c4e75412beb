"""The fixed suites are as in the committed baseline, twice the same, and name a fault on a path of their own."""

from __future__ import annotations

from functools import cache
from unittest import mock

import numpy as np
import pytest
import torch

from eval.core import Clip, FramePolicy
from eval.models.decoding import attention
from eval.models.tarsier.tokenizer import TarsierTokenizer
from eval.regression.builtin import BASELINE
from eval.regression.comparing import compare
from eval.regression.fixed_tokenizers import MODEL_ONLY, written
from eval.regression.media_files import picture, video
from eval.regression.records import Observation, as_kept, read
from eval.regression.small_models import PIECES, WORDS
from eval.regression.suites import SUITES
from eval.video.frames import load_frames


@cache
def baseline():
    return read(BASELINE)


def compared(was, now):
    kept = baseline()
    then, here = (
        Observation(checkpoint=kept.checkpoint, world=kept.world, libraries={}, records=records)
        for records in (was, now)
    )
    return compare(then, as_kept(here))


@pytest.mark.slow
@pytest.mark.parametrize("name", SUITES)
def test_a_suite_is_as_in_the_committed_baseline(name, tmp_path):
    found = compared([each for each in baseline().records if each.benchmark == name], list(SUITES[name](tmp_path)))
    assert found.passed, found.first
    assert len(found.checked) > 10
    assert len({(each.benchmark, each.id) for each in found.checked}) == len(found.checked)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "target", "fault", "field"),
    [
        ("fixed media", "eval.video.pyav._upright", lambda frame, _: frame.to_image(), "decoded"),
        ("fixed models", "eval.models.tarsier.tokenizer._put_ends", lambda *_: None, "ids"),
        ("fixed answers", "eval.captions.overlap.BETA", 1.0, "values"),
        ("fixed judging", "eval.client.requests.THINKING_TOKENS", 1, "asked"),
        ("fixed foreign", "eval.models.hf.processor.HfProcessor.decode", lambda *_: "a", "output"),
        ("fixed conversations", "eval.models.served.prompts.LETTER", "Answer.", "asked"),
        ("fixed conversations", "eval.video.sampling_tarsier2.even_indices", lambda *_: [0], "indices"),
        ("fixed runs", "eval.readers.predictions.FAILED", "(error)", "resume"),
        ("fixed settings", "eval.running.request.protocol_overrides", lambda _: [], "settings"),
    ],
)
def test_a_fault_on_a_path_of_its_own_is_named(name, target, fault, field, tmp_path):
    kept = {(each.benchmark, each.id): each for each in baseline().records}
    with mock.patch(target, fault):
        pairs = ((kept.get((each.benchmark, each.id)), each) for each in SUITES[name](tmp_path))
        looked = (compared([was], [now]) for was, now in pairs if was is not None)
        found = next((each for each in looked if not each.passed), None)
    assert found is not None
    assert found.first is not None
    assert found.first.field == field


def test_ids_of_a_tokenizer_model_by_hand(tmp_path):
    written(tmp_path / "it", MODEL_ONLY)
    written(tmp_path / "bare", {**MODEL_ONLY, "tokenizer_config.json": {"add_bos_token": False}})
    first = 3 + 256  # three special pieces, and one for each byte
    of = {text: first + place for place, text in enumerate((*WORDS, "▁"))}
    # "ab" is likelier than "bc", so that it is joined first, and "abc" is made of it; "th", "the", "▁the" likewise.
    c = first + len(WORDS) + 1 + ord("c") - 33
    ids = [of["▁"], c, of["abc"], of["▁the"]]
    assert [PIECES[i] for i in ids] == ["▁", "c", "abc", "▁the"]
    assert TarsierTokenizer(tmp_path / "it").token_ids("cabc the") == [1, *ids]
    assert TarsierTokenizer(tmp_path / "bare").token_ids("cabc the") == ids
    assert TarsierTokenizer(tmp_path / "it").decode([1, *ids, 2]) == "cabc the"


@pytest.mark.parametrize("blocks", [False, True])
def test_the_plain_kernel_looks_back_only_by_hand(blocks, monkeypatch):
    # fp16 on a CPU has no other kernel. Without a query all keys are alike: the mean of what may be seen.
    if blocks:
        monkeypatch.setattr(attention, "_SCORES_AT_ONCE", 6)
    zeros, values = torch.zeros(1, 1, 3, 2).half(), torch.tensor([[2.0, 0.0], [4.0, 3.0], [9.0, 6.0]]).half()
    output, lse = attention.attend(zeros, zeros, values.view(1, 1, 3, 2), scaling=1.0, causal=True)
    assert output.flatten().tolist() == [2, 0, 3, 1.5, 5, 3]
    torch.testing.assert_close(lse.flatten(), torch.tensor([1.0, 2.0, 3.0]).log())
    output, _ = attention.attend(zeros, zeros, values.view(1, 1, 3, 2), scaling=1.0)
    assert output.flatten().tolist() == [5, 3] * 3


def test_grouped_heads_read_their_own_keys_by_hand():
    # Four heads and two key-value heads: heads 0 and 1 read the first, 2 and 3 the second.
    query, key = torch.zeros(1, 4, 1, 1), torch.zeros(1, 2, 2, 1)
    value = torch.tensor([[1.0, 3.0], [10.0, 30.0]]).view(1, 2, 2, 1)
    for output, _ in (
        attention.attend_own(query, key, value, scaling=1.0, seen=None),
        attention.attend_shared(query, key, value, scaling=1.0),
    ):
        assert output.flatten().tolist() == [2, 2, 20, 20]
    output, _ = attention.attend_own(query.expand(1, 4, 2, 1), key, value, scaling=1.0, seen=None)
    assert output.flatten().tolist() == [1, 2, 1, 2, 10, 20, 10, 20]


@pytest.mark.parametrize(
    ("turn", "turned"),
    [
        ((180, False), lambda pixels: pixels[::-1, ::-1]),
        ((90, False), lambda pixels: np.rot90(pixels, 1)),  # FFmpeg counts against the clock
        ((270, False), lambda pixels: np.rot90(pixels, 3)),
        ((0, True), lambda pixels: pixels[:, ::-1]),
    ],
)
def test_clips_are_turned_as_drawn(turn, turned, tmp_path):
    path = video(tmp_path / "t.mov", "png", 2, pix_fmt="rgb24", turn=turn)
    first, second = load_frames(Clip(source=path), FramePolicy(n_frames=2))
    assert np.array_equal(np.asarray(first), turned(picture(0)))
    assert np.array_equal(np.asarray(second), turned(picture(1)))
