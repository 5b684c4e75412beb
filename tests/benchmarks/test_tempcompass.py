import pytest

from eval.errors import DataError

OPTIONS = "What is he doing?\nA. dunking\nB. passing. Twice.\nC. nothing"
FILES = {
    "TempCompass/questions/multi-choice.json": {
        "103441": {"action": [{"question": OPTIONS, "answer": "B. passing. Twice."}]},
        "103441_reverse": {"order": [{"question": OPTIONS, "answer": "C. nothing"}]},
    },
    "TempCompass/questions/yes_no.json": {"103441": {"action": [{"question": "Is he dunking?", "answer": "no"}]}},
    "TempCompass/questions/caption_matching.json": {
        "7": {
            "speed": [
                {"question": "Which fits?\nOption 1: Fast: runs.\nOption 2: Slow.", "answer": "Option 1: Fast: runs."},
                {"question": "Which fits?\nCaption A: Fast.\nCaption B: Slow.", "answer": "Caption B: Slow."},
            ]
        }
    },
    "TempCompass/videos/103441.mp4": None,
}


def test_official_files(make, tree):
    data = tree(FILES)
    samples = list(make("tempcompass", data).samples())
    assert [one.id for one in samples] == [
        "TempCompass/multi-choice action_103441_0",
        "TempCompass/multi-choice order_103441_reverse_0",
        "TempCompass/yes_no action_103441_0",
        "TempCompass/caption_matching speed_7_0",
        "TempCompass/caption_matching speed_7_1",
    ]
    assert [one.targets for one in samples] == [("B",), ("C",), ("B",), ("A",), ("B",)]
    assert samples[0].options == ("dunking", "passing. Twice.", "nothing")
    assert samples[2].options == ("yes", "no")
    assert samples[3].options == ("Fast: runs.", "Slow.")
    assert samples[0].prompt.startswith("USER: <video>\nQuestion: What is he doing?\n(A) dunking\n")
    assert (samples[0].subset, samples[3].subset) == ("multi-choice action", "caption_matching speed")
    assert samples[0].cluster == samples[1].cluster == samples[2].cluster != samples[3].cluster
    assert samples[0].clip.source == data / "TempCompass/videos/103441.mp4"


def test_an_answer_that_is_no_line(make, tree):
    rows = {"1": {"action": [{"question": OPTIONS, "answer": "A. passing"}]}}
    with pytest.raises(DataError, match=r"multi-choice\.json.*'1\.action\[0\]\.answer' is 'A\. passing'"):
        list(make("tempcompass", tree(FILES | {"TempCompass/questions/multi-choice.json": rows})).samples())


@pytest.mark.parametrize("blank", ["\n", "\n\n \n"])
def test_blank_lines_are_no_options(make, tree, blank):
    rows = {"1": {"action": [{"question": OPTIONS.replace("\n", f"\n{blank}") + blank, "answer": "A. dunking"}]}}
    first, *_ = make("tempcompass", tree(FILES | {"TempCompass/questions/multi-choice.json": rows})).samples()
    assert first.options == ("dunking", "passing. Twice.", "nothing")
    assert first.targets == ("A",)
    assert first.metadata["question"] == "What is he doing?"


def test_files_without_questions(make, tree):
    data = tree(FILES | {"TempCompass/questions/yes_no.json": {}})
    with pytest.raises(DataError, match=r"yes_no\.json: \{\}, with no questions in it"):
        list(make("tempcompass", data).samples())
    names = [name for name in FILES if name.endswith("json")]
    data = tree({name: {"1": {}} for name in names})
    with pytest.raises(DataError, match=r"multi-choice\.json, .*: no question of split .* in them; fetch them again"):
        list(make("tempcompass", data).samples())
