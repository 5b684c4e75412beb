"""Runs for the tests of the commands: a scripted model on the built-in world, or on three rows of which two fail."""

from __future__ import annotations

import json
from functools import wraps

import pytest

from eval.__main__ import main, parser
from eval.config import BUILTIN
from eval.models.scripted import ScriptedModel

needs_world = pytest.mark.skipif(not (BUILTIN / "world").is_dir(), reason="the built-in world is not rendered")


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def command(*verb, **flags):
    """Carry out a command as the command line does, but let its errors through."""
    words = list(verb)
    for name, value in flags.items():
        if value is not None and value is not False:
            several = value if isinstance(value, list) else [] if value is True else [value]
            words += [f"--{name}", *map(str, several)]
    given = parser().parse_args(words)
    return given.carry_out(given)


def evaluate(out, *more, bench="mvbench", model="scripted"):
    return main(["eval", "--bench", bench, "--model", model, "--out", str(out), *more])


def never_built(monkeypatch):
    """Fail the test where a scripted model is built; its settings may be checked."""

    @wraps(ScriptedModel.__init__)
    def built(*_, **__):
        pytest.fail("the model was built")

    monkeypatch.setattr(ScriptedModel, "__init__", built)


def small_benchmark(root):
    """Three upstream rows: one video that is there, one that is missing, one that is no video."""
    source = next((BUILTIN / "world").rglob("*.mp4"))
    (root / "good.mp4").write_bytes(source.read_bytes())
    (root / "text.mp4").write_text("this is not a video")
    rows = [
        {
            "idx": number,
            "dataset": "MVBench/Action Sequence",
            "text": {
                "prompt": "USER: <video>\nQuestion: q?\n(A) x\n(B) y\nASSISTANT: Answer: (",
                "response": "A",
            },
            "video_file": name,
            "vid": name,
        }
        for number, name in enumerate(["good.mp4", "gone.mp4", "text.mp4"])
    ]
    (root / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ["--data", str(root), "--ann", str(root / "rows.jsonl")]
