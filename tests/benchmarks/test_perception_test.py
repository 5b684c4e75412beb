from typing import Any

import pytest

from eval.errors import DataError


def asked(number, answer=0, area="physics", reasoning="predictive", **more):
    return {"id": number, "question": "What will happen?", "options": ["Falls.", "Rolls.", "Nothing."],
            "answer_id": answer, "area": area, "reasoning": reasoning, "tag": ["motion", "stability"],
            **more}  # fmt: skip


def filmed(*questions, **metadata):
    about = {"split": "valid", "frame_rate": 30.0, "num_frames": 900, **metadata}
    return {"metadata": about, "mc_question": list(questions)}


QUESTIONS = "PerceptionTest/mc_question_valid.json"
CUTS = "PerceptionTest/cut_frame_mapping_valid.json"
FILES: dict[str, Any] = {
    QUESTIONS: {
        "video_7": filmed(asked(0), asked(3, 2, "memory", "descriptive")),
        "video_10": filmed(asked(0, 1), frame_rate=25.0),
    },
    CUTS: {"video_10": 280, "video_99": 5},
    "PerceptionTest/videos/video_7.mp4": None,
}


def test_official_files(make, tree):
    data = tree(FILES)
    first, second, third = make("perception-test", data).samples()
    assert [one.id for one in (first, second, third)] == [
        "PerceptionTest_video_7_0", "PerceptionTest_video_7_3", "PerceptionTest_video_10_0",
    ]  # fmt: skip
    assert first.prompt == (
        "USER: <video>\nQuestion: What will happen?\n(A) Falls.\n(B) Rolls.\n(C) Nothing.\nASSISTANT: Answer: ("
    )
    assert [one.targets for one in (first, second, third)] == [("A",), ("C",), ("B",)]
    assert [one.subset for one in (first, second, third)] == ["physics", "memory", "physics"]
    assert (second.metadata["reasoning"], second.metadata["tag"]) == ("descriptive", ["motion", "stability"])
    assert first.clip.source == data / "PerceptionTest/videos/video_7.mp4"
    assert first.cluster == second.cluster != third.cluster


def test_a_video_is_cut_before_its_end_gives_the_answer_away(make, tree, caplog):
    ends = [one.clip.end for one in make("perception-test", tree(FILES)).samples()]
    assert ends == [None, None, 11.2]  # frame 280 of 25 a second
    assert not caplog.messages


def test_without_the_cuts_nothing_is_cut(make, tree, caplog):
    data = tree({name: content for name, content in FILES.items() if name != CUTS})
    assert [one.clip.end for one in make("perception-test", data).samples()] == [None] * 3
    assert f"{data / CUTS} is missing: no video is cut" in caplog.text


@pytest.mark.parametrize(
    ("video", "said"),
    [
        (filmed(asked(0, 3)), r"field 'video_10\.mc_question\[0\]\.answer_id' is 3.0, expected the index of one of 3"),
        (filmed(asked(0), frame_rate=None), r"field 'video_10\.metadata\.frame_rate' is missing"),
        (filmed(asked(0), frame_rate=0), r"field 'video_10\.metadata\.frame_rate' is 0, expected frames per second"),
        (filmed(asked(0), asked(0)), "'PerceptionTest_video_10_0' was asked at"),
    ],
)
def test_bad_rows(make, tree, video, said):
    data = tree(FILES | {QUESTIONS: {"video_10": video, "video_11": filmed(asked(0))}})
    with pytest.raises(DataError, match=said):
        list(make("perception-test", data).samples())
    *_, last = make("perception-test", data, skip_malformed=True).samples()
    assert last.id == "PerceptionTest_video_11_0"


@pytest.mark.parametrize(
    ("cuts", "said"),
    [
        ({"video_10": 280, "video_7.mp4": 5}, "field 'video_7.mp4' is a file's name; write videos as in "),
        (
            {"video_98": 280, "video_99": 5},
            r"none of its names \(video_98, video_99\) is a video in .*such as 'video_7'",
        ),
        ({}, r"none of its names \(none\) is a video"),
        ({"video_10": None}, "field 'video_10' is null, expected the number of a frame"),
        ({"video_10": 0}, "field 'video_10' is 0, expected the number of a frame"),
    ],
)
def test_cuts_that_cut_nothing_are_refused(make, tree, cuts, said):
    with pytest.raises(DataError, match=said):
        list(make("perception-test", tree(FILES | {CUTS: cuts})).samples())


def test_a_file_without_questions(make, tree):
    data = tree(FILES | {QUESTIONS: {}})
    with pytest.raises(DataError, match=r"mc_question_valid\.json: no question of split 'valid' in it; fetch it again"):
        list(make("perception-test", data).samples())
