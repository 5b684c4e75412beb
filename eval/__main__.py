"""The command line: `tarsier-eval` or `python -m eval`.

Nothing heavy is imported here, so that `--help` answers at once; each command imports what it needs.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from eval.cli import ALSO, VERBS
from eval.cli.flags import add_verbs
from eval.errors import TarsierEvalError, did_you_mean
from eval.readers.numbers import decimal, integer

COMPLETE, INCOMPLETE, USAGE, INTERRUPTED, UNREAD = 0, 1, 2, 130, 141
"""Exit codes: every sample has an output; some failed; nothing was run; stopped by the user; nobody reads on."""

SHOWN = 120
"""Most characters of a command line in a message."""

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
    """An argument parser whose errors are one line, with the nearest flag of the same command.

    A required flag is shown like any other and checked after parsing, so that a misspelt flag is reported first.
    """

    def __init__(self, **more: Any) -> None:
        self.needed: list[str] = []
        super().__init__(**more)
        self.register("type", int, _told(integer))
        self.register("type", float, _told(decimal))
        self.set_defaults(parser=self)  # after parsing, the parser of the command that was given

    def add_argument(self, *names: Any, required: bool = False, **more: Any) -> argparse.Action:
        """Add an argument, and keep in mind whether it is required."""
        action = super().add_argument(*names, **more)
        if required:
            self.needed.append(action.dest)
        return action

    def refuse(self, words: Sequence[str]) -> NoReturn:
        """Exit with a usage error about words that the command does not know."""
        from eval.config.overrides import unknown_words

        self.error(unknown_words(words, [option for option in self._option_string_actions if option.startswith("--")]))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments; exit with a usage error where they begin with a flag or a setting of one of the commands."""
        words = sys.argv[1:] if args is None else list(args)
        name = words[0].partition("=")[0] if words else ""
        if words and name not in self._option_string_actions and (name.startswith("--") or name != words[0]):
            # A word that is no flag is a setting, which the commands take whose words are `overrides`.
            option = "overrides" if not name.startswith("-") else name
            for verb, command in self._commands().items():
                if option in command._option_string_actions or option in (each.dest for each in command._actions):
                    given = " ".join(words)[:SHOWN]
                    self.error(f"The command is missing; give one first, such as {self.prog} {verb} {given}")
        return super().parse_known_args(words, namespace)

    def error(self, message: str) -> NoReturn:
        if "invalid choice: " in message and (known := self._commands()):
            command = message.split("invalid choice: ")[1].split("'")[1]
            hint = f"Did you mean {ALSO[command]!r}?" if ALSO.get(command) in known else did_you_mean(command, known)
            message = f"Unknown command {command!r}. {hint}"
        _complain(message.removeprefix("argument "))
        raise SystemExit(USAGE)

    def _commands(self) -> dict[str, argparse.ArgumentParser]:
        actions = [action for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        return dict(actions[0].choices) if actions else {}


def _told(read: Callable[[str], float]) -> Callable[[str], float]:
    """Return a reader of numbers whose errors argparse shows as they are, in place of Python's names of types."""

    def number(text: str) -> float:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return number


def parser() -> _Parser:
    """Return the parser of all commands."""
    root = _Parser(
        prog="tarsier-eval",
        description="Measure video-language models of the Tarsier family on the benchmarks of their model card.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="store_true", help="print the version and leave")
    add_verbs(root, VERBS, dest="command")
    return root


def _parsed(root: _Parser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments with all settings: argparse itself accepts settings in one place between flags only."""
    given: argparse.Namespace
    given, rest = root.parse_known_args(argv)
    settings = [text for text in rest if "=" in text and not text.startswith("-") and "overrides" in given]
    others = [text for text in rest if text not in settings]
    if others:
        given.parser.refuse(others)
    if settings:
        given.overrides = [*given.overrides, *settings]
    return given


def _refuse_conf(command: _Parser, given: argparse.Namespace) -> None:
    """Exit with a usage error where make's CONF= is given as a setting: its names would only be called unknown."""
    if words := [word for word in getattr(given, "overrides", ()) if word.startswith("CONF=")]:
        command.refuse(words)


def _require(command: _Parser, given: argparse.Namespace) -> None:
    """Exit with a usage error where a command lacks a required flag."""
    missing = [f"--{name}" for name in command.needed if not getattr(given, name)]
    if missing:
        from eval.config.makefile import MAKE

        if words := [word for word in getattr(given, "overrides", ()) if MAKE.get(word.partition("=")[0]) in missing]:
            command.refuse(words)
        if stray := next((word for word in getattr(given, "overrides", ()) if "=" not in word), None):
            command.error(f"{stray!r} is neither a flag nor a setting. Did you mean {missing[0]} {stray}?")
        name = command.prog.partition(" ")[2]
        command.error(f"{name} needs {' and '.join(missing)}; see {command.prog} --help.")


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
    _open_standard_streams()
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()  # here, not at the exit, where an error could only be printed
    except OSError as error:
        unread = isinstance(error, BrokenPipeError)  # `| head`: end quietly, as a command that SIGPIPE ended
        if not unread:
            _complain(f"standard output cannot be written: {error.strerror}")
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        return UNREAD if unread else USAGE


def _open_standard_streams() -> None:
    """Open standard streams that the caller closed (`>&-`), so that no file takes their number and is printed into."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _complain(message: str) -> None:
    """Print an error as one line on stderr: what it quotes may come from anywhere."""
    from eval.readers.malformed import printable

    if os.environ.get("TARSIER_EVAL_MAKE"):
        from eval.config.makefile import in_words_of_make

        message = in_words_of_make(message)
    print(f"tarsier-eval: {printable(message)}", file=sys.stderr)


def _log_one_line() -> None:
    import logging

    from eval.readers.malformed import printable

    class OneLine(logging.Formatter):
        def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
            return f"tarsier-eval: {printable(record.getMessage())}"

    handler = logging.StreamHandler()
    handler.setFormatter(OneLine())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


def _run(argv: Sequence[str] | None) -> int:
    root = parser()
    given = _parsed(root, argv)
    if given.version:
        from importlib.metadata import version

        print(f"tarsier-eval {version('tarsier-eval')}")
        return COMPLETE
    if given.command is None:
        root.print_help()
        return USAGE
    _require(given.parser, given)
    _refuse_conf(given.parser, given)
    _log_one_line()
    try:
        from eval.plugins.finding import named

        with _stoppable(), named(getattr(given, "conf", ())):
            outcome: bool | int = given.carry_out(given)
    except TarsierEvalError as error:
        _complain(str(error))
        return USAGE
    except KeyboardInterrupt:
        print("\ntarsier-eval: interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _complain(f"{where}{error.strerror or error}")
        return USAGE
    return outcome if not isinstance(outcome, bool) else COMPLETE if outcome else INCOMPLETE


if __name__ == "__main__":
    sys.exit(main())
