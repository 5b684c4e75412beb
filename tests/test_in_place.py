"""A run over archives is the run over what is in them, goes on after they were unpacked, and shows their clips."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from eval.analysis.page.clips import is_media
from eval.config import BUILTIN
from eval.regression.fixed_settings import benchmarks_of_world
from eval.report.page.server import Places, application
from eval.running.request import EvalRequest
from eval.running.start import evaluate
from eval.running.watching import Watched
from tests.archives.packing import WAYS, packed_world
from tests.cli.runs import needs_world, read

pytestmark = [needs_world, pytest.mark.slow, pytest.mark.usefixtures("read_here")]
WORLD = BUILTIN / "world"
EVERY = 16
"""Samples of each benchmark, drawn from all of its subsets."""
Rows = list[dict[str, Any]]


def run(data: Path, out: Path, bench: str = "", *overrides: str) -> dict[str, Rows]:
    overrides = overrides if bench else (f"limit={EVERY}", *overrides)
    bench = bench or ",".join(benchmarks_of_world())
    given = [f"data={data}", "model=scripted", "model.outputs=[A,B,a dog]", "report=false", *overrides]
    evaluate(EvalRequest(bench=bench, out=out, overrides=given))
    return {path.parent.name: read(path) for path in sorted(out.rglob("predictions.jsonl"))}


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rows]:
    """The predictions over the world as it lies in the repository, but for the names of files."""
    with pytest.MonkeyPatch.context() as patch:
        from tests.reading import ReadHere

        patch.setattr("eval.engines.local.frame_loader", ReadHere)
        rows = run(WORLD, tmp_path_factory.mktemp("unpacked"))
    assert not any("!" in name for of in rows.values() for name in files_of(of))
    return rows


def files_of(rows: Rows) -> list[str]:
    """Take the names of files out of rows, and return them."""
    return [shown.pop("file") for row in rows for shown in row.get("shown", ())]


@pytest.mark.parametrize("way", WAYS)
def test_predictions_are_the_same_but_for_the_names(way: str, unpacked: dict[str, Rows], tmp_path: Path) -> None:
    rows = run(packed_world(WORLD, tmp_path / "data", way), tmp_path / "run")
    named = [name for of in rows.values() for name in files_of(of)]
    assert rows == unpacked
    assert set(rows) == set(benchmarks_of_world())
    assert sum(map(len, rows.values())) >= 0.7 * EVERY * len(rows)
    inside = sum(f"{way[way.index('.') :]}!/" in name for name in named)
    assert inside > 0.95 * len(named)


def test_a_run_goes_on_after_its_archives_were_unpacked(tmp_path: Path) -> None:
    data = packed_world(WORLD, tmp_path / "data", "deflated.zip")
    out = tmp_path / "run"
    before = run(data, out, "mvbench")["run"]
    path = out / "predictions.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:40]), encoding="utf-8")
    (out / "result.json").unlink()
    shutil.rmtree(data)
    shutil.copytree(WORLD, data)
    after = run(data, out, "mvbench")["run"]
    assert path.read_text(encoding="utf-8").startswith("".join(lines[:40]))
    assert all("!/" in name for name in files_of(after[:40]) + files_of(before))
    assert not any("!/" in name for name in files_of(after[40:]))
    assert after == before


def test_pages_play_what_a_server_can_read(tmp_path: Path) -> None:
    data = packed_world(WORLD, tmp_path / "data", "deflated.zip")
    run(data, tmp_path / "run", "mvbench", "limit=2", "report=true")
    page = application(Watched(tmp_path / "run", places := Places(is_media)), places)
    client = TestClient(page, base_url="http://127.0.0.1")
    (medium, *_) = client.get("/live?payload").json()["runs"][0]["clips"][0]["media"]
    archive, _, name = medium["file"].partition(".zip!/")
    content = (WORLD / archive / name).read_bytes()
    whole = client.get(medium["url"])
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (
        200,
        content,
        f"video/{name[-4:].strip('.')}",
    )
    for asked, expected in (("0-9", content[:10]), ("100-", content[100:]), ("-7", content[-7:])):
        part = client.get(medium["url"], headers={"Range": f"bytes={asked}"})
        assert (part.status_code, part.content) == (206, expected)
        assert part.headers["content-length"] == str(len(expected))
        assert part.headers["content-range"].endswith(f"/{len(content)}")
        assert "sandbox" in part.headers["content-security-policy"]
    assert client.get(medium["url"], headers={"Range": f"bytes={len(content)}-"}).status_code == 416
    # A page on disk cannot look into archives.
    payload = json.dumps(static(tmp_path / "run"))
    assert ".zip!/" in payload
    assert '"url": null' in payload


def static(folder: Path) -> object:
    from eval.analysis.page.run import run_payload
    from eval.runs.scored import ScoredRun

    return run_payload(ScoredRun.read(folder), page_folder=folder)["clips"]
