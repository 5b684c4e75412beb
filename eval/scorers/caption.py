"""Score captions against references: CIDEr first, then BLEU-4 and ROUGE-L; METEOR and SPICE on request.

There are two CIDEr metrics. `cider` takes document frequencies from the references of the whole split, so that a
sample's score is the same in a partial run and in a full one. `cider_corpus` takes them from the samples that were
scored, as upstream does; on a full split the two are equal. Both are on CIDEr's own scale of 0 to 10, as pycocoevalcap
computes it; papers print them times 100.

Intervals are over source videos. The interval of `cider` is that of a mean, since its frequencies are fixed.
`cider_corpus` would have other frequencies with other samples; its interval treats the actual ones as fixed. BLEU is a
function of sums, which are resampled.

Upstream scores any text, including the `<error>` of a failed sample, and so does the accounting `upstream` here; in
`strict` a failed sample scores 0. Source: evaluation/metrics/evaluate_caption_cider.py of github.com/bytedance/tarsier.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from eval.captions.cider import ReferenceSet, cider, prepare
from eval.captions.matched import common_ngrams
from eval.captions.meteor import LENGTHS, PARTS, meteor_of
from eval.captions.more_metrics import METRICS, versions_of
from eval.captions.ngrams import MAX_N
from eval.captions.overlap import Overlap, bleu, overlap, rouge_l
from eval.captions.ptb_tokenizer import TOKENIZER_VERSION, tokenize
from eval.captions.reference import pycocoevalcap_tokens
from eval.captions.reference_cache import load_or_prepare
from eval.core import (
    OVERALL,
    Accounting,
    Evidence,
    Metric,
    MetricTraits,
    Prediction,
    Sample,
    Score,
    ScorerTraits,
    StopWhen,
)
from eval.errors import DataError
from eval.readers.upstream import FAILED
from eval.scorers.accounting import ACCOUNTINGS, video_of, with_error
from eval.stats import cluster_bootstrap, estimate
from eval.stats.clusters import numbered

_log = logging.getLogger(__name__)
_MATCHED = tuple(f"bleu_matched_{n}" for n in range(1, MAX_N + 1))
_TOTAL = tuple(f"bleu_total_{n}" for n in range(1, MAX_N + 1))
_COUNTS = (*_MATCHED, *_TOTAL, "bleu_length", "bleu_closest")
"""Counts that corpus BLEU sums over samples before it divides."""
_NAMES = ("words", "pairs of words", "triples", "runs of four")


def corpus_bleu_of(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return BLEU-4 from summed counts, (..., counts) to (...)."""
    rows = np.rint(counts).astype(int).reshape(-1, len(_COUNTS)).tolist()
    n = len(_MATCHED)
    found = [
        bleu(Overlap(matched=tuple(row[:n]), total=tuple(row[n : 2 * n]), length=row[-2], closest=row[-1]))[3]
        for row in rows
    ]
    return np.array(found).reshape(counts.shape[:-1])


