"""METEOR by the program's own counts and values, and the other metrics that are asked for by name."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from eval.captions import meteor, more_metrics
from eval.captions.meteor import PARTS, meteor_counts, meteor_of
from eval.core import Clip, Prediction, Sample
from eval.errors import ConfigError
from eval.scorers.caption import Captioning

needs_pycocoevalcap = pytest.mark.skipif(
    importlib.util.find_spec("pycocoevalcap") is None or shutil.which("java") is None,
    reason="needs the extra captions-java and java",
)

CAPTIONS = {
    "1": ("a man rides a horse on the beach", ["a man is riding a horse", "a person rides a horse"]),
    "2": ("two dogs are playing", ["two dogs play"]),
    "3": ("a cat is sleeping on the couch", ["the cat sleeps on a sofa"]),
    "4": ("a table", ["zebra"]),
}
COUNTS = """\
8 5 4 2 2 2 2 2 0 0 0 0 0 0 0 0 1 1 0 0 1 5 5
4 3 2 1 1 1 1 1 0 0 0 0 0 0 0 0 1 1 1 0 1 4 3
7 6 4 3 1 1 3 3 1 1 0 0 1 1 0 0 0 0 0 0 5 6 6
2 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
"""
"""What the program prints for these (`SCORE`)."""
VALUES, OF_ALL = (0.4713443044744809, 0.8241563055062167, 0.3538388374900347, 0.0), 0.37652113147660343
"""What it makes of these counts (`EVAL`)."""


@pytest.fixture
def program(monkeypatch, tmp_path):
    """Stands in for pycocoevalcap and Java: the counts that they gave."""
    module = SimpleNamespace(__file__=str(tmp_path / "meteor.py"))
    monkeypatch.setattr(meteor, "module_of_pycocoevalcap", lambda _: module)
    asked = []

    def run(_, *, input, **more):  # noqa: A002 - subprocess's name
        asked.append(input)
        return SimpleNamespace(stdout=COUNTS, stderr="")

    monkeypatch.setattr("subprocess.run", run)
    return asked


def test_values_are_the_programs_own(program):
    counts = meteor_counts({n: own for n, (own, _) in CAPTIONS.items()}, {n: of for n, (_, of) in CAPTIONS.items()})
    lines = program[0].splitlines()
    assert (
        lines[0] == "SCORE ||| a man is riding a horse ||| a person rides a horse ||| a man rides a horse on the beach"
    )
    rows = np.array([[counts[name][part] for part in PARTS] for name in CAPTIONS])
    assert meteor_of(rows).tolist() == pytest.approx(VALUES, abs=1e-12)
    assert float(meteor_of(rows.sum(axis=0))) == pytest.approx(OF_ALL, abs=1e-12)
    assert float(meteor_of(np.zeros(len(PARTS)))) == 0.0


def test_what_would_end_a_part_of_the_line_is_left_out(program):
    with pytest.raises(ConfigError, match="answered 4 of 1 captions"):
        meteor_counts({"x": "a ||| b\nc"}, {"x": ["d  e"]})
    assert program == ["SCORE ||| d e ||| a b c\n"]


@pytest.mark.slow
@needs_pycocoevalcap
def test_the_program_gives_these_counts():
    counts = meteor_counts({n: own for n, (own, _) in CAPTIONS.items()}, {n: of for n, (_, of) in CAPTIONS.items()})
    rows = np.array([[counts[name][part] for part in PARTS] for name in CAPTIONS])
    assert meteor_of(rows).tolist() == pytest.approx(VALUES, abs=1e-12)


def pairs():
    for name, (own, of) in CAPTIONS.items():
        sample = Sample(id=name, benchmark="b", subset="", clip=Clip(source=()), prompt="", targets=tuple(of))
        yield sample, Prediction(id=name, prompt="", output=own)


def test_a_run_has_the_metrics_that_it_asks_for(program, tmp_path, monkeypatch):
    monkeypatch.setattr(more_metrics, "module_of_pycocoevalcap", lambda _: None)
    monkeypatch.setattr(more_metrics, "version", lambda _: "1.2")
    plain, more = (Captioning(cache=tmp_path, more=names) for names in ((), ("meteor",)))
    assert "more" not in plain.describe()
    assert more.describe()["more"] == {"meteor": "METEOR 1.5 of pycocoevalcap 1.2"}
    scores = more.score(list(pairs()))
    found = {(metric.name, metric.accounting): metric for metric in more.aggregate(scores)}
    assert found["meteor", "strict"].value == pytest.approx(OF_ALL)
    assert found["meteor", "strict"].interval is not None
    assert "meteor" not in {metric.name for metric in plain.aggregate(plain.score(list(pairs())))}


def test_a_failed_sample_earns_nothing_in_strict_and_keeps_its_references(program, tmp_path):
    scorer = Captioning(cache=tmp_path, more=("meteor",))
    scores = scorer.score(
        [(s, p if s.id != "4" else Prediction(id="4", prompt="", output=None, error="e")) for s, p in pairs()]
    )
    found = {(metric.name, metric.accounting): metric.value for metric in scorer.aggregate(scores)}
    # Only its own words are taken away: 2 of 21, one of them a function word.
    rows = np.array([[float(word) for word in line.split()] for line in COUNTS.splitlines()])
    rows[1, 20] = 0.0
    rows[3, [0, 2]] = 0.0
    assert found["meteor", "strict"] == pytest.approx(float(meteor_of(rows.sum(axis=0))))


def test_spice_by_its_own_names_and_order(monkeypatch, tmp_path):
    asked: dict[str, Any] = {}

    class Spice:
        def compute_score(self, references, captions):
            asked.update(references=references, captions=captions)
            return 0.5, [{"All": {"f": float(name)}} for name in sorted(references)]

    (tmp_path / "lib").mkdir()
    module = SimpleNamespace(__file__=str(tmp_path / "spice.py"), Spice=Spice)
    monkeypatch.setattr(more_metrics, "module_of_pycocoevalcap", lambda _: module)
    captions, references = {"2": ["a"], "1": ["b", "c"]}, {"2": [["d"]], "1": [["e", "f"], ["g"]]}
    with pytest.raises(ConfigError, match="SPICE needs Stanford's parser"):
        more_metrics.spice(captions, references)
    (tmp_path / "lib" / more_metrics.SPICE_MODELS).touch()
    assert more_metrics.spice(captions, references) == {"1": {"spice": 1.0}, "2": {"spice": 2.0}}
    assert asked == {"references": {"2": ["d"], "1": ["e f", "g"]}, "captions": {"2": ["a"], "1": ["b c"]}}


def test_what_is_not_installed_is_named(monkeypatch, tmp_path):
    for name in ("nltk", "nltk.corpus", "pycocoevalcap.meteor.meteor"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=r"Install the extra: .*nltk"):
        Captioning(cache=tmp_path, more=("nltk_meteor",)).describe()
    with pytest.raises(ConfigError, match=r"Install the extra: .*captions-java"):
        Captioning(cache=tmp_path, more=("meteor",)).describe()


def test_nltk_says_what_is_missing_and_is_named_with_its_versions(monkeypatch, tmp_path):
    class WordNet:
        missing = True

        def ensure_loaded(self):
            if self.missing:
                raise LookupError("no such corpus")

        def get_version(self):
            return "3.0"

    wordnet = WordNet()
    score = SimpleNamespace(meteor_score=lambda references, tokens, wordnet: len(tokens) / len(references[0]))
    modules = {"nltk": None, "nltk.corpus": SimpleNamespace(wordnet=wordnet), "nltk.translate": None}
    for name, module in (*modules.items(), ("nltk.translate.meteor_score", score)):
        monkeypatch.setitem(sys.modules, name, module or ModuleType(name))
    monkeypatch.setattr(more_metrics, "version", lambda _: "3.10")
    scorer = Captioning(cache=tmp_path, more=("nltk_meteor",))
    with pytest.raises(ConfigError, match="needs WordNet"):
        scorer.describe()
    wordnet.missing = False
    assert scorer.describe()["more"] == {"nltk_meteor": "nltk 3.10, WordNet 3.0"}
    assert more_metrics.nltk_meteor({"1": ["a"]}, {"1": [["b", "c"]]}) == {"1": {"nltk_meteor": 0.5}}
