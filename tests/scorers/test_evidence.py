"""How a score follows from an output, as people are shown it."""

from __future__ import annotations

import pytest

from eval.captions.matched import common_ngrams
from eval.core import Clip, Prediction, Sample
from eval.judges.scripted import ScriptedJudge
from eval.scorers import autodq, multiple_choice, open_qa
from eval.scorers.event_places import nearest_sentences
from eval.scorers.multiple_choice import MultipleChoice
from eval.scorers.open_qa import OpenQA


def sample(*targets, options=(), **metadata):
    return Sample(
        id="S_0", benchmark="set", subset="", clip=Clip(source=()), prompt="<video> ?", targets=targets,
        options=options, metadata=metadata,
    )  # fmt: skip


def said(output):
    return Prediction(id="S_0", prompt="?", output=output)


def marked(text, marks):
    return [(text[mark.start : mark.end], mark.label) for mark in marks]


@pytest.mark.parametrize(
    ("output", "marks", "why"),
    [
        ("B", [("B", "read as B")], "The output begins with B, as the target is."),
        (" (A) runs", [("A", "read as A")], "The output begins with A, and the target is B."),
        ("( 1", [("1", "read as B")], "1 is B, as the target is."),
        ("no idea", [], "No answer: no option letter at the beginning of 'no idea'."),
        (
            "Answer: B",
            [("A", "read as A")],
            "The output begins with A, and the target is B (begins with a word: 'Answer: B').",
        ),
    ],
)
def test_the_letter_that_was_read(output, marks, why):
    asked = sample("B", options=("x", "y"))
    score = MultipleChoice().score_one(asked, said(output))
    found = multiple_choice.evidence(asked, output, score)
    assert marked(output, found.output) == marks
    assert found.why == why


def test_a_judges_grade_beside_plain_comparisons():
    scorer = OpenQA(judge=ScriptedJudge(replies=['{"pred": "yes", "score": 4}']))
    asked = sample("Dog", question="What runs?")
    output = "a dog, a hotdog"
    (score,) = scorer.score([(asked, said(output))])
    found = open_qa.evidence(asked, output, score)
    assert marked(output, found.output) == [("dog", "the target")]
    assert found.why.startswith("The judge calls it correct, with 4 of 5 points; ")


def test_ngrams_that_caption_and_references_share():
    """Worked out by hand: "a man runs" is a triple of the first reference; of the second only words are shared."""
    caption, first, second = "A man runs, then sits.", "a man runs home", "the man sits"
    of_caption, of_first, of_second = common_ngrams(caption, [first, second])
    assert marked(caption, of_caption) == [("A man runs", "3-gram"), ("sits", "word")]
    assert marked(first, of_first) == [("a man runs", "3-gram")]
    assert marked(second, of_second) == [("man", "word"), ("sits", "word")]


def test_pairs_that_follow_each_other_by_chance_are_two_marks():
    caption = "red car blue sky"
    (marks, _, _) = common_ngrams(caption, ["a red car", "the blue sky"])
    assert marked(caption, marks) == [("red car", "2-gram"), ("blue sky", "2-gram")]


def test_tokens_that_are_printed_otherwise_are_not_marked():
    """The tokenizer prints a bracket as -lrb-."""
    caption = "it (slowly) runs"
    (marks, _) = common_ngrams(caption, ["it (quickly) runs"])
    assert marked(caption, marks) == [("it", "2-gram"), ("runs", "2-gram")]


def test_the_sentence_that_an_event_is_most_like():
    text = "A dog barks. The man opens a door! He leaves"
    marks = nearest_sentences(text, ["the door is opened by a man", "he leaves", "a plane lands in Paris"])
    assert marked(text, marks) == [("The man opens a door!", "0"), ("He leaves", "1")]


def test_events_by_side():
    from eval.core import Score

    score = Score(
        id="S_0", subset="", cluster="", status="scored", answer="", target="",
        values={"recall": 0.5, "precision": 1.0},
        detail={
            "events": {"reference": ["a dog barks", "it rains"], "prediction": ["a dog barks"]},
            "labels": {"reference": ["entailment", "neutral"], "prediction": ["entailment"]},
        },
    )  # fmt: skip
    found = autodq.evidence(sample("A dog barks. It rains."), "A dog barks.", score)
    assert found.why == (
        "1 of the reference's 2 events are in the output (recall), and 1 of the output's 1 events are in the reference "
        "(precision)."
    )
    assert marked("A dog barks. It rains.", found.references[0]) == [("A dog barks.", "0"), ("It rains.", "1")]
