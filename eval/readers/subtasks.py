"""Multiple-choice benchmarks in the layout of MVBench: a file of questions and a folder of videos for each subtask.

json/action_antonym.json: [{"video": "12.webm", "question": "What next?", "candidates": ["Sat.", "Left."],
                            "answer": "Left.", "start": 4.0, "end": 9.5}, ...]
video/<folder of the subtask>/12.webm
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from eval.errors import DataError
from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.choices import answer_letter
from eval.readers.folders import video_stem
from eval.readers.joining import AnnotatedQuestion
from eval.readers.rows import item, read_list


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtask:
    """Folder of a subtask's media, and how clips are read from it."""

    folder: str
    """Folder below the folder of videos; subtasks may share one."""
    bounded: bool = False
    """Whether its questions ask about a span of the video."""
    fps: float | None = None
    """Frames per second, where the videos are folders of frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtaskBenchmark(AnnotatedBenchmark):
    """A benchmark of subtasks, each with its own file and folder."""

    tasks: Mapping[str, Subtask]
    """The subtasks in official order."""
    numbering: Literal["task", "benchmark"]
    """Whether upstream numbers the questions within each subtask, or through all of them."""

    def reported(self) -> Mapping[str, str]:
        """Return the subtasks, which are reported under their own names."""
        return {task: task for task in self.tasks}

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions by subtask, in official order; a copy may hold only some of the subtasks."""
        by_name = {file.name: file for file in files[0].glob("*.json")}
        count = 0
        for task, about in self.tasks.items():
            file = by_name.pop(f"{task.lower().replace(' ', '_').replace('-', '_')}.json", None)
            if file is None:
                continue
            rows = read_list(file)
            for position in range(len(rows)):
                number = position if self.numbering == "task" else count
                count += 1  # counted before a row is left out, so that the others keep their ids
                with self.tolerance:
                    row = item(rows, position, file)
                    options = row.texts("candidates")
                    yield AnnotatedQuestion(
                        row=row,
                        id=f"{self.dataset}/{task}_{number}",
                        video=row.text("video"),
                        targets=(answer_letter(row, row.text("answer"), options),),
                        text=row.text("question"),
                        options=options,
                        kind=task,
                        start=row.number("start") if about.bounded else None,
                        end=row.number("end") if about.bounded else None,
                    )
        if by_name:
            listed = ", ".join(sorted(by_name))
            raise DataError(f"{files[0]}: {listed} belongs to no subtask of {self.card.title}; is this its folder?")

    def places(self, kind: str) -> tuple[Sequence[str], Sequence[str]]:
        """Return the folder of a subtask's videos, and the folders of the others, whose numbers are the same."""
        if kind not in self.tasks:
            return ["video", ""], ()
        folder = self.tasks[kind].folder
        parents = ("video", "", "video/data0613", "data0613")
        others = {task.folder for task in self.tasks.values()} - {folder}
        return [*(f"{parent}/{folder}".strip("/") for parent in parents), "video"], sorted(others)

    def fps(self, kind: str) -> float | None:
        """Return the frames per second of folders of frames."""
        return self.tasks[kind].fps if kind in self.tasks else None

    def cluster(self, kind: str, video: str) -> str:
        """Return the source video's path below `video/`: subtasks share videos, but numbers repeat between folders."""
        if kind not in self.tasks:
            return video_stem(video)
        folder = self.tasks[kind].folder
        return f"{folder}/{video_stem(video.rpartition(folder + '/')[2])}"
