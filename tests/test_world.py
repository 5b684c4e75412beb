"""The built-in world is complete, and where it has two sources of annotations for a benchmark they agree."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from benchmarks.mini.world import WORLD
from eval.building import build
from eval.config import load_settings
from eval.core import Prediction, Sample
from eval.readers.predictions import read_predictions
from eval.readers.upstream_export import write_predictions
from eval.regression.fixed_settings import benchmarks_of_world, sources_of_world
from eval.running.media_check import coverage

SCORER = {"_target_": "eval.scorers.multiple_choice.MultipleChoice"}
COUNTS = {
    "dream-1k": (20, 20),
    "mvbench": (168, 128),
    "nextqa": (24, 10),
    "egoschema": (12, 12),
    "msvd-qa": (22, 5),
    "msrvtt-qa": (20, 5),
    "activitynet-qa": (23, 6),
    "tgif-qa": (21, 8),
    "msvd-caption": (12, 12),
    "msrvtt-caption": (10, 10),
    "vatex-caption": (12, 12),
    "video-mme": (21, 7),
    "tvbench": (20, 20),
    "favor-bench": (23, 8),
    "tomato": (18, 12),
    "tempcompass": (24, 3),
    "eventhallusion": (18, 15),
    "perception-test": (13, 12),
    "longvideobench": (18, 7),
    "mlvu": (14, 12),
    "vinoground": (24, 6),
    "video-mme-v2": (20, 5),
}
"""Samples and videos."""
SOURCES = {name: sources_of_world(name) for name in COUNTS}
TWICE = [name for name, sources in SOURCES.items() if len(sources) > 1]
OFFICIAL_ALONE = [name for name in COUNTS if name not in TWICE]
RECASED = {"msvd-caption", "msrvtt-caption"}
"""Where upstream's references differ from the official ones: a capital, a full stop, and (MSVD) no apostrophes."""
OTHER_CLIPS = {"mvbench", "tvbench"}
"""Where the clips are written otherwise: upstream lists the frames of MVBench, and has no spans for TVBench."""


@cache
def read(name: str, source: str, split: str | None = None) -> tuple[Sample, ...]:
    node = load_settings([f"benchmark={name}"]).benchmark
    settings = {"scorer": SCORER, "pack": None, "data": str(WORLD), "source": source}
    return tuple(build({**node, **settings, "split": split or node["split"]}, "benchmark").samples())


def worded(sample: Sample) -> tuple[str, ...]:
    if sample.benchmark not in RECASED:
        return sample.targets
    return tuple(target.lower().rstrip(".").replace("'", " ") for target in sample.targets)


def test_each_benchmark_that_has_rows_here_is_counted():
    assert sorted(COUNTS) == benchmarks_of_world()


@pytest.mark.parametrize(("name", "source"), [(name, source) for name in COUNTS for source in SOURCES[name]])
def test_samples_are_complete(name, source):
    samples = read(name, source)
    assert (len(samples), len({sample.cluster for sample in samples})) == COUNTS[name]
    assert len({sample.id for sample in samples}) == len(samples)
    assert all(sample.targets for sample in samples)
    assert [one for one in coverage(samples) if one.present < one.total] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", TWICE)
def test_both_sources_ask_the_same(name):
    asked = [
        Counter((one.prompt, one.options, worded(one), one.subset) for one in read(name, s)) for s in SOURCES[name]
    ]
    assert asked[0] == asked[1]


@pytest.mark.parametrize("name", TWICE)
def test_both_sources_show_the_same(name):
    shown = [Counter((one.clip, one.prompt) for one in read(name, source)) for source in SOURCES[name]]
    assert (shown[0] == shown[1]) == (name not in OTHER_CLIPS)


def test_upstream_has_no_spans_for_tvbench():
    official, upstream = (
        {one.id: (one.clip.source, one.prompt) for one in read("tvbench", s)} for s in ("official", "upstream")
    )
    assert official == upstream
    spans = [one for one in read("tvbench", "official") if one.clip.end is not None]
    assert {one.subset for one in spans} == {"Action Localization", "Action Sequence"}
    assert all(one.clip.start == 0 for one in spans)
    assert all(one.clip.end is None for one in read("tvbench", "upstream"))


@pytest.mark.parametrize("name", sorted(RECASED))
def test_upstream_recases_references(name):
    official, upstream = (
        Counter(target for one in read(name, s) for target in one.targets) for s in SOURCES[name][::-1]
    )
    assert not set(official) & set(upstream)


