import pytest

from eval.errors import DataError


def asked(task="AS", answer="Runs.", **more):
    return {"question": "What?", "options": ["Sits.", "Runs.", "Falls."], "correct_answer": answer, "task_type": task,
            **more}  # fmt: skip


VIDEOS = [
    {"video_name": "B7DNX.mp4", "questions": [asked(), asked("CM", "Falls.")]},
    {"video_name": "VR_h_z_35", "questions": [asked("NSM", "Sits.")]},
]


def test_official_file(make, tree):
    data = tree({"FAVOR-Bench/video_perspective.json": VIDEOS, "FAVOR-Bench/videos/B7DNX.mp4": None})
    first, second, third = make("favor-bench", data).samples()
    assert [one.id for one in (first, second, third)] == [
        "FAVOR-Bench/AS_B7DNX_0",
        "FAVOR-Bench/CM_B7DNX_1",
        "FAVOR-Bench/NSM_VR_h_z_35_0",
    ]
    assert [(one.subset, one.targets) for one in (first, second, third)] == [
        ("AS", ("B",)),
        ("CM", ("C",)),
        ("NSM", ("A",)),
    ]
    assert first.prompt == "USER: <video>\nQuestion: What?\n(A) Sits.\n(B) Runs.\n(C) Falls.\nASSISTANT: Answer: ("
    assert [one.clip.exists() for one in (first, second, third)] == [True, True, False]


def test_upstream_rows_in_messages_form(make, tree, messages):
    text = "Question: What?\n(A) Sits.\n(B) Runs."
    tasks = ("AS", "CM", "XX")
    rows = [messages(f"FAVOR-Bench/{task}", n, text, " Answer: (", "B", "B7DNX.mp4") for n, task in enumerate(tasks)]
    samples = list(make("favor-bench", tree({"FAVOR-Bench.jsonl": rows})).samples())
    assert [sample.subset for sample in samples] == list(tasks)
    assert samples[0].options == ("Sits.", "Runs.")


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (asked(answer="Jumps."), r"item 0: field 'questions\[0\]\.correct_answer' is 'Jumps\.', which is none of the"),
        (asked("ZZ"), "item 0: 'ZZ' is not a subset of FAVOR-Bench"),
        (asked(options=["Runs."] * 27), "field 'questions.0..options' lists 27 options"),
    ],
)
def test_bad_items(make, tree, one, said):
    with pytest.raises(DataError, match=said):
        list(make("favor-bench", tree({"video_perspective.json": [{"video_name": "v", "questions": [one]}]})).samples())
