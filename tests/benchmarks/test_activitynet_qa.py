import collections

import pytest

from eval.errors import DataError

QUESTIONS = [
    {"video_name": "1QI", "question": "is he outdoors", "question_id": "v_1QI_1"},
    {"video_name": "1QI", "question": "what is he doing", "question_id": "v_1QI_2"},
    {"video_name": "-x_y", "question": "what colour is it", "question_id": "v_-x_y_1"},
]
ANSWERS = [
    {"answer": "yes", "type": 3, "question_id": "v_1QI_1"},
    {"answer": "brown", "type": 4, "question_id": "v_-x_y_1"},
    {"answer": "run", "type": 0, "question_id": "v_1QI_2"},
]


def test_official_files(make, tree):
    data = tree({"ActivityNet-QA/dataset/test_q.json": QUESTIONS, "ActivityNet-QA/dataset/test_a.json": ANSWERS,
                 "ActivityNet/videos/v_1QI.mkv": None})  # fmt: skip
    first, second, third = make("activitynet-qa", data).samples()
    assert [(one.targets, one.subset) for one in (first, second, third)] == [
        (("yes",), "yes/no"),
        (("run",), "motion"),
        (("brown",), "colour"),
    ]
    assert first.id == "ActivityNet-QA-test_v_1QI_1"
    assert first.clip.source == data / "ActivityNet/videos/v_1QI.mkv"
    assert third.clip.source.name == "v_-x_y"


def test_upstream_rows_take_the_types_of_the_official_files(make, tree, row):
    rows = [
        row("ActivityNet-QA-test", n, "<video> Q", "yes", f"v_{one['video_name']}", question=one["question"])
        for n, one in enumerate(QUESTIONS)
    ]
    data = tree({"annotations/ActivityNet-QA-test.jsonl": rows, "ActivityNet-QA/v_1QI.webm": None})
    assert {sample.subset for sample in make("activitynet-qa", data).samples()} == {""}
    tree({"ActivityNet-QA/test_q.json": QUESTIONS, "ActivityNet-QA/test_a.json": ANSWERS})
    samples = list(make("activitynet-qa", data).samples())
    assert [sample.subset for sample in samples] == ["yes/no", "motion", "colour"]
    assert samples[0].clip.source == data / "ActivityNet-QA/v_1QI.webm"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (ANSWERS[:2], r"test_q\.json: item 1: field 'question_id' is 'v_1QI_2', without an answer in .*test_a\.json"),
        (
            [*ANSWERS, {"answer": "a", "type": 0, "question_id": "v_z_1"}],
            r"test_a\.json: item 3: field 'question_id' is 'v_z_1', without a question in .*test_q\.json",
        ),
        ([*ANSWERS, ANSWERS[0]], r"test_a\.json: item 3: field 'question_id' is 'v_1QI_1', as at .*item 0"),
        ([ANSWERS[0] | {"type": 9}, *ANSWERS[1:]], "item 0: '9' is not a subset of ActivityNet-QA"),
    ],
)
def test_bad_files(make, tree, answers, said):
    with pytest.raises(DataError, match=said):
        list(make("activitynet-qa", tree({"test_q.json": QUESTIONS, "test_a.json": answers})).samples())


def test_real_files(make, official):
    samples = list(make("activitynet-qa", official).samples())
    assert len(samples) == 8000
    counts = collections.Counter(sample.subset for sample in samples)
    assert [counts[kind] for kind in ("motion", "spatial", "temporal", "yes/no")] == [800, 800, 800, 2094]
    assert set(collections.Counter(sample.cluster for sample in samples).values()) == {10}
