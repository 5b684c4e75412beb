"""Which of MVBench's subtasks the built-in world fills, and with what.

Names, folders and which subtasks are bounded are MVBench's own (arXiv 2311.17005); the questions are about
rendered scenes, chosen to be of the same nature where that is possible.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.mini.scenes import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtask:
    """One subtask of the built-in world."""

    name: str
    """As MVBench has it."""
    tasks: tuple[str, ...]
    """Tasks of questions.py that fill it."""
    kind: Kind
    """Of the scenes."""
    folder: str
    """Where its videos lie below `video/`, as officially."""
    suffix: str = ".mp4"
    """Of its videos; "" for folders of frames."""
    bounded: bool = False
    """Whether its questions are about a span, with other scenes around it."""
    stem: str = "{:05d}"
    """File name for a seed, without suffix."""

    @property
    def file(self) -> str:
        """Name of the official annotation file."""
        return f"{self.name.lower().replace(' ', '_').replace('-', '_')}.json"


SUBTASKS = (
    Subtask(
        name="Action Sequence",
        tasks=("action_sequence",),
        kind="events",
        folder="star/Charades_v1_480",
        bounded=True,
        stem="S{:04d}",
    ),
    Subtask(
        name="Action Prediction",
        tasks=("action_next",),
        kind="events",
        folder="star/Charades_v1_480",
        bounded=True,
        stem="P{:04d}",
    ),
    Subtask(name="Action Antonym", tasks=("action_antonym",), kind="events", folder="ssv2_video", suffix=".webm"),
    Subtask(name="Fine-grained Action", tasks=("speed",), kind="motion", folder="Moments_in_Time_Raw/videos"),
    Subtask(name="Unexpected Action", tasks=("fine_flash",), kind="flash", folder="FunQA_test/test"),
    Subtask(
        name="Object Existence",
        tasks=("attribute",),
        kind="count",
        folder="clevrer/video_validation",
        stem="video_1{:04d}",
    ),
    Subtask(
        name="Moving Direction",
        tasks=("moving_direction",),
        kind="motion",
        folder="clevrer/video_validation",
        stem="video_2{:04d}",
    ),
    Subtask(name="Action Localization", tasks=("flash_when",), kind="flash", folder="sta/sta_video", bounded=True),
    Subtask(
        name="Moving Count",
        tasks=("object_count",),
        kind="count",
        folder="clevrer/video_validation",
        stem="video_1{:04d}",
    ),
    Subtask(
        name="Moving Attribute",
        tasks=("moving_attribute",),
        kind="motion",
        folder="clevrer/video_validation",
        stem="video_2{:04d}",
    ),
    Subtask(
        name="State Change", tasks=("state_change",), kind="events", folder="perception/videos", stem="video_1{:04d}"
    ),
    Subtask(name="Fine-grained Pose", tasks=("brightness",), kind="brightness", folder="nturgbd", suffix=".avi"),
    Subtask(name="Character Order", tasks=("shape",), kind="motion", folder="perception/videos", stem="video_2{:04d}"),
    Subtask(
        name="Episodic Reasoning",
        tasks=("action_sequence", "action_next"),
        kind="events",
        folder="tvqa/frames_fps3_hq",
        suffix="",
        bounded=True,
        stem="mini_s01e{:02d}",
    ),
)
"""In MVBench's order. Subtasks with the same folder and stem share their clips."""
