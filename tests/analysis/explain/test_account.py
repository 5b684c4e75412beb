"""The arithmetic of an explanation, by hand: ways, steps, what is left, bounds."""

from __future__ import annotations

import pytest

from eval.analysis.explain.account import account_of, named, rescored
from eval.analysis.explain.bounds import Bounded, bounds
from eval.analysis.explain.parts import could_explain
from eval.analysis.explain.target import Target, by_hand
from eval.analysis.explain.ways import (
    ACCOUNTING,
    AVERAGE,
    DIGITS,
    WHOLE,
    MetricKey,
    ScoringVariant,
    VariantScores,
    find,
    ways_of,
)
from eval.core import Clip, Prediction, Sample
from eval.errors import ConfigError
from eval.scorers.multiple_choice import MultipleChoice

ACCURACY = MetricKey(metric="accuracy", subset="overall")
STRICT = {DIGITS: "tarsier", AVERAGE: "macro", ACCOUNTING: "strict"}

OUTPUTS: dict[str, list[str | None]] = {
    "long": ["A", "B", "1", None],
    "short": ["A", "0", "2", "?", "A", "A", "0", "A"],
}
"""All answers are A but that to "1", which is B. `1` is B by either rule; `0` is A by tarsier2's, and no answer by
tarsier's; `2` is C; `?` is none.

            tarsier                      tarsier2
long    2 of 4 strict, 2 of 3 valid      the same
short   4 of 8 strict, 4 of 5 valid      6 of 8 strict, 6 of 7 valid
"""
VALUES = {
    ("tarsier", "macro", "strict"): (2 / 4 + 4 / 8) / 2,
    ("tarsier", "micro", "strict"): 6 / 12,
    ("tarsier", "macro", "upstream"): (2 / 3 + 4 / 5) / 2,
    ("tarsier", "micro", "upstream"): 6 / 8,
    ("tarsier2", "macro", "strict"): (2 / 4 + 6 / 8) / 2,
    ("tarsier2", "micro", "strict"): 8 / 12,
    ("tarsier2", "macro", "upstream"): (2 / 3 + 6 / 7) / 2,
    ("tarsier2", "micro", "upstream"): 8 / 10,
}


def pairs_of(outputs=OUTPUTS, per_video=1):
    found = []
    for subset, said in outputs.items():
        for number, output in enumerate(said):
            sample = Sample(
                id=f"{subset}_{number}",
                benchmark="mvbench",
                subset=subset,
                clip=Clip(source=()),
                prompt="p",
                targets=("B" if output == "1" else "A",),
                cluster=f"{subset} video{number // per_video}",
            )
            error = "gone" if output is None else None
            found.append((sample, Prediction(id=sample.id, prompt="p", output=output, error=error)))
    return found


def marked_of(pairs, *, wholes=(False,), headline="macro"):
    found = []
    for digits in ("tarsier", "tarsier2"):
        for whole in wholes:
            scorer = MultipleChoice(digits=digits, headline=headline, whole_videos=whole)
            choices = {DIGITS: digits, WHOLE: "left out" if whole else "kept"}
            found.append(VariantScores(choices=choices, scores=scorer.score(pairs), scorer=scorer))
    return found


def way_of(ways, choices):
    way = find(ways, choices)
    assert way is not None
    return way


@pytest.fixture(scope="module")
def ways():
    return ways_of(marked_of(pairs_of()), ACCURACY)


def bounded(value=None, population=None, size=None, choices=STRICT):
    marked = marked_of(pairs_of())
    way = way_of(ways_of(marked, ACCURACY), choices)
    target = None if value is None else Target(value=value, rounding=0.0005, metric="accuracy", subset="overall")
    found = bounds(
        Bounded(
            marked=marked[0], wanted=ACCURACY, way=way, choices=choices, population=population, size=size, target=target
        )
    )
    return {part.name: part for part in found}


def test_every_combination_has_its_number(ways):
    found = {(way.choices[DIGITS], way.choices[AVERAGE], way.choices[ACCOUNTING]): way.value for way in ways}
    assert found == pytest.approx(VALUES)
    # What leaves no choice is none: broken videos are kept in all of them.
    assert all(WHOLE not in way.choices for way in ways)
    counts = {tuple(way.choices.values()): (way.n, way.n_invalid, way.n_failed) for way in ways}
    assert counts["tarsier", "micro", "upstream"] == (8, 3, 1)
    assert counts["tarsier2", "micro", "strict"] == (12, 1, 1)


