"""What may be given on the command line as key=value, and what is said of one that is wrong. Knows no Hydra.

Hydra's grammar is recursive, reads the environment and adds settings; what no setting can mean is refused before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

from eval.errors import ConfigError, did_you_mean
from eval.readers.malformed import printable
from eval.readers.videos import MAX_PATH

MAX_VALUE, MAX_BRACKETS = 65_536, 200
"""Longest value of an override, and most brackets of a kind in it."""

NO_ENVIRONMENT = (
    "environment variables are not read into settings, since a key among them would be written into results; "
    "write the value out (keys have variables of their own, see README.md)"
)
"""What is said to `${oc.env:...}`."""

Names = Callable[[str], list[str]]
"""Gives the names in a configuration group, none for what is no group."""

_KEY = re.compile(r"[A-Za-z_]\w*(\.\w+)*(/\w+)*(@[\w.]+)?")
_ENVIRONMENT = re.compile(r"\$\{\s*(?:oc\.)?env\s*:")


def refuse_odd(override: str, names: Names) -> None:
    """Refuse an override that no setting can mean, before Hydra's grammar, which is recursive, sees it.

    Raises:
        ConfigError: it adds or deletes a setting, is no key=value, reads the environment, is too long or deep,
            or chooses what is not in its group.
    """
    key, equals, value = override.partition("=")
    shown = printable(override[:60])
    if override.startswith(("+", "~")):
        raise ConfigError(f"{shown!r} adds or deletes a setting; only settings of conf/ can be given, as key=value.")
    if not equals or not _KEY.fullmatch(key):
        raise ConfigError(f"{shown!r} is no setting; settings are given as key=value, such as limit=20.")
    if (
        len(value) > (MAX_VALUE if value.startswith(("[", "{")) else MAX_PATH)
        or max(value.count(bracket) for bracket in "([{") > MAX_BRACKETS
    ):
        raise ConfigError(f"{shown!r}... is too long or too deeply nested for a setting; put a list into conf/.")
    if not value.isprintable() and "\n" not in value:
        raise ConfigError(f"{shown!r} holds characters that do not show; leave them out.")
    if _ENVIRONMENT.search(value):
        raise ConfigError(f"{shown!r}: {NO_ENVIRONMENT}.")
    if (known := names(key)) and value.strip("'\"") not in known:  # a path would lead to files elsewhere
        raise ConfigError(f"Unknown {key} {printable(value[:60])!r}. {did_you_mean(value[:60], known)}")


def wrong_name(overrides: Sequence[str], names: Names, known_keys: Callable[[Sequence[str]], Collection[str]]) -> str:
    """Return what is said of the first override that chooses or sets what is not there; "" where all are there.

    Args:
        overrides: All of them, as given.
        names: The names in a group.
        known_keys: Gives every dotted key of the configuration with these group choices.
    """
    chosen = [override.partition("=")[::2] for override in overrides if names(override.partition("=")[0])]
    for key, value in chosen:
        if value not in names(key):
            return f"Unknown {key} {value!r}. {did_you_mean(value, names(key))}"
    known = known_keys([f"{key}={value}" for key, value in chosen])
    for key in (override.partition("=")[0] for override in overrides):
        if known and key not in known and not names(key):
            return f"Unknown setting {key!r}. {did_you_mean(key, known)}"
    return ""
