"""Annotations from the hub, read from a cache laid out as the hub's own tools leave it; nothing is sent anywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache

import pytest
from huggingface_hub import constants

from eval.building import build
from eval.config import BUILTIN, PROJECT, load_settings
from eval.errors import ConfigError, DataError
from eval.readers.hub import Hub, fetch_annotations

SCORER = {"_target_": "eval.scorers.multiple_choice.MultipleChoice"}
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SERVED = {  # the folder of the built-in world with the same files
    "dream-1k": "DREAM-1K", "favor-bench": "FAVOR-Bench", "mvbench": "MVBench", "tvbench": "TVBench",
    "video-mme": "Video-MME",
}  # fmt: skip


@cache
def node(name):
    return load_settings([f"benchmark={name}"]).benchmark


def built(name, data, **settings):
    return build({**node(name), "scorer": SCORER, "pack": None, "data": str(data), **settings}, "benchmark")


def pinned(name):
    hub = node(name)["hub"]
    return {**hub, "revision": hub["revision"] or COMMIT}


def in_cache(cache, name):
    """Lay the annotations of a benchmark out as a fetch leaves them; return the folder of the commit."""
    hub = pinned(name)
    home = cache / f"datasets--{hub['repo'].replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(hub["revision"])
    snapshot = home / "snapshots" / hub["revision"]
    world = BUILTIN / "world" / SERVED[name]
    for pattern in hub["files"]:
        for file in sorted(world.glob(pattern.replace(".parquet", ".jsonl"))):
            to = snapshot / file.relative_to(world)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, to)
    return snapshot


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """Point the hub's tools at an empty cache, and forbid them the network."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return cache


@pytest.mark.parametrize("name", SERVED)
def test_annotations_are_read_from_the_cache_and_videos_from_data(offline, tmp_path, caplog, name):
    snapshot = in_cache(offline, name)
    data = tmp_path / "data"
    data.mkdir()
    fetching = built(name, data, fetch=True, hub=pinned(name))
    found = list(fetching.samples())
    there = list(built(name, BUILTIN / "world", source="official").samples())
    assert [(s.id, s.prompt, s.targets) for s in found] == [(s.id, s.prompt, s.targets) for s in there]
    assert all(sample.clip.name.startswith(str(data)) for sample in found)
    about = fetching.describe()
    assert about["hub"] == f"{pinned(name)['repo']}@{pinned(name)['revision']}"
    assert all(file.startswith(str(snapshot)) for file in about["files"])
    assert fetching.asked_with().name == "own"
    # The built-in world is smaller than the benchmark: a fetch that was cut off would look alike.
    assert any(f"{len(found)} questions of {sum(node(name)['card']['splits'].values())}" in m for m in caplog.messages)


def test_what_is_found_is_not_fetched(offline, tmp_path):
    own = built("tvbench", BUILTIN / "world", fetch=True)
    assert len(list(own.samples())) == 20
    assert own.describe()["hub"] is None
    with pytest.raises(DataError, match=r"as --data or --ann .*, or benchmark\.fetch=true to fetch .*FunAILab"):
        list(built("tvbench", tmp_path).samples())
    with pytest.raises(DataError, match=r"No annotations of split 'test' \(source=upstream\)"):
        list(built("tvbench", tmp_path, fetch=True, source="upstream").samples())
    with pytest.raises(DataError, match="cannot help: no hub serves this benchmark"):
        list(built("nextqa", tmp_path, fetch=True).samples())


@pytest.mark.parametrize("revision", [None, "main", "230a2d4"])
def test_a_commit_must_be_pinned(offline, revision):
    with pytest.raises(
        ConfigError, match=r"revision=(None|main|230a2d4) is not a commit.*Pin one .*FAVOR/commits/main"
    ):
        fetch_annotations(Hub(repo="zl2048/FAVOR", files=("video_perspective.json",), revision=revision))


@pytest.mark.parametrize("is_offline", [True, False])
def test_a_hub_that_cannot_be_reached_is_one_line(offline, tmp_path, monkeypatch, is_offline):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", is_offline)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # where nothing listens
    monkeypatch.setattr("time.sleep", lambda _: None)  # the hub's tools wait before they try again
    said = rf"Cannot fetch annotations from FunAILab/TVBench@{pinned('tvbench')['revision']}: .* put json/\*\.json of"
    with pytest.raises(DataError, match=said) as caught:
        list(built("tvbench", tmp_path, fetch=True).samples())
    assert "\n" not in str(caught.value)


def test_a_repository_without_the_files(offline, tmp_path):
    shutil.rmtree(in_cache(offline, "tvbench") / "json")
    with pytest.raises(DataError, match=r"nor are they in .*snapshots.*, fetched from FunAILab/TVBench@"):
        list(built("tvbench", tmp_path, fetch=True).samples())


@pytest.mark.slow
def test_the_settings_of_the_command_line_and_of_the_hubs_tools(tmp_path):
    in_cache(tmp_path / "hub", "favor-bench")
    code = (
        "import sys; from eval.building import build; from eval.config import load_settings\n"
        "made = build(load_settings(sys.argv[1:]).benchmark, 'benchmark')\n"
        "print(len(list(made.samples())), made.describe()['hub'])"
    )
    settings = ["benchmark=favor-bench", "benchmark.fetch=true", f"benchmark.hub.revision={COMMIT}", f"data={tmp_path}",
                "benchmark.pack=null"]  # fmt: skip
    environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *settings],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"23 zl2048/FAVOR@{COMMIT}\n"


def test_a_proxy_that_cannot_be_used_is_named(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks6://127.0.0.1:1")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    hub = Hub(repo="owner/name", revision="a" * 40, files=("a.json",))
    with pytest.raises(ConfigError, match="ALL_PROXY"):
        fetch_annotations(hub)
