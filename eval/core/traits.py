"""Traits of scorers and of their metrics: what code outside of a scorer's file knows of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from eval.core.diagnosis import Diagnosis
from eval.core.scoring import Accounting, Metric, Score

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.core.samples import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricTraits:
    """A metric's maximum, unit and computation, as its scorer declares them; its averages share them."""

    name: str
    """`accuracy`, `f1`, `cider`, ..."""
    best: float = 1.0
    """The maximum value, also of a single sample."""
    unit: Literal["percent", "points"] = "percent"
    """`percent`: shown times 100, with one digit. `points`: shown as it is, with two."""
    parts: tuple[str, ...] = ()
    """The values of a sample that the metric is computed from; empty for the mean of the values of its own name."""
    statistic: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    """The metric as a function of the means or sums of its parts, (..., parts) to (...)."""
    of_means: bool = True
    """Whether `statistic` takes means of the parts, and not sums."""
    kept: tuple[str, ...] = ()
    """The parts that a failed sample keeps in `strict`, where its other parts are 0."""
    paired: bool = True
    """Whether two systems are compared in it: not if a sample's value depends on which others were scored."""
    label: str = ""
    """Its name in papers, where that is not its name in words."""
    grouped: bool = False
    """Whether it is a mean over groups of samples. A group's value stands at one of its samples, see `of_group`."""
    optional: bool = False
    """Whether it is computed on request only, so that the samples of other runs have no value of it."""
    basis: str = ""
    """The source of its document frequencies, where a scorer gives one metric with several sources."""

    @property
    def values(self) -> tuple[str, ...]:
        """The values of a sample that decide the metric; where these differ, two scores of the sample differ."""
        return self.parts or (self.name,)

    def of_group(self, values: Mapping[str, float], accounting: Accounting) -> float | None:
        """Return the value of a group whose values stand at this sample; None where none does, or it is left out.

        The value in `upstream` is under the metric's name; another one in `strict` is under `<name>_strict`.
        """
        return values.get(f"{self.name}_{accounting}", values.get(self.name))

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.label or self.name.replace("_", " ")

    @property
    def scale(self) -> float:
        """The factor by which tables multiply it."""
        return 100.0 if self.unit == "percent" else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTraits:
    """What a judge gives a sample, for a comparison of two judges."""

    values: tuple[str, ...]
    """The values from the judge; a sample with all of them is judged. Where it grades whole answers, the first one is
    the grade, 1 for correct and 0 for wrong, and the value of the headline metric."""
    items: tuple[str, str] | None = None
    """The places in a score's `detail` of the items that the judge labels and of their labels, such as
    `labels.reference`; None where it grades whole answers."""
    labels: tuple[str, ...] = ("yes", "no")
    """All labels of an item, or both grades."""
    noun: str = "grades"
    """The labels' name in sentences."""
    kinds: tuple[str, ...] = ("answer",)
    """Kinds of human-labelled items (`eval.analysis.card`) whose verdicts are of the same sort, the best first; the
    errors on them correct the metrics that are shares of the first label."""
    labelled: Mapping[str, str] = field(default_factory=dict)
    """By value, the place in a score's `detail` of the labels that it is a share of: without any, no judge gave it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMark:
    """A part of a text that decided a score, as offsets of characters."""

    start: int
    end: int
    """The first character that no longer belongs to it."""
    kind: Literal["answer", "ngram", "event"]
    label: str
    """What it is, in a few words, such as `read as B`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How a sample came by its score, for people to read."""

    why: str
    """One sentence."""
    output: tuple[TextMark, ...] = ()
    """Parts of the output."""
    references: tuple[tuple[TextMark, ...], ...] = ()
    """Parts of each target; empty where none are marked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerTraits:
    """Everything about a scorer that code outside of its file needs to know to read, compare and explain its scores."""

    name: str
    """The scorer's name in results, by which `eval.scorers.traits` finds these traits for a finished run."""
    metrics: tuple[MetricTraits, ...]
    """Its metrics in the order of comparisons; the first one is the headline."""
    subsets: Literal["both", "macro", "none"] = "both"
    """The averages over a benchmark's subsets: `_macro` and `_micro` of each metric; the mean over subsets alone, under
    the metric's own name; or none, since subsets are not reported."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Other names of subsets, with the ones under which they are reported."""
    needs_population: bool = False
    """Whether a sample's score depends on the other samples of the split."""
    values_failures: bool = False
    """Whether failed samples have values too."""
    judged: JudgedTraits | None = None
    """The judge's part; None for scorers without a judge."""
    evidence: Callable[[Sample, str, Score], Evidence] | None = None
    """How the score of a sample follows from its output; None where there is no more to say than the values."""
    diagnoses: Callable[[Sequence[Score], Sequence[Metric]], tuple[Diagnosis, ...]] | None = None
    """Return what a result depends on, from all scores and their metrics; None where there is no more to say."""

    @property
    def headline(self) -> MetricTraits:
        """The metric that is reported first."""
        return self.metrics[0]

    @property
    def own(self) -> MetricTraits:
        """The metric that tells of a single sample: the first that is not over groups."""
        return next((metric for metric in self.metrics if not metric.grouped), self.headline)

    def metric(self, name: str) -> MetricTraits | None:
        """Return the metric of a name in results, which may be that of an average; None where there is none."""
        plain = name.removesuffix("_macro").removesuffix("_micro")
        return next((metric for metric in self.metrics if metric.name in (name, plain)), None)
