"""Archives from the internet: found with their parts, and unpacked without harm."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile

import pytest

from eval.archives import Member
from eval.errors import DataError
from eval.readers import unpacking
from eval.readers.archived import archives_below, looked_into
from eval.readers.unpacking import unpack


def zipped(path, members):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def tarred(path, members, mode="w"):
    with tarfile.open(path, mode) as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = tarfile.SYMTYPE, content
                file.addfile(info)
    return path


def names(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def only(root):
    (archive,) = archives_below(root)
    return archive


def test_archives_are_found_in_one_file_and_in_parts(tmp_path):
    folder = tmp_path / "video"
    folder.mkdir()
    for name in (
        "a.zip",
        "b.zip.002",
        "b.zip.001",
        "c.tar.gz.part00",
        "d.tar.aa",
        "e.rar",
        "f.mp4",
        "g.mp4.001",
        ".h.zip",
    ):
        (folder / name).write_bytes(b"1234")
    found = {archive.name: [part.name for part in archive.parts] for archive in archives_below(tmp_path)}
    assert found == {
        "a.zip": ["a.zip"],
        "b.zip": ["b.zip.001", "b.zip.002"],
        "c.tar.gz": ["c.tar.gz.part00"],
        "d.tar": ["d.tar.aa"],
        "e.rar": ["e.rar"],
    }
    with pytest.raises(DataError, match="needs a program of its own"):
        unpack(next(archive for archive in archives_below(tmp_path) if archive.name == "e.rar"))


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz"])
def test_an_archive_is_unpacked_where_it_lies(tmp_path, kind):
    path, members = tmp_path / f"star.{kind}", {"star/a.mp4": b"one", "star/b/c.mp4": b"two"}
    if kind == "zip":
        zipped(path, members)
    else:
        tarred(path, members, {"tar": "w", "tgz": "w:gz"}.get(kind, f"w:{kind[4:]}"))
    done = unpack(only(tmp_path))
    assert (done.new, done.kept, done.left_out) == (2, 0, ())
    assert names(tmp_path) == sorted([path.name, "star/a.mp4", "star/b/c.mp4"])
    assert (tmp_path / "star" / "b" / "c.mp4").read_bytes() == b"two"
    assert unpack(only(tmp_path)).kept == 2


def test_parts_are_read_as_one_file(tmp_path):
    content = zipped(tmp_path / "whole.zip", {"a.mp4": bytes(range(256)) * 20, "b.mp4": b"end"}).read_bytes()
    (tmp_path / "whole.zip").unlink()
    for n in range(3):
        third = len(content) // 3 + 1
        (tmp_path / f"v.zip.{n + 1:03}").write_bytes(content[n * third : (n + 1) * third])
    assert unpack(only(tmp_path)).new == 2
    assert (tmp_path / "a.mp4").read_bytes() == bytes(range(256)) * 20


def test_nothing_lands_elsewhere(tmp_path):
    inside = tmp_path / "data"
    inside.mkdir()
    bad = {
        "../out.mp4": b"x",
        "/tmp/abs.mp4": b"x",
        "a/../../b.mp4": b"x",
        "C:/w.mp4": b"x",
        "..\\y.mp4": b"x",
        "ok.mp4": b"x",
    }
    zipped(inside / "a.zip", bad)
    done = unpack(only(inside))
    assert (done.new, len(done.left_out)) == (1, 5)
    assert names(tmp_path) == ["data/a.zip", "data/ok.mp4"]


def test_links_and_a_macs_litter_are_left_out(tmp_path):
    tarred(
        tmp_path / "a.tar",
        {"link": "/etc/passwd", "link/x.mp4": b"x", "._a.mp4": b"m", "__MACOSX/a": b"m", "a.mp4": b"v"},
    )
    done = unpack(only(tmp_path))
    assert done.left_out == ("link",)
    assert not (tmp_path / "link").is_symlink()
    assert names(tmp_path) == ["a.mp4", "a.tar", "link/x.mp4"]
    (tmp_path / "a.tar").unlink()
    info = zipfile.ZipInfo("away")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as file:
        file.writestr(info, "/etc")
    assert unpack(only(tmp_path)).left_out == ("away",)


def test_a_link_that_is_there_does_not_lead_a_file_away(tmp_path):
    inside, other = tmp_path / "data", tmp_path / "other"
    inside.mkdir()
    other.mkdir()
    (inside / "v").symlink_to(other)
    zipped(inside / "a.zip", {"v/a.mp4": b"x"})
    assert unpack(only(inside)).new == 0
    assert names(other) == []


def test_what_is_there_stays(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"mine")
    zipped(tmp_path / "x.zip", {"a.mp4": b"theirs", "b.mp4": b"new"})
    done = unpack(only(tmp_path))
    assert (done.new, done.kept) == (1, 1)
    assert (tmp_path / "a.mp4").read_bytes() == b"mine"


@pytest.mark.parametrize("content", [b"no archive", b"PK\x03\x04 and nothing"])
def test_a_damaged_one_leaves_nothing(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpack(only(tmp_path))
    assert names(tmp_path) == ["a.zip"]
    assert list(tmp_path.iterdir()) == [tmp_path / "a.zip"]


@pytest.mark.parametrize("make", [zipped, tarred])
def test_what_would_fill_the_disk_is_refused(tmp_path, monkeypatch, make):
    make(tmp_path / f"a.{'zip' if make is zipped else 'tar'}", {"a.mp4": bytes(2000)})
    monkeypatch.setattr(unpacking, "_room", lambda _: 1000)
    with pytest.raises(DataError, match="the disk has room for"):
        unpack(only(tmp_path))
    assert len(list(tmp_path.iterdir())) == 1


def test_a_member_that_holds_more_than_it_states_is_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a.mp4": bytes(5000)})
    content = path.read_bytes()
    at = content.index(b"PK\x01\x02")
    path.write_bytes(content[: at + 24] + (10).to_bytes(4, "little") + content[at + 28 :])
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpack(only(tmp_path))
    assert names(tmp_path) == ["a.zip"]


def test_what_an_archive_lists_shows_damage(tmp_path):
    whole = zipped(tmp_path / "whole.zip", {"v/a.mp4": "a" * 1000, "v/b.mp4": "b" * 1000})
    content = whole.read_bytes()
    (tmp_path / "cut.zip").write_bytes(content[:-100])
    (tmp_path / "hole.zip").write_bytes(b"\0" * 50 + content[50:])
    (tmp_path / "page.zip").write_text("<!DOCTYPE html><html>")
    (tmp_path / "pointer.zip").write_text("version https://git-lfs.github.com/spec/v1\n")
    (tmp_path / "empty.tgz").write_bytes(b"")
    (tmp_path / "parts.zip.001").write_bytes(content[:500])  # the second part was not fetched
    tar = tarred(tmp_path / "whole.tar", {"v/a.mp4": b"a" * 5000})
    (tmp_path / "cut.tar").write_bytes(tar.read_bytes()[:3000])
    (tmp_path / "odd.rar").write_bytes(b"?")
    found = {each.name: each for each in map(looked_into, archives_below(tmp_path))}
    assert {name for name, each in found.items() if each.fault} == {
        "cut.zip", "hole.zip", "page.zip", "pointer.zip", "empty.tgz", "parts.zip", "cut.tar",
    }  # fmt: skip
    assert {name for name, each in found.items() if each.is_offered} == {"whole.zip", "whole.tar"}
    assert found["cut.zip"].fault.startswith("is damaged or cut off (")
    assert "git lfs pull" in found["pointer.zip"].fault
    assert "web page" in found["page.zip"].fault


@pytest.mark.parametrize("place", ["", "x"])
@pytest.mark.parametrize("make", [zipped, tarred])
def test_an_archive_that_is_unpacked_already_is_not_offered(make, place, tmp_path):
    end = "zip" if make is zipped else "tar"
    make(tmp_path / f"x.{end}", {"v/a.mp4": b"1234", "__MACOSX/._a": b"-", "v/b.mp4": b"12"})
    folder = tmp_path / place / "v"
    folder.mkdir(parents=True)
    (folder / "a.mp4").write_bytes(b"1234")
    (folder / "b.mp4").write_bytes(b"1")
    assert looked_into(only(tmp_path)).is_offered  # a file that was not copied whole
    (folder / "b.mp4").write_bytes(b"12")
    found = looked_into(only(tmp_path))
    assert found.is_unpacked
    assert not found.is_offered


def in_place(root, name):
    (archive,) = [path for path in root.iterdir() if path.is_file() and not path.name.startswith(".")]
    return (Member(f"{archive}!") / name).read_bytes()


def test_of_one_name_the_last_member_holds_and_a_file_gives_way_to_a_folder(tmp_path):
    zipped(tmp_path / "a.zip", {"v/a.mp4": b"first", "v": b"a file"})
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as file, pytest.warns(UserWarning, match="Duplicate name"):
        file.writestr("v/a.mp4", "second")
    assert in_place(tmp_path, "v/a.mp4") == b"second"
    done = unpack(only(tmp_path))
    assert (done.new, done.left_out) == (1, ("v",))
    assert (tmp_path / "v" / "a.mp4").read_bytes() == b"second"
    (tmp_path / "a.zip").unlink()
    (tmp_path / "v" / "a.mp4").unlink()
    (tmp_path / "v").rmdir()
    tarred(tmp_path / "a.tar", {"w": b"a file", "w/a.mp4": b"x"})
    assert in_place(tmp_path, "w/a.mp4") == b"x"
    assert (unpack(only(tmp_path)).left_out, names(tmp_path)) == (("w",), ["a.tar", "w/a.mp4"])


def test_a_tar_by_the_name_of_a_zip_and_a_zip_by_that_of_a_tar(tmp_path):
    tarred(tmp_path / "a.zip", {"a.mp4": b"x"})
    assert in_place(tmp_path, "a.mp4") == b"x"
    zipped(tmp_path / "b.tar", {"b.mp4": b"y"})
    assert [unpack(archive).new for archive in archives_below(tmp_path)] == [1, 1]
    assert [(tmp_path / name).read_bytes() for name in ("a.mp4", "b.mp4")] == [b"x", b"y"]


def test_hard_links_to_members_before_them_have_their_content(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        for name, target in (("v/a.mp4", ""), ("v/b.mp4", "v/a.mp4"), ("v/c.mp4", "/etc/passwd"), ("d.mp4", "gone")):
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = (0 if target else 3, tarfile.LNKTYPE if target else info.type, target)
            file.addfile(info, io.BytesIO(b"" if target else b"one"))
    assert in_place(tmp_path, "v/b.mp4") == b"one"
    done = unpack(only(tmp_path))
    assert (done.new, done.left_out) == (2, ("v/c.mp4", "d.mp4"))
    assert (tmp_path / "v" / "b.mp4").read_bytes() == b"one"


def encrypted(path):
    content = bytearray(zipped(path, {"a.mp4": b"x"}).read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (encrypted, "it is encrypted; unpack it with its password"),
        (lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
        (os.mkfifo, "cannot be unpacked: no regular file, but a pipe"),
        (lambda path: path.symlink_to(path.name), "cannot be unpacked: Too many levels"),
    ],
)
def test_what_is_wrong_is_told_with_its_remedy(tmp_path, make, said):
    make(tmp_path / "a.zip")
    with pytest.raises(DataError, match=said) as raised:
        unpack(only(tmp_path))
    assert "fetch it again" not in str(raised.value)
    assert bool(only(tmp_path).fault) == (make is os.mkfifo or "levels" in said)


def test_how_far_it_is_is_told(tmp_path):
    zipped(tmp_path / "a.zip", {"a.mp4": bytes(3 << 20), "b.mp4": b"x"})
    places: list[int] = []
    unpack(only(tmp_path), places.append)
    assert places == sorted(places)
    assert len(places) >= 4
    assert places[-1] <= only(tmp_path).size
