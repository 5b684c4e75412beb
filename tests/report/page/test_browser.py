"""A run's page in the browser: what it shows, its filters, order, keys, links and clips, and hostile text in it."""

from __future__ import annotations

import filecmp
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from eval.config import PROJECT
from tests.report.page import payloads
from tests.report.page.conftest import Open, Watched

pytestmark = pytest.mark.slow

ASSETS = PROJECT / "eval" / "report" / "page" / "assets"
WEB = PROJECT / "web"
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
RUNS = {
    "mvbench": payloads.multiple_choice,
    "msvd_qa": payloads.open_answers,
    "msvd_caption": payloads.captions,
    "dream_1k": payloads.descriptions,
}
NARROW = {"viewport": {"width": 390, "height": 844}}


def names(page: Any) -> list[str]:
    """Return the ids of the samples that the list draws."""
    texts: list[str] = page.locator(".rows th[scope=row]").all_text_contents()
    return texts


def found(page: Any, text: str) -> None:
    """Wait until the list says that it has so many samples."""
    page.wait_for_function("text => document.getElementById('found')?.textContent === text", arg=text)


def test_opens_from_disk_and_asks_for_nothing_else(show: Open, watched: Watched, media: Path) -> None:
    for name, build in RUNS.items():
        run = build()
        first = run["samples"][0]["id"]
        page = show(payloads.page(run))
        assert page.locator("#headline").inner_text() == run["title"]
        page.get_by_role("link", name=re.compile("^Samples")).click()
        page.locator(".rows a").first.click()
        assert page.locator("#sample-title").inner_text().endswith(first), name
    assert watched.messages == []
    here = {"about:blank", *((media / file).as_uri() for file in ("report.html", "strip.png", "clip.mp4"))}
    assert {url.split("#")[0] for url in watched.requests} <= here


def test_report_says_the_numbers(show: Open) -> None:
    page = show(payloads.page(payloads.multiple_choice()))
    text = page.locator("main").inner_text()
    assert "95% interval 56.4 to 68.4, from 60 samples of 41 videos. Chance is 27.0." in text
    rows = page.locator(".accounting tr").all_inner_texts()
    assert [row.split() for row in rows[1:]] == [
        ["accuracy", "65.7", "62.4", "63.1", "56.4", "to", "68.4", "60"],
    ]
    assert "57 of 60 samples scored (95.0%), 3 without a value." in text
    assert "Decoded by pyav; the published number used decord." in text
    published = page.locator("section[aria-labelledby=published] tbody tr").all_inner_texts()
    assert [row.split("\t")[0] for row in published] == ["tarsier-7b", "Tarsier-7B", "Tarsier-34B"]
    assert "published, not comparable" in published[2]
    assert "not comparable" not in published[1]
    # encode took 61.0 of 4.2 + 61.0 + 148.5 + 33.9 + 0.4 = 248.0 s.
    assert "24.6%" in page.locator(".stages tbody tr").nth(1).inner_text()


def test_several_benchmarks_and_the_switch(show: Open) -> None:
    page = show(payloads.page(*(build() for build in RUNS.values())))
    assert page.get_by_role("link", name="Samples 108").count() == 1
    assert page.locator("tbody tr").count() == 4
    page.get_by_role("navigation", name="Benchmarks").get_by_role("link", name="MSVD-Caption").click()
    assert page.locator(".figure strong").inner_text() == "125.4"
    assert page.locator(".figure .unit").count() == 0, "no share of anything"
    page.get_by_role("link", name="Samples 12").click()
    found(page, "12 samples")


def test_reason_leads_to_its_samples(show: Open) -> None:
    page = show(payloads.page(payloads.multiple_choice()))
    page.get_by_role("link", name=re.compile("no option in the output")).click()
    found(page, "3 of 60 samples")
    assert names(page) == ["action_sequence/00010", "action_sequence/00030", "action_sequence/00050"]


