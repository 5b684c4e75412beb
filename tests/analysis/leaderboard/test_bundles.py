"""Bundles: the same bytes for the same files, and nothing of a hostile one reaches the disk outside its folder."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile

import pytest

from eval.analysis.leaderboard.keys import refuse_secrets
from eval.errors import ConfigError, DataError
from eval.runs import bundle as bundles
from eval.runs.bundle import MANIFEST, is_bundle, open_bundle, pack
from eval.runs.places import without_places

FILES = {"result.json": b"{}", "predictions.jsonl": b"1\n" * 300, "scores.jsonl": b""}
PLAIN = list(FILES.items())


def manifest_of(plain, **changes):
    about = {name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in plain}
    return json.dumps({"kind": "tarsier-eval run", "format": 1, "files": about, **changes}).encode()


def archive(members, *, manifest=True, **changes):
    """A gzipped tar with these (name, content) pairs or TarInfos, after a manifest that fits them."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.USTAR_FORMAT) as tar:
        plain = [member for member in members if isinstance(member, tuple)]
        for member in [*([(MANIFEST, manifest_of(plain, **changes))] if manifest else []), *members]:
            if isinstance(member, tuple):
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
            else:
                tar.addfile(member)
    return packed.getvalue()


def opened(content, tmp_path):
    path = tmp_path / "b.tar.gz"
    path.write_bytes(content)
    folder = tmp_path / "inner" / "folder"
    folder.mkdir(parents=True)
    open_bundle(path, folder)
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}


def test_a_bundle_gives_back_its_files_and_is_always_the_same(tmp_path):
    content = pack(FILES)
    assert content == pack(dict(reversed(FILES.items())))
    assert opened(content, tmp_path) == FILES
    assert is_bundle(tmp_path / "b.tar.gz")


def test_what_another_program_packed_the_same_way_is_read(tmp_path):
    assert opened(archive(PLAIN), tmp_path) == FILES


def test_any_tar_reads_it_and_it_names_nobody(tmp_path):
    (tmp_path / "b.tar.gz").write_bytes(pack(FILES))
    with tarfile.open(tmp_path / "b.tar.gz") as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == [MANIFEST, "result.json", "predictions.jsonl", "scores.jsonl"]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}


@pytest.mark.parametrize("files", [{**FILES, "video.mp4": b""}, {"result.json": b""}])
def test_what_is_not_allowed_is_not_packed(files):
    with pytest.raises(ValueError, match="in a bundle"):
        pack(files)


def link(name, kind):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


