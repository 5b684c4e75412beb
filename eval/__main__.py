"""The command line: `tarsier-eval` or `python -m eval`.

Only argparse is imported here, so that `--help` answers at once; each command imports what it needs.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from eval.errors import TarsierEvalError, did_you_mean

COMPLETE, INCOMPLETE, USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: every sample has an output; some failed; nothing was run; stopped by the user."""

REQUIRED = {
    "eval": ("bench",),
    "score": ("pred", "bench"),
    "equivalence": ("bench",),
    "compare": ("first", "second"),
    "why": ("run",),
    "verify-row": ("row",),
    "bundle": ("run", "to"),
    "judge export": ("run", "to"),
    "judge replay": ("bundle",),
    "judge compare": ("first", "second"),
    "export": ("run", "to"),
    "import": ("upstream",),
}
"""Required flags by command; checked after parsing, so that a misspelt flag is reported first."""

EPILOG = """\
exit codes: 0 complete, 1 finished but some samples failed, 2 not started (a setting, file or name is wrong),
130 interrupted (Ctrl-C, SIGTERM): the same command with the same --out goes on.

examples:
  tarsier-eval eval --bench mvbench
  tarsier-eval eval --bench mvbench --model tarsier-7b --data ~/data --out results/runs/my-run
  tarsier-eval eval --bench mvbench --model ~/checkpoints/mine limit=20 model.n_frames=16
  tarsier-eval score --pred predictions.jsonl --bench mvbench
"""


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, with the nearest flag of the same command."""

    def refuse(self, words: Sequence[str]) -> NoReturn:
        """Exit with a usage error about words that the command does not know."""
        from eval.config.overrides import unknown_words

        self.error(unknown_words(words, [option for option in self._option_string_actions if option.startswith("--")]))

    def error(self, message: str) -> NoReturn:
        if "invalid choice: " in message and self._commands():
            command = message.split("invalid choice: ")[1].split("'")[1]
            message = f"Unknown command {command!r}. {did_you_mean(command, self._commands())}"
        print(f"tarsier-eval: {message}", file=sys.stderr)
        raise SystemExit(USAGE)

    def _commands(self) -> dict[str, argparse.ArgumentParser]:
        actions = [action for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        return dict(actions[0].choices) if actions else {}

    def of(self, given: argparse.Namespace) -> _Parser:
        """Return the parser of the given command and action; the root parser where there is none."""
        found = self
        for name in (given.command, getattr(given, "action", None)):
            below = found._commands().get(str(name))
            found = below if isinstance(below, _Parser) else found
        return found


def parser() -> _Parser:
    """Return the parser of all commands."""
    root = _Parser(
        prog="tarsier-eval",
        description="Measure video-language models of the Tarsier family on the benchmarks of their model card.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="store_true", help="print the version and leave")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)

    run = commands.add_parser("eval", help="run a model on benchmarks and score its outputs")
    _model_flags(run)
    run.add_argument("--out", metavar="DIR", help="run folder (default: results/runs/<time>-<model>-<benchmark>)")

    score = commands.add_parser("score", help="score a prediction file, without a model")
    score.add_argument("--pred", metavar="PATH", help="prediction file, folder of them, or run folder")
    score.add_argument("--bench", metavar="NAME", help="the benchmark")
    score.add_argument("--data", metavar="DIR", help="root of the annotations, for metrics that need the whole split")
    _judge_flags(score)
    score.add_argument("--out", metavar="DIR", help="folder for the result")
    score.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="Hydra overrides")

    _judge_commands(
        commands.add_parser("judge", help="check a judge, carry its verdicts around, compare it with another")
    )

    same = commands.add_parser("equivalence", help="measure whether batching changes a model's outputs")
    _model_flags(same)
    same.add_argument("--to", metavar="FILE", help="JSON file to write it to as well")

    _result_commands(commands)

    export = commands.add_parser("export", help="write a run's predictions as upstream's own rows")
    export.add_argument("--run", metavar="DIR", help="run folder")
    export.add_argument("--to", metavar="FILE", help="file to write")
    export.add_argument("--ann", metavar="FILE", help="upstream's annotation file, to keep its rows as they are")

    take = commands.add_parser("import", help="take rows and judge wording out of a clone of upstream's repository")
    take.add_argument("--upstream", metavar="DIR", help="clone of bytedance/tarsier; read as data, never run")
    take.add_argument("--to", metavar="DIR", help="the protocol pack (default: .protocol/upstream in the checkout)")

    commands.add_parser("list", help="list benchmarks, groups, models and judges")
    return root


def _result_commands(commands: argparse._SubParsersAction[_Parser]) -> None:
    """Add the commands that work on results and need no model."""
    compare = commands.add_parser("compare", help="two runs or scores on the same samples: difference, interval, flips")
    compare.add_argument("--first", metavar="DIR", help="folder of a run, or of a score")
    compare.add_argument("--second", metavar="DIR", help="folder of another on the same samples")
    compare.add_argument("--to", metavar="FILE", help="JSON file to write it to as well")
    compare.add_argument(
        "--accept", nargs="+", action="extend", metavar="FIELD", help="differences in what was measured to put up with"
    )

    gate = commands.add_parser(
        "regress",
        help="is the built-in subset as the baseline has it, or is a run no worse than another by a margin?",
        epilog="exit codes: 0 passed, 1 failed, 2 could not be run, 3 inconclusive (two runs only).",
    )
    gate.add_argument("--renew", action="store_true", help="show what a new baseline changes, and write it")
    gate.add_argument("--baseline", metavar="FILE", help="the baseline (default: results/baselines/tarsier-tiny.jsonl)")
    gate.add_argument("--workers", type=int, metavar="N", help="processes that read clips")
    gate.add_argument("--run", metavar="DIR", help="run or score to judge against another")
    gate.add_argument("--against", metavar="DIR", help="the one that it must not be worse than")
    gate.add_argument("--margin", type=float, metavar="POINTS", help="by how much it may be worse")
    gate.add_argument("--metric", metavar="NAME", help="the metric (default: the benchmark's headline)")
    gate.add_argument("--accept", nargs="+", action="extend", metavar="FIELD", help="differences to put up with")
    gate.add_argument(
        "--junit", metavar="FILE", help="JUnit XML to write as well; an error, if the gate could not be run"
    )
    gate.add_argument("--github", action="store_true", help="print annotations for GitHub (default in its actions)")
    why = commands.add_parser("why", help="what could make a number differ from another one, and by how much")
    why.add_argument("--run", metavar="PLACE", help="run folder, folder of a score, or bundle")
    why.add_argument("--published", metavar="ROW", help="row of results/published.csv, or benchmark/model[/subset]")
    why.add_argument("--value", metavar="NUMBER", help="the other number as tables print it, such as 62.6")
    why.add_argument(
        "--verdicts", nargs="+", action="extend", metavar="PLACE", help="scores or bundles of other judges"
    )
    why.add_argument("--data", metavar="DIR", help="root of the annotations, for missing samples and CIDEr")
    why.add_argument("--to", metavar="FILE", help="JSON file to write it to as well")
    why.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="Hydra overrides, such as verdicts=FILE")
    board = commands.add_parser("leaderboard", help="gather results, and published ones, into one table")
    board.add_argument("--runs", nargs="+", metavar="PLACE", help="run folders, folders of them, or bundles")
    board.add_argument(
        "--to", metavar="FILE", help="the CSV (default: results/leaderboard.csv); .md and .tex beside it"
    )
    verify = commands.add_parser("verify-row", help="compute a row of the leaderboard again from its run or bundle")
    verify.add_argument("--row", metavar="ROW", help="its number, its name, or the beginning of its name")
    verify.add_argument("--run", metavar="PLACE", help="run folder or bundle (default: what the row names)")
    verify.add_argument("--table", metavar="FILE", help="the CSV (default: results/leaderboard.csv)")
    verify.add_argument("--data", metavar="DIR", help="root of the annotations, for metrics that need the whole split")
    verify.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="Hydra overrides")
    bundle = commands.add_parser("bundle", help="pack a run, without media, so that others get the same numbers")
    bundle.add_argument("--run", metavar="DIR", help="run folder, or folder of a score")
    bundle.add_argument("--to", metavar="FILE", help="the archive to write, such as run.tar.gz")
    bundle.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="Hydra overrides")


def _model_flags(command: argparse.ArgumentParser) -> None:
    command.add_argument("--bench", metavar="NAMES", help="benchmarks or groups of them, separated by commas")
    command.add_argument("--model", metavar="NAME", help="a name from conf/model, a checkpoint folder, or a hub id")
    command.add_argument("--data", metavar="DIR", help="root of annotations and videos (default: the built-in world)")
    command.add_argument("--ann", metavar="FILE", help="annotation file in upstream's format; DATA roots its videos")
    _judge_flags(command)
    command.add_argument("--limit", type=int, metavar="N", help="only the first N samples of each benchmark")
    command.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="Hydra overrides, such as model.n_frames=16")


def _judge_commands(judge: argparse.ArgumentParser) -> None:
    actions = judge.add_subparsers(dest="action", metavar="ACTION", parser_class=_Parser)
    check = actions.add_parser("check", help="put the canary set to a judge: accuracy, injections, replies not read")
    _judge_flags(check)
    check.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="Hydra overrides")
    export = actions.add_parser("export", help="write a run that a server judged as one bundle")
    export.add_argument("--run", metavar="DIR", help="folder of a run, or of a score")
    export.add_argument("--to", metavar="FILE", help="the bundle to write, such as run.tar.gz")
    export.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="Hydra overrides, such as protocol.pack=DIR")
    replay = actions.add_parser("replay", help="score again from a bundle, asking nobody")
    replay.add_argument("--bundle", metavar="PLACE", help="what judge export or bundle wrote, or a run folder")
    replay.add_argument("--pred", metavar="PATH", help="predictions to score instead of the bundle's own")
    replay.add_argument("--data", metavar="DIR", help="root of the annotations, for metrics that need the whole split")
    replay.add_argument("--out", metavar="DIR", help="folder for the result")
    replay.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="Hydra overrides")
    compare = actions.add_parser("compare", help="two judges on the same predictions: agreement, offset, flips")
    compare.add_argument("--first", metavar="DIR", help="folder of a score by one judge")
    compare.add_argument("--second", metavar="DIR", help="folder of a score of the same predictions by another")
    compare.add_argument("--to", metavar="FILE", help="JSON file to write it to as well")


def _judge_flags(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--judge", metavar="NAME", help="a name from conf/judge, a URL, openai:MODEL, azure:DEPLOYMENT or replay:BUNDLE"
    )
    command.add_argument("--protocol", metavar="NAME", help="how the judge is asked: a name from conf/protocol")


def _parsed(root: _Parser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments with all settings: argparse itself accepts settings in one place between flags only."""
    given, rest = root.parse_known_args(argv)
    settings = [text for text in rest if "=" in text and not text.startswith("-") and "overrides" in given]
    others = [text for text in rest if text not in settings]
    if others:
        root.of(given).refuse(others)
    if settings:
        given.overrides = [*given.overrides, *settings]
    return given


