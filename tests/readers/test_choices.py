import json
from pathlib import Path

import pytest

from eval.errors import DataError
from eval.readers.choices import (
    answer_letter,
    check_letter,
    check_options,
    index_letter,
    lettered,
    read_options,
    split_question,
    without_letters,
)
from eval.readers.prompts import OWN, wording
from eval.readers.rows import Row

SHARED = Path(__file__).parents[2].parent / "shared"
ROW = Row({}, "f:1")


def test_prompt_and_back():
    prompt = wording("own", OWN["mvbench"]).ask("Which?", ["left", "", "(B) right"])
    assert prompt == "USER: <video>\nQuestion: Which?\n(A) left\n(B) \n(C) (B) right\nASSISTANT: Answer: ("
    assert read_options(prompt) == ("left", "", "(B) right")


@pytest.mark.parametrize(
    ("prompt", "options"),
    [
        ("Describe (A) the video.", ()),
        ("\n(A) alone\n", ()),
        ("\n(B) x\n(C) y", ()),
        ("\n(A) quoted\n(C) z\n(A) x\n(B) y\nAnswer with the letter.", ("x", "y")),
        ("\n(A)x\r\n(B)  y \r\n", ("x", "y")),
    ],
)
def test_options_are_an_unbroken_run_from_a(prompt, options):
    assert read_options(prompt) == options


def test_letters():
    assert answer_letter(ROW, "y", ["x", "y", "y"]) == "B"
    assert index_letter(ROW, 2.0, ["x", "y", "z"]) == "C"
    with pytest.raises(DataError, match=r"f:1: field 'answer' is 'w', which is none of the options \['x'\]"):
        answer_letter(ROW, "w", ["x"])
    for index in (None, -1, 1, 0.5):
        with pytest.raises(DataError, match="f:1: field 'qa'"):
            index_letter(ROW, index, ["x"], field="qa")


def test_letters_and_options_are_checked():
    assert [check_letter(ROW, given, "xyz") for given in ("B", "(B)", " C. "[:2])] == ["B", "B", "C"]
    for letter in ("D", "b", "", "AB"):
        with pytest.raises(DataError, match=f"f:1: field 'answer' is '{letter}', expected a letter from A to C"):
            check_letter(ROW, letter, "xyz")
    for options in ([], ["x"] * 27):
        with pytest.raises(DataError, match=f"lists {len(options)} options, expected 1 to 26"):
            check_options(ROW, options, "options")
    assert check_options(ROW, ["x"], "options") == ("x",)


@pytest.mark.skipif(not SHARED.exists(), reason="real rows are not here")
@pytest.mark.parametrize("name", ["Next-QA-val-multi_choice", "EgoSchema_subset"])
def test_real_rows_list_five_options(name):
    with (SHARED / "annotations" / "tarsier" / f"{name}.jsonl").open(encoding="utf-8") as file:
        prompts = [json.loads(line)["text"]["prompt"] for line in file]
    assert {len(read_options(prompt)) for prompt in prompts} == {5}
    if name.startswith("Next"):
        for prompt in prompts:
            question = prompt.removeprefix("USER: <video> ").partition("\n(A)")[0]
            # Some options begin or end with a space.
            assert wording("own", OWN["nextqa"]).ask(question, read_options(prompt)).split() == prompt.split()


@pytest.mark.parametrize(
    ("lines", "options"),
    [
        (["A. One.", "B) Two.", " C.Three "], ("One.", "Two.", "Three")),
        (
            ["A. He sits,", "then stands.", "", "B. The U.S. flag,", "U.S. made"],
            ("He sits, then stands.", "The U.S. flag, U.S. made"),
        ),
        (["A.", "One.", "B. Two."], ("One.", "Two.")),
    ],
)
def test_lines_with_letters_and_their_continuations(lines, options):
    assert lettered(ROW, lines, "options") == options


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["B. One."], r"has 'B. One.' as option 1, expected lines that begin with A., B., C., ... in order; correct"),
        (["One.", "A. Two."], "has 'One.' as option 1"),
        (["A. One.", "C. Three."], "has 'C. Three.' as option 2"),
        (["A. One.", "B. Two.", "B. Three."], "has 'B. Three.' as option 3"),
        (["A. One.", "B. Two.", "A. Three."], "has 'A. Three.' as option 3"),
    ],
)
def test_letters_out_of_order(lines, said):
    with pytest.raises(DataError, match=f"f:1: field 'options' {said}"):
        lettered(ROW, lines, "options")


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        (["A. One.", "B) Two."], ("One.", "Two.")),
        (["J. Smith", "A. Jones"], ("J. Smith", "A. Jones")),
        (["A. Jones", "Smith"], ("A. Jones", "Smith")),
        (["A.D. 1", "B.C. 1"], ("A.D. 1", "B.C. 1")),
    ],
)
def test_letters_of_a_list_are_cut_off_if_all_have_theirs(options, texts):
    assert without_letters(ROW, options, "options") == texts


@pytest.mark.parametrize(
    "options", [["A. One.", "C. Two."], ["B. One.", "A. Two."], ["A. One.", "B. Two.", "B. Three."]]
)
def test_letters_of_a_list_that_are_out_of_order_are_refused(options):
    with pytest.raises(DataError, match=r"field 'options' has the letters ., .*, expected A, B, C, \.\.\. in order"):
        without_letters(ROW, options, "options")


def test_options_behind_a_question():
    text = "Which?\nCaption: He sits.\n\nA. One\nB. Two"
    assert split_question(ROW, "q", text) == ("Which?\nCaption: He sits.", ("One", "Two"))
    with pytest.raises(DataError, match=r"f:1: field 'q' lists no options, expected lines that begin with A\., B\."):
        split_question(ROW, "q", "Which?\nThis one?")
    with pytest.raises(DataError, match=r"has 'B\. Two' as option 1"):
        split_question(ROW, "q", "Which?\nB. Two\nA. One")
