"""Where this project lies: a checkout, or a package that pip installed, which writes nothing into its own folder."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
"""The folder of conf/ and benchmarks/."""

IS_CHECKOUT = (PROJECT / "pyproject.toml").is_file()
"""Whether this is a checkout."""

RESULTS = (PROJECT if IS_CHECKOUT else Path.cwd()) / "results"
"""Folder of whatever a user's commands leave: that of the checkout, or one in the working folder."""

_OWN_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tarsier-eval"
CACHE = PROJECT / ".cache" if IS_CHECKOUT else _OWN_CACHE
"""Folder of what can be computed again."""

PACK = (PROJECT / ".protocol" if IS_CHECKOUT else CACHE / "protocol") / "upstream"
"""Folder of the wording that `import` took from a clone of upstream's."""


def install(extra: str) -> str:
    """Return the command that installs an extra, from a checkout or for a package."""
    return f"pip install -e '.[{extra}]'" if IS_CHECKOUT else f"pip install 'tarsier-eval[{extra}]'"
