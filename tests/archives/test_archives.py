"""Members of archives are read as the files they were, and archives that lie are refused in one line."""

from __future__ import annotations

import os
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from eval.archives import Member, content, listing, local_name, media_path
from eval.archives.listing import listing_of
from eval.errors import MediaError
from tests.archives.packing import WAYS, pack

DATA = bytes(range(256)) * 400
"""100 KB in which every place can be told from its neighbours."""


def member(archive: Path, name: str) -> Member:
    return Member(f"{archive}!/{name}")


@pytest.fixture(params=WAYS)
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return pack(tmp_path / request.param, {"a/b.mp4": DATA, "a/c/d.jpg": b"x", "e.mp4": b""}, request.param)


def test_a_member_is_the_file_that_it_was(archive: Path) -> None:
    path = member(archive, "a/b.mp4")
    assert path.read_bytes() == DATA
    assert path.stat().st_size == len(DATA)
    assert path.stat().st_mtime_ns == archive.stat().st_mtime_ns
    with path.open("rb") as file:
        assert file.seek(-256, os.SEEK_END) == len(DATA) - 256
        assert file.read() == bytes(range(256))
        assert file.seek(1000) == file.tell() == 1000
        assert file.read(3) == DATA[1000:1003]
        assert file.seek(len(DATA) + 5) == len(DATA) + 5
        assert file.read(1) == b""
        assert file.name == str(path)
    assert member(archive, "e.mp4").read_bytes() == b""
    for mode in ("r", "wb", "ab"):
        with pytest.raises(ValueError, match="'rb'"):
            path.open(mode)


def test_folders_and_what_is_missing(archive: Path, tmp_path: Path) -> None:
    top = Member(f"{archive}!")
    assert sorted(path.name for path in top.iterdir()) == ["a", "e.mp4"]
    assert sorted((top / "a").iterdir()) == [member(archive, "a/b.mp4"), member(archive, "a/c")]
    assert [top.is_dir(), (top / "a").is_dir(), (top / "a/b.mp4").is_dir()] == [True, True, False]
    assert [(top / "a/b.mp4").is_file(), (top / "a").is_file(), (top / "a/c/d.jpg").exists()] == [True, False, True]
    assert [(top / "x").exists(), Member(f"{tmp_path}/gone.zip!/a").exists()] == [False, False]
    for path in (top / "x", Member(f"{tmp_path}/gone.zip!/a")):
        with pytest.raises(FileNotFoundError):
            path.stat()
        with pytest.raises(FileNotFoundError):
            path.open("rb")


def test_a_member_keeps_what_it_is(archive: Path) -> None:
    path = member(archive, "a/b.mp4")
    assert (path.archive, path.inner, path.name, path.suffix) == (archive, "a/b.mp4", "b.mp4", ".mp4")
    assert path.place == archive.with_suffix("") / "a/b.mp4"
    for other in (
        media_path(str(path)),
        media_path(Path(path)),
        pickle.loads(pickle.dumps(path)),
        path.parent / "b.mp4",
    ):
        assert isinstance(other, Member)
        assert other == path


@pytest.mark.parametrize("text", ["a.mp4", "a!/b.mp4", "a.zip/b.mp4", "a.zip!b/c.mp4", "what!.mp4", "a.tar.gz!/b.mp4"])
def test_other_paths_stay_paths(text: str) -> None:
    assert not isinstance(media_path(text), Member)


def test_a_folder_that_is_named_like_an_archives_inside_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.zip!").mkdir()
    (tmp_path / "a.zip!/b.mp4").write_bytes(b"x")
    assert not isinstance(media_path(tmp_path / "a.zip!/b.mp4"), Member)


def test_the_copy_for_other_libraries_has_the_content_and_no_name(archive: Path, temporary: Path) -> None:
    with local_name(member(archive, "a/b.mp4")) as name:
        assert Path(name).read_bytes() == DATA
        assert list(temporary.iterdir()) == []
    with local_name(archive) as name:
        assert name == str(archive)


