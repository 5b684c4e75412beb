"""LongVideoBench: details of videos of seconds to an hour, 1,337 questions for validation (arXiv 2407.15754).

Data: huggingface.co/datasets/longvideobench/LongVideoBench, `lvb_val.json`; videos as `videos/<video_path>`.
One row: {"id": "86CxyhFV9MI_0", "video_path": "86CxyhFV9MI.mp4", "question": "When the man ..., what is he holding?",
"candidates": ["A cup.", "A pen."], "correct_choice": 1, "duration_group": 60, "question_category": "S2O",
"topic_category": "KA-Knowledge-Art", "duration": 43.2}

Quirks:
- Two to five options; the answer is the position of one, from 0 on. Accuracy over questions is reported.
- Subtitles are not used, though the owners' loader puts them between the frames.
- That loader takes frames up to `duration`; here they come from the whole file.
- `lvb_test_wo_gt.json` has no answers, and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.choices import index_letter
from eval.readers.joining import AnnotatedQuestion
from eval.readers.rows import read_json_list
from eval.readers.upstream import UpstreamRow


class LongVideoBench(AnnotatedBenchmark):
    """Reads `lvb_val.json`; the subset is the duration group, other groupings are metadata."""

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions of the list."""
        for row in read_json_list(files[0], self.tolerance):
            with self.tolerance:
                options = row.texts("candidates")
                yield AnnotatedQuestion(
                    row=row,
                    id=f"{self.dataset}_{row.label('id')}",
                    video=row.text("video_path"),
                    text=row.text("question"),
                    options=options,
                    targets=(index_letter(row, row.number("correct_choice"), options, "correct_choice"),),
                    kind=row.label("duration_group"),
                    metadata={key: row.label(key) for key in ("duration_group", "question_category", "topic_category")},
                )

    def kind(self, row: UpstreamRow) -> str:
        """Return the group of durations, which exported rows have among their further fields."""
        return str(row.extra.get("duration_group", ""))
