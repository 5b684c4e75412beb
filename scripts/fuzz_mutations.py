"""Damage done to inputs: to values of a JSON document, and to the bytes of any file. Deterministic in its generator."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

RAW = "@@raw{}@@"
"""Stands in a document for a text that json.dumps would never write."""
RAWS = (
    "NaN",
    "-Infinity",
    "1e999",
    "9" * 400,
    "9" * 5000,
    "[" * 5000 + "]" * 5000,
    '{"a":' * 3000 + "1" + "}" * 3000,
    '{"a": 1, "a": 2}',
    '"\\ud800"',
    '"\\u0000"',
    "",
    "01",
    "'text'",
    "[" * 100 + "]" * 100,
)
NASTY: tuple[Any, ...] = (
    *(RAW.format(number) for number in range(len(RAWS))),
    *(
        "",
        " ",
        "\n",
        "\t",
        "a\x00b",
        "\x1b[31mred",
        "line\nline",
        "\u202e",
        "\ufeff",
        "é\u0301",
        "😀",
        "=1+1",
        "{",
        "}",
    ),
    *(
        "..",
        "../../../etc/passwd",
        "/etc/passwd",
        "/",
        "a/..",
        "/dev/zero",
        "~",
        "\\",
        "a//b",
        "video/../../x",
        "C:\\x",
    ),
    *("x" * 300, "x" * 100_000, "a/" * 5000, "<video>", "<video><video>", "<image>", "{question}", "{0.__class__}"),
    *("<error>", "<placeholder>", "nan", "inf", "1e5", "0x10", "٣", "1_000", "A", "(A)", "Z", "ß", "None", "true"),
    *("${oc.env:HOME}", "{{tag}}", "$(id)", "`id`", "'; DROP TABLE x; --", "%s%n", "<script>", "__import__('os')"),
    *(None, True, False, 0, -1, 1, 2, 3.5, -0.0, 1e308, -1e308, 5e-324, 2**53, 2**63, 10**30, 10**18),
    *(
        [],
        {},
        [[]],
        [None],
        [""],
        ["a"],
        ["a", "a"],
        [1, 2],
        [True],
        {"": 1},
        {"a": {}},
        ["a"] * 30,
        [{}],
        {"$ref": "#"},
    ),
)


def written(document: Any) -> str:
    """Return a document as JSON, with the texts that are no JSON where they are stood in for."""
    text = json.dumps(document, ensure_ascii=False)
    for number, raw in enumerate(RAWS):
        text = text.replace(json.dumps(RAW.format(number)), raw)
    return text


def damaged(document: Any, rng: random.Random) -> Any:
    """Change one place of a document: another value, one less, one more, another name."""
    places = list(_places(document))
    if not places:
        return rng.choice(NASTY)
    holder, key = rng.choice(places)
    what = rng.randrange(8)
    if what < 4:
        holder[key] = rng.choice(NASTY)
    elif what == 4:
        del holder[key]
    elif what == 5:
        if isinstance(holder, list):
            holder.insert(key, holder[key])
        else:
            holder[rng.choice((f"{key} ", str(key).upper(), "", "messages", "extra_info", "image_file"))] = holder.pop(
                key
            )
    elif what == 6:
        holder[key] = [holder[key]]
    else:
        holder[key] = (
            str(holder[key]) if not isinstance(holder[key], str) else holder[key] * 2 + rng.choice("\x00\n😀 ")
        )
    return document


def _places(value: Any, depth: int = 0) -> list[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    found = [(value, key) for key in keys]
    for key in keys:
        found += _places(value[key], depth + 1)
    return found


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _flip(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(max(len(data), 1))
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def _insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    nasty = (b"\x00", b'"', b"'", b"\n", b"\r", b",", b"\t", b"{", b"[", b"\\", b"\xff\xfe", b"\xed\xa0\x80", b"NaN",
             b"\\ud83d", b"9" * 6000, b"[" * 4000, b'"' * 3, b"\xe2\x80\xa8", b"x" * 140_000, b"/../")  # fmt: skip
    return data[:at] + rng.choice(nasty) + data[at:]


def _repeat(data: bytes, rng: random.Random) -> bytes:
    at, end = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
    return data[:end] + data[at:end] + data[end:]


BYTES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(_cut, _flip, _flip, _insert, _insert, _insert, _repeat),
    lambda data, _: b"\xef\xbb\xbf" + data,
    lambda data, _: data.decode("utf-8", "replace").encode("utf-16"),
    lambda data, _: data.decode("utf-8", "replace").encode("utf-32-le"),
    lambda data, _: data.replace(b"\n", b"\r\n"),
    lambda data, _: data.replace(b"\n", b"\r"),
    lambda data, _: data.replace(b"\n", b" "),
    lambda _, __: b"",
    lambda data, _: data + data,
    lambda data, _: b"\n" * 5 + data + b"\n\n  \n",
    lambda data, _: data.rstrip(b"\n"),
)
"""Ways to damage a file whatever it holds."""


def damaged_bytes(data: bytes, rng: random.Random) -> bytes:
    """Damage a file's content in one of these ways."""
    return rng.choice(BYTES)(data, rng)
