r"""TempCompass: action, speed, direction, order and change of attributes, 5,536 closed questions (arXiv 2403.00476).

Data: github.com/llyx97/TempCompass, `questions/<task>.json`; videos as `videos/<id>.mp4`.
One row: {"103441": {"action": [{"question": "What is he doing?\nA. dunking\nB. passing", "answer": "A. dunking"}]}}

Quirks:
- Options are lines of the question, after `A. `, `Option 1: ` or `Caption A: `; the answer is a whole line.
- Yes or no is asked here as two options with letters, as everything else; the official code asks for the word.
- The fourth task, captioning, has a judge of its own, and is not asked.
- A video, the same one reversed, and one that begins with it are one source: intervals count them once. A video joined
  with another counts with the first alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.choices import answer_letter
from eval.readers.joining import AnnotatedQuestion
from eval.readers.rows import read_object


class TempCompass(AnnotatedBenchmark):
    """Reads a file a task; the subset is task and dimension."""

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions of all tasks, numbered within each video and dimension."""
        for path in files:
            videos = read_object(path, empty=False)
            for video in videos.fields:
                with self.tolerance:
                    by_dimension = videos.row(video)
                    for dimension in by_dimension.fields:
                        kind = f"{path.stem} {dimension}"
                        for number, row in enumerate(by_dimension.rows(dimension)):
                            with self.tolerance:
                                asked, answer = row.text("question"), row.text("answer")
                                text, *lines = [line for line in asked.split("\n") if line.strip()] or [""]
                                lines, answer = (lines, answer) if lines else (["yes", "no"], answer.lower())
                                options = tuple(line.partition(_END[path.stem])[2] or line for line in lines)
                                yield AnnotatedQuestion(
                                    row=row,
                                    id=f"{self.dataset}/{kind}_{video}_{number}",
                                    video=video,
                                    text=text,
                                    options=options,
                                    targets=(answer_letter(row, answer, lines),),
                                    kind=kind,
                                )

    def cluster(self, kind: str, video: str) -> str:  # noqa: ARG002
        """Return the source of a video: the name before what was done to it."""
        return video.partition("_")[0]


_END = {"multi-choice": ". ", "yes_no": "\n", "caption_matching": ": "}
"""What ends the name of an option, by task."""
