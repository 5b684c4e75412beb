"""Scores the same predictions by every judge whose stored verdicts on them are complete, without new judge calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval.analysis.explain.ways import JUDGE, VariantScores
from eval.core import COMPLETE_FROM, Prediction, Sample, Score, Scorer
from eval.errors import ConfigError
from eval.files import absolute
from eval.judges.calls import Respondent
from eval.judges.protocol import JudgeProtocol
from eval.judges.replay import RecordedJudge
from eval.runs.bundle import SUFFIX, is_bundle
from eval.runs.folder import RESULT

Build = Callable[[Respondent, JudgeProtocol], Scorer]
"""Builds the benchmark's scorer from a judge and a protocol."""
PredictedPairs = Sequence[tuple[Sample, Prediction]]


@dataclass(slots=True)
class JudgePanel:
    """The judges found so far, the run's own first; each is counted once, wherever its verdicts are stored."""

    marked: list[VariantScores] = field(default_factory=list)
    """The scores by each judge."""
    notes: list[str] = field(default_factory=list)
    """Judges that were found but not counted, one line each."""

    def add(self, scorer: Scorer, identity: Mapping[str, Any], scores: Sequence[Score], place: str) -> None:
        """Count a judge's scores, if it has judged the same samples as the first judge and is not counted yet.

        Args:
            scorer: The scorer that aggregates the scores.
            identity: Everything they depend on, as the scorer that gave them describes itself.
            scores: One score a sample.
            place: Where the verdicts are stored, for messages.
        """
        label = judge_label(identity)
        with_output = sum(score.status != "model_failed" for score in scores)
        judged = _n_judged(scores)
        if self.marked:
            least = min(_n_judged(self.marked[0].scores), COMPLETE_FROM * with_output)
            if judged < least:
                shown = f"{judged} of {with_output} outputs"
                self.notes.append(f"Judge {label} ({place}) has judged {shown}; it is not counted.")
                return
        values = _values(scores)
        same = [each for each in self.marked if each.choices[JUDGE].partition(" #")[0] == label]
        if any(_values(each.scores) == values for each in same):
            return
        label = f"{label} #{len(same) + 1}" if same else label
        if note := (identity.get("judge") or {}).get("note"):
            self.notes.append(f"Judge {label}: {note}.")
        self.marked.append(VariantScores(choices={JUDGE: label}, scores=scores, scorer=scorer))

    def replay(
        self, judge: RecordedJudge, protocol: JudgeProtocol, build: Build, pairs: PredictedPairs, place: str
    ) -> None:
        """Score predictions by a judge's stored verdicts, and count the judge if these are complete."""
        scorer = build(judge, protocol)
        try:
            scores = scorer.score(pairs)
        except ConfigError:
            return  # the protocol is made for something else
        # Answers that are wrong without a judge call prove nothing: a judge without replies has not judged.
        if any(score.status == "judge_failed" for score in scores) and not judge.said_anything:
            return
        self.add(scorer, scorer.describe(), scores, place)


def places(run: Path, named: Sequence[str]) -> list[Path]:
    """Return folders and bundles of scores: those that a user names, and those beside the run or in its folder.

    Raises:
        ConfigError: a named path is neither.
    """
    found = [absolute(name) for name in named]
    for path, name in zip(found, named, strict=True):
        if not _holds_verdicts(path):
            raise ConfigError(f"--verdicts {name}: neither the folder of a score nor a bundle of one.")
    beside = [*run.parent.iterdir(), *(run.iterdir() if run.is_dir() else ())]
    return list(dict.fromkeys([*found, *(path for path in sorted(beside) if path != run and _holds_verdicts(path))]))


def _holds_verdicts(path: Path) -> bool:
    try:
        return (path / RESULT).is_file() or (path.name.endswith(SUFFIX) and is_bundle(path))
    except OSError:
        return False  # not one of ours


def judge_label(identity: Mapping[str, Any]) -> str:
    """Return the label of a judge and its protocol, from a scorer's identity."""
    judge, protocol = identity.get("judge") or {}, identity.get("protocol") or {}
    revision = f" ({judge['revision']})" if judge.get("revision") else ""
    return f"{judge.get('name')}{revision}, {protocol.get('name')}"


def same_outputs(scores: Sequence[Score], pairs: PredictedPairs) -> bool:
    """Whether a judge's scores are of these predictions: the same samples with exactly the same outputs."""
    said = {sample.id: prediction.output for sample, prediction in pairs}
    return len(scores) == len(said) and all(
        score.id in said and (score.answer == said[score.id] or score.status == "model_failed") for score in scores
    )


def _n_judged(scores: Sequence[Score]) -> int:
    return sum(score.status not in ("model_failed", "judge_failed") for score in scores)


def _values(scores: Sequence[Score]) -> dict[str, tuple[str, Mapping[str, float]]]:
    return {score.id: (score.status, score.values) for score in scores}
