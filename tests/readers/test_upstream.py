import json
from dataclasses import replace
from pathlib import Path

import pytest

from eval.core import Clip, Prediction, Sample, Turn
from eval.errors import DataError
from eval.readers.predictions import read_predictions
from eval.readers.upstream import read_upstream
from eval.readers.upstream_export import write_predictions
from eval.readers.videos import VideoIndex

ANNOTATIONS = Path(__file__).parents[2].parent / "shared" / "annotations" / "tarsier"


def row(idx=0, dataset="TV/Move", prediction=None, **more):
    text = {"prompt": "USER: <video>\nQuestion: Q?\n(A) x\n(B) y\nASSISTANT: Answer: (", "response": "A"}
    if prediction is not None:
        text["prediction"] = prediction
    return {"idx": idx, "dataset": dataset, "text": text, "video_file": "<placeholder>", "vid": "v.mp4", **more}


def messages(idx=0, dataset="TV/Move", text="", video=None):
    """The same row as branch tarsier2 writes it."""
    shown = {"type": "video", "video": video or {"video_file": "<placeholder>"}, "text": None, "reference": None}
    user = [shown, {"type": "text", "text": "Question: Q?\n(A) x\n(B) y", "reference": None}]
    assistant = [{"type": "text", "text": " Answer: ("}, {"type": "text", "text": text, "reference": "A"}]
    turns = [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]
    return {"messages": turns, "dataset": dataset, "task": "video/QA", "idx": idx, "vid": "v.mp4"}


@pytest.fixture
def write(tmp_path):
    def to(*rows, name="rows.jsonl"):
        path = tmp_path / name
        path.write_text("\n".join(json.dumps(one) for one in rows), encoding="utf-8")
        return path

    return to


def test_both_branches_give_the_same_sample(write, tmp_path):
    one, other = (read_upstream(write(made), "TV")[0] for made in (row(), messages()))
    samples = [made.sample("tv", made.clip(VideoIndex(tmp_path))) for made in (one, other)]
    assert samples[0] == replace(samples[1], turns=())
    user = Turn(
        role="user",
        parts=(
            ("video", ""),
            ("text", "Question: Q?\n(A) x\n(B) y"),
        ),
    )
    assert samples[1].turns == (user, Turn(role="assistant", parts=(("text", " Answer: ("), ("text", ""))))
    assert samples[0].id == "TV/Move_0"
    assert (samples[0].subset, samples[0].targets, samples[0].options) == ("Move", ("A",), ("x", "y"))
    assert samples[0].cluster == "v.mp4"


def test_a_caption_row_keeps_its_bare_prompt_on_both_branches(write):
    caption = messages()
    caption["messages"][0]["content"][1]["text"] = "Describe."
    caption["messages"][1]["content"] = {"type": "text", "text": "", "reference": "A cat."}
    assert read_upstream(write(caption), "TV")[0].prompt == "<video>\nDescribe."


@pytest.mark.parametrize("response", ["", "  ", [""]])
def test_an_open_question_without_its_answer_is_named_by_its_line(write, response):
    def asked(idx, said, prediction=None):
        text = {"prompt": "USER: <video> Q? who?\nASSISTANT:", "response": said, "question": "who?"}
        return {**row(idx), "text": {**text, **({} if prediction is None else {"prediction": prediction})}}

    for prediction in (None, "a man"):
        path = write(asked(0, "man", prediction), asked(1, response, prediction))
        with pytest.raises(DataError, match=r"rows\.jsonl:2: field 'text\.response' is empty; fill in the answer"):
            read_upstream(path, "TV")


def test_the_answer_to_a_question_with_options_may_be_withheld(write):
    withheld = row()
    withheld["text"] |= {"response": "", "question": "Q?"}
    assert read_upstream(write(withheld), "TV")[0].responses == ("",)


@pytest.mark.parametrize(
    ("start", "end", "span"),
    [(None, None, (None, None)), (0, -1, (None, None)), (1.5, 7, (1.5, 7.0)), (0.0, 7, (None, 7.0))],
)
def test_span(write, start, end, span):
    (first,) = read_upstream(write(row(start_time=start, end_time=end)), "TV")
    (second,) = read_upstream(write(messages(video={"video_file": "x", "start_time": start, "end_time": end})), "TV")
    assert (first.start, first.end) == (second.start, second.end) == span


def test_references_extra_info_and_vid(write):
    made = row(idx=3, vid=7, extra_info={"events": ["e"]})
    made["text"]["response"] = ["a", "b"]
    made["text"]["question"] = "Q?"
    (read,) = read_upstream(write(made), "TV")
    assert (read.responses, read.vid, read.question) == (("a", "b"), "7", "Q?")
    sample = read.sample("tv", read.clip(VideoIndex("/nowhere")))
    assert sample.metadata == {"vid": "7", "question": "Q?", "events": ["e"]}


