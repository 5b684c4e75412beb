"""Read a Python literal from untrusted text without running any of it.

A judge's reply may repeat text that a prediction dictated, so nothing of it is ever evaluated. The text is parsed into
a syntax tree and the tree is walked by the rules of `ast.literal_eval` (Python 3.10 to 3.13): whatever that accepts is
accepted with the same value, and everything else is refused. The function itself is among those that this project never
calls (tests/test_nothing_let_in.py). The length is bounded because a long row of operators makes a deep tree: at
100,000 characters none of 20 such texts harmed these versions on a main thread's stack of 8 MB; threads with a stack of
512 KB died of fewer. So read replies on the main thread.
"""

from __future__ import annotations

import ast
import warnings
from typing import Any

from eval.judges.calls import UnreadableReplyError

MAX_CHARS = 32_768
"""Maximum characters of a text that is parsed; an answer in the right form has a few hundred."""


def read_literal(text: str) -> object:
    """Return the value of a Python literal. Raises UnreadableReplyError for any other text."""
    if len(text) > MAX_CHARS:
        raise UnreadableReplyError(f"{len(text)} characters are too long for an answer; {MAX_CHARS} are read")
    try:
        # A reply with "\d" in it is readable; Python's warning about that escape does not matter here.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.lstrip(" \t"), mode="eval")
        return _value(tree.body)
    except UnreadableReplyError:
        raise
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        # TypeError: a list as a key, or in a set. ValueError: null characters, a number of 5,000 digits.
        raise UnreadableReplyError(f"no Python literal: {error or type(error).__name__}") from error


def _value(node: ast.expr | None) -> Any:
    """Return the value of a node; the tokenizer bounds nesting, since it stops at 200 brackets."""
    match node:
        case ast.Constant():
            return node.value
        case ast.Tuple() | ast.List() | ast.Set():
            kind = {ast.Tuple: tuple, ast.List: list, ast.Set: set}[type(node)]
            return kind(_value(item) for item in node.elts)
        case ast.Dict():
            # The key of "**other" is None, which is no literal.
            return {_value(key): _value(value) for key, value in zip(node.keys, node.values, strict=True)}
        case ast.Call(func=ast.Name(id="set"), args=[], keywords=[]):
            return set()
        case ast.UnaryOp(op=ast.UAdd() | ast.USub() as sign, operand=ast.Constant(value=value)):
            # True and False are constants but take no sign.
            if isinstance(value, int | float | complex) and not isinstance(value, bool):
                return -value if isinstance(sign, ast.USub) else value
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as sign, right=ast.Constant(value=complex() as imaginary)):
            # `real + imaginary` is the only arithmetic that is a literal.
            real = _value(left) if isinstance(left, ast.Constant | ast.UnaryOp) else None
            if isinstance(real, int | float) and not isinstance(real, bool):
                return real - imaginary if isinstance(sign, ast.Sub) else real + imaginary
    raise UnreadableReplyError(f"a {type(node).__name__} is no part of a Python literal here")
