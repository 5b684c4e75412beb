import json
from dataclasses import replace

import pytest

from eval.core import OVERALL, Clip, Prediction, Sample, Score
from eval.errors import ConfigError, DataError
from eval.judges.calls import JudgeCall, JudgeReply, UnreadableReplyError
from eval.judges.forms import FORMS
from eval.judges.offline import OfflineJudge
from eval.judges.protocol import JudgeProtocol, judge_protocol, upstream_protocol
from eval.judges.scripted import ScriptedJudge
from eval.judges.wording import native_wording
from eval.scorers.autodq import AutoDQ


def sample(number=0, reference="A Dog\nruns.", events=("Dog runs", "Dog Barks"), subset="youtube", **metadata):
    listed = {} if events is None else {"events": list(events)}
    return Sample(
        id=f"DREAM_{number}", benchmark="dream", subset=subset, clip=Clip(source=()), prompt="<video> ?",
        targets=(reference,), cluster=f"video{number}", metadata={**listed, **metadata},
    )  # fmt: skip


def said(output="A CAT sits.", number=0):
    return Prediction(id=f"DREAM_{number}", prompt="?", output=output)


# Upstream's rules; its wording is not ours to ship.
UPSTREAM = upstream_protocol(native_wording())
FAILED = Prediction(id="DREAM_0", prompt="?", output=None, error="no video")


def listed(*events):
    return json.dumps({"events": events})


def labelled(labels):
    """Write a reply of one label a letter."""
    names = {"e": "entailment", "n": "neutral", "c": "contradiction"}
    return json.dumps({"events": [{"relationship": names[letter]} for letter in labels]})


class Recorder(ScriptedJudge):
    """Keeps the rounds of calls that it answers."""

    def __init__(self, replies):
        super().__init__(replies=replies)
        self.rounds = []

    def ask(self, calls) -> list[JudgeReply]:
        self.rounds.append(list(calls))
        return super().ask(calls)


def test_two_rounds_in_upstreams_order_and_what_is_shown():
    judge = Recorder(
        {
            "extract": listed("a cat sits", "it naps"),
            "entail reference": labelled("en"),
            "entail prediction": labelled("cc"),
        }
    )
    [score] = AutoDQ(judge=judge).score([(sample(), said('A "CAT" sits.\nIt naps.'))])
    [[extract], [recall, precision]] = judge.rounds
    assert extract.inputs == {"side": "prediction", "description": "a 'cat' sits.\nit naps."}
    assert recall.inputs == {
        "side": "reference", "description": 'a "cat" sits.\nit naps.', "events": ["Dog runs", "Dog Barks"],
    }  # fmt: skip
    assert precision.inputs == {
        "side": "prediction", "description": "a dog\nruns.", "events": ["a cat sits", "it naps"],
    }  # fmt: skip
    assert score.status == "scored"
    assert score.values == {
        "recall": 1 / 2, "recall_neutral": 1 / 2, "recall_contradiction": 0,
        "precision": 0, "precision_neutral": 0, "precision_contradiction": 1,
    }  # fmt: skip


@pytest.mark.parametrize("label", ["e", "n", "c", ""])
def test_without_events_the_whole_text_is_shown_and_any_label_scores_one(label):
    judge = Recorder({"extract": listed(), "entail": labelled(label)})
    [score] = AutoDQ(judge=judge, protocol=UPSTREAM).score([(sample(events=()), said("A CAT\nsits."))])
    recall, precision = judge.rounds[1]
    assert recall.inputs["events"] == ["a dog runs."]
    assert precision.inputs["events"] == ["a cat sits."]
    assert (score.values["recall"], score.values["precision"], score.values["precision_contradiction"]) == (1, 1, 0)
    # The label is not one of an event that anybody listed.
    none: dict[str, list[str]] = {"prediction": [], "reference": []}
    assert score.detail == {"events": none, "labels": none}


def test_without_events_upstream_shows_the_text_in_one_line_and_our_own_protocols_ask_nobody():
    judge = Recorder({"extract": listed(), "entail": labelled("e")})
    sides = [(sample(events=()), said("A CAT\nsits."))]
    AutoDQ(judge=judge, protocol=UPSTREAM).score(sides)
    assert [call.user.count("1. a ") for call in judge.rounds[1]] == [1, 1]
    judge = Recorder({"extract": listed()})
    [score] = AutoDQ(judge=judge).score(sides)
    assert [len(calls) for calls in judge.rounds] == [1]
    assert score.values == {
        "recall": 1, "recall_neutral": 0, "recall_contradiction": 0,
        "precision": 1, "precision_neutral": 0, "precision_contradiction": 0,
    }  # fmt: skip
    # Events on one side only: the other is still labelled.
    judge = Recorder({"extract": listed("x"), "entail prediction": labelled("n")})
    [score] = AutoDQ(judge=judge).score(sides)
    assert [call.inputs["side"] for call in judge.rounds[1]] == ["prediction"]
    assert (score.values["recall"], score.values["precision"]) == (1, 0)


