"""NExT-QA: why, how, and what came before or after, in home videos; multiple choice of five (arXiv 2105.08276).

Data: github.com/doc-doc/NExT-QA, `val.csv` (and `test.csv`) beside `map_vid_vidorID.json`; videos as
`NExTVideo/<map_vid_vidorID[video]>.mp4`; or upstream's Next-QA-val-multi_choice.jsonl.
One row: video,frame_count,width,height,question,answer,qid,type,a0,a1,a2,a3,a4
         4010069381,369,640,480,why did the boy run,2,6,CW,to hide,to eat,to catch the ball,to sleep,to sing

Quirks:
- `qid` repeats between videos: a question is known by video and qid.
- The official report groups the types: C (CW, CH), T (TN with TP, TC) and D (DC, DL, DO). Upstream's rows carry no
  type; it is taken from val.csv where that is at hand, by video, question and options.
- Three questions list the same option twice; the index says which one counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.choices import index_letter
from eval.readers.joining import AnnotatedQuestion, Namer
from eval.readers.layout import DataLayout
from eval.readers.rows import read_object
from eval.readers.tables import read_table


class NExTQA(AnnotatedBenchmark):
    """Reads `val.csv`; the subset is the group of the question's type."""

    @property
    def dataset(self) -> str:
        """Its name in upstream's rows, which have the val split only."""
        return f"Next-QA-{self.split}-multi_choice"

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions of a csv file."""
        for row in read_table(files[0], tolerance=self.tolerance):
            with self.tolerance:
                video, kind = row.label("video"), row.text("type")
                frames = str(row.fields.get("frame_count") or "")
                options = tuple(row.text(f"a{number}") for number in range(5))
                yield AnnotatedQuestion(
                    row=row,
                    id=f"{self.dataset}_{video}_{row.label('qid')}",
                    video=video,
                    targets=(index_letter(row, row.number("answer"), options),),
                    text=row.text("question"),
                    options=options,
                    kind=kind,
                    metadata={"type": kind, **({"frame_count": int(frames)} if frames.isdecimal() else {})},
                )

    def namer(self, homes: DataLayout) -> Namer:
        """Return what turns a video's number into its path in VidOR, where the map is there."""
        file = homes.official("map_vid_vidorID.json")
        paths = read_object(file) if file else None
        return lambda video: (paths.text(video), video) if paths and paths.has(video) else (video,)
