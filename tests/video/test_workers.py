"""Clips come in order and to the bit, whatever becomes of their neighbours, and no process outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from PIL import Image

from eval.core import Clip, FramePolicy, LoadedClip, Square
from eval.errors import ConfigError, TarsierEvalError
from eval.video.workers import FrameLoader, in_process, usable_cpus
from tests.video.clips import encode, picture

pytestmark = pytest.mark.slow

SOON = 30.0
"""Seconds after which a test that would hang fails; nothing here takes a tenth of it."""


class Misbehaving(FrameLoader):
    _command: ClassVar = (sys.executable, "-m", "tests.video.misbehaving")


class Broken(FrameLoader):
    _command: ClassVar = (sys.executable, "-m", "tests.video.misbehaving", "--broken")


@pytest.fixture(scope="module")
def loader() -> Iterator[FrameLoader]:
    with Misbehaving(workers=2, timeout_s=SOON) as loader:
        yield loader


@pytest.fixture
def clips(tmp_path: Path) -> ClipMaker:
    return ClipMaker(tmp_path)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no clip be passed by others, however busy the machine is."""
    monkeypatch.setattr("eval.video.workers.PATIENCE_S", SOON)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.video.workers.PATIENCE_S", 0.5)


class ClipMaker:
    """Writes pictures, each with its own number, under the names that are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *names: str) -> list[Clip]:
        made = []
        for number, name in enumerate(names):
            path = self.folder / f"{name}_{number}.png"
            Image.fromarray(picture(number)).save(path)
            made.append(Clip(source=path))
        return made


def named(loaded: list[LoadedClip]) -> list[str]:
    return [Path(one.clip.name).stem.split("_")[0] for one in loaded]


def reasons(loaded: list[LoadedClip]) -> dict[str, str | None]:
    return {name: one.error.reason if one.error else None for name, one in zip(named(loaded), loaded, strict=True)}


def pixels(loaded: LoadedClip) -> list[bytes]:
    assert loaded.frames is not None, loaded.error
    return [frame.tobytes() for frame in loaded.frames]


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def children(pid: int | None = None) -> list[int]:
    """Processes that a process, this one by default, has started and that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == (pid or os.getpid()) and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def wait_until_gone(pids: list[int]) -> None:
    end = time.monotonic() + SOON
    while any(map(running, pids)):
        assert time.monotonic() < end, "a worker outlives its parent"
        time.sleep(0.02)


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")


@pytest.mark.parametrize("side", [None, 56])
def test_frames_are_those_of_this_process(tmp_path: Path, patient: None, side: int | None) -> None:
    encode(tmp_path / "a.mp4", "libx264")
    encode(tmp_path / "short.mp4", "libx264", numbers=[1, 2, 3])
    Image.fromarray(picture(3, 50, 70)).save(tmp_path / "still.png")
    Image.new("L", (30, 20), 77).save(tmp_path / "grey.png")
    (tmp_path / "empty.mp4").touch()
    names = ["a.mp4", "short.mp4", "still.png", "empty.mp4", "grey.png", "gone.mp4"]
    asked = [Clip(source=tmp_path / name) for name in names]
    asked += [Clip(source=(tmp_path / "still.png", tmp_path / "grey.png")), Clip(source=tmp_path / "a.mp4", start=1.0)]
    policy = FramePolicy(n_frames=8, size=Square(side=side) if side else None)
    expected = list(in_process(asked, policy))
    begin = time.perf_counter()
    with FrameLoader(workers=2) as loader:
        for _ in range(2):
            found = list(loader.load(iter(asked), policy))
            assert [one.clip for one in found] == asked
            for ours, theirs in zip(found, expected, strict=True):
                assert (ours.frames is None) == (ours.error is not None)
                if theirs.error is not None:
                    assert ours.error is not None
                    assert (ours.error.reason, str(ours.error)) == (theirs.error.reason, str(theirs.error))
                else:
                    assert pixels(ours) == pixels(theirs)
                    assert ours.frames is not None
                    assert all(frame.mode == "RGB" for frame in ours.frames)
                    assert side is None or {frame.size for frame in ours.frames} == {(side, side)}
                    assert len({id(frame) for frame in ours.frames}) == len(
                        {id(frame) for frame in theirs.frames or ()}
                    )
                assert begin <= ours.decode[0] <= ours.decode[1] <= ours.prepare[0] <= ours.prepare[1]
                assert ours.prepare[1] <= time.perf_counter()


