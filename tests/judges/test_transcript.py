"""What a run keeps of its judge: every call with its reply, in order, and the judge as it was."""

import json

import pytest

from eval.client.outcomes import Usage
from eval.judges.calls import JudgeCall, JudgeReply
from eval.judges.scripted import ScriptedJudge
from eval.judges.transcript import CallRecord, Transcript, to_json


def call(sample="s", **more):
    return JudgeCall(**{"task": "open_qa", "sample": sample, "system": "S", "user": "U", "inputs": {}, **more})


def test_it_keeps_what_passes_and_changes_nothing():
    judge = ScriptedJudge(name="who", replies=["a", "b", "c"])
    transcript = Transcript(judge)
    assert (transcript.name, transcript.describe()) == ("who", judge.describe())
    calls = [call("1"), call("2"), call("3", attempt=1)]
    replies = [*transcript.ask(calls[:2]), *transcript.ask([]), *transcript.ask(calls[2:])]
    assert [reply.text for reply in replies] == ["a", "b", "c"]
    assert transcript.records == [CallRecord(call=c, reply=r) for c, r in zip(calls, replies, strict=True)]
    assert Transcript(judge).records == []


def test_what_a_judge_says_of_itself_is_asked_for_when_it_is_wanted():
    class Learning(ScriptedJudge):
        served = None

        def ask(self, calls):
            self.served = "model-1"
            return super().ask(calls)

        def describe(self):
            return {"name": self.served or self.name}

    transcript = Transcript(Learning(replies=["a"]))
    assert transcript.describe() == {"name": "scripted"}
    transcript.ask([call()])
    assert transcript.describe() == {"name": "model-1"}


def test_a_judge_that_gives_too_few_replies_is_a_mistake_of_ours():
    class Lazy(ScriptedJudge):
        def ask(self, calls):
            return super().ask(calls[1:])

    with pytest.raises(ValueError, match="shorter"):
        Transcript(Lazy(replies=["a"])).ask([call(), call()])


def test_one_line_of_verdicts():
    reply = JudgeReply(
        text='{"pred": "yes"}', source="asked", served="model-1", usage=Usage(input=9, output=2, cached=4),
        finish_reason="stop", retries=1, key="k",
    )  # fmt: skip
    line = to_json(CallRecord(call=call("Set_1", task="entail", attempt=2, inputs={"side": "reference"}), reply=reply))
    assert line == {
        "sample": "Set_1", "task": "entail", "side": "reference", "attempt": 2,
        "text": '{"pred": "yes"}', "error": None, "outcome": "replied", "source": "asked", "served": "model-1",
        "usage": {"input": 9, "output": 2, "cached": 4, "reasoning": 0}, "finish_reason": "stop", "retries": 1,
        "batch": False, "key": "k",
    }  # fmt: skip
    assert json.loads(json.dumps(line)) == line


def test_a_call_without_a_reply_says_why():
    line = to_json(CallRecord(call=call(), reply=JudgeReply.failure("down", retries=5)))
    assert (line["side"], line["text"], line["error"], line["outcome"], line["retries"], line["usage"]) == (
        None, None, "down", "failed", 5, None,
    )  # fmt: skip
