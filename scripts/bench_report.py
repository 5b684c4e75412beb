"""Measure a page of 13,691 samples: time to write it, its size, and how fast it opens and filters in a browser.

    .venv/bin/python scripts/bench_report.py [--samples N] [--rounds N]

Needs Chromium and the package playwright. The samples are those of the browser tests, without thumbnails.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

GOALS = {"size, MB": 15.0, "interactive after, s": 2.0, "filter, ms": 100.0}

# From a change of the page's state to the first frame that shows the new count.
FILTER = """
state => new Promise(done => {
    const began = performance.now();
    new MutationObserver((_, observer) => {
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
    }).observe(document.getElementById("found"), {characterData: true, childList: true, subtree: true});
    location.hash = state;
})
"""
# The rows of the list are drawn when the page says that it is ready.
READY = """
() => new Promise(done => {
    const look = () => document.querySelector("html[data-ready]") && document.querySelector(".rows tbody tr")
        ? done(performance.now()) : requestAnimationFrame(look);
    look();
})
"""
STATES = ("q=guitar", "q=guitar+number+1369", "outcome=wrong", "outcome=wrong&q=kitchen", "outcome=right&sort=-value")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--samples", type=int, default=13_691)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()

    from playwright.sync_api import sync_playwright

    from eval.report.page.page import write_page
    from tests.report.page.payloads import large, page

    payload = page(large(args.samples))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "report.html"
        began = time.perf_counter()
        write_page(path, payload)
        measured: dict[str, float] = {"write, s": time.perf_counter() - began, "size, MB": path.stat().st_size / 1e6}
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        rounds = [_round(browser, path.as_uri()) for _ in range(args.rounds)]
        browser.close()
    measured |= {name: median(taken[name] for taken in rounds) for name in rounds[0]}
    for name, number in measured.items():
        goal = next((f"   goal {goal:g}" for key, goal in GOALS.items() if name.startswith(key)), "")
        print(f"{name:<44} {number:8.2f}{goal}")


def _round(browser: Any, url: str) -> dict[str, float]:
    page = browser.new_page()
    page.goto(f"{url}#tab=samples")
    taken = {"interactive after, s": page.evaluate(READY) / 1000}
    page.wait_for_timeout(1000)  # the texts that a search looks through are made meanwhile
    for state in STATES:
        taken[f"filter, ms: {state}"] = page.evaluate(FILTER, f"tab=samples&{state}")
    page.close()
    return taken


if __name__ == "__main__":
    main()
