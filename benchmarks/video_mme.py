"""Video-MME: 900 videos from 11 seconds to an hour, three multiple-choice questions of four each (arXiv 2405.21075).

Data: huggingface.co/datasets/lmms-lab/Video-MME, `videomme/test-00000-of-00001.parquet` (or the same rows as json,
jsonl or csv) and `data/<videoID>.mp4`; or upstream's Video-MME.jsonl.
One row: {"video_id": "001", "duration": "short", "domain": "Knowledge", "sub_category": "Humanity & History",
"videoID": "dQw4w9WgXcQ", "question_id": "001-1", "task_type": "Counting Problem", "question": "How many?",
"options": ["A. One.", "B. Two.", "C. Three.", "D. Four."], "answer": "C"}

Quirks:
- Upstream names a video by video_id, its file by videoID: without the parquet, videos are found only as `001.mp4`.
- Upstream drops all three questions of a video when one answer is invalid; accounting `upstream` does, too.
- Subtitles are not used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.choices import check_letter, without_letters
from eval.readers.joining import AnnotatedQuestion, Namer
from eval.readers.layout import DataLayout
from eval.readers.tables import read_records
from eval.readers.upstream import UpstreamRow


class VideoMME(AnnotatedBenchmark):
    """Reads the table of questions; the subset is the duration, other groupings are metadata."""

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions of the table; options lose their letters, which the prompt puts before them again."""
        for row in read_records(files[0], self.tolerance):
            with self.tolerance:
                options = without_letters(row, row.texts("options"), "options")
                yield AnnotatedQuestion(
                    row=row,
                    id=f"{self.dataset}_{row.text('question_id')}",
                    video=row.text("videoID"),
                    targets=(check_letter(row, row.text("answer"), options),),
                    text=row.text("question"),
                    options=options,
                    kind=row.text("duration"),
                    metadata={key: row.text(key) for key in ("video_id", "domain", "sub_category", "task_type")},
                )

    def kind(self, row: UpstreamRow) -> str:
        """Return the duration, which upstream's rows have among their further fields."""
        return str(row.extra.get("duration", ""))

    def namer(self, homes: DataLayout) -> Namer:
        """Return the name of the file, and the number that upstream uses."""
        file = homes.official(self.official[self.split][0])
        names: dict[str, str] = {}
        for row in read_records(file, self.tolerance) if file else ():
            with self.tolerance:
                names[row.label("video_id")] = row.text("videoID")
        return lambda video: (names[video], video) if video in names else (video,)
