"""A judge's card: what is asked, how, and what follows from the verdicts of judges that are known."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from eval.analysis.card.asking import verdicts
from eval.analysis.card.card import read_card
from eval.analysis.card.items import read_sets
from eval.analysis.card.making import card_of
from eval.analysis.card.view import card_page, markdown, notes, tables
from eval.errors import ConfigError, DataError
from eval.judges.protocol import judge_protocol, native_protocol
from eval.judges.scripted import ScriptedJudge
from eval.report.page.page import page_html
from tests.analysis.card.rows import KnownJudge, always_yes, answer, answers, perfect, units, write_set


def card(folder, judge, protocol=None) -> Any:
    sets, asked_by = read_sets(folder), protocol or native_protocol()
    found = {one.name: verdicts(one.items, judge, asked_by) for one in sets}
    return card_of(sets, found, judge=judge.describe(), protocol=asked_by, date="2026-11-30")


@pytest.fixture
def both(tmp_path):
    write_set(tmp_path, "qa", answers())
    write_set(tmp_path, "units", units())
    return tmp_path


def test_answers_are_asked_as_open_questions_and_groups_in_one_call(both):
    judge = always_yes()
    card(both, judge)
    graded = [call for call in judge.calls if call.task == "open_qa"]
    labelled = [call for call in judge.calls if call.task == "entail"]
    assert [call.inputs["answer"] for call in graded] == ["ann", "ann", "ann", "two or 2", "two or 2", "red"]
    assert graded[1].inputs["prediction"] == "ann b."
    assert [call.inputs["events"] for call in labelled] == [
        ["a man opens a door", "a dog runs", "a girl sings"], ["a bird sings"],
    ]  # fmt: skip
    assert labelled[0].inputs["description"] == "a man opens a door. a dog runs."
    assert {call.inputs["side"] for call in labelled} == {"reference"}


def test_a_perfect_judge(both):
    found = card(both, perfect([*answers(), *units()]))
    for one in found.sets:
        assert (one.judge.agreement, one.judge.kappa, one.judge.offset.value) == (1, 1, 0)
        assert (one.judge.false_yes.value, one.judge.false_no.value, one.missing.n) == (0, 0, 0)
    assert [one.recall.value for one in found.sets if one.recall] == [0]
    assert [(one.kind, one.sets) for one in found.kinds] == [("answer", ("qa",)), ("unit", ("units",))]


def test_a_judge_that_always_says_yes(both):
    found = card(both, always_yes())
    qa, of_units = found.sets
    # Three of six answers are right, two of four units are there; one verdict for all leaves kappa undefined.
    assert (qa.judge.agreement, qa.judge.kappa, qa.judge.offset.value) == (0.5, None, 0.5)
    assert qa.judge.kappa_interval is None
    assert (qa.judge.false_yes.value, qa.judge.false_no.value) == (1, 0)
    # Recall: one text from 2/3 to 1, the other from 0 to 1.
    assert of_units.recall.value == pytest.approx((1 / 3 + 1) / 2)
    assert (of_units.recall.n, of_units.judge.offset.value) == (2, 0.5)


def test_an_answer_without_words_is_wrong_unasked(tmp_path):
    write_set(tmp_path, "qa", [answer(0, "q", "who?", "Ann", " . ", False), answer(1, "r", "who?", "Ann", "Ann", True)])
    judge = always_yes()
    assert card(tmp_path, judge).sets[0].judge.agreement == 1
    assert len(judge.calls) == 1


def test_what_has_no_verdict_is_apart(both):
    judge = ScriptedJudge(replies={"a0": '{"pred": "yes", "score": 5}', "a1": "what?"})
    found = card(both, judge)
    qa, of_units = found.sets
    assert (qa.judge.n, qa.judge.agreement, qa.missing.n) == (1, 1, 5)
    assert qa.missing.by_outcome == {"unreadable": 1, "failed": 4}
    assert (of_units.judge.n, of_units.judge.agreement, of_units.missing.n, of_units.recall) == (0, None, 4, None)
    assert found.n_missing == 9
    assert any("5 items without a verdict (1 unreadable, 4 failed)" in note for note in notes(found))


def test_a_protocol_that_does_not_fit_a_kind_says_so_in_its_place(both):
    found = card(both, always_yes(), judge_protocol("autodq-indexed"))
    qa, of_units = found.sets
    assert (qa.judge, qa.unfit) == (None, "not asked: the protocol 'autodq-indexed' is not made for answers")
    assert of_units.judge.n == 4
    assert [one.kind for one in found.kinds] == ["unit"]
    assert "qa: not asked: the protocol" in markdown(found)


def test_false_entailments_and_an_earlier_judge_are_never_human(tmp_path):
    pairs = [
        {"id": i, "kind": "relation", "reference": text, "prediction": "b", "label": "not entailed"}
        for i, text in enumerate(["yes", "no", "no", "no"])
    ]
    old = [{**row, "label": None, "judges": {"old": row["label"]}} for row in answers()]
    write_set(tmp_path, "never", pairs)
    write_set(tmp_path, "old", old)
    judge = KnownJudge(lambda reference, prediction: reference == "yes" or prediction == "ann")
    found = card(tmp_path, judge)
    assert (found.sets, found.kinds) == ((), ())
    [never] = found.false_entailments
    assert (never.rate.value, never.rate.n) == (0.25, 4)
    [continuity] = found.continuity
    # The old judge says yes to three, the new one to the first of them: 4 of 6 alike.
    assert (continuity.earlier, continuity.figures.agreement) == ("old", pytest.approx(4 / 6))
    assert continuity.figures.offset.value == pytest.approx(-2 / 6)
    assert [table.title for table in tables(found)] == ["False entailments", "Continuity with an earlier judge"]
    assert "false no" not in markdown(found)


def test_sets_of_a_kind_are_put_together_and_kinds_never(both):
    write_set(both, "more", [{**row, "label": False} for row in answers()[:2]])
    found = card(both, always_yes())
    [of_answers] = [one for one in found.kinds if one.kind == "answer"]
    assert (of_answers.sets, of_answers.judge.n, of_answers.judge.agreement) == (("more", "qa"), 8, 3 / 8)


def test_the_share_of_a_crowd(tmp_path):
    rows = [
        {"id": 0, "kind": "relation", "reference": "a", "prediction": "b", "label": "neutral",
         "counts": {"neutral": 6, "entailment": 4}},
        {"id": 1, "kind": "relation", "reference": "a", "prediction": "c", "label": "neutral",
         "counts": {"neutral": 10}},
    ]  # fmt: skip
    write_set(tmp_path, "crowd", rows)
    assert card(tmp_path, always_yes()).sets[0].crowd.value == pytest.approx((0.4 + 0) / 2)


def test_relations_are_compared_as_entailment_or_not_too(tmp_path):
    labels = ["entailment", "neutral", "contradiction", "entailment"]
    rows = [
        {"id": i, "kind": "relation", "reference": "a", "prediction": f"{i}", "label": label}
        for i, label in enumerate(labels)
    ]
    write_set(tmp_path, "pairs", rows)
    # It says neutral of all but the first: two of four relations, and three of four as entailment or not.
    [one] = card(tmp_path, KnownJudge(lambda _, prediction: prediction == "0")).sets
    assert (one.judge.agreement, one.entailment.agreement) == (0.5, 0.75)
    assert one.entailment.kappa == pytest.approx((0.75 - 0.5) / 0.5)


def test_a_card_is_read_as_it_was_written(both, tmp_path):
    found = card(both, always_yes())
    path = tmp_path / "card.json"
    path.write_text(json.dumps(asdict(found)))
    assert read_card(path) == (found, path)
    assert read_card(tmp_path)[0] == found
    for text, said in (
        ('{"version": 0}', "is no card of this version"),
        ("{", "cannot be read as JSON"),
        (json.dumps({**asdict(found), "sets": 1}), "is no sound card: sets: it is 1, expected"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=said):
            read_card(path)
    with pytest.raises(ConfigError, match="there is no such file"):
        read_card(tmp_path / "none.json")


def _with(changes: dict[str, Any], figures: dict[str, Any]) -> Any:
    return lambda one: {**one, **changes, "judge": {**one["judge"], **figures}}


@pytest.mark.parametrize(
    ("edited", "said"),
    [
        (lambda one: {**one, "errors": [[2, 1, 0, 1, 1], *one["errors"][1:]]}, "counts more right items than items"),
        (lambda one: {**one, "errors": one["errors"][1:]}, "errors add up to .* and table to"),
        (_with({"kind": "fact"}, {}), "the labels yes, no are not those of the kind fact"),
        (_with({}, {"n": 7}), "7 of 6 items have a verdict, table has 6"),
        (_with({}, {"table": [[6, 0]]}), "table is not of 2 rows and columns"),
        (_with({}, {"n_clusters": 2}), "errors add up to .* in their clusters, and table to .* in 2"),
        (lambda one: {**one, "errors": [[*one["errors"][0][:4], 10**12], *one["errors"][1:]]}, "errors add up to"),
        (
            _with(
                {"errors": [[1, 1, 1, 1, 10**12]], "n_items": 2 * 10**12},
                {"n": 2 * 10**12, "n_clusters": 10**12, "table": [[10**12, 0], [0, 10**12]]},
            ),
            "a card at most 10,000,000",
        ),
        (
            lambda one: {**one, "items": [{"id": "1", "output": "a", "human": True, "judge": False}]},
            "items have other labels and verdicts than table",
        ),
        (lambda one: {**one, "judge": None}, "errors has counts, and the judge was not asked"),
    ],
)
def test_counts_that_contradict_each_other_are_no_card(tmp_path, edited, said):
    write_set(tmp_path, "qa", answers())
    found = asdict(card(tmp_path, perfect(answers())))
    found["sets"] = [edited(json.loads(json.dumps(found["sets"][0])))]
    path = tmp_path / "card.json"
    path.write_text(json.dumps(found))
    with pytest.raises(DataError, match=rf"is no sound card: sets\.0 \(qa\): .*{said}.*make judge-card\.$"):
        read_card(path)


def test_the_page_has_every_number_of_the_card(both):
    found = card(both, always_yes())
    shown = card_page(found)
    assert shown["kind"] == "card"
    assert [table["title"] for table in shown["card"]["tables"]] == ["By kind", "By set", "Recall of a text"]
    assert all(len(row["cells"]) <= len(t["columns"]) for t in shown["card"]["tables"] for row in t["rows"])
    assert page_html(shown).startswith("<!doctype html>")


def test_names_from_outside_are_plain_text_in_markdown(tmp_path):
    write_set(tmp_path, "a|b<i>", answers())
    assert "a\\|b&lt;i>" in markdown(card(tmp_path, always_yes()))
