import ast

import pytest

from eval.judges.calls import UnreadableReplyError
from eval.judges.literals import MAX_CHARS, read_literal


@pytest.mark.parametrize(
    "text",
    [
        "'a'", "b'a'", "5", "-5", "+0.5", "3j", "-1-2j", "1+2j", "True", "None", "...", "[]", "()", "(1,)", "{1, 'a'}",
        "{}", "set()", "{(1, 2): [{'a': {3}}]}", "1_000", "'a' 'b'", " \t[1]", "[1]\n", "\n[1]", "'''a\nb'''",
        r"'\x41\u00e9\N{BULLET}'", r"r'\d'", "[1,\n # two\n 2]",
    ],
)  # fmt: skip
def test_literals_have_the_value_that_python_gives_them(text):
    assert read_literal(text) == ast.literal_eval(text)
    assert type(read_literal(text)) is type(ast.literal_eval(text))


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "__import__('os').system('true')", "open('x')", "[x for x in (1,)]", "lambda: 0", "1+1", "1j+1", "--1",
        "-True", "~1", "not 1", "1 if 1 else 2", "a.b", "'a'[0]", "f'a'", "set([1])", "frozenset()", "*[1]", "{**{}}",
        "{[1]: 2}", "{[1]}", "(a := 1)", "1 < 2", "'a' + 'b'", "'%s' % 1", "1;2", "\x00", "'a", "[1", "01", "1__0",
        "-1-2", "1+2+3j", "yield", "await x", "\n [1]", "é", "'\ud800'", "9" * 5000,
    ],
)  # fmt: skip
def test_everything_else_is_refused(text):
    with pytest.raises((ValueError, SyntaxError, TypeError)):
        ast.literal_eval(text)
    with pytest.raises(UnreadableReplyError):
        read_literal(text)


@pytest.mark.parametrize("piece", ["(", "[", "{1:", "-", "not ", "1+", "a.", "a(", "lambda:", "1 if 1 else ", "'' "])
def test_a_text_made_to_overwhelm_the_parser_is_refused(piece):
    text = (piece * MAX_CHARS)[: MAX_CHARS - 1] + "1"
    with pytest.raises(UnreadableReplyError):
        read_literal(text)


def test_nothing_long_is_parsed_at_all():
    assert read_literal("'" + "a" * (MAX_CHARS - 2) + "'") == "a" * (MAX_CHARS - 2)
    with pytest.raises(UnreadableReplyError, match="too long"):
        read_literal("'" + "a" * MAX_CHARS + "'")
