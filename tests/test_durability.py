"""Every file that a command leaves behind, cut and overwritten: it is mended, or refused in one line by who reads it.

Never a number that differs from the untouched one, and never a traceback. What a power cut or a disk does to a file is
a cut at any byte, or zeros where something was. Readers alone are driven through every byte; commands, which take
longer, through places of each kind and some at random.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from eval.__main__ import main
from eval.errors import DataError, RunError
from eval.judges.replay import ReplayJudge
from eval.readers.predictions import read_run
from eval.runs.checksums import verify
from eval.runs.folder import open_run, read_record
from tests.cli.judged import descriptions, result, score, served
from tests.cli.runs import evaluate, needs_world
from tests.client.server import JudgeServer
from tests.judges.sensible import sensible

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("read_here")]

Damage = tuple[str, bytes]
Refused = (RunError, DataError)


def every_byte(content: bytes, n_records: int = 2) -> Iterator[Damage]:
    """Yield the content cut at every byte of its last records, and with zeros at each of them."""
    start = 0 if content.count(b"\n") <= n_records else content[:-1].rsplit(b"\n", n_records)[0].__len__() + 1
    for at in range(start, len(content)):
        yield f"cut at {at}", content[:at]
        yield f"zeros at {at}", zeros(content, at, 3)


def some(content: bytes, n: int) -> Iterator[Damage]:
    """Yield the content cut at the end of each of its last lines and around it, and cut and overwritten at random."""
    places = [at + 1 for at, byte in enumerate(content) if byte == ord("\n")][-3:]
    for at in sorted({0, 1, *(place + off for place in places for off in (-2, -1, 0, 1)), len(content) - 9}):
        if 0 <= at < len(content):
            yield f"cut at {at}", content[:at]
    generator = random.Random(len(content))
    for _ in range(n):
        at = generator.randrange(len(content))
        yield f"cut at {at}", content[:at]
        yield f"zeros at {at}", zeros(content, at, generator.choice((1, 3, 40, 512)))
    yield "zeros behind", content + b"\0" * 512


def zeros(content: bytes, at: int, length: int) -> bytes:
    return (content[:at] + b"\0" * length + content[at + length :])[: len(content)]


def put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def sound(read: Callable[[], object]) -> str:
    """Return how reading ended: `read`, or `refused` in one line."""
    try:
        read()
    except Refused as error:
        return "refused" if "\n" not in str(error) else "more than a line"
    return "read"


# Readers, at every byte.

ROWS: list[dict[str, Any]] = [
    {
        "id": f"TV_{i}", "benchmark": "tv", "subset": "é", "prompt": "<video> ü?", "output": out, "error": None,
        "n_frames": 8, "targets": ["A"], "options": ["x", "y"], "cluster": "v", "metadata": {"question": "q"},
    }
    for i, out in enumerate(["A", "(B) \U0001f600", "C\n", '"D"'])
]  # fmt: skip
SAME = {"benchmark": "tv", "n_samples": 4, "model": {"name": "m"}}
CONFIG = "benchmark:\n  name: tv\nmodel:\n  name: m\n"


@pytest.fixture
def run(tmp_path):
    with open_run(tmp_path / "run", SAME, CONFIG) as folder:
        folder.append(ROWS)
    return tmp_path / "run"


def test_predictions_at_every_byte_go_on_with_what_was_whole(run):
    path = run / "predictions.jsonl"
    content, ends = path.read_bytes(), Counter[str]()
    last = content[:-1].rindex(b"\n") + 1
    for what, hurt in every_byte(content):
        put(path, hurt)
        if hurt.rfind(b"\0") in range(last - 1):
            # A hurt line with a sound one behind it, which is no crash's doing. Where the zeros took the line's end,
            # the two have become one.
            with pytest.raises(RunError, match=r"predictions\.jsonl:3: this line is damaged, and sound ones follow"):
                open_run(run, SAME, CONFIG)
            ends["refused"] += 1
            continue
        with open_run(run, SAME, CONFIG) as folder:
            there = read_run(path, "tv", {row["id"] for row in ROWS})
            ids = [sample.id for sample, _ in there]
            assert ids == [row["id"] for row in ROWS][: len(ids)], what
            assert len(ids) >= 2, what
            folder.append(ROWS[len(ids) :])
            ends["repaired" if folder.notes else "redone"] += 1
        assert path.read_bytes() == content, what
    # A cut just between two lines leaves nothing to mend: one before each of the two records.
    assert ends["redone"] == 2
    assert min(ends["refused"], ends["repaired"]) > 100


def test_predictions_hurt_before_their_end_are_refused_by_line(run):
    path = run / "predictions.jsonl"
    content = path.read_bytes()
    last = content[:-1].rindex(b"\n") + 1
    for at in range(0, last - 3, 7):
        put(path, zeros(content, at, 3))
        with pytest.raises(RunError, match=r"predictions\.jsonl:\d: this line is damaged, and sound ones follow"):
            open_run(run, SAME, CONFIG)


@pytest.mark.parametrize("name", ["run.json", "config.yaml"])
def test_record_and_configuration_at_every_byte(name, run):
    content = (run / name).read_bytes()
    for what, hurt in every_byte(content, n_records=10**6):
        put(run / name, hurt)
        if name == "config.yaml":
            with open_run(run, SAME, CONFIG) as folder:
                assert "missing or damaged" in folder.notes[0], what
            assert (run / name).read_bytes() == content
        elif hurt == content[:-1]:
            assert read_record(run).fingerprint == SAME  # only the end of the last line is gone
        else:
            assert sound(lambda: read_record(run)) == "refused", what
            assert sound(lambda: open_run(run, SAME, CONFIG)) == "refused", what


# Commands.


def ended(argv: list[str], capsys: Any) -> tuple[int, str]:
    """Run a command; return its exit code and what it said. A refusal is one line, and the last one."""
    capsys.readouterr()
    code = main(argv)
    said = capsys.readouterr().err
    assert "Traceback" not in said
    if code == 2:
        assert said.splitlines()[-1].startswith("tarsier-eval: "), said
    return code, said


def numbers(folder: Path) -> dict[str, Any]:
    found = result(folder)
    return {name: found[name] for name in ("metrics", "counts", "score_id", "judge", "complete", "model", "benchmark")}


def check(path: Path, n: int, again: Callable[[], int], same: Callable[[], object]) -> Counter[str]:
    """Hurt a file in many ways; each time a command refuses it, or what it leaves equals what there was before."""
    content, wanted, ends = path.read_bytes(), same(), Counter[str]()
    for what, hurt in some(content, n):
        put(path, hurt)
        code = again()
        if code != 2:
            assert same() == wanted, f"{path.name}: {what}"
        ends["refused" if code == 2 else "same"] += 1
    put(path, content)
    assert again() != 2
    assert same() == wanted
    return ends


@needs_world
@pytest.mark.parametrize(
    "name", ["run.json", "config.yaml", "predictions.jsonl", "scores.jsonl", "result.json", "timeline.svg"]
)
def test_a_run_goes_on_from_each_of_its_files(name, n_points, tmp_path, capsys):
    out = tmp_path / "run"
    flags = ["--limit", "3", "model.outputs=[A]"]
    assert evaluate(out, *flags) == 0
    if not (out / name).exists():
        pytest.skip(f"this run writes no {name}")

    def same() -> object:
        return numbers(out), (out / "predictions.jsonl").read_bytes(), (out / "scores.jsonl").read_bytes()

    def again() -> int:
        argv = ["eval", "--bench", "mvbench", "--model", "scripted", "--out", str(out), *flags]
        code, said = ended(argv, capsys)
        assert name in said or code == 0
        return code

    ends = check(out / name, n_points, again, same)
    assert ends["same"] > 0
    if name not in ("run.json", "predictions.jsonl"):
        assert ends["refused"] == 0


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Descriptions that two judges scored, the reply store, and the bundle of the first; the server stays."""
    root = tmp_path_factory.mktemp("scored")
    with JudgeServer(sensible) as server:
        pred = descriptions(root / "p.jsonl")
        assert score(pred, root / "one", served(server.url)) == 0
        assert score(pred, root / "two", ["--judge", "offline"]) == 0
        assert main(["judge", "export", "--run", str(root / "one"), "--to", str(root / "b.tar.gz")]) == 0
        with closing(sqlite3.connect(root / "v.sqlite")) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        yield root, server.url


