"""MSVD-QA: questions made of the captions of short YouTube clips, one-word answers (Xu et al., ACM MM 2017).

Data: github.com/xudejing/video-question-answering, `{train,val,test}_qa.json` and `youtube_mapping.txt`; videos as
`video/vid<N>.avi` or, from MSVD itself, `YouTubeClips/<clip>.avi`; or upstream's MSVD-QA-val.jsonl.
One row: {"answer": "someone", "id": 30933, "question": "who pours liquid?", "video_id": 1201}

Quirks:
- Upstream reports the val split, 6,415 questions on 245 videos; most papers report test. Never compare the two.
- Upstream names a video by its YouTube clip, the official files by number; `youtube_mapping.txt` joins them, and the
  videos are found under either name.
- The original metric is exact match.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.joining import AnnotatedQuestion, Namer
from eval.readers.layout import DataLayout
from eval.readers.numbered import NumberedBenchmark, msvd_namer


class MSVDQA(NumberedBenchmark):
    """Reads `{split}_qa.json`."""

    @property
    def dataset(self) -> str:
        """Its name in upstream's rows, which have the val split only."""
        return f"MSVD-QA-{self.split}"

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions of a split."""
        return self.qa(files[0])

    def namer(self, homes: DataLayout) -> Namer:
        """Return both names of a video."""
        return msvd_namer(homes, self.tolerance)
