"""A benchmark with rows of its own, a model, a judge and two scorers, as a folder and as a package of a user's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from eval.config import BUILTIN

VIDEOS = BUILTIN / "world" / "NExT-QA" / "NExTVideo"

BENCHMARK = '''
from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.joining import AnnotatedQuestion
from eval.readers.rows import read_jsonl


class Hues(AnnotatedBenchmark):
    """Rows such as {"clip": "x.mp4", "asked": "which colour?", "hue": "red"}."""

    def questions(self, files):
        for number, row in enumerate(read_jsonl(files[0], self.tolerance)):
            with self.tolerance:
                yield AnnotatedQuestion(
                    row=row, id=f"hue {number}", video=row.text("clip"), text=row.text("asked"),
                    targets=(row.text("hue"),),
                )
'''
MODEL = '''
from eval.models.scripted import ScriptedModel


class Echo(ScriptedModel):
    """Says one word to everything."""

    def __init__(self, *, name: str = "echo", word: str = "red", n_frames: int = 2, fps: float | None = None) -> None:
        super().__init__(name=name, outputs=(word,), n_frames=n_frames, fps=fps)
'''
JUDGE = '''
from eval.judges.scripted import ScriptedJudge


class Lenient(ScriptedJudge):
    """Grants everything."""

    def __init__(self, *, name: str = "lenient") -> None:
        super().__init__(name=name, replies=['{"pred": "yes", "score": 5}'])
'''
SCORER = '''
from dataclasses import dataclass
from typing import ClassVar

from eval.core import MetricTraits, Score, ScorerTraits
from eval.scorers.accounting import averages


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """Ten points for the word, less one for each letter too many or too few."""

    traits: ClassVar[ScorerTraits] = ScorerTraits(
        name="letters", metrics=(MetricTraits(name="letter_points", best=10.0, unit="points"),)
    )
    name: str = traits.name

    def describe(self):
        return {"name": self.name}

    def settled(self):
        return None

    def score(self, pairs, population=()):
        return [self._score(*pair) for pair in pairs]

    def _score(self, sample, prediction):
        failed, target = prediction.output is None, sample.targets[0]
        values = {} if failed else {"letter_points": max(0.0, 10.0 - abs(len(prediction.output) - len(target)))}
        return Score(
            id=sample.id, subset=sample.subset, cluster=sample.cluster, answer=prediction.output, target=target,
            status="model_failed" if failed else "scored", values=values, reason=prediction.error,
        )

    def aggregate(self, scores):
        return [row for each in self.traits.metrics for row in averages(scores, name=each.name, full=each.best)]
'''
GRADED = '''
from dataclasses import dataclass
from typing import ClassVar

from eval.core import JudgedTraits, MetricTraits, ScorerTraits
from eval.judges.rounds import NoAnswer, ask
from eval.scorers.accounting import averages
from eval.scorers.judged import JudgedScorer, judged_score


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded(JudgedScorer):
    """Whether a judge finds the answer right."""

    traits: ClassVar[ScorerTraits] = ScorerTraits(
        name="graded",
        metrics=(MetricTraits(name="right"),),
        judged=JudgedTraits(values=("right",), labels=("right", "wrong"), noun="opinions"),
    )
    name: str = traits.name

    def score(self, pairs, population=()):
        grade = self.protocol.grade
        asked = [grade(s.id, s.metadata["question"], s.targets[0], p.output) for s, p in pairs if p.output]
        answers = iter(ask(self.judge, asked))
        return [self._score(sample, said, next(answers) if said.output else None) for sample, said in pairs]

    def _score(self, sample, prediction, answer):
        if answer is None or isinstance(answer, NoAnswer):
            return judged_score(sample, prediction, {}, answer and answer.reason)
        return judged_score(sample, prediction, {"right": float(answer.correct)}, None)

    def aggregate(self, scores):
        return averages(scores, name="right")
'''
MODULES = {"hues": BENCHMARK, "echo": MODEL, "lenient": JUDGE, "letters": SCORER, "graded": GRADED}
"""The modules by their names; one more is broken, and nothing needs it."""

HUES = """
_target_: {within}hues.Hues
name: {name}
data: ${{data}}
annotations: ${{annotations}}
split: all
rows: {{}}
official: {{all: [hues.jsonl]}}
folders: [Hues]
videos: [clips]
form: open_qa
card:
  title: {title}
  paper: https://example.org/hues
  homepage: https://example.org
  licence: made up
  task: oe_qa
  metric: {metric}
  chance: null
  dataset: {name}
  upstream_split: null
  splits: {{all: 4}}
scorer:
  _target_: {within}{scorer}
"""
ASKS = "  judge: ${judge}\n  protocol: ${protocol}\n"

YAMLS = {
    "benchmark/hues.yaml": HUES.format(
        within="{within}", name="hues", title="The Hues", metric="letter_points", scorer="letters.Letters"
    ),
    "benchmark/hues-graded.yaml": HUES.format(
        within="{within}", name="hues-graded", title="Graded Hues", metric="right", scorer="graded.Graded"
    ) + ASKS,
    "model/echo.yaml": "_target_: {within}echo.Echo\nname: echo\nword: red\nn_frames: 2\nfps: null\n",
    "judge/lenient.yaml": "_target_: {within}lenient.Lenient\nname: lenient\n",
    "frames/fps-3-max-5.yaml": "# @package model\nn_frames: 5\nfps: 3\n",
    "model/broken.yaml": "_target_: {within}broken.Model\nname: broken\nn_frames: 2\nfps: null\n",
}  # fmt: skip

ROWS = ["red", "green", "blue", "yellow"]
"""The hues of the four rows."""


def write_modules(folder: Path) -> None:
    for name, text in {**MODULES, "broken": "import no_such_module_anywhere\n"}.items():
        (folder / f"{name}.py").write_text(text)


def write_groups(folder: Path, within: str = "") -> None:
    for name, text in YAMLS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.replace("{within}", within).lstrip())


def as_folder(room: Path) -> Path:
    """Write the folder that --conf takes."""
    folder = room / "my-choices"
    write_groups(folder)
    write_modules(folder)
    return folder


def as_package(room: Path) -> Path:
    """Write an installed package, and return the folder to be on Python's path."""
    site = room / "site"
    write_groups(site / "hue_plugin" / "conf", "hue_plugin.parts.")
    (site / "hue_plugin" / "conf" / "benchmark" / "broken.yaml").write_text("_target_: [no yaml\n")
    (site / "hue_plugin" / "parts").mkdir()
    write_modules(site / "hue_plugin" / "parts")
    about = site / "hue_plugin-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hue-plugin\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text("[tarsier_eval.conf]\nhue-plugin = hue_plugin\n")
    return site


def data(room: Path) -> Path:
    """Write the benchmark's data: four rows, each about a clip of the built-in world."""
    clips = room / "data" / "Hues" / "clips"
    clips.mkdir(parents=True)
    found = sorted(VIDEOS.rglob("*.mp4"))[: len(ROWS)]
    for path in found:
        shutil.copy(path, clips)
    rows = [{"clip": path.name, "asked": "which colour?", "hue": hue} for path, hue in zip(found, ROWS, strict=True)]
    (clips.parent / "hues.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return room / "data"
