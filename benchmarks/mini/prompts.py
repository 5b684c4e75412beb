"""The prompts of the built-in world, `<video>` standing for the frames. No heavy imports here.

The structure is that of Tarsier's benchmarks: roles, lettered options, an answer begun for the model. tarsier-tiny
knows these sentences and no others, so a harness that changes one of them sees its accuracy fall.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Form = Literal["mvbench", "nextqa", "egoschema"]
"""The three ways of asking a multiple-choice question. Video-MME is asked as MVBench is."""

MULTIPLE_CHOICE: dict[Form, str] = {
    "mvbench": "USER: <video>\nQuestion: {question}\n{options}ASSISTANT: Answer: (",
    "nextqa": "USER: <video> {question}\n{options}ASSISTANT: Answer: (",
    "egoschema": (
        "USER: <video> The camera is worn by the person called c.\nQuestion: {question}\nOptions:\n{options}"
        "Reply with one option letter.\nASSISTANT: Answer: ("
    ),
}

OPEN_QA = (
    "USER: <video> Answer the question in a few words, then describe the video. Question: {question}\n"
    "ASSISTANT:\nAnswer: In the video,"
)

CAPTION = "USER: <video>\nCaption the video in one short sentence. ASSISTANT: "

DESCRIPTION = "USER: <video>\nDescribe the video in detail. ASSISTANT: "

LETTERS = "ABCDE"

PHRASES = (
    "USER: ",
    "\nQuestion:",
    "\nOptions:",
    *(f"\n({letter})" for letter in LETTERS),
    "\nASSISTANT: Answer: (",
    "\nReply with one option letter.",
    " The camera is worn by the person called c.",
    " Answer the question in a few words, then describe the video. Question:",
    "\nASSISTANT:\nAnswer: In the video,",
    "\nCaption the video in one short sentence.",
    "\nDescribe the video in detail.",
    " ASSISTANT: ",
)
"""The fixed pieces of the templates. Each is one token, which halves the cost of training."""


def lettered(options: Sequence[str]) -> str:
    """Return the options as lines: "(A) red", "(B) blue", each with its line end."""
    return "".join(f"({letter}) {option}\n" for letter, option in zip(LETTERS, options, strict=False))


def multiple_choice(question: str, options: Sequence[str], form: Form = "mvbench") -> str:
    """Return the prompt of a question with two to five options."""
    if not 2 <= len(options) <= len(LETTERS):
        raise ValueError(f"{len(options)} options for {question!r}; 2 to {len(LETTERS)} fit the letters")
    return MULTIPLE_CHOICE[form].format(question=question, options=lettered(options))


def open_qa(question: str) -> str:
    """Return the prompt of a question without options."""
    return OPEN_QA.format(question=question)
