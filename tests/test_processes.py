"""A test that is not marked slow stays in its process."""

from __future__ import annotations

import os
import subprocess

import pytest


def test_starting_a_process_fails_a_test_that_is_not_marked_slow():
    for start in (lambda: subprocess.run(["true"], check=True), os.fork):
        with pytest.raises(pytest.fail.Exception, match="mark it slow"):
            start()


@pytest.mark.slow
def test_one_that_is_marked_may_start_it():
    assert subprocess.run(["true"], check=True).returncode == 0
