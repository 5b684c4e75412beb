"""The data of a comparison's page."""

from __future__ import annotations

import pytest

from eval.analysis.compare.page import compare_payload
from eval.analysis.compare.several import compare_several
from eval.analysis.compare.systems import compare_systems
from eval.analysis.judges.opinions import judged_in
from eval.core import Counts
from tests.analysis.compare.systems import DREAM, QA, answers, line, scored


def payload(tmp_path, *runs, accept=()):
    compared = [compare_systems(runs[0], other, accept) for other in runs[1:]]
    return compare_payload(compared, runs, page_folder=tmp_path)


def graded(path, grades, *, judge="j", outputs=None):
    """Graded answers of `(accuracy, score)`, all of the same output unless outputs are given."""
    lines = [
        line(f"Q_{i}", {} if each is None else dict(zip(("accuracy", "score"), each, strict=True)),
             answer=(outputs or {}).get(i, f"output {i}"), status=None if each else "judge_failed")
        for i, each in enumerate(grades)
    ]  # fmt: skip
    scorer = {**QA, "judge": {"name": judge, "model": judge}}
    run = scored(path, lines, scorer=scorer, benchmark="msvd-qa", model=f"by {judge}")
    object.__setattr__(run.result, "judge", judge)
    return run


def test_each_further_run_is_compared_with_the_first(tmp_path):
    first = scored(tmp_path / "a", answers([1, 1, 0, 0]), model="one")
    second = scored(tmp_path / "b", answers([1, 0, 1, 1]), model="two")
    third = scored(tmp_path / "c", answers([0, 0, 0, None]), model="three")
    page = payload(tmp_path, first, second, third)
    assert page["kind"] == "compare"
    assert page["title"] == "one, two, three on MVBench"
    assert [run["model"] for run in page["runs"]] == ["one", "two", "three"]
    assert [(each["first"], each["second"]) for each in page["comparisons"]] == [(0, 1), (0, 2)]
    one, other = page["comparisons"]
    assert (one["gained"], one["lost"]) == (["Q_2", "Q_3"], ["Q_1"])
    assert (other["gained"], other["lost"]) == ([], ["Q_0", "Q_1"])
    strict = next(row for row in one["rows"] if (row["metric"], row["accounting"]) == ("accuracy", "strict"))
    # Three of four turn, two up: McNemar's p is 1.
    assert (strict["first"], strict["second"], strict["difference"], strict["p"]) == (0.5, 0.75, 0.25, 1.0)
    assert (strict["subset"], strict["n"], strict["n_clusters"], strict["p_adjusted"]) == ("overall", 4, 4, None)
    low, high = strict["interval"]
    assert low < 0.25 < high
    assert one["sentence"].startswith("No difference is shown. accuracy, strict: +25.0 [")
    assert one["sentence"].endswith("4 samples of both.")


def test_subsets_have_rows_with_an_adjusted_p(tmp_path):
    sides = [
        scored(tmp_path / name, [*answers(right[:4], subset="x"), *(
            line(f"R_{i}", {"accuracy": float(value)}, subset="y") for i, value in enumerate(right[4:])
        )])
        for name, right in (("a", [0] * 8), ("b", [1, 1, 1, 1, 0, 0, 0, 0]))
    ]  # fmt: skip
    (found,) = payload(tmp_path, *sides)["comparisons"]
    rows = {row["subset"]: row for row in found["rows"] if row["accounting"] == "strict"}
    # Four turn upwards: 2 / 2^4; Holm doubles the smaller of two.
    assert (rows["x"]["p"], rows["x"]["p_adjusted"], rows["x"]["difference"]) == (0.125, 0.25, 1.0)
    assert (rows["y"]["p"], rows["y"]["difference"]) == (1.0, 0.0)


def test_what_differs_and_what_was_accepted_are_caveats(tmp_path):
    first = scored(tmp_path / "a", answers([1, 0]))
    second = scored(tmp_path / "b", answers([1, 1]), split="val")
    object.__setattr__(second.result, "complete", False)
    (found,) = payload(tmp_path, first, second, accept=["split"])["comparisons"]
    assert found["caveats"][0].startswith("NOT ONLY THE MODELS DIFFER, as accepted: split (test -> val).")
    assert f"INCOMPLETE: {tmp_path / 'b'}" in found["caveats"]


