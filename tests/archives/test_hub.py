"""Videos of a data set on the hub: files, members of its archives, and rows of parquet, from a server on loopback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from eval.archives import Member, content, hub, listing, parquet
from eval.config import BUILTIN
from eval.core import Clip, FramePolicy
from eval.errors import ConfigError, DataError, MediaError
from eval.readers.hub import Hub, stream_root
from eval.readers.videos import VideoIndex
from eval.running.request import EvalRequest
from eval.running.start import evaluate
from eval.video.loading import load
from eval.video.workers import FrameLoader
from tests.archives.packing import pack, packed_world
from tests.cli.runs import needs_world, read
from tests.hub_server import COMMIT, HubServer, Repository

REPO = "somebody/videos"
ROOT = f"hub:{REPO}@{COMMIT}"
DATA = bytes(range(256)) * 20_000
"""5 MB, of which every kilobyte looks alike and every place in it differs."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A server with an empty data set, and the hub's tools pointed at it."""
    kept: list[Any] = [hub.commit_of, hub.sizes_of, hub.hub_file, listing._on_the_hub, listing._listed]
    for cached in (*kept, content._row, content._unpacked, parquet._rows):
        cached.cache_clear()
    (tmp_path / "served").mkdir()
    with HubServer() as running:
        running.repositories[f"datasets/{REPO}"] = Repository(tmp_path / "served")
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", running.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
        monkeypatch.setenv("HF_TOKEN", "")
        monkeypatch.setenv("NO_PROXY", "*")
        yield running


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """The folder of the data set."""
    return tmp_path / "served"


def fetched(server: HubServer) -> list[str]:
    """Return what was asked for but the listing, and forget it."""
    log = [line for line in server.log if not line.startswith("api ")]
    server.log.clear()
    return log


def test_files_are_read_in_blocks_and_no_block_twice(server: HubServer, served: Path) -> None:
    (served / "video").mkdir()
    (served / "video/a.mp4").write_bytes(DATA)
    path = Member(f"{ROOT}!/video/a.mp4")
    assert path.exists()
    assert [one.name for one in Member(f"{ROOT}!/video").iterdir()] == ["a.mp4"]
    assert not Member(f"{ROOT}!/video/b.mp4").exists()
    assert path.stat().st_size == len(DATA)
    assert fetched(server) == []
    with path.open("rb") as file:
        file.seek(3_000_000)
        assert file.read(10) == DATA[3_000_000:3_000_010]
    assert fetched(server) == ["video/a.mp4 2097152-3145727"]
    assert path.read_bytes() == DATA
    assert fetched(server) == [
        "video/a.mp4 0-1048575", "video/a.mp4 1048576-5119999",
    ]  # fmt: skip
    assert path.read_bytes() == DATA
    assert fetched(server) == []