def test_without_events_two_labels_or_an_unknown_one_are_no_answer():
    judge = ScriptedJudge(replies={"extract": listed(), "entail reference": labelled("ee"), "entail": labelled("e")})
    twice = replace(UPSTREAM, temperatures={**UPSTREAM.temperatures, "entail": (None, None)})
    [score] = AutoDQ(judge=judge, protocol=twice).score([(sample(events=()), said())])
    assert score.status == "judge_failed"
    assert score.reason is not None
    assert "label the events of the reference: asked 2 times" in score.reason


def test_events_that_the_annotation_lacks_are_asked_for_first():
    judge = Recorder({"extract reference": listed("x"), "extract": listed("y"), "entail": labelled("e")})
    [score] = AutoDQ(judge=judge).score([(sample(events=None), said())])
    assert [call.inputs["side"] for call in judge.rounds[0]] == ["reference", "prediction"]
    assert judge.rounds[0][0].inputs["description"] == "a dog\nruns."
    assert score.values["recall"] == 1


def test_only_the_call_that_was_not_answered_is_made_again():
    judge = Recorder(
        {
            "DREAM_0 extract": ["Sure!", "{}", listed("x")],
            "DREAM_1 extract": [listed("x", "y")],
            "DREAM_0 entail reference": [labelled("e"), labelled("ee")],
            "DREAM_0 entail prediction": [labelled("e")],
            "DREAM_1 entail reference": [labelled("nn")],
            "DREAM_1 entail prediction": ["", "no", "[]", labelled("en")],
        }
    )
    scores = AutoDQ(judge=judge, protocol=UPSTREAM).score([(sample(0), said()), (sample(1), said())])
    assert [[(call.sample[-1], call.attempt) for call in calls] for calls in judge.rounds] == [
        [("0", 0), ("1", 0)], [("0", 1)], [("0", 2)],
        [("0", 0), ("0", 0), ("1", 0), ("1", 0)], [("0", 1), ("1", 1)], [("1", 2)], [("1", 3)],
    ]  # fmt: skip
    assert [(score.values["recall"], score.values["precision"]) for score in scores] == [(1, 1), (0, 1 / 2)]


def test_ten_attempts_and_then_the_video_has_failed():
    judge = Recorder({"DREAM_0 extract": "never", "extract": listed("x"), "entail": labelled("ee")})
    scorer = AutoDQ(judge=judge, protocol=UPSTREAM)
    first, second = scorer.score([(sample(0, n_shots=2), said()), (sample(1), said())])
    assert [len(calls) for calls in judge.rounds] == [2, *9 * [1], 2, *9 * [1]]
    assert (first.status, first.values) == ("judge_failed", {"n_shots": 2})
    assert first.reason is not None
    assert first.reason.startswith("list the events of the prediction: asked 10 times; the reply 'never' cannot")
    # Its recall was labelled, but one event of the prediction got two labels; a half is no score.
    assert (second.status, second.values) == ("judge_failed", {})
    # What is known of them is kept.
    assert first.detail == {"events": {"reference": ["Dog runs", "Dog Barks"]}, "labels": {}}
    assert second.detail == {
        "events": {"prediction": ["x"], "reference": ["Dog runs", "Dog Barks"]},
        "labels": {"reference": ["entailment", "entailment"]},
    }


def test_our_own_protocols_ask_three_times():
    judge = Recorder({"extract": "never"})
    [score] = AutoDQ(judge=judge).score([(sample(), said())])
    assert [[call.temperature for call in calls] for calls in judge.rounds] == [[0.0], [1.0], [1.0]]
    assert score.reason is not None
    assert score.reason.startswith("list the events of the prediction: asked 3 times; the reply 'never' cannot be")


def test_labels_that_come_in_another_order_count_by_their_number():
    entries = [{"event": 2, "relationship": "neutral"}, {"event": 1, "relationship": "entailment"}]
    replies = {"extract": listed(), "entail": json.dumps({"events": entries})}
    [score] = AutoDQ(judge=ScriptedJudge(replies=replies)).score([(sample(), said())])
    assert score.detail["labels"]["reference"] == ["entailment", "neutral"]
    # Upstream counts them in the order in which they come.
    [score] = AutoDQ(judge=ScriptedJudge(replies=replies), protocol=UPSTREAM).score([(sample(), said())])
    assert score.status == "judge_failed"  # two labels for the text that stands in for no events
    replies["extract"] = listed("x", "y")
    [score] = AutoDQ(judge=ScriptedJudge(replies=replies), protocol=UPSTREAM).score([(sample(), said())])
    assert score.detail["labels"]["reference"] == ["neutral", "entailment"]


