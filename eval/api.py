"""The public Python API: the commands `eval`, `score` and `compare`, and a finished run to read.

    from tarsier_eval import compare, evaluate, load, score

    (result,) = evaluate("nextqa", limit=8, settings={"model.n_frames": 4})
    print(result.metrics[0].value, result.metrics[0].interval)

A command prints its table and writes its folder as on the command line. Errors are `eval.errors.TarsierEvalError`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.core import Result
from eval.files import absolute
from eval.running.request import EvalRequest, Place, ScoreRequest
from eval.runs.checksums import verify_settings
from eval.runs.scored import ScoredRun

if TYPE_CHECKING:
    from eval.analysis.compare.systems import Comparison


def evaluate(
    bench: str | Sequence[str],
    *,
    model: Place | None = None,
    frames: str | None = None,
    data: Place | None = None,
    annotations: Place | None = None,
    judge: str | None = None,
    protocol: str | None = None,
    limit: int | None = None,
    out: Place | None = None,
    settings: Mapping[str, Any] | None = None,
) -> list[Result]:
    """Run a model on benchmarks, and return the result of each; the folder of a run that was stopped goes on.

    Args:
        bench: a benchmark or group, or several; `mvbench/state_change` is one subset.
        model: a name from conf/model/, a checkpoint folder, or a hub id; None: tarsier-tiny.
        frames: the frames that it is shown, a name from conf/frames/; None: the model's own.
        data: root of annotations and videos; None: the built-in world.
        annotations: an annotation file in upstream's format, with `data` as the root of its videos.
        judge: `openai:<model>`, `azure:<deployment>`, a server's URL, `replay:<bundle>`; None: the offline one.
        protocol: how the judge is asked.
        limit: a number of samples of each benchmark, drawn from all of its subsets.
        out: the run folder; None: a new one in results/runs/.
        settings: any settings of conf/ by dotted name, such as {"model.n_frames": 16}.

    Raises:
        TarsierEvalError: nothing was started because a setting, file or name is wrong, or the run could not go on.
    """
    from eval.running.start import evaluate as run

    return run(
        EvalRequest(
            bench=bench if isinstance(bench, str) else ",".join(bench),
            model=None if model is None else str(model),
            frames=frames,
            data=data,
            annotations=annotations,
            judge=judge,
            protocol=protocol,
            limit=limit,
            out=out,
            overrides=_overrides(settings),
        )
    )


def score(
    predictions: Place,
    bench: str | None = None,
    *,
    data: Place | None = None,
    judge: str | None = None,
    protocol: str | None = None,
    out: Place | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Result:
    """Score predictions without a model, and return the result.

    Args:
        predictions: a prediction file of upstream's, a folder of them, or a run folder.
        bench: the benchmark; may be left out for a run, whose files name it.
        data: root of annotations, for metrics that need the whole split.
        judge: as for `evaluate`.
        protocol: as for `evaluate`.
        out: the folder of the score; None: a new one in results/runs/.
        settings: as for `evaluate`.

    Raises:
        TarsierEvalError: a setting, file or name is wrong, or the judge cannot be used.
    """
    from eval.running.score_file import score as run

    result, _ = run(
        ScoreRequest(
            predictions=predictions,
            bench=bench,
            data=data,
            judge=judge,
            protocol=protocol,
            out=out,
            overrides=_overrides(settings),
        )
    )
    return result


def compare(first: Place | ScoredRun, second: Place | ScoredRun, *, accept: Sequence[str] = ()) -> Comparison:
    """Compare two runs or scores on the same samples: difference, interval, flips, subsets.

    Args:
        first: a run folder, or a run that was loaded.
        second: another one.
        accept: fields in which they may differ besides the model.

    Raises:
        TarsierEvalError: they cannot be compared; the message names every field in which they differ.
    """
    from eval.analysis.compare.systems import compare_systems

    one, other = (run if isinstance(run, ScoredRun) else load(run) for run in (first, second))
    return compare_systems(one, other, accept)


def load(folder: Place) -> ScoredRun:
    """Return the run in a folder, with its result; its scores, predictions and settings are read when asked for.

    Args:
        folder: the folder of a run or a score.

    Raises:
        TarsierEvalError: there is no such folder, no result in it, or a damaged or edited one.
    """
    run = ScoredRun.read(absolute(folder))
    verify_settings(run.folder, run.raw)
    return run


def _overrides(settings: Mapping[str, Any] | None) -> list[str]:
    """Return settings as overrides; JSON's texts, numbers, lists and null are what Hydra's grammar takes too."""
    return [f"{name}={_value(value)}" for name, value in (settings or {}).items()]


def _value(value: Any) -> str:
    from eval.config import quoted

    if isinstance(value, str | Path):
        return quoted(str(value))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)
