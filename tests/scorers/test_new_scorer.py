"""A new scorer is one module and the yaml that names it: compare, leaderboard and why know it from its traits."""

from __future__ import annotations

import csv
import json

import pytest

from eval.__main__ import main
from eval.api import compare, evaluate, score
from eval.config import PROJECT
from eval.plugins.finding import VARIABLE
from tests.plugins.toys import GRADED

TOY = '''
from dataclasses import dataclass
from typing import ClassVar

from eval.core import MetricTraits, Score, ScorerTraits
from eval.scorers.accounting import averages


@dataclass(frozen=True, slots=True, kw_only=True)
class Toy:
    """Ten points for the answer, less one for each letter too many or too few; and whether it is the answer."""

    traits: ClassVar[ScorerTraits] = ScorerTraits(
        name="toy",
        metrics=(MetricTraits(name="length_points", best=10.0, unit="points"), MetricTraits(name="same")),
    )
    name: str = traits.name

    def describe(self):
        return {"name": self.name}

    def settled(self):
        return None

    def score(self, pairs, population=()):
        return [self._score(*pair) for pair in pairs]

    def _score(self, sample, prediction):
        said, target = (prediction.output or "").strip(), sample.targets[0]
        values = {"length_points": max(0.0, 10.0 - abs(len(said) - len(target))), "same": float(said == target)}
        failed = prediction.output is None
        return Score(
            id=sample.id, subset=sample.subset, cluster=sample.cluster, answer=prediction.output, target=target,
            status="model_failed" if failed else "scored", values={} if failed else values, reason=prediction.error,
        )

    def aggregate(self, scores):
        return [row for each in self.traits.metrics for row in averages(scores, name=each.name, full=each.best)]
'''


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Name a folder with the scorers, and a benchmark for each, on the questions of another."""
    folder = tmp_path / "choices"
    (folder / "benchmark").mkdir(parents=True)
    (folder / "toy.py").write_text(TOY)
    (folder / "toy_judged.py").write_text(GRADED)
    node = (PROJECT / "conf" / "benchmark" / "msvd-qa.yaml").read_text()
    head, _, _ = node.partition("\nscorer:")
    for name, metric, scorer in (
        ("toy-qa", "length_points", "_target_: toy.Toy"),
        ("toy-graded", "right", "_target_: toy_judged.Graded\n  judge: ${judge}\n  protocol: ${protocol}"),
    ):
        text = head.replace("name: msvd-qa", f"name: {name}").replace("metric: accuracy", f"metric: {metric}")
        (folder / "benchmark" / f"{name}.yaml").write_text(f"{text}\nscorer:\n  {scorer}\n")
    monkeypatch.setenv(VARIABLE, str(folder))
    return tmp_path


@pytest.mark.slow
def test_it_is_evaluated_compared_explained_and_listed_by_its_own_traits(toy, capsys):
    said = {"a": ["green"], "b": ["red square"]}
    for name, outputs in said.items():
        (result,) = evaluate(
            "toy-qa", model="scripted", limit=6, out=toy / name, settings={"model.outputs": outputs, "model.name": name}
        )
        rows = [json.loads(line) for line in (toy / name / "predictions.jsonl").read_text().splitlines()]
        points = [max(0, 10 - abs(len(outputs[0]) - len(row["targets"][0]))) for row in rows]
        value = next(
            each.value for each in result.metrics if (each.name, each.accounting) == ("length_points", "strict")
        )
        assert value == pytest.approx(sum(points) / len(points))
        assert f"{value:.2f}" in capsys.readouterr().out
    again = score(toy / "a" / "predictions.jsonl", "toy-qa", out=toy / "again")
    assert again.primary == "length_points"

    comparison = compare(toy / "a", toy / "b")
    changes = {(each.name, each.accounting): each for each in comparison.changes}
    change = changes["length_points", "strict"]
    assert list(changes) == [
        ("length_points", "upstream"), ("same", "upstream"), ("length_points", "strict"), ("same", "strict"),
    ]  # fmt: skip
    assert (change.full, changes["same", "strict"].full) == (10.0, 1.0)
    assert {each.id for each in comparison.turned} == {
        row["id"] for row in rows if abs(5 - len(row["targets"][0])) != abs(10 - len(row["targets"][0]))
    }
    assert main(["compare", "--first", str(toy / "a"), "--second", str(toy / "b")]) == 0
    assert f"length points, strict: {change.difference:+.2f}" in capsys.readouterr().out

    assert main(["leaderboard", "--runs", str(toy / "a"), str(toy / "b"), "--to", str(toy / "table.csv")]) == 0
    listed = [
        row for row in csv.DictReader((toy / "table.csv").read_text().splitlines()) if row["benchmark"] == "toy-qa"
    ]
    assert {row["metric"] for row in listed if row["headline"] == "yes"} == {"length_points"}
    assert f"| a | {change.first:.2f} (" in (toy / "table.md").read_text()
    capsys.readouterr()

    assert main(["why", "--run", str(toy / "a"), "--value", "9.5"]) == 0
    shown = capsys.readouterr().out
    assert f"the run      {change.first:.2f}" in shown
    assert "the other    9.50" in shown
    assert main(["why", "--run", str(toy / "a"), "--value", "11"]) == 2
    assert "length_points is a number from 0 to 10" in capsys.readouterr().err


def test_two_judges_are_compared_by_what_the_scorer_says_of_its_judge(toy, capsys):
    said = {"model.outputs": ["green"], "judge.replies": ['{"pred": "yes", "score": 5}']}
    evaluate("toy-graded", model="scripted", judge="scripted", limit=4, out=toy / "a", settings=said)
    replies = [f'{{"pred": "{grade}", "score": 5}}' for grade in ("yes", "no", "no", "yes")]
    score(toy / "a", "toy-graded", judge="scripted", out=toy / "b", settings={"judge.replies": replies})
    capsys.readouterr()
    assert main(["judge", "compare", "--first", str(toy / "a"), "--second", str(toy / "b")]) == 0
    shown = capsys.readouterr().out
    assert "right 100.0 -> 50.0, offset -50.0" in shown
    assert "agreement 50.0 on 4 opinions" in shown
    assert "2 right -> wrong:" in shown
    assert "0 wrong -> right" in shown


def test_a_scorer_that_is_gone_is_named(toy, capsys, monkeypatch):
    for name in ("a", "b"):
        evaluate("toy-qa", model="scripted", limit=2, out=toy / name, settings={"model.name": name})
    monkeypatch.delenv(VARIABLE)
    capsys.readouterr()
    assert main(["compare", "--first", str(toy / "a"), "--second", str(toy / "b")]) == 2
    assert "'toy' is not a scorer of this version" in capsys.readouterr().err
