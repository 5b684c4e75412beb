"""Prompts as conversations: roles, and the places of media."""

from __future__ import annotations

import pytest

from eval.models.conversation import conversation

V, END = ("video", ""), ("assistant", (("text", ""),))


def turn(role, *parts):
    return role, tuple(("text", part) if isinstance(part, str) else part for part in parts)


@pytest.mark.parametrize(
    ("prompt", "turns"),
    [
        ("", [turn("user", ""), END]),
        ("<video>", [turn("user", V), END]),
        ("<video>\nWhat?", [turn("user", V, "What?"), END]),
        ("USER: <video>\nWhat? ASSISTANT: ", [turn("user", V, "What?"), END]),
        ("USER: <video>\n Q \nASSISTANT: Answer: (", [turn("user", V, " Q "), turn("assistant", " Answer: (")]),
        ("USER: Look: <video> Who?\nASSISTANT:", [turn("user", "Look: ", V, "Who?"), END]),
        ("USER:<video>ASSISTANT:", [turn("user", V), END]),
        # text before the first role
        ("Be brief. USER: <video>\nQ? ASSISTANT:", [turn("system", "Be brief."), turn("user", V, "Q?"), END]),
        ("A <image>.\nUSER: <video>\nQ? ASSISTANT:", [turn("system", "A <image>."), turn("user", V, "Q?"), END]),
        # earlier turns
        (
            "USER: a ASSISTANT: b USER: c ASSISTANT:",
            [turn("user", "a"), turn("assistant", " b"), turn("user", "c"), END],
        ),
        (
            "S\nUSER: Hello.\nASSISTANT: Hi.\nUSER: <video>\nWho?\nASSISTANT: It is",
            [turn("system", "S"), turn("user", "Hello."), turn("assistant", " Hi."), turn("user", V, "Who?"),
             turn("assistant", " It is")],
        ),
        (
            "USER: <video>\na ASSISTANT: b USER: is <video> c? ASSISTANT:",
            [turn("user", V, "a"), turn("assistant", " b"), turn("user", "is <video> c?"), END],
        ),
        # words in a question that are no roles: they are not in turn, or in the middle of a word
        ("USER: <video>\nWho is USER: here? ASSISTANT:", [turn("user", V, "Who is USER: here?"), END]),
        ("USER: <video>\n'ASSISTANT:' or 'USER:'? ASSISTANT:", [turn("user", V, "'ASSISTANT:' or 'USER:'?"), END]),
        ("<video>\nDoes USER: say ASSISTANT: so?", [turn("user", V, "Does USER: say ASSISTANT: so?"), END]),
        # places
        ("USER: <video>\n<image> or <video>? ASSISTANT:", [turn("user", V, "<image> or <video>?"), END]),
        ("<image> <image>\n<image>\nIs <image> seen?", [turn("user", *[("image", "")] * 3, "Is <image> seen?"), END]),
        ("<image><video>?", [turn("user", ("image", ""), "<video>?"), END]),
        ("Is <image> seen?", [turn("user", "Is <image> seen?"), END]),
    ],
)  # fmt: skip
def test_roles_and_places(prompt, turns):
    assert [(one.role, one.parts) for one in conversation(prompt)] == turns
