"""Samples of a run as its page shows them: what was shown, sent, said, read, and why it has its score."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from eval.core import Evidence, Prediction, Sample, Score, ScorerTraits, TextMark
from eval.judges.bill import STAGES
from eval.judges.calls import JudgeReply
from eval.judges.transcript import WhichCall
from eval.readers.choices import option_spans


def sample_json(
    sample: Sample,
    prediction: Prediction,
    score: Score | None,
    *,
    clip: int | None,
    traits: ScorerTraits | None,
    graded: bool,
    calls: Sequence[tuple[WhichCall, JudgeReply]] = (),
) -> dict[str, Any]:
    """Return a sample in the form of `Sample` in `web/src/payload.ts`.

    Args:
        sample: The sample.
        prediction: Its prediction.
        score: Its score, where it has one already.
        clip: Index of its clip on the page.
        traits: The scorer's.
        graded: Whether each sample is right or wrong, and nothing between.
        calls: The calls to the judge about it.
    """
    output = prediction.output
    evidence = Evidence(why="")
    if score is not None and output is not None and traits is not None and traits.evidence is not None:
        evidence = traits.evidence(sample, output, score)
    texts = sample.targets if _are_texts(traits) else ()
    marks: Iterable[tuple[TextMark, ...]] = evidence.references or [()] * len(texts)
    found: dict[str, Any] = {
        "id": sample.id,
        "subset": sample.subset,
        "groups": [] if score is None else list(score.groups),
        "outcome": _outcome(prediction, score, traits, graded=graded),
        "reason": prediction.error or (score.reason if score is not None else None),
        "clip": clip,
        "question": _question(sample),
        "prompt": prediction.prompt,
        "options": list(sample.options),
        "targets": list(sample.targets),
        "output": output,
        "answer": None if score is None else score.answer,
        "target": "" if score is None else score.target,
        "values": {} if score is None or score.status != "scored" else values_of(score, traits),
        "why": evidence.why or prediction.error or "",
        "marks": _marks(output or "", evidence.output),
        "references": [
            {"text": text, "marks": _marks(text, of_text)} for text, of_text in zip(texts, marks, strict=False)
        ],
        "verdicts": [_verdict(which, reply) for which, reply in calls],
    }
    if score is not None and score.detail.get("events"):
        found["events"] = {side: _events(side, score, evidence, output or "", calls, texts) for side in _SIDES}
        # The events say where they are themselves.
        found["marks"], found["references"] = [], [{"text": text, "marks": []} for text in texts]
    return found


_SIDES = ("reference", "prediction")


def values_of(score: Score, traits: ScorerTraits | None) -> dict[str, float]:
    """Return a sample's value of each metric that it has one of."""
    if traits is None:
        return dict(score.values)
    found = {}
    for metric in traits.metrics:
        if metric.name in score.values:
            found[metric.name] = float(score.values[metric.name])
        elif metric.statistic is not None and metric.of_means and all(part in score.values for part in metric.parts):
            import numpy as np

            found[metric.name] = float(metric.statistic(np.array([score.values[part] for part in metric.parts])))
    return found


def is_graded(scores: Iterable[Score], traits: ScorerTraits) -> bool:
    """Whether the first metric of single samples is nothing or all for each."""
    own = traits.own
    values = (score.values.get(own.name) for score in scores)
    return not own.parts and all(value in (None, 0.0, own.best) for value in values)


def _are_texts(traits: ScorerTraits | None) -> bool:
    """Whether the targets are texts to compare with, and no short answers."""
    return traits is not None and (traits.needs_population or (traits.judged is not None and bool(traits.judged.items)))


def _outcome(prediction: Prediction, score: Score | None, traits: ScorerTraits | None, *, graded: bool) -> str:
    if score is None:
        return "waiting" if prediction.error is None else "model_failed"
    if score.status != "scored" or not graded or traits is None:
        return score.status
    return "right" if score.values.get(traits.own.name) == traits.own.best else "wrong"


def _question(sample: Sample) -> str:
    """Return the question alone, from the annotations or else the prompt, without options and the words around it."""
    asked = sample.metadata.get("question")
    if not isinstance(asked, str) or not asked.strip():
        if not sample.options:
            return ""
        asked = sample.prompt.rpartition("<video>")[2].partition("ASSISTANT:")[0]
    asked = asked[: _options_begin(asked, sample.options)]
    return asked.strip().removesuffix("Options:").strip().removeprefix("Question:").strip()


def _options_begin(asked: str, options: Sequence[str]) -> int | None:
    """Return where the list of options begins: the last line that is the first of them, as `(A) dog` or `A. dog`."""
    if not options:
        spans = option_spans(asked)
        return asked.rindex("(A)", 0, spans[0][0]) if spans else None
    first = r"\s+".join(map(re.escape, options[0].split()))
    found = list(re.finditer(rf"^[ \t]*(?:\(A\)|A[).:])[ \t]*{first}[ \t]*$", asked, re.MULTILINE))
    return found[-1].start() if found else None


def _verdict(which: WhichCall, reply: JudgeReply) -> dict[str, Any]:
    _, task, side, attempt = which
    stage = STAGES.get(task, task)  # type: ignore[call-overload]
    stage += f" of the {side}" if side else ""
    stage += f", attempt {attempt + 1}" if attempt else ""
    label = None if reply.outcome == "replied" else reply.outcome
    return {"stage": stage, "label": label, "reply": reply.text, "error": reply.error}


def _events(
    side: str,
    score: Score,
    evidence: Evidence,
    output: str,
    calls: Sequence[tuple[WhichCall, JudgeReply]],
    targets: Sequence[str],
) -> list[dict[str, Any]]:
    events = score.detail["events"].get(side) or ()
    labels = score.detail.get("labels", {}).get(side) or ()
    reasons = _reasons(side, calls)
    text = output if side == "prediction" else (targets[0] if targets else "")
    marks = evidence.output if side == "prediction" else (evidence.references[0] if evidence.references else ())
    places = {mark.label: (mark.start, mark.end) for mark in marks}
    utf16 = _Offsets(text)
    return [
        {
            "text": str(event),
            "label": labels[number] if number < len(labels) else None,
            "reason": reasons[number] if len(reasons) == len(events) else None,
            "span": [utf16[end] for end in places[str(number)]] if str(number) in places else None,
        }
        for number, event in enumerate(events)
    ]


def _reasons(side: str, calls: Sequence[tuple[WhichCall, JudgeReply]]) -> list[str | None]:
    """Return the judge's reason for each label of a side, where its last reply gives them."""
    texts = [reply.text for which, reply in calls if which[1] == "entail" and which[2] == side and reply.text]
    for text in reversed(texts):
        begin, end = text.find("{"), text.rfind("}")
        with suppress(ValueError, RecursionError):
            listed = json.loads(text[begin : end + 1]).get("events")
            if isinstance(listed, list) and all(isinstance(one, dict) for one in listed):
                return [str(one["reason"]) if one.get("reason") else None for one in listed]
    return []


def _marks(text: str, marks: Iterable[TextMark]) -> list[dict[str, Any]]:
    utf16 = _Offsets(text)
    return [
        {"start": utf16[mark.start], "end": utf16[mark.end], "kind": mark.kind, "label": mark.label} for mark in marks
    ]


class _Offsets:
    """Offsets of characters as browsers count them: a character beyond the first 65,536 counts twice."""

    def __init__(self, text: str) -> None:
        self._far = [place for place, character in enumerate(text) if ord(character) > 0xFFFF]

    def __getitem__(self, offset: int) -> int:
        return offset + bisect_left(self._far, offset)
