"""MLVU: seven closed tasks on videos of three minutes to two hours, 2,175 questions of the dev set (arXiv 2406.04264).

Data: github.com/JUNJIE99/MLVU, `data/<task file>.json`, or `json/` of huggingface.co/datasets/MLVU/MVLU; videos as
`video/1_plotQA/<video>`, or without the number as the owners' code has it, `video/plotQA/<video>`.
One row: {"video": "needle_32.mp4", "duration": 467.98, "question": "What does the hand do?", "candidates": ["Points.",
"Waves.", "Takes.", "Gives."], "answer": "Waves.", "question_type": "findNeedle"}

Quirks:
- M-Avg is the mean over the seven tasks. The two open ones (sub-scene, summary) have a judge, and are not asked.
- The answer is the text of an option; of two that read the same (6 questions), the last, as in the owners' code.
- Two answers of `needle` are no candidate. As in the owners' code every output to them is wrong (at most 0.08 points of
  M-Avg); a warning names them. One question of `topic_reasoning` is empty, with four empty options.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.choices import check_options
from eval.readers.joining import AnnotatedQuestion, Namer
from eval.readers.layout import DataLayout
from eval.readers.rows import item, read_list
from eval.readers.text_answers import TextAnswers


class MLVU(AnnotatedBenchmark):
    """Reads a file a task; the subset is the task."""

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions of all tasks, with their places in the files as numbers."""
        for path in files:
            rows, answers, task = read_list(path), TextAnswers(path), path.stem.partition("_")[2]
            for number in range(len(rows)):
                with self.tolerance:
                    row = item(rows, number, path)
                    options = check_options(row, row.texts("candidates"), "candidates")
                    yield AnnotatedQuestion(
                        row=row,
                        id=f"{self.dataset}/{task}_{number}",
                        video=f"{path.stem}/{row.text('video')}",
                        text=row.text("question"),
                        options=options,
                        targets=(answers.letter(row, options),),
                        kind=task,
                    )
            answers.report(len(rows))

    def namer(self, homes: DataLayout) -> Namer:  # noqa: ARG002
        """Return the name in the task's folder, which has its number or not."""
        return lambda video: (video, video.partition("_")[2])

    def cluster(self, kind: str, video: str) -> str:  # noqa: ARG002
        """Return the video without the task's folder: one of two tasks is one source."""
        return video.partition("/")[2]