@pytest.fixture
def at(scored, tmp_path):
    """A copy of it, to be hurt."""
    root, url = scored
    for path in root.iterdir():
        (shutil.copytree if path.is_dir() else shutil.copy)(path, tmp_path / path.name)
    return tmp_path, url


@pytest.mark.parametrize("name", ["scores.jsonl", "result.json"])
def test_a_comparison_of_judges_takes_whole_scores_only(name, n_points, at, capsys):
    folder, _ = at
    compare = ["judge", "compare", "--first", str(folder / "one"), "--second", str(folder / "two")]
    compare += ["--to", str(folder / "c.json")]
    assert main(compare) == 0

    def same() -> object:
        found = json.loads((folder / "c.json").read_text())
        return {key: value for key, value in found.items() if key not in ("first", "second")}

    ends = check(folder / "one" / name, n_points, lambda: ended(compare, capsys)[0], same)
    # The end of a line that is not missed, in result.json.
    assert ends["same"] == (1 if name == "result.json" else 0)


@pytest.mark.parametrize("name", ["scores.jsonl", "verdicts.jsonl", "result.json"])
def test_an_export_takes_whole_verdicts_only(name, n_points, at, capsys):
    folder, _ = at
    export = ["judge", "export", "--run", str(folder / "one"), "--to", str(folder / "b.tar.gz")]
    ends = check(folder / "one" / name, n_points, lambda: ended(export, capsys)[0], (folder / "b.tar.gz").read_bytes)
    assert ends["same"] == (1 if name == "result.json" else 0)


