"""Fixed checks of runs: samples that fail and are tried again, repeated rows, and judges that are away.

The model is a stand-in that answers at once, so that whole runs take no time.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from eval import config as configuration
from eval.core import (
    Benchmark,
    Clip,
    ClipPrompts,
    FramePolicy,
    Generation,
    LoadedClip,
    ModelDefaults,
    Result,
    Sample,
    Scorer,
)
from eval.engines.local import LocalSession
from eval.errors import MediaError, ModelError, TarsierEvalError
from eval.judges.calls import JudgeCall, JudgeReply
from eval.judges.scripted import ScriptedJudge
from eval.regression.records import Record
from eval.running.benchmark_run import Job
from eval.running.judge_session import Judging
from eval.running.loop import run
from eval.running.media_check import coverage
from eval.runs.folder import PREDICTIONS, SCORES
from eval.scorers.multiple_choice import MultipleChoice
from eval.scorers.open_qa import OpenQA
from eval.timing import Clock

SUITE = "fixed runs"
ANSWERS = ("A", "B", "(C)", "x", "A", "D", "B", "E", "C", "A")
"""What the stand-in says to each sample."""
TARGETS = ("A", "A", "C", "A", "A", "D", "A", "E", "B", "A")
CLIPS = (0, 0, 1, 1, 2, 3, 3, 4, 5, 5)
"""The clip of each sample."""


@dataclass
class _Asked:
    """A benchmark of samples given."""

    benchmark: Benchmark
    scorer: Scorer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.benchmark, name)


@dataclass
class _StandIn(ModelDefaults):
    """A model that knows the answers, and refuses some prompts."""

    refused: frozenset[str] = frozenset()
    whole_clips: bool = False
    at_once: int = 2
    asked: list[str] = field(default_factory=list)
    name = "stand-in"
    frames = FramePolicy(n_frames=4)

    def clips_at_once(self, n_prompts: int) -> int:  # noqa: ARG002
        return self.at_once

    def describe(self) -> Mapping[str, Any]:
        return {"name": self.name}

    def generate(self, asked: Sequence[ClipPrompts], clock: Clock | None = None) -> list[list[Generation]]:
        prompts = [prompt for clip in asked for prompt in clip.prompts]
        if wrong := [prompt for prompt in prompts if prompt in self.refused]:
            raise ModelError(f"cannot take {wrong[0]}")
        self.asked += prompts
        if clock is not None:
            clock.count("tokens", len(prompts))
        return [
            [Generation(prompt=f"sent {p}", output=ANSWERS[int(p[8:])], n_tokens=1) for p in c.prompts] for c in asked
        ]


@dataclass
class _Loader:
    """Gives each clip blank frames, or an error where it is gone."""

    gone: frozenset[str] = frozenset()

    def load(self, clips: Iterable[Clip], **_: Any) -> Iterator[LoadedClip]:
        from PIL.Image import new

        for clip in clips:
            if clip.name in self.gone:
                yield LoadedClip(clip=clip, frames=None, error=MediaError(clip.name, "missing", "is gone"))
            else:
                yield LoadedClip(
                    clip=clip, frames=[new("RGB", (4, 4))] * (1 + int(clip.name[4])), media=f"of {clip.name}"
                )


class _Grading(ScriptedJudge):
    """A judge that fails on the samples in `failing`."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: frozenset[str] = frozenset()

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        """Return the reply to each call, in the order given."""
        good = '{"pred": "yes", "score": 4}'
        return [JudgeReply.failure("down") if c.sample in self.failing else JudgeReply(text=good) for c in calls]


def fixed_runs(scratch: Path) -> Iterator[Record]:
    """Yield what each run leaves behind. `scratch` is an empty folder for their folders."""
    quiet = contextlib.ExitStack()
    with quiet:
        quiet.enter_context(contextlib.redirect_stdout(io.StringIO()))
        quiet.enter_context(contextlib.redirect_stderr(io.StringIO()))
        records = [*_resumed(scratch), *_judged(scratch)]
    yield from records


def made_up() -> list[Sample]:
    """Return samples that the stand-in answers."""
    return [
        Sample(id=f"s{i}", benchmark="mvbench", subset="ab"[i % 2], clip=Clip(source=Path(f"clip{clip}.mp4")),
        prompt=f"<video> {i}",
               targets=(target,), options=("1", "2", "3", "4", "5"), cluster=f"v{clip}",
               metadata={"question": f"which {i}?"})
        for i, (target, clip) in enumerate(zip(TARGETS, CLIPS, strict=True))
    ]  # fmt: skip


