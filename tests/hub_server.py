"""A server shaped like a model hub, on loopback: listings, files with ranges, a CDN, a log, and faults on demand.

It answers what the hub's own tools ask of a model: `/api/models/{repo}[/revision/{revision}]` with sizes and hashes,
`/api/models/{repo}/tree/{revision}`, and HEAD and GET of `/{repo}/resolve/{revision}/{file}`. Large files
(*.safetensors, *.mp4, tokenizer.model) are listed as of git-lfs, the others as of git.

A data set is a repository whose name begins with `datasets/`, and is asked for in the same ways.

It also takes what they upload as one commit of plain files: the making of a repository, and its files.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HASHED = 50_000_000
"""Most bytes of a file whose hash is the true one; of larger ones, sparse as they are, nobody fetches all."""
BLOCK = 1 << 16


@dataclass
class Repository:
    """Files of one commit, and the names by which it goes."""

    folder: Path
    commit: str = COMMIT
    refs: tuple[str, ...] = ("main",)


@dataclass
class Faults:
    """What goes wrong; as it is made, nothing does."""

    status: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Status and X-Error-Code to answer with, by file or `api`."""
    headers: dict[str, str] = field(default_factory=dict)
    """Headers in place of the server's own."""
    bodies: dict[str, bytes] = field(default_factory=dict)
    """Content to send in place of a file's or, for `api`, of the listing."""
    listing: Callable[[dict[str, Any]], object] | None = None
    """Change a listing before it is sent."""
    cut: dict[str, int] = field(default_factory=dict)
    """Bytes of a file after which the connection is closed."""
    gone: bool = False
    """Close every connection without an answer."""
    ranges: bool = True
    """Whether a part of a file can be asked for."""
    cdn: bool = False
    """Whether large files come from another address (the same server by another name)."""


