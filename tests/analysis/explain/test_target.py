"""Choosing a published number by row or by name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from eval.analysis.explain.target import name_of, published, stated_frames
from eval.analysis.leaderboard.rows import TableRow
from eval.config import cards
from eval.errors import ConfigError


def row(benchmark="mvbench", model="Tarsier-7b", value=0.626, subset="overall", metric="accuracy", **more):
    fields = {"split": "test", "judge": "", "source": "a report", **more}
    return TableRow(
        origin="published", benchmark=benchmark, model=model, value=value, subset=subset, metric=metric,
        accounting="", protocol="", headline=subset == "overall", **fields,
    )  # fmt: skip


ROWS = [
    row("activitynet-qa", judge="gpt-3.5-turbo", value=0.595),
    row("activitynet-qa", judge="gpt-3.5-turbo", value=0.543, source="a re-run at 8 frames"),
    row("activitynet-qa", metric="score", value=3.6),
    row(),
    row(model="GPT-4o", value=0.575),
    row("dream-1k", model="GPT-4V", metric="f1", value=0.344),
    row("dream-1k", model="GPT-4V", metric="f1", value=0.348, subset="youtube"),
    row("dream-1k", model="GPT-4V", metric="recall", value=0.313, subset="youtube"),
]


def choose(which, benchmark="mvbench", primary="accuracy"):
    return published(ROWS, which, benchmark, primary)


@pytest.mark.parametrize("which", ["4", "mvbench/Tarsier-7B", "tarsier-7b", "MVBench/tarsier-7b/overall/accuracy"])
def test_by_number_and_by_name(which):
    target = choose(which)
    assert (target.number, target.value, target.model, target.source) == (4, 0.626, "Tarsier-7b", "a report")
    assert (target.metric, target.subset, target.split) == ("accuracy", "overall", "test")
    assert target.rounding == pytest.approx(0.0005)


def test_subset_and_metric():
    assert choose("dream-1k/GPT-4V", "dream-1k", "f1").number == 6
    assert choose("dream-1k/GPT-4V/youtube", "dream-1k", "f1").number == 7
    assert choose("dream-1k/GPT-4V/youtube/recall", "dream-1k", "f1").number == 8


def test_what_other_sources_say_of_the_same_model():
    target = choose("1", "activitynet-qa")
    assert target.others == ("54.3 (row 2, a re-run at 8 frames)",)
    # A score from 0 to 5 is published with one digit.
    assert choose("3", "activitynet-qa").rounding == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("which", "benchmark", "said"),
    [
        ("99", "mvbench", "rows 1 to 8"),
        ("0", "mvbench", "rows 1 to 8"),
        ("1", "mvbench", "that row is of activitynet-qa, and the run of mvbench. Its rows: 4 mvbench/Tarsier-7b, 5"),
        ("mvbench/Tarsier-7", "mvbench", "Did you mean 'mvbench/Tarsier-7b'?"),
        ("activitynet-qa/Tarsier-7b", "mvbench", "the run is of mvbench"),
        ("Tarsier-7b", "activitynet-qa", r"several sources have it; give the row's number: 1 \(a report\); 2"),
        ("Tarsier-7b/Action", "mvbench", "name subset and metric"),
        ("Tarsier-7b", "tvbench", "give one as --value"),
    ],
)
def test_what_names_no_row(which, benchmark, said):
    with pytest.raises(ConfigError, match=said):
        choose(which, benchmark)


@pytest.mark.parametrize(
    ("model", "frames", "here", "same", "text"),
    [
        ("Tarsier2-7b-0115", "", "128", None, "128 or 256 (Tarsier2, by the benchmark's card)"),
        ("Tarsier2-7b-0115", "", "16", False, "128 or 256 (Tarsier2, by the benchmark's card)"),
        ("Tarsier2-7b-0115", "64", "64", True, "64"),
        ("Tarsier-7b", "", "8", True, "8 (Tarsier, by the benchmark's card)"),
        ("GPT-4o", "", "8", None, "not stated"),
    ],
)
def test_the_frames_behind_a_number(model, frames, here, same, text):
    card = replace(cards()["mvbench"], frames={"Tarsier": [8], "Tarsier2": [128, 256]})
    target = published([row(model=model, frames=frames)], "1", "mvbench", "accuracy")
    stated = stated_frames(target, card)
    assert (stated.text, stated.same(here)) == (text, same)


def test_a_model_of_conf_tells_its_own_frames_where_the_card_does_not():
    stated = stated_frames(choose("4"), replace(cards()["mvbench"], frames={}))
    assert (stated.text, stated.same("8")) == ("not stated; the model's own are 8", None)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"name": "tarsier2-7b", "checkpoint": "omni-research/Tarsier2-7b-0115"}, "Tarsier2-7b-0115"),
        ({"name": "mine", "checkpoint": "/checkpoints/mine"}, "mine"),
        ({"name": "mine", "checkpoint": "./checkpoints/mine"}, "mine"),
        ({"name": "scripted"}, "scripted"),
    ],
)
def test_a_model_is_called_as_in_publications_by_its_checkpoint(settings, name):
    assert name_of(settings) == name
