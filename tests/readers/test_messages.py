"""Rows of conversations: any media in any place, each with a choice of frames of its own."""

import json

import pytest

from eval.core import Clip, Prediction, Selection, Turn
from eval.errors import DataError
from eval.readers.predictions import read_predictions
from eval.readers.upstream import read_upstream
from eval.readers.upstream_export import write_predictions
from eval.readers.videos import VideoIndex


def text(said, **more):
    return {"type": "text", "text": said, **more}


def video(**item):
    return {"type": "video", "video": item or {"video_file": "<placeholder>"}}


def image(**item):
    return {"type": "image", "image": item}


SCORED = (text("", reference="A"),)


def row(*content, answer=SCORED, before=(), **more):
    turns = [*before, {"role": "user", "content": list(content)}]
    if answer is not None:
        turns.append({"role": "assistant", "content": list(answer)})
    return {"messages": turns, "dataset": "TV/Move", "idx": 0, "vid": "v.mp4", **more}


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4", "v.mp4", "p.png", "q.png"):
        (folder / name).touch()
    return folder


@pytest.fixture
def read(tmp_path, data):
    def of(made):
        path = tmp_path / "rows.jsonl"
        path.write_text(json.dumps(made), encoding="utf-8")
        (found,) = read_upstream(path, "TV")
        return found.sample("tv", found.clip(VideoIndex(data)))

    return of


def test_media_stand_where_the_row_has_them(read, data):
    made = row(text("First:"), video(video_file="a.mp4"), text("Then:\n"), video(video_file="b.mp4"), text("Which?"))
    sample = read(made)
    assert sample.clip == Clip(source=data / "a.mp4", more=(Clip(source=data / "b.mp4"),))
    assert sample.turns == (
        Turn(
            role="user",
            parts=(
                ("text", "First:"),
                ("video", ""),
                ("text", "Then:\n"),
                ("video", ""),
                ("text", "Which?"),
            ),
        ),
        Turn(role="assistant", parts=(("text", ""),)),
    )
    assert sample.prompt == "First:\n<video>\nThen:\n<video>\nWhich?"
    assert sample.targets == ("A",)


@pytest.mark.parametrize(
    ("answer", "turns", "prompt"),
    [
        (None, (), "<video>\n Q "),
        ((), (Turn(role="assistant", parts=()),), "<video>\n Q "),
        (
            (text(" Yes"), text(",")),
            (
                Turn(
                    role="assistant",
                    parts=(
                        ("text", " Yes"),
                        ("text", ","),
                    ),
                ),
            ),
            "USER: <video>\n Q \nASSISTANT: Yes,",
        ),
        (
            (text(" ("), text("B", reference="B")),
            (Turn(role="assistant", parts=(("text", " ("), ("text", ""))),),
            "USER: <video>\n Q \nASSISTANT: (",
        ),
    ],
)
def test_the_begun_answer(read, data, answer, turns, prompt):
    sample = read(row(video(), text(" Q "), answer=answer))
    assert sample.turns == (
        Turn(
            role="user",
            parts=(
                ("video", ""),
                ("text", " Q "),
            ),
        ),
        *turns,
    )
    assert sample.prompt == prompt
    assert sample.clip == Clip(source=data / "v.mp4")


def test_a_system_message_and_earlier_turns(read):
    before = [
        {"role": "system", "content": text("Be brief.")},
        {"role": "user", "content": [text("Hello.")]},
        {"role": "assistant", "content": [text(" Hi.", reference=None)]},
    ]
    sample = read(row(video(), text("Who?"), before=before, answer=[text(" It is"), text("", reference="x")]))
    assert sample.prompt == "Be brief.\nUSER: Hello.\nASSISTANT: Hi.\nUSER: <video>\nWho?\nASSISTANT: It is"
    assert [turn.role for turn in sample.turns] == ["system", "user", "assistant", "user", "assistant"]
    assert sample.turns[2].parts == (("text", " Hi."),)


@pytest.mark.parametrize(
    ("item", "said", "span"),
    [
        ({"start_time": 0, "end_time": 2.5}, None, (0.0, 2.5)),
        ({"start_time": None, "frame_indices": None, "time_indices": None, "fps": None}, None, (None, None)),
        ({"end_time": 3}, None, (None, 3.0)),
        ({"start_frame": 5.6, "end_frame": 17}, Selection(first_frame=6, last_frame=17), (None, None)),
        ({"frame_indices": [3, 0, 3]}, Selection(indices=(3, 0, 3)), (None, None)),
        ({"frame_indices": []}, Selection(indices=()), (None, None)),
        ({"time_indices": [0, "1.5"]}, Selection(times=(0.0, 1.5)), (None, None)),
        ({"fps": 2, "min_n_frames": 3}, Selection(fps=2.0, min_frames=3), (None, None)),
        ({"n_frames": 99}, None, (None, None)),
        ({"nframe": None, "mask_boxes": None}, None, (None, None)),
        ({"start_time": 2, "end_time": 2}, None, (2.0, 2.0)),
        ({"start_time": 3, "end_time": 2, "frame_indices": [1]}, Selection(indices=(1,)), (3.0, 2.0)),
        (
            {"start_time": 1, "end_time": 2, "start_frame": 9, "end_frame": 2},
            Selection(first_frame=9, last_frame=2),
            (1.0, 2.0),
        ),
    ],
)
def test_a_choice_of_frames(read, data, item, said, span):
    clip = read(row(video(video_file="a.mp4", **item), text("Q"))).clip
    assert clip == Clip(source=data / "a.mp4", start=span[0], end=span[1], selection=said)


