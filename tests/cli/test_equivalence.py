"""`tarsier-eval equivalence`: nothing differs in fp32, and what differs is found and told."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from eval.__main__ import main
from eval.models.tarsier.runner import TarsierRunner
from tests.cli.runs import needs_world

pytestmark = [needs_world, pytest.mark.slow]


def test_nothing_differs_in_fp32(capsys):
    assert main(["equivalence", "--bench", "mvbench", "--limit", "6"]) == 0
    shown = capsys.readouterr().out
    assert "Outputs that differ: 0 (0.00%). Scores that differ: 0." in shown
    assert "fewer than 39.30% do" in shown  # 1 - 0.05 ** (1 / 6)


def test_a_flip_is_found_and_one_that_moves_the_score_is_told_apart(tmp_path, capsys, monkeypatch):
    alone = TarsierRunner.alone
    seen = []

    def flipped(self, clip, **options):
        made = alone(self, clip, **options)
        seen.append(clip)
        text = {1: f"{made.output} indeed", 2: "no letter at all"}.get(len(seen), made.output)
        return replace(made, output=text)

    monkeypatch.setattr(TarsierRunner, "alone", flipped)
    to = tmp_path / "equivalence.json"
    assert main(["equivalence", "--bench", "mvbench", "--limit", "6", "--to", str(to)]) == 1
    assert "Outputs that differ: 2 (33.33%). Scores that differ: 1." in capsys.readouterr().out
    found = json.loads(to.read_text())
    assert [flip["moves_score"] for flip in found["flips"]] == [False, True]
    assert (found["samples"], found["failed"], found["model"]["dtype"]) == (6, 0, "float32")


def test_a_model_without_a_reference_is_refused(capsys):
    assert main(["equivalence", "--bench", "mvbench", "--model", "scripted", "--limit", "2"]) == 2
    assert "give a checkpoint" in capsys.readouterr().err
