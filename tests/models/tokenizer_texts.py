"""Texts and id sequences on which tokenizers are compared: drawn from a seed, with the standard library alone.

`scripts/tokenizer_reference.py` imports this beside transformers 4.44.2, and the tests beside the project's own.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence

N_TEXTS = 5000
N_SEQUENCES = 500
N_TOGETHER = 500
"""Results under one hash."""

_ENGLISH = (
    "the a video of person man woman dog opens closes door window red blue ball rolls left right question answer "
    "options select best option describe in detail what is happening cup table then picks up puts down moving object "
    "direction camera scene why did he she they before after while running jumping cooking guitar kitchen street "
    "isn't don't I'm we've they're it's 's n't , . ? !"
)
_WORDS = _ENGLISH.split()
_QUESTIONS = (
    "What does the {w} do after the {w} {w}?",
    "Which object was {w} by the {w}?\nOptions:\n(A) The {w}.\n(B) The {w}.\n(C) The {w} {w}.",
    "Describe the video in detail.",
    "Select the best option that accurately addresses the question.\nQuestion: where is the {w}?",
    "How many {w}s are there? Answer with a number: {n}",
)
_ENDS = ("ASSISTANT: ", "ASSISTANT:", "ASSISTANT: Answer: (", "ASSISTANT: Best option: (", " ASSISTANT: The {w}")
_RANGES = (
    (0x20, 0x7E), (0x00, 0x1F), (0x7F, 0xA0), (0xA1, 0x24F), (0x300, 0x36F), (0x370, 0x52F), (0x590, 0x6FF),
    (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2580, 0x25FF),
    (0x3000, 0x30FF), (0x4E00, 0x4FFF), (0xAC00, 0xACFF), (0xE000, 0xE010), (0xFB00, 0xFBFF), (0xFE00, 0xFEFF),
    (0xFF00, 0xFFFF), (0x10300, 0x1034F), (0x1D400, 0x1D4FF), (0x1F300, 0x1F64F), (0x20000, 0x20080),
    (0xE0100, 0xE01EF), (0x10FFF0, 0x10FFFF),
)  # fmt: skip
_PIECES = (
    "<s>", "</s>", "<unk>", "<image>", "<pad>", "<|startoftext|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>",
    "<video>", "<image_newline>", "<image_new>", "<extra>", "<loose>", "Word", "<0x0A>", "<0x00>", "<0xFF>", "▁", "▁▁",
    "▁the", "_", " ", "  ", "    ", "\t", "\n", "\r\n", "\n\n", "\x00", "\x0b", "\u00a0", "\u200b", "\u200d", "\u2028",
    "\u3000", "\ufeff", "\u202e", "é", "e\u0301", "ﬁ", "Å", "ß", "İ", "中文", "日本語", "한국어", "עברית", "العربية",
    "हिन्दी", "ไทย", "👩\u200d👩\u200d👧", "🏳️\u200d🌈", "🇩🇪", "𝒳", "\U0010ffff", "\ud800", "\udc00", "1234567890",
    "3.14", "=", "a", "..", "-1e-5", "def f(x):\n    return x\n", "<s", "s>", "[INST]", "https://example.org/?q=1",
    "A.", "don't", " n't", "aaaa",
)  # fmt: skip

_EDGES = (
    "", " ", "  ", "\n", "\t", "▁", " ▁ ", "<s>", "</s>", " <s>", "<s> ", "<image>", "<image><image>", "a", " a", "a ",
    "<image>a", "<image> a", "a<image>", "a <image>", "<s>a</s>", "<unk>", "<0x0A>", "\x00", "\ud800", "a\udfffb",
    "USER: <image><image>\nWhat is it? ASSISTANT: Answer: (", "USER: <image> Describe the video in detail. ASSISTANT: ",
    "Hello <s>.", "Hello</s> <s>Hello", "<|startoftext|>a<|endoftext|>b", "<pad> <pad>", "  lead", "trail  ",
    "a  b   c", "it's , isn't it ? 's", "é e\u0301", "👩\u200d👩\u200d👧", "Word Words aWord <loose>  <loose>",
    "<extra>  <extra>x",
)  # fmt: skip


def texts(n: int = N_TEXTS) -> list[str]:
    """Return texts to encode, always the same: edges first, then prompts, scripts, pieces and repetitions in turn."""
    rng = random.Random(20250711)
    kinds = (_prompt, _scripts, _mixed, _mixed, _repeated, _prompt)
    return [*_EDGES, *(kinds[i % len(kinds)](rng) for i in range(n - len(_EDGES)))]


def sequences(size: int, n: int = N_SEQUENCES) -> list[list[int]]:
    """Return id sequences to decode, from 0 to a few past `size`; half of them mostly of low ids, where bytes are."""
    rng = random.Random(size)
    top = (size + 3, min(size, 300))
    return [[rng.randint(0, top[i % 2]) for _ in range(rng.choice((0, 1, 2, 5, 12, 40)))] for i in range(n)]


def digests(values: Sequence[object]) -> list[str]:
    """Return a hash of every N_TOGETHER values that JSON can hold, in order."""
    parts = (values[at : at + N_TOGETHER] for at in range(0, len(values), N_TOGETHER))
    return [hashlib.sha256(json.dumps(part).encode("ascii")).hexdigest()[:16] for part in parts]


def corpus(n: int = 6000) -> list[str]:
    """Return lines to train a vocabulary on."""
    rng = random.Random(7)
    lines = [_filled(rng.choice(_QUESTIONS), rng).replace("\n", " ") for _ in range(n)]
    runs = [" ".join(rng.choice("=-.a!") * rng.randint(2, 9) for _ in range(4)) for _ in range(n // 4)]
    words = [" ".join(rng.choice(_WORDS) for _ in range(9)) for _ in range(n)]
    return [*lines, *words, *runs, "中文 é ß 日本 עברית  " * 40]


def _filled(template: str, rng: random.Random) -> str:
    while "{w}" in template:
        template = template.replace("{w}", rng.choice(_WORDS), 1)
    return template.replace("{n}", str(rng.randint(0, 10**6)))


def _prompt(rng: random.Random) -> str:
    frames = "<image>" * rng.choice((0, 1, 2, 8))
    between = rng.choice(("\n", " ", "", "\n\n"))
    asked = _filled(rng.choice(_QUESTIONS), rng)
    return f"USER: {frames}{between}{asked} {_filled(rng.choice(_ENDS), rng)}"


def _scripts(rng: random.Random) -> str:
    parts = []
    for _ in range(rng.randint(1, 6)):
        low, high = rng.choice(_RANGES)
        parts.append("".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 8))))
    return rng.choice(("", " ", "  ", "\n")).join(parts)


def _mixed(rng: random.Random) -> str:
    parts = [rng.choice(_PIECES if rng.random() < 0.6 else _WORDS) for _ in range(rng.randint(1, 14))]
    return rng.choice(("", " ", "")).join(parts)


def _repeated(rng: random.Random) -> str:
    return rng.choice(_PIECES) * rng.randint(2, 60) + rng.choice(_WORDS) * rng.randint(0, 12)
