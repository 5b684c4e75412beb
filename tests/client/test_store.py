"""The reply store: what is put is there, whatever else writes, breaks off or goes wrong."""

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from eval.client.outcomes import Usage
from eval.client.store import Identity, ReplyStore, StoredReply
from eval.errors import RunError

ROOT = Path(__file__).resolve().parents[2]


def verdict(key="a", **changes):
    """A verdict in which no field has the value of another, or one that stands for none."""
    made = StoredReply(
        key=key.ljust(64, "0"), provider="openai", served="m-2026-01-01", revision="r1", requested="m",
        outcome="refused", text='I "will" not.\r\n\u2028\U0001f600 \x00 \t', finish_reason="stop", fingerprint="fp_1",
        usage=Usage(input=11, output=7, cached=5, reasoning=3), retries=2, batch=True, url="http://x/v1",
        created=1_760_000_000.125, task="entail/native",
        request={"messages": [{"role": "user", "content": "é\u2028"}], "attempt": 1, "extra": {"a": None}},
    )  # fmt: skip
    return replace(made, **changes)


BARE = {"text": None, "finish_reason": None, "fingerprint": None, "usage": None, "batch": False, "outcome": "filtered"}
JUDGE = Identity(provider="openai", requested="m", revision="r1")


def key_of(name):
    return name.ljust(64, "0")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "verdicts.sqlite"


@pytest.fixture
def store(path):
    made = ReplyStore(path)
    yield made
    made.close()


@pytest.mark.parametrize("changes", [{}, BARE, {"text": ""}, {"usage": Usage(input=0, output=0)}, {"request": {}}])
def test_every_field_comes_back_as_it_was(store, path, changes):
    put = verdict(**changes)
    store.put([put])
    assert store.find([put.key], JUDGE) == {put.key: [put]}
    store.close()
    again = ReplyStore(path)
    assert again.find([put.key], JUDGE) == {put.key: [put]}
    again.close()


def test_no_two_fields_are_stored_in_each_others_place():
    """So that the round trip above would notice."""
    values = [getattr(verdict(), field.name) for field in fields(StoredReply)]
    assert len({repr(value) for value in values}) == len(values) == 16


def test_the_first_reply_to_a_call_stays(store):
    first, later = verdict(text="first"), verdict(text="later", created=2_000_000_000.0)
    store.put([first])
    store.put([later, verdict("b")])
    store.put([verdict("c", text="x"), verdict("c", text="y")])
    found = store.find([key_of("a"), key_of("c")], JUDGE)
    assert [some[0].text for some in found.values()] == ["first", "x"]
    assert [len(some) for some in found.values()] == [1, 1]


def test_each_judge_has_its_own_reply(store):
    kinds: list[dict[str, Any]] = [
        {},
        {"served": "m-2025", "created": 1_750_000_000.0},
        {"revision": ""},
        {"provider": "azure"},
        {"requested": "other", "served": "m"},
        {"requested": "other", "served": "other-2026"},
    ]
    store.put([verdict(text=str(i), **kind) for i, kind in enumerate(kinds)])

    def texts(**judge):
        found = store.find(
            [key_of("a")], Identity(**{"provider": "openai", "requested": "m", "revision": "r1", **judge})
        )
        return [one.text for one in found.get(key_of("a"), [])]

    # As requested or as served, the oldest first.
    assert texts() == ["1", "0", "4"]
    assert texts(requested="m-2026-01-01") == ["0"]
    assert texts(requested="m-2025") == ["1"]
    assert texts(requested="other") == ["4", "5"]
    assert texts(revision="") == ["2"]
    assert texts(provider="azure") == ["3"]
    assert texts(provider="local") == texts(requested="none") == []


def test_more_keys_than_one_query_takes(store):
    store.put([verdict(f"k{i}-", text=str(i)) for i in range(2000)])
    keys = [key_of(f"k{i}-") for i in range(2500)]
    found = store.find([*keys, *keys], JUDGE)
    assert {key: some[0].text for key, some in found.items()} == {key: str(i) for i, key in enumerate(keys[:2000])}
    assert all(len(some) == 1 for some in found.values())
    assert store.find([], JUDGE) == {}
    store.put([])


