"""Upstream's rows: annotations, and predictions, which are the same rows filled in.

    {"idx": 0, "dataset": "MVBench/Action Antonym", "text": {"prompt": ..., "response": "A", "question": ...},
     "video_file": "<placeholder>", "vid": ..., "start_time": 1.0, "end_time": 7.5, "extra_info": {...}}

`response` may be a list of references; `video_file` a path or a list of frame files; span and extra_info may be absent.
A prediction is stored as `text.prediction`, and `<error>` marks a failed sample. Branch `tarsier2` writes another form,
see eval/readers/messages.py; both are read here. Source: github.com/bytedance/tarsier.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.core import Clip, Prediction, Sample, Turn
from eval.errors import DataError
from eval.readers.choices import read_options
from eval.readers.malformed import STRICT, BadRowPolicy
from eval.readers.media import Medium, plain_medium
from eval.readers.messages import read_conversation
from eval.readers.rows import Row, read_jsonl, some_of

if TYPE_CHECKING:
    from eval.readers.layout import Videos
    from eval.readers.videos import VideoIndex

FAILED = "<error>"
"""Upstream's prediction for a failed sample."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamRow:
    """One row of either branch, checked."""

    id: str
    """`{dataset}_{idx}`, as in upstream."""
    subset: str
    """The part after the slash in `dataset`; "" where there is none."""
    prompt: str
    """The prompt with `<video>`."""
    responses: tuple[str, ...]
    """The reference, or all of them; () where the row has none."""
    question: str
    """The question alone, "" where the row does not repeat it."""
    vid: str
    """The video's name, "" where the row gives only a path."""
    media: tuple[Medium, ...]
    """The videos and images in order, at least one."""
    turns: tuple[Turn, ...]
    """The conversation, for a row of branch `tarsier2`."""
    extra: Mapping[str, Any]
    """`extra_info`, unchanged."""
    prediction: str | None
    """The prediction, if filled in."""
    place: str
    """`file:line`."""

    @property
    def files(self) -> str | tuple[str, ...]:
        """Path of the first medium, or of its frames in order; "" where it was not filled in."""
        return self.media[0].files

    @property
    def start(self) -> float | None:
        """First second of the first medium's span by the rule of branch `tarsier`; None for the beginning."""
        return _bound(self.media[0].start)

    @property
    def end(self) -> float | None:
        """Last second of the first medium's span by the rule of branch `tarsier`; None for the end."""
        return _bound(self.media[0].end)

    @property
    def backward(self) -> bool:
        """Whether its span ends before it starts."""
        return self.start is not None and self.end is not None and self.end <= self.start

    @property
    def video(self) -> str:
        """The name of the source video: its vid, otherwise the path of the file or of the folder of frames."""
        if self.vid or not self.files:
            return self.vid
        return self.files if isinstance(self.files, str) else self.files[0].rpartition("/")[0] or self.files[0]

    def clip(
        self,
        videos: VideoIndex | Videos,
        names: Sequence[str] = (),
        hints: Sequence[str] = (),
        foreign: Sequence[str] = (),
        fps: float | None = None,
    ) -> Clip:
        """Find the row's clip: by the filled-in path, or by `names`, otherwise by its vid.

        `hints` and `foreign` are those of VideoIndex.find, `fps` is for a folder of frames. Of several media each needs
        its own path.
        """
        clips = []
        for medium in self.media:
            source = self._source(medium, videos, names, hints, foreign)
            rate = fps if isinstance(source, Path) else None
            said = medium.selection
            clips.append(Clip(source=source, start=medium.start, end=medium.end, fps=rate, selection=said))
        return replace(clips[0], more=tuple(clips[1:]))

    def _source(
        self,
        medium: Medium,
        videos: VideoIndex | Videos,
        names: Sequence[str],
        hints: Sequence[str],
        foreign: Sequence[str],
    ) -> Path | tuple[Path, ...]:
        if isinstance(medium.files, tuple):
            # Bare file names are in a folder named after the video.
            files = [name if "/" in name or not self.vid else f"{self.vid}/{name}" for name in medium.files]
            return tuple(videos.find_frames(files, hints, foreign, self.place))
        known = [medium.files] if medium.files else []
        if len(self.media) == 1 and not (known and medium.selection is not None and medium.selection.is_image):
            # A path may come from another machine.
            known += [name for name in names or (self.vid,) if name]
        return videos.find_any(known, hints, foreign, self.place)

    def sample(self, benchmark: str, clip: Clip, cluster: str = "") -> Sample:
        """Return the row as a sample of `benchmark`; options are parsed from the prompt if it lists any."""
        known = {"vid": self.vid, "question": self.question}
        options = read_options(self.prompt)
        # An answer to a choice may be withheld, and is then left empty.
        targets = tuple(text for text in self.responses if text.strip()) if options else self.responses
        return Sample(
            id=self.id,
            benchmark=benchmark,
            subset=self.subset,
            clip=clip,
            prompt=self.prompt,
            targets=targets,
            options=options,
            cluster=cluster or self.video,
            turns=self.turns,
            metadata={**{key: value for key, value in known.items() if value}, **self.extra},
        )

    def predicted(self, benchmark: str) -> tuple[Sample, Prediction]:
        """Return sample and prediction of a filled-in row. Raises DataError where no prediction was filled in."""
        if self.prediction is None:
            raise DataError(
                f"{self.place}: no 'text.prediction' in this row; give a prediction file, not an annotation"
            )
        files = (self.files,) if isinstance(self.files, str) else self.files
        source = tuple(Path(name) for name in files if name)
        sample = self.sample(benchmark, Clip(source=source, start=self.start, end=self.end))
        failed = self.prediction == FAILED
        return sample, Prediction(
            id=self.id,
            prompt=self.prompt,
            output=None if failed else self.prediction,
            error=f"the prediction file says {FAILED}" if failed else None,
        )


