"""TGIF-QA, FrameQA task: questions that one frame of an animated gif answers, one word each (arXiv 1704.04497).

Data: github.com/YunseokJANG/tgif-qa, `Test_frameqa_question.csv` (separated by tabs); `gifs/<gif_name>.gif`; or
upstream's TGIF-QA-test.jsonl.
One row: gif_name, question, answer, type, vid_id, key, description
         tumblr_no73q2_250, what is the cat doing ?, sleeping, 0, FRAMEQA1159, 27138, the cat is sleeping .

Quirks:
- Some copies hold mp4 files made of the gifs. Where both are there the gif is shown: upstream samples a gif over all of
  its frames, and published numbers rest on that.
- `vid_id` is unique; `key` is too, but its numbers look like upstream's idx.
- Upstream's rows carry no type; it is taken from the official file where that is at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.folders import video_stem
from eval.readers.joining import AnnotatedQuestion, Namer
from eval.readers.layout import DataLayout
from eval.readers.tables import read_table


class TGIFQA(AnnotatedBenchmark):
    """Reads the table of FrameQA; the subset is the question's type."""

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions of the table."""
        for row in read_table(files[0], "\t", self.tolerance):
            with self.tolerance:
                yield AnnotatedQuestion(
                    row=row,
                    id=f"{self.dataset}_{row.label('vid_id')}",
                    video=row.text("gif_name"),
                    targets=(row.label("answer"),),
                    text=row.text("question"),
                    kind=row.label("type"),
                )

    def namer(self, homes: DataLayout) -> Namer:  # noqa: ARG002
        """Return the name of the gif; a copy in another container is found by its stem."""
        return lambda video: (f"{video_stem(video)}.gif",)
