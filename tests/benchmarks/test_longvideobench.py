from typing import Any

import pytest

from eval.errors import DataError


def asked(video, number=0, group=15, right=1, **more):
    return {
        "video_id": video, "question": "When it rains, what falls?", "question_wo_referring_query": "What falls?",
        "candidates": ["A cup.", "A pen.", "A hat."], "correct_choice": right, "id": f"{video}_{number}",
        "topic_category": "NP-News-Programs", "question_category": "T2O", "level": "L2-Relation",
        "video_path": f"{video}.mp4", "subtitle_path": f"{video}_en.json", "duration_group": group,
        "starting_timestamp_for_subtitles": 0, "duration": 12.5, "view_count": 7, **more,
    }  # fmt: skip


FILE = "LongVideoBench/lvb_val.json"
ROWS: list[dict[str, Any]] = [
    asked("86CxyhFV9MI"), asked("86CxyhFV9MI", 1, right=0, candidates=["Yes", 2]), asked("-b", 0, 3600, right=2)
]  # fmt: skip


def test_official_file(make, tree):
    data = tree({FILE: ROWS, "LongVideoBench/videos/86CxyhFV9MI.mp4": None})
    first, second, third = make("longvideobench", data).samples()
    assert [one.id for one in (first, second, third)] == [
        "LongVideoBench_86CxyhFV9MI_0", "LongVideoBench_86CxyhFV9MI_1", "LongVideoBench_-b_0",
    ]  # fmt: skip
    assert first.prompt == (
        "USER: <video>\nQuestion: When it rains, what falls?\n(A) A cup.\n(B) A pen.\n(C) A hat.\nASSISTANT: Answer: ("
    )
    assert [one.targets for one in (first, second, third)] == [("B",), ("A",), ("C",)]
    assert [one.subset for one in (first, second, third)] == ["15", "15", "3600"]
    assert second.options == ("Yes", "2")
    assert (first.metadata["question_category"], first.metadata["topic_category"]) == ("T2O", "NP-News-Programs")
    assert first.clip.source == data / "LongVideoBench/videos/86CxyhFV9MI.mp4"
    assert first.cluster == second.cluster != third.cluster
    assert not third.clip.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"correct_choice": 3}, "field 'correct_choice' is 3.0, expected the index of one of 3 options"),
        ({"correct_choice": None}, "field 'correct_choice' is None, expected the index"),  # the test split has none
        ({"duration_group": 30}, "'30' is not a subset of LongVideoBench"),
        ({"id": "-b_0"}, "'LongVideoBench_-b_0' was asked at"),
    ],
)
def test_bad_rows(make, tree, change, said):
    data = tree({FILE: [ROWS[2], ROWS[0] | change, ROWS[1]]})
    with pytest.raises(DataError, match=rf"lvb_val\.json: item 1: .*{said}"):
        list(make("longvideobench", data).samples())
    left = [one.id for one in make("longvideobench", data, skip_malformed=True).samples()]
    assert left == ["LongVideoBench_-b_0", "LongVideoBench_86CxyhFV9MI_1"]
