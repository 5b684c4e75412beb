import pytest

from eval.errors import DataError


def video(name, *asked):
    return {"id": name, "category": "sports", "questions": [{"question": q, "answer": a} for q, a in asked]}


FILES = {
    "EventHallusion/questions/entire_questions.json": [video("entire_001", ("Is he playing?", "No."))],
    "EventHallusion/questions/interleave_questions.json": [video("interleave_001", ("Any accident?", "Yes."))],
    "EventHallusion/questions/misleading_questions.json": [
        video("misleading_004", ("Is it food?", "No."), ("Does he eat?", "No."))
    ],
    "EventHallusion/videos/interleave/interleave_001.mp4": None,
}


def test_official_files(make, tree):
    data = tree(FILES)
    samples = list(make("eventhallusion", data).samples())
    assert [one.id for one in samples] == [
        "EventHallusion/entire_entire_001_0",
        "EventHallusion/interleave_interleave_001_0",
        "EventHallusion/misleading_misleading_004_0",
        "EventHallusion/misleading_misleading_004_1",
    ]
    assert [one.targets for one in samples] == [("B",), ("A",), ("B",), ("B",)]
    assert [one.subset for one in samples] == ["entire", "interleave", "misleading", "misleading"]
    assert samples[1].prompt == "USER: <video>\nQuestion: Any accident?\n(A) yes\n(B) no\nASSISTANT: Answer: ("
    assert samples[1].clip.source == data / "EventHallusion/videos/interleave/interleave_001.mp4"
    assert samples[2].cluster == samples[3].cluster


def test_another_answer(make, tree):
    rows = [video("entire_001", ("Is he playing?", "Perhaps."))]
    with pytest.raises(DataError, match=r"entire_questions\.json.*is 'perhaps', which is none of the options"):
        list(make("eventhallusion", tree(FILES | {"EventHallusion/questions/entire_questions.json": rows})).samples())
