"""TOMATO: visual temporal reasoning in six tasks, 1,484 multiple-choice questions on 1,417 videos (arXiv 2410.23266).

Data: github.com/yale-nlp/TOMATO, `data/<task>.json`; videos as `videos/<human|object|simulated>/<key>.mp4`.
One row: {"0": {"question": "How many ...?", "options": ["2", "1"], "answer": 1, "key": "0209-03",
"demonstration_type": "human"}}

Quirks:
- Three to seven options; the answer is the position of one, from 0 on.
- Micro average over samples, as reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.choices import index_letter
from eval.readers.joining import AnnotatedQuestion
from eval.readers.rows import read_object


class TOMATO(AnnotatedBenchmark):
    """Reads a file a task; the subset is the task."""

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions of all tasks, with the numbers of their files."""
        for path in files:
            rows = read_object(path)
            for number in rows.fields:
                with self.tolerance:
                    row = rows.row(number)
                    options = row.texts("options")
                    yield AnnotatedQuestion(
                        row=row,
                        id=f"{self.dataset}/{path.stem}_{number}",
                        video=f"{row.label('demonstration_type')}/{row.label('key')}",
                        text=row.text("question"),
                        options=options,
                        targets=(index_letter(row, row.number("answer"), options),),
                        kind=path.stem,
                    )
