"""Agreement, kappa, offset and errors, worked out by hand, and the same of the words and of people."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eval.analysis.card import figures as measured
from eval.analysis.card import floors as compared
from eval.analysis.card.figures import Pair, error_counts
from eval.analysis.card.items import read_set
from eval.stats import clustered_mean
from tests.analysis.card.rows import answer, answers, write_set
from tests.conftest import SHARED


def figures(pairs, kind) -> Any:
    return measured.figures(pairs, kind)


def floors(items) -> Any:
    return compared.floors(items)


def people(items) -> Any:
    return compared.people(items)


def published(items) -> Any:
    return compared.published(items)


# human, verdict, cluster: 3 yes yes, 1 yes no, 2 no yes, 4 no no
_PAIRS = [
    ("yes", "yes", "a"), ("yes", "yes", "a"), ("yes", "yes", "b"), ("yes", "no", "b"), ("no", "yes", "b"),
    ("no", "yes", "c"), ("no", "no", "c"), ("no", "no", "d"), ("no", "no", "d"), ("no", "no", "e"),
]  # fmt: skip


def _pairs():
    return [Pair(cluster=cluster, human=human, said=said) for human, said, cluster in _PAIRS]


def test_figures_by_hand():
    found = figures(_pairs(), "answer")
    assert found.table == ((3, 1), (2, 4))
    assert (found.n, found.n_clusters, found.agreement) == (10, 5, 0.7)
    # Chance: 0.4 * 0.5 + 0.6 * 0.5 = 0.5, so kappa is (0.7 - 0.5) / 0.5.
    assert found.kappa == pytest.approx(0.4)
    assert found.offset.value == pytest.approx(0.1)
    assert (found.false_yes.value, found.false_yes.n) == (pytest.approx(2 / 6), 6)
    assert (found.false_no.value, found.false_no.n) == (pytest.approx(1 / 4), 4)
    moved = clustered_mean([float(s == "yes") - float(h == "yes") for h, s, _ in _PAIRS], [c for _, _, c in _PAIRS])
    assert found.offset.interval == (moved.low, moved.high)
    assert found.kappa_interval[0] < 0.4 < found.kappa_interval[1]


def test_a_cluster_counts_what_a_correction_resamples():
    # a: 2 of 2 yes; b: 1 of 2 yes, 0 of 1 no; c: 1 of 2 no; d: 2 of 2 no; e: 1 of 1 no.
    expected = [[0, 0, 1, 1, 1], [0, 0, 1, 2, 1], [0, 0, 2, 2, 1], [1, 2, 0, 1, 1], [2, 2, 0, 0, 1]]
    assert error_counts(_pairs(), "yes") == expected
    twice = [Pair(cluster=pair.cluster, human=pair.human, said=pair.said, stratum=s) for s in "xy" for pair in _pairs()]
    assert error_counts(twice, "yes") == [[*counts, 2] for *counts, _ in expected]


def test_three_labels_agree_only_where_they_are_the_same():
    said = [("entailment", "entailment"), ("neutral", "contradiction"), ("contradiction", "neutral"), ("neutral",) * 2]
    found = figures([Pair(cluster=str(i), human=h, said=s) for i, (h, s) in enumerate(said)], "relation")
    assert found.agreement == 0.5
    # Chance: (1*1 + 2*2 + 1*1) / 16 = 0.375.
    assert found.kappa == pytest.approx((0.5 - 0.375) / 0.625)
    assert (found.offset.value, found.false_yes.value, found.false_no.value) == (0, 0, 0)


def test_nothing_has_no_figures():
    found = figures([], "unit")
    assert (found.n, found.agreement, found.kappa, found.offset, found.false_yes) == (0, None, None, None, None)
    one_sided = figures([Pair(cluster=c, human="present", said="present") for c in "ab"], "unit")
    assert (one_sided.agreement, one_sided.kappa, one_sided.false_yes) == (1, None, None)


def test_words_as_floors(tmp_path):
    one = read_set("qa", write_set(tmp_path, "qa", answers()))
    contains, overlap = floors(one.items)
    # Contained: Ann, Ann B., 2 dogs: right all six times.
    assert (contains.agreement, contains.kappa) == (1, 1)
    assert (overlap.agreement, overlap.note) == (1, "from 100% of the words, the best threshold")


def test_people_and_published_verdicts(tmp_path):
    rows = answers()
    for row, humans in zip(
        rows, [(True, True), (True, False), (False, False), (True, True, False), (True,), ()], strict=True
    ):
        row["humans"] = list(humans)
    for row, said in zip(rows[:4], [True, True, True, False], strict=True):
        row["judges"] = {"old": said}
    one = read_set("qa", write_set(tmp_path, "qa", rows))
    [two] = people(one.items)
    # yes-yes, yes-no, no-no, yes-yes: chance is 0.75 * 0.5 + 0.25 * 0.5.
    assert (two.name, two.n, two.agreement, two.kappa) == ("two people", 4, 0.75, pytest.approx(0.5))
    [old] = published(one.items)
    # Of four items: right, right, false yes, false no; people say yes three times, and so does it.
    assert (old.name, old.n, old.agreement, old.offset) == ("old", 4, 0.5, 0)
    assert old.kappa == pytest.approx((0.5 - 0.625) / 0.375)


def test_a_crowd(tmp_path):
    rows = [
        {"id": i, "kind": "relation", "reference": "a", "prediction": "b", "label": label, "counts": counts}
        for i, (label, counts) in enumerate(
            [("entailment", {"entailment": 3, "neutral": 1}), ("neutral", {"neutral": 2, "contradiction": 2})]
        )
    ]
    two, one = people(read_set("crowd", write_set(tmp_path, "crowd", rows)).items)
    # Pairs of four people that agree: 3 of 6, and 2 of 6; labels in all: 3, 3, 2 of 8.
    assert (two.agreement, two.kappa) == (pytest.approx(5 / 12), pytest.approx((5 / 12 - 22 / 64) / (1 - 22 / 64)))
    assert one.agreement == pytest.approx((0.75 + 0.5) / 2)


@pytest.mark.skipif(not (SHARED / "data" / "judges").is_dir(), reason="labelled sets are not at hand")
def test_published_verdicts_on_the_sets_at_hand():
    path = SHARED / "data" / "judges" / "nq301" / "dev.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for found in published(read_set("nq301", path).items):
        both = [(row["label"], row["judges"][found.name]) for row in rows if found.name in row["judges"]]
        n, yes, said = len(both), sum(h for h, _ in both), sum(s for _, s in both)
        agreed, chance = sum(h == s for h, s in both) / n, (yes * said + (n - yes) * (n - said)) / n**2
        assert (found.n, found.agreement) == (n, pytest.approx(agreed))
        assert found.kappa == pytest.approx((agreed - chance) / (1 - chance))
        assert found.offset == pytest.approx((said - yes) / n)


def test_an_answer_that_has_a_reference_among_several(tmp_path):
    rows = [answer(0, "q", "who?", ["Ann", "Bob"], "it is bob", True), answer(1, "r", "who?", ["Ann"], "cy", False)]
    contains = floors(read_set("qa", write_set(tmp_path, "qa", rows)).items)[0]
    assert contains.agreement == 1