def test_reasons_are_grouped_as_in_the_report(show: Open) -> None:
    reasons = ("cannot open: a.mp4", "cannot open: b.mp4", "cannot open for long", None)
    samples = [payloads.sample(str(i), "model_failed", reason=reason) for i, reason in enumerate(reasons)]
    failures = [
        {"status": "model_failed", "reason": "cannot open", "label": "cannot open ...", "n": 2},
        {"status": "model_failed", "reason": "cannot open for long", "label": "cannot open for long", "n": 1},
    ]
    page = show(payloads.page(payloads.run("r", "oe_qa", samples, failures=failures)))
    page.get_by_role("link", name=re.compile(r"cannot open \.\.\.\s*2")).click()
    found(page, "2 of 4 samples")
    assert names(page) == ["0", "1"]


def test_filters(show: Open) -> None:
    page = show(payloads.page(payloads.multiple_choice()), "tab=samples")
    found(page, "60 samples")
    page.get_by_role("button", name="wrong").click()
    found(page, "19 of 60 samples")
    page.get_by_role("button", name="no valid answer").click()
    found(page, "22 of 60 samples")
    # Of numbers that 5 divides: 0, 15 and 45 are wrong, and 10, 30 and 50 without an answer.
    page.get_by_label("Subset").select_option(value="Action Sequence")
    found(page, "6 of 60 samples")
    page.get_by_role("searchbox").fill("SEQUENCE/0001")
    found(page, "2 of 60 samples")
    assert names(page) == ["action_sequence/00010", "action_sequence/00015"]
    page.get_by_role("button", name="Clear filters").click()
    found(page, "60 samples")
    assert page.get_by_role("searchbox").input_value() == ""


def test_group_filters_across_subsets(show: Open) -> None:
    page = show(payloads.page(payloads.open_answers()), "tab=samples")
    page.get_by_label("Subset").select_option(value="who")
    found(page, "15 of 30 samples")


def test_matrix_filters(show: Open) -> None:
    page = show(payloads.page(payloads.multiple_choice()), "tab=samples")
    cell = page.get_by_role("button", name="target A, answer B: 5")
    cell.click()
    found(page, "5 of 60 samples")
    assert [name[-5:] for name in names(page)] == ["00000", "00012", "00024", "00036", "00048"]
    assert cell.get_attribute("aria-pressed") == "true"
    assert page.get_by_role("button", name="target C, answer none: 3").count() == 1, "its own filter hides no cell"
    cell.click()
    found(page, "60 samples")


def test_order(show: Open) -> None:
    page = show(payloads.page(payloads.captions()), "tab=samples")
    assert names(page)[:3] == ["video0", "video1", "video2"]
    score = page.locator("thead th.value")
    score.get_by_role("button").click()
    score.get_by_role("button").click()
    page.wait_for_selector("th.value[aria-sort=descending]")
    assert names(page)[:3] == ["video11", "video10", "video9"]
    page.get_by_role("button", name="Sample", exact=True).click()
    page.wait_for_selector("th.name[aria-sort=ascending]")
    assert names(page)[:3] == ["video0", "video1", "video2"]
    assert score.get_attribute("aria-sort") is None


def test_keys(show: Open) -> None:
    page = show(payloads.page(payloads.captions()), "tab=samples")
    title = page.locator("#sample-title")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.wait_for_function("document.getElementById('sample-title')?.textContent.endsWith('video1')")
    page.keyboard.press("Enter")
    assert title.evaluate("element => element === document.activeElement")
    page.keyboard.press("/")
    page.keyboard.type("video1j")
    found(page, "0 of 12 samples")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    title.wait_for(state="detached")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()


def test_links_and_back(show: Open) -> None:
    state = "tab=samples&subset=Object+Shuffle&outcome=wrong&sort=-name&sample=object_shuffle%2F00018"
    page = show(payloads.page(payloads.multiple_choice()), state)
    # Numbers 3, 8, 13, ... 58 of which 3 divides 3, 18, 33 and 48.
    found(page, "4 of 60 samples")
    assert [name[-5:] for name in names(page)] == ["00048", "00033", "00018", "00003"]
    assert page.locator("tr.open th").text_content() == "object_shuffle/00018"
    page.get_by_role("button", name="Next sample").click()
    page.wait_for_function("document.getElementById('sample-title').textContent.endsWith('00003')")
    page.go_back()
    page.wait_for_function("document.getElementById('sample-title').textContent.endsWith('00018')")
    page.get_by_role("link", name="Report").click()
    page.wait_for_selector("#headline")
    page.go_back()
    found(page, "4 of 60 samples")


