"""Fetches labelled sets from their owners, at pinned commits, and writes them as items; none comes with this code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eval.analysis.card.items import read_set
from eval.analysis.card.originals.original import HOST, Original, all_originals
from eval.errors import ConfigError, DataError, did_you_mean
from eval.files import absolute, make_folder, write_atomically, write_bytes_atomically, write_jsonl
from eval.network import client_options
from eval.running.judge_card import JUDGE_DATA
from eval.running.outcome import say

MAX_BYTES = 256 << 20
"""Most bytes of a file; the largest has 12 MB."""
TIMEOUT_S = 60.0
"""Bound on each wait for the server."""


def fetch_sets(names: Sequence[str] = (), to: str | Path | None = None, *, host: str = HOST) -> dict[str, int]:
    """Fetch labelled sets, and return their numbers of items by name.

    Files that are there already are not fetched again. Licence and source are shown, and kept beside each set.

    Args:
        names: Names of sets; none for all.
        to: Folder of the sets; None: where `judge card` looks for them.
        host: Address below which files lie by repository, commit and path, for a mirror.

    Raises:
        ConfigError: there is no set of that name.
        DataError: a file cannot be fetched, or is not as its owners' files are.
    """
    known = all_originals()
    for name in names:
        if name not in known:
            raise ConfigError(f"There is no labelled set {name!r}. {did_you_mean(name, known)}")
    folder = absolute(to or JUDGE_DATA)
    found = {}
    for name in dict.fromkeys(names or known):
        found[name] = _fetch(known[name], folder / name, host.rstrip("/"))
        say(f"{name}: {found[name]:,} items in {folder / name}")
    return found


def _fetch(original: Original, folder: Path, host: str) -> int:
    source = (
        f"{original.repository} at commit {original.commit}, {original.paper}; licence as its owners state it: "
        f"{original.licence}"
    )
    say(f"{original.name}: {source}")
    raw = folder / "original"
    missing = [path for path in original.files if not (raw / path).is_file()]
    if missing:
        import httpx2

        with httpx2.Client(**client_options(host), timeout=TIMEOUT_S, follow_redirects=True) as client:
            for path in missing:
                url = f"{host}/{original.repository}/{original.commit}/{path}"
                make_folder((raw / path).parent)
                write_bytes_atomically(raw / path, _content(client, url))
    items = folder / "items.jsonl"
    write_jsonl(items, original.read(raw))
    write_atomically(folder / "SOURCE", f"{source}. Made into items.jsonl by tarsier-eval.\n")
    return len(read_set(original.name, items).items)


def _content(client: object, url: str) -> bytes:
    import httpx2

    assert isinstance(client, httpx2.Client)
    remedy = "Try again later, or put the file there yourself"
    try:
        with client.stream("GET", url) as reply:
            if reply.status_code != httpx2.codes.OK:
                raise DataError(f"{url} cannot be fetched: status {reply.status_code}. {remedy}.")
            content = bytearray()
            for piece in reply.iter_bytes():
                content += piece
                if len(content) > MAX_BYTES:
                    raise DataError(f"{url} is larger than {MAX_BYTES:,} bytes, which none of these files is.")
            return bytes(content)
    except httpx2.HTTPError as error:
        raise DataError(f"{url} cannot be fetched: {str(error) or type(error).__name__}. {remedy}.") from None
