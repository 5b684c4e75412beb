"""Base of all benchmarks: chooses and checks annotations, finds videos, joins the two sources.

An adapter in benchmarks/ defines what is specific to a data set: reading its official files (`questions`) and the names
of its videos (`namer`). Everything else comes from its yaml. No `from __future__ import annotations` here: settings are
checked against these type hints, and classes in other modules inherit them.
"""

import hashlib
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

from eval.core import Card, Clip, Sample, Scorer
from eval.errors import DataError, did_you_mean
from eval.files import read_regular
from eval.readers.choices import check_letter, check_options
from eval.readers.hub import Hub, stream_root
from eval.readers.joining import AnnotatedQuestion, Namer, join
from eval.readers.layout import AnnotationSource, DataLayout, Videos, resolve
from eval.readers.malformed import BadRowPolicy, RowError
from eval.readers.pack import DEFAULT_PACK, REMEDY, open_pack
from eval.readers.prompts import OWN, PromptForm, PromptWording, wording
from eval.readers.recognising import recognised
from eval.readers.rows import Row
from eval.readers.upstream import UpstreamRow, read_upstream

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedBenchmark(ABC):
    """A benchmark read from upstream's rows, or from its authors' files."""

    may_withhold: ClassVar[bool] = False
    """Whether its authors keep the answers of a split, so that samples without any are asked and not scored."""
    name: str
    """Name in conf/benchmark/."""
    card: Card
    """Its card."""
    scorer: Scorer
    """The scorer of its answers."""
    data: Path
    """Root of annotations and videos, of this benchmark or of all."""
    split: str
    """The split, one of the card's."""
    rows: Mapping[str, str]
    """Upstream's annotation file for each split that it has."""
    official: Mapping[str, tuple[str, ...]]
    """The official files for each split, in the order of `questions`' argument; `*` stands for any text."""
    folders: tuple[str, ...]
    """Possible names of its own folder below the root."""
    videos: tuple[str, ...]
    """Folders in which its videos are distributed."""
    form: PromptForm
    """The form of its prompts."""
    subsets: Mapping[str, str] = field(default_factory=dict)
    """The reported subset for each name in rows, in official order."""
    annotations: Path | None = None
    """A file or folder of annotations, instead of a search below the root."""
    source: AnnotationSource = "auto"
    """The annotations to read."""
    wording: Literal["own", "upstream"] = "own"
    """Wording of prompts from official files: this project's sentences, or those of the protocol pack."""
    pack: Path | Literal["auto"] | None = None
    """The protocol pack: a folder, `auto` for the default one, null for none."""
    hub: Hub | None = None
    """The data set on the Hugging Face hub that holds the official files; null where there is none."""
    fetch: bool = False
    """Whether missing annotations are fetched from the hub; videos never are."""
    outside: bool = False
    """Whether annotations may name files outside the root: `outside=true` on the command line."""
    stream: bool | str = False
    """The data set on the hub that has the videos which are not below the root; true for `hub`."""
    skip_malformed: bool = False
    """Whether rows that cannot be read are left out, counted and named, instead of stopping the run."""
    tolerance: BadRowPolicy = field(init=False, repr=False, compare=False, default_factory=BadRowPolicy)
    """Handles malformed rows for readers and adapters."""

    @property
    def dataset(self) -> str:
        """Its name in upstream's rows."""
        return self.card.dataset

    @abstractmethod
    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions of the official files. Raises DataError where a row does not fit the format."""

    def reported(self) -> Mapping[str, str]:
        """Return the reported subset for each name in rows; empty where any name is allowed."""
        return self.subsets

    def namer(self, homes: DataLayout) -> Namer:  # noqa: ARG002 for adapters that read a mapping
        """Return the function that gives a video's possible file names, likeliest first."""
        return lambda video: (video,)

    def places(self, kind: str) -> tuple[Sequence[str], Sequence[str]]:  # noqa: ARG002
        """Return the expected folders of a subset's videos, and folders with other videos."""
        return self.videos, ()

    def kind(self, row: UpstreamRow) -> str:
        """Return the subset named in a row of upstream's."""
        return row.subset

    def subsets_of(self, rows: Sequence[UpstreamRow], path: Path) -> list[tuple[str, str, Mapping[str, Any]]]:
        """Return the reported subset of each row of upstream's from `path`, its source video, and further metadata.

        Fields missing in the rows are taken from the official files below the data root, where these are there and have
        all of the rows' questions.
        """
        homes = self._homes()
        files = tuple(file for name in self.official.get(self.split, ()) if (file := homes.official(name)) is not None)
        known, found = self.reported(), zip(rows, *self._kinds(path, rows, files, self.namer(homes)), strict=True)
        return [(known.get(kind, kind), self.cluster(kind, row.video), extra) for row, kind, extra in found]

    def fps(self, kind: str) -> float | None:  # noqa: ARG002
        """Return the frames per second of folders of frames."""
        return None

    def cluster(self, kind: str, video: str) -> str:  # noqa: ARG002
        """Return the source video."""
        return video

    def samples(self) -> Iterator[Sample]:
        """Yield the samples in annotation order. Raises DataError."""
        self.tolerance.begin(skip=self.skip_malformed)
        homes, rows, files = self._resolved()
        videos, names = homes.videos(rows or files[0]), self.namer(homes)
        read = self._from_official if rows is None else partial(self._from_upstream, rows)
        count = 0
        for sample in read(files, videos, names):
            count += 1
            yield sample
        self._report(homes, count, files if rows is None else (rows,))
        videos.report()

    def _report(self, homes: DataLayout, count: int, files: Sequence[Path]) -> None:
        self.tolerance.report(self.name)
        if not count:
            there, it = ", ".join(map(str, files)), "them" if files[1:] else "it"
            raise DataError(f"{there}: no question of split {self.split!r} in {it}; fetch {it} again")
        size = self.card.splits[self.split]
        if homes.fetched and count + self.tolerance.count != size:
            # An interrupted fetch leaves only some of the files.
            _log.warning("%s: %d questions of %d in %s from the hub", self.name, count, size, homes.fetched)

    def describe(self) -> Mapping[str, Any]:
        """Return the annotations' source: files, commit on the hub, rows left out; to be called after `samples`."""
        homes, rows, files = self._resolved()
        return {
            "files": [str(path) for path in (files if rows is None else (rows,))],
            "hub": str(homes.hub) if homes.fetched else None,
            **({"stream": str(homes.stream.archive)} if homes.stream else {}),
            "malformed_rows_skipped": self.tolerance.count,
            **({"rows_passed_over": dict(self.tolerance.others)} if self.tolerance.others else {}),
            "split_size": self.card.splits[self.split],
        }

    def asked_with(self) -> PromptWording:
        """Return the wording of the prompts, by name and hash. Raises DataError as `samples` does."""
        _, rows, _ = self._resolved()
        if rows is not None:
            sha256 = hashlib.sha256(read_regular(rows)).hexdigest()
            return PromptWording(name=f"rows of {rows.name}", sha256=sha256, place=str(rows))
        return self._template()

    def _template(self) -> PromptWording:
        if self.wording == "own":
            return wording("own", OWN[self.form], "eval/readers/prompts.py")
        if not self.rows:
            raise DataError(f"{self.name}: upstream has no rows of it, and so no wording; leave wording=own")
        pack = self._homes().pack
        if pack is None:
            raise DataError(f"{self.name}: wording=upstream needs a protocol pack; {REMEDY}")
        return pack.prompt(next(iter(self.rows.values())))

    def _homes(self) -> DataLayout:
        pack = DEFAULT_PACK if self.pack == "auto" else self.pack
        card = self.card
        return DataLayout(
            about=f"{card.title} ({card.splits.get(self.split, 0):,} samples, from {card.homepage})",
            data=self.data,
            folders=self.folders,
            annotations=self.annotations,
            pack=None if pack is None else open_pack(Path(pack)),
            hub=self.hub,
            fetch=self.fetch,
            outside=self.outside,
            stream=stream_root(self.stream, self.hub),
        )

    def _resolved(self) -> tuple[DataLayout, Path | None, tuple[Path, ...]]:
        if self.split not in self.card.splits:
            raise DataError(f"{self.name} has no split {self.split!r}. {did_you_mean(self.split, self.card.splits)}")
        official = self.official.get(self.split, ())
        return resolve(self._homes(), self.source, self.rows.get(self.split), official, self.split)

    def _from_official(self, files: Sequence[Path], videos: Videos, names: Namer) -> Iterator[Sample]:
        template = self._template()
        seen: dict[str, str] = {}
        single = 0
        for one in self.questions(files):
            with self.tolerance:
                if one.id in seen:
                    raise RowError(f"{one.row.place}: {one.id!r} was asked at {seen[one.id]}; delete one of the two")
                seen[one.id] = one.row.place
                if self.card.task == "mc_qa":
                    check_options(one.row, one.options, "options")
                    single += len(one.options) == 1
                elif not any(target.strip() for target in one.targets):
                    raise RowError(f"{one.row.place}: no reference for {one.id!r}; fetch the file again")
                hints, foreign = self.places(one.kind)
                source = videos.find_any(names(one.video), hints, foreign, one.row.place)
                start, end = _span(one)
                yield Sample(
                    id=one.id,
                    benchmark=self.name,
                    subset=self._subset(one),
                    clip=Clip(source=source, start=start, end=end, fps=self.fps(one.kind)),
                    prompt=template.ask(one.text, one.options),
                    targets=one.targets,
                    options=one.options,
                    cluster=self.cluster(one.kind, one.video),
                    metadata={"vid": one.video, "question": one.text, **one.metadata},
                )
        if single:
            _log.warning("%s: %d questions have a single option, and a chance level of 1", files[0], single)

    def _subset(self, one: AnnotatedQuestion) -> str:
        known = self.reported()
        if known and one.kind not in known:
            hint = did_you_mean(one.kind, known)
            raise RowError(f"{one.row.place}: {one.kind!r} is not a subset of {self.card.title}. {hint}")
        return known.get(one.kind, one.kind)

    def _from_upstream(self, path: Path, files: Sequence[Path], videos: Videos, names: Namer) -> Iterator[Sample]:
        if path.is_file() and (form := recognised(path)) is not None:
            official = " and ".join(self.official.get(self.split, ()))
            raise DataError(
                f"{path} is {form}, and no file of upstream's rows (JSON lines with dataset, idx and text). Official "
                f"files are read under their own names, here {official}: put the file as distributed below data=."
            )
        rows = read_upstream(path, self.dataset, self.tolerance)
        kinds, more = self._kinds(path, rows, files, names)
        known = self.reported()
        unknown: dict[str, str] = {}
        odd: Counter[str] = Counter()
        answered = any(text.strip() for row in rows for text in row.responses)
        for row, kind, extra in zip(rows, kinds, more, strict=True):
            with self.tolerance:
                if kind and known and kind not in known:
                    unknown.setdefault(kind, row.place)
                hints, foreign = self.places(kind)
                clip = row.clip(videos, names(row.vid) if row.vid else (), hints, foreign, self.fps(kind))
                sample = row.sample(self.name, clip, self.cluster(kind, row.video))
                targets = tuple(target for target in sample.targets if target.strip())
                if answered and not targets:
                    raise RowError(f"{row.place}: {row.id!r} has no answer, though other rows have; complete the row")
                if self.card.task == "oe_qa" and len(targets) != 1:
                    there = f"{len(targets)} answers" if targets else "no answer"
                    raise RowError(
                        f"{row.place}: {row.id!r} has {there}, and an open question has one; correct the row"
                    )
                if self.card.task == "mc_qa":
                    place = Row({}, row.place, "text.")
                    targets = tuple(check_letter(place, one, sample.options or "?" * 26, "response") for one in targets)
                    odd["list no options, and have no chance level"] += not sample.options
                odd["end before they start; upstream shows the one frame at the start"] += row.backward
                subset = known.get(kind, kind)
                yield replace(sample, subset=subset, targets=targets, metadata={**sample.metadata, **extra})
        for kind, where in unknown.items():
            hint = did_you_mean(kind, known)
            _log.warning("%s: %r is not a subset of %s; reported as it is. %s", where, kind, self.card.title, hint)
        for problem, count in odd.items():
            if count:
                _log.warning("%s: %d rows %s", path, count, problem)

    def _kinds(
        self, path: Path, rows: Sequence[UpstreamRow], files: Sequence[Path], names: Namer
    ) -> tuple[list[str], list[Mapping[str, Any]]]:
        """Return subset and metadata by row; fields missing in upstream's rows are taken from the official files."""
        kinds = [self.kind(row) for row in rows]
        if self.reported() and not any(kinds):
            if not files:
                wanted = " and ".join(self.official.get(self.split, ()))
                _log.warning("%s names no subsets, and none are reported; with %s they are known", path, wanted)
            elif (found := join(rows, list(self.questions(files)), names, path)) is not None:
                return [one.kind for one in found], [one.metadata for one in found]
        return kinds, [{} for _ in rows]


def _span(one: AnnotatedQuestion) -> tuple[float | None, float | None]:
    """Return the bounds of a question's clip; zero is the beginning. Raises DataError where they are no valid span."""
    start, end = one.start or 0.0, one.end
    if start < 0 or (end is not None and end <= start):
        raise one.row.error("start", f"and 'end': {one.start} to {end} is not a span; correct them in the file")
    # With an end, a beginning of zero is a bound as well: rule `tarsier2` wants both.
    return (start or None) if end is None else start, end
