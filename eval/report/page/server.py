"""Serve a page that follows a running evaluation, on this machine only.

    GET /               the page
    GET /live           how far it is
    GET /live?payload   the data of the page as they are now
    GET /files/3        a clip or a picture that the page shows; parts of it too, as players ask for them

Only files that a page has named are served, as media and never as documents. A name of this machine must be asked for,
so that no page of the internet can read along under a name of its own.
"""

from __future__ import annotations

import json
import mimetypes
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from eval.archives import Member
from eval.errors import ConfigError, TarsierEvalError
from eval.report.page.page import page_html

LIVE = "live"
"""The path of news, relative to the page."""
HOSTS = ("127.0.0.1", "localhost", "[::1]")
"""Names of this machine that may be asked for."""


class Source(Protocol):
    """What is served."""

    def page(self) -> Mapping[str, Any]:
        """Return the data of the page as they are now, in the form of `web/src/payload.ts`. Raises TarsierEvalError."""
        ...

    def news(self) -> Mapping[str, Any]:
        """Return how far the evaluation is. Raises TarsierEvalError."""
        ...


class Places:
    """Numbers for the files that a page names, by which they are served.

    Args:
        may_show: Whether a file can be shown; it is asked each time.
    """

    def __init__(self, may_show: Callable[[Path], bool]) -> None:
        self._may_show = may_show
        self._paths: list[Path] = []
        self._numbers: dict[Path, int] = {}
        self._lock = threading.Lock()

    def __call__(self, path: Path) -> str | None:
        """Return the URL of a file, relative to the page; None where it cannot be shown."""
        if not self._may_show(path):
            return None
        with self._lock:
            if path not in self._numbers:
                self._numbers[path] = len(self._paths)
                self._paths.append(path)
            return f"files/{self._numbers[path]}"

    def path(self, number: int) -> Path | None:
        """Return the file of a number; None where there is none that can be shown."""
        path = self._paths[number] if 0 <= number < len(self._paths) else None
        return path if path is not None and self._may_show(path) else None


def application(source: Source, places: Places) -> Any:
    """Return the ASGI application."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
    from starlette.routing import Route

    def answered(made: Callable[[], Response]) -> Response:
        try:
            return made()
        except TarsierEvalError as error:
            return PlainTextResponse(str(error), status_code=503)
        except Exception as error:  # noqa: BLE001 - files that change while they are read fail in many ways
            return PlainTextResponse(f"The run cannot be read: {type(error).__name__}: {error}", status_code=503)

    def page(_: Request) -> Response:
        return answered(lambda: HTMLResponse(page_html({**source.page(), "live": LIVE}, connect=True)))

    def live(request: Request) -> Response:
        asked = source.page if "payload" in request.query_params else source.news
        headers = {"Cache-Control": "no-store"}
        return answered(lambda: Response(json.dumps(asked()), media_type="application/json", headers=headers))

    def file(request: Request) -> Response:
        path = places.path(request.path_params["number"])
        if path is None:
            return PlainTextResponse("There is no such file.", status_code=404)
        kind = mimetypes.guess_type(path.name)[0] or ""
        kind = kind if kind.startswith(("video/", "image/")) else "application/octet-stream"
        # A picture may be a document with scripts, and whoever made the data set made it.
        headers = {"Content-Security-Policy": "default-src 'none'; sandbox", "X-Content-Type-Options": "nosniff"}
        if isinstance(path, Member):
            return answered(lambda: _from_archive(path, request.headers.get("range", ""), kind, headers))
        return FileResponse(path, media_type=kind, headers=headers)

    return Starlette(
        routes=[Route("/", page), Route(f"/{LIVE}", live), Route("/files/{number:int}", file)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS))],
    )


def _from_archive(path: Member, asked: str, kind: str, headers: Mapping[str, str]) -> Any:
    """Return the response with a file in an archive, or the range of it that is asked for."""
    from starlette.responses import Response, StreamingResponse

    file, size = path.open("rb"), path.stat().st_size
    wanted = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", asked)
    first, last, status = 0, size - 1, 200
    if wanted is not None and any(wanted.groups()):
        begin, end = wanted.groups()
        status = 206
        first = int(begin) if begin else max(0, size - int(end))
        last = min(int(end), size - 1) if begin and end else size - 1
        if first > last:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
        headers = {**headers, "Content-Range": f"bytes {first}-{last}/{size}"}

    def blocks() -> Iterator[bytes]:
        with file:
            file.seek(first)
            left = last + 1 - first
            while left > 0 and (block := file.read(min(left, 1 << 16))):
                left -= len(block)
                yield block

    more = {"Accept-Ranges": "bytes", "Content-Length": str(last + 1 - first)}
    return StreamingResponse(blocks(), status_code=status, media_type=kind, headers={**headers, **more})


def serve(source: Source, places: Places, port: int, opened: Callable[[str], None]) -> None:
    """Serve until Ctrl-C.

    Args:
        source: What is served.
        places: The files that it names.
        port: The port of 127.0.0.1; 0: any that is free.
        opened: Is told the address once it answers.

    Raises:
        ConfigError: the port cannot be had.
    """
    import asyncio
    import socket

    import uvicorn

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOSTS[0], port))
        except (OSError, OverflowError) as error:
            raise ConfigError(f"Port {port} of {HOSTS[0]} cannot be had ({error}). Choose another --port.") from error
        opened(f"http://{HOSTS[0]}:{listening.getsockname()[1]}/")
        config = uvicorn.Config(
            application(source, places), log_level="error", lifespan="off", timeout_graceful_shutdown=1
        )
        asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))
