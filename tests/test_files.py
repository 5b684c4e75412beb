"""Files that survive: full disks of the kernel's own, permissions, links, and what is synced."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eval.errors import RunError
from eval.files import leftover_of, make_folder, refused, to_json, write_bytes_atomically, write_json, write_jsonl

ROOT = Path(__file__).resolve().parents[1]

FULL = """
import json, os, sys
from pathlib import Path
from eval.errors import RunError
from eval.runs.folder import open_run, write_json
disk, out = Path(sys.argv[1]), {}
run = open_run(disk / "run", {"a": 1}, "benchmark: b\\n")
run.append([{"id": "0"}])
before = n = run.predictions.read_bytes()
while "append" not in out:
    try:
        run.append([{"id": str(i), "output": "x" * 900} for i in range(20)])
        before = run.predictions.read_bytes()
    except RunError as error:
        out["append"] = str(error)
out["whole"] = run.predictions.read_bytes() == before and len(before) > 18_000
try:
    write_json(disk / "run" / "result.json", {"x": "y" * 100_000})
except RunError as error:
    out["write"] = str(error)
out["there"] = sorted(path.name for path in (disk / "run").iterdir())
if len(sys.argv) > 2:
    (disk / "ballast").unlink()
    run.append([{"id": "after"}])
    out["after"] = run.predictions.read_bytes() == before + b'{"id": "after"}\\n'
    write_json(disk / "run" / "result.json", {"x": 1})
    run.close()
    again = open_run(disk / "run", {"a": 1}, "benchmark: b\\n")
    out["notes"] = list(again.notes)
print(json.dumps(out))
"""


def python(program, *arguments, prefix=(), preexec=None):
    command = [*prefix, sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, preexec_fn=preexec, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def mounts(tmp_path):
    """Return the words before a command that give it a disk of 200 kB of its own, with a ballast of 60 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f'mount -t tmpfs -o size=200k none {disk} && head -c 60000 /dev/zero > {disk}/ballast && exec "$@"'
    prefix = ["unshare", "-rm", "sh", "-c", script, "sh"]
    try:
        able = subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        able = False
    if not able:
        pytest.skip("no file system can be mounted here")
    return prefix


