"""scripts/survive.py: its table and its exit code, and that its short form is tests that CI runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import survive

PROJECT = Path(__file__).resolve().parents[1]


def test_every_part_has_a_script_and_tests():
    kinds = {part.name for part in survive.PARTS}
    assert {"damaged input", "bad media", "a judge's faults"} < kinds
    assert sum("kill" in kind for kind in kinds) == 2
    for part in survive.PARTS:
        for name in [*part.tests.split(), *(word for word in part.command.split() if word.endswith(".py"))]:
            assert (PROJECT / name).is_file(), name


@pytest.mark.slow
def test_the_table_tells_what_failed(monkeypatch, capsys, tmp_path):
    (tmp_path / "test_good.py").write_text("def test_it(): pass\n")
    (tmp_path / "test_bad.py").write_text("def test_it(): assert 6 * 9 == 42\n")
    parts = [
        survive.Part(name=name, command="-c pass", tests=str(tmp_path / f"test_{name}.py")) for name in ("good", "bad")
    ]
    monkeypatch.setattr(survive, "PARTS", parts[:1])
    assert survive.main(["--short"]) == 0
    monkeypatch.setattr(survive, "PARTS", parts)
    assert survive.main([]) == 0
    capsys.readouterr()
    assert survive.main(["--short"]) == 1
    said = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in said.splitlines() if line.startswith("| ")]
    assert rows == [["what", "outcome"], ["good", "survived"], ["bad", "FAILED (1)"]]
    assert "assert (6 * 9) == 42" in said
