r"""Vinoground: which caption, which segment? 500 pairs of captions and clips that differ in time (arXiv 2410.02763).

Data: huggingface.co/datasets/HanSolo9682/Vinoground, `vinoground_textscore.json`, `vinoground_videoscore.json` and
`vinoground.csv`; videos as `vinoground_videos/<n>_<pos|neg>.mp4` and, of both, `vinoground_videos_concated/<n>.mp4`.
One row: {"idx": "0_pos", "video_name": "vinoground_videos/0_pos.mp4", "question": "Which ...?\nA. He ...\nB. He ...",
"GT": "A"}; of the csv: index "0", major "object", minor "interaction;cyclical".

Quirks:
- A pair has four questions, two of text score and two of video score, and is scored as one (`TextVideoChoice`).
- The official code asks the question as it stands, with a last line on how to answer: that line is left out here, and
  options have brackets around their letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.choices import check_letter, split_question
from eval.readers.joining import AnnotatedQuestion
from eval.readers.rows import by_label, read_json_list, some_rows
from eval.readers.tables import read_table


class Vinoground(AnnotatedBenchmark):
    """Reads both files of questions; categories are those of the pair in the table."""

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions of text score, then those of video score."""
        *asked_in, table = files
        pairs = by_label(some_rows(read_table(table, tolerance=self.tolerance), table), "index", self.tolerance)
        for asked, path in zip(("text", "video"), asked_in, strict=True):
            for row in some_rows(read_json_list(path, self.tolerance), path):
                with self.tolerance:
                    text, options = split_question(row, "question", _HOW.sub("", row.text("question")))
                    name, video = row.label("idx"), row.text("video_name")
                    if self.cluster("", video) != name.partition("_")[0]:
                        raise row.error("video_name", f"is {video!r}, and its idx {name!r}; correct one of them")
                    if (pair := pairs.get(name.partition("_")[0])) is None:
                        raise row.error("idx", f"is {name!r}, of no pair in {table}; fetch both files again")
                    categories = (pair.text("major"), *pair.text("minor").split(";"))
                    yield AnnotatedQuestion(
                        row=row,
                        id=f"{self.dataset}_{asked}_{name}",
                        video=video,
                        targets=(check_letter(row, row.text("GT"), options, "GT"),),
                        text=text,
                        options=options,
                        metadata={"asked": asked, "categories": [one.strip() for one in categories if one.strip()]},
                    )

    def cluster(self, kind: str, video: str) -> str:  # noqa: ARG002
        """Return the pair, whose number both clips and their concatenation have in their names."""
        return Path(video).stem.partition("_")[0]


_HOW = re.compile(r"(?:\n\s*(?:Answer|Choose|Only|Output|Please|Reply|Respond|Select|Your)\b[^\n]*)+\s*$")
"""The last lines, which say how to answer."""
