"""MSVD: short YouTube clips, some 41 one-sentence captions each; scored by CIDEr (Chen and Dolan, ACL 2011).

Data: `AllVideoDescriptions.txt` (english) with `youtube_mapping.txt`, which numbers the clips; videos as
`YouTubeClips/<clip>.avi` or `video/vid<N>.avi`; or upstream's MSVD-Caption-test.jsonl.
One line: dQw4w9WgXcQ_10_15 a man is singing
and dQw4w9WgXcQ_10_15 vid1301

Quirks:
- The usual splits are ranges of the mapping's order: vid1 to vid1200, to vid1300, and vid1301 to vid1970 for test.
- Upstream's references are re-cased and lost their apostrophes ("trainer s hands"): its number needs its file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.joining import AnnotatedQuestion, Namer
from eval.readers.layout import DataLayout
from eval.readers.malformed import RowError
from eval.readers.numbered import NumberedBenchmark, msvd_namer, read_mapping
from eval.readers.rows import Row, read_lines


class MSVDCaption(NumberedBenchmark):
    """Reads the descriptions of all clips, and keeps those of the split."""

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield one question a clip, with all of its captions. Raises DataError where a clip has none."""
        captions: dict[str, list[str]] = {}
        for place, line in read_lines(files[0], self.tolerance):
            with self.tolerance:
                clip, _, caption = line.partition(" ")
                if not caption.strip():
                    said = f"{line[:60]!r} where '<clip> <caption>' is expected; fetch the file again"
                    raise RowError(f"{place}: {said}")
                captions.setdefault(clip, []).append(caption.strip())
        first, last = self.numbers[self.split]
        for clip, number in read_mapping(files[1], self.tolerance).items():
            if first <= int(number.removeprefix(self.prefix)) <= last:
                yield AnnotatedQuestion(
                    row=Row({}, f"{files[0]}: clip {clip}"),
                    id=f"{self.dataset}_{clip}",
                    video=clip,
                    targets=tuple(captions.get(clip, ())),
                )

    def namer(self, homes: DataLayout) -> Namer:
        """Return both names of a video."""
        return msvd_namer(homes, self.tolerance)
