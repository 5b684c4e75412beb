"""Pages in a headless browser, which tests drive; skipped where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from eval.report.page.page import write_page
from tests.report.page.payloads import write_media

CHROMIUM = shutil.which("chromium")
WIDTH, HEIGHT = 1280, 900
Open = Callable[..., Any]


class Watched:
    """A page in the browser, and what it said and asked for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.messages: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.messages.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.messages.append(f"error: {error}"))
        page.on("request", lambda request: self.requests.append(request.url))

    def go(self, url: str) -> Any:
        """Open an address and wait for what it shows."""
        self.page.goto("about:blank")
        self.page.goto(url)
        self.page.wait_for_selector("html[data-ready]", state="attached")
        return self.page


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless browser. Not for the session: it keeps an event loop running in this thread."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("there is no chromium")
    quiet = ("--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-sync", *quiet])
        yield browser
        browser.close()


@pytest.fixture
def watched(browser: Any, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A page of its own; `indirect` parameters are the browser's, such as the width and the colour scheme."""
    options: Mapping[str, Any] = getattr(request, "param", {})
    context = browser.new_context(**{"viewport": {"width": WIDTH, "height": HEIGHT}, **options})
    context.set_default_timeout(20_000)
    yield Watched(context.new_page())
    context.close()


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the picture and the clips that payloads name."""
    folder = tmp_path_factory.mktemp("page")
    write_media(folder)
    return folder


@pytest.fixture
def show(watched: Watched, media: Path) -> Open:
    """Write a page of a payload beside the clips and open it from there, in a state."""

    def opened(payload: Mapping[str, Any], state: str = "") -> Any:
        path = media / "report.html"
        write_page(path, payload)
        return watched.go(f"{path.as_uri()}#{state}")

    return opened
