"""Runs the gate on a copy of the checkout in which one passage is put otherwise, in a process of its own.

The libraries are imported once, and each process is forked from there: it then imports this project's own modules from
the copy. The fixed checks come first, those nearest to the file before the others; the first record that differs ends
the look, and only where none does are the samples of some benchmarks run.
"""

from __future__ import annotations

import importlib
import json
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from scripts.gate_edits import EDITS

MEMORY, PATIENCE_S = 12 << 30, 300
"""Bytes and seconds that the look at an edit may take: a fault may use up either."""
PROJECT = Path(__file__).resolve().parents[1]
NEAREST = (
    ("eval/models/served", ("fixed conversations",)), ("eval/models/hf", ("fixed foreign", "fixed conversations")),
    ("eval/models/tarsier2", ("fixed conversations",)), ("eval/client", ("fixed conversations",)),
    ("eval/readers/messages", ("fixed conversations",)), ("eval/video/sampling_tarsier2", ("fixed conversations",)),
    ("eval/running/part", ("fixed conversations",)),
    ("conf/", ("fixed settings",)), ("eval/config", ("fixed settings",)), ("eval/running/request", ("fixed settings",)),
    ("eval/running", ("fixed runs", "fixed settings")), ("eval/readers", ("fixed files", "fixed runs")),
    ("eval/runs", ("fixed runs",)),
    ("eval/video", ("fixed", "fixed media")), ("eval/models", ("fixed", "fixed models")),
    ("eval/judges", ("fixed judging", "fixed", "fixed answers")), ("eval/scorers", ("fixed", "fixed answers")),
    ("eval/captions", ("fixed", "fixed answers")), ("eval/core", ("fixed media", "fixed runs")),
)  # fmt: skip
"""Suites that are looked at first, by the beginning of the file's path."""
_LIBRARIES = (
    "torch", "transformers", "av", "numpy", "PIL.Image", "hydra", "pydantic", "scipy.stats", "safetensors.torch",
    "tokenizers", "sentencepiece.sentencepiece_model_pb2", "lemminflect", "openai", "rich.console", "pandas",
    "transformers.models.llava.modeling_llava", "transformers.models.clip.image_processing_pil_clip",
)  # fmt: skip
_PROJECTS = ("eval", "benchmarks", "tarsier_eval")


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What the gate says of an edit."""

    number: int
    """Its place in EDITS."""
    caught: bool | None
    """Whether something differs; None where its passage is no longer there."""
    where: str = ""
    """The suite, or how it ended."""
    first: str = ""
    """The first field that differs."""
    seconds: float = 0.0


def look_at(number: int) -> Looked:
    """Edit a copy of the checkout, and run the gate on it until something differs."""
    begin, edit = time.monotonic(), EDITS[number]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(PATIENCE_S)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("eval", "conf"):
            shutil.copytree(PROJECT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("benchmarks", "results", "tarsier_eval"):
            (copy / name).symlink_to(PROJECT / name)
        text = (copy / edit.file).read_text(encoding="utf-8")
        if edit.old not in text:
            return Looked(number=number, caught=None)
        (copy / edit.file).write_text(text.replace(edit.old, edit.new, 1), encoding="utf-8")
        try:
            found = _differs(copy, edit.file)
        except BaseException as error:  # noqa: BLE001 - a fault may break anything, and that is seen too
            said = re.sub(r"\S*/", "", (str(error).splitlines() or [""])[0])[:70]
            found = ("stops the gate", f"{type(error).__name__}: {said}")
    seconds = time.monotonic() - begin
    where, first = found or ("", "")
    return Looked(number=number, caught=found is not None, where=where, first=first, seconds=seconds)


def _too_long(*_: object) -> None:
    raise TimeoutError(f"no end after {PATIENCE_S} seconds")


def _differs(copy: Path, file: str) -> tuple[str, str] | None:
    """Return the suite that differs and its first field; None where nothing does."""
    for name in [name for name in sys.modules if name.partition(".")[0] in _PROJECTS]:
        del sys.modules[name]
    sys.path.insert(0, str(copy))
    importlib.import_module("torch").set_num_threads(1)
    suites = importlib.import_module("eval.regression.suites").SUITES
    records = importlib.import_module("eval.regression.records")
    compare = importlib.import_module("eval.regression.comparing").compare
    logging = importlib.import_module("logging")
    logging.disable(logging.ERROR)
    kept = records.read(PROJECT / "results" / "baselines" / "tarsier-tiny.jsonl")

    then = {(each.benchmark, each.id): each for each in kept.records}
    as_json = records.as_kept

    def told(now: Iterable[Any], names: set[str]) -> str | None:
        """Return the first difference of records as they come, and of those that never come."""
        left = {key for key in then if key[0] in names}
        for record in now:
            key = record.benchmark, record.id
            left.discard(key)
            made = records.Observation(checkpoint=kept.checkpoint, world=kept.world, libraries={}, records=[record])
            was = replace(made, records=[then[key]] if key in then else [])
            outcome = compare(was, as_json(made))
            if outcome.first is not None:
                return f"`{outcome.first.place}` of {outcome.first.id}"[:90]
        return f"{len(left)} records are missing" if left else None

    order = next((names for start, names in NEAREST if file.startswith(start)), ())
    for name in [*order, *(name for name in suites if name not in order)]:
        scratch = copy / "scratch" / name
        scratch.mkdir(parents=True)
        if (found := told(suites[name](scratch), {name})) is not None:
            return name, found
    builtin = importlib.import_module("eval.regression.builtin")
    of = ("mvbench", "video-mme", "tgif-qa", "msvd-caption", "dream-1k")
    now = builtin.observe_builtin(builtin.Setup(in_process=True, benchmarks=of))
    found = told([each for each in now.records if each.benchmark not in suites], {"settings", "resume", *of})
    return None if found is None else ("benchmarks", found)


def looked(processes: int, kept: Path) -> list[Looked]:
    """Look at all edits, and return what the gate says of each, in their order.

    Args:
        processes: How many work at once.
        kept: A file of JSON lines to which each result is added at once; those in it are not looked at again.
    """
    for name in _LIBRARIES:
        importlib.import_module(name)
    done: dict[tuple[str, str], dict[str, Any]] = {}
    if kept.exists():
        rows = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
        done = {(row["file"], row["name"]): row for row in rows}
    left = [number for number, edit in enumerate(EDITS) if (edit.file, edit.name) not in done]
    with get_context("fork").Pool(processes, maxtasksperchild=1) as pool, kept.open("a", encoding="utf-8") as file:
        for each in pool.imap_unordered(look_at, left, chunksize=1):
            edit = EDITS[each.number]
            row = {**asdict(each), "file": edit.file, "name": edit.name}
            done[edit.file, edit.name] = row
            file.write(json.dumps(row) + "\n")
            file.flush()
            print(
                f"{len(done)}/{len(EDITS)} {edit.file}: {edit.name}: {each.caught}, {each.where} {each.first}",
                flush=True,
            )
    named = {name.name for name in fields(Looked)}
    ordered = ((number, done.get((edit.file, edit.name))) for number, edit in enumerate(EDITS))
    return [Looked(**{**{k: row[k] for k in named if k in row}, "number": number}) for number, row in ordered if row]


def table(results: Sequence[Looked]) -> str:
    """Return how many edits of each file are caught, and which are not."""
    planted = [each for each in results if each.caught is not None]
    missed = [each for each in planted if not each.caught]
    harmless = [each for each in missed if EDITS[each.number].same]
    head = (
        f"{len(planted) - len(missed)} of {len(planted)} edits are caught; of {len(harmless)} of the "
        f"other {len(missed)} it is known why they change no result. {len(EDITS)} are listed, and {len(planted)} "
        "were looked at."
    )
    lines = [head, "", "| area | file | edits | caught | by |", "|---|---|---|---|---|"]
    for file in dict.fromkeys(edit.file for edit in EDITS):
        here = [each for each in planted if EDITS[each.number].file == file]
        if here:
            by = ", ".join(dict.fromkeys(each.where for each in here if each.caught))
            n = sum(bool(each.caught) for each in here)
            lines.append(f"| {EDITS[here[0].number].area} | `{file}` | {len(here)} | {n} | {by} |")
    lines += ["", "| not caught | file | why no result changes |", "|---|---|---|"]
    for each in missed:
        edit = EDITS[each.number]
        lines.append(f"| {edit.name} | `{edit.file}` | {edit.same or '**one may**'} |")
    return "\n".join(lines)
