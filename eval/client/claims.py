"""Claims on calls under way in a reply store, so that runs at the same time pay for no call twice.

A run claims a call before it asks it, and looks the call up again once it holds the claim. A call that another run has
claimed is waited for. A claim lapses with its process: on the same machine as soon as that process is gone, elsewhere
when it has not been renewed for some time. A claim lost in a power cut harms nobody, so none is synced to disk.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from eval.errors import RunError

if TYPE_CHECKING:
    from eval.client.store import ReplyStore

LOOK_S = 0.2
"""Seconds between looks at calls that another run has claimed."""
BEAT_S, LAPSE_S = 15.0, 120.0
"""Seconds between renewals of this run's claims, and without a renewal after which a claim from elsewhere lapses."""

_Claim = tuple[str, str, int, str, int]
"""Owner, machine, process, when that process was started, and number of renewals."""


class Claims:
    """The claims of one process on a store. Names of calls are free texts."""

    def __init__(self, store: ReplyStore) -> None:
        self._store = store
        self._owner = uuid.uuid4().hex
        self._mine: set[str] = set()
        self._beats = 0
        self._seen: dict[str, tuple[_Claim, float]] = {}
        """Claims of others as last seen, and since when they are unchanged, by this process's own clock."""

    def take(self, names: Iterable[str], most: int | None = None) -> set[str]:
        """Claim these calls, or as many of them as `most` says; return those that this run holds now."""
        wanted = list(dict.fromkeys(names))

        def free() -> list[str]:
            held = self._store.claimed(wanted)
            open_ = [name for name in wanted if name not in held or self._has_lapsed(name, held[name])]
            return open_ if most is None else open_[:most]

        taken: list[str] = []

        def claim() -> list[tuple[str, str, str, int, str, int]]:
            taken[:] = free()  # looked up again, since nobody else can write now
            return [(name, self._owner, *_process(), self._beats) for name in taken]

        if free():
            self._store.put_claims(claim)
        self._mine.update(taken)
        return set(taken)

    def release(self, names: Iterable[str] | None = None) -> None:
        """Give up these claims, or all. Never raises: where the store can't be written they lapse with the process."""
        given = self._mine & set(names) if names is not None else set(self._mine)
        if given:
            self._mine -= given
            with suppress(RunError):
                self._store.drop_claims(self._owner, sorted(given))

    def renew(self) -> None:
        """Show other machines that this process still works on its claims."""
        self._beats += 1
        if self._mine:
            with suppress(RunError):
                self._store.renew_claims(self._owner, self._beats)

    def _has_lapsed(self, name: str, claim: _Claim) -> bool:
        owner, machine, process, started, _ = claim
        if owner == self._owner:
            return True
        if machine == _process()[0]:
            state, now_started = _state(process)
            if state in _ENDED or now_started != started:
                return True
            if state not in _UNKNOWN:
                return False
        seen, since = self._seen.get(name, (None, 0.0))
        if seen != claim:
            self._seen[name] = claim, time.monotonic()
            return False
        return time.monotonic() - since > LAPSE_S


_ENDED = ("", "Z", "X", "x")
"""States of a process that does nothing any more, "" where there is none."""
_UNKNOWN = ("?", "T")
"""States of a process that may or may not go on: where the system does not tell, and stopped by its user."""


@cache
def _process_of(pid: int) -> tuple[str, int, str]:
    return _machine(), pid, _state(pid)[1]


def _process() -> tuple[str, int, str]:
    """Return this process: machine, number, and when it was started."""
    return _process_of(os.getpid())


def _machine() -> str:
    """Return a name of this machine, since its start, and of the space in which its processes are numbered."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _state(pid: int) -> tuple[str, str]:
    """Return a process's state as Linux names it, and when it was started; "?" where the system does not tell."""
    if not Path("/proc/self/stat").exists():
        return "?", ""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", ""
    fields = told.rpartition(")")[2].split()
    return fields[0], fields[19]
