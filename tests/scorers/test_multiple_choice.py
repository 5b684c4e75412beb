import re
from dataclasses import replace

import pytest

from eval.core import OVERALL, Clip, Metric, Prediction, Sample, Score
from eval.errors import DataError
from eval.scorers.multiple_choice import MultipleChoice, read_letter


def sample(number=0, target="A", subset="", options=("x", "y")):
    return Sample(
        id=f"Set_{number}", benchmark="set", subset=subset, clip=Clip(source=()), prompt="?", targets=(target,),
        options=options, cluster=f"video{number}",
    )  # fmt: skip


def answered(output):
    return Prediction(id="Set_0", prompt="?", output=output)


FAILED = Prediction(id="Set_0", prompt="?", output=None, error="no video")


@pytest.mark.parametrize(
    ("output", "tarsier", "tarsier2"),
    [
        ("A", "A", "A"),
        ("(A", "A", "A"),
        ("(A) the left one", "A", "A"),
        ("  \n (C)", "C", "C"),
        ("))((B", "B", "B"),
        ("B.", "B", "B"),
        ("Answer: C", "A", "A"),
        ("The second", "T", "T"),
        ("É", "É", "É"),
        ("Ж", "Ж", "Ж"),
        ("a", None, None),
        ("the answer is A", None, None),
        ("ß", None, None),
        ("", None, None),
        ("   ", None, None),
        ("()", None, None),
        ("\u3000A", "A", "A"),
        ("**A**", None, None),
        ('"A"', None, None),
        ("[A]", None, None),
        ("<error", None, None),
        ("選A", None, None),
        ("（A）", None, None),
        ("\N{MATHEMATICAL BOLD CAPITAL A}", "\N{MATHEMATICAL BOLD CAPITAL A}", "\N{MATHEMATICAL BOLD CAPITAL A}"),
        ("\N{ROMAN NUMERAL ONE}", None, None),  # upper case, but a number
        ("0", None, "A"),
        ("1", "B", "B"),
        ("1) left", "B", "B"),
        ("(5)", "F", "F"),
        ("6", None, None),
        ("-1", None, None),
        ("\N{SUPERSCRIPT TWO}", None, None),
        ("\N{FULLWIDTH DIGIT ONE}", None, None),
    ],
)
def test_ugly_outputs(output, tarsier, tarsier2):
    assert read_letter(output) == tarsier
    assert read_letter(output, "tarsier2") == tarsier2


def test_a_right_a_wrong_and_an_unreadable_answer():
    right, wrong, invalid = (MultipleChoice().score_one(sample(), answered(text)) for text in ("(A)", "B", "hm"))
    assert (right.status, right.answer, right.values, right.chance, right.reason) == (
        "scored",
        "A",
        {"accuracy": 1.0},
        0.5,
        None,
    )
    assert (wrong.status, wrong.answer, wrong.values) == ("scored", "B", {"accuracy": 0.0})
    assert (invalid.status, invalid.answer, invalid.values) == ("invalid", None, {})
    assert invalid.reason == "no option letter at the beginning of 'hm'"


def test_a_failure_is_no_answer_and_keeps_its_reason():
    score = MultipleChoice().score_one(sample(), FAILED)
    assert (score.status, score.values, score.reason) == ("model_failed", {}, "no video")


def test_targets_in_brackets_are_read_on_branch_tarsier2_only():
    assert MultipleChoice(digits="tarsier2").score_one(sample(target="(A) left"), answered("A")).values == {
        "accuracy": 1.0
    }
    assert MultipleChoice().score_one(sample(target="(A)"), answered("A")).values == {"accuracy": 1.0}


@pytest.mark.parametrize(("target", "options"), [("(A) left", ("x", "y")), ("a", ()), ("C", ("x", "y")), ("AB", ())])
def test_an_answer_to_compare_with_that_is_no_letter_is_refused(target, options):
    said = f"Set_0: the answer to compare with is {target!r}, expected a letter from A to"
    with pytest.raises(DataError, match=re.escape(said)):
        MultipleChoice().score_one(replace(sample(target=target), options=options), answered("A"))


def test_a_withheld_target_is_an_error():
    with pytest.raises(DataError, match="Set_0: no target"):
        MultipleChoice().score_one(sample(target=""), answered("A"))


