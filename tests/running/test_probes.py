"""What probes change of samples, and what they leave alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.core import Clip, FramePolicy, Sample, Selection, Turn
from eval.errors import ConfigError
from eval.running.probes import ALL, GREY, probes_named
from eval.video.loading import load

ASKED = "What is shown?"
PROMPT = f"USER: <video>\nQuestion: {ASKED}\n(A) a cat\n(B) a dog\n(C) a cow\nASSISTANT: Answer: ("


def sample(name="q", video="v", prompt=PROMPT, target="B", subset="s", question=ASKED, **more):
    return Sample(
        id=name,
        benchmark="b",
        subset=subset,
        clip=Clip(source=Path(f"{video}.mp4")),
        prompt=prompt,
        targets=(target,),
        options=("a cat", "a dog", "a cow") if "(A)" in prompt else (),
        cluster=video,
        metadata={"question": question} if question else {},
        **more,
    )


def changed(probe, *samples):
    return ALL[probe].change(samples)


def test_options_move_to_every_place_and_the_target_with_them():
    one, two = changed("rotated", sample())
    assert (one.id, one.options, one.targets) == ("q@1", ("a cow", "a cat", "a dog"), ("C",))
    assert (two.id, two.options, two.targets) == ("q@2", ("a dog", "a cow", "a cat"), ("A",))
    assert one.prompt == f"USER: <video>\nQuestion: {ASKED}\n(A) a cow\n(B) a cat\n(C) a dog\nASSISTANT: Answer: ("
    assert one.clip == two.clip == sample().clip


def test_a_question_that_quotes_options_keeps_them():
    quoted = PROMPT.replace(ASKED, "He said:\n(A) yes\n(B) no\nWhat did he mean?")
    one, _ = changed("rotated", sample(prompt=quoted))
    assert "(A) yes\n(B) no\nWhat did he mean?\n(A) a cow\n(B) a cat\n(C) a dog\n" in one.prompt


def test_what_lists_other_options_than_its_row_cannot_be_rotated():
    assert changed("rotated", sample(prompt=PROMPT.replace("a dog", "a fox"))) == []
    assert changed("rotated", sample(prompt="USER: <video> Describe it.")) == []
    assert changed("no-question", sample(prompt="USER: <video> Describe it.")) == []


TURNS = (
    Turn(role="user", parts=(("video", ""), ("text", f"Question: {ASKED}\n(A) a cat\n(B) a dog\n(C) a cow"))),
    Turn(role="assistant", parts=(("text", " Answer: ("), ("text", ""))),
)


def test_a_conversation_changes_as_its_prompt_does():
    one, _ = changed("rotated", sample(turns=TURNS))
    assert one.turns[0].parts == (("video", ""), ("text", f"Question: {ASKED}\n(A) a cow\n(B) a cat\n(C) a dog"))
    assert one.turns[1] == TURNS[1]
    (cut,) = changed("no-question", sample(turns=TURNS))
    assert cut.turns[0].parts[1] == ("text", "Question: \n(A) a cat\n(B) a dog\n(C) a cow")
    other = (Turn(role="user", parts=(("video", ""), ("text", "no options here"))),)
    assert changed("rotated", sample(turns=other)) == []


@pytest.mark.parametrize(
    ("question", "prompt", "left"),
    [
        (ASKED, PROMPT, "USER: <video>\nQuestion: \n(A) a cat"),
        # As upstream's rows have it: with its label and options, or not at all.
        (f"Question: {ASKED}\n(A) a cat\n(B) a dog\n(C) a cow\n", PROMPT, "USER: <video>\nQuestion: \n(A) a cat"),
        ("", PROMPT, "USER: <video>\nQuestion:\n(A) a cat"),
        ("", PROMPT.replace("\nQuestion:", ""), "USER: <video>\n(A) a cat"),
        # Instructions around it stay.
        (
            f"Question: {ASKED}\nOptions:\n(A) a cat",
            PROMPT.replace("\nQ", " The camera is worn.\nQ").replace("\n(A)", "\nOptions:\n(A)"),
            "USER: <video> The camera is worn.\nQuestion: \nOptions:\n(A) a cat",
        ),
        ("", PROMPT.replace("\n(A)", "\nOptions:\n(A)"), "USER: <video>\nQuestion:\nOptions:\n(A) a cat"),
    ],
)
def test_the_question_goes_and_the_rest_stays(question, prompt, left):
    (found,) = changed("no-question", sample(question=question, prompt=prompt))
    assert found.prompt == f"{left}\n(B) a dog\n(C) a cow\nASSISTANT: Answer: ("
    assert (found.id, found.targets, found.options) == ("q", ("B",), ("a cat", "a dog", "a cow"))


def test_another_clip_is_another_video_s_each_once_and_always_the_same():
    given = [sample(f"{v}-{n}", f"v{v}", subset="xy"[v % 2]) for v in range(10) for n in range(2)]
    found = changed("other-clip", *given)
    for one, other in zip(given, found, strict=True):
        assert other.clip != one.clip
        assert int(other.clip.source.stem[1:]) % 2 == int(one.clip.source.stem[1:]) % 2  # of the same subset
    assert sorted(str(one.clip.source) for one in found) == sorted(str(one.clip.source) for one in given)
    assert found == changed("other-clip", *given)


def test_spans_of_one_video_are_no_other_clip():
    spans = [sample(f"a{n}", "a") for n in range(2)] + [sample(f"b{n}", "b") for n in range(2)]
    given = [
        Sample(**{**_fields(one), "clip": Clip(source=one.clip.source, start=float(n))}) for n, one in enumerate(spans)
    ]
    found = changed("other-clip", *given)
    assert [one.clip.source.stem for one in found] == ["b", "b", "a", "a"]
    assert len({one.clip for one in found}) == 4


def _fields(one):
    return {name: getattr(one, name) for name in one.__slots__}


def test_a_subset_of_one_video_gets_any_other_and_one_video_alone_none():
    found = changed("other-clip", sample("q", "v", subset="alone"), sample("r", "w"), sample("s", "x"))
    assert [one.id for one in found] == ["q", "r", "s"]
    assert found[0].clip.source.stem in "wx"
    assert changed("other-clip", sample("q", "v"), sample("r", "v")) == []


def test_samples_of_a_clip_share_its_views_and_all_share_the_grey_clip():
    given = [sample("q", "v"), sample("r", "v"), sample("s", "w")]
    for name in ("shuffled", "reversed", "one-frame", "frames-4"):
        one, other, third = changed(name, *given)
        assert one.clip == other.clip != third.clip
        assert one.clip.loaded == (given[0].clip if name != "frames-4" else one.clip)
    assert len({one.clip for one in changed("no-video", *given)}) == 1


@pytest.mark.parametrize(
    ("policy", "n"),
    [
        (FramePolicy(n_frames=8), 8),
        (FramePolicy(n_frames=64), 64),
        (FramePolicy(n_frames=64, fps=1.0), 32),  # as long as half a minute of video
        (FramePolicy(n_frames=16, rule="tarsier2"), 16),
    ],
)
def test_the_grey_clip_has_as_many_frames_as_a_video(policy, n):
    (found,) = changed("no-video", sample())
    frames = load(found.clip, policy).frames
    assert frames is not None
    assert len(frames) == n
    assert {frame.getextrema() for frame in frames} == {((128, 128),) * 3}


def test_a_picture_becomes_a_grey_picture():
    clip = Clip(source=Path("a.jpg"), selection=Selection(is_image=True), more=(Clip(source=Path("b.mp4")),))
    (found,) = changed("no-video", Sample(**{**_fields(sample()), "clip": clip}))
    assert found.clip.source == GREY
    assert found.clip.selection == Selection(is_image=True)
    assert [len(one.source) for one in found.clip.more] == [128]


def test_probes_come_by_name_in_their_own_order():
    assert [one.name for one in probes_named("reversed, no-video")] == ["no-video", "reversed"]
    assert [one.name for one in probes_named("frames,one-frame")] == [
        "one-frame", "frames-2", "frames-4", "frames-8", "frames-16",
    ]  # fmt: skip
    assert len(probes_named("all")) == len(ALL)
    with pytest.raises(ConfigError, match="no probe 'revers'"):
        probes_named("revers")
