"""Asks a database of known vulnerabilities about every locked version: `make audit`.

    python scripts/audit.py [--constraints constraints.txt] [--url https://api.osv.dev] [--if-reachable]

One request to osv.dev, which collects the advisories of PyPI, GitHub and others; it is told names and versions, and
nothing else. Exit code 0: none is known to be vulnerable; 1: some are, each named with its advisory; 2: nobody could be
asked, so that nothing is known. Being offline is never reported as being safe; with `--if-reachable`, as `make check`
has it, it is said and passed over.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
TIMEOUT = 15
MAX_ANSWER = 10 * 2**20
"""Largest answer that is read, in bytes."""

ACCEPTED: dict[str, str] = {}
"""Advisories that do not touch this project, by id, and why; looked at again with each release."""


class UnknownError(Exception):
    """Nobody could be asked, or the answer cannot be read."""


def locked(path: Path) -> list[tuple[str, str]]:
    """Return name and version of each line of a constraints file. Raises UnknownError where a line has neither."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.partition("#")[0].partition(";")[0].strip()
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!_-]+)", text)
        if match:
            found.append((match[1], match[2]))
        elif text:
            raise UnknownError(f"{path}:{number}: {text!r} is not an exact version; run make lock")
    return list(dict.fromkeys(found))


def advisories(packages: list[tuple[str, str]], url: str) -> list[list[str]]:
    """Return the ids of the advisories about each package. Raises UnknownError where there is no answer to read."""
    asked = {"queries": [{"package": {"ecosystem": "PyPI", "name": n}, "version": v} for n, v in packages]}
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/v1/querybatch", json.dumps(asked).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            found: Any = json.loads(answer.read(MAX_ANSWER))
        results = [[one["id"] for one in result.get("vulns", ())] for result in found["results"]]
    except (OSError, urllib.error.URLError) as error:
        raise UnknownError(f"{url} cannot be reached ({getattr(error, 'reason', error)})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnknownError(f"{url} gave no answer that can be read ({error})") from error
    if len(results) != len(packages):
        raise UnknownError(f"{url} answered about {len(results)} of {len(packages)} packages")
    return results


def main() -> int:
    """Ask, say what is known, and return the exit code above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--constraints", type=Path, default=PROJECT / "constraints.txt")
    parser.add_argument("--url", default="https://api.osv.dev")
    parser.add_argument("--if-reachable", action="store_true", help="exit with 0 where nobody could be asked")
    given = parser.parse_args()
    if not given.url.startswith(("https://", "http://127.0.0.1:")):
        parser.error(f"--url {given.url} is not an https address")
    try:
        packages = locked(given.constraints)
        found = advisories(packages, given.url)
    except (UnknownError, OSError) as error:
        print(f"audit: {error}. Nothing is known about {given.constraints}; run make audit where it can be reached.")
        return 0 if given.if_reachable else 2
    open_ = 0
    for (name, version), ids in zip(packages, found, strict=True):
        for one in ids:
            why = ACCEPTED.get(one)
            open_ += why is None
            print(
                f"{name}=={version}: {one}"
                + (f" (accepted: {why})" if why else f" https://osv.dev/vulnerability/{one}")
            )
    print(f"audit: {len(packages)} versions, {open_} open advisories.")
    return 1 if open_ else 0


if __name__ == "__main__":
    sys.exit(main())