def test_rows_of_one_data_set_the_first_of_each_and_the_number_dropped(write, caplog):
    first, second = row(0, prediction="A"), row(0, prediction="B")
    path = write(first, row(1, "Other"), second, row(1, prediction="C"), row(0, "TV/Still", prediction="D"))
    read = read_upstream(path, "TV")
    assert [(made.id, made.prediction) for made in read] == [
        ("TV/Move_0", "A"),
        ("TV/Move_1", "C"),
        ("TV/Still_0", "D"),
    ]
    assert "1 repeated rows of TV dropped" in caplog.text


def test_a_folder_is_read_in_order_of_name(write, tmp_path):
    write(row(1, prediction="B"), name="b.jsonl")
    write(row(0, prediction="A"), name="a.jsonl")
    (tmp_path / "notes.txt").write_text("no row")
    assert [sample.id for sample, _ in read_predictions(tmp_path, "tv", "TV")] == ["TV/Move_0", "TV/Move_1"]


def test_no_row_of_the_data_set_lists_what_is_there(write):
    with pytest.raises(DataError, match=r"no row of data set 'TV'. In it: TVB \(2\). .* its rows 'TV', if that is"):
        read_upstream(write(row(0, "TVB/x"), row(1, "TVB")), "TV")
    with pytest.raises(DataError, match=r"no rows in it; give a file with rows of data set 'TV'"):
        read_upstream(write(), "TV")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"idx": None}, r"rows\.jsonl:2: field 'idx' is missing"),
        ({"idx": 1.0}, "field 'idx' is 1.0"),
        ({"dataset": 3}, "field 'dataset' is 3, expected text"),
        ({"text": "x"}, "field 'text' is \"x\", expected an object"),
        ({"text": {}}, r"field 'text\.prompt' is missing"),
        ({"text": {"prompt": " "}}, "is empty"),
        ({"text": {"prompt": "p", "response": {"a": 1}}}, r"field 'text\.response'"),
        ({"text": {"prompt": "p", "prediction": 1}}, r"field 'text\.prediction' is 1"),
        ({"video_file": 5}, "field 'video_file' is 5"),
        ({"video_file": []}, "lists no frames"),
        ({"start_time": "soon"}, "field 'start_time' is \"soon\", expected a finite number"),
        ({"extra_info": [1]}, "field 'extra_info'"),
    ],
)
def test_a_row_that_does_not_fit_is_named(write, change, message):
    with pytest.raises(DataError, match=message):
        read_upstream(write(row(1), {**row(), **change}), "TV")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["messages"][0].update(role="tool"), r"messages\[0\]\.role' is 'tool', expected system, user"),
        (lambda m: m["messages"][0]["content"].pop(0), "field 'messages' show no video and no image"),
        (
            lambda m: m["messages"][0]["content"][0].update(type="audio"),
            r"content\[0\]\.type' is 'audio', expected text",
        ),
        (lambda m: m["messages"][0]["content"][0].update(video=None), r"content\[0\]\.video' is missing"),
        (lambda m: m["messages"][0]["content"][1].pop("text"), r"messages\[0\]\.content\[1\]\.text' is missing"),
    ],
)
def test_messages_that_cannot_be_shown_are_errors(write, change, message):
    made = messages()
    change(made)
    with pytest.raises(DataError, match=message):
        read_upstream(write(made), "TV")


def test_frames_and_filled_in_paths(write, tmp_path):
    frames = tmp_path / "data" / "deep" / "clip1"
    frames.mkdir(parents=True)
    for number in (1, 2):
        (frames / f"{number:05}.jpg").touch()
    video = tmp_path / "data" / "v.mkv"
    video.touch()
    names = ["/elsewhere/clip1/00001.jpg", "/elsewhere/clip1/00002.jpg"]
    rows = [
        row(0, video_file=names, start_time=1, end_time=2),
        row(1, video_file=["00002.jpg"], vid="clip1"),
        row(2, video_file=str(video)),
        row(3, video_file="/elsewhere/v.mp4"),
        row(4, video_file=["<placeholder>"]),
        row(5, video_file="/elsewhere/gone.mp4", vid="gone"),
    ]
    clips = [made.clip(VideoIndex(tmp_path / "data")) for made in read_upstream(write(*rows), "TV")]
    assert clips[0].source == (frames / "00001.jpg", frames / "00002.jpg")
    assert (clips[0].start, clips[0].end) == (None, None)
    assert clips[1].source == (frames / "00002.jpg",)
    assert [clip.source for clip in clips[2:5]] == [video, video, video]
    assert clips[5].source == tmp_path / "data" / "gone"


