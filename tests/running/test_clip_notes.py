"""What is to know of a clip that was read stands in its rows, is counted in the result, and is told in one line."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from eval.__main__ import main
from eval.core import Clip, FramePolicy, Square
from eval.video.frame_store import FrameStore
from eval.video.loading import load
from eval.video.workers import FrameLoader
from tests.cli.runs import evaluate, read
from tests.video.clips import encode, of_palette, picture

LINE = "2 clips whose length cannot be verified; 1 clip with only one frame."
UNKNOWN, ONE = "length_not_verifiable", "one_frame"


@pytest.fixture
def flags(tmp_path):
    """Rows about a whole mp4, two transport streams (one of them asked about twice), and a gif of one frame."""
    encode(tmp_path / "whole.mp4", "libx264", numbers=range(10))
    encode(tmp_path / "a.ts", "libx264", numbers=range(10))
    encode(tmp_path / "b.ts", "libx264", numbers=range(10, 20))
    Image.fromarray(picture(1)).save(tmp_path / "still.gif")
    rows = [
        {
            "idx": number,
            "dataset": "MVBench/Action Sequence",
            "text": {
                "prompt": "USER: <video>\nQuestion: q?\n(A) x\n(B) y\nASSISTANT: Answer: (",
                "response": "A",
            },
            "video_file": name,
            "vid": name,
        }
        for number, name in enumerate(["whole.mp4", "a.ts", "b.ts", "a.ts", "still.gif"])
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ["--data", str(tmp_path), "--ann", str(tmp_path / "rows.jsonl")]


@pytest.mark.slow
def test_a_run_its_continuation_and_its_score_say_the_same(tmp_path, flags, capsys):
    run = tmp_path / "run"

    def told(folder):
        assert json.loads((folder / "result.json").read_text())["clip_notes"] == {UNKNOWN: 2, ONE: 1}
        assert LINE in " ".join(capsys.readouterr().out.split())

    assert evaluate(run, *flags) == 0
    rows = read(run / "predictions.jsonl")
    assert [row.get("notes") for row in rows] == [None, [UNKNOWN], [UNKNOWN], [UNKNOWN], [ONE]]
    told(run)
    lines = (run / "predictions.jsonl").read_text().splitlines(keepends=True)
    (run / "predictions.jsonl").write_text("".join(lines[:2]))
    assert evaluate(run, *flags) == 0
    assert (run / "predictions.jsonl").read_text() == "".join(lines)
    told(run)
    assert main(["score", "--pred", str(run), "--bench", "mvbench", "--out", str(tmp_path / "score")]) == 0
    told(tmp_path / "score")


def test_nothing_is_said_where_there_is_nothing_to_say(tmp_path, flags, capsys):
    rows = tmp_path / "rows.jsonl"
    rows.write_text(rows.read_text().splitlines(keepends=True)[0])
    assert evaluate(tmp_path / "run", *flags) == 0
    assert "notes" not in read(tmp_path / "run" / "predictions.jsonl")[0]
    assert json.loads((tmp_path / "run" / "result.json").read_text())["clip_notes"] is None
    assert "cannot be verified" not in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("flags")
@pytest.mark.parametrize(
    ("name", "start", "n_frames", "notes"),
    [
        ("whole.mp4", None, 8, ()),
        ("a.ts", None, 8, (UNKNOWN,)),
        ("still.gif", None, 8, (ONE,)),
        ("still.gif", None, 1, ()),
        ("whole.mp4", 99.0, 8, (ONE,)),
        ("a.ts", 99.0, 8, (UNKNOWN, ONE)),
    ],
)
def test_notes_come_from_every_way_of_loading(tmp_path, name, start, n_frames, notes):
    clip = Clip(source=tmp_path / name, start=start)
    store = FrameStore(tmp_path / "store")
    for kept in (None, store, store):
        assert load(clip, FramePolicy(n_frames=n_frames, size=Square(side=56)), store=kept).notes == notes
    with FrameLoader(workers=1) as loader:
        (loaded,) = loader.load([clip], FramePolicy(n_frames=n_frames, size=Square(side=56)))
    assert loaded.notes == notes


def test_decord_repeats_the_same_frame(tmp_path):
    pytest.importorskip("decord")
    encode(tmp_path / "one.mp4", "libx264", numbers=[7])
    assert load(Clip(source=tmp_path / "one.mp4"), FramePolicy(n_frames=8), decoder="decord").notes == (ONE,)


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "is_lost"), [("rawvideo", "pal8", True), ("rawvideo", "monob", True), ("zmbv", "pal8", False)]
)
def test_a_palette_that_decord_loses_is_told(tmp_path, codec, pix_fmt, is_lost):
    """Raw video stores its palette apart from the frames, or has none but black and white; ZMBV's frames hold it."""
    pytest.importorskip("decord")
    clip = Clip(source=of_palette(tmp_path / "a.avi", codec, pix_fmt))
    policy = FramePolicy(n_frames=4)
    true, shown = (load(clip, policy, decoder=decoder) for decoder in ("pyav", "decord"))
    assert true.notes == ()
    assert shown.notes == (("palette_lost",) if is_lost else ())
    assert true.frames
    assert shown.frames
    assert [a.tobytes() != b.tobytes() for a, b in zip(true.frames, shown.frames, strict=True)] == [is_lost] * 4


@pytest.mark.slow
def test_settings_for_pictures_are_part_of_the_run_only_where_they_differ(tmp_path, flags, capsys):
    assert evaluate(tmp_path / "run", *flags) == 0
    decoder = json.loads((tmp_path / "run" / "run.json").read_text())["fingerprint"]["decoder"]
    assert not {"deep_images", "exif_orientation"} & decoder.keys()
    for setting, field in (
        ("video.deep_images=scale", "decoder.deep_images"),
        ("video.exif_orientation=true", "decoder.exif_orientation"),
    ):
        assert evaluate(tmp_path / "run", *flags, setting) == 2
        assert f"another {field}" in capsys.readouterr().err
    assert evaluate(tmp_path / "run", *flags, "video.deep_images=scal") == 2
    assert "Unknown video.deep_images 'scal'. Did you mean 'scale'?" in capsys.readouterr().err


@pytest.mark.slow
def test_a_deep_grey_image_fails_its_sample_unless_it_is_scaled(tmp_path, flags):
    import numpy as np

    (tmp_path / "still.gif").unlink()
    Image.fromarray(np.full((9, 9), 40_000, np.uint16)).save(tmp_path / "still.gif", format="png")
    assert evaluate(tmp_path / "refused", *flags) == 1
    error = read(tmp_path / "refused" / "predictions.jsonl")[4]["error"]
    assert error.startswith("unsupported: ")
    assert "video.deep_images=scale" in error
    assert evaluate(tmp_path / "scaled", *flags, "video.deep_images=scale") == 0
