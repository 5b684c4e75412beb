"""The caption scorer against pycocoevalcap with the Stanford tokenizer, on real captions."""

from __future__ import annotations

import json
import math

import pytest

from eval.core import Clip, Prediction, Sample
from eval.scorers.caption import Captioning


@pytest.fixture(scope="module")
def reference(golden):
    return json.loads((golden / "cider.json").read_text(encoding="utf-8"))


def pairs_of(cases):
    return [
        (
            Sample(
                id=f"c_{number}",
                benchmark="b",
                subset="",
                clip=Clip(source=()),
                prompt="",
                targets=tuple(case["references"]),
            ),
            Prediction(id=f"c_{number}", prompt="", output=case["prediction"]),
        )
        for number, case in enumerate(cases)
    ]


@pytest.mark.slow
def test_cider_per_video_and_over_all(reference, tmp_path):
    scorer = Captioning(cache=tmp_path)
    pairs = pairs_of(reference["cases"])
    scores = scorer.score(pairs, [sample for sample, _ in pairs])
    metrics = {(m.name, m.accounting): m.value for m in scorer.aggregate(scores)}
    for name in ("cider", "cider_corpus"):
        assert metrics[name, "upstream"] == pytest.approx(reference["score"], abs=1e-9)
        for score, case in zip(scores, reference["cases"], strict=True):
            assert score.values[name] == pytest.approx(case["cider"], abs=1e-9), case["vid"]


def test_a_part_keeps_its_scores_in_cider_and_not_in_the_corpus_figure(reference, tmp_path):
    scorer = Captioning(cache=tmp_path)
    pairs = pairs_of(reference["cases"])
    part = scorer.score(pairs[:20], [sample for sample, _ in pairs])
    for score, case in zip(part, reference["cases"], strict=False):
        assert score.values["cider"] == pytest.approx(case["cider"], abs=1e-9)
    assert any(s.values["cider_corpus"] != pytest.approx(s.values["cider"], abs=1e-3) for s in part)


def test_a_failed_sample_is_scored_as_upstream_writes_it_and_earns_nothing_in_strict(tmp_path):
    # Two videos; the second failed. Upstream scores the text "<error>", which shares no word with the reference.
    cases = [{"references": ["a dog runs"], "prediction": "a dog runs"}, {"references": ["two cats"], "prediction": ""}]
    (good, _), (bad, _) = pairs = pairs_of(cases)
    failed = Prediction(id=bad.id, prompt="", output=None, error="missing: no video")
    scorer = Captioning(cache=tmp_path)
    scores = scorer.score([pairs[0], (bad, failed)], [good, bad])
    assert [score.status for score in scores] == ["scored", "model_failed"]
    metrics = {(m.name, m.accounting): m for m in scorer.aggregate(scores)}
    for accounting in ("upstream", "strict"):
        metric = metrics["cider", accounting]
        # An identical caption of three words scores 10 for n = 1, 2, 3 and has no 4-gram: 7.5, and 0 for the other.
        assert metric.value == pytest.approx(3.75)
        assert (metric.n, metric.n_failed) == (2, 1)
        assert metric.lower == pytest.approx(3.75)
        assert metric.upper == pytest.approx(8.75)
    # Corpus BLEU in strict: all n-grams match, there is no 4-gram (1e-15 / 1e-9), and 3 words stand against 3 + 2.
    assert metrics["bleu_4", "strict"].value == pytest.approx(1e-6**0.25 * math.exp(1 - 5 / 3), rel=1e-6)
    assert metrics["rouge_l", "strict"].value == pytest.approx(0.5)


def test_no_pairs_have_no_value(tmp_path):
    scorer = Captioning(cache=tmp_path)
    assert [metric.value for metric in scorer.aggregate(scorer.score([], []))] == [None] * 8