def test_scores_of_another_scoring_do_not_pass_for_those_of_a_result(at, capsys):
    """What a kill leaves that comes between the two files."""
    folder, _ = at
    other = descriptions(folder / "q.jsonl", d0="A man closes a door.")
    assert score(other, folder / "other", ["--judge", "offline"]) == 0
    shutil.copy(folder / "other" / "scores.jsonl", folder / "one" / "scores.jsonl")
    code, said = ended(["judge", "compare", "--first", f"{folder / 'one'}", "--second", f"{folder / 'two'}"], capsys)
    assert (code, said.count("\n")) == (2, 1)
    assert "scores.jsonl is not as result.json was computed with it" in said


def test_a_bundle_is_replayed_whole_or_refused(n_points, at, capsys):
    folder, _ = at
    replay = ["judge", "replay", "--bundle", str(folder / "b.tar.gz"), "--out", str(folder / "again")]
    assert main(replay) == 0

    def again() -> int:
        code, _ = ended(replay, capsys)
        return code

    check(folder / "b.tar.gz", n_points, again, lambda: numbers(folder / "again"))


def test_fewer_predictions_than_were_scored_make_no_bundle(at, capsys):
    folder, _ = at
    run = folder / "one"
    lines = (folder / "p.jsonl").read_bytes().splitlines(keepends=True)
    found = result(run)
    found["provenance"]["predictions_sha256"] = None
    del found["files"]["result.json"]  # as a result of an earlier version
    (run / "result.json").write_text(json.dumps(found))
    (run / "predictions.jsonl").write_bytes(b"".join(lines[:3]))
    code, said = ended(["judge", "export", "--run", str(run), "--to", str(folder / "c.tar.gz")], capsys)
    assert (code, said.count("\n")) == (2, 1)
    assert "has 3 predictions, and its result counts 4: they have changed since" in said
    assert not (folder / "c.tar.gz").exists()


def test_a_bundle_at_every_seventh_byte(at):
    folder, _ = at
    path = folder / "b.tar.gz"
    content, whole, ends = path.read_bytes(), vars(ReplayJudge(bundle=path)), Counter[str]()
    for at_byte in range(0, len(content), 7):
        for hurt in (content[:at_byte], zeros(content, at_byte, 2)):
            put(path, hurt)
            try:
                found = ReplayJudge(bundle=path)
            except DataError as error:
                said = str(error)
                ends["refused"] += "\n" not in said
            else:
                assert vars(found) == whole, at_byte
                ends["same"] += 1
    assert ends.total() == 2 * len(range(0, len(content), 7))
    assert ends["same"] < 20  # bytes of gzip's own heading: who made it, and on which system


def test_a_score_with_a_hurt_verdict_store_asks_again_or_is_refused(n_points, at, capsys):
    folder, url = at
    argv = ["score", "--pred", str(folder / "p.jsonl"), "--bench", "dream-1k", "--out", str(folder / "one")]
    argv += ["--protocol", "native", *served(url), f"verdicts={folder / 'v.sqlite'}"]

    def again() -> int:
        for name in ("v.sqlite-wal", "v.sqlite-shm"):
            (folder / name).unlink(missing_ok=True)
        code, said = ended(argv, capsys)
        assert code in (0, 2), said
        return code

    ends = check(folder / "v.sqlite", n_points, again, lambda: numbers(folder / "one"))
    assert min(ends["same"], ends["refused"]) > 0


def test_what_a_result_was_computed_with_at_every_byte(at):
    folder, _ = at
    found = result(folder / "one")
    for name in ("scores.jsonl", "verdicts.jsonl"):
        path = folder / "one" / name
        content = path.read_bytes()
        verify(folder / "one", found, name)
        for what, hurt in every_byte(content):
            put(path, hurt)
            assert sound(partial(verify, folder / "one", found, name)) == "refused", what
        path.unlink()
        assert sound(partial(verify, folder / "one", found, name)) == "refused"


def test_scores_of_an_earlier_version_are_counted(at):
    folder, _ = at
    older = {key: value for key, value in result(folder / "one").items() if key != "files"}
    verify(folder / "one", older, "scores.jsonl")
    path = folder / "one" / "scores.jsonl"
    put(path, b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(RunError, match=r"holds 3 lines, and result\.json counts 4"):
        verify(folder / "one", older, "scores.jsonl")
