import json
from dataclasses import replace

import pytest

from eval.core import OVERALL, Clip, Prediction, Sample
from eval.errors import ConfigError, DataError
from eval.judges.offline import OfflineJudge
from eval.judges.protocol import judge_protocol, native_protocol, upstream_protocol
from eval.judges.scripted import ScriptedJudge
from eval.judges.wording import native_wording
from eval.scorers.open_qa import OpenQA


def sample(number=0, answer="Dog", subset="", question="What runs, The cat or the dog?"):
    return Sample(
        id=f"Set_{number}", benchmark="set", subset=subset, clip=Clip(source=()), prompt="<video> ?",
        targets=(answer,), cluster=f"video{number}", metadata={"question": question} if question else {},
    )  # fmt: skip


def said(output, number=0):
    return Prediction(id=f"Set_{number}", prompt="?", output=output)


FAILED = Prediction(id="Set_0", prompt="?", output=None, error="no video")
YES = "{'pred': 'yes', 'score': 4}"
# Upstream's rules; its wording is not ours to ship.
UPSTREAM = upstream_protocol(native_wording())


class Recorder(ScriptedJudge):
    """Keeps the calls that it answers."""

    def __init__(self, replies):
        super().__init__(replies=replies)
        self.rounds = []

    def ask(self, calls):
        self.rounds.append(list(calls))
        return super().ask(calls)


def by_key(metrics):
    return {(metric.name, metric.accounting, metric.subset): metric for metric in metrics}


def test_the_judge_sees_answer_and_output_in_lower_case_and_all_at_once():
    judge = Recorder([YES])
    OpenQA(judge=judge).score([(sample(0), said("A Dog RUNS")), (sample(1), said("{{question}} {x}"))])
    [[first, second]] = judge.rounds
    assert first.inputs == {
        "question": "What runs, The cat or the dog?", "answer": "dog", "prediction": "a dog runs",
    }  # fmt: skip
    assert (first.task, first.sample, first.attempt) == ("open_qa", "Set_0", 0)
    assert '"a dog runs"' in first.user
    assert '"{{question}} {x}"' in second.user


def test_one_of_each_outcome():
    judge = ScriptedJudge(
        replies={
            "Set_0": YES,
            "Set_1": "{'pred': 'no', 'score': 1}",
            "Set_2": "Yes, five.",
            "Set_4": YES,
            "Set_5": "{'pred': 'no', 'score': 0}",
        }
    )
    pairs = [
        (sample(0), said("Two dogs.")),
        (sample(1), said("dog")),
        (sample(2), said("dogs")),
        (sample(3), FAILED),
        (sample(4), said("<error>")),
        (sample(5), said(" ... ")),
    ]
    right, wrong, unread, missing, upstreams, empty = OpenQA(judge=judge, protocol=UPSTREAM).score(pairs)
    assert (right.status, right.answer, right.target) == ("scored", "Two dogs.", "Dog")
    assert right.values == {"accuracy": 1, "score": 4, "exact_match": 0, "lemma_match": 0, "contained": 1}
    assert wrong.values == {"accuracy": 0, "score": 1, "exact_match": 1, "lemma_match": 1, "contained": 1}
    # Without a verdict there is no accuracy, but words can still be compared.
    assert (unread.status, unread.values) == ("judge_failed", {"exact_match": 0, "lemma_match": 1, "contained": 1})
    assert unread.reason is not None
    assert unread.reason.startswith("asked once; the reply 'Yes, five.' cannot be read: no Python literal: ")
    # Upstream has its marker of a failure judged like an answer; nothing scripts a reply to the first of them.
    assert (missing.status, missing.reason, "accuracy" in missing.values) == ("model_failed", "no video", False)
    assert (upstreams.status, upstreams.answer, upstreams.reason) == ("model_failed", None, "the output is <error>")
    assert upstreams.values == {"accuracy": 1, "score": 4, "exact_match": 0, "lemma_match": 0, "contained": 0}
    assert (empty.status, empty.values["accuracy"], empty.values["score"]) == ("scored", 0, 0)


