"""Figures of the leaderboard: which there are, and what is in their files."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from eval.analysis.leaderboard.figure_rows import MOST_BARS
from eval.analysis.leaderboard.plots import MOST_OUTLINES, draw_plots, plots_of, refuse_without_matplotlib
from eval.errors import ConfigError
from tests.analysis.leaderboard.test_page import QUOTED

RUN = replace(
    QUOTED, origin="run", source="", accounting="strict", split="test", data="d" * 12, score_id="s", complete=True,
    low=0.5, high=0.7, chance=0.25, n=100, date="2026-11-01T12:00:00+00:00",
)  # fmt: skip
SUBSETS = ("Action Sequence", "Object Shuffle", "State_Change")


def run(model, frames="uniform-8", value=0.6, subsets=SUBSETS, **more):
    one = replace(RUN, model=model, frames=frames, value=value, fingerprint=f"{model} {frames}", **more)
    return [one, *(replace(one, subset=subset, headline=False) for subset in subsets)]


def stems(rows, tmp_path):
    return [plot.stem for plot in plots_of(rows, tmp_path / "t.csv")]


def words(path):
    """All text of an SVG, each line of a label alone."""
    return [text.strip() for node in ET.parse(path).iter() if node.tag.endswith("}text") for text in node.itertext()]


def test_the_files_have_the_names_as_text_at_the_width_of_a_column(tmp_path):
    rows = [*run("My $model$"), *run("Other"), *run("Other", "uniform-16"), QUOTED]
    files = draw_plots(plots_of(rows, tmp_path / "t.csv"), tmp_path / "figures")
    assert [file.name for file in files] == [
        f"mvbench-{name}.{kind}" for name in ("bars", "radar", "frames") for kind in ("svg", "png")
    ]
    bars, radar, frames = (words(file) for file in files[::2])
    assert {"My $model$", "Other (8 frames)", "Other (16 frames)", "Tarsier-7b (published)", "62.6"} <= set(bars)
    assert {"chance", "accuracy, strict (%), with 95% intervals", "MVBench"} <= set(bars)
    assert {"Action", "Sequence", "State Change", "My $model$", "Other (8 frames)"} <= set(radar)
    assert {"frames", "8", "16", "accuracy, strict (%)"} <= set(frames)
    for file in files:
        if file.suffix == ".png":
            with Image.open(file) as picture:
                assert picture.width == 990  # 3.3 in at 300 dots an inch
        else:
            assert re.search(r'width="237\.6pt"', file.read_text())  # 3.3 in of 72 points
    before = files[0].read_bytes()
    draw_plots(plots_of(rows, tmp_path / "t.csv"), tmp_path / "figures")
    assert files[0].read_bytes() == before


def test_published_bars_are_hatched_and_have_no_interval(tmp_path):
    (bars, *_) = draw_plots(plots_of([*run("m"), QUOTED], tmp_path / "t.csv"), tmp_path)
    assert bars.read_text().count("<pattern") == 1


def test_only_measured_benchmarks_have_figures(tmp_path):
    assert stems([QUOTED], tmp_path) == []


def test_a_radar_needs_three_subsets_and_groups_have_their_own(tmp_path):
    assert stems(run("m", subsets=SUBSETS[:2]), tmp_path) == ["mvbench-bars"]
    domains = [f"domain: {name}" for name in ("Knowledge", "Film & Television", "Sports")]
    assert stems(run("m", subsets=(*SUBSETS, *domains)), tmp_path) == [
        "mvbench-bars", "mvbench-radar", "mvbench-radar-domain"
    ]  # fmt: skip


def test_one_number_of_frames_is_no_curve(tmp_path):
    rows = [*run("one", "uniform-8"), *run("two", "uniform-16"), *run("two", "fps-2-max-32")]
    assert "mvbench-frames" not in stems(rows, tmp_path)
    assert "mvbench-frames" in stems([*rows, *run("two", "fps-2-max-64")], tmp_path)


def test_numbers_that_cannot_be_compared_are_apart(tmp_path):
    rows = [*run("m", judge="one"), *run("m", judge="two", score_id="t")]
    plots = plots_of(rows, tmp_path / "t.csv")
    assert [plot.stem for plot in plots] == ["mvbench-1-bars", "mvbench-1-radar", "mvbench-2-bars", "mvbench-2-radar"]
    assert [plot.title for plot in plots[::2]] == ["MVBench (one): all models", "MVBench (two): all models"]


def test_published_bars_beyond_the_most_are_the_lowest(tmp_path):
    quoted = [replace(QUOTED, model=f"p{number:02}", value=number / 100) for number in range(30)]
    (bars, *_) = draw_plots(plots_of([*run("m", subsets=()), *quoted], tmp_path / "t.csv"), tmp_path)
    told = [text for text in words(bars) if text.endswith("(published)")]
    assert told == [f"p{number:02} (published)" for number in range(30 - MOST_BARS + 1, 30)]


def test_without_matplotlib_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match=r"--plots: .*pip install -e '\.\[plots\]'"):
        refuse_without_matplotlib()


def test_a_caption_says_how_many_rows_of_how_many_a_figure_shows(tmp_path):
    quoted = [replace(QUOTED, model=f"p{number:02}", value=number / 100) for number in range(MOST_BARS + 1)]
    table = tmp_path / "t.csv"
    assert plots_of([*run("m", subsets=()), *quoted[:-2]], table)[0].title == "MVBench: all models"
    assert plots_of([*run("m", subsets=()), *quoted], table)[0].title == (
        f"MVBench: {MOST_BARS} of {MOST_BARS + 2} rows, the lowest published ones left out"
    )
    models = [row for number in range(MOST_OUTLINES + 2) for row in run(f"m{number}", value=0.5 + number / 100)]
    radar = plots_of(models, table)[1]
    assert (
        radar.title == f"MVBench: by subset, {MOST_OUTLINES} of {MOST_OUTLINES + 2} rows, the best measured ones first"
    )
    names = words(draw_plots([radar], tmp_path)[0])
    assert {text for text in names if text.startswith("m")} == {"m2", "m3", "m4", "m5", "m6"}


def test_published_bars_are_said_to_be_of_another_accounting_where_there_are_some(tmp_path):
    told = "hatched: published, by accounting of their own, without interval"
    plots = plots_of([*run("m"), QUOTED], tmp_path / "t.csv")
    assert told in words(draw_plots(plots[:1], tmp_path)[0])
    assert told not in words(draw_plots(plots_of(run("m"), tmp_path / "t.csv")[:1], tmp_path)[0])


def test_an_axis_has_the_metrics_own_name_and_a_percent_sign_for_shares_alone(tmp_path):
    of = {"benchmark": "msvd-caption", "metric": "cider", "chance": None, "low": 2.5, "high": 3.5}
    rows = [*run("m", value=3.0, subsets=(), **of), *run("m", "uniform-16", value=3.1, subsets=(), **of)]
    bars, _, frames, _ = draw_plots(plots_of(rows, tmp_path / "t.csv"), tmp_path)
    assert {"CIDEr, strict (times 100), with 95% intervals", "300.0"} <= set(words(bars))
    assert "CIDEr, strict (times 100)" in words(frames)


def test_a_curve_alone_names_its_model(tmp_path):
    rows = [*run("one", "uniform-8"), *run("one", "uniform-16")]
    plots = [plot for plot in plots_of(rows, tmp_path / "t.csv") if plot.stem.endswith("frames")]
    assert "MVBench: one" in words(draw_plots(plots, tmp_path)[0])


def test_incomplete_runs_are_marked_in_every_figure(tmp_path):
    rows = [*run("one", "uniform-8"), *run("one", "uniform-16", complete=False)]
    bars, radar, frames = (words(file) for file in draw_plots(plots_of(rows, tmp_path / "t.csv"), tmp_path)[::2])
    assert {"one (8 frames)", "one (16 frames, incomplete)"} <= set(bars)
    assert "one (16 frames, incomplete)" in radar
    assert "MVBench: one (incomplete at 16 frames)" in frames


def test_the_number_of_a_bar_stands_in_a_column_of_its_own(tmp_path):
    rows = [*run("one", value=0.5, high=0.9), *run("two", value=0.6, high=0.65)]
    figure = plots_of(rows, tmp_path / "t.csv")[0].draw()
    texts: Any = figure.axes[0].texts
    places = {text.get_text(): text.xyann for text in texts}
    assert places["50.0"] == places["60.0"]
    assert {text.xy[0] for text in texts if text.get_text() in ("50.0", "60.0")} == {1}