def test_a_protocol_for_something_else_is_refused_before_anyone_is_asked():
    judge = Recorder(["?"])
    protocol = JudgeProtocol(name="grades", wording=native_wording(), tasks=("open_qa",))
    with pytest.raises(ConfigError, match="The protocol 'grades' is not made for descriptions"):
        AutoDQ(judge=judge, protocol=protocol).score([(sample(), said())])
    assert judge.rounds == []


def test_nobody_is_asked_about_a_missing_output():
    judge = Recorder(["?"])
    scores = AutoDQ(judge=judge).score([(sample(n_events=4), FAILED), (sample(1), said("<error>"))])
    assert judge.rounds == []
    assert [(score.status, score.reason) for score in scores] == [
        ("model_failed", "no video"), ("model_failed", "the output is <error>"),
    ]  # fmt: skip
    assert scores[0].values == {"n_events": 4}


def test_upstreams_protocol_has_its_marker_of_a_failure_judged():
    events, labels = '{"events": ["an error"]}', '{"events": [{"event": "x", "relationship": "neutral"}]}'
    judge = Recorder({"DREAM_0": [events, labels, labels]})
    pair = replace(sample(), metadata={"events": ["a dog runs"]}), FAILED
    scorer = AutoDQ(judge=judge, protocol=UPSTREAM)
    [score] = scorer.score([pair])
    assert "<error>" in judge.rounds[0][0].user
    assert (score.status, score.values["recall"], score.values["precision"]) == ("model_failed", 0, 0)
    metrics = {(each.name, each.accounting): each for each in scorer.aggregate([score]) if each.subset == OVERALL}
    assert (metrics["recall", "upstream"].n, metrics["recall", "upstream"].value) == (1, 0)


def test_a_sample_without_reference_is_an_error_before_anyone_is_asked():
    judge = Recorder(["?"])
    with pytest.raises(DataError, match="DREAM_1: 1 references"):
        AutoDQ(judge=judge).score([(sample(0), said()), (sample(1, reference=" "), said())])
    assert judge.rounds == []


def score(subset, recall=None, precision=None, **counts):
    shares = {"recall": recall, "recall_neutral": 0.25, "recall_contradiction": 0.0, "precision": precision}
    rates = {**shares, "precision_neutral": 0.0, "precision_contradiction": 0.5} if recall is not None else {}
    return Score(
        id="x", subset=subset, cluster="", status="judge_failed" if recall is None else "scored", answer=None,
        target="", values={**counts, **rates},
    )  # fmt: skip


def table(scores):
    metrics = AutoDQ(judge=OfflineJudge()).aggregate(scores)
    return metrics, {(metric.name, metric.accounting, metric.subset): metric for metric in metrics}


SCORES = [
    score("youtube", 1.0, 0.5, n_shots=1, n_events=3),
    score("youtube", 0.0, 0.5, n_shots=1, n_events=4),
    score("youtube", n_shots=2, n_events=5),
    score("vertical_video", 0.25, 1.0, n_shots=4, n_events=9),
    score("videvo", n_shots=3, n_events=7),
]


def test_overall_is_the_f1_of_means_over_sources():
    _, got = table(SCORES)
    # youtube 1/2 and 1/2; shorts 1/4 and 1; nothing known of stock.
    youtube, shorts = got["f1", "upstream", "youtube"], got["f1", "upstream", "shorts"]
    assert (youtube.value, youtube.n, youtube.n_failed, youtube.average) == (1 / 2, 2, 1, "micro")
    assert shorts.value == pytest.approx(2 * 0.25 / 1.25)
    assert got["f1", "upstream", "stock"].value is None
    overall = got["f1", "upstream", OVERALL]
    recall, precision = (0.5 + 0.25) / 2, (0.5 + 1) / 2
    assert got["recall", "upstream", OVERALL].value == pytest.approx(recall)
    assert overall.value == pytest.approx(2 * recall * precision / (recall + precision))
    assert (overall.n, overall.n_failed, overall.average) == (3, 2, "macro")
    # Bounds: youtube 1/3 to 2/3 each; shorts as it is; stock 0 to 1.
    low, high = (1 / 3 + 1 / 4 + 0) / 3, (2 / 3 + 1 / 4 + 1) / 3
    assert got["recall", "upstream", OVERALL].lower == pytest.approx(low)
    assert got["recall", "upstream", OVERALL].upper == pytest.approx(high)
    low_p, high_p = (1 / 3 + 1 + 0) / 3, (2 / 3 + 1 + 1) / 3
    assert overall.lower == pytest.approx(2 * low * low_p / (low + low_p))
    assert overall.upper == pytest.approx(2 * high * high_p / (high + high_p))


