"""Files of JSON lines: what a crash leaves at their end is cut, and nothing else is."""

from __future__ import annotations

import json
import os

import pytest

from eval.errors import RunError
from eval.runs.journal import Journal

GOOD = b'{"id": "1", "output": "\xc3\xbc"}\n'
NEXT = b'{"id": "2", "output": "\xc3\xbc\xf0\x9f\x98\x80"}\n'


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "p.jsonl")


def test_what_was_appended_is_there(journal):
    journal.append([{"id": "1", "output": "ü"}])
    journal.append([])
    journal.append([{"id": "2"}, {"id": "3"}])
    assert [json.loads(line)["id"] for line in journal.path.read_text().splitlines()] == ["1", "2", "3"]
    assert journal.repair() is None


def test_a_file_that_is_not_there_or_empty_is_whole(journal):
    assert journal.repair() is None
    journal.path.touch()
    assert journal.repair() is None


@pytest.mark.parametrize("size", range(1, len(NEXT)))
def test_a_line_cut_at_any_byte_is_dropped_or_ended(journal, size):
    journal.path.write_bytes(GOOD + NEXT[:size])
    done = journal.repair()
    if size == len(NEXT) - 1:
        # Only its end is missing. Half an object is never a whole one, so that this one is.
        assert done == f"{journal.path}:2: the last line lacked its end; it is whole and stays."
        assert journal.path.read_bytes() == GOOD + NEXT
    else:
        assert done is not None
        assert done.startswith(f"{journal.path}:2: dropped a half-written last line ({size} bytes)")
        assert journal.path.read_bytes() == GOOD
    assert journal.repair() is None


@pytest.mark.parametrize(
    ("tail", "n_lines"),
    [
        (b"\0" * 4096, 1),
        (b"\0" * 40 + b"\n", 1),
        (NEXT[:20] + b"\0" * 30 + b"\n", 1),
        (b'{"id": "2", "output"\n', 1),
        (b'{"id": "2"}{"id": "3"}\n', 1),
        (b'["a list"]\n', 1),
        (b"3\n", 1),
        (b"\xff\xfe\n", 1),
        (b'{"id": "2\n\0\0\n{"id": \n\n', 4),
    ],
)
def test_what_is_no_line_at_the_end_is_dropped(journal, tail, n_lines):
    journal.path.write_bytes(GOOD + tail)
    done = journal.repair() or ""
    assert ("dropped a half-written last line" if n_lines == 1 else f"dropped {n_lines} half-written lines") in done
    assert journal.path.read_bytes() == GOOD
    journal.append([{"id": "9"}])
    assert journal.path.read_bytes() == GOOD + b'{"id": "9"}\n'


@pytest.mark.parametrize("bad", [b"\0" * 20 + b"\n", NEXT[:-9] + b"\n", NEXT[:-9] + GOOD, b"\xff\n", b"[]\n"])
def test_a_damaged_line_before_a_sound_one_is_refused_by_its_number(journal, bad):
    journal.path.write_bytes(GOOD + bad + NEXT + NEXT[:7])
    before = journal.path.read_bytes()
    with pytest.raises(RunError) as raised:
        journal.repair()
    assert str(raised.value).startswith(f"{journal.path}:2: this line is damaged, and sound ones follow")
    assert "\n" not in str(raised.value)
    assert journal.path.read_bytes() == before


def test_blank_lines_and_a_byte_order_mark_are_no_damage(journal):
    content = b"\xef\xbb\xbf" + GOOD + b"\n  \n" + NEXT + b"\n"
    journal.path.write_bytes(content)
    assert journal.repair() is None
    assert journal.path.read_bytes() == content


@pytest.mark.parametrize(("where", "kept"), [("os.fsync", b'{"id": "2"}\n'), ("write_all", b"")])
def test_an_append_that_is_interrupted_leaves_the_file_whole(journal, monkeypatch, where, kept):
    journal.append([{"id": "1"}])

    def interrupted(handle, content=b""):
        os.write(handle, content[:5])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"eval.runs.journal.{where}", interrupted)
        with pytest.raises(KeyboardInterrupt):
            journal.append([{"id": "2"}])
    # What was written whole stays, as the user is told that it was done or will be.
    assert journal.path.read_bytes() == b'{"id": "1"}\n' + kept


def test_what_cannot_be_written_as_json_leaves_the_file_whole(journal):
    journal.append([{"id": "1"}])
    with pytest.raises(ValueError, match="JSON compliant"):
        journal.append([{"id": "2"}, {"id": float("nan")}])
    assert journal.path.read_bytes() == b'{"id": "1"}\n'