def test_explained_and_unexplained_add_up_to_the_gap(ways):
    account = account_of(way_of(ways, STRICT), ways, 0.9, 0.0005)
    assert account.gap == pytest.approx(0.4)
    assert account.best.value == pytest.approx(0.8)
    steps = [(step.convention, step.before, step.after) for step in account.steps]
    assert steps == [
        ("digits", "tarsier", "tarsier2"),
        ("average", "macro", "micro"),
        ("accounting", "strict", "upstream"),
    ]
    assert [step.move for step in account.steps] == pytest.approx([5 / 8 - 1 / 2, 8 / 12 - 5 / 8, 8 / 10 - 8 / 12])
    assert sum(step.move for step in account.steps) == pytest.approx(account.explained)
    assert account.explained + account.unexplained == pytest.approx(account.gap)
    assert account.unexplained == pytest.approx(0.1)
    assert account.beyond_rounding == pytest.approx(0.0995)
    # Wilson's interval of 8 in 10 reaches beyond 0.9.
    assert account.beyond_interval == 0


def test_the_fewest_changes_that_come_as_close(ways):
    base = way_of(ways, STRICT)
    assert account_of(base, ways, 0.5, 0.0005).steps == ()
    # Micro is 0.5 as well, which changes nothing and so is not chosen; below all of them the run's own is closest.
    account = account_of(base, ways, 0.1, 0.0005)
    assert account.steps == ()
    assert account.unexplained == pytest.approx(-0.4)
    exact = account_of(base, ways, 0.75, 0.0005)
    assert [step.convention for step in exact.steps] == ["average", "accounting"]
    assert exact.unexplained == exact.beyond_rounding == 0


def test_beyond_the_interval():
    base = ScoringVariant(choices={}, value=0.5, low=0.4, high=0.6, n=9, n_invalid=0, n_failed=0)
    assert account_of(base, [base], 0.65, 0.0005).beyond_interval == pytest.approx(0.05)
    assert account_of(base, [base], 0.3, 0.0005).beyond_interval == pytest.approx(-0.1)
    assert account_of(base, [base], 0.45, 0.0005).beyond_interval == 0


def test_single_choices_say_how_much_they_could_explain(ways):
    found = {part.name: part for part, _ in rescored(way_of(ways, STRICT), ways, 0.1)}
    assert list(found) == ["digits", "average", "accounting"]
    assert found["digits"].low == found["digits"].high == pytest.approx(1 / 8)
    assert found["digits"].explains == pytest.approx(0.1)
    assert found["average"].explains == 0
    assert found["accounting"].low == pytest.approx((2 / 3 + 4 / 5) / 2 - 1 / 2)
    away = {part.name: part.explains for part, _ in rescored(way_of(ways, STRICT), ways, -0.1)}
    assert away == {"digits": 0, "average": 0, "accounting": 0}


@pytest.mark.parametrize(
    ("low", "high", "gap", "most"),
    [
        (0.1, 0.1, 0.3, 0.1), (0.5, 0.5, 0.3, 0.3), (-0.1, -0.1, 0.3, 0), (-0.2, 0.1, -0.3, -0.2),
        (-0.5, 0.1, -0.3, -0.3), (None, None, 0.3, None), (0.1, 0.2, None, None), (0.1, 0.2, 0.0, 0.0),
    ],
)  # fmt: skip
def test_what_a_move_could_explain(low, high, gap, most):
    assert could_explain(low, high, gap) == most


def test_ways_of_upstreams_branches(ways):
    conventions = {
        "one": {ACCOUNTING: "upstream", DIGITS: "tarsier", AVERAGE: "macro", WHOLE: "kept"},
        "two": {ACCOUNTING: "upstream", DIGITS: "tarsier2", AVERAGE: "micro"},
    }
    found = {each.name: each.way.value for each in named(ways, way_of(ways, STRICT), conventions)}
    assert found == pytest.approx({"one": (2 / 3 + 4 / 5) / 2, "two": 8 / 10})


def test_bounds_of_failures_and_of_answers_that_were_not_read():
    found = bounded(0.6)
    # The failed sample is one of four of `long`, the three unread ones are of the eight of `short`.
    assert (found["failures"].low, found["failures"].high) == pytest.approx((0, 1 / 4 / 2))
    assert (found["unread answers"].low, found["unread answers"].high) == pytest.approx((0, 3 / 8 / 2))
    assert found["unread answers"].explains == pytest.approx(0.1)
    assert (found["rounding"].low, found["rounding"].high) == (-0.0005, 0.0005)
    assert found["sampling"].low < -0.1
    assert found["sampling"].high > 0.1
    assert "missing samples" not in found