def test_two_judges_of_the_same_output_that_differ_are_listed(tmp_path):
    first = graded(tmp_path / "a", [(1.0, 5.0), (1.0, 4.0), (0.0, 1.0), (1.0, 5.0), None])
    second = graded(
        tmp_path / "b", [(1.0, 5.0), (0.0, 2.0), (1.0, 3.0), (0.0, 0.0), (1.0, 5.0)], judge="k", outputs={3: "another"}
    )
    (found,) = payload(tmp_path, first, second, accept=["scorer"])["comparisons"]
    # The first agree, the fourth are about other outputs, and the last has one verdict.
    assert found["judges"] == [
        {"id": "Q_1", "first": "yes (4)", "second": "no (2)"},
        {"id": "Q_2", "first": "no (1)", "second": "yes (3)"},
    ]


def test_events_that_two_judges_label_differently_are_named(tmp_path):
    runs = []
    for name, labels, recall in (("j", ["entailment", "neutral"], 0.5), ("k", ["entailment", "entailment"], 1.0)):
        one = line("D_0", {"recall": recall, "precision": 1.0, "f1": recall}, answer="A dog runs.")
        one["detail"] = {
            "events": {"reference": ["a dog", "it runs"], "prediction": []},
            "labels": {"reference": labels, "prediction": []},
        }
        scorer = {**DREAM, "judge": {"name": name}}
        run = scored(tmp_path / name, [one], scorer=scorer, benchmark="dream-1k")
        object.__setattr__(run.result, "judge", name)
        runs.append(run)
    (found,) = payload(tmp_path, *runs, accept=["scorer"])["comparisons"]
    (verdicts,) = found["judges"]
    assert verdicts["first"].endswith("; it runs: neutral")
    assert verdicts["second"].endswith("; it runs: entailment")
    assert "recall 50.0" in verdicts["first"]


def test_runs_without_a_judge_have_no_verdicts(tmp_path):
    first, second = (scored(tmp_path / name, answers([1, 0])) for name in "ab")
    assert judged_in(first) is None
    assert payload(tmp_path, first, second)["comparisons"][0]["judges"] == []


def test_runs_of_one_name_are_told_by_their_folders(tmp_path):
    first, second = (scored(tmp_path / name / "run", answers([1, 0])) for name in "ab")
    assert [run["name"] for run in payload(tmp_path, first, second)["runs"]] == ["a/run", "b/run"]


@pytest.mark.parametrize("accounting", ["strict", "upstream"])
def test_a_sample_that_is_the_first_runs_alone_is_told(tmp_path, accounting):
    first = scored(tmp_path / "a", answers([1, 0, 1]))
    second = scored(tmp_path / "b", answers([1, 0]))
    (found,) = payload(tmp_path, first, second, accept=["ids"])["comparisons"]
    assert found["sentence"].endswith("2 samples of both, 1 of the first alone left out.")
    assert {row["n"] for row in found["rows"] if row["accounting"] == accounting} == {2}


def test_it_is_said_where_test_and_interval_disagree(tmp_path):
    def run(name, right):
        lines = [
            line(f"Q_{i}_{k}", {"accuracy": float(right if k else 1)}, cluster=f"video {i}")
            for i in range(6)
            for k in (0, 1)
        ]
        return scored(tmp_path / name, lines, model=name)

    # In each of six videos one of two questions turns, all upwards: p is 2 / 2^6. With no loss in six videos the bound
    # of the losses is 3.69 videos of a sixth each, more than the half that is gained.
    (found,) = payload(tmp_path, run("a", 0), run("b", 1))["comparisons"]
    strict = next(row for row in found["rows"] if (row["metric"], row["accounting"]) == ("accuracy", "strict"))
    assert (strict["p"], strict["difference"]) == (0.03125, 0.5)
    assert strict["interval"][0] < 0
    assert found["sentence"].startswith("It is not settled whether the models differ. accuracy, strict: +50.0 [-")
    assert "p and the interval disagree on whether a difference of 0 is ruled out" in found["sentence"]


def test_runs_of_one_model_are_not_called_two_models(tmp_path):
    whole, broken = [1] * 40, [None] * 20 + [1] * 20
    sides = [scored(tmp_path / name, answers(right)) for name, right in (("a", whole), ("b", broken))]
    (found,) = payload(tmp_path, *sides)["comparisons"]
    assert found["sentence"].startswith("The runs differ. accuracy, strict: -50.0")
    assert "The model is the same in both; 0 of 40 samples failed in the first, 20 in the second." in found["sentence"]
    other = scored(tmp_path / "c", answers(broken), model="another")
    (found,) = payload(tmp_path, sides[0], other)["comparisons"]
    assert found["sentence"].startswith("The models differ.")
    assert "The model is the same" not in found["sentence"]


