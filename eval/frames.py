"""Runs as tidy pandas data frames, for notebooks: one row a metric, one row a sample, typed columns.

    >>> from eval.frames import metrics, samples
    >>> frame = metrics("results/runs")
    >>> frame.query("headline and accounting == 'strict'")[["model", "benchmark", "value", "n"]]
          model benchmark  value  n
    5  always-A   mvbench   0.25  4
    >>> answers = samples("results/runs")
    >>> answers.groupby("subset")["value"].mean()
    subset
    Action Antonym     0.0
    Action Sequence    0.5
    Name: value, dtype: float64

A place is the folder of a run or of a score, a folder with such folders at any depth, or a bundle. Damaged runs raise
an error here, unlike on the leaderboard. pandas is an extra, since nothing else needs it: `pip install -e '.[frames]'`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.analysis.leaderboard.cells import read_csv
from eval.analysis.leaderboard.finding import find_rows, finished, opened
from eval.analysis.leaderboard.rows import COLUMNS, TableRow
from eval.errors import ConfigError, DataError
from eval.installed import install
from eval.readers.predictions import read_run
from eval.runs.folder import PREDICTIONS
from eval.runs.scored import ScoredRun

if TYPE_CHECKING:
    from pandas import DataFrame

_TEXT, _NUMBER, _COUNT, _FLAG, _WHEN = "string", "float64", "Int64", "boolean", "datetime64[us, UTC]"
_METRIC_TYPES = {
    **dict.fromkeys(COLUMNS, _TEXT),
    **dict.fromkeys(("value", "stderr", "low", "high", "coverage", "chance"), _NUMBER),
    **dict.fromkeys(("n", "n_clusters"), _COUNT),
    **dict.fromkeys(("complete", "headline", "builtin"), _FLAG),
}
_SAMPLE_TYPES = {
    **dict.fromkeys(
        ("run", "model", "benchmark", "judge", "protocol", "score_id", "subset", "id", "cluster", "status", "prompt"),
        _TEXT,
    ),
    **dict.fromkeys(("prediction", "answer", "target", "reason", "metric"), _TEXT),
    "value": _NUMBER,
}
_SCORE_FIELDS = ("subset", "id", "cluster", "status", "answer", "target", "reason")
_PAIRED_ON = ("benchmark", "score_id", "metric", "subset", "id", "cluster", "target")


def leaderboard(table: str | Path = "results/leaderboard.csv") -> DataFrame:
    """Return a leaderboard file, with the original texts, without the apostrophes that protect spreadsheets.

    Returns:
        One row a number, with the columns of `eval.analysis.leaderboard.rows.TableRow`; values unscaled; dates in UTC.

    Raises:
        DataError: the file is damaged, or is no leaderboard.
        ConfigError: pandas is not installed.
    """
    return _metric_frame(read_csv(Path(table)))


def metrics(*places: str | Path) -> DataFrame:
    """Return the metrics of runs, in the order of finding them.

    Returns:
        One row a metric, with the columns of `leaderboard`; `provenance` is the run's path.

    Raises:
        DataError: a run is damaged, or a place holds none.
        ConfigError: a place does not exist, or pandas is not installed.
    """
    found = find_rows([Path(place) for place in places], Path("leaderboard.csv").resolve())
    if found.skipped:
        raise DataError(found.skipped[0])
    return _metric_frame(found.rows)


def samples(*places: str | Path, metric: str | None = None) -> DataFrame:
    """Return the samples of runs, in the order of their files.

    Args:
        places: Runs, see above.
        metric: Name of the sample values to return; None for the benchmark's primary metric.

    Returns:
        One row a sample and run: the run, how it was scored, `prediction` (the raw output), `answer` (parsed from
        it), `target`, `status`, `reason` (why there is no value), and `value`, missing where there is none.
        Outputs are missing too where a score's predictions are not available.

    Raises:
        DataError: a run is damaged, or none of its samples has such a value.
        RunError: one of its files is not the one that its result was computed from.
        ConfigError: a place does not exist, or pandas is not installed.
    """
    rows: list[Mapping[str, Any]] = []
    for place in finished([Path(place) for place in places]):
        with opened(place) as scored:
            rows += _samples(scored, str(place), metric)
    return _frame(rows, _SAMPLE_TYPES)


def paired(first: str | Path, second: str | Path, metric: str | None = None) -> DataFrame:
    """Return two runs side by side, for analyses of their differences.

    Returns:
        One row for each sample of both: `prediction_first`, `answer_first`, `value_first`, the same of the second, and
        `difference`, second less first, missing where either value is.

    Raises:
        DataError: they were not scored in the same way, or have no sample in common; or as `samples` does.
        ConfigError: as `samples` does.
    """
    columns = [*_PAIRED_ON, "prediction", "answer", "value"]
    frames = [samples(place, metric=metric) for place in (first, second)]
    kinds = [sorted({*zip(frame["benchmark"], frame["score_id"], frame["metric"], strict=True)}) for frame in frames]
    if kinds[0] != kinds[1] or len(kinds[0]) != 1:
        raise DataError(f"{first} and {second} are not scored in the same way: {kinds[0]} and {kinds[1]}.")
    both = frames[0][columns].merge(
        frames[1][columns], on=list(_PAIRED_ON), suffixes=("_first", "_second"), validate="one_to_one"
    )
    if both.empty:
        raise DataError(f"{first} and {second} have no sample in common.")
    both["difference"] = both["value_second"] - both["value_first"]
    return both


def _samples(scored: ScoredRun, place: str, metric: str | None) -> Iterator[Mapping[str, Any]]:
    result, path = scored.result, scored.folder / PREDICTIONS
    wanted = metric or result.primary
    said = {prediction.id: prediction for _, prediction in read_run(path, result.benchmark)} if path.is_file() else {}
    scores = scored.scores
    known = sorted({name for score in scores.values() for name in score.values})
    if metric is not None and metric not in known:
        raise DataError(f"{place}: no sample has a value {metric!r}. Known: {', '.join(known) or 'none'}.")
    for score in scores.values():
        prediction = said.get(score.id)
        yield {
            "run": place,
            "model": result.model,
            "benchmark": result.benchmark,
            "judge": result.judge,
            "protocol": result.protocol,
            "score_id": result.score_id,
            **{name: getattr(score, name) for name in _SCORE_FIELDS},
            "prompt": prediction and prediction.prompt,
            "prediction": prediction and prediction.output,
            "metric": wanted,
            "value": score.values.get(wanted),
        }


def _metric_frame(rows: Iterable[TableRow]) -> DataFrame:
    frame = _frame([{name: getattr(row, name) for name in COLUMNS} for row in rows], _METRIC_TYPES)
    frame["date"] = _pandas().to_datetime(frame["date"].replace("", None), utc=True, format="ISO8601").astype(_WHEN)
    return frame


def _frame(rows: Iterable[Mapping[str, Any]], types: Mapping[str, str]) -> DataFrame:
    return _pandas().DataFrame(list(rows), columns=list(types)).astype(dict(types))


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise ConfigError(f"Data frames need pandas: {install('frames')}.") from error
    return pd
