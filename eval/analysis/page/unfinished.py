"""A run that is not through, as its page shows it: what it is of, and what was said so far, without scores."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from eval.analysis.page.clips import Clips, PlaceOf
from eval.analysis.page.run import flat, media_root, reason_group
from eval.analysis.page.samples import sample_json
from eval.config import cards
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
    card = cards().get(str(fingerprint.get("benchmark")))
    pairs = predictions_so_far(folder)
    shown = [pair for pair in pairs[:-NEWEST] if pair[1].error is not None] + pairs[-NEWEST:]
    clips = Clips(media_root({"data": read_settings(folder).get("data")}), folder, place)
    failed = Counter(reason_group(prediction.error) for _, prediction in pairs if prediction.error is not None)
    progress = read_progress(folder)
    samples = [
        sample_json(sample, prediction, None, clip=clips.add(prediction), traits=None, graded=False)
        for sample, prediction in shown
    ]
    return {
        "name": folder.name,
        "benchmark": str(fingerprint.get("benchmark")),
        "title": card.title if card else str(fingerprint.get("benchmark")),
        "paper": card.paper if card else "",
        "homepage": card.homepage if card else "",
        "task": card.task if card else "",
        "model": str((fingerprint.get("model") or {}).get("name")),
        "judge": None,
        "protocol": None,
        "date": "",
        "folder": str(folder),
        "fingerprint": "",
        "builtin": False,
        "complete": False,
        "primary": card.metric if card else "",
        "traits": [],
        "metrics": [],
        "counts": {
            "total": len(pairs), "scored": 0, "invalid": 0, "model_failed": sum(failed.values()), "judge_failed": 0,
        },
        "coverage": [],
        "failures": [{"status": "model_failed", "reason": reason, "n": n} for reason, n in failed.most_common()],
        "clip_notes": [],
        "time": [],
        "wall_s": None,
        "workers": [dict(worker) for worker in progress.workers] if progress else [],
        "money": [],
        "published": [],
        "caveats": ["It is not through: nothing is scored yet."],
        "notes": [],
        "settings": flat(fingerprint),
        "clips": clips.rows,
        "samples": samples,
    }  # fmt: skip


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
