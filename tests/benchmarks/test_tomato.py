from typing import Any

import pytest

from eval.errors import DataError

TASKS = ("count", "direction", "rotation", "shape&trend", "velocity&frequency", "visual_cues")


def asked(key, answer=1, kind="human"):
    return {"question": "How many?", "options": ["2", "1", "3"], "answer": answer, "key": key, "motion_type": "count",
            "demonstration_type": kind}  # fmt: skip


FILES: dict[str, Any] = {f"TOMATO/data/{task}.json": {} for task in TASKS} | {
    "TOMATO/data/count.json": {"0": asked("0209-03"), "7": asked("0731-00", 2, "object")},
    "TOMATO/data/shape&trend.json": {"0": asked("0209-03", 0)},
    "TOMATO/videos/human/0209-03.mp4": None,
    "TOMATO/videos/object/0209-03.mp4": None,
}


def test_official_files(make, tree):
    data = tree(FILES)
    first, second, third = make("tomato", data).samples()
    assert [one.id for one in (first, second, third)] == ["TOMATO/count_0", "TOMATO/count_7", "TOMATO/shape&trend_0"]
    assert first.prompt == "USER: <video>\nQuestion: How many?\n(A) 2\n(B) 1\n(C) 3\nASSISTANT: Answer: ("
    assert [one.targets for one in (first, second, third)] == [("B",), ("C",), ("A",)]
    assert [one.subset for one in (first, second, third)] == ["count", "count", "shape&trend"]
    # Of two videos with one name, that of its kind; one video is asked about in two tasks.
    assert first.clip.source == data / "TOMATO/videos/human/0209-03.mp4"
    assert first.cluster == third.cluster != second.cluster
    assert not second.clip.exists()


def test_an_answer_that_is_no_option(make, tree):
    with pytest.raises(DataError, match=r"count\.json.*field '0\.answer'"):
        list(make("tomato", tree(FILES | {"TOMATO/data/count.json": {"0": asked("0209-03", 3)}})).samples())