def test_the_store_says_who_judged_and_how_servers_were_asked(store, path):
    assert (store.judges(), store.extras(), store.all_capabilities()) == ([], [], [])
    store.put([
        verdict("a"), verdict("b"), verdict("c", provider="local", revision="", request={}),
        verdict("d", served="another", requested="any", request={"extra": {"seed": 7}}),
    ])  # fmt: skip
    assert store.judges() == [
        Identity(provider="local", requested="m-2026-01-01"),
        Identity(provider="openai", requested="another", revision="r1"),
        Identity(provider="openai", requested="m-2026-01-01", revision="r1"),
    ]
    assert sorted(store.extras(), key=len) == [{}, {"a": None}, {"seed": 7}]
    store.keep_capabilities("one", {"takes": {"system": False}})
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("INSERT INTO capabilities VALUES ('two', 'spoilt', 1)")
    assert store.all_capabilities() == [{"takes": {"system": False}}]


def test_what_calls_took_by_task_and_form(store):
    request = {"q": "x" * 11}  # {"q": "xxxxxxxxxxx"} has 20 characters
    store.put(
        [
            verdict("a", task="extract/native", usage=Usage(input=10, output=4), request=request),
            verdict("b", task="extract/native", usage=Usage(input=20, output=8), request=request),
            verdict("c", task="extract/native", usage=None, request=request),
            verdict("d", task="extract/tagged", usage=Usage(input=5, output=1), request=request),
            verdict("e", task="extract/native", usage=Usage(input=999, output=999), revision="other"),
            verdict("f", task="extract/native", usage=Usage(input=999, output=999), provider="azure"),
        ]
    )
    # 30 tokens in for 40 characters, and 6 out on the average.
    assert store.usage(JUDGE) == {"extract/native": (0.75, 6.0), "extract/tagged": (0.25, 1.0)}
    assert store.usage(Identity(provider="openai", requested="m-2026-01-01", revision="r1")) == store.usage(JUDGE)
    assert store.usage(Identity(provider="local", requested="m")) == {}


def test_what_a_server_takes(store):
    assert store.capabilities("j") is None
    store.keep_capabilities("j", {"takes": {"system": True}, "served": "é"})
    store.keep_capabilities("j", {"takes": {"system": False}, "served": "é"})
    store.keep_capabilities("k", {})
    assert store.capabilities("j") == {"takes": {"system": False}, "served": "é"}
    assert store.capabilities("k") == {}


def test_checks_of_one_judge_with_one_protocol(store):
    judge, protocol = {"name": "j", "served": "m"}, {"name": "native"}
    assert store.last_check(judge, protocol) is None
    for right in (1, 2):
        store.keep_check(judge, protocol, {"right": right})
    store.keep_check({**judge, "served": "n"}, protocol, {"right": 3})
    store.keep_check(judge, {"name": "upstream"}, {"right": 4})
    # The order of the keys is none of its identity.
    found = store.last_check(dict(reversed(judge.items())), protocol)
    assert found is not None
    assert found.pop("created") > 1_700_000_000
    assert found == {"right": 2}


def test_batches(store):
    store.keep_batch("intent-1", "j", ["a", "b"], "open")
    store.keep_batch("batch_2", "k", ["c"], "open")
    assert store.open_batches("j") == {"intent-1": ["a", "b"]}
    store.name_batch("intent-1", "batch_1")
    store.name_batch("intent-none", "batch_9")
    assert store.open_batches("j") == {"batch_1": ["a", "b"]}
    store.keep_batch("batch_1", "j", ["b"], "open")
    assert store.open_batches("j") == {"batch_1": ["b"]}
    store.keep_batch("batch_1", "j", ["a", "b"], "read")
    assert (store.open_batches("j"), store.open_batches("k")) == ({}, {"batch_2": ["c"]})