@pytest.mark.parametrize(
    ("name", "split", "number"), [("msvd-qa", "test", 9), ("msrvtt-qa", "test", 8), ("egoschema", "full", 16)]
)
def test_further_official_splits(name, split, number):
    samples = read(name, "official", split)
    assert len(samples) == number
    assert all(sample.clip.exists() for sample in samples)
    assert any(sample.targets for sample in samples) == (name != "egoschema")


@pytest.mark.parametrize(("qa", "caption"), [("msvd-qa", "msvd-caption"), ("msrvtt-qa", "msrvtt-caption")])
def test_data_sets_of_one_origin_share_videos(qa, caption):
    captioned = {sample.clip.source for sample in read(caption, "official")}
    asked = {sample.clip.source for split in ("val", "test") for sample in read(qa, "official", split)}
    assert len(captioned & asked) >= 2


@pytest.mark.slow
def test_every_subset_of_the_configuration_is_filled_where_scenes_allow():
    empty = {
        name: sorted(set(node.get("subsets", {}).values()) - {sample.subset for sample in read(name, "official")})
        for name in COUNTS
        if (node := load_settings([f"benchmark={name}"]).benchmark)
    }
    assert {name: left for name, left in empty.items() if left} == {"activitynet-qa": ["spatial", "yes/no"]}


def test_types_of_nextqa_come_from_its_table():
    for source in SOURCES["nextqa"]:
        types = {sample.metadata["type"] for sample in read("nextqa", source)}
        assert types == {"CW", "CH", "TN", "TC", "TP", "DC", "DL", "DO"}


def test_events_of_dream_are_counted():
    for sample in read("dream-1k", "upstream"):
        assert sample.metadata["n_events"] == len(sample.metadata["events"]) > 0


def test_tomato_has_three_to_seven_options_in_each_of_its_tasks():
    samples = read("tomato", "official")
    assert {len(one.options) for one in samples} == {3, 4, 5, 6, 7}
    assert Counter(one.subset for one in samples) == dict.fromkeys(
        ("count", "direction", "rotation", "shape&trend", "velocity&frequency", "visual_cues"), 3
    )
    assert "F" in {target for one in samples for target in one.targets}
    assert {Path(str(one.clip.source)).parent.name for one in samples} == {"human", "object", "simulated"}


def test_tempcompass_asks_in_three_tasks_and_counts_a_video_in_all_its_forms_once():
    samples = read("tempcompass", "official")
    tasks = ("caption_matching", "multi-choice", "yes_no")
    dimensions = ("action", "attribute_change", "direction", "order", "speed")
    assert {one.subset for one in samples} == {f"{task} {dimension}" for task in tasks for dimension in dimensions}
    videos = {(one.cluster, Path(str(one.clip.source)).stem) for one in samples}
    forms = [{name.removeprefix(of) for of, name in videos if of == cluster} for cluster in {of for of, _ in videos}]
    assert sorted(forms, key=len) == [{""}, {"", "_reverse"}, {"", "_reverse", "_concat_0"}]
    assert {one.targets for one in samples if one.subset.startswith("yes_no")} == {("A",), ("B",)}


def test_eventhallusion_is_answered_by_kind():
    samples = read("eventhallusion", "official")
    assert {(one.subset, one.targets) for one in samples} == {
        ("entire", ("B",)), ("interleave", ("A",)), ("misleading", ("B",)),
    }  # fmt: skip
    assert max(Counter(one.cluster for one in samples).values()) == 2


@pytest.mark.parametrize("name", OFFICIAL_ALONE)
def test_what_is_known_of_a_sample_survives_an_export(name, tmp_path):
    """Upstream has no rows of these that could tell it again."""
    benchmark = build(load_settings([f"benchmark={name}"]).benchmark, "benchmark")
    samples = list(benchmark.samples())
    pairs = [(one, Prediction(id=one.id, prompt=one.prompt, output="A")) for one in samples]
    assert write_predictions(pairs, tmp_path / "rows.jsonl", None, benchmark.dataset) == len(samples)
    back = read_predictions(tmp_path / "rows.jsonl", name, benchmark.dataset, benchmark.subsets_of)
    known = [(one.id, one.subset, one.cluster, one.targets, one.options) for one in samples]
    assert [(one.id, one.subset, one.cluster, one.targets, one.options) for one, _ in back] == known
    scorer = benchmark.scorer
    numbers = [
        {
            (metric.name, metric.accounting, metric.subset): metric.value
            for metric in scorer.aggregate(scorer.score(each))
        }
        for each in (pairs, back)
    ]
    assert numbers[0] == numbers[1]