def test_our_own_protocol_asks_three_times_and_upstream_once():
    judge = Recorder({"Set_0": ["Yes, five.", "5", '```json\n{"pred": "Yes", "score": 4}\n```']})
    [score] = OpenQA(judge=judge).score([(sample(), said("dogs"))])
    assert [[(call.attempt, call.temperature) for call in calls] for calls in judge.rounds] == [
        [(0, 0.0)], [(1, 1.0)], [(2, 1.0)],
    ]  # fmt: skip
    assert (score.status, score.values["score"]) == ("scored", 4)
    judge = Recorder({"Set_0": "Yes, five."})
    [score] = OpenQA(judge=judge).score([(sample(), said("dogs"))])
    assert score.reason == "asked 3 times; the reply 'Yes, five.' cannot be read: no JSON object"
    judge = Recorder({"Set_0": ["{'pred': 'Yes', 'score': 4}", YES]})
    [score] = OpenQA(judge=judge, protocol=UPSTREAM).score([(sample(), said("dogs"))])
    assert (score.status, len(judge.rounds)) == ("judge_failed", 1)


def test_a_protocol_for_something_else_is_refused_before_anyone_is_asked():
    judge = Recorder([YES])
    with pytest.raises(ConfigError, match=r"'autodq-indexed' is not made for open questions\. Give PROTOCOL=native"):
        OpenQA(judge=judge, protocol=judge_protocol("autodq-indexed")).score([(sample(), said("dog"))])
    assert judge.rounds == []


def test_nobody_is_asked_about_outputs_that_are_missing_or_say_nothing():
    judge = Recorder([YES])
    question = "What runs?"
    pairs = [(sample(question=question), prediction) for prediction in (FAILED, said(""), said("what runs"))]
    scores = OpenQA(judge=judge).score(pairs)
    assert judge.rounds == []
    assert [score.status for score in scores] == ["model_failed", "scored", "scored"]
    # As upstream has it, the judge grades those too.
    scores = OpenQA(judge=judge, protocol=UPSTREAM).score(pairs)
    assert [[call.inputs["prediction"] for call in calls] for calls in judge.rounds] == [["<error>", "", "what runs"]]
    assert scores[1].values["accuracy"] == 1


def test_a_failure_is_judged_in_upstreams_accounting_and_wrong_in_the_other():
    pairs = [(sample(number), said("dog" if number < 15 else "<error>", number)) for number in range(20)]
    for protocol, verdict in ((native_protocol(), "no"), (UPSTREAM, "no"), (UPSTREAM, "yes")):
        failed = f"{{'pred': '{verdict}', 'score': 1}}"
        scorer = OpenQA(judge=ScriptedJudge(replies={f"Set_{n}": YES if n < 15 else failed for n in range(20)}),
                        protocol=protocol)  # fmt: skip
        got = by_key(scorer.aggregate(scorer.score(pairs)))
        upstreams, strict = (got["accuracy", accounting, OVERALL] for accounting in ("upstream", "strict"))
        assert (upstreams.value, upstreams.n) == ((1.0 if verdict == "yes" else 0.75), 20)
        assert (strict.value, strict.n, strict.n_failed) == (0.75, 20, 5)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (sample(question=""), "Set_0: no question"),
        (sample(answer=" "), "Set_0: the answer to compare with is empty; fill it in, or leave the row out"),
        (replace(sample(), targets=()), "Set_0: no answer to compare with; an open question has one"),
        (replace(sample(), targets=("a", "b")), "Set_0: 2 answers to compare with; an open question has one"),
    ],
)
def test_a_sample_that_cannot_be_put_to_a_judge_is_an_error_before_anyone_is_asked(bad, message):
    judge = Recorder([YES])
    with pytest.raises(DataError, match=message):
        OpenQA(judge=judge).score([(sample(1), said("dog")), (bad, said("dog"))])
    assert judge.rounds == []


