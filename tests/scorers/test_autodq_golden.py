"""Against upstream's own tables, with the replies that it was given, and the calls that it made."""

import json
from collections import defaultdict

import pytest

from eval.core import OVERALL
from eval.judges.protocol import upstream_protocol
from eval.judges.scripted import ScriptedJudge
from eval.judges.wording import native_wording
from eval.readers.predictions import read_predictions
from eval.scorers.autodq import AutoDQ


@pytest.fixture(scope="module")
def expected(golden):
    return json.loads((golden / "autodq.json").read_text(encoding="utf-8"))


class Recorder(ScriptedJudge):
    """Keeps the calls that it answers, by sample and side."""

    def __init__(self, replies):
        super().__init__(replies=replies)
        self.calls = defaultdict(list)

    def ask(self, calls):
        for call in calls:
            self.calls[call.sample, call.task, call.inputs["side"]].append(call)
        return super().ask(calls)


def by_side(case):
    """Sort a case's calls, which are in upstream's order, by task and side."""
    sorted_calls = defaultdict(list)
    side = "reference"
    for call in case["judge_calls"]:
        if call["call"] == "extract":
            sorted_calls["extract", "prediction"].append(call)
            continue
        if call["description"] != case["prediction"].lower():
            side = "prediction"
        sorted_calls["entail", side].append(call)
    return sorted_calls


@pytest.fixture(scope="module")
def scored(expected, tmp_path_factory):
    """Write the cases as upstream's prediction file and score that."""
    path = tmp_path_factory.mktemp("autodq") / "predictions.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for case in expected["cases"]:
            dataset, _, idx = case["idx"].rpartition("_")
            extra = {key: case[key] for key in ("events", "n_subjects", "n_shots", "n_events")}
            text = {"prompt": "<video> ?", "response": case["response"], "prediction": case["prediction"]}
            row = {
                "idx": int(idx), "dataset": dataset, "text": text, "video_file": "<placeholder>", "vid": idx,
                "extra_info": extra,
            }  # fmt: skip
            file.write(json.dumps(row) + "\n")
    script = {
        f"{case['idx']} {task} {side}": [call["reply"] for call in calls]
        for case in expected["cases"]
        for (task, side), calls in by_side(case).items()
    }
    judge = Recorder(script)
    # Upstream's rules; which words ask does not matter to a script.
    scorer = AutoDQ(judge=judge, protocol=upstream_protocol(native_wording()))
    scores = scorer.score(read_predictions(path, "dream-1k", "DREAM"))
    metrics = {(m.name, m.subset): m for m in scorer.aggregate(scores) if m.accounting == "upstream"}
    return judge, scores, metrics


def test_every_case(expected, scored):
    _, scores, _ = scored
    assert [score.id for score in scores] == [case["idx"] for case in expected["cases"]]
    for score, case in zip(scores, expected["cases"], strict=True):
        assert score.status == ("scored" if case["valid"] else "judge_failed"), case
        if case["valid"]:
            assert score.values["recall"] == pytest.approx(case["recall"], abs=1e-12), case
            assert score.values["precision"] == pytest.approx(case["precision"], abs=1e-12), case


def test_every_call_is_upstreams(expected, scored):
    judge, _, _ = scored
    for case in expected["cases"]:
        for (task, side), theirs in by_side(case).items():
            ours = judge.calls[case["idx"], task, side]
            assert len(ours) == len(theirs), case["idx"]
            for call, recorded in zip(ours, theirs, strict=True):
                shown = recorded["text"] if task == "extract" else recorded["description"]
                assert call.inputs["description"] == shown
                # Recorded before the text stands in for events that there are none of.
                if recorded.get("events"):
                    assert call.inputs["events"] == recorded["events"]
                elif task == "entail":
                    assert len(call.inputs["events"]) == 1


def rounded(metrics, name, subset):
    value = metrics[name, subset].value
    assert value is not None
    return round(value, 3)


def test_the_printed_table(expected, scored):
    _, _, metrics = scored
    for task, f1, recall, precision, n, n_failed in expected["printed_table"]["rows"]:
        subset = OVERALL if task == "OVERALL" else task.partition("/")[2]
        assert [rounded(metrics, name, subset) for name in ("f1", "recall", "precision")] == [f1, recall, precision]
        assert (metrics["f1", subset].n, metrics["f1", subset].n_failed) == (n, n_failed)


def test_the_tables_by_kind(expected, scored):
    _, _, metrics = scored
    names = {"==2": "=2", "==3": "=3", "in [4, 5]": "=4-5", "in [6, 7]": "=6-7"}
    checked = 0
    for title, printed in zip(expected["bucket_tables"][::2], expected["bucket_tables"][1::2], strict=True):
        count = title.partition("#")[2].strip("=")
        columns = dict(zip(printed["fields"], zip(*printed["rows"], strict=True), strict=True))
        for field, (recall, precision, f1, n) in list(columns.items())[1:]:
            subset = f"n_{count}{names.get(field, field)}"
            assert [rounded(metrics, m, subset) for m in ("recall", "precision", "f1")] == [recall, precision, f1]
            assert metrics["f1", subset].n == n
            checked += 1
    assert checked == 12
