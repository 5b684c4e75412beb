"""tarsier-tiny on the built-in world: what is generated together is what upstream's way gives, one by one."""

from __future__ import annotations

import pytest

from benchmarks.mini.world import WORLD
from eval.config import build, load_settings
from eval.pipeline import group_by_clip
from eval.scorers.multiple_choice import first_character, read_letter
from eval.video.frames import load_frames
from tests.models.sequential import sequential

pytestmark = pytest.mark.slow

SCORER = {"_target_": "eval.scorers.multiple_choice.MultipleChoice"}


@pytest.fixture(scope="module")
def runner():
    return build(load_settings(["model=tarsier-tiny", "model.device=cpu", "benchmark=mvbench"]).model, "model")


def clips(name):
    node = load_settings([f"benchmark={name}"]).benchmark
    benchmark = build({**node, "scorer": SCORER, "pack": None, "data": str(WORLD), "source": "upstream"}, "benchmark")
    return group_by_clip(list(benchmark.samples())).items()


@pytest.mark.parametrize("name", ["mvbench", "nextqa", "msvd-qa", "dream-1k"])
def test_outputs_are_those_of_one_prompt_at_a_time(name, runner):
    for clip, samples in clips(name):
        frames = load_frames(clip, runner.n_frames)
        prompts = [sample.prompt for sample in samples]
        assert runner.generate(frames, prompts) == sequential(runner, frames, prompts), clip.name


@pytest.fixture(scope="module")
def asked(runner):
    """A clip, all questions about choices of the world as if they were about it, and the answers one by one."""
    everything = [(clip, sample.prompt) for clip, samples in clips("mvbench") for sample in samples]
    frames = load_frames(everything[0][0], runner.n_frames)
    prompts = list(dict.fromkeys(prompt for _, prompt in everything))[:26]
    assert len(prompts) == 26
    return frames, prompts, sequential(runner, frames, prompts)


@pytest.mark.parametrize("size", [1, 2, 5, 26])
def test_batch_size_changes_nothing(size, runner, asked):
    frames, prompts, expected = asked
    found = [g for i in range(0, 26, size) for g in runner.generate(frames, prompts[i : i + size])]
    assert found == expected


def test_order_and_repetition_change_nothing(runner, asked):
    frames, prompts, expected = asked
    assert runner.generate(frames, prompts[::-1]) == expected[::-1]
    order = [(7 * i) % 26 for i in range(26)] + [3, 3]
    assert runner.generate(frames, [prompts[i] for i in order]) == [expected[i] for i in order]


def test_a_settled_row_has_the_beginning_of_the_output(runner, asked):
    frames, prompts, expected = asked
    stopped = runner.generate(frames, prompts, settled=_has_first_character)
    for short, whole in zip(stopped, expected, strict=True):
        assert whole.output.startswith(short.output)
        assert read_letter(short.output) == read_letter(whole.output)
    assert sum(g.n_tokens for g in stopped) < sum(g.n_tokens for g in expected)


def _has_first_character(text: str) -> bool:
    return first_character(text) != ""
