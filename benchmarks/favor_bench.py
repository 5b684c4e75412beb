"""FAVOR-Bench: fine-grained motion in 1,776 videos, 8,184 multiple-choice questions in six tasks (arXiv 2503.14935).

Data: huggingface.co/datasets/zl2048/FAVOR, `video_perspective.json`; videos as `<video_name>.mp4`; or upstream's
FAVOR-Bench.jsonl (branch tarsier2, messages form).
One row: {"video_name": "B7DNX.mp4", "questions": [{"question": "What does the man do?", "options": ["Sits.", "Runs."],
"correct_answer": "Runs.", "task_type": "HAC"}]}

Quirks:
- Only the closed questions are asked here; the open description task has a metric of its own.
- The tasks differ much in size (AS 2,637, NSM 64), and the reported average is over samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.choices import answer_letter
from eval.readers.folders import video_stem
from eval.readers.joining import AnnotatedQuestion
from eval.readers.rows import read_json_list


class FAVORBench(AnnotatedBenchmark):
    """Reads the questions by video; the subset is the task."""

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions of all videos, numbered within each."""
        for video in read_json_list(files[0], self.tolerance):
            with self.tolerance:
                name = video.text("video_name")
                for number, row in enumerate(video.rows("questions")):
                    with self.tolerance:
                        options, task = row.texts("options"), row.text("task_type")
                        yield AnnotatedQuestion(
                            row=row,
                            id=f"{self.dataset}/{task}_{video_stem(name)}_{number}",
                            video=name,
                            targets=(answer_letter(row, row.text("correct_answer"), options, "correct_answer"),),
                            text=row.text("question"),
                            options=options,
                            kind=task,
                        )