def test_what_a_process_keeps_is_bounded(server: HubServer, served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (served / "a.mp4").write_bytes(DATA)
    monkeypatch.setattr(hub, "MOST_BLOCKS", 3)
    file = hub.hub_file(REPO, COMMIT, "a.mp4")
    for begin in range(0, len(DATA), 100_000):
        assert file.pread(100_000, begin) == DATA[begin : begin + 100_000]
        assert len(file._blocks) <= 3


def test_of_archives_only_what_is_needed_is_fetched(server: HubServer, served: Path) -> None:
    pack(served / "video.zip", {"x/a.mp4": DATA, "x/b.mp4": DATA[::-1], "x/c.mp4": b"c"})
    member = Member(f"{ROOT}!/video.zip!/x/b.mp4")
    assert (member.archive, member.inner) == (Member(f"{ROOT}!/video.zip"), "x/b.mp4")
    assert member.exists()
    with member.open("rb") as file:
        assert file.read(100) == DATA[::-1][:100]
    asked = fetched(server)
    assert all(line.startswith("video.zip ") for line in asked)
    sizes = [int(last) + 1 - int(first) for first, last in (line.split()[1].split("-") for line in asked)]
    assert sum(sizes) < 4 * hub.BLOCK


def parquet_of(path: Path, videos: dict[str, bytes], rows_a_group: int) -> None:
    """Write videos as `datasets` does, each in a row with its number."""
    datasets = pytest.importorskip("datasets")
    rows = {"number": list(range(len(videos))), "video": [{"path": n, "bytes": b} for n, b in videos.items()]}
    features = datasets.Features({"number": datasets.Value("int64"), "video": datasets.Video(decode=False)})
    path.parent.mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_dict(rows, features=features).to_parquet(path, batch_size=rows_a_group)


def test_rows_of_parquet(server: HubServer, served: Path) -> None:
    videos = {f"{number}.mp4": bytes([number]) * (200_000 + number) for number in range(8)}
    parquet_of(served / "data/test-00000-of-00001.parquet", videos, 4)
    assert sorted(one.name for one in Member(f"{ROOT}!/data/test-00000-of-00001.parquet!").iterdir()) == sorted(videos)
    index = VideoIndex(Member(f"{ROOT}!"))
    for name in (*videos, "5.mp4", "1.mp4"):
        path = index.find(name, ("videos",))
        assert str(path) == f"{ROOT}!/data/test-00000-of-00001.parquet!/{name}"
        assert path.exists()
        assert path.stat().st_size == len(videos[name])
        assert path.read_bytes() == videos[name]


def test_threads_do_not_mix_rows_up(tmp_path: Path) -> None:
    videos = {f"{number}.mp4": bytes([number]) * (5000 + number) for number in range(30)}
    parquet_of(tmp_path / "a.parquet", videos, 30)
    with ThreadPoolExecutor(8) as pool:
        read_at_once = pool.map(lambda name: Member(f"{tmp_path}/a.parquet!/{name}").read_bytes(), 3 * list(videos))
        assert list(read_at_once) == 3 * list(videos.values())


def test_parquet_on_disk_and_what_is_no_video_in_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    parquet_of(tmp_path / "a.parquet", {"1.mp4": b"one"}, 1)
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_dict({"video": ["2.mp4"], "question": ["?"]}).to_parquet(tmp_path / "b.parquet")
    texts = {"video": [{"bytes": "no bytes", "path": "2.mp4"}]}
    datasets.Dataset.from_dict(texts).to_parquet(tmp_path / "bb.parquet")
    (tmp_path / "c.parquet").write_bytes(b"PAR1" + bytes(100))
    index = VideoIndex(tmp_path)
    assert index.find("1").read_bytes() == b"one"
    assert index.find("2.mp4") == tmp_path / "2.mp4"
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [
        f"{tmp_path}/c.parquet: is no parquet file, or a damaged one"
    ]


def test_a_row_that_names_a_video_and_holds_none(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    column = pa.array([{"bytes": None, "path": "1.mp4"}, None, {"bytes": b"3", "path": None}], kind)
    pytest.importorskip("pyarrow.parquet").write_table(pa.table({"video": column}), tmp_path / "a.parquet")
    assert [one.name for one in Member(f"{tmp_path}/a.parquet!").iterdir()] == ["1.mp4"]
    with pytest.raises(MediaError, match="only named in its row") as caught:
        Member(f"{tmp_path}/a.parquet!/1.mp4").read_bytes()
    assert caught.value.reason == "missing"


def test_faults_of_the_network(server: HubServer, served: Path) -> None:
    (served / "a.mp4").write_bytes(DATA)
    path = Member(f"{ROOT}!/a.mp4")
    assert path.exists()
    server.faults.status["a.mp4"] = (404, "EntryNotFound")
    with pytest.raises(MediaError, match=r"a\.mp4: cannot be fetched: http://127\.0\.0\.1:\d+ answers 404") as caught:
        path.read_bytes()
    assert caught.value.reason == "unreadable"
    server.mended()
    server.faults.ranges = False
    assert path.read_bytes() == DATA


def test_the_token_stays_with_the_hub(server: HubServer, served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large files come from another address, which must not be told it."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    server.faults.cdn = True
    (served / "a.mp4").write_bytes(DATA)
    assert Member(f"{ROOT}!/a.mp4").read_bytes() == DATA
    told = {host.partition(":")[0]: token for host, token in server.tokens}
    assert told == {"127.0.0.1": "Bearer hf_secret", "localhost": None}


@needs_world
@pytest.mark.slow
def test_workers_stream(server: HubServer, served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    file = next((BUILTIN / "world").rglob("*.mp4"))
    pack(served / "a.zip", {"in/b.mp4": file}, "deflated")
    clips = [Clip(source=Member(f"{ROOT}!/a.zip!/in/b.mp4")), Clip(source=Member(f"{ROOT}!/a.zip!/in/gone.mp4"))]
    expected = load(Clip(source=file), FramePolicy(n_frames=4))
    with FrameLoader(workers=1) as loader:
        found, gone = loader.load(clips, FramePolicy(n_frames=4))
    assert found.frames is not None
    assert expected.frames is not None
    assert [one.tobytes() for one in found.frames] == [one.tobytes() for one in expected.frames]
    assert found.media == expected.media
    assert gone.error is not None
    assert gone.error.reason == "missing"


def test_what_stream_may_be(server: HubServer) -> None:
    own = Hub(repo=REPO, files=(), revision=COMMIT)
    assert stream_root(False, own) is None
    assert stream_root(True, own) == Member(f"{ROOT}!")
    assert server.log == [f"api {COMMIT}"]
    assert stream_root(REPO, None) == stream_root(f"{REPO}@main", None) == Member(f"{ROOT}!")
    assert server.log == [f"api {COMMIT}", "api main"]
    with pytest.raises(ConfigError, match="stream=videos names no data set"):
        stream_root("videos", None)
    with pytest.raises(DataError, match=r"stream=somebody/else: .*cannot be listed: .* answers 401; check the name"):
        stream_root("somebody/else", None)


def run(data: Path, out: Path, *overrides: str) -> list[dict[str, Any]]:
    given = [f"data={data}", "model=scripted", "model.outputs=[A,B]", "report=false", *overrides]
    evaluate(EvalRequest(bench="mvbench/moving_count", out=out, overrides=given))
    rows: list[dict[str, Any]] = read(out / "predictions.jsonl")
    return rows


@needs_world
@pytest.mark.slow
@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize("form", ["files", "zips", "parquet"])
def test_a_run_streams_what_is_not_below_data(form: str, server: HubServer, served: Path, tmp_path: Path) -> None:
    """Annotations lie on this disk, the videos of Moving Count on the hub; the run is that over files, and goes on."""
    data, world = tmp_path / "data", BUILTIN / "world" / "MVBench"
    shutil.copytree(world / "json", data / "MVBench" / "json")
    if form == "parquet":
        videos = sorted((world / "video/clevrer/video_validation").iterdir())
        parquet_of(served / "data/test-0.parquet", {one.name: one.read_bytes() for one in videos}, 3)
    elif form == "zips":
        shutil.copytree(
            packed_world(BUILTIN / "world", tmp_path / "packed", "deflated.zip") / "MVBench/video", served / "video"
        )
    else:
        shutil.copytree(world / "video", served / "video")
    wanted = ["benchmark.source=official"]
    expected = run(BUILTIN / "world", tmp_path / "files", *wanted)
    out = tmp_path / "streamed"
    found = run(data, out, f"stream={REPO}", *wanted)
    names = [shown.pop("file") for row in found for shown in row["shown"]]
    assert all(str(name).startswith(f"{ROOT}!/") for name in names)
    for row in expected:
        for shown in row["shown"]:
            shown.pop("file")
    assert found == expected
    result = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert ROOT in json.dumps(result["provenance"])
    # It goes on, and fetches nothing for what is done.
    lines = (out / "predictions.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (out / "predictions.jsonl").write_text("".join(lines[:4]), encoding="utf-8")
    (out / "result.json").unlink()
    fetched(server)
    run(data, out, f"stream={REPO}", *wanted)
    assert (out / "predictions.jsonl").read_text(encoding="utf-8") == "".join(lines)
