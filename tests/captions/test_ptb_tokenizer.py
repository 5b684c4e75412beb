"""Tokens against the Stanford tokenizer: recorded with pycocoevalcap 1.2's jar, never from our own code."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from eval.captions.ptb_tokenizer import PUNCTUATION, tokenize, tokenize_line

RECORDED = [
    json.loads(line) for line in (Path(__file__).parent / "ptb_lines.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("row", RECORDED, ids=lambda row: row["text"][:30])
def test_ugly_lines(row):
    assert tokenize_line(row["text"]) == row["tokens"]


def test_golden_lines(golden):
    rows = json.loads((golden / "ptb_tokenizer.json").read_text(encoding="utf-8"))
    wrong = [row["text"] for row in rows if tokenize_line(row["text"]) != row["tokens"]]
    assert not wrong
    assert len(rows) > 5000


def test_golden_captions(golden):
    cases = json.loads((golden / "cider.json").read_text(encoding="utf-8"))["cases"]
    pairs = [(case["prediction"], case["prediction_tokens"]) for case in cases]
    for case in cases:
        pairs += zip(case["references"], case["reference_tokens"], strict=True)
    assert len(pairs) > 10_000
    assert [text for text, tokens in pairs if tokenize_line(text) != tokens] == []


def test_a_newline_is_a_space():
    assert tokenize("a dog\nruns.\r\n") == ["a", "dog", "runs"]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x0b", "\x0c", "\r", "\u00a0"])
def test_other_separators_are_spaces(separator):
    assert tokenize(f"a dog{separator}runs") == ["a", "dog", "runs"]


def test_no_break_spaces_part_tokens_for_metrics_only():
    assert tokenize_line("1 1/2 cups") == "1\u00a01/2 cups"
    assert tokenize("1 1/2 cups") == ["1", "1/2", "cups"]


@pytest.mark.parametrize("text", ["", " ", "...", "\n", "😀", '"" — !'])
def test_captions_without_tokens(text):
    assert tokenize(text) == []


def test_no_punctuation_is_left():
    text = "Well -- he said: \"no, 'never'!\" (really?); `so` ... it goes."
    tokens = tokenize(text)
    assert not PUNCTUATION & set(tokens)
    assert "-lrb-" in tokens


def test_a_long_line_takes_no_time_out_of_proportion():
    # Patterns that back-track would take minutes for either of these.
    assert tokenize("a." * 5000)
    assert tokenize("x" * 20_000 + "!" * 20_000)
    assert tokenize("a-" * 2000 + "1/" * 2000 + "<a " * 2000 + "a@" * 500)


# What a rule begins with, and then looks for in vain.
PIECES = ("<!", "a'", "a,", "-www.", "1.a.", "s. <b", "<a b='", "a@.", "a.1-", "&#1", "é.", "''")


@pytest.mark.parametrize("piece", PIECES)
def test_what_never_closes_takes_no_longer_than_its_length(piece):
    began = time.process_time()
    for end in ("", " >x", "@.x"):
        tokenize(piece * (10_000 // len(piece)) + end)
    assert time.process_time() - began < 4


@pytest.mark.parametrize("piece", ["<!", "a'"])
def test_a_text_of_openings_takes_no_longer_than_its_length(piece):
    began = time.process_time()
    tokenize(piece * 30_000)
    assert time.process_time() - began < 5


def test_what_closes_within_reach_is_one_token():
    assert tokenize_line("a" * 90 + "." + "b" * 30 + "@c.de x") == "a" * 90 + "." + "b" * 30 + "@c.de x"
    assert tokenize_line(f"<!-- {'a ' * 400}--> x").endswith("\u00a0--> x")
    assert tokenize_line("www." + "a." * 30 + "com x") == "www." + "a." * 30 + "com x"
    assert tokenize_line("1," * 60 + "5-a x") == "1," * 60 + "5-a x"
