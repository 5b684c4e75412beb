"""ActivityNet-QA: ten questions on each of 800 long videos of activities, short answers (arXiv 1906.02467).

Data: github.com/MILVLG/activitynet-qa, `dataset/test_q.json` and `dataset/test_a.json`; videos of ActivityNet as
`v_<video_name>.{mp4,mkv,webm}`; or upstream's ActivityNet-QA-test.jsonl.
One row: {"video_name": "1QIUV7WYKXg", "question": "is he outdoors", "question_id": "v_1QIUV7WYKXg_3"}
and {"answer": "no", "type": 3, "question_id": "v_1QIUV7WYKXg_3"}

Quirks:
- Questions and answers lie in two files, joined by `question_id`.
- Upstream's rows carry no type; it is taken from the official files where they are at hand.
- The official metric is exact match.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.joining import AnnotatedQuestion, Namer
from eval.readers.layout import DataLayout
from eval.readers.rows import by_label, read_json_list


class ActivityNetQA(AnnotatedBenchmark):
    """Reads `test_q.json` with `test_a.json`; the subset is the question's type."""

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions, each with its answer. Raises RowError where one of the two is alone."""
        answers = by_label(read_json_list(files[1], self.tolerance), "question_id", self.tolerance)
        for row in read_json_list(files[0], self.tolerance):
            with self.tolerance:
                key = row.text("question_id")
                answer = answers.pop(key, None)
                if answer is None:
                    raise row.error("question_id", f"is {key!r}, without an answer in {files[1]}; fetch both again")
                yield AnnotatedQuestion(
                    row=row,
                    id=f"{self.dataset}_{key}",
                    video=row.text("video_name"),
                    targets=(answer.label("answer"),),
                    text=row.text("question"),
                    kind=answer.label("type"),
                )
        for key, answer in answers.items():
            with self.tolerance:
                raise answer.error("question_id", f"is {key!r}, without a question in {files[0]}; fetch both again")

    def namer(self, homes: DataLayout) -> Namer:  # noqa: ARG002
        """Return the name with the prefix of ActivityNet's files, which upstream's rows have too."""
        return lambda video: (f"v_{video.removeprefix('v_')}", video)