def test_an_archive_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    path = member(pack(tmp_path / "a.zip", {"a": DATA}, "deflated"), "a")
    assert path.read_bytes() == DATA
    pack(tmp_path / "a.zip", {"b": b"", "a": DATA[1:]}, "deflated")
    assert path.read_bytes() == DATA[1:]


def test_large_compressed_members_go_through_a_file_without_a_name(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "_IN_MEMORY", 1000)
    monkeypatch.setattr(content, "_BLOCK", 10_000)
    path = member(pack(tmp_path / "a.zip", {"a": DATA}, "deflated"), "a")
    with path.open("rb") as file:
        assert file.read() == DATA
        assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("./a/./b.mp4", "a/b.mp4"),
        ("a\\b.mp4", "a/b.mp4"),
        ("a/../b.mp4", None),
        ("../b.mp4", None),
        ("/etc/passwd", None),
        ("__MACOSX/a/b.mp4", None),
        ("a/._b.mp4", None),
        ("a\nb.mp4", None),
    ],
)
def test_names(tmp_path: Path, written: str, read: str | None) -> None:
    assert list(listing_of(pack(tmp_path / "a.zip", {written: b"x"})).files) == ([read] if read else [])


def test_names_in_utf_8_that_do_not_say_so(tmp_path: Path) -> None:
    """A Mac's own archiver sets no flag: the same bytes read as code page 437 are `caf├⌐`."""
    path = pack(tmp_path / "a.zip", {"caf#": b"x"})
    named = path.read_bytes().replace(b"caf#", b"ca\xc3\xa9")
    path.write_bytes(named)
    assert list(listing_of(path).files) == ["ca\u00e9"]


def test_names_in_code_page_437(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"caf#": b"x"})
    path.write_bytes(path.read_bytes().replace(b"caf#", b"caf\x82"))
    assert list(listing_of(path).files) == ["caf\u00e9"]


def test_links_in_a_tar_to_files_in_it(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.tar", {"a": DATA})
    with tarfile.open(path, "a") as tar:
        for name, kind, target in (("hard", tarfile.LNKTYPE, "a"), ("soft", tarfile.SYMTYPE, "/etc/passwd")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            tar.addfile(info)
    assert member(path, "hard").read_bytes() == DATA
    assert not member(path, "soft").exists()


def refused(path: Path, reason: str, said: str) -> None:
    with pytest.raises(MediaError, match=said) as caught:
        path.open("rb")
    assert caught.value.reason == reason
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()


def _set(archive: Path, offset_in_directory: int, form: str, value: int) -> None:
    """Overwrite a field of the first entry of a zip's directory."""
    data = bytearray(archive.read_bytes())
    struct.pack_into(form, data, data.index(b"PK\1\2") + offset_in_directory, value)
    archive.write_bytes(data)


def test_encrypted(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"a": DATA})
    _set(path, 8, "<H", 1)
    assert member(path, "a").exists()
    refused(member(path, "a"), "unsupported", r"a\.zip!/a: is encrypted; unpack")


def test_methods_that_are_not_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as zipped:
        zipped.writestr("a", DATA)
    refused(member(tmp_path / "a.zip", "a"), "unsupported", "method 14; unpack")


@pytest.mark.parametrize(
    ("way", "offset", "form", "value", "reason", "said"),
    [
        ("stored", 20, "<I", 1 << 30, "truncated", "beyond its archive"),
        ("stored", 24, "<I", 7, "corrupt", "two sizes"),
        ("stored", 42, "<I", 10, "corrupt", "not where its archive says"),
        ("deflated", 24, "<I", len(DATA) + 1, "corrupt", "not as long"),
        ("deflated", 24, "<I", len(DATA) - 1, "corrupt", "not as long"),
        ("deflated", 16, "<I", 0, "corrupt", "damaged"),
        ("deflated", 24, "<I", (4 << 30) - 1, "too_large", "packed into"),
    ],
)
def test_a_zip_that_lies(tmp_path: Path, way: str, offset: int, form: str, value: int, reason: str, said: str) -> None:
    path = pack(tmp_path / "a.zip", {"a": DATA}, way)
    _set(path, offset, form, value)
    refused(member(path, "a"), reason, said)


def test_content_that_is_damaged(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"a": os.urandom(5000) + DATA}, "deflated")
    data = bytearray(path.read_bytes())
    data[2000:2100] = bytes(100)
    path.write_bytes(data)
    refused(member(path, "a"), "corrupt", "damaged|cannot be unpacked")


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pack(tmp_path / "a.zip", {"a": bytes(64 << 20)}, "deflated")
    monkeypatch.setattr(zlib, "decompressobj", None)
    refused(member(path, "a"), "too_large", "is 67108864 bytes, packed into")


