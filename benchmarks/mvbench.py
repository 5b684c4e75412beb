"""MVBench: 20 subtasks of temporal understanding, 200 multiple-choice questions each (arXiv 2311.17005).

Data: huggingface.co/datasets/OpenGVLab/MVBench, `json/<subtask>.json` beside `video/`; or upstream's MVBench.jsonl.
One row: {"video": "K3Q.mp4", "question": "What did the person do next?", "candidates": ["Sat down.", "Left."],
"answer": "Left.", "start": 4.0, "end": 9.5}

Quirks:
- Upstream's rows hold the prompts behind the published numbers; from the official files they are built in that form.
- Five subtasks ask about a span. Episodic Reasoning shows folders of frames at 3 a second; upstream lists the files.
- Questions and videos were replaced in 2024-06 and some came nested in `data0613/`: pin the revision.
- Fine-grained Pose (NTU RGB+D) must be requested from its owners and is often missing: mind the coverage.
- CLEVRER and Perception Test both number their videos, so a name is looked up under its own subtask only.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from eval.core import Clip, Sample, Scorer
from eval.errors import did_you_mean
from eval.readers.choices import answer_letter, choice_prompt
from eval.readers.rows import Row, read_json_list
from eval.readers.sources import Source, upstream_file
from eval.readers.upstream import read_upstream
from eval.readers.videos import VideoIndex, benchmark_home, video_stem

FOLDERS = {
    "Action Sequence": "star/Charades_v1_480",
    "Action Prediction": "star/Charades_v1_480",
    "Action Antonym": "ssv2_video",
    "Fine-grained Action": "Moments_in_Time_Raw/videos",
    "Unexpected Action": "FunQA_test/test",
    "Object Existence": "clevrer/video_validation",
    "Object Interaction": "star/Charades_v1_480",
    "Object Shuffle": "perception/videos",
    "Moving Direction": "clevrer/video_validation",
    "Action Localization": "sta/sta_video",
    "Scene Transition": "scene_qa/video",
    "Action Count": "perception/videos",
    "Moving Count": "clevrer/video_validation",
    "Moving Attribute": "clevrer/video_validation",
    "State Change": "perception/videos",
    "Fine-grained Pose": "nturgbd",
    "Character Order": "perception/videos",
    "Egocentric Navigation": "vlnqa",
    "Episodic Reasoning": "tvqa/frames_fps3_hq",
    "Counterfactual Inference": "clevrer/video_validation",
}
"""The subtasks in official order, and where below `video/` the videos of each lie."""
BOUNDED = {"Action Sequence", "Action Prediction", "Object Interaction", "Action Localization", "Episodic Reasoning"}
"""Subtasks that ask about a span of the video."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MVBench:
    """Reads upstream's rows where they are there, and the official tree otherwise; both give the same samples."""

    data: Path
    """Folder of the data set, or the one above `MVBench/`; the videos lie below it in any layout."""
    scorer: Scorer
    """Upstream's branch tarsier averages over subtasks, tarsier2 over samples."""
    annotations: Path | None = None
    """Upstream's MVBench.jsonl or the folder that holds it; without it, looked for below `data`."""
    source: Source = "auto"
    """Which annotations to read; `auto` prefers upstream's rows, for their prompts."""
    name: str = "mvbench"
    """Name in conf/benchmark/."""
    dataset: str = "MVBench"
    """Name in upstream's rows."""

    def samples(self) -> Iterator[Sample]:
        """Yield the samples by subtask or in the order of upstream's rows. Raises DataError."""
        home = benchmark_home(self.data, "MVBench", "mvbench")
        files = {task: home / "json" / f"{task.lower().replace(' ', '_').replace('-', '_')}.json" for task in FOLDERS}
        rows = upstream_file("MVBench.jsonl", self.data, self.annotations, self.source, list(files.values()))
        videos = VideoIndex(home)
        if rows is not None:
            yield from self._from_upstream(rows, videos)
            return
        for task, file in files.items():
            # A copy may hold only some of the subtasks.
            for position, row in enumerate(read_json_list(file) if file.exists() else ()):
                yield self._from_official(task, position, row, videos)

    def _from_upstream(self, path: Path, videos: VideoIndex) -> Iterator[Sample]:
        unknown: set[str] = set()
        for row in read_upstream(path, self.dataset):
            if row.subset not in FOLDERS and row.subset not in unknown:
                unknown.add(row.subset)
                hint = did_you_mean(row.subset, FOLDERS)
                _log.warning(
                    "%s: %r is none of MVBench's 20 subtasks; reported as it is. %s", row.place, row.subset, hint
                )
            hints, foreign = _places(row.subset)
            clip = row.clip(videos, hints, foreign, fps=_fps(row.subset))
            yield row.sample(self.name, clip, _cluster(row.subset, row.video))

    def _from_official(self, subtask: str, position: int, row: Row, videos: VideoIndex) -> Sample:
        video, question, options = row.text("video"), row.text("question"), row.texts("candidates")
        start, end = (row.number("start"), row.number("end")) if subtask in BOUNDED else (None, None)
        source = videos.find(video, *_places(subtask), row.place)
        return Sample(
            id=f"{self.dataset}/{subtask}_{position}",
            benchmark=self.name,
            subset=subtask,
            clip=Clip(source=source, start=start or None, end=end, fps=_fps(subtask)),
            prompt=choice_prompt(f"\nQuestion: {question}", options),
            targets=(answer_letter(row, row.text("answer"), options),),
            options=options,
            cluster=_cluster(subtask, video),
            metadata={"vid": video, "question": question},
        )


def _places(subtask: str) -> tuple[list[str], list[str]]:
    """Return where the videos of a subtask lie, and the folders of the others."""
    folder = FOLDERS.get(subtask)
    if folder is None:
        return ["video", ""], []
    parents = ("video", "", "video/data0613", "data0613")
    return [f"{parent}/{folder}".strip("/") for parent in parents] + ["video"], [
        other for other in set(FOLDERS.values()) if other != folder
    ]


def _fps(subtask: str) -> float | None:
    return 3.0 if subtask == "Episodic Reasoning" else None


def _cluster(subtask: str, video: str) -> str:
    """Return the source video's path below `video/`: subtasks share videos, but numbers repeat between folders."""
    folder = FOLDERS.get(subtask)
    return video_stem(video) if folder is None else f"{folder}/{video_stem(video.rpartition(folder + '/')[2])}"