class HubServer(ThreadingHTTPServer):
    """The server; used as a context manager it runs in a thread of its own."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, Repository] = {}
        self.faults = Faults()
        self.log: list[str] = []
        """Each request in order: `api main`, `config.json`, `model.safetensors 0-131071`; HEAD before those."""
        self.tokens: list[tuple[str, str | None]] = []
        """Host and Authorization of each request."""
        self.uploads: dict[str, dict[str, bytes]] = {}
        """Contents of uploaded files by path, by kind and name of the repository."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> HubServer:  # noqa: PYI034 - typing has Self from Python 3.11 on
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that went away."""

    def mended(self) -> None:
        """Forget all faults and requests."""
        self.faults = Faults()
        self.log.clear()
        self.tokens.clear()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and content are sent apart, and each pair would wait for 40 ms
    server: HubServer

    def log_message(self, *_: object) -> None: ...

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        path = unquote(urlsplit(self.path).path).strip("/")
        self.server.tokens.append((self.headers["Host"], self.headers["Authorization"]))
        kind, _, rest = path.removeprefix("api/").partition("/")
        action = "validate" if kind == "validate-yaml" else rest.split("/")[-2] if rest.count("/") > 1 else rest
        self._noted(f"POST {path}")
        if self._failed(action):
            return
        answer: dict[str, Any] = {"errors": [], "warnings": []}
        repo = "/".join(rest.split("/")[:2])
        if action == "create":
            asked = json.loads(body)
            repo = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
            self.server.uploads.setdefault(f"{asked['type']}s/{repo}", {})
            answer = {"url": f"{self.server.url}/{asked['type']}s/{repo}", "name": repo, "id": "0"}
        elif action == "preupload":
            files = [one["path"] for one in json.loads(body)["files"]]
            answer = {"files": [{"path": one, "uploadMode": "regular", "shouldIgnore": False} for one in files]}
        elif action == "commit":
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    content = base64.b64decode(line["value"]["content"])
                    self.server.uploads[f"{kind}/{repo}"][line["value"]["path"]] = content
            answer = {"commitUrl": f"{self.server.url}/{kind}/{repo}/commit/{COMMIT}", "commitOid": COMMIT}
        self._send(200, json.dumps(answer).encode())

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        if path == "api/agent-harnesses":  # which the hub's tools ask for once, to name themselves; no part of a fetch
            self._send(404, b"{}")
            return
        self.server.tokens.append((self.headers["Host"], self.headers["Authorization"]))
        if path.startswith("cdn/"):
            self._send_file(*path.removeprefix("cdn/").split("/resolve/"), large=True, at_cdn=True)
        elif path.startswith("api/models/"):
            self._send_listing(path.removeprefix("api/models/"))
        elif path.startswith("api/datasets/"):
            self._send_listing(path.removeprefix("api/"))
        else:
            repo, _, rest = path.partition("/resolve/")
            self._send_file(repo, rest, large=False, at_cdn=False)

    def _noted(self, said: str) -> None:
        asked = self.headers["Range"]
        said += f" {asked.removeprefix('bytes=')}" if asked else ""
        self.server.log.append(f"HEAD {said}" if self.command == "HEAD" else said)

    def _failed(self, key: str) -> bool:
        faults = self.server.faults
        if faults.gone:
            self.close_connection = True
            return True
        if key in faults.status:
            status, code = faults.status[key]
            self._send(status, json.dumps({"error": "as asked"}).encode(), {"X-Error-Code": code} if code else {})
            return True
        return False

    def _found(self, repo: str, revision: str) -> Repository | None:
        there = self.server.repositories.get(repo)
        if there is None:
            # The hub's answer to anybody whose token is not the owner's, and to whoever has none.
            status = 404 if self.headers["Authorization"] else 401
            self._send(status, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"})
        elif revision in (there.commit, *there.refs) or (len(revision) >= 7 and there.commit.startswith(revision)):
            return there
        else:
            self._send(404, b'{"error": "Invalid rev id"}', {"X-Error-Code": "RevisionNotFound"})
        return None

    def _send_listing(self, asked: str) -> None:
        kind = "tree" if "/tree/" in asked else "revision"
        repo, _, revision = asked.partition(f"/{kind}/")
        self._noted(f"{'tree' if kind == 'tree' else 'api'} {revision or 'main'}")
        if self._failed("api"):
            return
        there = self._found(repo, revision or "main")
        if there is None:
            return
        listed = (_listed(path, path.relative_to(there.folder).as_posix()) for path in sorted(there.folder.rglob("*")))
        files = [one for one in listed if one is not None]
        if kind == "tree":
            tree = [{"type": "file", "path": one["rfilename"], "size": one["size"], "oid": one["blobId"],
                     **({"lfs": {**one["lfs"], "oid": one["lfs"]["sha256"]}} if "lfs" in one else {})}
                    for one in files]  # fmt: skip
            self._send(200, json.dumps(tree).encode())
            return
        content = {"id": repo, "modelId": repo, "sha": there.commit, "private": False, "tags": [], "siblings": files}
        if self.server.faults.listing is not None:
            self.server.faults.listing(content)
        self._send(200, self.server.faults.bodies.get("api", json.dumps(content).encode()))

    def _send_file(self, repo: str, rest: str, *, large: bool, at_cdn: bool) -> None:
        revision, _, name = rest.partition("/")
        if not at_cdn or self.command != "HEAD":
            self._noted(f"cdn {name}" if at_cdn else name)
        if self._failed(name):
            return
        there = self._found(repo, revision)
        if there is None:
            return
        path = there.folder / name
        about = _listed(path, name)
        if about is None:
            self._send(404, b'{"error": "Entry not found"}', {"X-Error-Code": "EntryNotFound"})
            return
        faults, digest = self.server.faults, about["lfs"]["sha256"] if "lfs" in about else about["blobId"]
        headers = {"ETag": f'"{digest}"', "X-Repo-Commit": there.commit, "Accept-Ranges": "bytes", **faults.headers}
        if "lfs" in about:
            headers |= {"X-Linked-Size": str(about["size"]), "X-Linked-Etag": f'"{digest}"'}
        if faults.cdn and "lfs" in about and not at_cdn:
            # Another origin to a client, which must not send its token there.
            headers["Location"] = f"http://localhost:{self.server.server_port}/cdn/{repo}/resolve/{revision}/{name}"
            self._send(302, b"", headers)
            return
        self._send_content(path, name, headers)

    def _send_content(self, path: Path, name: str, headers: dict[str, str]) -> None:
        faults = self.server.faults
        body = faults.bodies.get(name)
        size = path.stat().st_size if body is None else len(body)
        first, last, status = 0, size - 1, 200
        if faults.ranges and self.headers["Range"]:
            begin, _, end = self.headers["Range"].removeprefix("bytes=").partition("-")
            first, last, status = int(begin), min(int(end or size), size - 1), 206
            if first >= size:
                self._send(416, b"", {"Content-Range": f"bytes */{size}"})
                return
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        self.send_response(status)
        for key, value in {"Content-Length": str(last - first + 1), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        at, end = first, min(last + 1, faults.cut.get(name, size))
        with path.open("rb") as file:
            while at < end:
                file.seek(at)
                block = body[at:end] if body is not None else file.read(min(BLOCK, end - at))
                self.wfile.write(block)
                at += len(block)
        self.close_connection = at <= last

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status, HTTPStatus(status).phrase)
        self.send_header("Content-Length", str(len(body)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


_hashes: dict[tuple[str, int, int], str] = {}


def _listed(path: Path, name: str) -> dict[str, Any] | None:
    """Return what the hub's listing says of a file; None where there is none."""
    if not path.is_file():
        return None
    size = path.stat().st_size
    is_large = path.suffix in {".safetensors", ".mp4"} or path.name == "tokenizer.model"
    key = (str(path), size, path.stat().st_mtime_ns)
    if key not in _hashes:
        content = path.read_bytes() if size <= HASHED else name.encode()
        if is_large:
            _hashes[key] = hashlib.sha256(content).hexdigest()
        else:
            _hashes[key] = hashlib.sha1(b"blob %d\0" % size + content).hexdigest()
    found: dict[str, Any] = {"rfilename": name, "size": size, "blobId": _hashes[key][:40]}
    if is_large:
        found["lfs"] = {"sha256": _hashes[key], "size": size, "pointerSize": 135}
    return found
