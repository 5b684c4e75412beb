"""Read a Python literal from untrusted text without running any of it.

A judge's reply may repeat text that a prediction dictated, so nothing of it is ever evaluated. The text is parsed into
a syntax tree and the tree is walked by the rules of `ast.literal_eval` (Python 3.10 to 3.13): whatever that accepts is
accepted with the same value, and everything else is refused. The length is bounded because a long row of operators
makes a deep tree: at 100,000 characters none of 20 such texts harmed these versions on a main thread's stack of 8 MB;
threads with a stack of 512 KB died of fewer. So read replies on the main thread.
"""

from __future__ import annotations

import ast
import warnings
from typing import Any, NoReturn

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
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        items = [_value(item) for item in node.elts]
        return items if isinstance(node, ast.List) else tuple(items) if isinstance(node, ast.Tuple) else set(items)
    if isinstance(node, ast.Dict):
        # The key of "**other" is None, which is no literal.
        return {_value(key): _value(value) for key, value in zip(node.keys, node.values, strict=True)}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "set":
        return set() if not node.args and not node.keywords else _refuse(node)
    if isinstance(node, ast.BinOp):
        return _complex(node)
    return _signed(node)


def _refuse(node: ast.expr | None) -> NoReturn:
    raise UnreadableReplyError(f"a {type(node).__name__} is no part of a Python literal here")


def _complex(node: ast.BinOp) -> Any:
    """Return the value of `real + imaginary`, the only arithmetic that is a literal."""
    real, imaginary = _signed(node.left), _number(node.right)
    if not isinstance(real, complex) and isinstance(imaginary, complex):
        if isinstance(node.op, ast.Add):
            return real + imaginary
        if isinstance(node.op, ast.Sub):
            return real - imaginary
    return _refuse(node)


def _signed(node: ast.expr | None) -> Any:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd | ast.USub):
        number = _number(node.operand)
        return +number if isinstance(node.op, ast.UAdd) else -number
    return _number(node)


def _number(node: ast.expr | None) -> Any:
    # True and False are constants but take no sign.
    if isinstance(node, ast.Constant) and type(node.value) in (int, float, complex):
        return node.value
    return _refuse(node)
