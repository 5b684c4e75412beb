"""Groups of questions are scored as one, each counts once, and what lacks questions or outputs is told."""

from dataclasses import asdict, dataclass, replace
from io import StringIO
from types import SimpleNamespace
from typing import cast

import pytest
from rich.console import Console

from eval.analysis.compare.systems import compare_systems
from eval.analysis.compare.view import show_comparison
from eval.analysis.page.run import _metric_traits, _no_value
from eval.analysis.page.samples import is_graded, sample_json
from eval.analysis.plan.comparable import accounting_of
from eval.analysis.plan.precision import precision
from eval.core import Benchmark, Clip, MetricTraits, Prediction, Sample, ScorerTraits
from eval.report.footers import explained
from eval.running.score import score_predictions
from eval.scorers.grouped_choice import GroupedChoice, TextVideoChoice, diagnoses, evidence
from eval.scorers.nonlinear_choice import NonLinearChoice
from tests.analysis.compare.systems import GROUPS, scored

SCORER = TextVideoChoice(also_by={"category": "categories"})
RIGHT = "ABBA"


def pairs(*answers, categories=("object",)):
    """Return the pairs of groups whose answers are given a letter a question; `-` is a model that failed."""
    found = []
    for group, outputs in enumerate(answers):
        for i, output in enumerate(outputs):
            asked = ("text", "video")[i % 4 // 2]
            about = {"asked": asked, "categories": list(categories)}
            one = Sample(
                id=f"{group}_{i}", benchmark="b", subset="", clip=Clip(source=()), prompt="", targets=(RIGHT[i % 4],),
                options=("x", "y"), cluster=str(group), metadata=about,
            )  # fmt: skip
            said, error = (None, "no") if output == "-" else (output, None)
            found.append((one, Prediction(id=one.id, prompt="", output=said, error=error)))
    return found


def metrics(*answers, **more):
    scores = SCORER.score(pairs(*answers, **more))
    return {(one.accounting, one.name, one.subset): one for one in SCORER.aggregate(scores)}


def values(found, accounting="strict", subset="overall"):
    names = ("group_score", "text_score", "video_score", "accuracy")
    return tuple(found[accounting, name, subset].value for name in names)


def test_all_questions_of_a_group_or_of_a_sort_have_to_be_right():
    found = metrics("ABBA", "ABBB", "BBBA", "BABA")
    assert values(found) == values(found, "upstream") == (0.25, 0.5, 0.75, 12 / 16)
    assert values(found, subset="category: object") == values(found)
    group, text, accuracy = (found["strict", name, "overall"] for name in ("group_score", "text_score", "accuracy"))
    assert (group.n, group.n_clusters, text.n, accuracy.n, accuracy.n_clusters) == (4, 4, 4, 16, 4)
    # The error of a mean of 1, 0, 0, 0, whose variance is 1/4.
    assert group.stderr == pytest.approx((0.25 / 4) ** 0.5)
    assert (group.chance, text.chance, accuracy.chance) == (1 / 16, 1 / 4, 1 / 2)


def test_a_reply_without_a_letter_is_wrong_and_a_model_that_failed_leaves_upstream():
    found = metrics("ABBA", "ABB?", "ABB-")
    assert [found[way, "group_score", "overall"].value for way in ("upstream", "strict")] == [1 / 2, 1 / 3]
    assert [found[way, "text_score", "overall"].value for way in ("upstream", "strict")] == [1, 1]
    for way in ("upstream", "strict"):
        one = found[way, "group_score", "overall"]
        assert (one.n_invalid, one.n_failed, one.lower, one.upper) == (1, 1, None, None)
    assert found["strict", "text_score", "overall"].upper == 1


def test_another_reading_of_a_question_is_another_value_of_its_group():
    found = metrics("ABBA", ["A", "B", "B", "the answer is A"], ["A", "B", "B", "-"])
    ways = ("upstream", "strict", "tolerant")
    assert [found[way, "group_score", "overall"].value for way in ways] == [1 / 2, 1 / 3, 2 / 3]


def test_a_group_that_lacks_questions_has_no_value_and_is_counted():
    scores = SCORER.score(pairs("ABBA", "AB", "ABB"))
    found = {(one.accounting, one.name): one for one in SCORER.aggregate(scores)}
    assert (found["strict", "group_score"].value, found["strict", "group_score"].n) == (1, 1)
    assert (found["strict", "text_score"].n, found["strict", "video_score"].n) == (3, 1)
    assert found["strict", "accuracy"].n == 9
    (told,) = diagnoses(scores, SCORER.aggregate(scores))
    assert told.name == "groups without exactly their questions, left out of group score: 2 of 3, a share of"
    assert told.value == pytest.approx(2 / 3)
    assert diagnoses(SCORER.score(pairs("ABBA")), SCORER.aggregate(scores)) == ()
    empty = {one.name: one for one in SCORER.aggregate(SCORER.score(pairs("A")))}
    assert (empty["group_score"].value, empty["group_score"].n, empty["accuracy"].value) == (None, 0, 1)


@pytest.mark.parametrize("given", ["ABBAB", "ABBAABBA"])
def test_a_group_with_more_than_its_questions_is_left_out_and_counted(given):
    scores = SCORER.score(pairs(given, "ABBA"))
    (told,) = diagnoses(scores, SCORER.aggregate(scores))
    assert told.name == "groups without exactly their questions, left out of group score: 1 of 2, a share of"
    assert told.value == 0.5


def test_a_subclass_tells_of_its_groups_without_saying_so():
    @dataclass(frozen=True, slots=True, kw_only=True)
    class AllRight(GroupedChoice):
        traits = ScorerTraits(
            name="x", metrics=(MetricTraits(name="all_right", grouped=True), MetricTraits(name="accuracy"))
        )
        name: str = "x"

        def rules(self, members):
            return {"all_right": (range(2), lambda marks: float(min(marks) == 1))} if len(members) == 2 else {}

    scorer = AllRight()
    assert (scorer.traits.diagnoses, scorer.traits.evidence) == (diagnoses, evidence)
    found = scorer.aggregate(scorer.score(pairs("AB", "AA", "B")))
    assert next(one.value for one in found if (one.name, one.accounting) == ("all_right", "strict")) == 0.5
    assert NonLinearChoice.traits.evidence is not evidence


def test_a_group_is_reported_under_each_of_its_categories():
    found = metrics("ABBA", "ABBB", categories=("action", "cyclical"))
    assert values(found, subset="category: action") == values(found, subset="category: cyclical") == values(found)


def test_the_order_of_the_pairs_does_not_count():
    given = pairs("ABBA", "ABBB", "BBBA")
    assert {(m.name, m.value) for m in SCORER.aggregate(SCORER.score(given[::-1]))} == {
        (m.name, m.value) for m in SCORER.aggregate(SCORER.score(given))
    }


def test_two_systems_are_compared_by_groups(tmp_path):
    def system(name, *answers):
        lines = [asdict(score) for score in SCORER.score(pairs(*answers))]
        return scored(tmp_path / name, lines, scorer=GROUPS, model=name)

    first = system("a", "ABBA", "ABBB", "BBBA", "ABB-", "ABB")
    second = system("b", "ABBB", "ABBA", "ABBA", "ABBA", "ABB")
    changes = {(one.accounting, one.name): one for one in compare_systems(first, second).changes}
    strict, upstream = changes["strict", "group_score"], changes["upstream", "group_score"]
    # Groups 0 to 3 are whole: right in the first is 0, in the second 1, 2 and 3; of 3 the first has no output.
    assert (strict.first, strict.second, strict.n, strict.n_first, strict.n_second) == (1 / 4, 3 / 4, 4, 1, 3)
    assert (upstream.first, upstream.second, upstream.n) == (1 / 3, 2 / 3, 3)
    assert (strict.test, strict.p) == ("mcnemar", 0.625)  # 1 against 3: 2 * (1 + 4) / 16
    assert changes["strict", "accuracy"].n == 19
    compared = compare_systems(first, second)
    assert compared.turned_by == "accuracy"
    out = StringIO()
    show_comparison(compared, console=Console(file=out, width=100))
    assert " samples better in the second, by accuracy:" in out.getvalue()
    # Single questions turned, and not the groups whose values stand at their last.
    assert [one.id for one in compare_systems(first, second).turned] == ["0_3", "1_3", "2_0", "3_3"]


def test_a_page_shows_each_question_as_right_or_wrong_and_what_became_of_its_group():
    given = pairs("ABBB")
    scores, traits = SCORER.score(given), SCORER.traits
    assert is_graded(scores, traits)
    shown = [
        sample_json(sample, said, score, clip=None, traits=traits, graded=True)
        for (sample, said), score in zip(given, scores, strict=True)
    ]
    assert [one["outcome"] for one in shown] == ["right", "right", "right", "wrong"]
    assert shown[0]["why"] == "The output begins with A, as the target is."
    assert shown[3]["why"].endswith(
        "Of its group, text score: 2 of 2 right; video score: 1 of 2 right; group score: 3 of 4 right."
    )
    assert shown[3]["values"] == {"group_score": 0, "text_score": 1, "video_score": 0, "accuracy": 0}


def test_the_interval_to_expect_is_that_of_so_many_groups():
    samples = [sample for sample, _ in pairs(*["ABBA"] * 50)]
    expected = precision([sample for sample in samples if sample.id.endswith("_0")], "accuracy")
    assert expected is not None
    assert precision(samples, "group_score") == replace(expected, metric="group_score")


def test_a_page_without_a_whole_group_says_so():
    given = pairs("ABB")
    _, result = score_predictions(
        given, SCORER, [], benchmark="b", primary="group_score", model="m", provenance={}
    )  # fmt: skip
    assert _no_value(result) == "No group has all of its questions."
    assert [one.value for one in result.diagnoses] == [1]


def test_words_about_the_headline_are_those_of_groups():
    over = "over groups that have all their questions; without a valid answer: as in the authors' code (upstream)"
    assert accounting_of(
        cast("Benchmark", SimpleNamespace(card=SimpleNamespace(metric="group_score"))), macro=False
    ) == (f"group_score, {over}, or nothing earned (strict)")
    told = "A group of questions counts once: in upstream as in its authors' code"
    assert told in explained(frozenset({"upstream"}), iter(["group_score", "accuracy"]))
    assert told not in explained(frozenset({"upstream"}), ["accuracy"])


def test_scores_give_the_same_metrics_when_they_are_read_again(tmp_path):
    scores = SCORER.score(pairs("ABBA", "ABB-", "ABBB"))
    read = scored(tmp_path / "a", [asdict(score) for score in scores], scorer=GROUPS).scores
    assert SCORER.aggregate(list(read.values())) == SCORER.aggregate(scores)


def test_a_page_counts_groups():
    _, result = score_predictions(
        pairs("ABBA"), SCORER, [], benchmark="b", primary="group_score", model="m", provenance={}
    )
    traits = {one["name"]: one for one in _metric_traits(result, SCORER.traits)}
    assert [name for name, one in traits.items() if one.get("grouped")] == ["group_score", "text_score", "video_score"]


def test_the_value_of_a_group_stands_at_the_same_question_in_any_order():
    given = pairs("ABBA", "AAAA", "ABAB")
    forth, back = SCORER.score(given), SCORER.score(given[::-1])
    assert {one.id: one.values for one in forth} == {one.id: one.values for one in back}
    assert SCORER.aggregate(forth) == SCORER.aggregate(back)
