"""Measures the judge's client: how close it comes to a server's rate limit, and what the protocols cost in tokens.

    .venv/bin/python scripts/bench_judge.py [--videos 1000] [--latency 0.3] [--rate 50] [--rounds 3]

The stand-in server runs in a process of its own. AutoDQ makes three calls a video: one for the events of the
prediction, two for labels. The ideal is the number of calls over the rate, and the latency of the two stages. CPU and
memory are those of a process that does nothing but score. Prints a table, and writes it to results/bench/judge.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from eval.core import Clip, Prediction, Sample  # noqa: E402
from eval.judges.protocol import JudgeProtocol, native_protocol, upstream_protocol, with_wording  # noqa: E402
from eval.judges.served import ServedJudge  # noqa: E402
from eval.judges.transcript import Transcript  # noqa: E402
from eval.judges.wording import indexed_wording, wording_of  # noqa: E402
from eval.scorers.autodq import AutoDQ  # noqa: E402
from tests.judges.sensible import UPSTREAM_LIKE  # noqa: E402

SUBJECTS = (
    "a man", "a woman", "two children", "a brown dog", "the cook", "an old sailor", "a girl in red", "the crowd",
)  # fmt: skip
ACTIONS = (
    "opens a wooden door", "runs along the beach", "pours water into a glass", "throws a ball over the fence",
    "climbs the narrow stairs", "waves at a passing train", "cuts an onion into slices", "sits down on a bench",
    "turns the page of a book", "jumps over a puddle", "lights a candle", "drives away in a blue car",
)  # fmt: skip


def video(number: int) -> tuple[Sample, Prediction]:
    """Return a made-up video with eight events, and a description that has some of them right."""
    chance = random.Random(number)
    events = [f"{chance.choice(SUBJECTS)} {action}" for action in chance.sample(ACTIONS, 8)]
    others = [f"{chance.choice(SUBJECTS)} {chance.choice(ACTIONS)}" for _ in events]
    told = [event if chance.random() < 0.6 else other for event, other in zip(events, others, strict=True)]
    reference, output = (". ".join(text).capitalize() + "." for text in (events, told))
    sample = Sample(
        id=f"bench_{number}",
        benchmark="dream-1k",
        subset="youtube",
        clip=Clip(source=()),
        prompt="?",
        targets=(reference,),
        cluster=str(number),
        metadata={"events": events},
    )
    return sample, Prediction(id=sample.id, prompt="?", output=output)


@contextmanager
def server(latency_s: float, rate: float | None, retry_after: str | None = None) -> Iterator[str]:
    """Run the stand-in in a process of its own; yield its base URL."""
    options = ["--latency", str(latency_s), "--reply", "tests.judges.sensible:sensible"]
    options += ["--rate", str(rate)] if rate else []
    options += ["--retry-after", retry_after] if retry_after else []
    command = [sys.executable, "-m", "tests.client.server", "--port", "0", *options]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def protocols() -> dict[str, JudgeProtocol]:
    """Return the protocols that are compared; upstream's wording is not shipped, so one of its shape stands in."""
    return {
        "upstream": upstream_protocol(wording_of(UPSTREAM_LIKE, "a stand-in")),
        "native": native_protocol(),
        "autodq-indexed": with_wording("autodq-indexed", indexed_wording()),
    }


def score(url: str, videos: int, protocol: str) -> dict[str, Any]:
    """Score through a server, in this process; return what it took."""
    pairs = [video(number) for number in range(videos)]
    with tempfile.TemporaryDirectory() as folder:
        judge = ServedJudge(
            name="bench",
            provider="openai",
            model="stand-in",
            url=url,
            verdicts=Path(folder) / "verdicts.sqlite",
            prices=PROJECT / "conf" / "prices.yaml",
        )
        judge.check()
        transcript = Transcript(judge)
        scorer = AutoDQ(judge=transcript, protocol=protocols()[protocol])
        begun, cpu = time.monotonic(), time.process_time()
        scores = scorer.score(pairs)
        wall, cpu = time.monotonic() - begun, time.process_time() - cpu
    usages = [record.reply.usage for record in transcript.records if record.reply.usage]
    return {
        "wall": wall,
        "cpu": cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "calls": len(transcript.records),
        "scored": sum(score.status == "scored" for score in scores),
        "retries": sum(record.reply.retries for record in transcript.records),
        "input": sum(usage.input for usage in usages) / videos,
        "output": sum(usage.output for usage in usages) / videos,
    }


def measured(url: str, videos: int, protocol: str) -> dict[str, Any]:
    """Score in a process of its own; return what it took, and what the server saw."""
    command = [sys.executable, __file__, "--child", url, "--videos", str(videos), "--protocol", protocol]
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    root = re.sub(r"/v1$", "", url)
    with urllib.request.urlopen(f"{root}/stats") as reply:
        found["server"] = json.load(reply)
    return found


def rate_table(videos: int, latency_s: float, rate: float, rounds: int) -> list[str]:
    """Return the rows on the rate limit."""
    ideal = 3 * videos / rate + 2 * latency_s
    rows = [
        f"{3 * videos} calls, latency {latency_s} s, limit {rate:g} a second; ideal {ideal:.1f} s.",
        "",
        "| 429 says | wall s | over the ideal | CPU s | peak MB | refused requests | most at once | scored |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for round_number in range(rounds):
        for told in (None, "1"):
            with server(latency_s, rate, told) as url:
                found = measured(url, videos, "native")
            seen = found["server"]
            rows.append(
                f"| {'Retry-After: 1' if told else 'nothing'} | {found['wall']:.1f} | {found['wall'] / ideal:.2f} | "
                f"{found['cpu']:.1f} | {found['peak']:.0f} | {seen['limited']} | {seen['max_in_flight']} | "
                f"{found['scored']}/{videos} |"
            )
            print(round_number, rows[-1], flush=True)
    return rows


def token_table(videos: int) -> list[str]:
    """Return the rows on tokens."""
    rows = ["| protocol | calls a video | tokens in a video | tokens out a video |", "|---|---|---|---|"]
    for name in protocols():
        with server(0.0, None) as url:
            found = measured(url, videos, name)
        calls = found["calls"] / videos
        rows.append(f"| {name} | {calls:.1f} | {found['input']:.0f} | {found['output']:.0f} |")
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=1000)
    parser.add_argument("--latency", type=float, default=0.3)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--protocol", default="native", help=argparse.SUPPRESS)
    parser.add_argument("--child", metavar="URL", help=argparse.SUPPRESS)
    given = parser.parse_args()
    os.environ["OPENAI_API_KEY"] = "none"
    if given.child:
        print(json.dumps(score(given.child, given.videos, given.protocol)))
        return
    lines = [
        "# The judge's client",
        "",
        f"`scripts/bench_judge.py` on {os.cpu_count()} cores, Python {platform.python_version()}.",
        "",
        "## Against a rate limit",
        "",
        *rate_table(given.videos, given.latency, given.rate, given.rounds),
        "",
        "## Tokens",
        "",
        "Eight events a video. The stand-in counts four characters as a token; `upstream` is a wording of its shape.",
        "",
        *token_table(min(given.videos, 200)),
    ]
    (PROJECT / "results" / "bench" / "judge.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