def _require(root: _Parser, given: argparse.Namespace) -> None:
    """Exit with a usage error where a command lacks its action or a required flag."""
    command = given.command
    if command == "judge":
        if given.action is None:
            root.error("judge needs an action; see tarsier-eval judge --help.")
        command = f"judge {given.action}"
    missing = [f"--{name}" for name in REQUIRED.get(command, ()) if not getattr(given, name)]
    if missing:
        from eval.config.overrides import MAKE

        if words := [word for word in getattr(given, "overrides", ()) if MAKE.get(word.partition("=")[0]) in missing]:
            root.of(given).refuse(words)
        root.error(f"{command} needs {' and '.join(missing)}; see tarsier-eval {command} --help.")


@contextmanager
def _stoppable() -> Iterator[None]:
    """Handle SIGTERM, which a scheduler sends, like Ctrl-C: stop, print how to resume, exit with 130.

    A second signal raises KeyboardInterrupt again, even during cleanup.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread receives signals
        return

    def stop(*_: object) -> None:
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)  # asyncio may handle it to cancel calls in flight

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code; a user's mistake gives one line on stderr."""
    root = parser()
    given = _parsed(root, argv)
    if given.version:
        from importlib.metadata import version

        print(f"tarsier-eval {version('tarsier-eval')}")
        return COMPLETE
    if given.command is None:
        root.print_help()
        return USAGE
    _require(root, given)
    try:
        from eval import cli

        with _stoppable():
            outcome = cli.run(given)
    except TarsierEvalError as error:
        print(f"tarsier-eval: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("\ntarsier-eval: interrupted.", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"tarsier-eval: {where}{error.strerror or error}", file=sys.stderr)
        return USAGE
    return outcome if not isinstance(outcome, bool) else COMPLETE if outcome else INCOMPLETE


if __name__ == "__main__":
    sys.exit(main())
