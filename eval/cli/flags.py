"""What the verbs share: flags, the file that `--to` names, and how verbs are added to a parser."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import Any, Protocol


class Verb(Protocol):
    """The module of a command."""

    HELP: str
    """Its line in the list of commands."""

    def add_flags(self, parser: argparse.ArgumentParser, /) -> None:
        """Add its flags. Required ones are checked after parsing, so that a misspelt flag is reported first."""

    def run(self, given: argparse.Namespace, /) -> bool | int:
        """Carry it out; return whether it is complete, or its own exit code."""


def add_verbs(parser: argparse.ArgumentParser, verbs: Mapping[str, Verb], *, dest: str) -> None:
    """Add verbs to a parser by their names."""
    commands = parser.add_subparsers(dest=dest, metavar=dest.upper())
    for name, verb in verbs.items():
        command = commands.add_parser(name, help=verb.HELP)
        command.set_defaults(carry_out=verb.run)
        verb.add_flags(command)
        if command.get_default("has_actions") is None:
            command.add_argument(
                "--conf",
                action="append",
                default=[],
                metavar="DIR",
                help="a folder of your own benchmarks, models, judges and scorers, laid out like conf/; repeatable",
            )


def add_model_flags(parser: argparse.ArgumentParser, *, needs_bench: bool = True) -> None:
    """Add the flags of a command that runs a model."""
    parser.add_argument(
        "--bench",
        metavar="NAMES",
        required=needs_bench,
        help="benchmarks, groups of them, or subsets such as mvbench/state_change, separated by commas",
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="a name from conf/model, a checkpoint folder, a hub id, a server's URL, openai:MODEL or azure:DEPLOYMENT",
    )
    parser.add_argument("--frames", metavar="NAME", help="which frames it is shown: a name from conf/frames")
    parser.add_argument("--data", metavar="DIR", help="root of annotations and videos (default: the built-in world)")
    parser.add_argument("--ann", metavar="FILE", help="annotation file in upstream's format; DATA roots its videos")
    add_judge_flags(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="only N samples of each benchmark, of all subsets")
    parser.add_argument("--offset", type=int, metavar="N", help="without the first N samples that --limit draws")
    parser.add_argument("--samples", metavar="IDS", help="only these samples: ids with commas, or a file of ids")
    add_settings(parser, ", such as model.n_frames=16")


def add_engine_flag(parser: argparse.ArgumentParser) -> None:
    """Add the flag of a command that may share its work among processes."""
    parser.add_argument("--engine", metavar="NAME", help="what does the work: a name from conf/engine, such as ray")


def model_arguments(given: argparse.Namespace) -> dict[str, Any]:
    """Return the values of these flags as arguments of an EvalRequest."""
    names = ("bench", "model", "frames", "data", "judge", "protocol", "limit", "offset", "samples")
    named = {name: getattr(given, name) for name in names}
    return {**named, "annotations": given.ann, "overrides": given.overrides}


def add_judge_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a command that may ask a judge."""
    parser.add_argument(
        "--judge", metavar="NAME", help="a name from conf/judge, a URL, openai:MODEL, azure:DEPLOYMENT or replay:BUNDLE"
    )
    parser.add_argument("--protocol", metavar="NAME", help="how the judge is asked: a name from conf/protocol")


def add_judged_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a command that scores by a judge."""
    parser.add_argument("--card", metavar="FILE", help="a card of judge card: corrects judged metrics, in a line more")
    parser.add_argument("--repeats", type=int, metavar="N", help="judge N times, to see how far judged metrics vary")


def add_data_flag(parser: argparse.ArgumentParser) -> None:
    """Add the flag for annotations of a command that scores predictions."""
    parser.add_argument("--data", metavar="DIR", help="root of the annotations, for metrics that need the whole split")


def add_settings(parser: argparse.ArgumentParser, such_as: str = "") -> None:
    """Add the settings of conf/, as words between the flags."""
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help=f"Hydra overrides{such_as}")


def add_json_flag(parser: argparse.ArgumentParser) -> None:
    """Add the flag for a file with what is shown."""
    parser.add_argument("--to", metavar="FILE", help="JSON file to write it to as well")


def refuse_other_json(to: str, keys: Iterable[str] = ()) -> None:
    """Raise ConfigError where --to names a file that is no JSON object with some keys, such as earlier output has."""
    from functools import partial

    from eval.files import absolute, is_object, refuse_other_file

    refuse_other_file(absolute(to), f"--to {to}", "earlier output of this command", partial(is_object, keys=keys))


def write_to(to: str | None, shown: Mapping[str, Any]) -> None:
    """Write what is shown to the file that --to names, if any. Raises ConfigError where it is another one's."""
    from eval.errors import ConfigError
    from eval.files import absolute
    from eval.runs import folder

    if to:
        file = absolute(to)
        refuse_other_json(to)
        if file.name in folder.FILES and any((file.parent / name).exists() for name in (folder.RUN, folder.RESULT)):
            raise ConfigError(f"--to {to}: that is a file of the run in {file.parent}; choose another name.")
        folder.write_json(file, shown)