def test_no_more_workers_than_clips(clips: ClipMaker) -> None:
    before = set(children())
    with FrameLoader(workers=5) as loader:
        loader.start(2)
        assert len(list(loader.load(clips("a"), FramePolicy(n_frames=1)))) == 1
        assert len(set(children()) - before) == 2
        assert list(loader.load([], FramePolicy(n_frames=1))) == []
    assert set(children()) == before


def test_default_number_of_workers() -> None:
    assert 1 <= FrameLoader().workers <= usable_cpus()


def test_clips_that_end_their_worker_fail_alone(loader: FrameLoader, clips: ClipMaker) -> None:
    said = {
        "segfault": "was ended by SIGSEGV",
        "killed": "was ended by SIGKILL (out of memory?)",
        "exit": "exited with status 3",
        "raise": "exited with status 4",
        "babble": "a message of 4294967295 bytes",
        "lie": "sizes, places or times that cannot be",
        "half": "exited with status 5",
    }
    names = [name for deed in said for name in (deed, "good")]
    found = list(loader.load(clips(*names), FramePolicy(n_frames=1)))
    assert sorted(named(found)) == sorted(names)
    for one, deed in zip(found, named(found), strict=True):
        if deed == "good":
            assert one.error is None
        else:
            assert one.error is not None
            assert one.error.reason == "crashed"
            assert said[deed] in str(one.error)
            assert deed in str(one.error)


@pytest.mark.parametrize("deed", ["hang", "stuck"])
def test_a_clip_that_hangs_is_ended(clips: ClipMaker, deed: str) -> None:
    with Misbehaving(workers=1, timeout_s=0.5) as loader:
        found = list(loader.load(clips("a", deed, "b"), FramePolicy(n_frames=1)))
    assert reasons(found) == {"a": None, deed: "timeout", "b": None}
    assert "took more than 0.5 s" in str(found[1].error)
    assert found[1].decode[1] - found[1].decode[0] >= 0.5


def test_a_slow_clip_is_passed_and_comes_when_it_is_there(
    loader: FrameLoader, clips: ClipMaker, impatient: None
) -> None:
    found = list(loader.load(clips("a", "slow", "b", "c", "d"), FramePolicy(n_frames=1)))
    assert all(one.error is None for one in found)
    names = named(found)
    assert sorted(names) == ["a", "b", "c", "d", "slow"]
    assert names.index("slow") > names.index("b")


def test_clips_come_in_order(loader: FrameLoader, clips: ClipMaker, patient: None) -> None:
    found = list(loader.load(clips("a", "late", "b", "late", "c"), FramePolicy(n_frames=1)))
    assert named(found) == ["a", "late", "b", "late", "c"]