def test_both_accountings_and_bounds():
    judge = ScriptedJudge(replies={"Set_0": YES, "Set_1": "{'pred': 'no', 'score': 2}", "Set_2": "?"})
    scorer = OpenQA(judge=judge)
    pairs = [
        (sample(0), said("dog")), (sample(1), said("dogs")), (sample(2), said("cat")), (sample(3), FAILED),
    ]  # fmt: skip
    metrics = scorer.aggregate(scorer.score(pairs))
    assert [metric.name for metric in metrics] == 2 * ["accuracy", "score", "exact_match", "lemma_match", "contained"]
    got = by_key(metrics)

    def numbers(name, accounting):
        metric = got[name, accounting, OVERALL]
        return metric.value, metric.n, metric.n_invalid, metric.n_failed, metric.lower, metric.upper

    # One of two verdicts is yes, one sample has none; one has no output, which upstream counts as wrong.
    assert numbers("accuracy", "upstream") == (1 / 3, 3, 0, 1, 1 / 4, 2 / 4)
    assert numbers("accuracy", "strict") == (1 / 4, 4, 0, 2, 1 / 4, 3 / 4)
    # 4 and 2; full marks are 5 each.
    assert numbers("score", "upstream") == (2.0, 3, 0, 1, 6 / 4, 11 / 4)
    assert numbers("score", "strict") == (6 / 4, 4, 0, 2, 6 / 4, 16 / 4)
    assert numbers("exact_match", "upstream") == (1 / 4, 4, 0, 0, 1 / 4, 1 / 4)
    assert numbers("lemma_match", "strict") == (2 / 4, 4, 0, 1, 2 / 4, 3 / 4)


def test_subsets():
    judge = ScriptedJudge(replies={"Set_0": YES, "Set_1": YES, "Set_2": "{'pred': 'no', 'score': 0}"})
    scorer = OpenQA(judge=judge)
    subsets = ("motion", "motion", "colour")
    scores = scorer.score([(sample(i, subset=subset), said("x")) for i, subset in enumerate(subsets)])
    metrics = scorer.aggregate(scores)
    got = by_key(metrics)
    assert got["accuracy", "upstream", OVERALL].value == pytest.approx(2 / 3)
    assert got["accuracy_macro", "upstream", OVERALL].value == pytest.approx(1 / 2)
    assert got["score", "upstream", "motion"].value == 4
    strict = [metric.accounting == "strict" for metric in metrics]
    assert strict == sorted(strict)
    upstream = [metric.subset for metric in metrics if metric.accounting == "upstream"]
    assert upstream[:15] == 15 * [OVERALL]
    assert OVERALL not in upstream[15:]


def test_describe_holds_what_a_score_depends_on():
    described = OpenQA(judge=OfflineJudge()).describe()
    assert described["protocol"]["wording"]["name"] == "native"
    assert len(described["protocol"]["wording"]["sha256"]) == 64
    assert described["protocol"]["parser"] == "native-1"
    assert described["judge"]["name"] == "offline"
    assert OpenQA(judge=OfflineJudge(), protocol=UPSTREAM).describe()["protocol"]["parser"] == "upstream-1"


@pytest.mark.parametrize("protocol", [UPSTREAM, judge_protocol("native"), judge_protocol("hardened")])
def test_the_offline_judge_is_asked_in_every_form(protocol):
    pairs = [(sample(), said("The dogs run")), (sample(1), said("cat"))]
    right, wrong = OpenQA(judge=OfflineJudge(), protocol=protocol).score(pairs)
    assert (right.values["accuracy"], right.values["score"]) == (1, 5)
    assert (wrong.values["accuracy"], wrong.values["score"]) == (0, 0)


def test_it_is_built_from_configuration(tmp_path):
    from eval.building import build

    slots = {"open_qa": "question answer prediction", "extract": "description", "entail": "description events|json"}
    parts = {
        task: {"system": "", "user": " ".join(f"{{{{{slot}}}}}" for slot in names.split())}
        for task, names in slots.items()
    }
    (tmp_path / "wording.json").write_text(json.dumps({"name": "plain", **parts}), encoding="utf-8")
    node = {
        "_target_": "eval.scorers.open_qa.OpenQA",
        "judge": {"_target_": "eval.judges.scripted.ScriptedJudge", "replies": {"open_qa": YES}},
        "protocol": {
            "_target_": "eval.judges.protocol.with_wording",
            "name": "upstream",
            "wording": {"_target_": "eval.judges.wording.load_wording", "path": str(tmp_path / "wording.json")},
        },
    }
    scorer = build(node, "benchmark.scorer")
    [score] = scorer.score([(sample(), said("dog"))])
    assert score.values["score"] == 4
    assert scorer.describe()["protocol"]["wording"]["name"] == "plain"


def test_nothing_to_score():
    scorer = OpenQA(judge=ScriptedJudge(replies=[YES]))
    assert scorer.score([]) == []
    assert {metric.value for metric in scorer.aggregate([])} == {None}
