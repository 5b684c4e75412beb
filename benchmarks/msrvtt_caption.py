"""MSR-VTT: 10,000 web videos, 20 one-sentence captions each; scored by CIDEr (Xu et al., CVPR 2016).

Data: `test_videodatainfo.json`; videos as `TestVideo/video<N>.mp4` or all in one folder; or upstream's
MSR-VTT-Caption-test.jsonl.
One file: {"videos": [{"video_id": "video7010", "split": "test", ...}],
           "sentences": [{"caption": "a man cooks", "video_id": "video7010", "sen_id": 140200}]}

Quirks:
- The test split is video7010 to video9999; a file that holds other videos is refused, so that train captions are
  never scored as test.
- Upstream's references are re-cased: its number needs its file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.joining import AnnotatedQuestion
from eval.readers.numbered import NumberedBenchmark
from eval.readers.rows import Row, by_label, read_object


class MSRVTTCaption(NumberedBenchmark):
    """Reads videos and sentences of one split."""

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield one question a video, with all of its captions. Raises RowError where they do not fit together."""
        content = read_object(files[0])
        videos: dict[str, Row] = {}
        for row in by_label(content.rows("videos"), "video_id", self.tolerance).values():
            with self.tolerance:
                videos[self.video(row, "video_id")] = row
        captions: dict[str, list[str]] = {video: [] for video in videos}
        for row in content.rows("sentences"):
            with self.tolerance:
                video = self.video(row, "video_id")
                if video not in captions:
                    raise row.error("video_id", f"is {video}, which is not among the videos; fetch the file again")
                captions[video].append(row.text("caption"))
        for video, row in videos.items():
            yield AnnotatedQuestion(row=row, id=f"{self.dataset}_{video}", video=video, targets=tuple(captions[video]))
