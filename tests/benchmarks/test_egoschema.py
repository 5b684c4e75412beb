import collections
import json

import pytest

from eval.core import Prediction
from eval.errors import DataError
from eval.readers.submission import is_withheld, write_submission
from eval.scorers.multiple_choice import read_letter

QUESTIONS = [
    {"q_uid": uid, "question": f"What does c do in {uid}?", **{f"option {n}": f"C does {n}." for n in range(5)}}
    for uid in ("aa-1", "bb-2", "cc-3", "dd-4")
]
ANSWERS = {"bb-2": 3, "dd-4": 0, "aa-1": 4}


def test_official_subset(make, tree):
    data = tree({"EgoSchema/questions.json": QUESTIONS, "EgoSchema/subset_answers.json": ANSWERS,
                 "EgoSchema/videos/bb-2.mp4": None})  # fmt: skip
    first, second, third = make("egoschema", data).samples()
    assert [sample.targets for sample in (first, second, third)] == [("E",), ("D",), ("A",)]
    assert first.id == "EgoSchema_aa-1"
    assert first.prompt == (
        "USER: <video> The camera is worn by the person called c.\nQuestion: What does c do in aa-1?\nOptions:\n"
        "(A) C does 0.\n(B) C does 1.\n(C) C does 2.\n(D) C does 3.\n(E) C does 4.\n"
        "Reply with one option letter.\nASSISTANT: Answer: ("
    )
    assert second.clip.source == data / "EgoSchema/videos/bb-2.mp4"
    assert second.cluster == "bb-2"


def test_the_full_set_ends_in_a_submission(make, tree, tmp_path):
    data = tree({"egoschema/questions.json": QUESTIONS})
    samples = list(make("egoschema", data, split="full").samples())
    assert is_withheld(samples)
    assert not is_withheld(make("egoschema", tree({"egoschema/subset_answers.json": ANSWERS})).samples())
    outputs = ["B) because", "no idea", "F", None]
    pairs = [
        (sample, Prediction(id=sample.id, prompt="", output=output, error=None if output else "missing"))
        for sample, output in zip(samples, outputs, strict=True)
    ]
    to = tmp_path / "out" / "submission.json"
    assert write_submission(pairs, read_letter, to) == ["EgoSchema_bb-2", "EgoSchema_cc-3", "EgoSchema_dd-4"]
    assert json.loads(to.read_text()) == {"aa-1": 1}
    with pytest.raises(DataError, match="a second question about 'aa-1'"):
        write_submission([pairs[0], pairs[0]], read_letter, to)


def test_upstream_rows_of_either_split(make, tree, row):
    prompt = "USER: <video> Q?\n(A) x\n(B) y\nAnswer.\nASSISTANT: Answer: ("
    rows = [row("EgoSchema", n, prompt, response, f"u-{n}") for n, response in enumerate(["A", "B", ""])]
    data = tree({"EgoSchema_subset.jsonl": rows[:2], "EgoSchema_fullset.jsonl": rows[2:]})
    assert [sample.targets for sample in make("egoschema", data).samples()] == [("A",), ("B",)]
    (full,) = make("egoschema", data, split="full").samples()
    assert (full.targets, full.prompt, full.options) == ((), prompt, ("x", "y"))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"questions.json": QUESTIONS}, r"subset_answers\.json is missing beside questions\.json; fetch it too"),
        ({"questions.json": QUESTIONS, "subset_answers.json": {"zz": 1}}, "field 'zz' answers a question that"),
        ({"questions.json": QUESTIONS, "subset_answers.json": {"aa-1": 5}}, "field 'aa-1' is 5.0, expected the index"),
        ({"questions.json": [{"q_uid": "x"}], "subset_answers.json": {"x": 1}}, "item 0: field 'option 0' is missing"),
    ],
)
def test_bad_files(make, tree, files, said):
    with pytest.raises(DataError, match=said):
        list(make("egoschema", tree(files)).samples())


def test_an_unknown_split(make, tmp_path):
    with pytest.raises(DataError, match=r"egoschema has no split 'fullset'\. Did you mean 'full'"):
        list(make("egoschema", tmp_path, split="fullset").samples())


def test_real_rows_agree_with_the_public_answers(make, official):
    samples = list(make("egoschema", official, annotations=str(official.parent / "tarsier")).samples())
    answers = json.loads((official / "egoschema" / "subset_answers.json").read_text())
    assert len(samples) == 500
    assert {sample.cluster: "ABCDE".index(sample.targets[0]) for sample in samples} == answers
    assert collections.Counter(len(sample.options) for sample in samples) == {5: 500}
