"""Files that are not what they seem."""

from __future__ import annotations

from unicodedata import normalize

from eval.analysis.data.oddities import oddities
from eval.core import Clip, Sample
from eval.video.tracks import stated_frames, stated_seconds
from tests.video.clips import RATE, encode


def sample(name, source, end=None, **metadata):
    return Sample(
        id=name, benchmark="b", subset="", clip=Clip(source=source, end=end), prompt="p", targets=("A",),
        metadata=metadata,
    )  # fmt: skip


def test_a_missing_name_is_found_in_another_case(tmp_path):
    (tmp_path / "CLIP one.MP4").write_bytes(b"x")
    (tmp_path / "two.mp4").write_bytes(b"x")
    (tmp_path / "three.mp4.part").write_bytes(b"x")
    lost = [str(tmp_path / "clip One.mp4"), str(tmp_path / "three.mp4"), str(tmp_path / "four.mp4")]
    found = oddities([sample("2", tmp_path / "two.mp4")], lost, [tmp_path])
    assert found.renames == ((str(tmp_path / "CLIP one.MP4"), lost[0]),)
    assert found.unfinished == (str(tmp_path / "three.mp4.part"),)


def test_a_file_in_use_or_one_of_two_is_no_rename(tmp_path):
    for name in ("A.mp4", "B.mp4", "sub/b.MP4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    lost = [str(tmp_path / "a.mp4"), str(tmp_path / "b.mp4")]
    assert oddities([sample("1", tmp_path / "A.mp4")], lost, [tmp_path]).renames == ()


def test_other_extensions_and_forms_are_told(tmp_path):
    decomposed = normalize("NFD", "café.mp4")
    for name in ("a.webm", decomposed):
        (tmp_path / name).write_bytes(b"x")
    found = oddities(
        [sample("1", tmp_path / "a.webm", vid="sub/a.mp4"), sample("2", tmp_path / decomposed, vid="café.mp4")],
        [],
        [tmp_path],
    )
    assert found.other_names == ((str(tmp_path / "a.webm"), "a.mp4"), (str(tmp_path / decomposed), "café.mp4"))
    # A name without an extension takes any.
    assert oddities([sample("1", tmp_path / "a.webm", vid="a")], [], [tmp_path]).other_names == ()


def test_copies_under_two_names(tmp_path):
    for name, content in {"a.mp4": b"same", "b.mp4": b"same", "c.mp4": b"diff", "d.mp4": b"longer"}.items():
        (tmp_path / name).write_bytes(content)
    found = oddities([sample(name, tmp_path / f"{name}.mp4") for name in "abcd"], [], [tmp_path])
    assert found.copies == ((str(tmp_path / "a.mp4"), str(tmp_path / "b.mp4")),)


def test_a_file_that_is_shorter_than_its_span_or_of_another_length(tmp_path):
    for name, seconds in {"short.mp4": 2, "whole.mkv": 4, "long.mp4": 8, "sized.avi": 4}.items():
        encode(tmp_path / name, "mpeg4", numbers=[1] * (seconds * RATE))
        assert abs((stated_seconds(tmp_path / name) or 0.0) - seconds) < 0.1, name
    found = oddities(
        [
            sample("1", tmp_path / "short.mp4", end=6.0),
            sample("2", tmp_path / "whole.mkv", end=4.5),
            sample("3", tmp_path / "long.mp4", duration=4.0),
            sample("4", tmp_path / "sized.avi", duration=4.0),
        ],
        [],
        [tmp_path],
    )
    assert [(path.rpartition("/")[2], wanted, round(there)) for path, wanted, there in found.lengths] == [
        ("short.mp4", 6.0, 2),
        ("long.mp4", 4.0, 8),
    ]


def test_a_file_of_another_number_of_frames(tmp_path):
    for name, count in {"same.mp4": 50, "other.mp4": 80}.items():
        encode(tmp_path / name, "libx264", numbers=[1] * count, sound=True)
        assert stated_frames(tmp_path / name) == count
    found = oddities(
        [sample(name, tmp_path / f"{name}.mp4", frame_count=50) for name in ("same", "other")], [], [tmp_path]
    )
    assert found.frames == ((str(tmp_path / "other.mp4"), 50, 80),)
