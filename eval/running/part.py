"""The part of a benchmark that a command is about: the subsets that its user names, and a number of samples of them.

`mvbench/state_change` names one subset of a benchmark. LIMIT draws from each subset in proportion to its size, at least
one sample where there are enough, and spreads over the source videos of a subset. The order is that of hashes of the
sample ids with a seed, so that the same samples are drawn on every machine, and a smaller part belongs to a larger one.
Where a scorer has metrics over groups of samples, LIMIT draws whole groups, one at the least.
"""

from __future__ import annotations

import difflib
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from eval import config as configuration
from eval.building import short
from eval.core import Benchmark, Sample
from eval.errors import ConfigError
from eval.files import expanded, read_regular_text
from eval.readers.videos import MAX_PATH

SEED = 0
"""The seed of the order in which samples are drawn."""
ORDER = "from each subset in proportion to its size, spread over source videos, by hashes of the sample ids"
"""The order in words, as results record it."""
WHOLE = "whole groups of questions, by hashes of their source videos"
"""The order where a scorer has metrics over groups."""
ONE = "one whole group of questions ({}), the least that can be drawn, by hashes of their source videos"
"""The order where a whole group is larger than the limit."""
_SHOWN = 3
"""Number of near names in a message."""

_T = TypeVar("_T")


def benchmarks_of(text: str) -> dict[str, tuple[str, ...]]:
    """Return the benchmarks that --bench names, each with the subsets that it asks for; () for the whole.

    Raises ConfigError for an unknown benchmark, or the subset of a group.
    """
    found: dict[str, tuple[str, ...]] = {}
    whole: set[str] = set()
    for one in (part.strip() for part in text.split(",")):
        name, slash, subset = one.partition("/")
        benches = configuration.benchmarks_named(name) if one else []
        if slash and (len(benches) != 1 or name in configuration.groups()):
            raise ConfigError(f"--bench {one!r}: {name!r} is a group; name the benchmark whose subset is meant.")
        if slash and not _plain(subset):
            raise ConfigError(f"--bench {one!r} names no subset after the slash; name one, or leave the slash out.")
        for bench in benches:
            found[bench] = (*found.get(bench, ()), *([subset] if slash else []))
        whole.update([] if slash else benches)
    if not found:
        configuration.benchmarks_named("")
    return {bench: () if bench in whole else subsets for bench, subsets in found.items()}


def named_alone(text: str) -> set[str]:
    """Return the benchmarks that --bench names by themselves, and not as members of a group only."""
    words = (word for part in text.split(",") for word in part.partition("/")[0].split())
    return {benches[0] for word in words if len(benches := configuration.benchmarks_named(word)) == 1}


def of_subsets(items: Sequence[tuple[str, _T]], wanted: Sequence[str], benchmark: Benchmark, place: str) -> list[_T]:
    """Return the items of some subsets, in their order; all of them where no subset is asked for.

    Args:
        items: Each with its subset.
        wanted: Names of subsets; capitals, blanks and punctuation do not count.
        benchmark: Their benchmark.
        place: Where they are from, for messages.

    Raises ConfigError for a name that no item has: with those that there are, or the nearest ones.
    """
    if not wanted:
        return [item for _, item in items]
    renamed = benchmark.scorer.traits.renamed
    there = dict.fromkeys(subset for subset, _ in items if subset)
    known: dict[str, set[str]] = {}
    for subset in there:
        for name in (subset, renamed.get(subset, subset)):
            known.setdefault(_plain(name), set()).add(subset)
    chosen: set[str] = set()
    for name in wanted:
        if _plain(name) not in known:
            official: Mapping[str, str] = getattr(benchmark, "reported", dict)()
            lacks = any(_plain(name) == _plain(one) for one in (*official, *official.values()))
            if lacks and there:
                raise ConfigError(f"{benchmark.name}: {place} has no sample of {name!r}; it has {', '.join(there)}.")
            raise ConfigError(f"{benchmark.name}: there is no subset {name!r}. {_nearest(name, there)}")
        chosen |= known[_plain(name)]
    return [item for subset, item in items if subset in chosen]


def ids_in(text: str) -> list[str]:
    """Return the sample ids that a setting names: those in a file, an id a line, or separated by commas.

    Raises ConfigError where there is none, or the file cannot be read.
    """
    path = expanded(text) if len(text) <= MAX_PATH and "\n" not in text else None
    try:
        is_there = path is not None and path.exists()  # a pipe or a folder is refused, and no id
        parts = read_regular_text(path).splitlines() if path is not None and is_there else text.split(",")
    except (OSError, ValueError) as error:
        raise ConfigError(f"samples={text!r}: the file cannot be read: {error}.") from error
    found = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not found:
        raise ConfigError(f"samples={text!r} names no sample; give ids with commas between them, or a file of ids.")
    return found


def refuse_unknown_ids(ids: Sequence[str], known: Collection[str]) -> None:
    """Raise ConfigError where an id is of no sample: with the nearest one."""
    absent = [name for name in ids if name not in known]
    if absent:
        more = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
        file = ", nor a file of that name" if len(ids) == 1 else ""
        raise ConfigError(
            f"samples: there is no sample {short(absent[0])}{more}{file}. {_nearest_id(absent[0], known)}"
        )


