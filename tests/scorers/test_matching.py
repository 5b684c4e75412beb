import pytest

from eval.judges.words import alike, words
from eval.scorers.matching import MATCHES, compare, says_nothing


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The man's red-hot car, a 2.5 m one!", ("man's", "red", "hot", "car", "2.5", "m", "one")),
        ("  ＡＢＣ\tÉté ", ("abc", "été")),
        ("it’s snake_case", ("it's", "snake", "case")),
        ("... — !", ()),
        ("", ()),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("men", "man"), ("playing", "play"), ("cutting", "cut"), ("sitting", "sat"), ("leaves", "leaf"), ("ran", "run"),
        ("shot", "shoot"), ("knives", "knife"), ("two", "2"), ("rode", "riding"), ("dog's", "dogs"), ("xyzzy", "xyzzy"),
    ],
)  # fmt: skip
def test_inflected_words_are_alike(one, other):
    assert alike(one, other)
    assert alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [("man", "woman"), ("car", "caring"), ("red", "read"), ("two", "three"), ("bus", "but"), ("star", "staring")],
)
def test_other_words_are_not(one, other):
    assert not alike(one, other)


@pytest.mark.parametrize(
    ("output", "target", "found"),
    [
        ("Dog.", "dog", "elc"),
        ("a dog", "the dog", "elc"),
        ("dogs", "dog", "lc"),
        ("two dogs", "2 dog", "lc"),
        ("dog two", "two dog", ""),
        ("In the video, a man is playing the guitar.", "play guitar", "c"),
        ("In the video, a man is there.", "someone", ""),
        ("concatenation", "cat", ""),
        ("not a dog", "dog", "c"),
        ("9.75", "9.75", "elc"),
        ("", "dog", ""),
        ("dog", "...", ""),
        ("...", "...", ""),
    ],
)
def test_comparisons(output, target, found):
    assert compare(output, target) == {name: float(name[0] in found) for name in MATCHES}


@pytest.mark.parametrize(
    ("output", "empty"),
    [("", True), (" .\n", True), ("🙂", True), ("Is it red", True), ("is it red? yes", False), ("no", False)],
)
def test_outputs_that_say_nothing(output, empty):
    assert says_nothing(output, "Is it red?") is empty