def score(subset, status, value=None, chance=0.25):
    values = {} if value is None else {"accuracy": value}
    return Score(
        id="x", subset=subset, cluster="", status=status, answer=None, target="A", values=values, chance=chance
    )


def by_key(metrics):
    return {(metric.name, metric.accounting, metric.subset): metric for metric in metrics}


def test_one_accuracy_where_there_are_no_subsets():
    scores = [score("", "scored", 1.0), score("", "scored", 0.0), score("", "invalid"), score("", "model_failed")]
    upstream, strict = MultipleChoice(headline="macro").aggregate(scores)
    # All of one video: no error can be told.
    # upstream: 1 of 2; with the failed one wrong 1 of 3, right 2 of 3. strict: 1 of 4; 1 of 4, 2 of 4.
    assert upstream == Metric(
        name="accuracy", accounting="upstream", subset=OVERALL, value=1 / 2, n=2, n_invalid=1, n_failed=1,
        average="micro", lower=1 / 3, upper=2 / 3, chance=0.25, n_clusters=1,
    )  # fmt: skip
    assert strict == Metric(
        name="accuracy", accounting="strict", subset=OVERALL, value=1 / 4, n=4, n_invalid=1, n_failed=1,
        average="micro", lower=1 / 4, upper=2 / 4, chance=0.25, n_clusters=1,
    )  # fmt: skip


SUBSETS = [
    *(score("a", "scored", 1.0) for _ in range(3)),
    score("a", "scored", 0.0, chance=0.5),
    score("b", "scored", 0.0),
    score("b", "invalid"),
    score("c", "invalid"),
    score("d", "model_failed"),
]


def test_subsets_in_order_and_both_averages():
    metrics = MultipleChoice(headline="macro").aggregate(SUBSETS)
    names = [(metric.name, metric.subset) for metric in metrics]
    overall = [("accuracy", OVERALL), ("accuracy_macro", OVERALL), ("accuracy_micro", OVERALL)]
    assert names == 2 * [*overall, *(("accuracy", subset) for subset in "abcd")]
    assert [metric.accounting for metric in metrics] == 7 * ["upstream"] + 7 * ["strict"]
    got = by_key(metrics)
    # upstream: a 3/4, b 0/1, c and d have no value. Mean of a and b, and 3 of 5.
    assert got["accuracy_macro", "upstream", OVERALL].value == pytest.approx(3 / 8)
    assert got["accuracy_micro", "upstream", OVERALL].value == pytest.approx(3 / 5)
    assert got["accuracy", "upstream", "c"].value is None
    # strict: a 3/4, b 0/2, c 0/1, d 0/1.
    assert got["accuracy_macro", "strict", OVERALL].value == pytest.approx(3 / 4 / 4)
    assert got["accuracy_micro", "strict", OVERALL].value == pytest.approx(3 / 8)
    # Upstream, d counts only in the bounds: a, b and d.
    assert got["accuracy_macro", "upstream", OVERALL].lower == pytest.approx((3 / 4 + 0 + 0) / 3)
    assert got["accuracy_macro", "upstream", OVERALL].upper == pytest.approx((3 / 4 + 0 + 1) / 3)
    assert got["accuracy_macro", "strict", OVERALL].upper == pytest.approx((3 / 4 + 0 + 0 + 1) / 4)
    # Chance on the same samples: a (3 x 0.25 + 0.5) / 4 = 0.3125, b 0.25.
    assert got["accuracy_macro", "upstream", OVERALL].chance == pytest.approx((0.3125 + 0.25) / 2)
    assert got["accuracy_micro", "upstream", OVERALL].chance == pytest.approx((4 * 0.25 + 0.5) / 5)
    assert (got["accuracy_macro", "strict", OVERALL].n, got["accuracy_macro", "strict", OVERALL].n_failed) == (8, 1)


@pytest.mark.parametrize("headline", ["micro", "macro"])
def test_the_headline_is_the_average_asked_for(headline):
    got = by_key(MultipleChoice(headline=headline).aggregate(SUBSETS))
    assert got["accuracy", "upstream", OVERALL].value == got[f"accuracy_{headline}", "upstream", OVERALL].value
    assert got["accuracy", "upstream", OVERALL].average == headline