def test_images_are_files_or_frames_of_videos(read, data):
    made = row(image(image_file="p.png"), image(video_file="a.mp4", frame_indices=7), text("Q"))
    clip = read(made).clip
    assert (clip.source, clip.selection) == (data / "p.png", Selection(is_image=True))
    (other,) = clip.more
    assert (other.source, other.selection) == (data / "a.mp4", Selection(is_image=True, indices=(7,)))


def test_an_image_that_is_gone_is_not_replaced_by_the_video_of_the_row(read, data):
    assert read(row(image(image_file="gone.png"), text("Q"))).clip.source == data / "gone.png"


def test_lists_of_frames_keep_their_spans(read, data):
    clip = read(row(video(image_file=["q.png", "p.png"], start_frame=1), text("Q"), vid=None)).clip
    assert clip.source == (data / "q.png", data / "p.png")
    assert clip.selection == Selection(first_frame=1)


def test_limits_of_pixels_are_those_of_all_media(read):
    limits = {"max_pixels": 50_176, "min_pixels": None, "do_padding": False}
    made = row(video(video_file="a.mp4"), image(image_file="p.png"), text("Q"), image_processing_config=limits)
    clip = read(made).clip
    assert clip.selection == Selection(max_pixels=50_176)
    assert clip.more[0].selection == Selection(is_image=True, max_pixels=50_176)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (row(text("Q")), "field 'messages' show no video and no image"),
        (row(video(video_file="a.mp4", fps=0), text("Q")), r"video\.fps' is 0, expected a number above 0"),
        (row(video(video_file="a.mp4", frame_indices=[1.5])), r"video\.frame_indices' is \[1\.5\], expected"),
        (row(video(video_file="a.mp4", frame_indices=3)), r"video\.frame_indices' is 3, expected a list of whole"),
        (row(video(video_file="a.mp4", time_indices=["x"])), r"video\.time_indices' is \[\"x\"\], expected a list"),
        (row(image(image_file=["p.png"])), r"image\.image_file' is a list; an image is one file"),
        (row(image(video_file="a.mp4")), r"image\.frame_indices' must be the number of one frame"),
        (row(image(width=3)), r"image\.image_file' is missing"),
        (row(video(), image_processing_config={"do_crop": True}), r"image_processing_config\.do_crop' is set"),
        (row(video(), image_processing_config={"max_pixels": 9, "min_pixels": 10}), "min_pixels' is 10, more than max"),
        (row(video(), image_processing_config={"max_pixels": 0}), "max_pixels' is 0"),
        (row(video(), video(video_file="a.mp4")), "rows.jsonl:1: no video is named"),
        (
            row(video(video_file="a.mp4", nframe=4)),
            r"1: field 'messages\[0\]\.content\[0\]\.video\.nframe' is none of a vi",
        ),
        (
            row(video(video_file="a.mp4", vidoe_start=0)),
            r"video\.vidoe_start' is none of a video; known are video_file, ",
        ),
        (
            row(image(image_file="p.png", frame_index=3)),
            r"image\.frame_index' is none of an image; known are image_file",
        ),
        (
            row(video(video_file="a.mp4", mask_boxes=[[1, 2, 3, 4]])),
            r"video\.mask_boxes' is set, which is not supported",
        ),
        (row(video(video_file="a.mp4", start_time=5, end_time=4.5)), r"video\.end_time' is 4\.5, before start_time 5;"),
        (row(video(video_file="a.mp4", start_frame=9, end_frame=2)), r"video\.end_frame' is 2, before start_frame 9;"),
        (row(video(), video(video_file="a.mp4", start_time=1, end_time=0)), r"\[1\]\.video\.end_time' is 0, before"),
    ],
)
def test_rows_that_cannot_be_shown_are_errors(read, made, said):
    with pytest.raises(DataError, match=said):
        read(made)


@pytest.mark.parametrize("answer", [None, (), (text(" ("), text("", reference="A"))])
def test_predictions_are_written_into_any_answer(read, tmp_path, answer):
    sample = read(row(video(), text("Q"), answer=answer))
    path = tmp_path / "filled.jsonl"
    assert (
        write_predictions(
            [(sample, Prediction(id=sample.id, prompt="", output="B"))], path, tmp_path / "rows.jsonl", "TV"
        )
        == 1
    )
    last = json.loads(path.read_text(encoding="utf-8"))["messages"][-1]
    assert (last["role"], last["content"][-1]["text"]) == ("assistant", "B")
    if answer:
        ((again, prediction),) = read_predictions(path, "tv", "TV")
        assert (again.turns, again.prompt, prediction.output) == (sample.turns, sample.prompt, "B")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"max_pixels": 0}, r"max_pixels.* is 0, expected a number from 1;"),
        ({"min_pixels": -1}, r"min_pixels.* is -1, expected a number from 0;"),
    ],
)
def test_a_limit_of_pixels_is_named_alone(read, config, said):
    with pytest.raises(DataError, match=said):
        read({**row(video(), text("Who?")), "image_processing_config": config})
