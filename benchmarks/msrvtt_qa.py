"""MSRVTT-QA: questions made of the captions of web videos, one-word answers (Xu et al., ACM MM 2017).

Data: github.com/xudejing/video-question-answering, `{train,val,test}_qa.json`; videos of MSR-VTT as `video<N>.mp4`;
or upstream's MSR-VTT-QA-val.jsonl.
One row: {"answer": "couch", "category_id": 14, "id": 158581, "question": "what do they sit on?", "video_id": 6513}

Quirks:
- Upstream reports the val split, 12,278 questions on video6513 to video7009; most papers report test, 72,821 on
  video7010 to video9999. Never compare the two.
- The videos come in two zips, TrainValVideo and TestVideo, or all in one folder.
- The original metric is exact match.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.joining import AnnotatedQuestion
from eval.readers.numbered import NumberedBenchmark


class MSRVTTQA(NumberedBenchmark):
    """Reads `{split}_qa.json`."""

    @property
    def dataset(self) -> str:
        """Its name in upstream's rows, which have the val split only."""
        return f"MSR-VTT-QA-{self.split}"

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions of a split."""
        return self.qa(files[0])
