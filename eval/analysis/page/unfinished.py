"""A run that is not through, as its page shows it: what it is of, and what was said so far, without scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from eval.analysis.page.clips import Clips, PlaceOf
from eval.analysis.page.run import BUILTIN_CAVEAT, about_benchmark, flat, grouped, media_root
from eval.analysis.page.samples import sample_json
from eval.config import BUILTIN, cards
from eval.core import Prediction, Sample
from eval.files import read_regular
from eval.readers.predictions import read_run
from eval.runs.folder import PREDICTIONS, read_record
from eval.runs.progress import read_progress
from eval.runs.scored import read_settings

NEWEST = 500
"""Number of the newest samples on the page of a run that is not through; failures come on top."""


def unfinished_payload(folder: Path, place: PlaceOf) -> dict[str, Any]:
    """Return a run without a result in the form of `Run` in `web/src/payload.ts`.

    Args:
        folder: The run folder, which another process may be writing.
        place: Gives the URLs of files.

    Raises:
        TarsierEvalError: it is no run, or a file is damaged.
    """
    fingerprint = read_record(folder).fingerprint
    name, settings = str(fingerprint.get("benchmark")), read_settings(folder)
    card = cards().get(name)
    pairs = predictions_so_far(folder)
    shown = [pair for pair in pairs[:-NEWEST] if pair[1].error is not None] + pairs[-NEWEST:]
    data = media_root({"data": settings.get("data")})
    clips = Clips(data, folder, place)
    failed = Counter(("model_failed", prediction.error) for _, prediction in pairs if prediction.error is not None)
    judge = settings.get("judge")
    judged = card is not None and card.task in ("oe_qa", "description")
    progress = read_progress(folder)
    samples = [
        sample_json(sample, prediction, None, clip=clips.add(prediction), traits=None, graded=False)
        for sample, prediction in shown
    ]
    left_out = len(pairs) - len(shown)
    return {
        **about_benchmark(name),
        "name": folder.name,
        "model": str((fingerprint.get("model") or {}).get("name")),
        "unfinished": True,
        "updated": _updated(folder),
        "judge": str(judge.get("name")) if judged and isinstance(judge, Mapping) else None,
        "protocol": None,
        "date": "",
        "folder": str(folder),
        "fingerprint": "",
        "builtin": data == BUILTIN / "world",
        "complete": False,
        "primary": card.metric if card else "",
        "no_value": "The benchmark is not finished, and nothing is scored yet.",
        "traits": [],
        "metrics": [],
        "beside": [],
        "counts": {
            "total": len(pairs), "scored": 0, "invalid": 0, "model_failed": sum(failed.values()), "judge_failed": 0,
        },
        "coverage": [],
        "failures": grouped(failed),
        "clip_notes": [],
        "time": [],
        "wall_s": None,
        "workers": [dict(worker) for worker in progress.workers] if progress else [],
        "money": [],
        "published": [],
        "caveats": [
            *([BUILTIN_CAVEAT] if data == BUILTIN / "world" else []),
            "It is not finished, and nothing is scored yet.",
            *([f"The list leaves out the {left_out} oldest samples, but for failed ones."] if left_out else []),
        ],
        "settings": flat(fingerprint),
        "clips": clips.rows,
        "samples": samples,
    }  # fmt: skip


def _updated(folder: Path) -> int:
    """Return when a run was last written to, in milliseconds; 0 where it has nothing yet."""
    try:
        return (folder / PREDICTIONS).stat().st_mtime_ns // 1_000_000
    except OSError:
        return 0


def predictions_so_far(folder: Path) -> list[tuple[Sample, Prediction]]:
    """Return the predictions of a run that is being written, without a last line that is half there.

    Raises DataError where a line does not fit the format.
    """
    path = folder / PREDICTIONS
    if not path.exists():
        return []
    content = read_regular(path)
    with TemporaryDirectory() as name:
        whole = Path(name) / PREDICTIONS
        whole.write_bytes(content[: content.rfind(b"\n") + 1])
        return read_run(whole)