def test_link_to_a_sample_that_is_not_there(show: Open) -> None:
    page = show(payloads.page(payloads.captions()), "tab=samples&sample=gone")
    page.get_by_text("There is no sample gone here.").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("There is no sample").wait_for(state="detached")


def test_frames_and_the_clip(show: Open, watched: Watched) -> None:
    page = show(payloads.page(payloads.multiple_choice()), "tab=samples&sample=action_sequence%2F00000")
    times = page.locator(".strip .times").all_inner_texts()
    assert times[:2] == ["4 0.50 s", "12 1.50 s"]
    assert len(times) == 8
    # The sixth of four in a row is the second of the second row.
    assert page.locator(".strip svg").nth(5).get_attribute("viewBox") == "160 90 160 90"
    video = page.locator("video")
    page.wait_for_function("document.querySelector('video').readyState > 0")
    assert video.evaluate("video => video.paused")
    video.evaluate("video => video.play()")
    page.wait_for_function("document.querySelector('video').currentTime > 0.5")
    assert video.evaluate("video => video.currentTime") < 4
    video.evaluate("video => video.pause()")
    page.get_by_role("button", name="Frame 36, 4.50 s: go there").click()
    page.wait_for_function("document.querySelector('video').currentTime === 4.5")
    page.keyboard.press("j")
    page.get_by_text("b.mp4").wait_for()
    assert page.locator("video").count() == 0, "the file is gone"
    page.keyboard.press("j")
    page.locator(".player img").wait_for()
    page.wait_for_function("document.querySelector('.player img').naturalWidth === 160")
    assert watched.messages == []


def test_clip_that_cannot_be_played(show: Open, media: Path) -> None:
    (media / "broken.avi").write_bytes(b"RIFF")
    run = payloads.run("r", "oe_qa", [payloads.sample("1", clip=0)], clips=[payloads.clip("a.avi", url="broken.avi")])
    page = show(payloads.page(run), "tab=samples&sample=1")
    page.get_by_text("this browser cannot play it").wait_for()
    assert page.locator("video").count() == 0


def test_list_leaves_out_folders_that_all_ids_share(show: Open) -> None:
    ids = ("set/video/a/1", "set/video/b/2", "set/video/3")
    page = show(payloads.page(payloads.run("r", "oe_qa", [payloads.sample(id_) for id_ in ids])), "tab=samples")
    assert names(page) == ["a/1", "b/2", "3"]


def test_multiple_choice_sample(show: Open) -> None:
    page = show(payloads.page(payloads.multiple_choice()), "tab=samples&sample=action_sequence%2F00000")
    options = page.locator(".options li").all_inner_texts()
    assert [option.split() for option in options[:2]] == [
        ["A", "Ate", "the", "medicine.", "target"],
        ["B", "Tidied", "up", "the", "blanket.", "answer"],
    ]
    assert page.locator("mark.answer").inner_text() == "(B)"
    page.get_by_text("Prompt as sent").click()
    assert "Only give the best option." in page.locator("details .text").inner_text()


def test_judged_sample(show: Open) -> None:
    page = show(payloads.page(payloads.open_answers()), "tab=samples&sample=v0_0")
    assert page.locator(".verdict .text").inner_text() == "{'pred': 'yes', 'score': 5}"
    values = page.locator(".values > div").all_inner_texts()
    assert [value.split("\n") for value in values] == [
        ["accuracy", "100.0"],
        ["contains the target", "100.0"],
        ["token F1", "20.0"],
    ]


def test_caption_marks(show: Open) -> None:
    page = show(payloads.page(payloads.captions()), "tab=samples&sample=video0")
    marks = page.locator("mark.ngram").all_inner_texts()
    assert marks == ["a man is playing", "a man is playing", "a guitar"]


def test_event_shows_its_sentence(show: Open) -> None:
    page = show(payloads.page(payloads.descriptions()), "tab=samples&sample=dream%2F0")
    words = page.locator(".verdict-sign").all_inner_texts()
    assert [word.split()[-1] for word in words] == [
        *("neutral", "entailed", "contradicted", "entailed", "contradicted"),
        "verdict",
    ]
    assert len(set(words)) == 4, "each has a sign of its own"
    page.locator(".event button").nth(2).focus()
    assert page.locator("mark.active").inner_text() == "A cat jumps off the table."
    page.locator(".event button").nth(5).focus()
    assert page.locator("mark.active").count() == 0
    page.locator(".event button").nth(3).hover()
    assert page.locator("mark.active").inner_text().strip() == "A woman walks into a room."


