"""Checks of key=value overrides on the command line, and their error messages. Does not use Hydra.

Hydra's grammar is recursive, reads the environment and adds settings, so invalid overrides are refused before it.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.config.habits import instead_of
from eval.config.makefile import MAKE
from eval.core import Shard
from eval.errors import ConfigError, did_you_mean
from eval.readers.malformed import printable
from eval.readers.numbers import is_written_oddly
from eval.readers.videos import MAX_PATH

MAX_VALUE, MAX_BRACKETS = 65_536, 200
"""Longest value of an override, and most brackets of one kind in it."""

NO_ENVIRONMENT = (
    "environment variables are not read into settings, since a key among them would be written into results; "
    "write the value out (keys have variables of their own, see docs/judges.md)"
)
"""Message about `${oc.env:...}`."""

_JUDGE = ("judge", "protocol", "verdicts", "prices", "max_cost")
_ANNOTATIONS = ("data", "annotations", "outside", "benchmark.")

USED: Mapping[str, tuple[str, ...]] = {
    "eval": ("benchmark.", "model", "frames", "engine", "video", *_JUDGE, "replies", "data", "annotations", "outside",
             "stream", "limit", "offset", "samples", "shard", "full_output", "accept", "min_coverage", "out",
             "judge_check", "card", "repeats", "report", "tracker"),
    "equivalence": ("benchmark.", "model", "frames", "video", *_JUDGE, "replies", "data", "annotations",
                    "outside", "stream", "limit", "offset", "samples"),
    "plan": ("benchmark.", "model", "frames", "engine", "video", *_JUDGE, "repeats", "replies", "data", "annotations",
             "outside", "stream", "limit", "offset", "samples"),
    "probe": ("benchmark.", "model", "frames", "engine", "video", *_JUDGE, "replies", "data", "annotations", "outside",
              "stream", "limit", "offset", "samples", "full_output", "accept", "min_coverage", "out", "judge_check"),
    "data": (*_ANNOTATIONS, "stream"),
    "score": ("benchmark.", *_JUDGE, "judge_check", "card", "repeats", "report", "data", "outside", "tracker"),
    "judge check": (*_JUDGE, "limit"),
    "judge card": (*_JUDGE, "limit"),
    "judge export": ("protocol.pack",),
    "judge replay": (*_ANNOTATIONS, "protocol.pack"),
    "bundle": ("protocol.pack",),
    "verify-row": (*_ANNOTATIONS, "protocol.pack"),
    "why": (*_ANNOTATIONS, "protocol.pack", "verdicts"),
}  # fmt: skip
"""The settings that each command uses: a name stands for itself and all below it, `name.` only for those below."""

PATHS = (
    "data", "annotations", "out", "card", "verdicts", "prices", "video.store", "benchmark.data",
    "benchmark.annotations", "benchmark.pack", "benchmark.scorer.cache", "protocol.pack", "judge.bundle",
    "judge.verdicts", "judge.prices", "model.checkpoint", "replies",
)  # fmt: skip
"""The settings that are paths, in which `~` stands for the user's home."""

DOLLAR = "\ue000"
"""Stands for `$` in a text that is taken as it is: no yaml or override can hold it, and Hydra sees no interpolation."""

MOST_SHARDS = 100_000
"""Highest number of shards of a run."""

NEAREST = 5
"""Number of names listed where none is close enough."""

Names = Callable[[str], list[str]]
"""Returns the names in a configuration group; none for an unknown group."""

_KEY = re.compile(r"[A-Za-z_]\w*(\.\w+)*(/\w+)*(@[\w.]+)?")
_ENVIRONMENT = re.compile(r"\$\{\s*(?:oc\.)?env\s*:")


def unused(overrides: Sequence[str], verb: str, flags: Collection[str] = ()) -> str:
    """Return the message about overrides of settings that a command does not use; "" where it uses all.

    Args:
        overrides: As given.
        verb: The command.
        flags: Settings whose flags are given as well, so that the overrides could only contradict them.
    """
    keys = list(dict.fromkeys(override.partition("=")[0] for override in overrides))
    others = [key for key in keys if not any(_covers(name, key) for name in USED[verb])]
    if others:
        return (
            f"{verb} does not use {' and '.join(others)}; leave {'it' if len(others) == 1 else 'them'} out. It uses "
            f"{', '.join(f'{name}*' if name.endswith('.') else name for name in USED[verb])}."
        )
    if twice := [key for key in keys if key in flags]:
        return f"{twice[0]}= is given as a flag too; leave one of them out."
    return ""


