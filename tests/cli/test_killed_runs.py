"""A run that is killed twice (SIGKILL) ends as one that nobody killed: nothing lost, nothing done twice."""

from __future__ import annotations

import random

import pytest

from eval.__main__ import main
from scripts.kill_runs import command, ending, killed_run
from tests.cli.runs import needs_world

pytestmark = [pytest.mark.slow, needs_world]
SEED = 3
"""With which a kill waits for predictions, and is not one at any moment."""


def test_a_killed_run_ends_as_an_untouched_one(tmp_path):
    bench = "dream-1k"
    assert main(command(bench, tmp_path / "whole")[3:]) == 0
    whole = ending(tmp_path / "whole")
    survived = killed_run(bench, tmp_path / "killed", 0.0, SEED, whole)
    total = len(whole[0].splitlines())
    first = random.Random(SEED)
    assert first.random() >= 0.2
    assert 0 < first.randint(0, total) <= survived.on_disk[0] <= total
    assert (survived.lost, survived.twice, survived.equal, survived.code) == (0, 0, True, 0)
