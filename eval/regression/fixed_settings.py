"""Fixed checks of settings: the resolved yaml of every choice in conf/, and what a command line makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import reduce
from pathlib import Path
from typing import Any

from eval import building
from eval import config as configuration
from eval.config import Settings
from eval.installed import CACHE, PROJECT, RESULTS
from eval.readers.layout import NoAnnotationsError
from eval.regression.records import Record
from eval.running.request import EvalRequest

SUITE = "fixed settings"
GROUPS = ("benchmark", "model", "judge", "protocol")
REQUESTS: Mapping[str, EvalRequest] = {
    "a folder as the model": EvalRequest(
        bench="mvbench", model=str(configuration.PROJECT / "conf"), data="/data", limit=3
    ),
    "a hub's model": EvalRequest(bench="dream-1k", model="owner/name", overrides=["model.revision=abc"]),
    "a hub's model at its main": EvalRequest(bench="tgif-qa", model="owner/other"),
    "a server as the judge": EvalRequest(bench="msvd-qa", judge="http://127.0.0.1:8000/v1", protocol="hardened"),
    "a model of OpenAI as the judge": EvalRequest(bench="msvd-qa", judge="openai:m-2026", annotations="/a.jsonl"),
    "a deployment as the judge": EvalRequest(
        bench="dream-1k", judge="azure:mine", protocol="autodq-indexed", out="/out"
    ),
}
"""Requests, each with the settings that it stands for."""


def benchmarks_of_world() -> list[str]:
    """Return the benchmarks that have rows in the built-in world: the gate is about no others."""
    return [name for name in configuration.names("benchmark") if _has_rows(name)]


def sources_of_world(name: str) -> tuple[str, ...]:
    """Return the sources of a benchmark's annotations in the built-in world; upstream's rows come first."""
    node = configuration.load_settings([f"benchmark={name}"]).benchmark
    rows = node.get("rows", {}).get(node.get("split"))
    there = rows is not None and (configuration.BUILTIN / "world" / "annotations" / rows).is_file()
    return ("upstream", "official") if there else ("official",)


def _has_rows(name: str) -> bool:
    try:
        building.build(configuration.load_settings([f"benchmark={name}"]).benchmark, "benchmark").describe()
    except NoAnnotationsError:
        return False
    return True


def fixed_settings() -> Iterator[Record]:
    """Yield the settings of each choice of each group, the other settings, and those of some requests."""
    there = benchmarks_of_world()
    for group in GROUPS:
        for name in there if group == "benchmark" else configuration.names(group):
            settings = configuration.load_settings([f"{group}={name}"])
            yield Record(benchmark=SUITE, id=f"{group}={name}", fields={"settings": _plain(getattr(settings, group))})
    for name in configuration.names("frames"):
        model = configuration.load_settings([f"frames={name}"]).model
        yield Record(benchmark=SUITE, id=f"frames={name}", fields={"settings": _plain(model)})
    yield Record(benchmark=SUITE, id="everything else", fields={"settings": _rest(configuration.load_settings([]))})
    for name, request in REQUESTS.items():
        settings = request.settings_of(request.bench)
        whole = {group: _plain(getattr(settings, group)) for group in GROUPS}
        yield Record(benchmark=SUITE, id=name, fields={"settings": {**whole, **_rest(settings)}})
    texts = ("all", "mc_qa, dream-1k", *configuration.groups())
    named = {text: [name for name in configuration.benchmarks_named(text) if name in there] for text in texts}
    yield Record(benchmark=SUITE, id="groups of benchmarks", fields={"settings": named})


def _rest(settings: Settings) -> dict[str, Any]:
    return {name: _plain(value) for name, value in asdict(settings).items() if name not in (*GROUPS, "yaml")}


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it, places in this project without where it lies."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, str | Path):
        # In a checkout all of them lie in it.
        places = ((CACHE, "(project)/.cache"), (RESULTS, "(project)/results"), (PROJECT, "(project)"))
        return reduce(lambda text, place: text.replace(str(place[0]), place[1]), places, str(value))
    return value