HOSTILE = {
    "no archive": b"nothing",
    "no gzip": pack(FILES)[2:],
    "cut": pack(FILES)[:-40],
    "cut inside": gzip.compress(gzip.decompress(pack(FILES))[:1500]),
    "more after the end": gzip.compress(gzip.decompress(pack(FILES)) + b"x"),
    "another archive after the end": pack(FILES) + pack(FILES),
    "no end": gzip.compress(gzip.decompress(pack(FILES))[:-1024]),
    "no manifest": archive(PLAIN, manifest=False),
    "manifest is not JSON": archive([(MANIFEST, b"{"), *PLAIN], manifest=False),
    "manifest is a list": archive([(MANIFEST, b"[]"), *PLAIN], manifest=False),
    "manifest is deep": archive([(MANIFEST, b"[" * 100_000), *PLAIN], manifest=False),
    "manifest is large": archive([(MANIFEST, b" " * (2 << 20)), *PLAIN], manifest=False),
    "another format": archive(PLAIN, format=2),
    "another kind": archive(PLAIN, kind="x"),
    "required file is missing": archive(PLAIN[:2]),
    "up": archive([*PLAIN, ("../evil", b"x")]),
    "absolute": archive([*PLAIN, ("/tmp/evil", b"x")]),
    "folder in the name": archive([*PLAIN, ("a/result.json", b"x")]),
    "not allowed": archive([*PLAIN, ("evil.py", b"x")]),
    "not in the manifest": archive([*PLAIN, ("run.json", b"{}")], files=json.loads(manifest_of(PLAIN))["files"]),
    "in the manifest alone": archive(PLAIN, files=json.loads(manifest_of([*PLAIN, ("run.json", b"{}")]))["files"]),
    "twice": archive([*PLAIN, PLAIN[0]]),
    "link": archive([*PLAIN[1:], link("result.json", tarfile.SYMTYPE)], files=json.loads(manifest_of(PLAIN))["files"]),
    "hard link": archive([link("result.json", tarfile.LNKTYPE), *PLAIN]),
    "device": archive([link("result.json", tarfile.CHRTYPE), *PLAIN]),
    "folder": archive([link("result.json", tarfile.DIRTYPE), *PLAIN]),
    "sparse": archive([link("result.json", tarfile.GNUTYPE_SPARSE), *PLAIN]),
    "long name": archive([link("result.json", tarfile.GNUTYPE_LONGNAME), *PLAIN]),
    "extended header": archive([link("result.json", tarfile.XHDTYPE), *PLAIN]),
    "another content": archive([("result.json", b"[]"), *PLAIN[1:]], files=json.loads(manifest_of(PLAIN))["files"]),
    "negative size": archive(PLAIN, files={name: {"bytes": -1, "sha256": ""} for name, _ in PLAIN}),
    "text as size": archive(PLAIN, files={name: {"bytes": "1", "sha256": ""} for name, _ in PLAIN}),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_bundles_are_refused_in_one_line(kind, tmp_path):
    with pytest.raises(DataError) as error:
        opened(HOSTILE[kind], tmp_path)
    assert str(tmp_path / "b.tar.gz") in str(error.value)
    assert "\n" not in str(error.value)
    assert [entry.name for entry in (tmp_path / "inner").iterdir()] == ["folder"]
    assert {entry.name for entry in (tmp_path / "inner" / "folder").iterdir()} <= set(FILES)
    assert not any(entry.is_symlink() for entry in tmp_path.rglob("*"))


def test_a_bomb_is_refused_before_it_unpacks(tmp_path, monkeypatch):
    monkeypatch.setattr(bundles, "FREE", 1 << 20)
    bomb = archive([("result.json", b"\0" * (16 << 20)), *PLAIN[1:]])
    assert len(bomb) < 20_000
    with pytest.raises(DataError, match="more than"):
        opened(bomb, tmp_path)
    assert list((tmp_path / "inner" / "folder").iterdir()) == []


def test_a_bomb_that_lies_about_its_size_is_refused_at_once(tmp_path):
    lying = {name: {"bytes": 1, "sha256": ""} for name, _ in PLAIN}
    with pytest.raises(DataError, match="not as its manifest says"):
        opened(archive([("result.json", b"\0" * (16 << 20)), *PLAIN[1:]], files=lying), tmp_path)
    assert list((tmp_path / "inner" / "folder").iterdir()) == []


def test_what_is_too_large_is_not_packed(monkeypatch):
    monkeypatch.setattr(bundles, "MAX_BYTES", 100)
    with pytest.raises(DataError, match="MiB"):
        pack(FILES)


def test_spoilt_bytes_are_noticed(tmp_path):
    content = pack(FILES)
    for position in range(12, len(content) - 8, 5):  # gzip's own header says nothing about the content
        folder = tmp_path / str(position)
        folder.mkdir()
        try:
            found = opened(content[:position] + bytes([content[position] ^ 0x10]) + content[position + 1 :], folder)
        except DataError:
            continue
        assert found == FILES  # a bit that counts for nothing


@pytest.mark.parametrize("key", ["sk-abcdefgh", 'quo"te-key', "ümlaut-key", "back\\slash"])
def test_a_key_is_found_in_every_way_it_may_be_written(key, monkeypatch):
    monkeypatch.setenv("MY_KEY", key)
    for content in (key, json.dumps({"k": f"a{key}b"}), json.dumps(key, ensure_ascii=False)):
        with pytest.raises(ConfigError, match=r"predictions\.jsonl holds the key in \$MY_KEY") as error:
            refuse_secrets({"predictions.jsonl": content.encode()}, ["MY_KEY"], settings=())
        assert key not in str(error.value)
    refuse_secrets({"predictions.jsonl": b"harmless"}, ["MY_KEY"], settings=())


def test_a_key_is_found_in_other_spellings_and_in_part(monkeypatch):
    key = "Zq8vT3nLw5RkXy7JpD2hMb6c"
    monkeypatch.setenv("MY_KEY", key)
    coded = base64.b64encode(f"user:{key}".encode()).decode().rstrip("=")
    for content in (key[::-1], key.encode().hex(), coded, " ".join(key), key[:12], "%5a" + key[1:]):
        with pytest.raises(ConfigError, match=r"predictions\.jsonl holds the key in \$MY_KEY"):
            refuse_secrets({"predictions.jsonl": f'{{"a": "{content}"}}'.encode()}, ["MY_KEY"], settings=())
    refuse_secrets({"predictions.jsonl": key[:11].encode()}, ["MY_KEY"], settings=())


def test_the_usual_variables_are_searched_for_and_no_placeholder_is_a_key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1234567890")
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        refuse_secrets({"config.yaml": b"judge: sk-1234567890"}, [], settings=())
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    refuse_secrets({"config.yaml": b"EMPTY"}, ["NOT_SET"], settings=())


def test_a_password_in_a_url_is_found_in_settings():
    with pytest.raises(ConfigError, match="user:password@host"):
        refuse_secrets({"config.yaml": b"url: https://me:secret@host/v1"}, [], settings=["config.yaml"])
    for harmless in (b"url: http://127.0.0.1:8000/v1", b"paper: https://arxiv.org/abs/1", b"a: 'x://y' # me:b@c"):
        refuse_secrets({"config.yaml": harmless}, [], settings=["config.yaml"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/me/data/MVBench.jsonl", ".../MVBench.jsonl"),
        ("/home/me/data/", ".../data"),
        ("~/data/x", ".../x"),
        ("~me/x", ".../x"),
        (r"C:\Users\me\x.mp4", ".../x.mp4"),
        (r"\\server\share\x", ".../x"),
        ("/", "/"),
        (".../x", ".../x"),
        ("omni-research/Tarsier-7b", "omni-research/Tarsier-7b"),
        ("http://127.0.0.1/v1", "http://127.0.0.1/v1"),
        ("built-in", "built-in"),
        ("or / and", "or / and"),
    ],
)
def test_paths_are_cut_to_names(text, expected):
    assert without_places({"a": [text, 1, None]}) == {"a": [expected, 1, None]}
