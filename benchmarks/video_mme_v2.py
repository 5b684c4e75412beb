r"""Video-MME-v2: 800 videos, a group of four multiple-choice questions of up to eight options each (arXiv 2604.05015).

Data: huggingface.co/datasets/MME-Benchmarks/Video-MME-v2, `test.parquet` (or the same rows as json, jsonl or csv), four
rows a video in order; videos as `<video_id>.mp4`, in zip archives.
One row: {"video_id": "001", "question": "Which ...?", "options": "A. One.\nB. Two.\n...", "answer": "C", "level": "1",
"group_type": "logic", "group_structure": "[1, [2, 3], 4]", "second_head": "Order", "third_head": "Events"}

Quirks:
- A group is scored as one (`NonLinearChoice`), by its type and structure; options may also be a list.
- Levels and heads may be null or "None", and are not reported there.
- The official condition is 64 frames without subtitles and a prompt of its own, with the options after the question as
  they stand and a sentence on how to answer. The form here is that of MVBench; subtitles are not used.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.choices import check_letter
from eval.readers.joining import AnnotatedQuestion
from eval.readers.tables import read_records


class VideoMMEv2(AnnotatedBenchmark):
    """Reads the table of questions; the group is the video, levels and heads are metadata."""

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions of the table, numbered within each video, also where one of them cannot be read."""
        places: Counter[str] = Counter()
        for row in read_records(files[0], self.tolerance):
            with self.tolerance:
                video = row.label("video_id")
                places[video] += 1
                given = row.fields.get("options")
                lines = row.text("options").strip().split("\n") if isinstance(given, str) else row.texts("options")
                options = tuple(re.sub(r"^[A-Z][.)]\s*", "", line.strip()) for line in lines if line.strip())
                about = {key: str(row.fields.get(key)) for key in _ABOUT}
                yield AnnotatedQuestion(
                    row=row,
                    id=f"{self.dataset}_{video}-{places[video]}",
                    video=video,
                    targets=(check_letter(row, row.text("answer"), options),),
                    text=row.text("question"),
                    options=options,
                    metadata={
                        "place": places[video],
                        **{key: "" if value in {"None", "nan"} else value for key, value in about.items()},
                    },
                )


_ABOUT = ("level", "group_type", "group_structure", "second_head", "third_head")
"""Fields of a group, kept with its questions."""
