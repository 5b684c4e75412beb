"""The committed world is what its manifest says, and both formats of its MVBench hold the same samples."""

import json
from pathlib import Path

import av
import pytest

from benchmarks.mini import prompts
from benchmarks.mini.clips import FPS, write_video
from benchmarks.mini.drawing import make_scene
from benchmarks.mini.rendering import render_bytes
from benchmarks.mini.subtasks import SUBTASKS
from benchmarks.mini.trees.mvbench import FRAMES_FPS, SAMPLES_PER_SUBTASK
from benchmarks.mini.world import WORLD, file_hashes, write_world

MEGABYTE = 2**20


def _official(subtask):
    return json.loads((WORLD / "MVBench" / "json" / subtask.file).read_text(encoding="utf-8"))


def _upstream():
    return [json.loads(line) for line in (WORLD / "annotations" / "MVBench.jsonl").read_text().splitlines()]


def test_files_match_the_manifest():
    manifest = json.loads((WORLD / "MANIFEST.json").read_text(encoding="utf-8"))
    assert manifest["files"] == file_hashes(WORLD)


def test_world_and_checkpoints_stay_small():
    folders = (WORLD, WORLD.with_name("tarsier-tiny"), WORLD.with_name("tarsier2-tiny"))
    size = sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
    assert size < 16 * MEGABYTE


def test_both_formats_hold_the_same_samples():
    rows = iter(_upstream())
    for subtask in SUBTASKS:
        official = _official(subtask)
        assert len(official) == SAMPLES_PER_SUBTASK
        for index, row in enumerate(official):
            upstream = next(rows)
            assert upstream["idx"] == index
            assert upstream["dataset"] == f"MVBench/{subtask.name}"
            assert upstream["vid"] == f"{subtask.folder}/{row['video']}"
            assert upstream["text"]["prompt"] == prompts.multiple_choice(row["question"], row["candidates"])
            assert upstream["text"]["response"] == "ABCDE"[row["candidates"].index(row["answer"])]
            assert (upstream.get("start_time"), upstream.get("end_time")) == (row.get("start"), row.get("end"))
            assert (row.get("start") is not None) == subtask.bounded
    assert next(rows, None) is None


def test_spans_are_exact_in_floating_point():
    for row in _upstream():
        if "start_time" in row:
            fps = FRAMES_FPS if isinstance(row["video_file"], list) else FPS
            for second in (row["start_time"], row["end_time"]):
                assert int(fps * second) == fps * second


def test_listed_frames_are_the_span():
    for row in _upstream():
        if not isinstance(row["video_file"], list):
            continue
        files = sorted((WORLD / "MVBench" / "video" / row["vid"]).iterdir())
        first, last = (int(FRAMES_FPS * row[key]) for key in ("start_time", "end_time"))
        assert [Path(name).name for name in row["video_file"]] == [file.name for file in files[first : last + 1]]
        assert files[0].name == "00001.jpg"


def test_every_clip_is_there():
    for row in _upstream():
        assert (WORLD / "MVBench" / "video" / row["vid"]).exists()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi"])
def test_a_clip_decodes_to_the_frames_of_its_scene(tmp_path, suffix):
    frames = render_bytes(make_scene(5))
    path = tmp_path / f"clip{suffix}"
    write_video(path, frames)
    with av.open(str(path)) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(decoded) == len(frames)
    assert abs(decoded[3].astype(int) - frames[3]).mean() < 4
    again = tmp_path / f"again{suffix}"
    write_video(again, frames)
    assert again.read_bytes() == path.read_bytes()


def test_a_folder_that_is_no_world_is_left_alone(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(SystemExit, match="not a built-in world"):
        write_world(tmp_path)
    assert (tmp_path / "precious.txt").exists()
