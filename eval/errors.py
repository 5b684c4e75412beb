"""The exceptions that tarsier-eval raises on purpose.

    TarsierEvalError            every error below; the command line prints it as one line
    |-- ConfigError             a flag, a config value or a name that does not fit
    |-- DataError               an annotation or prediction file that cannot be read as what it claims to be
    |-- EngineError             processes or machines that cannot share a run's work
    |-- MediaError              one clip that cannot be decoded; fails its samples, never the run
    |-- ModelError              a checkpoint that cannot be loaded, or a prompt it cannot take
    |-- ServerError             a model behind a server that cannot be reached, or does not take what it is asked
    |   `-- JudgeError          the same of a judge
    `-- RunError                a run folder that cannot be written or continued

Each message names the value, the place and the remedy. A `MediaError` also carries a short
machine-readable `reason`, so that failures can be counted by kind.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

MediaReason = Literal[
    "missing",
    "empty",
    "unreadable",
    "not_a_video",
    "no_video_stream",
    "truncated",
    "corrupt",
    "unsupported",
    "too_large",
    "timeout",
    "crashed",
    "memory",
]


class TarsierEvalError(Exception):
    """Base of all errors that a user can act on."""


class ConfigError(TarsierEvalError):
    """A setting that does not fit: unknown name, wrong type, impossible value."""


class DataError(TarsierEvalError):
    """An annotation or prediction file that does not say what its format asks for."""


class ModelError(TarsierEvalError):
    """A checkpoint that cannot be loaded as it is, or an input that the model cannot take."""


class ServerError(TarsierEvalError):
    """A model behind a server that cannot be reached, refuses its key, or does not take what it is asked."""


class JudgeError(ServerError):
    """A judge that cannot be reached, refuses its key, or does not take what it is asked."""


class RunError(TarsierEvalError):
    """A run folder that cannot be created, written or continued."""


class EngineError(TarsierEvalError):
    """Processes or machines that cannot share a run's work."""


class MediaError(TarsierEvalError):
    """A clip whose frames cannot be had. The sample fails with it; the run goes on."""

    def __init__(self, path: Path | str, reason: MediaReason, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.path = str(path)
        self.reason: MediaReason = reason
        self.detail = detail


def media_reason(error: str | None) -> str | None:
    """Return the `MediaReason` with which a prediction's error begins; None where its media were shown."""
    kind = (error or "").partition(":")[0]
    return kind if kind in get_args(MediaReason) else None


def text_of(error: BaseException) -> str:
    """Return the message of an error of code from outside, which may be unable to give it; "" where it has none."""
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - whatever its __str__ raises
        return ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a closing hint for a misspelt name: the nearest known one, or the list of all."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(names) or 'none'}."
