"""Answers as a person would read them; each expectation is what the author of the case read."""

from __future__ import annotations

import pytest

from eval.core import OVERALL, Clip, Prediction, Sample
from eval.scorers.multiple_choice import MultipleChoice
from eval.scorers.tolerant import READ, read_answer

OPTIONS = ("The man sits down.", "A dog runs", "red", "dark red", "12")


@pytest.mark.parametrize(
    ("output", "letter"),
    [
        ('The answer is B.', 'B'),
        ('Answer: C', 'C'),
        ('Option D', 'D'),
        ('(B)', 'B'),
        ('b', 'B'),
        ('b.', 'B'),
        ('[B]', 'B'),
        ('【B】', 'B'),
        ('（B）', 'B'),
        ('**B**', 'B'),
        ('\\boxed{B}', 'B'),
        ('$\\boxed{\\text{(C)}}$', 'C'),
        ('B) A dog runs', 'B'),
        ('B. The man', 'B'),
        ('the man sits down', 'A'),
        ('A dog runs.', 'B'),
        ('red', 'C'),
        ('dark red', 'D'),
        ('It is dark red.', 'D'),
        ('12', 'E'),
        ('1', None),
        ('The answer is not A', None),
        ('The answer is A. Wait, the answer is B', 'B'),
        ('The correct option is (C).', 'C'),
        ("I think it's (D) because", 'D'),
        ('(A) or (B)', None),
        ('Z', None),
        ('The answer is Z', None),
        ('答案是B', 'B'),
        ('答案：C', 'C'),
        ('选B', 'B'),
        ('', None),
        ('I do not know', None),
        ('Neither', None),
        ('B is correct', 'B'),
        ('Option A is wrong. Option B is right', 'B'),
        ('<think>A? no, B</think>The answer is C', 'C'),
        ('The best answer is: **(A) The man sits down.**', 'A'),
        ('a man', None),
        ('Answer: (b)', None),
        ('A', 'A'),
        ('A man walks', 'A'),
        ('Therefore, the answer is option C', 'C'),
        ('My answer: D', 'D'),
        ("I'd go with B", 'B'),
        ('The man is in the red shirt', 'C'),
        ('B, because', 'B'),
        ("'B'", 'B'),
        ('“C”', 'C'),
        ('〔A〕', 'A'),
        ('The final answer is $\\boxed{D}$', 'D'),
        ('Final Answer: B', 'B'),
        ('Answer is C)', 'C'),
        ('ANSWER: B', 'B'),
        ('answer: B', 'B'),
        ('Ans: B', 'B'),
        ("The answer's B", 'B'),
        ("It's B", 'B'),
        ('Looks like C', 'C'),
        ('E.', 'E'),
        ('A, B', None),
        ('A and C', None),
        ('A/B', None),
        ('Both A and B', None),
        ('(A) The man sits down. (B) is wrong', 'A'),
        ('neither A nor B', None),
        ('A dog is running', 'A'),
        ('I', None),
        ('I think so', None),
        ('The letter is B', 'B'),
        ('Choice: C', 'C'),
        ('the answer would be D.', 'D'),
        ('Based on the video, the answer is: D. dark red', 'D'),
        ('(Ａ)', 'A'),
        ('Ⓑ', 'B'),
        ('B\n', 'B'),
        ('\nB', 'B'),
        ('A: red', 'A'),
        ('Video shows A.', 'A'),
        ('It is a red car and a dark red car', 'D'),
        ('e)', 'E'),
    ],
)  # fmt: skip
def test_an_answer_is_read_as_a_person_would(output, letter):
    assert read_answer(output, OPTIONS) == letter


def test_without_options_any_capital_may_be_one():
    assert read_answer("The answer is G.", ()) == "G"


def test_what_is_read_is_bounded():
    assert read_answer(f"The answer is B. {'x' * READ} The answer is C.", OPTIONS) == "B"


def scored(*outputs):
    samples = [
        Sample(id=f"q{n}", benchmark="b", subset="", clip=Clip(source=()), prompt="p", targets=("B",),
               options=("a cat", "a dog"), cluster=f"v{n}")
        for n in range(len(outputs))
    ]  # fmt: skip
    said = [
        Prediction(id=one.id, prompt="p", output=text, error="gone" if text is None else None)
        for one, text in zip(samples, outputs, strict=True)
    ]
    scorer = MultipleChoice()
    scores = scorer.score(list(zip(samples, said, strict=True)))
    return scores, {(m.accounting, m.name): m for m in scorer.aggregate(scores) if m.subset == OVERALL}


def test_the_third_accounting_stands_beside_the_others():
    scores, metrics = scored("B", "The answer is B.", "b", "Answer: A", "G", "", None)
    # Upstream reads B, T, nothing, A, G, nothing; a person B, B, B, A, nothing, nothing.
    assert [score.answer for score in scores] == ["B", "T", None, "A", "G", None, None]
    assert (metrics["upstream", "accuracy"].value, metrics["upstream", "accuracy"].n) == (1 / 4, 4)
    assert (metrics["strict", "accuracy"].value, metrics["strict", "accuracy"].n) == (1 / 7, 7)
    assert (metrics["tolerant", "accuracy"].value, metrics["tolerant", "accuracy"].n) == (3 / 7, 7)
    assert [score.reason for score in scores[:5]] == [
        None, "begins with a word: 'The answer is B.'", "no option letter at the beginning of 'b'",
        "begins with a word: 'Answer: A'", "begins with no option's letter: 'G'",
    ]  # fmt: skip


def test_it_is_left_out_where_it_says_the_same():
    _, metrics = scored("B", "A", "(B)", "")
    assert {accounting for accounting, _ in metrics} == {"upstream", "strict"}