def _run(
    out: Path, model: Any, gone: Sequence[str] = (), *, scorer: Scorer | None = None, n: int = len(ANSWERS)
) -> Result | str:
    settings = configuration.load_settings(["benchmark=mvbench", "model=scripted", "judge=offline", "protocol=native"])
    judging = Judging(settings)
    benchmark, _ = judging.benchmark(settings)
    samples = made_up()[:n]
    job = Job(
        settings=settings, benchmark=_Asked(benchmark, scorer or MultipleChoice(headline="macro")),
        judging=judging, transcript=None, samples=samples, population=made_up(),
        read_from={"split_size": len(ANSWERS)}, identity={"benchmark": "mvbench"}, out=out,
    )  # fmt: skip
    loader: Any = _Loader(gone=frozenset(gone))
    try:
        (result,) = run([job], LocalSession(model, loader))
    except TarsierEvalError as error:
        return type(error).__name__
    return result


def _left(name: str, out: Path, model: Any, result: Result | str) -> Record:
    """Return what a run has asked and left behind."""
    values: dict[str, Any] = {"asked": list(model.asked), "result": result}
    if not isinstance(result, str):
        values["result"] = {"counts": asdict(result.counts), "complete": result.complete, "primary": result.primary,
                            "coverage": [asdict(each) for each in result.coverage],
                            "score_id": result.score_id}  # fmt: skip
        values["metrics"] = [
            [m.name, m.subset, m.accounting, m.value, m.n, m.n_failed, m.lower, m.upper] for m in result.metrics
        ]
    for file in (PREDICTIONS, SCORES):
        values[file] = [json.loads(line) for line in (out / file).read_text(encoding="utf-8").splitlines()]
    values[SCORES] = [[row["id"], row["status"], row["answer"], row["values"], row["reason"]] for row in values[SCORES]]
    kept = ("id", "prompt", "output", "error", "n_frames", "media")
    rows = values[PREDICTIONS]
    values[PREDICTIONS] = [[row.get(name) for name in kept] for row in rows]
    values["keys"] = list(rows[0])
    return Record(benchmark=SUITE, id=name, fields={"resume": values})


def _resumed(scratch: Path) -> Iterator[Record]:
    out = scratch / "resumed"
    gone = ("clip1.mp4", "clip4.mp4")
    model = _StandIn(refused=frozenset({"<video> 5"}))
    yield _left("two clips gone, a prompt refused", out, model, _run(out, model, gone))
    model = _StandIn()
    yield _left("one clip back", out, model, _run(out, model, gone[1:]))
    rows = (out / PREDICTIONS).read_text(encoding="utf-8").splitlines()
    one, failed = json.loads(rows[0]), json.loads(rows[7])
    more = [
        {**one, "output": "Z"},
        {**one, "output": None, "error": "late"},
        {**failed, "output": "<error>", "error": None},
    ]
    _append(out, more)
    model = _StandIn()
    yield _left("repeated rows, and a failure upstream's way", out, model, _run(out, model))
    model = _StandIn()
    yield _left("nothing left", out, model, _run(out, model))
    for name, text in (
        ("a row of another sample", {**one, "id": "other"}),
        ("a row of another benchmark", {**one, "benchmark": "tvbench"}),
    ):
        other = scratch / name
        _run(other, _StandIn(), n=3)
        _append(other, [text])
        model = _StandIn()
        result = _run(other, model, n=3)
        yield Record(
            benchmark=SUITE,
            id=name,
            fields={"resume": {"asked": model.asked, "result": result if isinstance(result, str) else "run"}},
        )
    for name, at_once, whole in (
        ("a clip at a time", 1, False),
        ("all clips at a time", 16, False),
        ("whole clips", 1, True),
    ):
        out = scratch / name
        model = _StandIn(at_once=at_once, whole_clips=whole, refused=frozenset({"<video> 3", "<video> 9"}))
        yield _left(f"{name}, two prompts refused", out, model, _run(out, model, ("clip0.mp4",)))
        rows = (out / PREDICTIONS).read_text(encoding="utf-8").splitlines()
        (out / PREDICTIONS).write_text(
            "".join(f"{row}\n" for i, row in enumerate(rows) if i not in (4, 6)) + rows[4][:20], encoding="utf-8"
        )
        model = _StandIn(at_once=at_once, whole_clips=whole)
        yield _left(f"{name}, rows lost", out, model, _run(out, model))
    (scratch / "seen").mkdir()
    for i in (0, 2):
        (scratch / "seen" / f"clip{i}.mp4").touch()
    there = [replace(s, clip=Clip(source=scratch / "seen" / s.clip.name)) for s in made_up()]
    yield Record(benchmark=SUITE, id="coverage", fields={"counts": {"of": [asdict(each) for each in coverage(there)]}})


def _append(out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with (out / PREDICTIONS).open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def _judged(scratch: Path) -> Iterator[Record]:
    judge, out = _Grading(), scratch / "judged"
    scorer = OpenQA(judge=judge)
    judge.failing = frozenset({"s1", "s5"})
    model = _StandIn()
    yield _left("a judge that fails", out, model, _run(out, model, ("clip2.mp4",), scorer=scorer))
    judge.failing = frozenset()
    model = _StandIn()
    yield _left("the judge is back", out, model, _run(out, model, scorer=scorer))
