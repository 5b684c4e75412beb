"""AutoDQ: the share of a reference's events in a description, and of true events in the description (arXiv 2407.00634).

There are three calls per video. The judge lists the events of the prediction; then it labels the reference's events
against the prediction (recall) and the prediction's against the reference (precision), and the share of entailed ones
counts. Both are asked for at once, where upstream leaves precision out after recall has failed: a call more for such a
video, and one round less to wait for. Neutral and contradicted events count alike there; their shares are separate
metrics, since omitting an event differs from getting it wrong.

As in upstream, prediction and reference are shown in lower case, the reference's events unchanged, and double quotes
become single ones in calls that list events. Without any event a side scores 1; upstream's protocol still shows the
judge the whole text as the only event, and accepts one label or none. An unreadable reply is asked for again, as often
as the protocol allows. Source: evaluation/metrics/evaluate_dream_gpt.py of github.com/bytedance/tarsier.

A sample's only target is its reference. `metadata` may hold `events` (otherwise the judge lists the reference's
events too) and the counts n_subjects, n_shots and n_events, by which DREAM-1K reports kinds of video.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from eval.core import Evidence, JudgedTraits, Metric, MetricTraits, Prediction, Sample, Score, ScorerTraits
from eval.errors import DataError
from eval.judges.calls import LABELS, Label
from eval.judges.protocol import Question, Side
from eval.judges.replies import WrittenEvent
from eval.judges.rounds import NoAnswer, ask
from eval.scorers.accounting import ACCOUNTINGS
from eval.scorers.event_diagnoses import diagnoses
from eval.scorers.event_places import nearest_sentences
from eval.scorers.event_table import BUCKETS, METRICS, RATES, RENAMED, event_table, f1_of
from eval.scorers.judged import JudgedScorer, has_output, judged_score, output_or_marker

_Key = tuple[int, Side]
"""Position of a video among those given, and the side of its events."""
_T = TypeVar("_T")


def evidence(sample: Sample, output: str, score: Score) -> Evidence:
    """Return the counts of entailed events, and the sentence that each event is most like."""
    events, labels = score.detail.get("events") or {}, score.detail.get("labels") or {}
    if "recall" not in score.values or "precision" not in score.values:
        return Evidence(why=f"No verdict: {score.reason}.")
    counts = {side: (list(labels.get(side, ())).count("entailment"), len(events.get(side, ()))) for side in METRICS}
    (found, wanted), (true, told) = counts["reference"], counts["prediction"]
    return Evidence(
        why=f"{found} of the reference's {wanted} events are in the output (recall), and {true} of the output's {told} "
        "events are in the reference (precision).",
        output=nearest_sentences(output, events.get("prediction", ())),
        references=tuple(nearest_sentences(target, events.get("reference", ())) for target in sample.targets[:1]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoDQ(JudgedScorer):
    """F1 of mean recall and mean precision of events: over sources, by source, and by kind of video."""

    traits: ClassVar[ScorerTraits] = ScorerTraits(
        name="autodq",
        metrics=(
            MetricTraits(name="f1", label="F1", parts=tuple(METRICS.values()), statistic=f1_of),
            *(MetricTraits(name=name) for name in METRICS.values()),
            *(MetricTraits(name=name, paired=False) for name in RATES),
        ),
        subsets="macro",
        renamed=RENAMED,
        judged=JudgedTraits(
            values=tuple(METRICS.values()),
            items=("events.reference", "labels.reference"),
            labels=LABELS,
            noun="labels of the references' events",
            kinds=("unit", "relation"),
            labelled={metric: f"labels.{side}" for side, metric in METRICS.items()},
        ),
        evidence=evidence,
        diagnoses=diagnoses,
    )
    name: str = traits.name
    """Name of the scorer in results."""

    def score(self, pairs: Sequence[tuple[Sample, Prediction]], population: Sequence[Sample] = ()) -> list[Score]:  # noqa: ARG002
        """Return the score of each pair, in the order given.

        The judge is asked in two stages, first for all events and then for all labels; a video without known events is
        left out of the second. Raises DataError, before the judge is asked, where a sample does not have exactly one
        target or has an invalid count, and ConfigError where the protocol does not support the task.
        """
        self.protocol.require("extract", "descriptions")
        for sample, _ in pairs:
            if len(sample.targets) != 1 or not sample.targets[0].strip():
                raise DataError(f"{sample.id}: {len(sample.targets)} references; a description is compared with one")
            _counts(sample)
        failures: dict[int, str] = {}
        events: dict[_Key, tuple[str, ...]] = {}
        listing: dict[_Key, Question[tuple[str, ...]]] = {}
        for i, (sample, prediction) in enumerate(pairs):
            for side in self._sides(prediction):
                known = sample.metadata.get("events") if side == "reference" else None
                if isinstance(known, list | tuple):
                    events[i, side] = tuple(map(WrittenEvent.of, known))
                else:
                    listing[i, side] = self._listing(sample, prediction, side)
        events |= self._answers("list the events of the", listing, failures)
        sides = [(i, side) for i, pair in enumerate(pairs) if i not in failures for side in self._sides(pair[1])]
        labelling = {
            (i, side): self._labelling(*pairs[i], side, events[i, side])
            for i, side in sides
            if events[i, side] or self.protocol.ask_even_if_trivial
        }
        labels: dict[_Key, tuple[Label, ...]] = {key: () for key in sides if key not in labelling}
        labels |= self._answers("label the events of the", labelling, failures)
        shares = {(i, side): _shares(side, found, len(events[i, side])) for (i, side), found in labels.items()}
        return [
            _score(
                sample,
                prediction,
                failures.get(i),
                [shares.get((i, side), {}) for side in METRICS],
                _detail({side: (events.get((i, side)), labels.get((i, side))) for side in METRICS}),
            )
            for i, (sample, prediction) in enumerate(pairs)
        ]

    def aggregate(self, scores: Sequence[Score]) -> list[Metric]:
        """Return f1, recall and precision under both accountings, overall, by source and by kind of video."""
        return [metric for accounting in ACCOUNTINGS for metric in event_table(scores, accounting)]

    def _sides(self, prediction: Prediction) -> Iterable[Side]:
        """Return the sides to ask about: both, in upstream's order.

        Without an output there is none; by upstream's protocol its marker of a failure is judged like a description.
        """
        return tuple(METRICS) if has_output(prediction) or self.protocol.ask_even_if_trivial else ()

    def _listing(self, sample: Sample, prediction: Prediction, side: Side) -> Question[tuple[str, ...]]:
        return self.protocol.list_events(sample.id, side, _texts(sample, prediction)[side].replace('"', "'"))

    def _labelling(
        self, sample: Sample, prediction: Prediction, side: Side, events: Sequence[str]
    ) -> Question[tuple[Label, ...]]:
        texts = _texts(sample, prediction)
        other: Side = "prediction" if side == "reference" else "reference"
        return self.protocol.label_events(sample.id, side, texts[other], events, instead=texts[side].replace("\n", " "))

    def _answers(self, task: str, questions: Mapping[_Key, Question[_T]], failures: dict[int, str]) -> dict[_Key, _T]:
        """Ask the questions, record why videos have failed in `failures`, and return the available answers."""
        answers: dict[_Key, _T] = {}
        for (i, side), answer in zip(questions, ask(self.judge, list(questions.values())), strict=True):
            if isinstance(answer, NoAnswer):
                failures.setdefault(i, f"{task} {side}: {answer.reason}")
            else:
                answers[i, side] = answer
        return answers


def _texts(sample: Sample, prediction: Prediction) -> dict[Side, str]:
    return {"reference": sample.targets[0].lower(), "prediction": output_or_marker(prediction).lower()}


def _shares(side: Side, labels: Sequence[Label], n_events: int) -> dict[str, float]:
    """Return the share of each label by name of value; without events, the entailed share is 1."""
    metric = METRICS[side]
    if not n_events:
        return {metric: 1.0, f"{metric}_neutral": 0.0, f"{metric}_contradiction": 0.0}
    return {
        metric: labels.count("entailment") / n_events,
        f"{metric}_neutral": labels.count("neutral") / n_events,
        f"{metric}_contradiction": labels.count("contradiction") / n_events,
    }


def _detail(sides: Mapping[Side, tuple[Sequence[str] | None, Sequence[Label] | None]]) -> Mapping[str, Any]:
    """Return the known events and labels by side, without labels of a whole text that replaced the events."""
    events = {side: list(found) for side, (found, _) in sides.items() if found is not None}
    labels = {side: list(found)[: len(events.get(side, ()))] for side, (_, found) in sides.items() if found is not None}
    return {"events": events, "labels": labels} if events else {}


def _counts(sample: Sample) -> dict[str, float]:
    """Return the sample's counts that define kinds of video, as far as it has them."""
    found = {key: sample.metadata.get(key) for key in dict.fromkeys(key for _, key, _, _ in BUCKETS)}
    try:
        return {key: float(count) for key, count in found.items() if isinstance(count, int | float)}
    except OverflowError:
        keys = " or ".join(key for key, count in found.items() if isinstance(count, int) and count.bit_length() > 1000)
        raise DataError(f"{sample.id}: {keys} is a number of hundreds of digits, no count; correct its row") from None


def _score(
    sample: Sample,
    prediction: Prediction,
    failure: str | None,
    shares: Sequence[Mapping[str, float]],
    detail: Mapping[str, Any],
) -> Score:
    """Return the score. Its values include the video's counts, for grouping metrics; a failed one has only those."""
    values = _counts(sample)
    if failure is None:
        values |= {name: value for share in shares for name, value in share.items()}
    return judged_score(sample, prediction, values, failure, detail)