def test_one_checkpoint_in_two_places_is_one_model(tmp_path):
    of = {"name": "m", "files_sha256": "f" * 64, "n_frames": 8}
    first, second, third, unknown = (
        scored(tmp_path / name, answers([1, 0]), **more)
        for name, more in (
            ("a", {"model": "m"}), ("b", {"model": "m"}), ("c", {"model": "m"}), ("d", {"model": "m"}),
        )
    )  # fmt: skip
    for run, about in ((first, {"checkpoint": "/x"}), (second, {"checkpoint": "/y"}), (third, {"n_frames": 16})):
        run.result.provenance["model"] = {**of, **about}
    del unknown.result.provenance["model"]
    assert compare_systems(first, second).same_model
    assert not compare_systems(first, third).same_model
    assert not compare_systems(first, unknown).same_model


def test_the_caveats_of_both_runs_are_told_once_where_they_are_the_same(tmp_path):
    first, second = (scored(tmp_path / name, answers([1, None, None])) for name in "ab")
    for run, failed in ((first, 0), (second, 2)):
        object.__setattr__(
            run.result, "counts", Counts(total=3, scored=3 - failed, invalid=0, model_failed=failed, judge_failed=0)
        )
        object.__setattr__(run.result, "complete", not failed)
        run.result.provenance["read_from"] = {"malformed_rows_skipped": 2}
    (found,) = payload(tmp_path, first, second)["comparisons"]
    assert "Each run: 2 malformed rows of the annotations were left out." in found["caveats"]
    (incomplete,) = [line for line in found["caveats"] if "INCOMPLETE" in line]
    assert incomplete.startswith("Second run: INCOMPLETE: 33.3% of the samples have a result")


def test_benchmarks_are_corrected_for_being_several_and_what_is_left_out_is_named(tmp_path):
    def runs(which, first, second):
        made = [
            scored(tmp_path / which / "mvbench", answers(first), model=which),
            scored(tmp_path / which / "tvbench", answers(second), model=which, benchmark="tvbench"),
        ]
        alone = scored(tmp_path / which / "egoschema", answers([1]), benchmark="egoschema", model=which)
        return [*made, *([alone] if which == "a" else [])]

    one, two = runs("a", [0] * 5, [1] * 5), runs("b", [1] * 5, [1] * 5)
    page = compare_payload([compare_several(one, two)], [*one, *two], page_folder=tmp_path)
    # 2 / 2^5, doubled as the smaller of two; 1 for no change at all.
    assert [each["p_adjusted"] for each in page["comparisons"]] == [0.125, 1.0]
    assert page["notes"] == ["Of the first alone, and left out: egoschema."]
    alone = payload(tmp_path, one[0], two[0])
    assert (alone["comparisons"][0]["p_adjusted"], alone["notes"]) == (None, [])


def test_the_columns_are_explained_as_on_the_terminal(tmp_path):
    sides = [scored(tmp_path / name, answers([1, 0], subset="x"), model=name) for name in "ab"]
    (found,) = payload(tmp_path, *sides)["comparisons"]
    for told in ("Detectable: the smallest true difference", "p: McNemar's exact test.", "p (Holm): p, adjusted for"):
        assert told in found["explained"]


def test_what_could_not_be_detected_is_told_from_what_is_not_known(tmp_path):
    sides = [scored(tmp_path / name, answers(right), model=name) for name, right in (("a", [1, 1]), ("b", [1, 0]))]
    (blind,) = payload(tmp_path, *sides)["comparisons"]
    assert {(row["detectable"], row["blind"]) for row in blind["rows"]} == {(None, True)}
    same = scored(tmp_path / "c", answers([1, 1]), model="c")
    (unknown,) = payload(tmp_path, sides[0], same)["comparisons"]
    assert {(row["detectable"], row["blind"]) for row in unknown["rows"]} == {(None, False)}


def test_two_judges_are_named_with_what_differs(tmp_path):
    first, second = graded(tmp_path / "a", [(1.0, 5.0)]), graded(tmp_path / "b", [(0.0, 2.0)], judge="k")
    for run in (first, second):
        object.__setattr__(run.result, "protocol", "native")
    (found,) = payload(tmp_path, first, second, accept=["scorer"])["comparisons"]
    assert found["judged_by"] == {
        "first": "j (native)", "second": "k (native)",
        "differ": "They differ in judge.name (j -> k), judge.model (j -> k).",
    }  # fmt: skip
    plain = [scored(tmp_path / name, answers([1, 0])) for name in "cd"]
    assert payload(tmp_path, *plain)["comparisons"][0]["judged_by"] is None
