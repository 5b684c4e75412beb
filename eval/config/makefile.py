"""The Makefile's variables, and the flags of commands for which they stand."""

from __future__ import annotations

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


def in_words_of_make(message: str) -> str:
    """Return a message with the Makefile's variables in place of the flags for which they stand."""
    return re.sub(r"--([a-z]+)\b(?!-)", lambda flag: _VARIABLES.get(flag[0], flag[0]), message)
