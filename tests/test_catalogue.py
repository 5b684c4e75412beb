"""Every yaml of a benchmark, checked alike: what is shipped composes, builds, reads and describes itself."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import re
import typing
from pathlib import Path

import pytest

from benchmarks.mini import prompts
from eval.building import build
from eval.config import PROJECT, cards, groups, load_settings, names, tables
from eval.core import Card, Task
from eval.errors import ConfigError, DataError
from eval.readers.prompts import OWN, wording

NAMES = names("benchmark")
CARDS = cards()
SCORER = {"_target_": "eval.scorers.multiple_choice.MultipleChoice"}


@pytest.fixture(scope="module", params=NAMES)
def node(request):
    return load_settings([f"benchmark={request.param}"]).benchmark


def benchmark(node, data, **settings):
    return build({**node, "scorer": SCORER, "data": str(data), "pack": None, **settings}, "benchmark")


def traits_in(node):
    module, _, name = node["scorer"]["_target_"].rpartition(".")
    return getattr(importlib.import_module(module), name).traits


def test_a_yaml_and_its_adapter_go_by_one_name(node):
    module = node["_target_"].removeprefix("benchmarks.").partition(".")[0]
    assert node["name"].replace("-", "_") == module
    source = (PROJECT / "benchmarks" / f"{module}.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 60
    imported = {node.module or "" for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    ours = {name for name in imported if name.startswith(("eval", "benchmarks"))}
    assert all(name.startswith(("eval.readers.", "eval.core", "eval.errors")) for name in ours)
    assert (PROJECT / "tests" / "benchmarks" / f"test_{module}.py").is_file()


def test_it_builds_and_says_where_it_looked(node, tmp_path):
    built = benchmark(node, tmp_path)
    assert (built.name, built.split in built.card.splits) == (node["name"], True)
    files = [node["rows"].get(node["split"]), *node["official"].get(node["split"], ())]
    looked_for = re.escape(next(file for file in files if file))
    with pytest.raises(DataError, match=rf"looked for .*{looked_for}.*give their place as --data or --ann"):
        list(built.samples())


def test_its_card_is_complete(node):
    card = CARDS[node["name"]]
    optional = ("by_hand", "frames")
    needed = {field.name for field in dataclasses.fields(Card) if field.name not in optional}
    assert needed <= set(node["card"]) <= {field.name for field in dataclasses.fields(Card)}
    assert card.paper.startswith("https://")
    assert card.homepage.startswith("https://")
    assert card.title
    assert card.licence
    assert card.metric == traits_in(node).headline.name
    assert card.chance == ("options" if card.task == "mc_qa" else None)
    assert card.upstream_split in (None, node["split"])
    assert all(size > 0 for size in card.splits.values())
    assert all(counts and min(counts) > 0 for counts in card.frames.values())
    assert set(node["rows"]) | set(node["official"]) == set(card.splits)


def test_by_default_it_is_strict_and_uses_no_network(node):
    assert (node["skip_malformed"], node["fetch"]) == (False, False)


def test_from_the_hub_come_annotations_of_a_commit_and_no_videos(node):
    if "hub" in node:
        hub = node["hub"]
        assert node["card"]["homepage"] == f"https://huggingface.co/datasets/{hub['repo']}"
        assert all(file.endswith((".json", ".jsonl", ".csv", ".parquet")) for file in hub["files"])
        # No commit of FAVOR-Bench could be verified; its users pin one.
        assert re.fullmatch("[0-9a-f]{40}", hub["revision"] or "") or node["name"] == "favor-bench"


def test_its_scorer_fits_its_answers(node):
    assert ("judge" in node["scorer"]) == (traits_in(node).judged is not None)


def test_its_own_wording_is_a_template(node):
    template = OWN[node["form"]]
    task = node["card"]["task"]
    assert wording("own", template).sha256 == wording("own", template).sha256
    assert ("{question}" in template) == (task in {"mc_qa", "oe_qa"})
    assert ("{options}" in template) == (task == "mc_qa")


def test_the_built_in_checkpoint_knows_these_sentences():
    """tarsier-tiny was trained on them; a word that changes here alone would make it fail."""
    assert {form: OWN[form] for form in prompts.MULTIPLE_CHOICE} == prompts.MULTIPLE_CHOICE
    assert (OWN["open_qa"], OWN["caption"]) == (prompts.OPEN_QA, prompts.CAPTION)
    # The model adds the turn to a prompt that has none.
    assert f"USER: {OWN['description']} ASSISTANT: " == prompts.DESCRIPTION


def test_groups_follow_the_cards():
    found = groups()
    assert list(found) == [*typing.get_args(Task), *tables(), "all"]
    assert found["all"] == NAMES
    assert sorted(name for task in typing.get_args(Task) for name in found[task]) == NAMES
    known = {"mc_qa": "mvbench", "oe_qa": "tgif-qa", "caption": "vatex-caption", "description": "dream-1k"}
    assert all(name in found[task] for task, name in known.items())


SIZES = {
    "activitynet-qa": 8000, "dream-1k": 1000, "egoschema": 500, "favor-bench": 8184, "msrvtt-caption": 2990,
    "msrvtt-qa": 12278, "msvd-caption": 670, "msvd-qa": 6415, "mvbench": 4000, "nextqa": 4996, "tgif-qa": 13691,
    "tvbench": 2525, "vatex-caption": 6000, "video-mme": 2700,
}  # fmt: skip
"""Sizes of splits as upstream reports them."""


def test_sizes_that_upstream_reports():
    sizes = {name: CARDS[name].splits[CARDS[name].upstream_split or ""] for name in SIZES}
    assert sizes == SIZES


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"source": "offical"}, "benchmark.source='offical' does not fit"),
        ({"wording": "theirs"}, "benchmark.wording='theirs' does not fit"),
        ({"card": {"title": "x"}}, "benchmark.card.paper: is missing; add it"),
        ({"card": {"titel": "x"}}, "benchmark.card.titel: is no field of it. Did you mean 'title'?"),
        (
            {"official": {"test": ["a", {}]}},
            "benchmark.official.test.1={} does not fit: Input should be a valid string",
        ),
        ({"videos": "x"}, "benchmark.videos='x' does not fit"),
        ({"videoz": ["x"]}, "benchmark.videoz is not a setting of benchmarks.nextqa.NExTQA. Did you mean 'videos'?"),
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, setting, said):
    with pytest.raises(ConfigError) as caught:
        benchmark(load_settings(["benchmark=nextqa"]).benchmark, tmp_path, **setting)
    assert said in str(caught.value)
