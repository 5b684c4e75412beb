"""The page of the leaderboard in the browser: tables, filters, links, figures, hostile text."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.config import cards
from tests.report.page import payloads
from tests.report.page.boards import board, quoted, row, usual
from tests.report.page.conftest import Open, Watched

pytestmark = pytest.mark.slow


def test_all_benchmarks_in_one_table(show: Open, watched: Watched) -> None:
    page = show(board(usual()))
    lines = page.locator("section[aria-labelledby=all] tbody tr")
    assert lines.count() == 4  # three measured, and a published model in two benchmarks
    assert "GPT-4o" in lines.last.inner_text()
    assert "published" in lines.last.inner_text()
    assert lines.last.locator("td").all_inner_texts() == ["57.5", "", "39.6"]
    tarsier2 = page.get_by_role("row", name="Tarsier2-7b").first
    assert tarsier2.locator("b").all_inner_texts() == ["71.5", "61.5"]
    assert "68.5 to 74.5" in tarsier2.inner_text()
    tarsier2.get_by_role("link", name="61.5").click()
    assert "bench=msvd-qa" in page.url
    assert watched.messages == []
    assert all(url.startswith(("file:", "about:")) for url in watched.requests)


def test_a_benchmark_has_measured_rows_with_intervals_and_published_ones_apart(show: Open) -> None:
    page = show(board(usual()), "bench=mvbench")
    measured, published = page.locator(".board > section:has(svg.bar)").all()
    assert measured.locator("tbody th").all_inner_texts()[0].startswith("Tarsier2-7b")
    assert "8 frames" in measured.inner_text()
    assert measured.locator("tbody .whisker").count() == 3
    assert measured.locator("tbody path.reference").count() == 0
    assert measured.locator(".tag.best").count() == 1
    assert "68.5 to 74.5" in measured.inner_text()
    assert "published" in published.locator("tbody th").inner_text()
    assert "The paper" in published.inner_text()
    assert published.locator("tbody path.reference.apart").count() == 1
    assert published.locator("tbody rect.value").count() == 0
    subsets = page.locator("section[aria-labelledby=subsets]")
    assert subsets.locator("tbody tr").last.locator("td").all_inner_texts() == ["81.5", "73.0", "71.0"]


def test_filters_are_in_the_address(show: Open) -> None:
    page = show(board(usual()), "bench=mvbench")
    assert page.locator("#found").inner_text() == "4 rows"
    page.get_by_label("Model").select_option("Tarsier-7b")
    assert page.locator("#found").inner_text() == "2 rows"
    page.get_by_label("Frames").select_option("uniform-16")
    assert page.locator("#found").inner_text() == "1 row"
    assert "63.0" in page.locator(".board").inner_text()
    page.get_by_label("Accounting").select_option("upstream")
    assert "64.0" in page.locator(".board").inner_text()
    link = page.url
    assert {"model=Tarsier-7b", "frames=uniform-16", "accounting=upstream"} <= set(link.partition("#")[2].split("&"))
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.locator("#found").inner_text() == "1 row"
    page.get_by_role("button", name="Clear filters").click()
    assert page.locator("#found").inner_text() == "4 rows"
    page.get_by_label("Origin").select_option("published")
    assert page.locator("#found").inner_text() == "1 row"
    page.go_back()
    assert page.locator("#found").inner_text() == "4 rows"


def test_the_judge_filters_over_all_benchmarks(show: Open) -> None:
    rows = [*usual(), quoted("msvd-qa", "GPT-4V", 0.7, judge="gpt-4")]
    page = show(board(rows))
    page.get_by_label("Judge").select_option("gpt-4")
    assert page.locator("#found").inner_text() == "1 row with 1 number"
    assert page.locator("section[aria-labelledby=all] tbody tr").count() == 1


def test_numbers_that_cannot_be_compared_have_tables_of_their_own(show: Open) -> None:
    rows = [row("mvbench", "a", 0.5), row("mvbench", "b", 0.6, group="split test, samples of another year.")]
    page = show(board(rows), "bench=mvbench")
    hints = page.locator(".board .hint").all_inner_texts()
    assert "split test, samples of another year. Never compare numbers of two tables." in hints
    assert page.locator(".board > section:has(svg.bar)").count() == 2


def test_incomplete_rows_and_caveats_are_marked(show: Open) -> None:
    page = show(board([row("mvbench", "a", 0.5, complete=False, caveats=["Incomplete."])]), "bench=mvbench")
    assert page.locator(".tag.warn").inner_text() == "incomplete"
    page.get_by_text("1 caveat").click()
    assert page.get_by_text("Incomplete.").is_visible()


def test_rows_of_the_built_in_world_are_marked_and_can_be_left_out(show: Open) -> None:
    rows = [row("mvbench", "a", 0.9, builtin=True), row("mvbench", "a", 0.5), quoted("mvbench", "b", 0.6)]
    page = show(board(rows))
    lines = page.locator("section[aria-labelledby=all] tbody tr")
    assert ["built-in world" in line for line in lines.all_inner_texts()] == [False, True, False]
    assert "comparable with nothing else" in page.locator(".board").inner_text()
    page.get_by_label("Data").select_option("benchmark")
    assert page.locator("#found").inner_text() == "2 rows with 2 numbers"
    assert "built-in" not in page.locator(".board").inner_text()
    assert show(board(rows[1:])).get_by_label("Data").count() == 0


def test_signs_over_all_are_explained_where_they_are_used(show: Open) -> None:
    rows = [row("mvbench", "a", 0.9, complete=False), quoted("mvbench", "b", 0.6), quoted("mvbench", "b", 0.7, id="x")]
    text = show(board(rows)).locator("section[aria-labelledby=all]").inner_text()
    assert "\u2020 incomplete: too many samples ended without an output or a verdict" in text
    assert "1 of 2 sources" in text
    assert "several sources give its number" in text
    plain = show(board([row("mvbench", "a", 0.9)])).locator("section[aria-labelledby=all]").inner_text()
    assert "\u2020" not in plain
    assert "several" not in plain


def test_the_cell_of_several_runs_has_the_newest_with_a_value(show: Open) -> None:
    dates = ("2026-11-01T12:00:00+00:00", "2026-11-02T12:00:00+00:00", "2026-11-03T12:00:00+00:00")
    rows = [
        {**row("mvbench", "a", 0.5, id=date, date=date, differs=date), "value": value}
        for date, value in zip(dates, (0.4, 0.7, None), strict=True)
    ]
    cell = show(board(rows)).locator("section[aria-labelledby=all] tbody td").inner_text()
    assert cell.startswith("70.0")
    assert "newest of 3 runs" in cell


def test_the_highest_of_a_subset_is_among_what_can_be_compared(show: Open) -> None:
    def subsets(value: float) -> list[dict[str, object]]:
        return [{"subset": "Action Sequence", "value": value, "interval": None, "n": 60}]

    rows = [
        row("mvbench", "a", 0.5, subsets=subsets(0.5)),
        row("mvbench", "b", 0.6, subsets=subsets(0.6)),
        row("mvbench", "cut", 0.7, complete=False, subsets=subsets(0.7)),
        row("mvbench", "alone", 0.9, builtin=True, group="Other samples.", subsets=subsets(0.9)),
        *(quoted("mvbench", name, value, subsets=subsets(value)) for name, value in (("p", 0.8), ("q", 0.85))),
    ]
    page = show(board(rows), "bench=mvbench")
    section = page.locator("section[aria-labelledby=subsets]")
    assert section.locator("table").count() == 3
    assert section.locator(".highest").all_inner_texts() == ["60.0"]
    assert section.get_by_text("Underlined").count() == 1


def test_a_table_of_a_dozen_benchmarks_fits_a_screen_and_a_phone_sees_that_it_scrolls(show: Open) -> None:
    known = cards()
    data = board([row(name, "tarsier", 0.5) for name in list(known)[:12]])
    for each in data["leaderboard"]["benchmarks"]:
        each["title"] = known[each["name"]].title
    page = show(data)
    page.set_viewport_size({"width": 1280, "height": 900})
    box = page.locator("section[aria-labelledby=all] .scroll")
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
    page.set_viewport_size({"width": 390, "height": 900})
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    box.evaluate("box => box.scrollBy(400, 0)")
    first = box.locator("tbody th").bounding_box()
    assert first is not None
    assert first["x"] >= 0
    assert "gradient" in box.evaluate("box => getComputedStyle(box).backgroundImage")


def test_figures_are_shown_and_linked(show: Open, media: Path) -> None:
    plots = [
        {"benchmark": name, "title": f"{name}: all models", "svg": "strip.png", "png": "strip.png"}
        for name in ("mvbench", "tvbench")
    ]
    page = show(board(usual(), plots), "bench=mvbench")
    assert page.locator("figure img").count() == 1
    page.wait_for_function("() => document.querySelector('figure img').naturalWidth > 0")
    assert page.get_by_role("link", name="PNG").evaluate("link => link.href") == (media / "strip.png").as_uri()


def test_hostile_text_runs_nothing(show: Open, watched: Watched) -> None:
    rows = [
        row("mvbench", text, 0.5, differs=text, caveats=[text], group=text, judge=text, frames=text, id=str(number))
        for number, text in enumerate(payloads.HOSTILE)
    ] + [quoted("mvbench", text, 0.5, source=text, id=f"q{number}") for number, text in enumerate(payloads.HOSTILE)]
    for state in ("", "bench=mvbench"):
        page = show(board(rows), state)
        assert page.evaluate("window.pwned") is None
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.locator("a[href^='javascript' i], a[href^='data' i]").count() == 0
    assert [message for message in watched.messages if message.startswith("error")] == []
