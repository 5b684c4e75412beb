"""From samples to predictions, with a scripted model: grouping, failures, coverage."""

from __future__ import annotations

import pytest
from PIL import Image

from eval.core import Clip, Coverage, Generation, Sample
from eval.errors import ConfigError, MediaError, ModelError
from eval.models.scripted import ScriptedModel
from eval.pipeline import coverage, group_by_clip, predict


def sample(name, clip, subset="s", prompt="<video> q"):
    return Sample(
        id=name, benchmark="b", subset=subset, clip=Clip(source=clip), prompt=prompt, targets=("A",), options=("x", "y")
    )


@pytest.fixture
def clips(tmp_path):
    for name in ("one.mp4", "two.mp4"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def frames_of(clip, n_frames):
    if clip.source.name == "broken.mp4":
        raise MediaError(clip.name, "truncated", "the file ends early")
    return [Image.new("RGB", (4, 4))] * n_frames


def run(samples, model, load_frames=frames_of):
    return [prediction for group in predict(samples, model, load_frames) for prediction in group]


def test_a_clip_is_decoded_once_for_all_its_samples(clips):
    decoded = []

    def load(clip, n_frames):
        decoded.append(clip.source.name)
        return frames_of(clip, n_frames)

    samples = [sample("1", clips / "one.mp4"), sample("2", clips / "two.mp4"), sample("3", clips / "one.mp4")]
    predictions = run(samples, ScriptedModel(outputs=["A", "B", "C"]), load)
    assert decoded == ["one.mp4", "two.mp4"]
    assert [(p.id, p.output, p.n_frames) for p in predictions] == [("1", "A", 8), ("3", "B", 8), ("2", "C", 8)]


def test_samples_with_other_spans_are_other_clips(clips):
    source = clips / "one.mp4"
    samples = [
        Sample(id=str(end), benchmark="b", subset="", clip=Clip(source=source, end=end), prompt="", targets=("A",))
        for end in (1.0, 2.0, 1.0)
    ]
    assert [len(group) for group in group_by_clip(samples).values()] == [2, 1]


def test_a_broken_clip_fails_its_samples_only(clips):
    samples = [sample("1", clips / "broken.mp4"), sample("2", clips / "one.mp4"), sample("3", clips / "broken.mp4")]
    predictions = {p.id: p for p in run(samples, ScriptedModel())}
    assert predictions["2"].output == "A"
    for name in ("1", "3"):
        assert predictions[name].output is None
        assert predictions[name].error == f"truncated: {clips / 'broken.mp4'}: the file ends early"


class Failing(ScriptedModel):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def generate(self, frames, prompts):
        if "bad" in prompts[0]:
            raise self.error
        return super().generate(frames, prompts)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModelError("no place for frames"), "model: no place for frames"),
        (RuntimeError("CUDA out of memory\nlong story"), "model: RuntimeError: CUDA out of memory"),
    ],
)
def test_a_failed_generation_fails_its_sample_only(clips, error, said):
    samples = [sample("1", clips / "one.mp4", prompt="bad"), sample("2", clips / "one.mp4")]
    predictions = {p.id: p for p in run(samples, Failing(error))}
    assert predictions["1"].error == said
    assert predictions["2"].output == "A"


class Limited(ScriptedModel):
    """Takes so many prompts at once, and none that says bad; answers each with itself."""

    def __init__(self, most):
        super().__init__()
        self.most = most
        self.went_through = []

    def generate(self, frames, prompts):
        for prompt in prompts:
            if "bad" in prompt:
                raise ModelError("no place for frames")
        if len(prompts) > self.most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 9 GiB")
        self.went_through.append(len(prompts))
        return [Generation(prompt=prompt, output=prompt, n_tokens=1) for prompt in prompts]


def test_all_questions_about_a_clip_are_asked_at_once(clips):
    samples = [sample(str(i), clips / f"{'one' if i % 3 else 'two'}.mp4", prompt=str(i)) for i in range(9)]
    model = Limited(most=26)
    assert {p.id: p.output for p in run(samples, model)} == {str(i): str(i) for i in range(9)}
    assert model.went_through == [3, 6]


@pytest.mark.parametrize(("most", "batches"), [(26, [26]), (13, [13, 13]), (5, [3, 3, 3, 4] * 2), (1, [1] * 26)])
def test_where_a_batch_fails_its_halves_are_asked(clips, most, batches):
    samples = [sample(str(i), clips / "one.mp4", prompt=str(i)) for i in range(26)]
    model = Limited(most)
    assert [(p.id, p.output) for p in run(samples, model)] == [(str(i), str(i)) for i in range(26)]
    assert model.went_through == batches


def test_a_prompt_that_does_not_fit_costs_only_its_own_sample(clips):
    samples = [sample(str(i), clips / "one.mp4", prompt="bad" if i == 5 else str(i)) for i in range(9)]
    predictions = run(samples, Limited(most=26))
    assert [p.output for p in predictions] == [None if i == 5 else str(i) for i in range(9)]
    assert predictions[5].error == "model: no place for frames"


def test_a_sample_that_fails_alone_is_the_only_one_lost(clips):
    samples = [sample(str(i), clips / "one.mp4") for i in range(3)]
    assert {p.error for p in run(samples, Limited(most=0))} == {
        "model: RuntimeError: CUDA out of memory. Tried to allocate 9 GiB"
    }


def test_a_wrong_setting_stops_the_run(clips):
    def load(clip, n_frames):
        raise ConfigError("decord is not installed")

    with pytest.raises(ConfigError):
        run([sample("1", clips / "one.mp4"), sample("2", clips / "two.mp4")], ScriptedModel(), load)


def test_coverage_counts_media_by_subset(clips):
    samples = [
        sample("1", clips / "one.mp4", subset="a"),
        sample("2", clips / "gone.mp4", subset="a"),
        sample("3", clips / "two.mp4", subset="b"),
    ]
    assert coverage(samples) == [
        Coverage(subset="a", total=2, present=1),
        Coverage(subset="b", total=1, present=1),
    ]
    assert [c.fraction for c in coverage(samples)] == [0.5, 1.0]