def test_strict_takes_failed_videos_as_zero():
    _, got = table(SCORES)
    assert got["recall", "strict", "youtube"].value == pytest.approx(1 / 3)
    assert got["f1", "strict", "stock"].value == 0
    assert got["recall", "strict", OVERALL].value == pytest.approx((1 / 3 + 1 / 4 + 0) / 3)
    overall = got["f1", "strict", OVERALL]
    assert overall.value == overall.lower
    assert overall.upper == got["f1", "upstream", OVERALL].upper
    assert (overall.n, overall.n_failed) == (5, 2)


def test_neutral_and_contradicted_are_told_apart():
    _, got = table(SCORES)
    assert got["precision_contradiction", "upstream", OVERALL].value == 0.5
    assert got["recall_neutral", "upstream", "youtube"].value == 0.25
    # What a failed video's labels would have been is unknown.
    assert ("recall_neutral", "strict", OVERALL) not in got


def test_kinds_of_video():
    metrics, got = table(SCORES)
    kinds = [m.subset for m in metrics if (m.name, m.accounting) == ("recall", "upstream")]
    assert kinds == [
        OVERALL, "shorts", "stock", "youtube", "n_shots<=1", "n_shots=2", "n_shots=3", "n_shots>=4",
        "n_events<=3", "n_events=4-5", "n_events=6-7", "n_events>=8",
    ]  # fmt: skip
    assert got["f1", "upstream", "n_shots<=1"].value == 1 / 2
    assert (got["recall", "upstream", "n_events=4-5"].value, got["recall", "upstream", "n_events=4-5"].n) == (0, 1)
    assert got["recall", "strict", "n_events=4-5"].n == 2


def test_f1_of_nothing_right_is_zero_and_of_nothing_known_is_none():
    _, got = table([score("stock", 0.0, 0.0)])
    assert got["f1", "upstream", OVERALL].value == 0
    metrics, _ = table([])
    assert {metric.value for metric in metrics} == {None}


def test_without_sources_there_is_one_group():
    metrics, got = table([score("", 0.5, 1.0), score("", 1.0, 1.0)])
    assert {metric.subset for metric in metrics} == {OVERALL}
    assert got["recall", "upstream", OVERALL].value == 0.75


PROTOCOLS = {
    "upstream": UPSTREAM,
    "native": judge_protocol("native"),
    "hardened": judge_protocol("hardened"),
    "autodq-indexed": judge_protocol("autodq-indexed"),
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_offline_judge_scores_a_perfect_description_full(name):
    text = "A red ball moves left. Two dogs bark."
    pairs = [(sample(reference=text, events=["A red ball moves left.", "Two dogs bark."]), said(text))]
    scorer = AutoDQ(judge=OfflineJudge(), protocol=PROTOCOLS[name])
    scores = scorer.score(pairs)
    assert scorer.aggregate(scores)[0].value == 1
    # The offline judge lists sentences of the text in lower case.
    mine = {"reference": ["A red ball moves left.", "Two dogs bark."],
            "prediction": ["a red ball moves left.", "two dogs bark."]}  # fmt: skip
    assert scores[0].detail == {"events": mine, "labels": {side: ["entailment", "entailment"] for side in mine}}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_describe_holds_what_a_score_depends_on(name):
    described = AutoDQ(judge=OfflineJudge(), protocol=PROTOCOLS[name]).describe()
    assert set(described) == {"name", "protocol", "judge"}
    assert described["judge"]["name"] == "offline"
    assert described["protocol"] == PROTOCOLS[name].describe()
    assert len(described["protocol"]["temperatures"]["entail"]) == (10 if name == "upstream" else 3)


@pytest.mark.parametrize("count", [10**400, -(10**400)], ids=["large", "small"])
def test_a_count_beyond_all_numbers_is_an_error_before_anyone_is_asked(count):
    judge = Recorder([listed("a")])
    with pytest.raises(DataError, match=r"DREAM_0: n_events is a number of hundreds of digits, no count; correct"):
        AutoDQ(judge=judge, protocol=UPSTREAM).score([(sample(n_events=count, n_shots=2), said())])
    assert judge.rounds == []


@pytest.mark.parametrize("digits", ["9" * 400, "9" * 5000, "1e999", "-" + "9" * 400])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_grade_beyond_all_numbers_cannot_be_read(form, digits):
    call = JudgeCall(task="open_qa", sample="s", system="", user="", inputs={"tag": "t"}, form=form.name)
    with pytest.raises(UnreadableReplyError) as caught:
        form.read_verdict(call, f'{{"id": "t", "pred": "yes", "score": {digits}}}')
    assert str(caught.value)
