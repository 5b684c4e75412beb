r"""Video-MME-v2: 800 videos, a group of four multiple-choice questions of up to eight options each (arXiv 2604.05015).

Data: huggingface.co/datasets/MME-Benchmarks/Video-MME-v2, `test.parquet` (or the same rows as json, jsonl or csv), four
rows a video in order; videos as `<video_id>.mp4`, in zip archives.
One row: {"video_id": "001", "question": "Which ...?", "options": "A. One.\nB. Two.\n...", "answer": "C", "level": "1",
"group_type": "logic", "group_structure": "[1, [2, 3], 4]", "second_head": "Order", "third_head": "Events"}

Quirks:
- A group is scored as one (`NonLinearChoice`), by its type and structure; options may also be a list.
- Levels and heads may be null or "None", and are not reported there; beside nulls, a level may be 2.0.
- The official condition is 64 frames without subtitles and a prompt of its own, with the options after the question as
  they stand and a sentence on how to answer. The form here is that of MVBench; subtitles are not used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.choices import check_letter, check_options, lettered, without_letters
from eval.readers.groups import in_groups
from eval.readers.joining import AnnotatedQuestion
from eval.readers.tables import read_records


class VideoMMEv2(AnnotatedBenchmark):
    """Reads the table of questions; the group is the video, levels and heads are metadata."""

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions of the table, each with its place among the four of its video."""
        rows = read_records(files[0], self.tolerance)
        for row, place in in_groups(rows, 4, "video_id", ("group_type", "group_structure"), self.tolerance):
            with self.tolerance:
                is_text = isinstance(row.fields.get("options"), str)
                lines = row.text("options").split("\n") if is_text else row.texts("options")
                options = lettered(row, lines, "options") if is_text else without_letters(row, lines, "options")
                options = check_options(row, options, "options")
                yield AnnotatedQuestion(
                    row=row,
                    id=f"{self.dataset}_{row.label('video_id')}-{place}",
                    video=row.label("video_id"),
                    targets=(check_letter(row, row.text("answer"), options[:8]),),
                    text=row.text("question"),
                    options=options,
                    metadata={"place": place, **{key: _written(row.fields.get(key)) for key in _ABOUT}},
                )


_ABOUT = ("level", "group_type", "group_structure", "second_head", "third_head")
"""Fields of a group, kept with its questions."""


def _written(value: Any) -> str:
    return "" if value is None or str(value) in {"None", "nan"} else re.sub(r"^(\d+)\.0$", r"\1", str(value))
