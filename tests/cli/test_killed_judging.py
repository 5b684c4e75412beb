"""A judged run that is killed goes on, pays again at most for what was under way, and ends in the same numbers."""

from __future__ import annotations

import random

import pytest

from tests.cli.judged import many_questions, result, score, served
from tests.cli.killing import CONCURRENCY, finish, kill_at, score_command, server_process, stats
from tests.client.server import JudgeServer
from tests.judges.sensible import sensible

N = 150


@pytest.mark.slow
def test_a_killed_run_goes_on_and_pays_for_what_was_under_way_at_the_most(tmp_path):
    pred = many_questions(tmp_path / "p.jsonl", N)
    moments = sorted(random.Random(7).sample(range(5, N - 10), 3))
    (tmp_path / "killed").mkdir()
    out = tmp_path / "killed" / "s"
    with server_process(0.05) as url:
        command = score_command(pred, out, url)
        kills = [kill_at(command, url, moment, out.parent / "v.sqlite") for moment in moments]
        assert not (out / "result.json").exists()
        assert finish(command) == 0
        # One more run asks nothing.
        before = stats(url)
        assert finish(command) == 0
        assert stats(url) == before
    assert before["distinct"] == N + 1  # the probe is a call too
    # Answered in full and never stored, these are asked again; those that nobody was there to take are the others.
    # On a busy machine replies wait to be stored while the next calls are under way.
    assert before["paid_twice"] <= sum(kill.unstored for kill in kills) <= 6 * CONCURRENCY
    assert before["answered"] + before["lost"] - before["distinct"] <= 6 * CONCURRENCY
    assert before["max_in_flight"] <= 2 * CONCURRENCY

    (tmp_path / "whole").mkdir()
    with JudgeServer(sensible) as server:
        assert score(pred, tmp_path / "whole" / "s", served(server.url)) == 0
    whole, killed = result(tmp_path / "whole" / "s"), result(out)
    for field in ("metrics", "counts", "complete", "score_id", "protocol", "judge"):
        assert killed[field] == whole[field], field
    assert whole["metrics"][0]["value"] == 0.5
    verdicts = [(tmp_path / name / "s" / "scores.jsonl").read_text() for name in ("whole", "killed")]
    assert verdicts[0] == verdicts[1]
