"""Extracts the messages that a Python file sends to a chat model from its syntax tree, running nothing."""

from __future__ import annotations

import ast
from pathlib import Path

from eval.errors import DataError
from eval.files import read_regular_text

Parts = list[tuple[str, bool]]
"""A text in pieces: literal text and False, or the name of a variable and True."""


def message_texts(path: Path) -> list[dict[str, Parts]]:
    """Return, for each call with `messages=[{"role": ..., "content": ...}, ...]`, its texts by role.

    Contents may be literals, f-strings, or sums of them. Raises DataError where the file cannot be read, or a
    content is anything else.
    """
    try:
        tree = ast.parse(read_regular_text(path), str(path))
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as Python ({error}); check out upstream's file") from None
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    sent = [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "messages"]
    return [_texts(messages, path) for messages in sent if isinstance(messages, ast.List)]


def _texts(messages: ast.List, path: Path) -> dict[str, Parts]:
    texts: dict[str, Parts] = {}
    for message in messages.elts:
        if not isinstance(message, ast.Dict):
            raise DataError(f"{path}:{message.lineno}: a message that is not a literal dict cannot be read")
        pairs = zip(message.keys, message.values, strict=True)
        fields = {key.value: value for key, value in pairs if isinstance(key, ast.Constant)}
        role, content = fields.get("role"), fields.get("content")
        if not isinstance(role, ast.Constant) or not isinstance(role.value, str) or content is None:
            raise DataError(f"{path}:{message.lineno}: a message without a literal role and content cannot be read")
        texts[role.value] = texts.get(role.value, []) + _parts(content, path)
    return texts


def _parts(node: ast.expr, path: Path) -> Parts:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [(node.value, False)]
    if isinstance(node, ast.Name):
        return [(node.id, True)]
    if isinstance(node, ast.FormattedValue) and node.conversion == -1 and node.format_spec is None:
        return _parts(node.value, path)
    if isinstance(node, ast.JoinedStr):
        return [part for value in node.values for part in _parts(value, path)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _parts(node.left, path) + _parts(node.right, path)
    raise DataError(f"{path}:{node.lineno}: {ast.unparse(node)[:60]!r} is neither text nor a variable")
