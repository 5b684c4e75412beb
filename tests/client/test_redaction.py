"""The key in a text, however it is written there, and what is left of the text."""

from __future__ import annotations

import base64
import json
import random
import string
import urllib.parse

import pytest

from eval.client.redaction import Redaction

KEYS = ("Zq8vT3nLw5RkXy7JpD2hMb6c", "sk-proj-A_b/c+d=Ef9!gh:ij~KL", "0123456789abcdef0123456789abcdef")


def written(key: str) -> dict[str, str]:
    """Return a key in the ways in which servers and proxies may write it."""
    raw = key.encode()
    coded = base64.b64encode(raw).decode()
    return {
        "as it is": key,
        "base64": coded,
        "base64 without its end": coded.rstrip("="),
        "base64 for URLs": base64.urlsafe_b64encode(raw).decode(),
        "base64 as a password": base64.b64encode(b"user:" + raw).decode(),
        "base64 after one more": base64.b64encode(b"a:" + raw + b":b").decode(),
        "percent": urllib.parse.quote(key, safe=""),
        "percent for each": "".join(f"%{byte:02x}" for byte in raw),
        "hex": raw.hex(),
        "hex in capitals": raw.hex().upper(),
        "hex of pairs": raw.hex(" "),
        "reversed": key[::-1],
        "spaced": " ".join(key),
        "lines": "\n".join(key),
        "folded": f"{key[:9]}\r\n\t{key[9:]}",
        "zero width": f"{key[:9]}\u200b{key[9:]}",
        "zero width in JSON": "\\u200b".join(key),
        "capitals": key.upper(),
        "HTML": "".join(f"&#{byte};" for byte in raw),
        "JSON": "".join(f"\\u{byte:04x}" for byte in raw),
    }


def leaks(key: str, text: str) -> list[str]:
    """Return the runs of 12 characters of any of these forms that a text still holds, without regard to space."""
    told = "".join(text.lower().split()).replace("\u200b", "").replace("\\u200b", "").replace("\\n", "")
    forms = [key.lower(), key[::-1].lower(), key.encode().hex()]
    forms += [base64.b64encode(b"x" * n + key.encode())[4:-4].decode().lower() for n in range(3)]
    return [form[i : i + 12] for form in forms for i in range(len(form) - 11) if form[i : i + 12] in told]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("way", written("x"))
def test_no_form_of_the_key_is_left(key, way):
    redact, form = Redaction(key), written(key)[way]
    for text in (form, f"The key {form} is wrong.", json.dumps({"why": f"é {form}\n", "n": 1}), f"{form}|{form}"):
        shown = redact(text)
        assert not leaks(key, shown), (text, shown)
        assert "[key]" in shown
        assert redact.holds(text)
        assert not redact.holds(shown)
    told = json.loads(redact(json.dumps({"why": f"é {form} so", "n": [1, form]})))
    assert (told["why"][:2], told["why"][-3:], told["n"][0]) == ("é ", " so", 1)


@pytest.mark.parametrize("key", KEYS)
def test_a_part_of_the_key_is_replaced_from_twelve_characters_on(key):
    redact = Redaction(key)
    for n in (12, 13, 17, len(key) - 1):
        for start in range(len(key) - n + 1):
            assert redact(f"see: {key[start : start + n]}.") == "see: [key]."
    for start in range(len(key) - 10):
        part = key[start : start + 11]
        assert redact(part) == part or part * 2 in key * 2


def test_what_is_no_key_stays_as_it_is():
    draw = random.Random(1)
    redact = Redaction(KEYS[0])
    for _ in range(300):
        text = "".join(draw.choices(string.ascii_letters + string.digits + " \\\n%&\"'é\u200bİ", k=200))
        assert redact(text) == text
        assert redact.json({"a": text}) == {"a": text}


def test_a_short_key_is_replaced_as_it_is_alone():
    redact = Redaction("EMPTY")
    assert redact("EMPTY, but the room is empty") == "[key], but the room is empty"
