"""Perception Test: memory, abstraction, physics and semantics in filmed scenes, three options each (arXiv 2305.13786).

Data: github.com/google-deepmind/perception_test, `mc_question_valid.json` (of mc_question_valid_annotations.zip) and
`cut_frame_mapping_valid.json`; videos as `videos/<video>.mp4`.
One row: {"video_1": {"metadata": {"frame_rate": 30.0, "num_frames": 900}, "mc_question": [{"id": 0, "question": "What
will happen?", "options": ["It falls.", "It rolls.", "Nothing."], "answer_id": 0, "area": "physics",
"reasoning": "predictive", "tag": ["motion"]}]}}

Quirks:
- The end of some videos gives the answer away; they are cut at the frame that `cut_frame_mapping_valid.json` beside the
  questions gives, which is the last one shown. Without that file nothing is cut, and a warning says so.
- The README counts 38,060 questions in all splits; 19,140 for validation is what other harnesses count. The test split,
  whose answers are withheld, is left out. Top-1 accuracy over questions is reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.choices import index_letter
from eval.readers.cut_frames import end_of, read_cuts
from eval.readers.joining import AnnotatedQuestion
from eval.readers.rows import read_object
from eval.readers.upstream import UpstreamRow


class PerceptionTest(AnnotatedBenchmark):
    """Reads the questions by video; the subset is the area."""

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions of all videos, under the numbers that they have within each."""
        videos = read_object(files[0])
        cuts = read_cuts(files[0].with_name("cut_frame_mapping_valid.json"), videos)
        for video in videos.fields:
            with self.tolerance:
                about = videos.row(video)
                end = end_of(video, cuts, about.row("metadata"))
                for row in about.rows("mc_question"):
                    with self.tolerance:
                        options, tags = row.texts("options"), list(row.texts("tag"))
                        yield AnnotatedQuestion(
                            row=row,
                            id=f"{self.dataset}_{video}_{row.label('id')}",
                            video=video,
                            text=row.text("question"),
                            options=options,
                            targets=(index_letter(row, row.number("answer_id"), options, "answer_id"),),
                            kind=row.text("area"),
                            end=end,
                            metadata={"tag": tags} | {key: row.text(key) for key in ("area", "reasoning")},
                        )

    def kind(self, row: UpstreamRow) -> str:
        """Return the area, which exported rows have among their further fields."""
        return str(row.extra.get("area", ""))
