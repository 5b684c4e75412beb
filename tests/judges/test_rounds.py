from dataclasses import replace

import pytest

from eval.judges.calls import JudgeCall, JudgeReply, UnreadableReplyError
from eval.judges.protocol import Question
from eval.judges.rounds import NoAnswer, ask

WORDS: dict[str, JudgeReply] = {
    "-": JudgeReply.failure("down"),
    "no!": JudgeReply(text="I can't help with that.", outcome="refused"),
    "no?": JudgeReply(text=None, outcome="refused"),
    "[]": JudgeReply(text=None, outcome="filtered"),
    "cut": JudgeReply(text="12…", finish_reason="length"),
}
"""Words of a script that stand for more than themselves."""


class Recorder:
    """Answers the nth attempt at a sample with the nth word of its script."""

    name = "recorder"

    def __init__(self, **script):
        self.script = {sample: words.split() for sample, words in script.items()}
        self.rounds = []

    def describe(self):
        return {}

    def ask(self, calls):
        self.rounds.append([(call.sample, call.attempt) for call in calls])
        words = [self.script[call.sample][call.attempt] for call in calls]
        return [WORDS.get(word, JudgeReply(text=word)) for word in words]


def number(text):
    if not text.isdigit():
        raise UnreadableReplyError("no number")
    return int(text)


def questions(*samples, attempts=10, retries=False):
    return [
        Question(
            call=JudgeCall(task="extract", sample=s, system="", user="", inputs={}), read=number,
            temperatures=(None,) * attempts, retry_refusals=retries,
        )
        for s in samples
    ]  # fmt: skip


def test_only_what_was_not_readable_is_asked_again():
    judge = Recorder(a="1", b="x x 2", c="x 3")
    assert ask(judge, questions("a", "b", "c")) == [1, 2, 3]
    assert judge.rounds == [[("a", 0), ("b", 0), ("c", 0)], [("b", 1), ("c", 1)], [("b", 2)]]


def test_it_ends_after_the_last_attempt_and_says_why():
    judge = Recorder(a="x y z 4", b="5")
    failed, answer = ask(judge, questions("a", "b", attempts=3))
    reason = "asked 3 times; the reply 'z' cannot be read: no number"
    assert failed == NoAnswer(outcome="unreadable", reason=reason)
    assert answer == 5
    assert len(judge.rounds) == 3
    assert ask(Recorder(a="x"), questions("a", attempts=1)) == [
        NoAnswer(outcome="unreadable", reason="asked once; the reply 'x' cannot be read: no number")
    ]


def test_each_question_has_its_own_number_of_attempts():
    judge = Recorder(a="x 1", b="x x x 1", c="x")
    [long], [short] = questions("b", attempts=4), questions("c", attempts=1)
    [default] = questions("a", attempts=2)
    assert ask(judge, [short, default, long])[1:] == [1, 1]
    assert judge.rounds == [[("c", 0), ("a", 0), ("b", 0)], [("a", 1), ("b", 1)], [("b", 2)], [("b", 3)]]


def test_every_attempt_has_its_temperature():
    asked: list[tuple[int, float | None]] = []

    class Warm(Recorder):
        def ask(self, calls):
            asked.extend((call.attempt, call.temperature) for call in calls)
            return super().ask(calls)

    [question] = questions("a")
    ask(Warm(a="x x 1"), [replace(question, temperatures=(0.0, 0.7, None))])
    assert asked == [(0, 0.0), (1, 0.7), (2, None)]


@pytest.mark.parametrize("retries", [False, True])
def test_a_judge_that_gave_up_is_not_asked_again(retries):
    judge = Recorder(a="x - 3")
    assert ask(judge, questions("a", retries=retries)) == [
        NoAnswer(outcome="failed", reason="the judge did not reply: down")
    ]
    assert len(judge.rounds) == 2


@pytest.mark.parametrize(
    ("word", "outcome", "reason"),
    [
        ("no!", "refused", 'the judge refused: "I can\'t help with that."'),
        ("no?", "refused", "the judge refused"),
        ("[]", "filtered", "a content filter withheld the reply"),
    ],
)
def test_a_refusal_is_asked_again_only_where_the_question_insists(word, outcome, reason):
    judge = Recorder(a=f"{word} 1")
    assert ask(judge, questions("a")) == [NoAnswer(outcome=outcome, reason=f"asked once; {reason}")]
    assert len(judge.rounds) == 1
    judge = Recorder(a=f"{word} x {word} 1")
    assert ask(judge, questions("a", retries=True)) == [1]
    assert len(judge.rounds) == 4
    judge = Recorder(a=f"x {word} 1")
    assert ask(judge, questions("a", retries=True, attempts=2)) == [
        NoAnswer(outcome=outcome, reason=f"asked 2 times; {reason}")
    ]


def test_a_readable_refusal_is_no_answer():
    """A model that declines may still write something that looks like one."""

    class Declining(Recorder):
        def ask(self, calls):
            return [JudgeReply(text="5", outcome="refused") for _ in calls]

    assert ask(Declining(), questions("a")) == [
        NoAnswer(outcome="refused", reason="asked once; the judge refused: '5'")
    ]


def test_a_reply_that_was_cut_off_says_so():
    [answer] = ask(Recorder(a="cut"), questions("a", attempts=1))
    reason = (
        "asked once; the reply '12…' cannot be read: no number; it was cut off at the bound on tokens, which "
        "judge.reasoning_tokens raises"
    )
    assert answer == NoAnswer(outcome="unreadable", reason=reason)


def test_without_questions_nobody_is_asked():
    judge = Recorder()
    assert ask(judge, []) == []
    assert judge.rounds == []
