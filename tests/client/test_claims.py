"""Claims on calls: who holds one, when it lapses, and that runs at the same time pay for no call twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from eval.client import claims as module
from eval.client.claims import Claims
from eval.client.store import ReplyStore
from eval.config import PROJECT
from eval.judges.protocol import native_protocol
from eval.judges.served import ServedJudge
from tests.cli.judged import many_questions, result
from tests.cli.killing import score_command, server_process, stats
from tests.client.server import JudgeServer

GOOD = '{"pred": "no", "score": 1}'
HELD = """
import sys, time
from pathlib import Path
from eval.client.claims import Claims
from eval.client.store import ReplyStore
claims = Claims(ReplyStore(Path(sys.argv[1])))
print(claims.take(["a", "b"]) == {"a", "b"}, flush=True)
time.sleep(600)
"""


@pytest.fixture
def store(tmp_path):
    made = ReplyStore(tmp_path / "v.sqlite")
    yield made
    made.close()


def test_a_call_is_claimed_by_one(store, tmp_path):
    one, two = Claims(store), Claims(ReplyStore(tmp_path / "v.sqlite"))
    assert one.take(["a", "b", "a"]) == {"a", "b"}
    assert two.take(["a", "b", "c"]) == {"c"}
    assert two.take(["a", "d", "e", "f"], most=2) == {"d", "e"}
    assert one.take(["a", "c"]) == {"a"}  # its own stay its own
    one.release(["a", "c"])
    assert two.take(["a", "b"]) == {"a"}
    one.release()
    two.release()
    assert store.claimed(["a", "b", "c", "d", "e"]) == {}


def test_more_claims_than_one_query_takes(store):
    names = [f"n{i}" for i in range(1700)]
    assert Claims(store).take(names) == set(names)
    assert Claims(store).take([*names, "x"]) == {"x"}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells at once")
@pytest.mark.parametrize("reaped", [True, False], ids=["gone", "a zombie"])
def test_a_claim_lapses_with_its_process(store, reaped):
    with subprocess.Popen(
        [sys.executable, "-c", HELD, str(store.path)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        mine = Claims(store)
        assert mine.take(["a", "b", "c"]) == {"c"}
        process.send_signal(signal.SIGKILL)
        if reaped:
            process.wait()
        else:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert mine.take(["a", "b", "c"]) == {"a", "b", "c"}


def test_a_process_with_the_same_number_is_another_one(store, monkeypatch):
    machine, process, _ = module._process()
    with monkeypatch.context() as patch:
        patch.setattr(module, "_process", lambda: (machine, process, "1"))
        Claims(store).take(["a"])
    assert Claims(store).take(["a"]) == {"a"}


def test_a_claim_from_elsewhere_lapses_when_it_is_not_renewed(store, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("eval.client.claims.time.monotonic", lambda: now[0])
    other, mine = Claims(store), Claims(store)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_process", lambda: ("another machine", os.getpid(), "1"))
        other.take(["a"])
    assert mine.take(["a"]) == set()
    now[0] += module.LAPSE_S - 1
    other.renew()
    assert mine.take(["a"]) == set()  # seen anew
    now[0] += module.LAPSE_S - 1
    assert mine.take(["a"]) == set()
    now[0] += 2
    assert mine.take(["a"]) == {"a"}


def judge_of(tmp_path, server, **settings):
    (tmp_path / "p.yaml").write_text("as_of: 2026-11-01\nmodels: {stand-in-2026-01-01: {input: 1, output: 2}}\n")
    given = {"url": server.url, "model": "stand-in", "tries": 1, "deadline_s": 20.0, **settings}
    return ServedJudge(
        name="local", provider="local", verdicts=tmp_path / "v.sqlite", prices=tmp_path / "p.yaml", **given
    )


def calls(n):
    return [native_protocol().grade(str(i), "what is it?", "a dog", f"a cat called {i}").attempt(0) for i in range(n)]


@pytest.mark.slow
def test_judges_that_ask_at_the_same_time_pay_once(tmp_path):
    replies = {}
    with JudgeServer(lambda _: GOOD, latency_s=0.05) as server:
        judges = [judge_of(tmp_path, server) for _ in range(4)]

        def work(number):
            replies[number] = judges[number].ask(calls(40))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.stats()["answered"] == server.stats()["distinct"] == 41  # with the probe
    assert [[reply.text for reply in replies[number]] for number in range(4)] == [[GOOD] * 40] * 4
    assert sum(reply.source == "asked" for some in replies.values() for reply in some) == 40


@pytest.mark.slow
@pytest.mark.parametrize("reason", ["failed", "no budget", "other model"])
def test_a_call_that_failed_is_free_again(tmp_path, reason):
    from tests.client import faults

    fault = faults.status(503) if reason == "failed" else None
    settings = {"max_cost": 0.0} if reason == "no budget" else {"served": "x"} if reason == "other model" else {}
    with JudgeServer(lambda _: GOOD, faults=lambda r: fault if "a cat" in r.text else None) as server:
        first = judge_of(tmp_path, server, **settings).ask(calls(5))
        assert {reply.outcome for reply in first} == {"failed"}
    with JudgeServer(lambda _: GOOD) as server:
        again = judge_of(tmp_path, server).ask(calls(5))
    assert [reply.text for reply in again] == [GOOD] * 5
    store = ReplyStore(tmp_path / "v.sqlite")
    assert store._db.execute("SELECT COUNT(*) FROM claims").fetchone() == (0,)


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT], ids=["killed", "Ctrl-C"])
def test_who_waits_for_a_run_that_ends_goes_on_with_its_calls(tmp_path, stop):
    pred = many_questions(tmp_path / "p.jsonl", 60)
    with server_process(0.3) as url:
        commands = [score_command(pred, tmp_path / name, url) for name in ("one", "two")]
        with subprocess.Popen(commands[0], cwd=PROJECT, stderr=subprocess.DEVNULL, start_new_session=True) as process:
            while stats(url)["answered"] < 10:
                assert process.poll() is None
                time.sleep(0.01)
            with subprocess.Popen(commands[1], cwd=PROJECT, stderr=subprocess.DEVNULL) as other:
                process.send_signal(stop)
                assert process.wait() != 0
                assert other.wait() == 0
        found = stats(url)
    # What was under way may have been answered to nobody.
    assert found["answered"] - found["distinct"] <= 8
    assert result(tmp_path / "two")["metrics"][0]["value"] == 0.5


@pytest.mark.slow
def test_commands_that_run_at_the_same_time_pay_for_no_call_twice(tmp_path):
    pred = many_questions(tmp_path / "p.jsonl", 36)
    with server_process(0.3) as url:
        outs = [tmp_path / f"s{number}" for number in range(2)]
        running = [
            subprocess.Popen(score_command(pred, out, url), cwd=PROJECT, stderr=subprocess.DEVNULL) for out in outs
        ]
        assert [process.wait() for process in running] == [0, 0]
        found = stats(url)
    assert found["answered"] == found["distinct"] == found["requests"] == 37
    scores = [(out / "scores.jsonl").read_bytes() for out in outs]
    assert scores[0] == scores[1]
