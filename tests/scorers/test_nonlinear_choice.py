"""The non-linear rules of Video-MME-v2, with values and readings taken from its authors' code."""

from itertools import product

import pytest

from eval.core import Clip, Prediction, Sample
from eval.errors import DataError
from eval.scorers.nonlinear_choice import NonLinearChoice, evidence

SCORER = NonLinearChoice()
WORTH = {
    "[1, 2, 3, 4]": (0, 1 / 16, 4 / 16, 9 / 16, 1),
    "[1, [2, 3], 4]": (0, 1 / 12, 4 / 12, 7 / 12, 1),
    "[[1, 2], 3, 4]": (0, 1 / 10, 2 / 10, 5 / 10, 1),
}
RELEVANCE = "432321210321210100210100000321210100210100000100000000210100000100000000000000000"
STEPS = {
    "[1, 2, 3, 4]": "434222434111111111434222434000000000000000000000000000434222434111111111434222434",
    "[1, [2, 3], 4]": "434222434222111222434222434000000000000000000000000000434222434222111222434222434",
    "[[1, 2], 3, 4]": "434222434111111111434222434111111111000000000111111111434222434111111111434222434",
}
"""The place in WORTH for all ways in which four questions can be right, wrong or without a letter, in this order."""


def pairs(outputs, sort="logic", structure="[1, 2, 3, 4]", places=(1, 2, 3, 4), n_options=8):
    found = []
    for place, output in zip(places, outputs, strict=True):
        about = {"place": place, "group_type": sort, "group_structure": structure, "level": "2"}
        one = Sample(
            id=f"v-{place}", benchmark="b", subset="", clip=Clip(source=()), prompt="", targets=("A",),
            options=tuple("abcdefgh"[:n_options]), cluster="v", metadata=about,
        )  # fmt: skip
        found.append((one, Prediction(id=one.id, prompt="", output=output)))
    return found


def value(given, accounting="upstream", scorer=SCORER):
    found = {(one.accounting, one.name): one.value for one in scorer.aggregate(scorer.score(given))}
    return found[accounting, "nonlinear_score"]


@pytest.mark.parametrize(
    ("sort", "structure", "steps"),
    [("relevance", "", RELEVANCE), *(("logic", structure, steps) for structure, steps in STEPS.items())],
)
def test_every_group_has_the_value_of_the_authors_code_and_in_strict_no_letter_is_wrong(sort, structure, steps):
    worth = WORTH[structure or "[1, 2, 3, 4]"]
    ways = list(product("AB?", repeat=4))
    expected = {way: worth[int(step)] for way, step in zip(ways, steps, strict=True)}
    for way in ways:
        assert value(pairs(way, sort, structure)) == pytest.approx(expected[way])
        wrong = tuple("B" if one == "?" else one for one in way)
        assert value(pairs(way, sort, structure), "strict") == pytest.approx(expected[wrong])


def test_blind_guesses_at_a_group():
    (relevance, logic) = (
        next(one.chance for one in SCORER.aggregate(SCORER.score(given)))
        for given in (pairs("AAAA", "relevance", n_options=4), pairs("AAAA", n_options=2))
    )
    # The mean of k^2 / 16 with k of 4 at 1/4 each: (variance 3/4 + mean 1) / 16.
    assert relevance == pytest.approx(1.75 / 16)
    # 1, 2, 3 or 4 steps with 1/4, 1/8, 1/16 and 1/16.
    assert logic == pytest.approx((1 / 4 + 4 / 8 + 9 / 16 + 16 / 16) / 16)


@pytest.mark.parametrize(
    ("output", "leaderboard", "tarsier"),
    [
        ("B", "B", "B"),
        ("(C) It", "C", "C"),
        ("The answer is D.", "D", "T"),
        ("Answer: B", "B", "A"),
        ("Final Answer: E", "E", "F"),
        ("the Best option is F", "B", None),
        ("I think (G)", "G", "I"),
        ("none of them", None, None),
        ("The answer", None, "T"),
        ("1", None, "B"),
        ("", None, None),
    ],
)
def test_letters_are_read_as_on_the_leaderboard_or_as_in_other_benchmarks(output, leaderboard, tarsier):
    (first, *_), (other, *_) = (
        scorer.score(pairs([output] * 4)) for scorer in (SCORER, NonLinearChoice(reader="tarsier"))
    )
    assert (first.answer, other.answer) == (leaderboard, tarsier)
    assert (first.status == "scored") == (leaderboard is not None)
    assert SCORER.describe() != NonLinearChoice(reader="tarsier").describe()


@pytest.mark.parametrize(
    ("text", "settled"),
    [("C", True), ("A", False), ("A.", True), ("Answer: ", False), ("Answer: F", False), ("Answer: G", True),
     ("B", False), ("By", True), ("The answer is", False), ("so", False), ("so " * 200, True)],
)  # fmt: skip
def test_an_output_goes_on_while_it_can_become_another_answer(text, settled):
    stop = SCORER.settled()
    assert stop is not None
    assert stop(text) is settled


def test_why_shows_the_letter_behind_a_phrase():
    (first, *_, last) = (pair for pair in pairs(["Final Answer: A", "A", "(A)", "B"]))
    scores = SCORER.score([first, *pairs("AAAB")[1:3], last])
    found = evidence(first[0], "Final Answer: A", scores[0])
    assert (found.why, [(one.start, one.end) for one in found.output]) == (
        "The first letter is A, and the target is A.",
        [(14, 15)],
    )
    told = evidence(last[0], "B", scores[3])
    assert told.why == "The output begins with B, and the target is A. Of its group, nonlinear score: 3 of 4 right."


def test_groups_go_by_place_and_only_whole_ones_have_a_value():
    given = pairs(["A", "A", "B", "B"])
    assert value(given) == value(given[::-1]) == pytest.approx(4 / 16)
    assert value(given[:3]) is None
    assert value(pairs("AAAA", places=(1, 2, 3, 5))) is None


@pytest.mark.parametrize(("sort", "structure"), [("logic", "[1, 2]"), ("", ""), ("other", "[1, 2, 3, 4]")])
def test_a_group_without_a_rule_is_refused(sort, structure):
    with pytest.raises(DataError, match=r"v-4: no rule for a group of type .*; correct its row"):
        SCORER.score(pairs("AAAA", sort, structure))