def test_no_more_is_unpacked_than_is_stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pack(tmp_path / "a.zip", {"a": bytes(32 << 20)}, "deflated")
    _set(path, 24, "<I", 1000)
    written: list[int] = []
    monkeypatch.setattr(content, "_write", lambda _, block, __: written.append(len(block)))
    refused(member(path, "a"), "corrupt", "not as long")
    assert sum(written) <= 1000


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
@pytest.mark.parametrize(
    ("content_", "said"),
    [
        (b"", "is no .* file"),
        (b"<html>not found</html>" * 100, "is no .* file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "pointer of git-lfs"),
        (b"PK\3\4" + bytes(4000), "is no .* file, or one that is cut off"),
    ],
)
def test_what_is_no_archive(tmp_path: Path, name: str, content_: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content_)
    with pytest.raises(MediaError, match=said):
        listing_of(tmp_path / name)
    assert not member(tmp_path / name, "a").exists()


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.zip")
    with pytest.raises(MediaError, match="no regular file"):
        listing_of(tmp_path / "a.zip")


def test_what_a_cut_tar_still_holds(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.tar", {"a": DATA, "b": DATA, "c": DATA})
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"b\0") + 1000])
    assert member(path, "a").read_bytes() == DATA
    refused(member(path, "b"), "truncated", "cut off, as its archive is")
    assert "cut off or damaged after 2 files" in str(listing_of(path).damage)


def test_a_tar_whose_header_would_fill_the_memory(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        info = tarfile.TarInfo("PaxHeaders")
        info.type, info.size = tarfile.XHDTYPE, 8 << 20
        with (tmp_path / "zero").open("w+b") as zeros:
            zeros.truncate(info.size)
            tar.addfile(info, zeros)
    with pytest.raises(MediaError, match="has a header of 8388608 bytes"):
        listing_of(tmp_path / "a.tar")


def test_more_files_than_any_data_set_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_MEMBERS", 2)
    with pytest.raises(MediaError, match="more than 2 files"):
        listing_of(pack(tmp_path / "a.zip", {"a": b"", "b": b"", "c": b""}))


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_IN_MEMORY", 10)
    path = pack(tmp_path / "a.zip", {"a": DATA}, "deflated")

    class Full:
        def __enter__(self) -> Full:  # noqa: PYI034 - typing has Self from Python 3.11 on
            return self

        def __exit__(self, *_: object) -> None: ...

        def write(self, _: bytes) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", Full)
    refused(member(path, "a"), "unreadable", "does not fit into .*No space left on device.*TMPDIR")


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_changed_in_an_archive_ends_in_content_or_one_line(archive: Path, seed: int) -> None:
    random, whole, changed = Random(seed), archive.read_bytes(), archive.with_stem("changed")
    for number in range(150):
        data = bytearray(whole)
        for _ in range(random.choice((1, 2, 20))):
            at = random.randrange(len(data))
            data[at : at + random.choice((0, 1, 1, 100))] = random.randbytes(random.choice((0, 1, 1, 3)))
        changed.with_stem(f"{number}").write_bytes(data)
        with suppress_one_line():
            for name in listing_of(changed.with_stem(f"{number}")).files:
                member(changed.with_stem(f"{number}"), name).read_bytes()


@contextmanager
def suppress_one_line() -> Iterator[None]:
    """Let a MediaError of one line pass."""
    try:
        yield
    except MediaError as error:
        if "\n" in str(error):
            raise