def about_judge(overrides: Sequence[str]) -> list[str]:
    """Return the keys of overrides that are about a judge."""
    keys = dict.fromkeys(override.partition("=")[0] for override in overrides)
    return [key for key in keys if any(_covers(name, key) for name in (*_JUDGE, "judge_check", "card", "repeats"))]


def _covers(name: str, key: str) -> bool:
    return key == name or key.startswith(name if name.endswith(".") else f"{name}.")


def quoted(text: str) -> str:
    """Return text as a quoted value of Hydra's override grammar that is taken as it is, `${...}` included.

    Raises ConfigError where it holds the character that stands for a dollar sign.
    """
    if DOLLAR in text:
        raise ConfigError(f"{printable(text[:200])!r} holds the character U+E000; choose another name.")
    # Before a quote, backslashes count as escapes; anywhere else they are themselves.
    escaped = re.sub(r"(\\*)('|\Z)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), text)
    return "'" + escaped.replace("${", DOLLAR + "{") + "'"


def literal(value: Any) -> Any:
    """Return plain settings with the dollar signs of texts that were `quoted`."""
    if isinstance(value, dict):
        return {literal(key): literal(each) for key, each in value.items()}
    if isinstance(value, list):
        return [literal(each) for each in value]
    return value.replace(DOLLAR, "$") if isinstance(value, str) else value


def place_of(value: str) -> Path:
    """Return the path in a setting."""
    return Path(literal(value))


def home_quoted(override: str) -> str:
    """Return an override in which a path from the user's home is quoted: Hydra's grammar takes `~` for an operator."""
    key, _, value = override.partition("=")
    return f"{key}={quoted(value)}" if key in PATHS and value.startswith("~") else override


def refuse_odd(override: str, names: Names) -> None:
    """Refuse an invalid override before Hydra's recursive grammar parses it.

    Raises:
        ConfigError: it adds or deletes a setting, is no key=value, reads the environment, is too long or deep, or
            chooses a name that is not in its group.
    """
    key, equals, value = override.partition("=")
    shown = printable(override[:60])
    if re.match(r"hydra\b", key):
        raise ConfigError(
            f"{shown!r} is Hydra's own setting, and nothing here goes by it; give settings of conf/ only."
        )
    if override.startswith(("+", "~")):
        raise ConfigError(f"{shown!r} adds or deletes a setting; only settings of conf/ can be given, as key=value.")
    if not equals or not _KEY.fullmatch(key):
        raise ConfigError(f"{shown!r} is not a setting; settings are given as key=value, such as limit=20.")
    if (
        len(value) > (MAX_VALUE if value.startswith(("[", "{")) else MAX_PATH)
        or max(value.count(bracket) for bracket in "([{") > MAX_BRACKETS
    ):
        raise ConfigError(f"{shown!r}... is too long or too deeply nested for a setting; put a list into conf/.")
    if not value.replace(f"{DOLLAR}{{", "").isprintable() and "\n" not in value:
        raise ConfigError(f"{shown!r} holds characters that do not show; leave them out.")
    if is_written_oddly(value):
        raise ConfigError(f"{shown!r}: write numbers in plain digits, such as 10; quote a text: '{key}=\"...\"'.")
    if _ENVIRONMENT.search(value):
        raise ConfigError(f"{shown!r}: {NO_ENVIRONMENT}.")
    if (known := names(key)) and value.strip("'\"") not in known:  # a path would lead to files elsewhere
        raise ConfigError(f"Unknown {key} {printable(value[:60])!r}. {did_you_mean(value[:60], known)}")


def wrong_name(overrides: Sequence[str], names: Names, known_keys: Callable[[Sequence[str]], Collection[str]]) -> str:
    """Return the message about the first override with an unknown name or key; "" where there is none.

    Args:
        overrides: All overrides, as given.
        names: The names in a group.
        known_keys: Gives every dotted key of the configuration with these group choices.
    """
    chosen = [override.partition("=")[::2] for override in overrides if names(override.partition("=")[0])]
    for key, value in chosen:
        if value not in names(key):
            return f"Unknown {key} {value!r}. {did_you_mean(value, names(key))}"
    known = known_keys([f"{key}={value}" for key, value in chosen])
    for key, value in (override.partition("=")[::2] for override in overrides):
        if known and key not in known and not names(key):
            if names(key.lower()):  # MODEL=, JUDGE=: their flags accept more than a group's names
                return f"Unknown setting {key!r}. Give {MAKE.get(key, f'--{key.lower()}')} {_cut(value)}."
            group = key.partition(".")[0]
            if owner := next((name for name in names(group) if key in known_keys([f"{group}={name}"])), None):
                return f"{key} is a setting of {group}={owner}; choose it ({MAKE.get(group.upper(), group)} {owner})."
            return f"Unknown setting {key!r}. {_meant(key, value, known)}"
    return ""


def _meant(key: str, value: str, known: Collection[str]) -> str:
    """Return the suggestion for an unknown name."""
    same = next((name for name in sorted(known) if name.lower() == key.lower()), None)
    if same is not None:
        return f"Give {same}={_cut(value)}."
    if flag := MAKE.get(key):
        return f"It is a variable of make's, for the flag {flag} of commands that have it."
    lower = {name.lower(): name for name in sorted(known)}
    if near := difflib.get_close_matches(key.lower(), lower, n=1):
        return f"Did you mean {lower[near[0]]!r}?"
    # Without the many keys of single benchmarks.
    general = [name for name in lower if name.count(".") < 2]
    near = difflib.get_close_matches(key.lower(), general, n=NEAREST, cutoff=0.0)
    return f"Nearest: {', '.join(lower[name] for name in near)}; conf/ has them all."


def _cut(value: str) -> str:
    return value if len(value) <= 60 else "..."


def unknown_words(words: Sequence[str], flags: Collection[str]) -> str:
    """Return the message about words that a command does not know, given its own flags."""
    pairs = [printable(word[:200]).partition("=") for word in words]
    made = [
        (f"{name}=", f"{MAKE[name]} {value}") for name, equals, value in pairs if equals and MAKE.get(name) in flags
    ]
    if made:
        names, instead = (" ".join(each) for each in zip(*made, strict=True))
        return f"{names.replace(' ', ' and ')} {'is' if len(made) == 1 else 'are'} for make; here give {instead}."
    name, equals, _ = pairs[0]
    if name.startswith("-"):
        return f"Unknown flag {name}. {instead_of(name, flags) or did_you_mean(name, flags)}"
    takes = "takes no settings" if equals else "takes flags only"
    return f"Unexpected {name + equals!r}: this command {takes}. Known: {', '.join(sorted(flags))}."


def wrong_kind(key: str, overrides: Sequence[str], said: str) -> str:
    """Return the message about a value of the wrong type, where Hydra's own message does not help.

    Args:
        key: The setting, "" where it is not known.
        overrides: All overrides, as given.
        said: Hydra's message; "" is returned where it suffices.
    """
    name, _, value = next((each for each in overrides if each in said), "").partition("=")
    if said.startswith("Ambiguous value") and name:
        return (
            f"{name}={_cut(value)} has commas: give {name}=[{_cut(value)}] for a list, or quote it: '{name}=\"...\"'."
        )
    value = _cut(next((each.partition("=")[2] for each in reversed(overrides) if each.startswith(f"{key}=")), ""))
    if "ListConfig" in said:
        remedy = (
            f"give {key}=[{value}]"
            if re.fullmatch(r"[\w.-]+", value) and value != "..."
            else f"put its items into {key}=[...]"
        )
        return f"{key}={value} is not a list; {remedy}."
    if "is not a subclass of" in said:
        return f"{key} must be a config group, got {value}; set one of its settings: {key}.<name>=<value>."
    return ""


def shard_of(text: str) -> Shard:
    """Return a shard from its form `3/16`. Raises ConfigError."""
    number, slash, of = text.partition("/")
    plain = slash and all(part.isascii() and part.isdigit() for part in (number, of))
    if not plain or not 1 <= int(number) <= int(of) <= MOST_SHARDS:
        raise ConfigError(f"shard={text!r} is not a shard; give its number and how many there are, such as 3/16.")
    return Shard(number=int(number), of=int(of))


def refuse_out_of_range(
    *,
    limit: int | None,
    offset: int | None,
    min_coverage: float,
    max_cost: float | None,
    amounts: Mapping[str, float | None],
) -> None:
    """Raise ConfigError where a number is out of its setting's range.

    Args:
        limit: Number of samples.
        offset: Number of samples left out.
        min_coverage: A share.
        max_cost: Dollars.
        amounts: Values by setting that must be above 0 where given.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"limit={limit} leaves no sample; give a number from 1 on, or leave it out.")
    if offset is not None and offset < 0:
        raise ConfigError(f"offset={offset} is not a number of samples; give a number from 0 on, or leave it out.")
    if not 0 <= min_coverage <= 1:
        raise ConfigError(f"min_coverage={min_coverage} is not a share; give a number from 0 to 1.")
    if max_cost is not None and not 0 <= max_cost < math.inf:
        raise ConfigError(f"max_cost must be at least 0 and finite, got {max_cost:g}; give dollars, or leave it out.")
    for name, value in amounts.items():
        if value is not None and not 0 < value < math.inf:
            raise ConfigError(f"{name}={value:g} is not an amount; give a number above 0.")
