"""The Makefile's variables, and the flags of commands for which they stand."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

MAKE: Mapping[str, str] = {
    "A": "--first", "B": "--second", "C": "--second", "D": "--second", "AGAINST": "--against", "ANN": "--ann",
    "BENCH": "--bench", "BUNDLE": "--bundle", "CARD": "--card", "CONF": "--conf",
    "DATA": "--data", "ENGINE": "--engine", "FRAMES": "--frames", "JUDGE": "--judge",
    "LIMIT": "--limit", "OFFSET": "--offset", "SAMPLES": "--samples", "SETS": "--sets", "SHARD": "--shard",
    "SWEEP": "--sweep", "LAUNCHER": "--launcher", "LAUNCH": "--launch",
    "MARGIN": "--margin", "MODEL": "--model", "OUT": "--out", "PLOTS": "--plots", "PORT": "--port",
    "PRED": "--pred", "PROBES": "--probes", "PROTOCOL": "--protocol", "PUBLISHED": "--published", "PUSH": "--push",
    "REPEATS": "--repeats", "ROW": "--row",
    "RUN": "--run", "RUNS": "--runs", "TO": "--to", "UPSTREAM": "--upstream", "VALUE": "--value",
}  # fmt: skip
"""The flag for each variable of the Makefile, which users type out of habit without make."""

_VARIABLES = {flag: name for name, flag in reversed(list(MAKE.items()))}
"""The Makefile's variable for each flag; of several the first."""


ARGS = frozenset({
    "--accept", "--baseline", "--dry-run", "--full", "--github", "--junit", "--licence", "--license", "--metric",
    "--mirror", "--missing", "--probe", "--renew", "--skip-malformed", "--table", "--unpack", "--verdicts",
    "--with-annotations", "--workers",
})  # fmt: skip
"""The flags without a variable, which make takes in ARGS."""

_TARGETS = (
    "bundle", "compare", "data", "equivalence", "eval", "import", "judge card", "judge check", "judge compare",
    "judge data", "judge export", "judge replay", "leaderboard", "merge", "plan", "probe", "publish", "regress",
    "report", "score", "sweep", "verify-row", "watch", "why",
)  # fmt: skip
_NAME = r"--[a-z]+(?:-[a-z]+)*(?![\w-])"
_VALUE = r"<[^<>]+>|'[^']*'|[A-Z]{2,}\b|[\w~.-]*[/.,:][\w/.,:~-]*\w"
"""A flag's value in a sentence, where the next word may as well be the sentence's."""
_GIVEN = rf"(?P<flag>{_NAME})(?: (?P<value>{_VALUE}))?"
_WORD = r"'[^']*'|[^\s'`]+"
_SPOKEN = re.compile(
    rf"tarsier-eval (?P<command>{'|'.join(_TARGETS)})(?![\w-])(?P<flags>(?: {_NAME}(?: (?!--)(?:{_WORD}))?)*)|{_GIVEN}"
)


def as_typed(message: str) -> str:
    """Return a message that names flags and commands as they are typed here: in make's words, where make started it."""
    return in_words_of_make(message) if os.environ.get("TARSIER_EVAL_MAKE") else message


def in_words_of_make(message: str) -> str:
    """Return a message with make's targets and variables in place of the commands and flags for which they stand."""
    return _SPOKEN.sub(_of_make, message)


def _of_make(found: re.Match[str]) -> str:
    if found["command"] is None:
        return _given(found["flag"], found["value"] or "") or found[0]
    flags = re.findall(rf"({_NAME})(?: (?!--)({_WORD}))?", found["flags"])
    words = [_given(*each) or " ".join(each) for each in flags if each[0] not in ARGS]
    more = " ".join(" ".join(each).strip() for each in flags if each[0] in ARGS)
    return " ".join([f"make {found['command'].replace(' ', '-')}", *words, *([f'ARGS="{more}"'] if more else [])])


def _given(flag: str, value: str) -> str:
    """Return a flag as make takes it; "" for a flag of another program."""
    if flag in ARGS:
        return f'ARGS="{flag}{value and " " + value}"'
    variable = _VARIABLES.get(flag, "")
    return f"{variable}={value}" if variable and value else variable
