import random
import time
from collections import Counter

import pytest

from eval.judges.calls import JudgeCall
from eval.judges.offline import OfflineJudge
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


def plainly(output, target):
    """Compare as the definition has it: each place of the output with the whole target."""
    said, wanted = words(output), words(target)
    rows = [said[start : start + len(wanted)] for start in range(len(said) - len(wanted) + 1)] if wanted else []
    found = [row for row in rows if all(alike(a, b) for a, b in zip(row, wanted, strict=True))]
    return {
        "exact_match": float(bool(wanted) and said == wanted),
        "lemma_match": float(len(said) == len(wanted) and bool(found)),
        "contained": float(bool(found)),
    }


# Alike is not transitive: "saw" is a form of "see" and of "saw", "seen" of the first alone.
FORMS = (
    "saw",
    "see",
    "seen",
    "saws",
    "left",
    "leave",
    "leaves",
    "leaf",
    "lefts",
    "two",
    "2",
    "dog",
    "dogs",
    "the",
    ".",
)


def test_it_is_what_the_definition_says():
    rng = random.Random(0)
    found = Counter[str]()
    for _ in range(6000):
        pool = rng.sample(FORMS, rng.choice((1, 2, 3, 6, 15)))
        output, target = (" ".join(rng.choices(pool, k=rng.randrange(most))) for most in (12, 5))
        expected = plainly(output, target)
        assert compare(output, target) == expected, (output, target)
        found.update(name for name, value in expected.items() if value)
    assert min(found[name] for name in MATCHES) > 100


@pytest.mark.parametrize(("said", "wanted"), [("saw", "saw"), ("saw ", "saw "), ("see saw ", "saw see ")])
def test_long_texts_take_no_time_out_of_proportion(said, wanted):
    output, target = f"{said} " * 20_000, f"{wanted} " * 10_000 + "seen leaf"
    compare("warm", "up")
    began = time.process_time()
    assert compare(output, target)["contained"] == 0
    OfflineJudge().ask([graded(target, output)])
    assert time.process_time() - began < 4


def graded(answer, prediction):
    return JudgeCall(
        task="open_qa", sample="s", system="", user="", inputs={"answer": answer, "prediction": prediction}
    )
