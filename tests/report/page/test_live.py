"""A page that follows a running evaluation, from a server that answers as `watch` does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from eval.report.page.page import page_html
from tests.report.page import payloads
from tests.report.page.conftest import Watched

pytestmark = pytest.mark.slow


class Running:
    """An evaluation of three samples, of which a test says how many are done."""

    def __init__(self) -> None:
        self.done = 1
        self.state = "running"

    def page(self) -> payloads.Payload:
        samples = [payloads.sample("first"), payloads.sample("second", "model_failed", reason="out of memory")]
        return payloads.page(
            payloads.run("r", "oe_qa", samples[: self.done], unfinished=True, updated=self.done), live="/news"
        )

    def news(self) -> dict[str, Any]:
        return {
            "done": self.done,
            "total": 3,
            "rate": 0.5,
            "seconds_left": 2.0 * (3 - self.done),
            "workers": [],
            "state": self.state,
            "version": self.done,
        }


@pytest.fixture
def running() -> Iterator[tuple[Running, str]]:
    """The evaluation, and the address of its page."""
    evaluation = Running()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers = {
                "/": lambda: page_html(evaluation.page(), connect=True),
                "/news": lambda: json.dumps(evaluation.news()),
                "/news?payload": lambda: json.dumps(evaluation.page()),
            }
            body = answers[self.path]().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if self.path == "/" else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield evaluation, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_follows_a_run(watched: Watched, running: tuple[Running, str]) -> None:
    evaluation, address = running
    page = watched.go(f"{address}#tab=samples&sample=first")
    page.get_by_text("1 of 3 (33.3%)").wait_for()
    assert "0.5 samples/s" in page.locator(".live").inner_text()
    assert "4.0 s left" in page.locator(".live").inner_text()
    evaluation.done = 2
    page.get_by_text("2 samples", exact=True).wait_for()
    assert page.locator("#sample-title").inner_text().endswith("first"), "what was open stays open"
    failures = page.get_by_text("Newest of 1 failures").locator("..")
    assert "out of memory" in failures.inner_text()
    evaluation.state = "finished"
    page.get_by_text("Finished").wait_for()
    assert watched.messages == []