def test_a_row_without_a_video_is_named(write):
    with pytest.raises(DataError, match=r"rows\.jsonl:1: no video is named"):
        read_upstream(write(row(vid=None)), "TV")[0].clip(VideoIndex("/nowhere"))
    with pytest.raises(DataError, match=r"rows\.jsonl:1: video '\.\./x' leaves"):
        read_upstream(write(row(vid="../x")), "TV")[0].clip(VideoIndex("/nowhere"))


@pytest.mark.parametrize("form", [row, messages])
def test_predictions_are_written_into_the_rows_and_read_back(write, tmp_path, form):
    path = write(form(0), form(1), form(2), form(0, "Other"))
    pairs = [
        (made.sample("tv", made.clip(VideoIndex(tmp_path))), prediction)
        for made, prediction in zip(
            read_upstream(path, "TV"),
            [
                Prediction(id="TV/Move_0", prompt="", output="(B)"),
                Prediction(id="TV/Move_1", prompt="", output=None, error="broken"),
            ],
            strict=False,
        )
    ]
    assert write_predictions(pairs, tmp_path / "new" / "out.jsonl", path, "TV") == 2
    written = [json.loads(line) for line in (tmp_path / "new" / "out.jsonl").read_text().splitlines()]
    if form is row:
        assert written == [row(0, prediction="(B)"), row(1, prediction="<error>")]
    else:
        assert written == [messages(0, text="(B)"), messages(1, text="<error>")]
    read = read_predictions(tmp_path / "new", "tv", "TV")
    assert [sample.id for sample, _ in read] == ["TV/Move_0", "TV/Move_1"]
    assert [prediction.output for _, prediction in read] == ["(B)", None]
    assert "<error>" in (read[1][1].error or "")


def test_predictions_are_written_without_annotations_too(write, tmp_path):
    (made,) = read_upstream(write(row(4, "TV/Two_words")), "TV")
    pair = made.sample("tv", made.clip(VideoIndex(tmp_path))), Prediction(id=made.id, prompt="", output="A")
    write_predictions([pair], tmp_path / "out.jsonl", None, "TV")
    assert json.loads((tmp_path / "out.jsonl").read_text()) == row(4, "TV/Two_words", prediction="A")


def test_rows_of_official_files_carry_what_upstream_reads(tmp_path):
    sample = Sample(
        id="Next-QA-val-multi_choice_4010069381_6",
        benchmark="nextqa",
        subset="C",
        clip=Clip(source=()),
        prompt="<video> why",
        targets=("A",),
        cluster="4010069381",
        metadata={"vid": "4010069381", "question": "why", "kind": "CW"},
    )
    pair = sample, Prediction(id=sample.id, prompt="", output="A")
    write_predictions([pair], tmp_path / "out.jsonl", None, "Next-QA-val-multi_choice")
    assert json.loads((tmp_path / "out.jsonl").read_text()) == {
        "idx": "4010069381_6",
        "dataset": "Next-QA-val-multi_choice",
        "text": {"prompt": "<video> why", "response": "A", "prediction": "A", "question": "why"},
        "video_file": "<placeholder>",
        "vid": "4010069381",
        "extra_info": {"kind": "CW", "vid": "4010069381"},
    }


def test_annotations_of_another_data_set_are_refused(write, tmp_path):
    (made,) = read_upstream(write(row()), "TV")
    pair = made.sample("tv", made.clip(VideoIndex(tmp_path))), Prediction(id=made.id, prompt="", output="A")
    with pytest.raises(DataError, match="no row of sample 'TV/Move_0'"):
        write_predictions([pair], tmp_path / "out.jsonl", write(row(0, "Other")), "TV")


@pytest.mark.skipif(not ANNOTATIONS.exists(), reason="real rows are not here")
@pytest.mark.parametrize(
    ("file", "dataset", "count", "subsets"),
    [
        ("DREAM-1k", "DREAM", 1000, 5),
        ("EgoSchema_subset", "EgoSchema", 500, 1),
        ("MSVD-Caption-test", "MSVD-Caption-test", 670, 1),
        ("MSVD-QA-val", "MSVD-QA-val", 6415, 1),
        ("Next-QA-val-multi_choice", "Next-QA-val-multi_choice", 4996, 1),
    ],
)
def test_every_real_row_is_read(file, dataset, count, subsets):
    rows = read_upstream(ANNOTATIONS / f"{file}.jsonl", dataset)
    assert (len(rows), len({made.subset for made in rows})) == (count, subsets)
    assert all(made.responses and made.vid and not made.files and made.prediction is None for made in rows)
