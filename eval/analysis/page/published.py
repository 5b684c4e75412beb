"""Published numbers beside a run's, and whether they can be compared."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from eval.analysis.leaderboard.gathering import PUBLISHED
from eval.analysis.leaderboard.published import read_published
from eval.core import OVERALL, Result
from eval.errors import TarsierEvalError


def published_numbers(result: Result, *, is_apart: bool) -> list[dict[str, Any]]:
    """Return numbers published of a benchmark's headline, and whether the run's can be compared with each.

    Args:
        result: The run's.
        is_apart: Whether the run's number is comparable with none, for reasons that the page states.
    """
    names = {result.primary, result.primary.removesuffix("_macro").removesuffix("_micro")}
    split = str(result.provenance.get("split") or "")
    found = []
    with suppress(TarsierEvalError, OSError):
        for row in read_published(PUBLISHED):
            if (row.benchmark, row.subset) != (result.benchmark, OVERALL) or row.metric not in names:
                continue
            why = [f"its split is {row.split}"] if row.split and split and row.split != split else []
            if "split" in row.unstated:
                why.append("its split is not stated")
            if result.judge is not None and "judge" in row.unstated:
                why.append(f"its judge is {row.judge or 'not stated'}")
            elif result.judge is not None and result.judge not in row.judge:
                why.append(f"its judge is {row.judge or 'not stated'}, and not {result.judge}")
            found.append(
                {
                    "model": row.model,
                    "metric": row.metric,
                    "value": row.value,
                    "source": row.source,
                    "comparable": not why and not is_apart,
                    "note": "; ".join(why) or ("see above" if is_apart else ""),
                }
            )
    return sorted(found, key=lambda each: -(each["value"] or 0.0))
