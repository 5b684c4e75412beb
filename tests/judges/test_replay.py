"""Bundles of verdicts from anyone: bounded in time and memory, and refused in one line."""

from __future__ import annotations

import gzip
import json
import time

import pytest

from eval.errors import DataError
from eval.judges.calls import JudgeReply
from eval.judges.replay import FREE_BYTES, open_bundle, pack

HEADER = {
    "benchmark": "b", "model": "m", "scorer": {"judge": {"name": "j"}}, "protocol": "native", "wording": {},
    "result": {"counts": {"total": 1}},
}  # fmt: skip
REPLY = JudgeReply(text="yes", key="k", served="j")


@pytest.fixture
def bundle(tmp_path):
    path = tmp_path / "b.gz"
    path.write_bytes(pack(HEADER, [{"id": "0"}], [REPLY]))
    return path


def refused(path):
    began = time.process_time()
    with pytest.raises(DataError) as caught:
        open_bundle(path)
    assert time.process_time() - began < 10
    assert str(caught.value).isprintable()
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_bundle_is_read(bundle):
    found = open_bundle(bundle)
    assert (found.header["model"], found.predictions) == ("m", ({"id": "0"},))
    assert found.replies["k"].text == "yes"


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (b'{"kind": "prediction", "id": ""}\n' * 30_000, "more than a bundle of its size can hold"),
        (b'{"kind": "prediction"}\n' * 45_000, "a prediction without an id"),
        (b"\n" * 2**20, "damaged after line"),
        (b" " * 2**20, "more than a bundle of its size can hold"),
        (b'{"kind": "verdict"}\n', "damaged after line"),
    ],
)
def test_a_few_bytes_that_unpack_to_a_flood(bundle, block, said, monkeypatch):
    # Members that follow each other are one file to gzip: 4 GiB here, in some 4 MB at the most.
    monkeypatch.setattr("eval.judges.replay.MAX_LINES", 100_000)
    bundle.write_bytes(bundle.read_bytes() + gzip.compress(block) * 4096)
    assert said in refused(bundle)


def test_a_flood_within_one_line(bundle):
    bundle.write_bytes(gzip.compress(b'{"kind": "header", "a": "' + b"x" * 2 * FREE_BYTES))
    assert f"b.gz:1: unpacks to more than a bundle of its size can hold ({FREE_BYTES} bytes" in refused(bundle)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"kind": "prediction"}', "does not begin with its header"),
        (b"[]", "no bundle of verdicts"),
        (b"{", "no bundle of verdicts"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' * 50 + b"1" + b"}" * 50, "nested more than 32 deep"),
        (b'{"kind": "header", "kind": "verdict"}', "comes twice"),
        (b'{"kind": "header", "format": NaN}', "NaN"),
        (b'{"kind": "header", "format": ' + b"9" * 5000 + b"}", "digits"),
        (b"\xff\xfe", "no bundle of verdicts"),
        (b'{"kind": "header", "format": 9}', "that this version reads"),
    ],
)
def test_a_foreign_first_line(bundle, line, said):
    bundle.write_bytes(gzip.compress(line + b"\n"))
    assert said in refused(bundle)


def test_half_a_character_does_not_get_in(bundle):
    lines = gzip.decompress(bundle.read_bytes()).replace(b'"text": "yes"', b'"text": "\\ud800"')
    bundle.write_bytes(gzip.compress(lines))
    assert open_bundle(bundle).replies["k"].text == "?"
    assert json.loads(lines.splitlines()[-1])["text"] == "\ud800"