def test_theme_switch(show: Open) -> None:
    page = show(payloads.page(payloads.captions()))
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(colour)
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(colour) != light


def test_thousands_of_samples(show: Open, watched: Watched) -> None:
    page = show(payloads.page(payloads.large()), "tab=samples")
    found(page, "13,691 samples")
    assert page.locator(".rows tbody tr").count() < 100
    page.get_by_role("searchbox").fill("number 13690 ")
    found(page, "1 of 13,691 samples")
    page.get_by_role("searchbox").fill("")
    found(page, "13,691 samples")
    page.locator(".rows").evaluate("box => box.scrollTo(0, box.scrollHeight)")
    page.wait_for_selector("tr[aria-rowindex='13692']")
    assert watched.messages == []


@pytest.mark.parametrize("watched", [NARROW, {}], ids=["narrow", "wide"], indirect=True)
def test_hostile_text_is_text(show: Open, watched: Watched) -> None:
    assert len(payloads.HOSTILE) == 60
    page = show(payloads.hostile())
    width = page.evaluate("innerWidth")
    fits = f"document.documentElement.scrollWidth <= {width}"
    first, second = (run["name"] for run in payloads.hostile()["runs"])
    for state in ("", f"run={quote(first)}", f"run={quote(second)}", f"run={quote(second)}&tab=samples"):
        page.evaluate("state => location.hash = state", state)
        page.wait_for_timeout(50)
        assert page.evaluate(fits), state
    for i, text in enumerate(payloads.HOSTILE):
        page.keyboard.press("j")
        page.wait_for_function(
            "i => document.querySelector('#sample-title bdi')?.textContent.startsWith(i)", arg=f"{i} "
        )
        assert page.evaluate(fits), text[:80]
        if text.isprintable() and len(text) < 5000:
            assert text in page.locator("article").text_content()
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("document.querySelectorAll('script, style, iframe, object, base').length") == 3
    assert watched.messages == []
    assert not [url for url in watched.requests if not url.startswith(("file:", "about:"))]


def test_control_characters_are_visible(show: Open) -> None:
    output = "a\x1b[31m\u202eb\ud800\tc\nd"
    samples = [payloads.sample("1", output=output)]
    page = show(payloads.page(payloads.run("r", "oe_qa", samples)), "tab=samples&sample=1")
    # A lone surrogate cannot be in a file of UTF-8: it was replaced on writing.
    assert page.locator("article .text").text_content() == "a\u241b[31mU+202Eb?\tc\nd"


@pytest.mark.parametrize(
    "watched",
    [{"color_scheme": "light"}, {"color_scheme": "dark"}, {**NARROW}],
    ids=["light", "dark", "narrow"],
    indirect=True,
)
def test_accessible(show: Open, watched: Watched) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: run `npm ci` in web/")
    # Evaluated by the browser's driver, which the page's policy does not concern.
    axe = AXE.read_text(encoding="utf-8")
    page = show(payloads.page(*(build() for build in RUNS.values())))
    for state in (
        "",
        *(f"run={name}" for name in RUNS),
        "tab=samples",
        *(f"run={name}&tab=samples&sample={quote(build()['samples'][3]['id'])}" for name, build in RUNS.items()),
    ):
        page.evaluate("state => location.hash = state", state)
        page.wait_for_timeout(100)
        page.evaluate(axe)
        violations = page.evaluate("axe.run().then(found => found.violations)")
        assert [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in violations] == [], state


def test_assets_are_what_the_sources_build(tmp_path: Path) -> None:
    if not (WEB / "node_modules" / "esbuild").is_dir() or shutil.which("node") is None:
        pytest.skip("the packages of web/ are not installed: run `npm ci` there")
    subprocess.run(["node", "build.mjs", str(tmp_path)], cwd=WEB, check=True)
    files = sorted(path.name for path in ASSETS.iterdir())
    assert filecmp.cmpfiles(ASSETS, tmp_path, files, shallow=False) == (files, [], [])