def evidence(sample: Sample, output: str, score: Score) -> Evidence:
    """Return the n-grams that output and references share."""
    marks = common_ngrams(output, sample.targets)
    values = score.values
    counts = zip(_MATCHED, _TOTAL, _NAMES, strict=True)
    named = ", ".join(f"{values[had]:.0f} of {values[of]:.0f} {name}" for had, of, name in counts if had in values)
    said = f"CIDEr {100 * values['cider']:.1f}, times 100" if "cider" in values else "No value"
    why = f"{said}; in a reference are {named}." if named else f"{said}."
    return Evidence(why=why, output=marks[0], references=marks[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Captioning:
    """CIDEr, BLEU-4 and ROUGE-L of captions."""

    traits: ClassVar[ScorerTraits] = ScorerTraits(
        name="captioning",
        metrics=(
            MetricTraits(name="cider", best=10.0, label="CIDEr", basis="whole split"),
            MetricTraits(
                name="cider_corpus", best=10.0, label="CIDEr of the scored", basis="scored samples", paired=False
            ),
            MetricTraits(name="rouge_l", label="ROUGE-L"),
            MetricTraits(
                name="bleu_4",
                label="BLEU-4",
                parts=_COUNTS,
                statistic=corpus_bleu_of,
                of_means=False,
                kept=("bleu_closest",),
            ),
            MetricTraits(
                name="meteor",
                label="METEOR 1.5",
                parts=PARTS,
                statistic=meteor_of,
                of_means=False,
                kept=(LENGTHS[1], LENGTHS[3]),
                optional=True,
            ),
            MetricTraits(name="spice", label="SPICE", optional=True),
            MetricTraits(name="nltk_meteor", label="METEOR of nltk", optional=True),
        ),
        subsets="none",
        needs_population=True,
        values_failures=True,
        evidence=evidence,
    )
    cache: Path
    """Folder in which the prepared references of a split are kept."""
    tokenizer: Literal["own", "pycocoevalcap"] = "own"
    """`pycocoevalcap` runs the Stanford tokenizer itself, with Java; the metrics are computed in the same way."""
    more: Sequence[Literal["meteor", "spice", "nltk_meteor"]] = ()
    """Further metrics: `meteor` and `spice` by pycocoevalcap, with Java; `nltk_meteor`, an earlier form of METEOR."""
    name: str = traits.name
    """Name of the scorer in results."""

    def describe(self) -> Mapping[str, Any]:
        """Return the identity of a score."""
        version = TOKENIZER_VERSION if self.tokenizer == "own" else "pycocoevalcap"
        more = {"more": versions_of(self.more)} if self.more else {}
        return {"name": self.name, "tokenizer": version, "form": "CIDEr-D", **more}

    def settled(self) -> StopWhen | None:
        """Return None, since the whole output counts."""
        return None

    def score(self, pairs: Sequence[tuple[Sample, Prediction]], population: Sequence[Sample] = ()) -> list[Score]:
        """Return the score of each pair, in the order given; document frequencies of `cider` come from the population.

        Raises DataError where a sample has no reference.
        """
        for sample in population or [sample for sample, _ in pairs]:
            if not sample.targets:
                raise DataError(f"{sample.id}: no reference caption to compare with; complete its annotations.")
        captions = {sample.id: FAILED if p.output is None else p.output for sample, p in pairs}
        references = {sample.id: list(sample.targets) for sample, _ in pairs}
        # A prediction file may hold samples of another source, whose ids are not in the split.
        whole = {sample.id: list(sample.targets) for sample in population}
        if not whole.keys() >= references.keys():
            if whole:
                _log.warning(
                    "%d samples are not of the split; cider has the frequencies of the scored samples alone",
                    len(references.keys() - whole.keys()),
                )
            whole = references
        candidates = {name: tokens[0] for name, tokens in self._tokens({n: [c] for n, c in captions.items()}).items()}
        tokens = self._tokens(references)
        frozen = self._prepared(whole)
        corpus = prepare(tokens) if tokens else None
        more: dict[str, dict[str, float]] = {sample.id: {} for sample, _ in pairs}
        for name in self.more if pairs else ():
            for sample_id, values in METRICS[name](candidates, tokens).items():
                more[sample_id] |= values
        scores = [
            _score(sample, prediction, candidates[sample.id], tokens[sample.id], frozen, corpus)
            for sample, prediction in pairs
        ]
        return [replace(score, values={**score.values, **more[score.id]}) for score in scores]

    def _tokens(self, captions: Mapping[str, Sequence[str]]) -> dict[str, list[list[str]]]:
        lowered = {name: [caption.lower() for caption in texts] for name, texts in captions.items()}
        if self.tokenizer == "own":
            return {name: [tokenize(caption) for caption in texts] for name, texts in lowered.items()}
        return {name: [line.split() for line in lines] for name, lines in pycocoevalcap_tokens(lowered).items()}

    def _prepared(self, references: Mapping[str, Sequence[str]]) -> ReferenceSet | None:
        if not references:
            return None
        if self.tokenizer == "own":
            lowered = {name: [caption.lower() for caption in texts] for name, texts in references.items()}
            return load_or_prepare(self.cache, lowered)
        return prepare(self._tokens(references))

    def aggregate(self, scores: Sequence[Score]) -> list[Metric]:
        """Return each metric overall, under both accountings."""
        wanted = [each for each in self.traits.metrics if not each.optional or each.name in self.more]
        of = {each.name: each for each in wanted}
        order = ("cider", "cider_corpus", "bleu_4", "rouge_l", *self.more)
        return [
            (_mean if of[name].statistic is None else _of_sums)(scores, accounting, of[name])
            for accounting in ACCOUNTINGS
            for name in order
        ]


def _score(
    sample: Sample,
    prediction: Prediction,
    candidate: Sequence[str],
    references: Sequence[Sequence[str]],
    frozen: ReferenceSet | None,
    corpus: ReferenceSet | None,
) -> Score:
    assert frozen is not None, "a pair brings references"
    assert corpus is not None, "a pair brings references"
    counts = overlap(candidate, references)
    values = {
        "cider": cider(candidate, frozen[sample.id]),
        "cider_corpus": cider(candidate, corpus[sample.id]),
        "bleu_4": bleu(counts)[3],
        "rouge_l": rouge_l(candidate, references),
        **dict(zip(_COUNTS, (*counts.matched, *counts.total, counts.length, counts.closest), strict=True)),
    }
    return Score(
        id=sample.id,
        subset=sample.subset,
        cluster=sample.cluster,
        status="scored" if prediction.output is not None else "model_failed",
        answer=prediction.output,
        target="",
        values={name: float(value) for name, value in values.items()},
        reason=prediction.error,
    )


def _counted(scores: Sequence[Score], accounting: Accounting) -> list[Score]:
    return [score for score in scores if accounting == "upstream" or score.status == "scored"]


def _mean(scores: Sequence[Score], accounting: Accounting, traits: MetricTraits) -> Metric:
    n, name, best = len(scores), traits.name, traits.best
    counted = accounting == "upstream"
    values = [score.values[name] if counted or score.status == "scored" else 0.0 for score in scores]
    earned = sum(score.values[name] for score in _counted(scores, "strict"))
    failed = n - len(_counted(scores, "strict"))
    value, lower, upper = (part / n if n else None for part in (sum(values), earned, earned + best * failed))
    metric = _metric(name, accounting, scores, value, lower, upper)
    if not n:
        return metric
    found = estimate(values, [video_of(score) for score in scores])
    return with_error(metric, found, found.within(0.0, best))


def _of_sums(scores: Sequence[Score], accounting: Accounting, traits: MetricTraits) -> Metric:
    """Return a metric over all samples, from summed counts; in `strict` a failed sample counts as an empty caption."""
    assert traits.statistic is not None, "a metric of sums has a statistic"
    counts = _counts(scores, accounting, traits)
    value = float(traits.statistic(counts.sum(axis=0))) if scores else None
    metric = _metric(traits.name, accounting, scores, value)
    if not scores:
        return metric
    cluster_of, n_clusters = numbered([video_of(score) for score in scores])
    sums = np.zeros((n_clusters, len(traits.parts)))
    np.add.at(sums, cluster_of, counts)
    spread = cluster_bootstrap(sums, traits.statistic)
    metric = replace(metric, n_clusters=n_clusters)
    return replace(metric, stderr=spread.stderr, interval=(spread.low, spread.high)) if spread else metric


def _counts(scores: Sequence[Score], accounting: Accounting, traits: MetricTraits) -> NDArray[np.float64]:
    """Return each sample's counts, (samples, counts); in `strict` a failed sample has none of its own."""

    def count(score: Score, name: str) -> float:
        says = accounting == "upstream" or score.status == "scored" or name in traits.kept
        return score.values[name] if says else 0.0

    rows = [[count(score, name) for name in traits.parts] for score in scores]
    return np.array(rows).reshape(-1, len(traits.parts))


def _metric(
    name: str,
    accounting: Accounting,
    scores: Sequence[Score],
    value: float | None,
    lower: float | None = None,
    upper: float | None = None,
) -> Metric:
    return Metric(
        name=name,
        accounting=accounting,
        subset=OVERALL,
        value=value,
        n=len(scores),
        n_invalid=0,
        n_failed=len(scores) - len(_counted(scores, "strict")),
        average="micro",
        lower=lower,
        upper=upper,
    )
