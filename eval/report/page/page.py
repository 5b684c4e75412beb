"""Write a page: a shell with the code, the styles and the data inside, under a strict content security policy.

The code and the styles are built from `web/` (`make web`) and kept in `assets/`. The data are compressed JSON in a
block that browsers do not run; `web/src/payload.ts` describes them. Everything that comes from outside is in the data,
and the code puts it on the page as text.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from eval.errors import ConfigError
from eval.files import absolute, write_bytes_atomically
from eval.provenance import versions

_SHELL = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{styles}</style>
</head>
<body>
<div id="page"><noscript>This page shows its data with JavaScript, which is off. The same numbers are in
result.json and scores.jsonl of the run folder.</noscript></div>
<script type="application/octet-stream" id="payload">{data}</script>
<script>{code}</script>
</body>
</html>
"""


def page(kind: str, title: str, **more: Any) -> dict[str, Any]:
    """Return the data of a page of a kind, in the form of `Page` in `web/src/payload.ts`."""
    made = datetime.now().astimezone().isoformat(timespec="seconds")
    return {"kind": kind, "title": title, "made": made, "version": versions()["tarsier-eval"], **more}


def page_file(to: str | Path) -> Path:
    """Return the file of a page that a user names. Raises ConfigError where it is no .html, or has no folder."""
    file = absolute(to)
    if file.suffix.lower() != ".html":
        raise ConfigError(f"--to {to}: a page is an .html file; give such a name.")
    if not file.parent.is_dir():
        raise ConfigError(f"--to {to}: its folder does not exist.")
    return file


def page_html(payload: Mapping[str, Any], *, connect: bool = False) -> str:
    """Return a page as HTML.

    Args:
        payload: Its data, in the form of `web/src/payload.ts`.
        connect: Whether it may ask its own server for news.
    """
    code, styles = _asset("page.js"), _asset("page.css")
    # Pictures and clips lie beside the page, which browsers call `file:` on a disk and 'self' on a server.
    policy = {
        "default-src": "'none'",
        "script-src": _hash(code),
        "style-src": _hash(styles),
        "img-src": "'self' file: data:",
        "media-src": "'self' file:",
        "base-uri": "'none'",
        "form-action": "'none'",
        **({"connect-src": "'self'"} if connect else {}),
    }
    plain = json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Names of files that are not UTF-8 come as lone surrogates.
    packed = gzip.compress(plain.encode("utf-8", "replace"), compresslevel=6, mtime=0)
    return _SHELL.format(
        policy=html.escape("; ".join(f"{name} {value}" for name, value in policy.items())),
        title=html.escape(str(payload["title"])),
        styles=styles,
        data=base64.b64encode(packed).decode("ascii"),
        code=code,
    )


def write_page(path: Path, payload: Mapping[str, Any]) -> None:
    """Write a page to a file. Raises RunError where the disk cannot be written."""
    write_bytes_atomically(path, page_html(payload).encode("utf-8"))


@cache
def _asset(name: str) -> str:
    return (files("eval.report.page") / "assets" / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode('utf-8')).digest()).decode('ascii')}'"