def read_upstream(path: Path, dataset: str, tolerance: BadRowPolicy = STRICT) -> list[UpstreamRow]:
    """Read the rows of one data set from a file, or from all `*.jsonl` of a folder in order of name.

    Args:
        path: File or folder; it may hold rows of other data sets too.
        dataset: The data set's name in upstream, without the part after the slash.
        tolerance: Handles malformed rows.

    Of rows with the same data set and idx the first one counts, as in upstream; the rest is logged.

    Raises:
        DataError: A row that does not fit the format, or no row of this data set.
    """
    return parse_rows(read_folder(path, tolerance), dataset, path, tolerance)


def read_folder(path: Path, tolerance: BadRowPolicy = STRICT) -> Iterator[Row]:
    """Yield the rows of a JSON-lines file, or of all of a folder in order of name. Raises DataError."""
    if not path.exists():
        raise DataError(f"{path} does not exist; give a JSON-lines file or a folder of them")
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path}: no *.jsonl in this folder; give the folder that holds the rows")
    for file in files:
        yield from read_jsonl(file, tolerance)


def parse_rows(rows: Iterable[Row], dataset: str, path: Path, tolerance: BadRowPolicy = STRICT) -> list[UpstreamRow]:
    """Check the rows of one data set, see read_upstream; `path` is for messages."""
    found: dict[str, UpstreamRow] = {}
    others: Counter[str] = Counter()
    dropped = 0
    for row in rows:
        with tolerance:
            name = row.text("dataset").partition("/")[0]
            if name != dataset:
                others[name] += 1
                continue
            parsed = parse_row(row)
            dropped += parsed.id in found
            found.setdefault(parsed.id, parsed)
    if not found:
        if not others:
            raise DataError(f"{path}: no rows in it; give a file with rows of data set {dataset!r}")
        there = some_of(f"{name} ({count})" for name, count in sorted(others.items()))
        raise DataError(
            f"{path}: no row of data set {dataset!r}. In it: {there}. Give another file, or name the data set of its "
            f"rows {dataset!r}, if that is what they are"
        )
    if dropped:
        _log.warning("%s: %d repeated rows of %s dropped, the first of each counts", path, dropped, dataset)
    if others:
        # A data set misspelt in some rows would silently shrink the benchmark.
        names = some_of(sorted(others))
        _log.warning("%s: %d rows of other data sets passed over (%s)", path, others.total(), names)
    tolerance.passed_over(repeated=dropped, of_other_data_sets=others.total())
    return list(found.values())


def parse_row(row: Row) -> UpstreamRow:
    """Check a row of either branch. Raises DataError where it does not fit the format."""
    dataset = row.text("dataset")
    if row.has("messages"):
        read = read_conversation(row)
        media, turns, prompt, question = read.media, read.turns, read.prompt, ""
        responses, prediction = read.references, read.prediction
    else:
        text, media, turns = row.row("text"), (plain_medium(row),), ()
        prediction = text.text_or_none("prediction")
        # Filled-in rows are scored without their prompt.
        prompt = text.text("prompt") if prediction is None else text.text_or_none("prompt") or ""
        question = text.text_or_none("question") or ""
        responses = _responses(text)
    if not prompt.strip() and prediction is None:
        raise row.error("text.prompt", "is empty; the model needs a prompt")
    # Without options it is an open question, whose answer no file withholds.
    if (
        question.strip()
        and prompt.strip()
        and not read_options(prompt)
        and responses
        and not any(map(str.strip, responses))
    ):
        raise row.error("text.response", "is empty; fill in the answer to the question, or leave the row out")
    vid = row.label("vid") if row.has("vid") else ""
    return UpstreamRow(
        id=f"{dataset}_{row.label('idx')}",
        subset=dataset.partition("/")[2],
        prompt=prompt,
        responses=responses,
        question=question,
        vid=vid,
        media=media,
        turns=turns,
        extra=dict(row.row("extra_info").fields) if row.has("extra_info") else {},
        prediction=prediction,
        place=row.place,
    )


def _responses(text: Row) -> tuple[str, ...]:
    if not text.has("response"):
        return ()
    return text.texts("response") if isinstance(text.fields["response"], list) else (text.text("response"),)


def _bound(second: float | None) -> float | None:
    return second if second is not None and second > 0 else None
