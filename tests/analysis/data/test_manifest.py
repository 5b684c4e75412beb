"""Manifests: written, read, and compared with another folder."""

from __future__ import annotations

import hashlib

import pytest

from eval.analysis.data.manifest import Entry, differences, files_of, manifest, read_manifest, write_manifest
from eval.core import Clip, Sample
from eval.errors import DataError


def sample(source):
    return Sample(id=str(source), benchmark="b", subset="", clip=Clip(source=source), prompt="p", targets=("A",))


def test_all_files_that_are_used_are_in_it(tmp_path):
    for name in ("json/a.json", "v/a, b.mp4", "v/frames/1.jpg", "v/frames/note.txt", "v/unused.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    shown = [sample(tmp_path / name) for name in ("v/a, b.mp4", "v/frames", "v/gone.mp4")]
    files = files_of(shown, [str(tmp_path / "json")])
    counted: list[int] = []
    entries = manifest(files, tmp_path, counted.append)
    assert [entry.path for entry in entries] == ["json/a.json", "v/a, b.mp4", "v/frames/1.jpg"]
    assert entries[0] == Entry(path="json/a.json", size=11, sha256=hashlib.sha256(b"json/a.json").hexdigest())
    assert sum(counted) == 3
    write_manifest(tmp_path / "m.csv", entries)
    assert read_manifest(tmp_path / "m.csv") == entries


def test_the_differences():
    one, two, three = (Entry(path=name, size=1, sha256=name * 64) for name in "abc")
    found = differences([one, two], [one, Entry(path="b", size=1, sha256="0" * 64), three])
    assert (found.same, found.only_here, found.only_there, found.other) == (1, (), ("c",), ("b",))


@pytest.mark.parametrize(
    "text", ["", "path,size\n", "path,bytes,sha256\na,1\n", "path,bytes,sha256\na,x," + "0" * 64 + "\n"]
)
def test_what_is_no_manifest_is_refused(tmp_path, text):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(DataError, match=r"m\.csv"):
        read_manifest(tmp_path / "m.csv")
