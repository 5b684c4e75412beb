"""What a user calls a benchmark, and which one is meant."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from eval.errors import ConfigError, did_you_mean


def resolved(
    text: str, known: Mapping[str, Sequence[str]], titles: Mapping[str, str], first: Collection[str] = ()
) -> list[str]:
    """Return the benchmarks that a text names, each once.

    Commas or blanks are between names. Capitals and punctuation in them do not count, and the names of papers hold too
    where they name one benchmark: `MVBench`, `NExT-QA`.

    Args:
        text: What the user wrote.
        known: The benchmarks of each name of a benchmark or a group.
        titles: The name in papers of each benchmark.
        first: Names that are meant before others that are spelt alike.

    Raises:
        ConfigError: It names none, an unknown one, or one of several.
    """
    wanted = re.split(r"[\s,]+", text.strip(" ,\n\t"))
    if wanted == [""]:
        raise ConfigError(f"--bench names no benchmark. Known: {', '.join(known)}.")
    spelt: dict[str, set[str]] = {}
    for name in known:
        spelt.setdefault(letters(name), set()).add(name)
    for name, title in titles.items():
        spelt.setdefault(letters(title), set()).add(name)
    found: list[str] = []
    for name in wanted:
        meant = {name} if name in known else spelt.get(letters(name), set())
        meant = meant & set(first) or meant
        if len(meant) > 1:
            raise ConfigError(f"{name!r} may be {' or '.join(sorted(meant))}; give one of these names.")
        if not meant:
            raise ConfigError(f"Unknown benchmark {name!r}. {did_you_mean(name, known)}")
        found += known[meant.pop()]
    return list(dict.fromkeys(found))


def letters(name: str) -> str:
    """Return the letters and digits of a name, small."""
    return "".join(character for character in name.casefold() if character.isalnum())