def test_unknown_chance_stays_unknown():
    scores = [score("", "scored", 1.0), score("", "scored", 1.0, chance=None)]
    assert [metric.chance for metric in MultipleChoice().aggregate(scores)] == [None, None]


def test_nothing_to_score_has_no_value():
    for metric in MultipleChoice().aggregate([]):
        assert (metric.value, metric.lower, metric.upper, metric.n) == (None, None, None, 0)
    upstream, strict = MultipleChoice().aggregate([score("", "model_failed")])
    assert (upstream.value, upstream.lower, upstream.upper, upstream.n, upstream.n_failed) == (None, 0.0, 1.0, 0, 1)
    assert (strict.value, strict.lower, strict.upper, strict.n, strict.n_failed) == (0.0, 0.0, 1.0, 1, 1)


def question(video, output, domain, target="A"):
    one = Sample(
        id=f"{video}-{output}", benchmark="b", subset="short", clip=Clip(source=()), prompt="", targets=(target,),
        options=("x", "y"), cluster=video, metadata={"domain": domain},
    )  # fmt: skip
    return one, Prediction(id=one.id, prompt="", output=output)


def test_upstream_may_drop_a_video_for_one_invalid_answer():
    scorer = MultipleChoice(whole_videos=True, also_by={"domain": "domain"})
    pairs = [
        question("v1", "A", "Sports"),
        question("v1", "B", "Sports"),
        question("v2", "A", "Law"),
        question("v2", "?", "Law"),
        question("v3", "A)", "Sports"),
    ]
    metrics = by_key(scorer.aggregate(scorer.score(pairs)))
    # Video v2 leaves with both its questions: 2 of 3 are right. strict: 3 of 5.
    upstream = metrics["accuracy", "upstream", OVERALL]
    assert (upstream.value, upstream.n, upstream.n_invalid) == (pytest.approx(2 / 3), 3, 1)
    assert metrics["accuracy", "strict", OVERALL].value == pytest.approx(3 / 5)
    assert metrics["accuracy", "upstream", "domain: Law"].value is None
    assert metrics["accuracy", "strict", "domain: Law"].value == pytest.approx(1 / 2)
    assert metrics["accuracy", "upstream", "domain: Sports"].value == pytest.approx(2 / 3)


UGLY = [
    "A", "(A", "(A) the left one", "  \n (C)", "))((B", "Answer: C", "É", "Ж", "a", "the answer is A, and " * 9, "ß",
    "", "   ", "()", "((( )))  ", "0", "1", "5", "6. F", "\u00a0\u2003D", "日本", "🐒 A", "\ufffd", "<error>", "[A]",
    ". A", "'s B", "(\n" * 60 + "B", "the answer is a long " * 20, "é" * 60, "🐒" * 60, "- A", "Ⅷ", "ⓐ", "ﬁ",
]  # fmt: skip


def after(output, scorer):
    score = scorer.score_one(sample(), answered(output))
    return score.status, score.answer, score.values.get("accuracy")


@pytest.mark.parametrize("digits", ["tarsier", "tarsier2"])
@pytest.mark.parametrize("output", UGLY)
def test_what_is_settled_is_scored_as_the_whole_output(output, digits):
    """Byte by byte, as a byte-level tokenizer gives it, a character that is not whole yet shown as U+FFFD.

    By upstream's rule: a person's reading of a word that comes letter by letter needs the whole of it.
    """
    scorer = MultipleChoice(digits=digits)
    settled = scorer._is_settled
    data = output.encode()
    seen = 0
    for length in range(len(data) + 1):
        text = data[:length].decode(errors="replace")
        bytes_apart = text.rstrip("\ufffd") + "\ufffd" * (length - len(text.rstrip("\ufffd").encode()))
        for shown in (text, bytes_apart if output.isprintable() else text):
            if settled(shown):
                seen += 1
                assert after(shown, scorer) == after(output, scorer), shown
    is_letter = output.strip().strip("()").strip()[1:] == "" and after(output, scorer)[0] == "scored"
    assert seen or not is_letter or output.strip("( )") in "0156"


def test_an_answer_settles_at_its_first_letter_and_prose_goes_on():
    settled = MultipleChoice()._is_settled
    assert [settled(text) for text in ("", " ", "(", "(A", "A", "a", "the")] == [False] * 3 + [True] * 2 + [False] * 2