def test_a_write_that_breaks_off_leaves_the_store_usable(store):
    put = verdict("a")
    with pytest.raises(RunError, match="cannot be written"):
        store.put([put, replace(verdict("b"), served=None)])  # no name is no text: the row is refused
    assert store.find([put.key], JUDGE) == {}

    def interrupted():
        yield ("j", "{}", 1.0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store._write("INSERT INTO capabilities VALUES (?, ?, ?)", interrupted())
    assert store.capabilities("j") is None
    store.put([put])
    assert store.find([put.key], JUDGE) == {put.key: [put]}


# What is no store.


def no_database(path):
    path.write_text("verdicts of last year\n" * 100)


def truncated(path):
    whole = ReplyStore(path)
    whole.put([verdict(f"{i}-", text="x" * 1000) for i in range(200)])
    whole.close()
    path.write_bytes(path.read_bytes()[:20_000])


def newer(path):
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()


def folder(path):
    path.mkdir()


UNUSABLE = [no_database, truncated, newer, folder]


def use(path):
    """Do all that a run does with a store."""
    store = ReplyStore(path)
    try:
        store.capabilities("j")
        store.open_batches("j")
        store.usage(JUDGE)
        store.last_check({}, {})
        store.find([key_of(f"{i}-") for i in range(200)], JUDGE)
        store.put([verdict("new")])
    finally:
        store.close()


@pytest.mark.parametrize("make", UNUSABLE, ids=lambda make: make.__name__)
def test_what_is_no_store_is_named_with_a_remedy(path, make):
    path.parent.mkdir()
    make(path)
    with pytest.raises(RunError) as raised:
        use(path)
    said = str(raised.value)
    assert said.startswith(f"The reply store {path} ")
    assert "give another file with verdicts=<file>" in said.replace("Give", "give")
    assert "\n" not in said


def test_a_newer_version_is_left_as_it_is(path):
    path.parent.mkdir()
    newer(path)
    with pytest.raises(RunError, match="is of version 99, and this program reads 1"):
        ReplyStore(path)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone() == (0,)
    db.close()


def test_a_place_where_nothing_can_be_made(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "v.sqlite", Path("/proc/none/v.sqlite")):
        with pytest.raises(RunError) as raised:
            ReplyStore(path)
        assert str(path) in str(raised.value)
        assert "verdicts=<file>" in str(raised.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_place(tmp_path):
    (tmp_path / "shut").mkdir(mode=0o500)
    path = tmp_path / "v.sqlite"
    ReplyStore(path).close()
    path.chmod(0o400)
    for place in (tmp_path / "shut" / "v.sqlite", path):
        with pytest.raises(RunError) as raised:
            use(place)
        assert str(place) in str(raised.value)


def test_a_store_that_cannot_be_written_any_more(store, monkeypatch):
    put = verdict("a")
    store.put([put])
    store._db.execute("PRAGMA query_only=ON")
    with pytest.raises(RunError) as raised:
        store.put([verdict("b")])
    assert str(store.path) in str(raised.value)
    assert "Make room or give another file with verdicts=<file>" in str(raised.value)
    assert store.find([put.key], JUDGE) == {put.key: [put]}


DAMAGES = {
    "request": "'{'", "text": "'I will not.'", "outcome": "'replied'", "input": "12",
    "served": "'m-2026' || CHAR(0) || '1-01'", "fingerprint": "X'FF00'", "key": "'b'", "created": "'soon'",
}  # fmt: skip


@pytest.mark.parametrize("column", DAMAGES)
def test_a_reply_that_changed_since_it_was_stored_is_dropped_and_stored_anew(column, store, caplog):
    put, other = verdict(), verdict("other")
    store.put([put, other])
    store._db.execute(f"UPDATE verdicts SET {column} = {DAMAGES[column]} WHERE key = ?", (put.key,))
    found = store.find([put.key, other.key], JUDGE)
    assert found == {other.key: [other]}
    # A reply that has lost its address is not even found.
    assert ("holds 1 damaged replies; they are dropped and asked for again" in caplog.text) == (column != "key")
    store.put([put])
    assert store.find([put.key], JUDGE)[put.key][-1] == put


def test_bytes_that_are_no_text_end_no_query(store):
    store.put([verdict("a"), verdict("b")])
    store._db.execute("UPDATE verdicts SET text = CAST(X'E29C' AS TEXT) WHERE key = ?", (key_of("a"),))
    assert list(store.find([key_of("a"), key_of("b")], JUDGE)) == [key_of("b")]
    store._db.execute("DELETE FROM digests")
    store._db.execute("UPDATE verdicts SET text = CAST(X'E29C' AS TEXT) WHERE key = ?", (key_of("b"),))
    assert store.find([key_of("b")], JUDGE) == {}


def test_replies_of_earlier_versions_have_no_digest_and_count(path):
    with sqlite3.connect(path_made(path)) as db:
        db.execute("DROP TABLE digests")
    db.close()
    store = ReplyStore(path)
    assert store.find([key_of("a")], JUDGE) == {key_of("a"): [verdict("a")]}
    # Put again, the first reply stays, and is not judged by the second one's digest.
    store.put([verdict("a", text="later")])
    assert store.find([key_of("a")], JUDGE) == {key_of("a"): [verdict("a")]}
    store.close()


def test_notes_that_are_damaged(store):
    store.keep_capabilities("j", {"takes": {}})
    store.keep_check({}, {}, {"right": 1})
    store.keep_batch("batch_1", "j", ["a"], "open")
    for table, column in (("capabilities", "found"), ("checks", "health"), ("batches", "keys")):
        store._db.execute(f"UPDATE {table} SET {column} = '['")
    # What can be found out again is as if it had never been; what was handed over for money is not.
    assert (store.capabilities("j"), store.last_check({}, {})) == (None, None)
    with pytest.raises(RunError, match="is damaged"):
        store.open_batches("j")


# Files that a power cut or a disk has hurt.


def path_made(path, n=1):
    """Make a store with so many replies, `a` first."""
    whole = ReplyStore(path)
    whole.put([verdict("a")] if n == 1 else [verdict(f"{i}-", text="x" * 500) for i in range(n)])
    whole.close()
    return path


def test_a_store_of_no_bytes_begins_anew(path):
    path.parent.mkdir()
    path.touch()
    use(path)


@pytest.mark.parametrize("left", ["gone", "empty", "cut", "zeros", "text"])
def test_a_log_that_is_lost_loses_no_more_than_its_replies(left, path):
    """They are asked for again; what stands in the file itself is as it was."""
    path_made(path)
    writing = ReplyStore(path)
    writing.put([verdict("late")])
    log = Path(f"{path}-wal")
    kept, file = log.read_bytes(), path.read_bytes()
    writing.close()
    path.write_bytes(file)
    contents = {"empty": b"", "cut": kept[: len(kept) // 2], "zeros": b"\0" * len(kept), "text": b"no log\n" * 99}
    if left in contents:
        log.write_bytes(contents[left])
    store = ReplyStore(path)
    assert store.find([key_of("a"), key_of("late")], JUDGE) == {key_of("a"): [verdict("a")]}
    store.put([verdict("late")])
    store.close()


def test_a_store_cut_or_overwritten_anywhere_gives_its_replies_or_none_or_is_refused(path, caplog):
    """Never another reply, and never an error of SQLite's or Python's."""
    content = path_made(path, 40).read_bytes()
    wanted = {key_of(f"{i}-"): [verdict(f"{i}-", text="x" * 500)] for i in range(40)}
    generator = random.Random(6)
    ends = {"whole": 0, "fewer": 0, "refused": 0}
    said = []
    for number in range(120):
        at = generator.randrange(len(content))
        length = generator.choice((1, 4, 16, 512, 4096))
        hurt = content[:at] if number % 3 == 0 else content[:at] + b"\0" * length + content[at + length :]
        for beside in path.parent.iterdir():
            beside.unlink()
        path.write_bytes(hurt[: len(content)])
        try:
            store = ReplyStore(path)
        except RunError as error:
            said.append(str(error))
            continue
        try:
            store.capabilities("j")
            store.usage(JUDGE)
            found = store.find(wanted, JUDGE)
            assert all(wanted[key] == some for key, some in found.items())
            store.put([verdict("new"), *(some[0] for some in wanted.values())])
            ends["whole" if found == wanted else "fewer"] += 1
        except RunError as error:
            said.append(str(error))
        finally:
            store.close()
    ends["refused"] = len(said)
    assert not any("\n" in line for line in said)
    assert all(line.startswith(f"The reply store {path} ") and "verdicts=<file>" in line for line in said)
    assert sum(ends.values()) == 120
    assert min(ends.values()) > 3, ends


OTHER_USER = """
import os, sys
from pathlib import Path
from tests.client.test_store import use
from eval.errors import RunError
os.setgid(65534); os.setuid(65534)
for name in sys.argv[1:]:
    try:
        use(Path(name))
        print("used")
    except RunError as error:
        print(error)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
def test_a_file_and_a_folder_that_may_only_be_read():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "open").mkdir(mode=0o777)
        (Path(folder) / "open").chmod(0o777)
        paths = [path_made(Path(folder) / "v.sqlite"), path_made(Path(folder) / "open" / "v.sqlite")]
        paths += [Path(folder) / "new.sqlite", Path(folder) / "none" / "v.sqlite"]
        done = subprocess.run(
            [sys.executable, "-c", OTHER_USER, *map(str, paths)],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.stderr == ""
    said = done.stdout.splitlines()
    assert len(said) == 4
    for path, line in zip(paths, said, strict=True):
        assert line.startswith(f"The reply store {path} cannot be ")
        assert "verdicts=<file>" in line


FULL = """
import sys
from pathlib import Path
from eval.errors import RunError
from tests.client.test_store import JUDGE, ReplyStore, key_of, verdict
disk = Path(sys.argv[1])
store, n = ReplyStore(disk / "v.sqlite"), 0
try:
    while True:
        store.put([verdict(f"{n}-", text="x" * 100)])
        n += 1
except RunError as error:
    print(error)
(disk / "ballast").unlink()
found = store.find([key_of(f"{i}-") for i in range(n)], JUDGE)
print(n, len(found))
store.put([verdict("after")])
print(len(store.find([key_of("after")], JUDGE)))
store.close()
"""


@pytest.mark.slow
def test_a_full_disk_loses_nothing_that_was_stored(tmp_path):
    from tests.test_files import mounts

    command = [*mounts(tmp_path), sys.executable, "-c", FULL, str(tmp_path / "disk")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    error, counts, after = done.stdout.splitlines()
    assert error.startswith(f"The reply store {tmp_path / 'disk' / 'v.sqlite'} cannot be written: ")
    assert "full" in error
    assert "Make room or give another file" in error
    stored, found = map(int, counts.split())
    assert stored == found > 2
    assert after == "1"


# Several processes.

WRITER = """
import os, sys
from pathlib import Path
from eval.client.store import ReplyStore
from tests.client.test_store import verdict

path, name, n, end = sys.argv[1:]
sys.stdin.readline()
store = ReplyStore(Path(path))
for i in range(int(n)):
    store.put([verdict(f"{name}{i}-"), verdict(f"both{i}-", text=name)])
    if end == "die" and i == 20:
        store._db.execute("BEGIN IMMEDIATE")
        store._db.execute("UPDATE verdicts SET text = 'half'")
        os._exit(9)
store.close()
"""


def writer(path, name, n=100, end="close"):
    command = [sys.executable, "-c", WRITER, str(path), name, str(n), end]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_processes_that_write_at_once_lose_nothing(path):
    """They also make the file at once."""
    processes = [writer(path, name) for name in "ABCD"]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        assert process.communicate(timeout=120)[1] == ""
        assert process.returncode == 0
    store = ReplyStore(path)
    assert store._db.execute("SELECT COUNT(*) FROM verdicts").fetchone() == (4 * 100 + 100,)
    found = store.find([key_of(f"both{i}-") for i in range(100)], JUDGE)
    assert all(len(some) == 1 and some[0].text in {*"ABCD"} for some in found.values())
    assert store._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    store.close()


@pytest.mark.slow
def test_who_dies_in_mid_write_loses_only_that_write(path):
    process = writer(path, "A", end="die")
    assert process.communicate("\n", timeout=120)[1] == ""
    assert process.returncode == 9
    store = ReplyStore(path)
    found = store.find([key_of(f"{name}{i}-") for name in ("A", "both") for i in range(100)], JUDGE)
    assert len(found) == 2 * 21
    assert {some[0].text for some in found.values()} == {verdict().text, "A"}
    # Its lock died with it.
    store.put([verdict("later")])
    store.close()


def test_another_process_sees_what_was_put_while_the_store_is_open(store, path):
    other = ReplyStore(path)
    store.put([verdict()])
    assert list(other.find([key_of("a")], JUDGE)) == [key_of("a")]
    other.close()


def test_who_forgets_to_close_warns_nobody(path, recwarn):
    """Python 3.13 warns of databases that are left open, and a judge is never told that it is the end."""
    ReplyStore(path).put([verdict()])
    import gc

    gc.collect()
    assert [str(one.message) for one in recwarn if issubclass(one.category, ResourceWarning)] == []


@pytest.mark.skipif(sys.platform == "win32", reason="an open file stays there")
@pytest.mark.parametrize("instead", [None, b"text"])
def test_a_store_that_is_taken_away_while_it_is_open_is_noticed(tmp_path, instead):
    store = ReplyStore(tmp_path / "v.sqlite")
    store.put([verdict()])
    (tmp_path / "v.sqlite").unlink()
    if instead is not None:
        (tmp_path / "v.sqlite").write_bytes(instead)
    with pytest.raises(RunError, match=r"was removed or replaced while it was in use"):
        store.put([verdict("b")])