@pytest.mark.slow
def test_a_full_disk_names_the_file_and_goes_on_once_there_is_room(tmp_path):
    found = python(FULL, tmp_path / "disk", "room", prefix=mounts(tmp_path))
    run = tmp_path / "disk" / "run"
    remedy = "Make room there and repeat the command; what was finished before is kept."
    assert found["append"] == f"{run / 'predictions.jsonl'} cannot be written: no space left on device. {remedy}"
    assert found["write"] == f"{run / 'result.json'} cannot be written: no space left on device. {remedy}"
    assert found["whole"]
    assert found["there"] == [".lock", "config.yaml", "predictions.jsonl", "run.json"]
    assert (found["after"], found["notes"]) == (True, [])


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no such limit there")
def test_a_file_that_may_not_grow_further_names_the_limit(tmp_path):
    import resource
    import signal

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    found = python(FULL, tmp_path, preexec=limit)
    assert "predictions.jsonl cannot be written: file too large. Raise the limit" in found["append"]
    assert "result.json cannot be written: file too large. Raise the limit" in found["write"]
    assert found["whole"]
    assert found["there"] == [".lock", "config.yaml", "predictions.jsonl", "run.json"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device")
def test_a_device_that_is_always_full(tmp_path):
    from eval.runs.journal import Journal

    (tmp_path / "p.jsonl").symlink_to("/dev/full")
    with pytest.raises(RunError, match=r"p\.jsonl cannot be written: no space left on device\. Make room"):
        Journal(tmp_path / "p.jsonl").append([{"id": "1"}])


@pytest.mark.parametrize("number", ["ENOSPC", "EDQUOT", "EIO", "EROFS", "EACCES", "EFBIG", "ESTALE"])
def test_whatever_a_disk_refuses_has_a_remedy_in_one_line(number, tmp_path, monkeypatch):
    def failing(*_):
        raise OSError(getattr(errno, number), os.strerror(getattr(errno, number)))

    path = tmp_path / "result.json"
    write_json(path, {"value": 1})
    monkeypatch.setattr("eval.files.os.fsync", failing)
    with pytest.raises(RunError) as raised:
        write_json(path, {"value": 2})
    said = str(raised.value)
    assert said.startswith(f"{path} cannot be written: ")
    assert said == str(refused(path, OSError(getattr(errno, number), os.strerror(getattr(errno, number)))))
    assert "\n" not in said
    assert [one.name for one in tmp_path.iterdir()] == ["result.json"]
    assert json.loads(path.read_text()) == {"value": 1}


def test_file_and_folder_are_synced_in_this_order(tmp_path, monkeypatch):
    """Or a power cut could leave the name of a file whose content was never written."""
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def noting(*arguments, real=real, name=name):
            kind = "folder" if name == "fsync" and Path(f"/proc/self/fd/{arguments[0]}").resolve().is_dir() else "file"
            calls.append(f"{name} {kind}" if name == "fsync" else name)
            return real(*arguments)

        monkeypatch.setattr(os, name, noting)
    write_bytes_atomically(tmp_path / "a", b"x")
    assert calls == ["fsync file", "replace", "fsync folder"]


@pytest.mark.skipif(os.name == "nt", reason="permissions are others there")
@pytest.mark.parametrize(("umask", "file", "folder"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700), (0, 0o644, 0o755)])
def test_permissions_keep_to_the_umask_and_nothing_is_writable_by_everybody(umask, file, folder, tmp_path):
    from eval.client.store import ReplyStore
    from eval.runs.journal import Journal

    before = os.umask(umask)
    try:
        make_folder(tmp_path / "a" / "b")
        write_json(tmp_path / "a" / "b" / "result.json", {})
        Journal(tmp_path / "a" / "b" / "p.jsonl").append([{}])
        store = ReplyStore(tmp_path / "a" / "v" / "verdicts.sqlite")
        store.keep_capabilities("j", {})
        found = {path: path.stat().st_mode & 0o777 for path in (tmp_path / "a").rglob("*")}
        store.close()
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == folder
    assert {path.name for path in found} >= {
        "b",
        "v",
        "result.json",
        "p.jsonl",
        "verdicts.sqlite",
        "verdicts.sqlite-wal",
    }
    for path, mode in found.items():
        assert mode == (folder if path.is_dir() else file), path


def test_a_link_that_was_put_in_the_place_of_a_half_written_file_is_not_followed(tmp_path, monkeypatch):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / ".a.00000000").symlink_to(tmp_path / "mine")
    monkeypatch.setattr("eval.files.secrets.token_hex", lambda _: "00000000")
    with pytest.raises(RunError, match="cannot be written: file exists"):
        write_bytes_atomically(tmp_path / "a", b"x")
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "of"),
    [
        (".result.json.0123abcd", "result.json"), (".p.jsonl.k3_x9z0q", "p.jsonl"), (".lock", None),
        ("result.json", None), (".result.json.short", None), (".result.json.0123ABCD", None),
    ],
)  # fmt: skip
def test_names_of_half_written_files(name, of, tmp_path):
    assert leftover_of(tmp_path / name) == of


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\ud83d\ude00", "\udc80 ü 😀"])
def test_half_a_character_never_ends_a_run(text, tmp_path):
    line = to_json({"é": text, text: [1]})
    found = json.loads(line.encode("utf-8"))
    mended = text.encode("utf-8", "replace").decode("utf-8")
    assert found == {"é": mended, mended: [1]}
    write_jsonl(tmp_path / "x.jsonl", [{"text": text}])
    assert json.loads((tmp_path / "x.jsonl").read_text(encoding="utf-8")) == {"text": mended}


def test_whole_characters_are_written_as_themselves():
    assert to_json({"a": "é 😀\u2028"}) == '{"a": "é 😀\u2028"}'


def test_no_file_takes_the_place_of_a_device_or_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        with pytest.raises(RunError, match="is a device, pipe or socket"):
            write_bytes_atomically(tmp_path / name, b"x")
    assert (tmp_path / "pipe").is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]
