"""EventHallusion: does a model see what it would expect? 409 questions of yes or no on 397 videos (arXiv 2409.16597).

Data: github.com/Stevetich/EventHallusion, `questions/<kind>_questions.json`; videos as `videos/<kind>/<id>.mp4`.
One row: {"id": "entire_001", "category": "pet&animal", "questions": [{"question": "Is he ...?", "answer": "No."}]}

Quirks:
- The right answer is always yes for one kind (`interleave`) and no for the two others: mind the kinds, and not only the
  average over samples, which is reported.
- Yes or no is asked here as two options with letters; the official code asks for the word.
- Its descriptions, which a judge compares, are not asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.choices import answer_letter
from eval.readers.joining import AnnotatedQuestion
from eval.readers.rows import read_json_list


class EventHallusion(AnnotatedBenchmark):
    """Reads a file a kind; the subset is the kind."""

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions of all kinds, numbered within each video."""
        for path in files:
            kind = path.stem.removesuffix("_questions")
            for video in read_json_list(path, self.tolerance):
                with self.tolerance:
                    name = video.text("id")
                    for number, row in enumerate(video.rows("questions")):
                        with self.tolerance:
                            answer = row.text("answer").strip(".").lower()
                            yield AnnotatedQuestion(
                                row=row,
                                id=f"{self.dataset}/{kind}_{name}_{number}",
                                video=f"{kind}/{name}",
                                text=row.text("question"),
                                options=("yes", "no"),
                                targets=(answer_letter(row, answer, ("yes", "no")),),
                                kind=kind,
                            )