def _nearest_id(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name[:200], list(known), n=1, cutoff=0.6)
    return f"Did you mean {near[0]!r}?" if near else f"Ids look like {min(known, default='')!r}."


def place_of(settings: configuration.Settings) -> str:
    """Return the name of a run's annotations, for messages."""
    return (
        "the built-in world"
        if settings.is_builtin and not settings.annotations
        else str(settings.annotations or settings.data)
    )


def part_of(
    population: Sequence[Sample], settings: configuration.Settings, subsets: Sequence[str], benchmark: Benchmark
) -> list[Sample]:
    """Return the samples of a benchmark that settings choose. Raises ConfigError where OFFSET leaves none."""
    chosen = of_subsets([(sample.subset, sample) for sample in population], subsets, benchmark, place_of(settings))
    if settings.samples is not None:
        ids = set(ids_in(settings.samples))
        chosen = [sample for sample in chosen if sample.id in ids]
    samples = draw(chosen, settings.limit, offset=settings.offset, whole=has_groups(benchmark))
    if chosen and not samples:
        raise ConfigError(f"offset={settings.offset} leaves none of {len(chosen)} samples; give a smaller one.")
    return samples


def has_groups(benchmark: Benchmark) -> bool:
    """Whether a benchmark's score is over groups of samples, so that parts of groups would have none."""
    return any(metric.grouped for metric in benchmark.scorer.traits.metrics)


def draw(
    samples: Sequence[Sample], limit: int | None, seed: int = SEED, offset: int = 0, *, whole: bool = False
) -> list[Sample]:
    """Return the samples of a part of at most `limit`, after the first `offset` of the order, in annotation order.

    `whole` keeps the samples of a source video together: both numbers are rounded down to whole videos, and to one at
    the least, so that there may be more than `limit`.
    """
    if not offset and (limit is None or limit >= len(samples)):
        return list(samples)
    if whole:
        keys = [sample.cluster or sample.id for sample in samples]
        order = sorted(range(len(samples)), key=lambda i: (_key(keys[i], seed), keys[i], i))
        ends = [n for n in range(1, len(order) + 1) if n == len(order) or keys[order[n]] != keys[order[n - 1]]]
        last = len(order) if limit is None else offset + limit
        begin = max((end for end in ends if end <= offset), default=ends[0] if offset else 0)
        after = [end for end in ends if end > begin]
        drawn = set(order[begin : max([end for end in after if end <= last] or after[:1], default=begin)])
    else:
        drawn = set(drawing_order(samples, seed)[offset:][:limit])
    return [sample for i, sample in enumerate(samples) if i in drawn]


def drawing_order(samples: Sequence[Sample], seed: int = SEED) -> list[int]:
    """Return the positions of samples in the order in which they are drawn.

    The first sample of each subset comes first. After it, subsets take turns in proportion to their sizes; within a
    subset, the first sample of each source video comes before the second one of any.
    """
    keys = [_key(sample.id, seed) for sample in samples]
    subsets: dict[str, list[int]] = {}
    for i in sorted(range(len(samples)), key=keys.__getitem__):
        subsets.setdefault(samples[i].subset, []).append(i)
    ranked: list[tuple[float, bytes, int]] = []
    for members in subsets.values():
        of_video: Counter[str] = Counter()
        turns = []
        for i in members:
            video = samples[i].cluster or samples[i].id
            turns.append((of_video[video], i))
            of_video[video] += 1
        turns.sort(key=lambda turn: turn[0])
        ranked += [((n + 0.5) / len(members) if n else 0.0, keys[i], i) for n, (_, i) in enumerate(turns)]
    return [i for _, _, i in sorted(ranked)]


def _key(text: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{text}".encode()).digest()


def describe(
    population: Sequence[Sample],
    part: Sequence[Sample],
    limit: int | None,
    subsets: Sequence[str],
    renamed: Mapping[str, str],
    *,
    offset: int = 0,
    by_id: bool = False,
    whole: bool = False,
) -> dict[str, Any]:
    """Return what a result records of its part; {} for the whole benchmark.

    `missing` names the subsets of which the part has no sample, so that an average over subsets would be another
    number than the benchmark's.
    """
    if limit is None and not subsets and not offset and not by_id:
        return {}
    known, there = (
        dict.fromkeys(renamed.get(one.subset, one.subset) for one in some if one.subset) for some in (population, part)
    )
    order = (ONE.format(len(part)) if limit is not None and len(part) > limit else WHOLE) if whole else ORDER
    drawn: dict[str, Any] = {} if limit is None and not offset else {"order": order, "seed": SEED}
    drawn |= {"offset": offset} if offset else {}
    drawn |= {"samples": "chosen by id"} if by_id else {}
    return {
        "limit": limit,
        "subsets": sorted(there) if subsets else None,
        "missing": [name for name in known if name not in there],
        **drawn,
    }


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def _nearest(name: str, known: Iterable[str]) -> str:
    names = {_plain(one): one for one in known}
    if not names:
        return "Its samples belong to no subsets; leave the slash and what follows it out."
    near = [names[one] for one in difflib.get_close_matches(_plain(name), list(names), n=_SHOWN, cutoff=0.6)]
    return f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known: {', '.join(sorted(names.values()))}."
