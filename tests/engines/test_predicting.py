"""From samples to predictions, with a scripted model: grouping, failures, coverage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from eval.core import Clip, Coverage, FramePolicy, Generation, LoadedClip, Sample, Selection, Turn
from eval.engines.groups import group_by_clip, plan, still_to_do
from eval.engines.predicting import predict
from eval.errors import ConfigError, MediaError, ModelError
from eval.models.scripted import ScriptedModel
from eval.running.media_check import coverage
from eval.timing import Clock


def sample(name, clip, subset="s", prompt="<video> q"):
    return Sample(
        id=name, benchmark="b", subset=subset, clip=Clip(source=clip), prompt=prompt, targets=("A",), options=("x", "y")
    )


@pytest.fixture
def clips(tmp_path):
    for name in ("one.mp4", "two.mp4"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def load(clips):
    for clip in clips:
        if clip.source.name == "broken.mp4":
            yield LoadedClip(clip=clip, frames=None, error=MediaError(clip.name, "truncated", "the file ends early"))
        else:
            yield LoadedClip(clip=clip, frames=[Image.new("RGB", (4, 4))] * 8, decode=(1.0, 3.0), prepare=(3.0, 3.5))


def run(samples, model, load=load, **options):
    return [prediction for group in predict(samples, model, load, **options) for _, prediction in group]


def test_a_clip_is_decoded_once_for_all_its_samples(clips):
    decoded = []

    def noted(wanted):
        for clip in wanted:
            decoded.append(clip.source.name)
            yield from load([clip])

    shown = ["one", "two", "one"]
    samples = [sample(str(i), clips / f"{name}.mp4", prompt=f"p{i}") for i, name in enumerate(shown)]
    predictions = run(samples, Limited(most=26), noted)
    assert decoded == ["one.mp4", "two.mp4"]
    assert [(p.id, p.output, p.n_frames) for p in predictions] == [("0", "p0", 8), ("2", "p2", 8), ("1", "p1", 8)]


def test_no_further_clip_is_loaded_for_a_model_that_has_stopped(clips):
    class Stops(ScriptedModel):
        stopped: str | None = None

        def generate(self, asked, clock=None):
            self.stopped = "not asked, since the quota is used up"
            return [[Generation(prompt=p, output="x", n_tokens=1) for p in one.prompts] for one in asked]

    loaded, ended = [], []

    def noted(wanted):
        try:
            for one in wanted:
                loaded.append(one.source.name)
                yield from load([one])
        finally:
            ended.append(True)

    names = ["one", "two", "three", "two"]
    predictions = run([sample(str(i), clips / f"{name}.mp4") for i, name in enumerate(names)], Stops(), noted)
    assert (loaded, ended) == (["one.mp4"], [True])
    assert {p.id: p.error for p in predictions} == {
        "0": None, **dict.fromkeys("132", "model: not asked, since the quota is used up"),
    }  # fmt: skip


def test_benchmarks_that_show_the_same_clip_share_it(clips):
    samples = [sample("1", clips / "one.mp4"), replace(sample("1", clips / "one.mp4"), benchmark="other")]
    model = Limited(most=26)
    (group,) = predict(samples, model, load)
    assert [(s.benchmark, p.id) for s, p in group] == [("b", "1"), ("other", "1")]
    assert model.went_through == [2]


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

    def generate(self, asked, clock=None):
        if any("bad" in prompt for each in asked for prompt in each.prompts):
            raise self.error
        return super().generate(asked, clock)


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

    def __init__(self, most, clips=1):
        super().__init__()
        self.most = most
        self.clips = clips
        self.went_through = []

    def clips_at_once(self, n_prompts):
        return self.clips

    def generate(self, asked, clock=None):
        prompts = [prompt for each in asked for prompt in each.prompts]
        if any("bad" in prompt for prompt in prompts):
            raise ModelError("no place for frames")
        if len(prompts) > self.most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 9 GiB")
        self.went_through.append(len(prompts))
        return [[Generation(prompt=p, output=p, n_tokens=1) for p in each.prompts] for each in asked]


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


def test_clips_go_to_the_model_in_groups_of_the_size_that_it_wants(clips):
    samples = [sample(str(i), clips / f"{i // 2}.mp4", prompt=str(i)) for i in range(14)]
    model = Limited(most=26, clips=3)
    groups = list(predict(samples, model, load))
    assert model.went_through == [6, 6, 2]
    assert [p.output for group in groups for _, p in group] == [str(i) for i in range(14)]


def test_where_a_group_of_clips_fails_the_others_are_asked_apart(clips):
    samples = [sample(str(i), clips / f"{i // 2}.mp4", prompt="bad" if i == 5 else str(i)) for i in range(14)]
    predictions = run(samples, Limited(most=26, clips=7))
    assert [p.output for p in predictions] == [None if i == 5 else str(i) for i in range(14)]


def test_a_broken_clip_leaves_the_other_groups_as_they_were(clips):
    samples = [sample(str(i), clips / ("broken.mp4" if i == 1 else f"{i}.mp4"), prompt=str(i)) for i in range(5)]
    model = Limited(most=26, clips=2)
    assert sorted(p.id for p in run(samples, model)) == list("01234")
    assert model.went_through == [1, 2, 1]


def test_what_is_done_leaves_the_groups_as_they_were(clips):
    samples = [sample(str(i), clips / f"{i // 2}.mp4", prompt=str(i)) for i in range(10)]
    groups, refused = plan(samples, model := Limited(most=26, clips=2))
    assert refused == []
    left = still_to_do(groups, model, {("b", "1"), ("b", "6"), ("b", "7"), ("other", "8")})
    assert [(group.number, [one.id for one in group.samples]) for group in left] == [(0, ["1"]), (1, ["6", "7"])]
    model.whole_clips = True
    groups, _ = plan(samples, model)
    left = still_to_do(groups, model, {("b", "1"), ("b", "6"), ("b", "7")})
    assert [(group.number, [one.id for one in group.samples]) for group in left] == [(0, ["0", "1"]), (3, ["6", "7"])]


def test_a_slow_clip_delays_its_own_group_alone(clips):
    def late(wanted):
        first, *others = wanted
        yield from load([*others, first])

    samples = [sample(str(i), clips / f"{i}.mp4", prompt=str(i)) for i in range(6)]
    found = predict(samples, Limited(most=26, clips=2), late)
    assert [[p.id for _, p in group] for group in found] == [["2", "3"], ["4", "5"], ["0", "1"]]


def test_calls_of_whole_clips_hold_one_benchmark_each(clips):
    samples = [sample(str(i), clips / "one.mp4", prompt=str(i)) for i in range(3)]
    samples += [replace(one, benchmark="other") for one in samples[:2]]
    model = Limited(most=26, clips=4)
    model.whole_clips = True
    assert [[p.id for _, p in group] for group in predict(samples, model, load)] == [["0", "1", "2", "0", "1"]]
    assert model.went_through == [3, 2]


def test_a_wrong_setting_stops_the_run(clips):
    def refuse(clips):
        yield from ()
        raise ConfigError("decord is not installed")

    with pytest.raises(ConfigError):
        run([sample("1", clips / "one.mp4"), sample("2", clips / "two.mp4")], ScriptedModel(), refuse)


def test_each_benchmark_says_what_settles_its_outputs(clips):
    seen: list[object] = []

    class Noting(ScriptedModel):
        def generate(self, asked, clock=None):
            seen.extend(rule for each in asked for rule in each.settled)
            return super().generate(asked, clock)

    samples = [sample("1", clips / "one.mp4"), replace(sample("2", clips / "one.mp4"), benchmark="other")]
    run(samples, Noting(), settled={"b": bool})
    assert seen == [bool, None]


def test_the_clock_is_told_what_the_time_goes_into(clips):
    clock = Clock()
    run([sample("1", clips / "one.mp4"), sample("2", clips / "two.mp4")], ScriptedModel(), clock=clock)
    lap = clock.lap()
    assert (lap.seconds["decode"], lap.seconds["prepare"]) == (4.0, 1.0)
    assert set(lap.seconds) >= {"wait", "model"}


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


USER, BEGUN = (
    Turn(
        role="user",
        parts=(
            ("video", ""),
            ("text", "q"),
        ),
    ),
    Turn(role="assistant", parts=(("text", " ("),)),
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"clip": Clip(source=Path("a"), more=(Clip(source=Path("b")),))}, "has 2 videos and images"),
        ({"clip": Clip(source=Path("a"), selection=Selection(fps=1.0))}, "picks its frames"),
        (
            {"turns": (Turn(role="system", parts=(("text", "s"),)), USER, BEGUN)},
            "has messages of system, user, assistant",
        ),
        ({"turns": (USER, BEGUN)}, ""),
        ({"turns": (USER,)}, ""),
        ({}, ""),
    ],
)
def test_what_only_tarsier2_can_be_shown_fails_before_it_is_loaded(clips, change, said):
    loaded = []

    def noted(wanted):
        loaded.extend(wanted := list(wanted))
        yield from load(wanted)

    model = Limited(most=26)
    odd, plain = replace(sample("odd", clips / "one.mp4"), **change), sample("plain", clips / "two.mp4")
    predictions = {p.id: p for p in run([odd, plain], model, noted)}
    assert predictions["plain"].output
    assert (predictions["odd"].error is None) == (not said)
    assert said in (predictions["odd"].error or "")
    assert not said or "model.frame_rule=tarsier2 for a model behind a server" in predictions["odd"].error
    assert len(loaded) == (1 if said else 2)
    model.frames = FramePolicy(n_frames=8, rule="tarsier2")
    assert run([odd], model)[0].output


def test_the_model_gets_conversations_and_the_frames_of_each_medium(clips):
    asked = []

    class Noting(ScriptedModel):
        def generate(self, these, clock=None):
            asked.extend(these)
            return super().generate(these, clock)

    def counted(wanted):
        for one in load(wanted):
            yield replace(one, counts=(5, 3))

    clip = Clip(source=clips / "one.mp4", more=(Clip(source=clips / "two.mp4"),))
    first = replace(sample("1", clips / "one.mp4"), clip=clip, turns=(USER, BEGUN))
    model = Noting()
    model.frames = FramePolicy(n_frames=8, rule="tarsier2")
    predictions = run([first, replace(first, id="2", turns=())], model, counted)
    (one,) = asked
    assert (one.counts, one.turns) == ((5, 3), [(USER, BEGUN), ()])
    assert [p.n_frames for p in predictions] == [8, 8]


def test_media_count_as_present_when_all_of_a_prompt_are(clips):
    clip = Clip(source=clips / "one.mp4", more=(Clip(source=clips / "gone.mp4"),))
    (found,) = coverage([replace(sample("1", clips / "one.mp4"), clip=clip)])
    assert (found.total, found.present) == (1, 0)
