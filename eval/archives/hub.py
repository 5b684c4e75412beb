"""A data set on the Hugging Face hub as an archive: its files, and their content in blocks as these are needed.

Its path is `hub:owner/name@commit`. HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE have the same meaning as for the hub's own
tools. Nothing is stored: a process keeps the last blocks of two files in memory, 128 MiB at most.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from eval import network
from eval.errors import MediaError

ROOT = re.compile(r"hub:([\w.-]+/[\w.-]+)@([0-9a-f]{40})")
"""The path of a data set."""
_COMMIT = re.compile("[0-9a-f]{40}")
BLOCK = 1 << 20
"""Bytes of a block."""
MOST_BLOCKS = 64
"""Blocks that a process keeps of one file."""
_AHEAD = 8
"""Blocks of one request where the one before was read too."""


def is_data_set(path: Path) -> bool:
    """Whether a path names a data set of the hub."""
    return ROOT.fullmatch(str(path).removesuffix("!")) is not None


def place_of(path: Path) -> tuple[str, str]:
    """Return repository and commit of a data set's path."""
    found = ROOT.fullmatch(str(path).removesuffix("!"))
    if found is None:
        raise ValueError(f"{path} is no data set of the hub")
    return found[1], found[2]


@lru_cache(maxsize=8)
def commit_of(repo: str, revision: str) -> str:
    """Return the commit of a data set's revision. Raises MediaError."""
    return revision if _COMMIT.fullmatch(revision) else _asked(repo, revision)[0]


@lru_cache(maxsize=8)
def sizes_of(repo: str, commit: str) -> dict[str, int]:
    """Return the sizes of a data set's files by name. Raises MediaError."""
    return _asked(repo, commit)[1]


def _asked(repo: str, revision: str) -> tuple[str, dict[str, int]]:
    from huggingface_hub import HfApi, constants

    try:
        network.check_all()
        info: Any = HfApi().dataset_info(
            repo, revision=revision, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT
        )
        return str(info.sha), {one.rfilename: int(one.size) for one in info.siblings}
    except Exception as error:  # noqa: BLE001 - a network can raise any exception
        raise MediaError(f"hub:{repo}@{revision}", "unreadable", f"cannot be listed: {_line(error)}") from None


class HubFile:
    """A file of a data set."""

    def __init__(self, repo: str, commit: str, name: str, size: int) -> None:
        self._place, self._size = (repo, commit, name), size
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._lock = Lock()

    def pread(self, n: int, offset: int) -> bytes:
        """Return up to `n` bytes from a place on. Raises MediaError."""
        end = min(offset + n, self._size)
        parts = []
        with self._lock:
            for number in range(offset // BLOCK, -(-end // BLOCK)):
                begin = number * BLOCK
                parts.append(self._block(number)[max(0, offset - begin) : end - begin])
        return b"".join(parts)

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            n = min(_AHEAD, MOST_BLOCKS) if number - 1 in self._blocks else 1
            begin, end = number * BLOCK, min((number + n) * BLOCK, self._size)
            data = self._fetch(begin, end)
            for k in range(-(-len(data) // BLOCK)):
                self._blocks[number + k] = data[k * BLOCK : (k + 1) * BLOCK]
            while len(self._blocks) > MOST_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]

    def _fetch(self, begin: int, end: int) -> bytes:
        """Return a range of the file; the hub's client asks again where the network or the server fails."""
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_backoff

        repo, commit, name = self._place
        path = f"hub:{repo}@{commit}!/{name}"
        try:
            url = hf_hub_url(repo, name, repo_type="dataset", revision=commit)
            headers = {**build_hf_headers(), "Range": f"bytes={begin}-{end - 1}"}
            answer = http_backoff("GET", url, headers=headers, follow_redirects=True)
            hf_raise_for_status(answer)
            data = bytes(answer.content)
        except Exception as error:  # noqa: BLE001 - a network can raise any exception
            raise MediaError(path, "unreadable", f"cannot be fetched: {_line(error)}") from None
        if answer.status_code != 206:
            # A server without ranges sends all of it.
            data = data[begin:end]
        if len(data) != end - begin:
            raise MediaError(path, "truncated", f"came with {len(data)} of {end - begin} bytes from {begin} on")
        return data


@lru_cache(maxsize=2)
def hub_file(repo: str, commit: str, name: str) -> HubFile:
    """Return a file of a data set, with the blocks of it that this process has."""
    return HubFile(repo, commit, name, sizes_of(repo, commit)[name])


def _line(error: Exception) -> str:
    """Return an error in one line, without the addresses that it quotes."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    said = next(iter(str(error).splitlines()), "")
    said = re.sub(r"https?://\S+", network.hub_address(), said)[:200]
    return f"{type(error).__name__}: {said}" if status is None else f"{network.hub_address()} answers {status}"