def test_missing_samples_are_bounded_where_it_is_known_which():
    more: dict[str, list[str | None]] = {"long": [*OUTPUTS["long"], "A"], "short": OUTPUTS["short"], "third": ["A"]}
    population = [sample for sample, _ in pairs_of(more)]
    part = bounded(0.6, population)["missing samples"]
    # `long` has 2 of 5 or 3 of 5, `short` 4 of 8, and `third` 0 or 1; the failed sample stays wrong.
    assert part.low == pytest.approx((2 / 5 + 1 / 2 + 0) / 3 - 1 / 2)
    assert part.high == pytest.approx((3 / 5 + 1 / 2 + 1) / 3 - 1 / 2)
    assert bounded(0.6, [sample for sample, _ in pairs_of()]).keys() == bounded(0.6).keys()


def test_missing_samples_of_which_only_the_number_is_known():
    part = bounded(0.6, size=24, choices={**STRICT, AVERAGE: "micro"})["missing samples"]
    assert (part.low, part.high) == pytest.approx((6 / 24 - 1 / 2, 18 / 24 - 1 / 2))
    assert part.kind == "bounded"
    macro = bounded(0.6, size=24)["missing samples"]
    assert (macro.kind, macro.low, macro.explains) == ("unknown", None, None)
    foreign = [sample for sample, _ in pairs_of({"other": ["A"] * 24})]
    assert bounded(0.6, foreign, size=24)["missing samples"].kind == "unknown"


def test_videos_with_an_invalid_answer_left_out_or_kept():
    pairs = pairs_of({"short": ["A", "?", "A", "B"], "long": ["A", "A", "A", "2"]}, per_video=2)
    ways = ways_of(marked_of(pairs, wholes=(False, True), headline="micro"), ACCURACY)
    found = {(way.choices[WHOLE], way.choices[AVERAGE], way.choices[ACCOUNTING]): way.value for way in ways}
    # `?` takes the answer before it along: 1 of 2 are left in `short`, 3 of 4 in `long`.
    assert found["left out", "micro", "upstream"] == pytest.approx(4 / 6)
    assert found["left out", "macro", "upstream"] == pytest.approx((1 / 2 + 3 / 4) / 2)
    assert found["kept", "micro", "upstream"] == pytest.approx(5 / 7)
    assert found["kept", "micro", "strict"] == found["left out", "micro", "strict"] == pytest.approx(5 / 8)


@pytest.mark.parametrize(
    ("text", "metric", "value", "rounding"),
    [("62.6", "accuracy", 0.626, 0.0005), ("63", "f1", 0.63, 0.005), ("3.7", "score", 3.7, 0.05),
     ("141.02", "cider", 1.4102, 0.00005), ("0", "accuracy", 0, 0.005)],
)  # fmt: skip
def test_a_value_by_hand(text, metric, value, rounding):
    found = by_hand(text, metric)
    assert (found.value, found.rounding) == pytest.approx((value, rounding))


@pytest.mark.parametrize(
    ("text", "metric", "said"),
    [("0.626", "accuracy", "times 100, as tables print it: 62.6"), ("many", "f1", "a number from 0 to 100"),
     ("nan", "f1", "a number"), ("120", "accuracy", "0 to 100"), ("6", "score", "0 to 5")],
)  # fmt: skip
def test_what_is_no_value(text, metric, said):
    with pytest.raises(ConfigError, match=said):
        by_hand(text, metric)


def test_the_account_says_how_often_chance_would_meet_such_a_gap():
    def way(value, digits):
        counts = {"n": 10, "n_invalid": 0, "n_failed": 0}
        return ScoringVariant(value=value, choices={"digits": digits}, low=None, high=None, **counts)

    base = way(0.5, "a")
    ways = [base, *(way(value, "b") for value in (0.4, 0.56, 0.6, 0.6))]
    found = account_of(base, ways, 0.6, 0.005)
    assert (found.tried, found.distinct) == (5, 4)
    assert found.explained == pytest.approx(0.1)
    # Of 0.4 to 0.6: half an interval at either end and a whole one around 0.56, of 0.01 each.
    assert found.by_chance == pytest.approx((0.005 + 0.01 + 0.005) / 0.2)
    # Met less closely than by rounding, all that lies as close counts: 0.4 +- 0.02, 0.56 +- 0.02 and 0.6 +- 0.02.
    assert account_of(base, ways, 0.62, 0.005).by_chance == pytest.approx((0.04 + 0.08) / 0.24)
    assert account_of(base, ways, 0.5, 0.005).by_chance is None
