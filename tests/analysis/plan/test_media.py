"""The media of samples: each file once, by folder, and where others of a subset lie."""

from __future__ import annotations

from pathlib import Path

from eval.analysis.plan.media import survey, write_missing
from eval.analysis.plan.view import media_line, missing_lines
from eval.core import Clip, Sample
from tests.video.clips import encode


def sample(name, source, subset, end=None):
    return Sample(id=name, benchmark="b", subset=subset, clip=Clip(source=source, end=end), prompt="p", targets=("A",))


def test_each_file_counts_once_and_found_ones_are_named(tmp_path):
    there = tmp_path / "data0613" / "star" / "a.mp4"
    there.parent.mkdir(parents=True)
    encode(there, "libx264", numbers=range(4))
    page = tmp_path / "video" / "page.mp4"
    page.parent.mkdir()
    page.write_text("<html>no</html>")
    gone = tmp_path / "video" / "star" / "b.mp4"
    found = survey(
        [
            sample("1", there, "Action Sequence", 1.0),
            sample("2", there, "Action Sequence", 2.0),
            sample("3", gone, "Action Sequence"),
            sample("4", gone, "Action Prediction"),
            sample("5", page, "Counting"),
        ]
    )
    assert (found.total, found.found, found.samples, found.samples_without) == (3, 1, 5, 3)
    assert found.missing == (str(gone),)
    assert found.unreadable[0][0] == str(page)
    assert media_line(found) == "1 of 3 media found, 1 missing, 1 unreadable"
    assert missing_lines(found) == [
        f"1 missing in {gone.parent}; others of these subsets are in {there.parent}",
    ]
    write_missing(tmp_path / "missing.txt", found, tmp_path)
    assert (tmp_path / "missing.txt").read_text() == "video/star/b.mp4\n"


def test_many_folders_are_cut_off(tmp_path):
    found = survey([sample(str(i), tmp_path / f"f{i}" / "a.mp4", "s") for i in range(9)])
    lines = missing_lines(found, listed="missing.txt")
    assert len(lines) == 7
    assert lines[-1] == "... and 3 more folders, which missing.txt lists"


def test_folders_and_lists_of_frames(tmp_path):
    folder = tmp_path / "frames" / "clip"
    folder.mkdir(parents=True)
    (folder / "1.jpg").write_bytes(b"\xff\xd8\xff" + bytes(20))
    lists = sample("2", (folder / "1.jpg", folder / "2.jpg"), "s")
    found = survey([sample("1", folder, "s"), lists, sample("3", tmp_path / "frames" / "none", "s")])
    assert (found.found, len(found.missing)) == (1, 2)
    assert {Path(each.folder).name for each in found.folders} == {"frames"}
