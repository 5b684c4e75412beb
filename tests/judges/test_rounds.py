from eval.judges.calls import JudgeCall, JudgeReply, UnreadableReplyError
from eval.judges.rounds import NoAnswer, Question, ask


class Recorder:
    """Answers the nth attempt at a sample with the nth word of its script, "-" standing for no reply."""

    name = "recorder"

    def __init__(self, **script):
        self.script = {sample: words.split() for sample, words in script.items()}
        self.rounds = []

    def describe(self):
        return {}

    def ask(self, calls):
        self.rounds.append([(call.sample, call.attempt) for call in calls])
        words = [self.script[call.sample][call.attempt] for call in calls]
        return [JudgeReply(text=None if word == "-" else word, error="down") for word in words]


def number(text):
    if not text.isdigit():
        raise UnreadableReplyError("no number")
    return int(text)


def questions(*samples):
    return [
        Question(call=JudgeCall(task="extract", sample=s, system="", user="", inputs={}), read=number) for s in samples
    ]


def test_only_what_was_not_readable_is_asked_again():
    judge = Recorder(a="1", b="x x 2", c="x 3")
    assert ask(judge, questions("a", "b", "c"), 10) == [1, 2, 3]
    assert judge.rounds == [[("a", 0), ("b", 0), ("c", 0)], [("b", 1), ("c", 1)], [("b", 2)]]


def test_it_ends_after_the_last_attempt_and_says_why():
    judge = Recorder(a="x y z 4", b="5")
    failed, answer = ask(judge, questions("a", "b"), 3)
    assert failed == NoAnswer(reason="asked 3 times; the reply 'z' cannot be read: no number")
    assert answer == 5
    assert len(judge.rounds) == 3
    assert ask(Recorder(a="x"), questions("a"), 1) == [
        NoAnswer(reason="asked once; the reply 'x' cannot be read: no number")
    ]


def test_a_judge_that_gave_up_is_not_asked_again():
    judge = Recorder(a="x - 3")
    assert ask(judge, questions("a"), 10) == [NoAnswer(reason="the judge did not reply: down")]
    assert len(judge.rounds) == 2


def test_without_questions_nobody_is_asked():
    judge = Recorder()
    assert ask(judge, [], 10) == []
    assert judge.rounds == []
