"""docs/reference: as the schema has it now, and naming every field that a run writes."""

from __future__ import annotations

import json
import re

import pytest

from eval.config import PROJECT, names
from eval.judges import transcript
from scripts import make_reference
from tests.cli.runs import evaluate, needs_world, read


def test_the_pages_are_up_to_date():
    old = [str(path.relative_to(PROJECT)) for path in make_reference.stale()]
    assert not old, "run .venv/bin/python scripts/make_reference.py"


def test_a_changed_comment_or_docstring_makes_a_page_stale(monkeypatch, tmp_path):
    text = make_reference.settings_page()
    for group in make_reference.GROUPS:
        assert all(f"### `{group}={name}`" in text for name in names(group)), group
    path = tmp_path / "one.yaml"
    path.write_text("# A head.\nname: x  # its name\nfps: null\nnested:  # of parts\n  a: 1\n")
    head, found = make_reference.entries(path)
    assert head == ["A head."]
    assert {name: (one.value, one.comment) for name, one in found.items()} == {
        "name": ("x", "its name"), "fps": ("null", ""), "nested": ("1 fields", "of parts"),
    }  # fmt: skip
    monkeypatch.setattr(make_reference, "OUT", tmp_path)
    assert len(make_reference.stale()) == len(make_reference.PAGES)


def test_every_setting_has_a_meaning():
    for page in sorted(make_reference.OUT.glob("*.md")):
        for line in page.read_text(encoding="utf-8").splitlines():
            if line.startswith("| `") and not re.search(r"`model\.(n_frames|fps)` \| `", line):
                assert not line.endswith("|  |"), f"{page.name}: {line}"


def test_a_placeholder_is_no_tag():
    assert make_reference.prose("to `<a>` or <b>") == "to `<a>` or \\<b>"
    for page in make_reference.OUT.glob("*.md"):
        text = re.sub(r"`[^`\n]*`|<!--.*?-->", "", page.read_text(encoding="utf-8"))
        assert not re.search(r"(?<!\\)<\w", text), page.name


@needs_world
@pytest.mark.slow
def test_every_field_of_a_run_is_in_the_reference(tmp_path):
    assert evaluate(tmp_path / "qa", "--limit", "2", bench="msvd-qa") == 0
    known = sections((make_reference.OUT / "files.md").read_text(encoding="utf-8"))
    result = json.loads((tmp_path / "qa" / "result.json").read_text(encoding="utf-8"))
    assert set(result) - {"files"} == known["result.json"]
    for part in ("metrics", "coverage"):
        assert set(result[part][0]) == known[part]
    assert set(result["counts"]) == known["counts"]
    for row in read(tmp_path / "qa" / "predictions.jsonl"):
        assert set(row) <= known["predictions.jsonl"]
        assert set(row["shown"][0]) <= known["shown"]
        assert set(row["strip"]) - {"file"} == known["strip"]
    assert all(set(row) == known["scores.jsonl"] for row in read(tmp_path / "qa" / "scores.jsonl"))
    assert set(transcript._TYPES) == known["verdicts.jsonl"] | {"sample", "task", "side", "attempt"}
    assert set(json.loads((tmp_path / "qa" / "run.json").read_text(encoding="utf-8"))) <= known["run.json"]
    listed = known["every file of a run"]
    left = {path.name for path in (tmp_path / "qa").iterdir()}
    assert left <= listed | {"thumbnails", "log.txt"}


def sections(text):
    """Return the names in the first column of each section's table, by heading."""
    found = {}
    for section in re.split(r"^#+ ", text, flags=re.MULTILINE)[1:]:
        heading = section.splitlines()[0].strip("` ").lower()
        found[heading] = set(re.findall(r"^\| `([^`]+)`", section, re.MULTILINE))
    return found
