import pytest

from eval.errors import ConfigError
from eval.judges.calls import JudgeCall
from eval.judges.scripted import ScriptedJudge, script_keys


def call(task="entail", sample="Set/x_1", attempt=0, **inputs):
    return JudgeCall(task=task, sample=sample, system="", user="?", inputs=inputs, attempt=attempt)


def texts(judge, *calls):
    return [reply.text for reply in judge.ask(calls)]


def test_a_list_is_given_in_turn():
    judge = ScriptedJudge(replies=["a", "b"])
    assert texts(judge, call(), call(), call()) == ["a", "b", "a"]
    assert judge.describe() == {"name": "scripted", "replies": ["a", "b"]}


def test_keys_from_narrow_to_wide():
    assert script_keys(call(side="reference")) == (
        "Set/x_1 entail reference", "Set/x_1 entail", "Set/x_1", "entail reference", "entail",
    )  # fmt: skip
    assert script_keys(call("open_qa")) == ("Set/x_1 open_qa", "Set/x_1", "open_qa")


def test_the_narrowest_key_counts_whatever_the_order_of_calls():
    judge = ScriptedJudge(replies={"entail": "wide", "Set/x_1 entail reference": ["first", "second"]})
    late, early, other = call(side="reference", attempt=1), call(side="reference"), call(side="prediction")
    assert texts(judge, late, other, early) == ["second", "wide", "first"]


def test_one_text_answers_every_attempt_and_a_list_only_its_own():
    judge = ScriptedJudge(replies={"extract": "again", "entail": ["once"]})
    assert texts(judge, call("extract", attempt=9)) == ["again"]
    late, unknown = judge.ask([call(attempt=1), call("open_qa")])
    assert late.text is None
    # No model declined, so it is no refusal, and nobody asks again.
    assert (late.outcome, unknown.outcome) == ("failed", "failed")
    assert late.error == "the script holds no reply for 'Set/x_1 entail', attempt 2"
    assert unknown.error == "the script holds no reply for 'Set/x_1 open_qa', attempt 1"


@pytest.mark.parametrize("replies", [[], {}, "text"])
def test_a_script_that_says_nothing_is_refused(replies):
    with pytest.raises(ConfigError, match=r"judge\.replies is"):
        ScriptedJudge(replies=replies)