def test_another_eval_in_the_working_folder_is_not_taken_for_ours(
    clips: ClipMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval" / "__init__.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    with FrameLoader(workers=1) as loader:
        (found,) = loader.load(clips("a"), FramePolicy(n_frames=1))
    assert found.error is None


def test_no_more_clips_are_loaded_ahead_than_are_wanted(clips: ClipMaker) -> None:
    with FrameLoader(workers=2) as loader:
        asked = clips(*"abcdefgh")
        stream = loader.load(asked, FramePolicy(n_frames=1), ahead=2)
        first = next(stream)
        assert named([first]) == ["a"]
        job = loader._job
        assert job is not None
        time.sleep(1.0)  # by when all eight would long have been loaded
        assert job._assigned <= 3
        assert named(list(stream)) == list("bcdefgh")


def test_workers_that_hang_are_stood_in_for(clips: ClipMaker, monkeypatch: pytest.MonkeyPatch, impatient: None) -> None:
    monkeypatch.setattr("eval.video.dispatch._SLOW_S", 0.1)
    with Misbehaving(workers=1, timeout_s=3) as loader:
        found = list(loader.load(clips("hang", "a", "b"), FramePolicy(n_frames=1)))
    assert reasons(found) == {"a": None, "b": None, "hang": "timeout"}
    assert named(found)[-1] == "hang"


def test_memory_is_bounded(tmp_path: Path, patient: None) -> None:
    Image.new("L", (9_000, 9_000)).save(tmp_path / "large.png")
    Image.new("RGB", (10, 10)).save(tmp_path / "small.png")
    asked = [Clip(source=tmp_path / name) for name in ("large.png", "small.png", "large.png")]
    with FrameLoader(workers=1, memory_gb=0.4) as loader:
        found = list(loader.load(asked, FramePolicy(n_frames=1)))
    assert [one.error.reason if one.error else None for one in found] == ["memory", None, "memory"]


@pytest.mark.parametrize("ahead_mb", [0, 1])
def test_what_waits_is_bounded(tmp_path: Path, patient: None, ahead_mb: int) -> None:
    """Each clip takes 0.4 MB: at most two, or one, and the one that is waited for,
    however slow the caller is."""
    paths = [tmp_path / f"{number}.png" for number in range(12)]
    for number, path in enumerate(paths):
        Image.fromarray(picture(number, 320, 320)).save(path)
    with FrameLoader(workers=2, ahead_mb=ahead_mb) as loader:
        loading = loader.load([Clip(source=path) for path in paths], FramePolicy(n_frames=1))
        found = []
        for one in loading:
            found.append(one.clip.source)
            time.sleep(0.05)
            assert loader._job is not None
            assert loader._job._held <= (max(2 * ahead_mb, 1) + 1) * 320 * 320 * 4
    assert found == paths


def test_a_loader_goes_on_after_a_break(loader: FrameLoader, clips: ClipMaker) -> None:
    loading = loader.load(clips("a", "hang", "b"), FramePolicy(n_frames=1))
    assert named([next(loading)]) == ["a"]
    with pytest.raises(RuntimeError, match="one load at a time"):
        next(loader.load(clips("a"), FramePolicy(n_frames=1)))
    loading.close()
    assert named(list(loader.load(clips("c", "d"), FramePolicy(n_frames=1)))) == ["c", "d"]


def test_what_decoders_print_is_not_seen(
    loader: FrameLoader, clips: ClipMaker, capfd: pytest.CaptureFixture[str]
) -> None:
    assert reasons(list(loader.load(clips("noise", "threads"), FramePolicy(n_frames=1)))) == {
        "noise": None,
        "threads": None,
    }
    assert capfd.readouterr() == ("", "")


def test_a_worker_that_cannot_start(clips: ClipMaker) -> None:
    with Broken(workers=2) as loader:
        for _ in range(2):
            with pytest.raises(TarsierEvalError, match="3 times in a row: ImportError: no module named nonsense"):
                list(loader.load(clips("a"), FramePolicy(n_frames=1)))


def test_settings_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="workers is 0"):
        FrameLoader(workers=0)
    with pytest.raises(ConfigError, match="timeout_s is 0"):
        FrameLoader(timeout_s=0)
    with pytest.raises(ConfigError, match="Did you mean 'pyav'"):
        FrameLoader(decoder="pyva")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="n_frames is 0"):
        next(FrameLoader().load([], FramePolicy(n_frames=0)))
    with pytest.raises(ConfigError, match="n_frames is 0"):
        next(in_process([Clip(source=tmp_path)], FramePolicy(n_frames=0)))


def test_closing_ends_what_hangs(clips: ClipMaker) -> None:
    before = set(children())
    loader = Misbehaving(workers=2)
    loading = loader.load(clips("a", "stuck", "hang"), FramePolicy(n_frames=1))
    next(loading)
    loader.close()
    assert set(children()) == before
    with pytest.raises(RuntimeError, match="closed"):
        next(loading)
    loader.close()
    FrameLoader().close()


PARENT = """
import sys, time
from pathlib import Path
from eval.core import Clip, FramePolicy
from tests.video.test_workers import Misbehaving, children
clips = [Clip(source=Path(name)) for name in sys.argv[1:]]
with Misbehaving(workers=2) as loader:
    for one in loader.load(clips, FramePolicy(n_frames=1)):
        time.sleep(0.3)  # the other clips are begun
        print(*children(), flush=True)
"""


@needs_proc
@pytest.mark.parametrize(
    ("deed", "how"),
    [("hang", signal.SIGKILL), ("stuck", signal.SIGKILL), ("stuck", signal.SIGTERM), ("hang", signal.SIGINT)],
)
def test_no_worker_outlives_its_parent(clips: ClipMaker, deed: str, how: signal.Signals) -> None:
    names = [clip.name for clip in clips("a", deed, deed)]
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert workers
        assert all(map(running, workers))
        if how == signal.SIGINT:
            os.killpg(parent.pid, how)  # as a terminal does it
        else:
            parent.send_signal(how)
        assert parent.wait(SOON) != 0
    wait_until_gone(workers)


@needs_proc
def test_ctrl_c_is_the_parents_affair_and_a_worker_that_dies_idle_costs_no_clip(clips: ClipMaker) -> None:
    with Misbehaving(workers=1) as loader:
        assert len(list(loader.load(clips("a"), FramePolicy(n_frames=1)))) == 1
        assert loader._dispatcher is not None
        process = loader._dispatcher._children[0]._process
        os.kill(process.pid, signal.SIGINT)
        time.sleep(0.1)
        assert running(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(SOON)  # of all its threads: one that is still dying keeps the socket open
        found = list(loader.load(clips("b"), FramePolicy(n_frames=1)))
        assert found[0].error is None
