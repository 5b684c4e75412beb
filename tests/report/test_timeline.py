"""The picture of a run's course: well-formed, of bounded size, and its areas are the shares."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from eval.report.timeline import timeline
from eval.timing import Clock

SVG = "{http://www.w3.org/2000/svg}"


class Hand:
    def __init__(self):
        self.at = 0.0

    def __call__(self):
        return self.at


def lap_of(steps, *, repeat=1):
    hand = Hand()
    clock = Clock(hand, bin_s=1.0)
    for _ in range(repeat):
        for stage, seconds in steps:
            with clock.stage(stage):
                hand.at += seconds
    return clock.lap()


def area(svg, colour):
    paths = [path for path in ET.fromstring(svg).iter(f"{SVG}path") if path.get("fill") == colour]
    bars = re.findall(r"h([\d.]+)v([\d.]+)", paths[0].get("d") or "") if paths else []
    return sum(float(width) * float(height) for width, height in bars)


def test_areas_are_shares():
    svg = timeline(lap_of([("wait", 2), ("generate", 6), ("score", 2)]), "a <b> & c")
    whole = area(svg, "#d55e00") + area(svg, "#009e73") + area(svg, "#e69f00")
    assert area(svg, "#009e73") / whole == pytest.approx(0.6, abs=0.01)
    assert area(svg, "#d55e00") / whole == pytest.approx(0.2, abs=0.01)
    assert "a <b> & c" in "".join(ET.fromstring(svg).itertext())


def test_a_long_run_has_no_larger_picture():
    assert len(timeline(lap_of([("wait", 1), ("generate", 3)], repeat=20_000), "")) < 60_000


@pytest.mark.parametrize("steps", [[], [("wait", 0.0)], [("wait", 1e-7)], [("score", 1e7)]])
def test_any_length_can_be_drawn(steps):
    ET.fromstring(timeline(lap_of(steps), ""))
