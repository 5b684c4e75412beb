"""Kills a scoring command at moments that the stand-in server's count of answers gives, and counts what is paid twice.

A provider bills a call that it answered, whether or not anybody was there to take the answer. So calls are counted at
the server, which lives in a process of its own: those written in full (answered) and those whose client had gone
(lost). What was answered and is not in the reply store when the command dies was under way too.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from eval.__main__ import main
from eval.config import PROJECT

CONCURRENCY = 8
"""Most calls under way at once; so many may be paid for twice by each kill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """What the server and the store held when a command had been killed. Counts are since the beginning."""

    answered: int
    """Calls that were answered in full, those for the probe included."""
    lost: int
    """Calls that were answered when their client had gone."""
    unstored: int
    """Calls that were answered in full and lost with the command, now: they are asked again."""
    paid_twice: int
    """Calls that were answered in full more than once."""


@contextmanager
def server_process(latency_s: float) -> Iterator[str]:
    """Run the stand-in in a process of its own; gives its base URL."""
    command = ["-m", "tests.client.server", "--reply", "tests.judges.sensible:sensible", "--latency", str(latency_s)]
    with subprocess.Popen([sys.executable, *command], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def stats(url: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{url.removesuffix('/v1')}/stats") as reply:
        found: dict[str, int] = json.loads(reply.read())
    return found


def score_command(pred: Path, out: Path, url: str) -> list[str]:
    """Return the command that scores questions by the judge at a URL, with verdicts beside `out`."""
    return [
        *(sys.executable, "-m", "eval", "score", "--pred", str(pred), "--bench", "msvd-qa", "--protocol", "native"),
        *("--judge", url, "--out", str(out), "judge.model=stand-in", f"judge.max_concurrency={CONCURRENCY}"),
        f"verdicts={out.parent / 'v.sqlite'}",
    ]


def kill_at(command: Sequence[str], url: str, n_answered: int, store: Path, *, n_probes: int = 1) -> Kill:
    """Run a command until the server has answered so many calls, and kill it. The probe's reply is never stored."""
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and stats(url)["answered"] < n_answered:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    found = stats(url)
    while found["requests"] > sum(found[end] for end in ("answered", "lost", "limited", "faulted", "refused")):
        time.sleep(0.01)  # what was under way is still being answered
        found = stats(url)
    with closing(sqlite3.connect(store)) as database:
        n_stored = database.execute("SELECT COUNT(*) FROM verdicts").fetchone()[0]
    return Kill(
        answered=found["answered"],
        lost=found["lost"],
        unstored=found["distinct"] - n_probes - n_stored,
        paid_twice=found["paid_twice"],
    )


def finish(command: Sequence[str]) -> int:
    """Run a command to its end, in this process."""
    return main(list(command[3:]))
