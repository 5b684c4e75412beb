"""DREAM-1K: 1,000 short clips with many events, to be described in detail; scored by AutoDQ (arXiv 2407.00634).

Data: huggingface.co/datasets/omni-research/DREAM-1K, `json/metadata.json` and `video/<idx>.mp4`; or upstream's
DREAM-1k.jsonl of either branch.
One row: {"idx": 1, "video_file": "video/1.mp4", "source": "movie_animation", "duration": 5.1, "description": "...",
"events": ["A man runs.", "He falls."], "n_subjects": 1, "n_shots": 1, "n_events": 2}

Quirks:
- Five sources of 200 clips. Branch tarsier2 calls shorts vertical_video and stock videvo; both read as one here.
- The events of the reference come with the data. Four references (649, 804, 980, 981) have none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.joining import AnnotatedQuestion
from eval.readers.tables import read_records

EXTRA = ("duration", "n_subjects", "n_shots", "n_events")


class DREAM1K(AnnotatedBenchmark):
    """Reads the metadata; the subset is the source of the clip."""

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield one question a clip: the description is the reference."""
        for row in read_records(files[0], self.tolerance):
            with self.tolerance:
                idx, source = row.label("idx"), row.text("source")
                yield AnnotatedQuestion(
                    row=row,
                    id=f"{self.dataset}/{self.subsets.get(source, source)}_{idx}",
                    video=idx,
                    targets=(row.text("description"),),
                    kind=source,
                    metadata={"events": list(row.texts("events")), **{key: row.number(key) for key in EXTRA}},
                )
