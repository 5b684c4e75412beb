"""Why samples have no value: media, model and judge apart, and a reason that many share told once."""

from __future__ import annotations

from eval.core import Prediction, Score
from eval.report.failures import failure_lines, show_failures


def failed(error, name="a"):
    return Prediction(id=name, prompt="", output=None, error=error)


def unjudged(reason, name="a"):
    return Score(
        id=name, subset="", cluster="", status="judge_failed", answer=None, target="", values={}, reason=reason
    )


def test_media_are_told_apart_from_the_model():
    given = [
        failed("missing: /a.mp4: no such file or folder"), failed("not_a_video: /b.mp4: is a web page"),
        failed("missing: /c.mp4: no such file or folder"), failed("model: out of memory", "q7"), failed("no video"),
        Prediction(id="fine", prompt="", output="A"),
    ]  # fmt: skip
    assert failure_lines(given, []) == [
        "3 samples without media that can be shown (2 missing, 1 not a video).",
        "2 samples failed in the model: the first one, q7: model: out of memory",
    ]


def test_who_was_not_asked_is_told_once_with_the_way_on():
    cap, server = "not asked, since max_cost=2 leaves no room for another call", "not asked, since the server said: 401"
    scores = [unjudged(f"the judge was {cap}") for _ in range(1200)]
    scores += [unjudged(f"list the events: the judge was {server}"), unjudged("the judge did not reply: down", "x")]
    lines = failure_lines([failed(f"model: {cap}"), failed(f"model: {cap}")], scores)
    full, more = "since max_cost=2 leaves no room for another call", "the same command with a higher max_cost goes on."
    assert lines == [
        f"2 samples were not put to the model, {full}; {more}",
        f"1,200 samples were not judged, {full}; {more}",
        "1 sample was not judged, since the server said: 401; the same command goes on.",
        "1 sample without a verdict: x: the judge did not reply: down",
    ]


def test_nothing_is_said_where_nothing_failed():
    assert failure_lines([Prediction(id="a", prompt="", output="A")], []) == []


def test_replies_that_cannot_be_read_are_kept_and_how_to_ask_anew(capsys):
    scores = [unjudged("asked 3 times; the reply 'hm' cannot be read: no verdict in it", f"q{n}") for n in range(2)]
    first, kept = failure_lines([], scores)
    assert first.startswith("2 samples without a verdict: the first one, q0: asked 3 times")
    assert "are kept and not asked for again" in kept
    assert "judge.revision=2 asks anew" in kept
    show_failures([], scores)
    assert " ".join(capsys.readouterr().out.split()).count(kept) == 1
    assert failure_lines([], [unjudged("the judge did not reply: down")])[-1].endswith("down")
