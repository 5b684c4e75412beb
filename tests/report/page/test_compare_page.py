"""The page of a comparison in the browser: differences, samples side by side, judges, links, hostile text."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.report.page import payloads
from tests.report.page.boards import compared
from tests.report.page.conftest import Open, Watched
from tests.report.page.payloads import Payload

pytestmark = pytest.mark.slow


def runs(n: int = 2) -> list[Payload]:
    """Runs of one benchmark; every sample that the first had wrong is right in the second, and the first is lost."""
    made = []
    for at in range(n):
        run = payloads.multiple_choice()
        run.update(name=f"run-{at}", model=f"model-{at}")
        made.append(run)
    for sample in made[1]["samples"]:
        if sample["outcome"] == "wrong":
            sample.update(outcome="right", answer=sample["target"], output=f"({sample['target']})", marks=[])
    lost = next(sample for sample in made[0]["samples"] if sample["outcome"] == "right")
    other = next(sample for sample in made[1]["samples"] if sample["id"] == lost["id"])
    other.update(outcome="wrong", output="I think (Z)", marks=[])
    return made


def test_differences_have_intervals_around_zero(show: Open, watched: Watched) -> None:
    page = show(compared(*runs()))
    text = page.locator("main").inner_text()
    assert "+5.0" in text
    assert "No difference is shown. accuracy, strict: +5.0 [-2.0, +12.0], p 0.160." in text
    assert "The models differ in model.n_frames (8 -> 16)." in text
    overall = page.locator("section[aria-labelledby=overall] tbody tr").all_inner_texts()
    assert [line.split("\t")[0] for line in overall] == ["accuracy, strict", "accuracy, upstream"]
    cells = page.locator("section[aria-labelledby=overall] tbody tr").first.locator("td").all_inner_texts()
    told = ["+5.0", "\u22122.0 to +12.0", "60.0", "65.0", "0.160", "10.0", "60"]
    assert [cell for cell in cells if cell.strip()] == told
    # The bar starts at zero, in the middle, and its whisker reaches to both sides.
    bar = page.locator("section[aria-labelledby=overall] svg.bar").first
    assert bar.locator("line.zero").get_attribute("x1") == "50%"
    assert bar.locator("rect.value").get_attribute("x") == "50%"
    ends = [float((bar.locator(".whisker line").first.get_attribute(end) or "").rstrip("%")) for end in ("x1", "x2")]
    assert ends[0] < 50 < ends[1]
    assert watched.messages == []


def test_subsets_sort_follow_the_accounting_and_lead_to_their_samples(show: Open) -> None:
    page = show(compared(*runs()))
    section = page.locator("section[aria-labelledby=subsets]")
    section.get_by_role("button", name="Difference").click()
    assert section.locator("tbody th").all_inner_texts() == list(payloads.SUBSETS)
    section.get_by_role("button", name="Difference").click()
    assert section.locator("tbody th").first.inner_text() == payloads.SUBSETS[-1]
    section.get_by_label("Accounting").select_option("upstream")
    assert "accounting=upstream" in page.url
    section.get_by_role("link", name="Object Shuffle").click()
    assert "subset=Object+Shuffle" in page.url
    assert page.locator("#found").inner_text() == "12 of 60 samples"


def test_flips_are_listed_first_and_show_both_outputs(show: Open) -> None:
    data = compared(*runs())
    (found,) = data["comparisons"]
    page = show(data)
    page.get_by_role("link", name=re.compile(rf"{len(found['gained'])} better in the second")).click()
    assert page.locator("#found").inner_text() == f"{len(found['gained'])} of 60 samples"
    page.get_by_role("button", name=re.compile("better in the second")).click()
    page.get_by_role("button", name=re.compile("better in the first")).click()
    assert page.locator("#found").inner_text() == "1 of 60 samples"
    page.locator(".rows a").first.click()
    assert page.locator("#sample-title").inner_text().endswith(found["lost"][0])
    sides = page.locator(".sides > section")
    assert sides.count() == 2
    first, second = sides.all_inner_texts()
    assert "model-0" in first
    assert "right" in first
    assert "model-1" in second
    assert "I think (Z)" in second
    link = page.url
    page.keyboard.press("Escape")
    assert page.locator("#sample-title").count() == 0
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_selector(".sides")
    assert page.locator("#sample-title").inner_text().endswith(found["lost"][0])


def test_keys_walk_through_the_samples(show: Open) -> None:
    data = compared(*runs())
    page = show(data, "tab=samples")
    for _ in range(2):
        page.keyboard.press("j")
    assert page.locator("#sample-title").inner_text().endswith(data["comparisons"][0]["gained"][1])
    page.keyboard.press("k")
    assert page.locator("#sample-title").inner_text().endswith(data["comparisons"][0]["gained"][0])
    page.keyboard.press("/")
    page.keyboard.type("I think (Z)")
    page.wait_for_function("() => document.getElementById('found').textContent === '1 of 60 samples'")


def test_several_further_runs_are_chosen_from_a_table(show: Open) -> None:
    page = show(compared(*runs(3)))
    rows = page.locator("section[aria-labelledby=pairs] tbody tr")
    assert rows.count() == 2
    rows.nth(1).get_by_role("link").click()
    assert "pair=1" in page.url
    assert "model-2" in page.locator("#headline + p, .system").all_inner_texts()[-1]
    page.locator(".pair select").select_option("0")
    page.get_by_role("link", name=re.compile("^Samples")).click()
    page.locator(".rows a").first.click()
    assert page.locator(".sides > section").count() == 3


def test_judges_that_differ_are_listed_and_marked(show: Open) -> None:
    first, second = payloads.open_answers(), payloads.open_answers()
    second.update(name="again", model="the same")
    ids = [sample["id"] for sample in first["samples"][:2]]
    judges = [{"id": name, "first": "yes (4)", "second": "no (2)"} for name in ids]
    page = show(compared(first, second, judges=judges))
    page.locator("section[aria-labelledby=judges] a").first.click()
    assert page.locator("#found").inner_text().startswith("2 of ")
    assert "yes (4) and no (2)" in page.locator("article .why").first.inner_text()
    page.get_by_role("button", name=re.compile("judges differ")).click()
    assert "disputed" not in page.url


def test_the_two_judges_and_their_difference_are_named(show: Open) -> None:
    first, second = payloads.open_answers(), payloads.open_answers()
    first.update(judge="offline", protocol="native")
    second.update(name="again", judge="gpt", protocol="hardened")
    judges = [{"id": first["samples"][0]["id"], "first": "yes (4)", "second": "no (2)"}]
    by = {"first": "offline (native)", "second": "gpt (hardened)", "differ": "They differ in judge.name."}
    page = show(compared(first, second, judges=judges, judged_by=by))
    section = page.locator("section[aria-labelledby=judges]")
    heads = section.locator("thead th").all_inner_texts()
    assert [head.split() for head in heads[1:]] == [
        ["First", "judge", "offline", "(native)"], ["Second", "judge", "gpt", "(hardened)"]
    ]  # fmt: skip
    assert "They differ in judge.name." in section.inner_text()
    section.locator("a").first.click()
    assert "offline (native): yes (4) and gpt (hardened): no (2)" in page.locator("article .why").first.inner_text()
    sides = page.locator(".sides > section > h3").all_inner_texts()
    assert "judged by offline (native)" in sides[0]
    assert "judged by gpt (hardened)" in sides[1]


def test_the_frames_of_both_runs_are_shown_where_they_differ(show: Open) -> None:
    first, second, third = runs(3)
    page = show(compared(first, second), "tab=samples")
    page.keyboard.press("j")
    assert page.locator("section.clip").count() == 1
    assert page.locator(".clip-of .tag").count() == 0
    for clip in second["clips"]:
        for medium in clip["media"]:
            medium.update(frames=medium["frames"][:2], times=medium["times"][:2])
    page = show(compared(first, second, third), "tab=samples&pair=0")
    page.keyboard.press("j")
    assert page.locator("section.clip").count() == 2
    tags = [each.locator(".tag").all_inner_texts() for each in page.locator(".clip-of").all()]
    assert tags == [["first", "run-2"], ["second"]]
    assert "2 frames" in page.locator("section.clip").nth(1).inner_text()


def test_several_benchmarks_have_an_adjusted_p_their_caveats_and_what_was_left_out(show: Open) -> None:
    data = compared(*runs(3), caveats=["Each run: Only 5 source videos."])
    data["comparisons"][1]["caveats"] = ["Second run: INCOMPLETE: 90%.", "Each run: Only 5 source videos."]
    for each, p in zip(data["comparisons"], (0.0625, 1.0), strict=True):
        each["p_adjusted"] = p
    data["notes"] = ["Of the first alone, and left out: tvbench."]
    page = show(data)
    section = page.locator("section[aria-labelledby=pairs]")
    assert "p (Holm)" in section.locator("thead").inner_text()
    assert "0.062" in section.locator("tbody tr").first.inner_text()
    assert "left out: tvbench." in section.inner_text()
    assert "adjusted for several benchmarks" in section.inner_text()
    told = page.locator("section[aria-labelledby=caveats] li").all_inner_texts()
    assert told[0].strip() == "Each run: Only 5 source videos."
    assert told[1].startswith("Second run: INCOMPLETE: 90%. (")
    plain = show(compared(*runs(3))).locator("section[aria-labelledby=pairs]").inner_text()
    assert "Holm" not in plain


def test_metrics_of_other_ranges_have_scales_of_their_own(show: Open) -> None:
    first, second = runs()
    traits = {each["name"]: each for each in first["traits"]}
    cider = {**traits["accuracy"], "name": "cider", "label": "CIDEr", "best": 10.0}
    for run in (first, second):
        run["traits"] = [*run["traits"], cider]
    data = compared(first, second)
    row = {**data["comparisons"][0]["rows"][0], "metric": "cider", "difference": -0.625, "interval": [-3.8, 2.5]}
    data["comparisons"][0]["rows"].append(row)
    section = show(data).locator("section[aria-labelledby=overall]")
    assert section.locator("thead .ticks").count() == 0
    lines = section.locator("tbody tr")
    assert lines.locator(".ticks").count() == lines.count()
    ends = [line.locator(".ticks text").last.text_content() for line in (lines.first, lines.last)]
    assert ends == ["20", "400"]


def test_numbers_are_rounded_as_on_the_terminal(show: Open) -> None:
    data = compared(*runs())
    ties = {"p": 0.0625, "difference": 0.0625, "first": 0.0625, "second": 0.1875, "interval": [-0.0625, -0.0001]}
    data["comparisons"][0]["rows"][0].update(ties, detectable=None, blind=True)
    data["comparisons"][0]["rows"][1].update(detectable=None)
    lines = show(data).locator("section[aria-labelledby=overall] tbody tr").all_inner_texts()
    cells = lines[0].split()
    # f"{0.0625:.3f}", f"{6.25:.1f}" and f"{18.75:.1f}" in Python.
    assert [f"{0.0625:.3f}", f"{6.25:.1f}", f"{18.75:.1f}"] == ["0.062", "6.2", "18.8"]
    told = ["+6.2", "\u22126.2", "to", "0.0", "6.2", "18.8", "0.062", "none", "60"]
    assert [cell for cell in cells if cell in told] == told
    assert "\u2013" in lines[1].split()


def test_the_columns_are_explained(show: Open) -> None:
    text = show(compared(*runs())).locator("section[aria-labelledby=overall]").inner_text()
    assert "Detectable: the smallest true difference." in text


@pytest.mark.parametrize("build", [payloads.open_answers, payloads.captions, payloads.descriptions])
def test_every_kind_of_answer_side_by_side(show: Open, watched: Watched, build: Any) -> None:
    first, second = build(), build()
    second.update(name="again")
    page = show(compared(first, second), "tab=samples")
    page.keyboard.press("j")
    assert page.locator(".sides > section").count() == 2
    assert [message for message in watched.messages if "error" in message] == []


def test_hostile_text_runs_nothing(show: Open, watched: Watched) -> None:
    first, second = payloads.hostile()["runs"][0], payloads.hostile()["runs"][0]
    second.update(name=payloads.HOSTILE[1], model=payloads.HOSTILE[3])
    pairs = zip(first["samples"], payloads.HOSTILE, strict=False)
    judges = [{"id": sample["id"], "first": text, "second": text} for sample, text in pairs]
    data = compared(first, second, judges=judges, caveats=list(payloads.HOSTILE), sentence=payloads.HOSTILE[0])
    page = show(data)
    page.goto(page.url.split("#")[0] + "#tab=samples")
    for _ in range(len(first["samples"])):
        page.keyboard.press("j")
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [message for message in watched.messages if message.startswith("error")] == []
