"""Scores corrected by a card: values by hand, and cards that do not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval.analysis.card.card import Card
from eval.analysis.card.correct import check_fits, correction, mismatch, usable
from eval.core import Counts, Result, Score
from eval.errors import ConfigError
from eval.report.footers import corrected
from eval.scorers.autodq import AutoDQ
from eval.scorers.multiple_choice import MultipleChoice
from eval.scorers.open_qa import OpenQA
from eval.stats.clusters import t_quantile
from tests.analysis.card.rows import KnownJudge, answer, write_set
from tests.analysis.card.test_card import card

PLACE = Path("card.json")


def says(reference: str, prediction: str) -> bool:
    return prediction.startswith("y")


def labelled(kind: str) -> list[dict[str, Any]]:
    """200 items: of 100 with yes 90 are called yes, of 100 with no 20 are."""
    rows = []
    for number in range(200):
        is_yes, said = number < 100, number < 90 or 100 <= number < 120
        prediction = f"{'y' if said else 'n'} {number}"
        if kind == "answer":
            rows.append(answer(number, f"c{number}", "what?", "it", prediction, is_yes))
        else:
            label = {"unit": ("present", "absent"), "fact": ("right", "wrong")}[kind][0 if is_yes else 1]
            rows.append({"id": number, "kind": kind, "reference": "it", "prediction": prediction, "label": label})
    return rows


@pytest.fixture
def cards(tmp_path):
    """Return a function to the card of a kind, of a judge with sensitivity 0.9 and specificity 0.8."""

    def made(kind: str) -> Card:
        write_set(tmp_path / kind, "made", labelled(kind))
        found: Card = card(tmp_path / kind, KnownJudge(says))
        return found

    return made


def identity(scorer: Any) -> dict[str, Any]:
    return dict(scorer(judge=KnownJudge(says)).describe())


def result(scorer: Any, **changes: Any) -> Result:
    about = {"scorer": identity(scorer)}
    plain = Result(
        benchmark="msvd-qa", model="m", judge="known", protocol="native", score_id="0", primary="accuracy",
        complete=True, counts=Counts(total=1, scored=1, invalid=0, model_failed=0, judge_failed=0), metrics=(),
        coverage=(), provenance=about,
    )  # fmt: skip
    return replace(plain, **changes)


def score(number: int, values: dict[str, float], **changes: Any) -> Score:
    plain = Score(
        id=f"s{number}", subset="", cluster=f"v{number}", status="scored", answer="a dog", target="a dog", values=values
    )
    return replace(plain, **changes)


def graded(n: int, right: int) -> list[Score]:
    return [score(i, {"accuracy": float(i < right), "score": 5.0 * (i < right)}) for i in range(n)]


def values_of(found: Any) -> dict[tuple[str, str], float]:
    return {(value.name, value.accounting): value.value for value in found.values}


def test_accuracy_is_corrected_by_the_answers_of_the_card(cards):
    found = correction(cards("answer"), PLACE, result(OpenQA), graded(100, 50), OpenQA.traits)
    assert (found.sensitivity, found.specificity, found.n_items) == (0.9, 0.8, 200)
    assert (found.method, found.kind, found.sets) == ("rogan-gladen", "answer", ("made",))
    # (0.5 + 0.8 - 1) / 0.7; points are no share, and words need no judge.
    assert values_of(found) == {(("accuracy"), a): pytest.approx(0.3 / 0.7) for a in ("upstream", "strict")}


def test_failures_stay_what_they_are(cards):
    failed = [score(100 + i, {}, status="judge_failed") for i in range(50)]
    failed += [score(200 + i, {"accuracy": 0.0, "score": 0.0}, status="model_failed", answer=None) for i in range(50)]
    empty = [score(300 + i, {"accuracy": 0.0, "score": 0.0}, answer=" .") for i in range(50)]
    found = correction(cards("answer"), PLACE, result(OpenQA), [*graded(100, 50), *failed, *empty], OpenQA.traits)
    # 100 of 250 were judged; upstream leaves out the 50 without a verdict, and counts the 100 that are plainly wrong.
    assert values_of(found) == {
        ("accuracy", "upstream"): pytest.approx(100 * 0.3 / 0.7 / 200),
        ("accuracy", "strict"): pytest.approx(100 * 0.3 / 0.7 / 250),
    }


def test_recall_precision_and_f1_over_sources(cards):
    def described(number, source, recall, precision, events=4):
        labels = {"reference": ["entailment"] * events, "prediction": ["entailment"] * 4}
        return score(number, {"recall": recall, "precision": precision}, subset=source, detail={"labels": labels})

    scores = [described(i, "youtube", 0.5, 0.75) for i in range(20)]
    scores += [described(20 + i, "videvo", 0.25, 0.75) for i in range(4)]
    scores += [described(30 + i, "videvo", 1.0, 0.75, events=0) for i in range(4)]
    found = correction(cards("unit"), PLACE, result(AutoDQ), scores, AutoDQ.traits)

    def right(share):
        return (share + 0.8 - 1) / 0.7

    # Mean over two sources; half of the second's references have no events, and a recall of 1 that nobody judged.
    recall = (right(0.5) + (right(0.25) + 1) / 2) / 2
    precision = right(0.75)
    assert {name: value for (name, a), value in values_of(found).items() if a == "strict"} == {
        "f1": pytest.approx(2 * recall * precision / (recall + precision)),
        "recall": pytest.approx(recall),
        "precision": pytest.approx(precision),
    }


def test_labels_of_this_very_run_correct_it_without_rates(cards, tmp_path):
    # The judge calls the first 50 of 100 right. People labelled every other one: 5 of its 25 yes are wrong.
    scores = [replace(one, answer=f"{'y' if i < 50 else 'n'} {i}") for i, one in enumerate(graded(100, 50))]
    rows = [
        {
            **answer(i, f"v{i}", "what?", "it", str(scores[i].answer), 10 <= i < 50),
            "id": f"s{i}",
            "benchmark": "msvd-qa",
        }
        for i in range(0, 100, 2)
    ]
    write_set(tmp_path / "own", "mine", rows)
    own = card(tmp_path / "own", KnownJudge(says))
    found = correction(own, PLACE, result(OpenQA), scores, OpenQA.traits)
    assert (found.method, found.sets, found.n_items) == ("prediction-powered", ("mine",), 50)
    assert values_of(found)["accuracy", "strict"] == pytest.approx(0.5 - 5 / 50)
    # Of another benchmark, or other outputs, they are items like any others.
    for other in (result(OpenQA, benchmark="tgif-qa"), result(OpenQA)):
        changed = scores if other.benchmark == "tgif-qa" else graded(100, 50)
        assert correction(own, PLACE, other, changed, OpenQA.traits).method == "rogan-gladen"


def test_a_card_of_another_kind_is_refused(cards):
    with pytest.raises(ConfigError, match=r"has no items of the kind answer, .*; it has unit\. Make a card"):
        usable(cards("unit"), PLACE, OpenQA.traits)
    with pytest.raises(ConfigError, match="has no items of the kind unit or relation"):
        usable(cards("fact"), PLACE, AutoDQ.traits)
    with pytest.raises(ConfigError, match="are given by no judge"):
        usable(cards("answer"), PLACE, MultipleChoice.traits)


def test_a_judge_no_better_than_chance_is_refused(cards, tmp_path):
    write_set(tmp_path / "chance", "made", labelled("answer"))
    always: Card = card(tmp_path / "chance", KnownJudge(lambda *_: True))
    with pytest.raises(ConfigError, match="not clearly better than chance"):
        usable(always, PLACE, OpenQA.traits)
    write_set(tmp_path / "one-sided", "made", labelled("answer")[:100])
    with pytest.raises(ConfigError, match=r"not clearly better than chance.*cannot be computed"):
        usable(card(tmp_path / "one-sided", KnownJudge(says)), PLACE, OpenQA.traits)


@pytest.mark.parametrize(
    ("part", "changes", "field"),
    [
        ("judge", {"name": "other"}, "judge.name"),
        ("judge", {"revision": "q4"}, "judge.revision"),
        ("protocol", {"name": "hardened"}, "protocol.name"),
        ("protocol", {"wording": {"name": "native", "sha256": "0"}}, "protocol.wording.sha256"),
        ("protocol", {"parser": "native-0"}, "protocol.parser"),
    ],
)
def test_another_judge_protocol_or_wording_is_refused(cards, part, changes, field):
    fits, about = cards("answer"), identity(OpenQA)
    check_fits(fits, PLACE, OpenQA.traits, about)
    other = {**about, part: {**about[part], **changes}}
    with pytest.raises(ConfigError, match=f"card=card.json: the card is of judge known, .* in {field}"):
        check_fits(fits, PLACE, OpenQA.traits, other)
    # After scoring it is told under the table, and the score stays.
    found = correction(fits, PLACE, result(OpenQA, provenance={"scorer": other}), graded(100, 50), OpenQA.traits)
    assert found.values == ()
    assert found.refused is not None
    [line] = corrected(result(OpenQA, corrected=found))
    assert line.startswith("Not corrected for the judge's errors: the card is of judge known")


def test_a_served_judge_is_compared_in_whole_once_it_is_known(cards):
    served = {"name": "m", "provider": "local", "requested": None, "served": "m-1", "revision": "", "takes": None}
    fits, about = replace(cards("answer"), judge=served), identity(OpenQA)
    unknown = {**served, "name": "local", "served": None}
    assert mismatch(fits, {**about, "judge": unknown}) is None
    assert mismatch(fits, {**about, "judge": {**served, "requested": "m", "note": "x"}}) is None
    assert "judge.served" in str(mismatch(fits, {**about, "judge": {**served, "served": "m-2"}}))
    assert "judge.provider" in str(mismatch(fits, {**about, "judge": {**unknown, "provider": "openai"}}))
    assert "judge.revision" in str(mismatch(fits, {**about, "judge": {**unknown, "revision": "q4"}}))


@pytest.mark.parametrize(("right", "said"), [(100, "more"), (3, "less")])
def test_outputs_that_the_card_cannot_explain_are_not_corrected(cards, right, said):
    # Of right answers 90% are called yes, of wrong ones 20%: no outputs are called yes more or less often than that.
    found = correction(cards("answer"), PLACE, result(OpenQA), graded(100, right), OpenQA.traits)
    assert found.values == ()
    [line] = corrected(result(OpenQA, corrected=found))
    assert line.startswith(
        f"Not corrected for the judge's errors: the judge says yes {said} often than this card allows "
        f"(accuracy: {right:.1f}%, and by the card's items at {'most' if right == 100 else 'least'} "
    )
    assert line.endswith("so the card does not fit these outputs.")
    # Within chance of these bounds they are corrected.
    for near in (95, 16):
        assert correction(cards("answer"), PLACE, result(OpenQA), graded(100, near), OpenQA.traits).refused is None


def test_all_right_by_a_small_card_without_errors_is_no_certainty(tmp_path):
    rows = [answer(i, f"c{i}", "what?", "it", f"{'y' if i < 10 else 'n'} {i}", i < 10) for i in range(20)]
    write_set(tmp_path, "made", rows)
    scores = [replace(one, cluster=f"v{i % 5}") for i, one in enumerate(graded(22, 22))]
    metrics = tuple(OpenQA(judge=KnownJudge(says)).aggregate(scores))
    own = next(m for m in metrics if (m.name, m.accounting, m.subset) == ("accuracy", "strict", "overall"))
    made = card(tmp_path, KnownJudge(says))
    found = correction(made, PLACE, result(OpenQA, metrics=metrics), scores, OpenQA.traits).values[0]
    assert found.value == pytest.approx(1)
    assert not found.clipped
    # Five videos, all right: 5 / (5 + t^2), as the table says.
    assert own.interval is not None
    assert found.interval is not None
    assert own.interval[0] == pytest.approx(5 / (5 + t_quantile(4) ** 2))
    assert found.interval == pytest.approx(own.interval)


def test_a_cut_part_marks_the_f1_of_it(cards):
    def described(number):
        labels = {"reference": ["entailment"] * 4, "prediction": ["entailment"] * 4}
        values = {"recall": 0.5, "precision": float(number < 95)}
        return score(number, values, detail={"labels": labels})

    found = correction(cards("unit"), PLACE, result(AutoDQ), [described(i) for i in range(100)], AutoDQ.traits)
    assert {value.name: value.clipped for value in found.values} == {"recall": False, "precision": True, "f1": True}


def test_it_is_told_under_the_table(cards):
    found = correction(cards("answer"), PLACE, result(OpenQA), graded(100, 12), OpenQA.traits)
    value, meaning = corrected(result(OpenQA, corrected=found))
    # (0.12 + 0.8 - 1) / 0.7 is below 0.
    assert value.startswith("Corrected for the judge's errors: accuracy 0.0 (upstream 0.0), cut there [0.0-")
    assert "200 items of the kind answer (made), sensitivity 90.0, specificity 80.0." in value
    assert "assume that the judge errs here as it does on those items" in meaning
    assert corrected(result(OpenQA)) == []
