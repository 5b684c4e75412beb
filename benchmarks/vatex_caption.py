"""VATEX: ten-second clips of human activities, ten English captions each; scored by CIDEr (arXiv 1904.03493).

Data: eric-xw.github.io/vatex-website, `vatex_public_test_english_v1.1.json`; videos as `<videoID>.mp4`, cut out of
YouTube videos; or upstream's VATEX-test.jsonl.
One row: {"videoID": "dQw4w9WgXcQ_000010_000020", "enCap": ["A man is singing.", ...]}

Quirks:
- Many of the videos are gone from YouTube. They stay samples, which fail as missing and show in the coverage; CIDEr
  over what is left is not comparable with published numbers.
- `videoID` is the YouTube id, which may hold underscores, and the first and last second.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.joining import AnnotatedQuestion
from eval.readers.rows import read_json_list


class VATEXCaption(AnnotatedBenchmark):
    """Reads the English captions of the public test split."""

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield one question a video, with all of its captions."""
        for row in read_json_list(files[0], self.tolerance):
            with self.tolerance:
                video = row.text("videoID")
                yield AnnotatedQuestion(row=row, id=f"{self.dataset}_{video}", video=video, targets=row.texts("enCap"))
