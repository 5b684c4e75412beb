"""Measures what a judged run pays twice when it is killed over and over: one kill a row, then the final comparison.

    .venv/bin/python scripts/kill_judged_run.py [--kills 20] [--questions 600] [--latency 0.05] [--seed 1]
    .venv/bin/python scripts/kill_judged_run.py --together 2 [--apart 0 1 5] [--rounds 20] [--questions 36]

The stand-in server runs in a process of its own and counts. The command is killed (SIGKILL) when so many calls have
been answered, at moments drawn at random, and started again. In the end its scores are compared with those of a run
that nobody killed. With `--together`, so many commands share one store instead, started so many seconds apart, and
nobody is killed: the server's calls are compared with the distinct ones.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from tests.cli.judged import many_questions, result  # noqa: E402
from tests.cli.killing import CONCURRENCY, finish, kill_at, score_command, server_process, stats  # noqa: E402


def together(args: argparse.Namespace) -> int:
    """Print a row for each time between the starts; return 1 where a call was paid for twice or a command failed."""
    print("apart (s)  rounds  calls at the server  distinct  paid twice  commands failed", flush=True)
    sound = True
    for apart in args.apart:
        calls = distinct = failed = 0
        for _ in range(args.rounds):
            with tempfile.TemporaryDirectory() as folder, server_process(args.latency) as url:
                root = Path(folder)
                pred = many_questions(root / "p.jsonl", args.questions)
                running = []
                for number in range(args.together):
                    time.sleep(apart if number else 0)
                    command = score_command(pred, root / f"s{number}", url)
                    running.append(subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.DEVNULL))
                failed += sum(process.wait() != 0 for process in running)
                found = stats(url)
                calls, distinct = calls + found["answered"] + found["lost"], distinct + found["distinct"]
        print(f"{apart:9g}  {args.rounds:6}  {calls:19}  {distinct:8}  {calls - distinct:10}  {failed:15}", flush=True)
        sound = sound and calls == distinct and not failed
    return 0 if sound else 1


def main() -> int:
    """Print the table; return 1 where the numbers differ or too much was paid twice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--questions", type=int, default=600)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds to each answer")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--together", type=int, help="number of commands on one store at the same time")
    parser.add_argument("--apart", type=float, nargs="+", default=[0, 1, 5], help="seconds between their starts")
    parser.add_argument("--rounds", type=int, default=20)
    args = parser.parse_args()
    if args.together:
        return together(args)
    moments = sorted(random.Random(args.seed).sample(range(2, args.questions), args.kills))
    with tempfile.TemporaryDirectory() as folder, server_process(args.latency) as url:
        root = Path(folder)
        pred = many_questions(root / "p.jsonl", args.questions)
        for name in ("killed", "whole"):
            (root / name).mkdir()
        command = score_command(pred, root / "killed" / "s", url)
        print("kill  at answered  answered  lost  unstored  paid twice", flush=True)
        for number, moment in enumerate(moments, 1):
            kill = kill_at(command, url, moment, root / "killed" / "v.sqlite")
            row = (number, moment, kill.answered, kill.lost, kill.unstored, kill.paid_twice)
            print("{:4}  {:11}  {:8}  {:4}  {:8}  {:10}".format(*row), flush=True)
        code = finish(command)
        found = stats(url)
        twice = found["answered"] + found["lost"] - found["distinct"]
        print(f"\nfinished with exit code {code}: {found['distinct'] - 1} questions and one probe; {found['answered']} "
              f"answered in full, {found['paid_twice']} of them again, and {found['lost']} lost in flight")  # fmt: skip
        print(f"paid for twice at the most: {twice}, {twice / args.kills:.1f} a kill; bound {CONCURRENCY} a kill")
        whole = finish(score_command(pred, root / "whole" / "s", url))
        one, two = (result(root / name / "s") for name in ("killed", "whole"))
        same = all(one[field] == two[field] for field in ("metrics", "counts", "complete", "score_id"))
        scores = [(root / name / "s" / "scores.jsonl").read_bytes() for name in ("killed", "whole")]
        print(f"uninterrupted run: exit code {whole}; metrics and identity equal: {same}; scores equal: "
              f"{scores[0] == scores[1]}")  # fmt: skip
        return 0 if same and scores[0] == scores[1] and twice <= CONCURRENCY * args.kills else 1


if __name__ == "__main__":
    sys.exit(main())
