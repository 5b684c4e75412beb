"""A plan on the terminal: in full, in six lines before a run, or in one line a benchmark of several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

from rich.console import Console
from rich.text import Text

from eval.analysis.plan.media import FolderMedia, MediaSurvey, relative
from eval.analysis.plan.plan import BenchmarkPlan, Beside, JudgePlan, RunPlan, Unready
from eval.analysis.plan.precision import Precision
from eval.config.makefile import as_typed
from eval.models.checkpoints.need import MemoryNeed
from eval.readers.malformed import printable
from eval.report.columns import Column, Line, show_table
from eval.report.judging import capped, dollars, tokens
from eval.report.printing import counted, results_console, say
from eval.report.progress import duration
from eval.scorers.traits import metric_named

FOLDERS_SHOWN, FILES_SHOWN = 6, 5
"""Folders that lack media, and unreadable files, in the full form; `--to` has all of them."""
_LABEL = 13
_COLUMNS = (
    Column(name="", is_text=True),
    Column(name="samples"),
    Column(name="videos", rank=3),
    Column(name="media found"),
    Column(name="missing", rank=1),
    Column(name="unreadable", rank=2),
    Column(name="interval", rank=4),
    Column(name="judge calls", rank=5),
    Column(name="about", rank=6),
)


def show_plan(plan: RunPlan, console: Console | None = None) -> None:
    """Print a plan: one benchmark in full; several in a table, with what is missing and not comparable below it."""
    console = console or results_console()
    if len(plan.benchmarks) == 1 and not plan.unready:
        _show_one(console, plan.benchmarks[0])
    elif plan.benchmarks:
        _show_several(console, plan.benchmarks)
    _show_unready(console, plan.unready)
    for why in plan.refused:
        say(console, f"\nRefused by eval: {why}", "bold red")


def show_first_screen(plans: Sequence[BenchmarkPlan], console: Console | None = None) -> None:
    """Print what is to be known as a run begins: six lines at most for a benchmark, or one line each for several."""
    console = console or results_console()
    for one in plans:
        for line in (short_line(one),) if len(plans) > 1 else short_lines(one):
            say(console, line)


def short_line(one: BenchmarkPlan) -> str:
    """Return a benchmark of several in one line."""
    parts = [counted(one.samples, "sample"), media_line(one.media)]
    parts += [_interval(one.precision)] if one.precision else []
    return f"{one.benchmark}: {'; '.join(parts)}"


def short_lines(one: BenchmarkPlan) -> list[str]:
    """Return a benchmark in at most six lines."""
    lines = [f"{one.title} | {one.model} | {_size(one)}; {one.frames}"]
    lines.append(f"Media: {media_line(one.media)}.")
    memory = memory_line(one.memory)
    lines += [f"Memory: {memory}."] if isinstance(one.memory, MemoryNeed) else []
    if one.precision:
        lines.append(f"To expect: {_interval(one.precision)}; {_differences(one.precision)}.")
    if one.judge is not None and one.judge.is_paid:
        lines.append(f"Judge: {judge_line(one.judge)}.")
    if one.caveats:
        more = f" (and {counted(len(one.caveats) - 1, 'more reason')}: {as_typed('tarsier-eval plan')})"
        more = more if len(one.caveats) > 1 else ""
        lines.append(f"Not comparable with published numbers: {one.caveats[0].rstrip('.')}{more}.")
    return lines


def media_line(media: MediaSurvey) -> str:
    """Return how many media are found, missing and unreadable."""
    if media.is_whole:
        return f"all {media.total:,} media found"
    parts = [f"{media.found:,} of {media.total:,} media found", f"{len(media.missing):,} missing"]
    return ", ".join([*parts, *([f"{len(media.unreadable):,} unreadable"] if media.unreadable else [])])


def missing_lines(media: MediaSurvey, most: int = FOLDERS_SHOWN, listed: str = "--to FILE") -> list[str]:
    """Return a line for each folder that lacks media, the worst first; of more than `most`, where they are listed."""
    lacking = sorted((each for each in media.folders if each.missing), key=lambda each: -each.missing)
    return _first([_folder(each) for each in lacking], most, "folder", listed)


def memory_line(memory: MemoryNeed | str) -> str:
    """Return the memory that a model takes against what is there."""
    if isinstance(memory, str):
        return memory
    if memory.batches is None:
        batches = "batches besides, of model.batch_size prompts"
    else:
        batches = f"batches of up to {_gb(memory.batches)}"
    here = f"{memory.place} has {_gb(memory.size)}{'' if memory.fits else ', which is too little'}"
    problem = f"; {memory.problem.rstrip('.')}" if memory.problem else ""
    return f"weights of {_gb(memory.weights)} as {memory.dtype}, {batches}; {here}{problem}"


def judge_line(judge: JudgePlan | None) -> str:
    """Return the judge's calls, tokens and money."""
    if judge is None:
        return "none is asked"
    if judge.problem:
        return f"{judge.judge}, calls not known: {judge.problem}"
    if not judge.is_paid:
        return f"{judge.judge}, which costs nothing"
    if not judge.left:
        return f"{judge.judge}: all {judge.calls:,} calls are in the reply store"
    cost = "price not known" if judge.cost is None else f"about {dollars(judge.cost)} (prices of {judge.price_as_of})"
    cap = capped(judge.cost, judge.most)
    return (
        f"{judge.judge}: {judge.left:,} calls, about {tokens(judge.input)} tokens in and {tokens(judge.output)} out, "
        f"{cost}, for outputs as long as the reference answers{cap}"
    )


def _show_one(console: Console, one: BenchmarkPlan) -> None:
    say(console, f"\n{one.title} | {one.model} | {_size(one)}", "bold")
    entries = [
        ("annotations", [f"{one.source}, split {one.split}: {', '.join(one.files)}"]),
        ("wording", [one.wording]),
        ("frames", [one.frames]),
        ("accounting", [one.accounting]),
        ("media", [media_line(one.media), *_details(one.media)]),
        ("memory", [memory_line(one.memory)]),
        ("time", [_time(one)]),
        ("judge", [judge_line(one.judge)]),
        ("to expect", _expected(one)),
    ]
    entries += [("published", [one.published_as, *map(_beside, one.published)])] if one.published_as else []
    for label, lines in entries:
        show_entry(console, label, lines)
    if one.caveats:
        show_entry(console, "comparable", [f"not with published numbers: {one.caveats[0]}", *one.caveats[1:]])
    else:
        show_entry(console, "comparable", ["nothing known speaks against it"])


def show_entry(console: Console, label: str, lines: Sequence[str], width: int = _LABEL) -> None:
    """Print lines behind a label; what is longer than the terminal goes on below its own beginning."""
    begin = f"  {label}".ljust(width + 2)
    room = max(20, console.width - width - 2)
    for line in map(printable, lines):
        whole = line.startswith("$ ")  # a command, which is to be copied in one piece
        for piece in [line] if whole else wrap(line, room, break_long_words=False, break_on_hyphens=False) or [""]:
            console.print(Text(begin, style="cyan").append(piece, style="default"), soft_wrap=True)
            begin = " " * (width + 2)


def _size(one: BenchmarkPlan) -> str:
    return f"{counted(one.samples, 'sample')}, {counted(one.clips, 'clip')} of {counted(one.videos, 'source video')}"


def _details(media: MediaSurvey) -> list[str]:
    return [*missing_lines(media), *unreadable_lines(media)]


def unreadable_lines(media: MediaSurvey, root: Path | None = None, listed: str = "--to FILE") -> list[str]:
    """Return what is wrong with unreadable files, those with the same fault in one line; paths below `root`."""
    files: dict[str, list[str]] = {}
    for path, why in media.unreadable:
        files.setdefault(why, []).append(printable(path) if root is None else relative(path, root))
    lines = []
    for why, paths in files.items():
        more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
        lines.append(f"{paths[0]}{more}: {printable(why)}")
    return _first(lines, FILES_SHOWN, "fault", listed)


def _first(lines: Sequence[str], most: int, what: str, listed: str) -> list[str]:
    left = len(lines) - most
    more = f"... and {counted(left, f'more {what}')}, which {as_typed(listed)} lists"
    return [*lines[:most], *([more] if left > 0 else [])]


def _folder(each: FolderMedia) -> str:
    beside = f", {each.found:,} there" if each.found else ""
    instead = f"; others of these subsets are in {printable(each.found_in)}" if each.found_in else ""
    return f"{each.missing:,} missing in {printable(each.folder)}{beside}{instead}"


def _time(one: BenchmarkPlan) -> str:
    if one.time is None:
        return as_typed("not measured; --probe puts a few clips to the model")
    failed = f", {one.time.failed} of them failed" if one.time.failed else ""
    return (
        f"about {duration(one.time.whole_s)} after {duration(one.time.load_s)} for loading, by {one.time.samples} "
        f"samples on {one.time.clips} clips{failed}; without judging"
    )


def _points(value: float) -> str:
    return f"{100 * value:.1f}"


def _interval(found: Precision) -> str:
    alike = f" (±{_points(found.most_reach)} if answers about a video are alike)" if _differ(found) else ""
    return f"95% interval ±{_points(found.reach)} points{alike}"


def _differ(found: Precision) -> bool:
    return _points(found.most_reach) > _points(found.reach) and found.most_reach > 1.05 * found.reach


def _differences(found: Precision) -> str:
    if found.paired >= 1:
        of = "groups" if metric_named(found.metric).grouped else "samples"
        return f"too few {of} to show a difference from another run"
    alike = "none" if found.most_paired >= 1 else _points(found.most_paired)
    most = f" ({alike} if alike)" if _differ(found) else ""
    alone = "none" if found.alone >= 1 else _points(found.alone)
    return (
        f"smallest difference that shows: {_points(found.paired)} points{most} from another run, "
        f"{alone} from a number alone"
    )


def _expected(one: BenchmarkPlan) -> list[str]:
    found = one.precision
    if found is None:
        return [f"not known before: how much {one.metric} spreads depends on the outputs"]
    apart = 100 * max(found.apart, found.paired)
    of = "groups" if metric_named(found.metric).grouped else "samples"
    basis = f" (with a power of 80%; paired runs that differ on {apart:.0f}% of {of})" if found.paired < 1 else ""
    return [
        f"{_interval(found)} at {_points(found.assumed)}: {_points(found.low)} to {_points(found.high)}",
        f"{_differences(found)}{basis}",
    ]


def _beside(each: Beside) -> str:
    verdict = {True: "same", False: "different", None: "cannot be told"}
    return f"{each.what}: {each.published}, here {each.here} ({verdict[each.same]})"


def _show_several(console: Console, plans: Sequence[BenchmarkPlan]) -> None:
    say(console, f"\n{len(plans)} benchmarks | {plans[0].model} | {plans[0].frames}", "bold")
    lines = []
    for one in plans:
        judge = one.judge if one.judge is not None and one.judge.is_paid else None
        lines.append(
            Line(
                cells=(
                    one.benchmark,
                    f"{one.samples:,}",
                    f"{one.videos:,}",
                    f"{one.media.found:,}/{one.media.total:,}",
                    f"{len(one.media.missing):,}",
                    f"{len(one.media.unreadable):,}",
                    f"±{_points(one.precision.reach)}" if one.precision else "-",
                    f"{judge.left:,}" if judge else "-",
                    dollars(judge.cost) if judge and judge.cost is not None else "-",
                )
            )
        )
    show_table(console, _COLUMNS, lines, elsewhere=as_typed("--to FILE"))
    show_entry(console, "memory", [memory_line(plans[0].memory)])
    for one in plans:
        lacking = [*missing_lines(one.media, 2), *unreadable_lines(one.media)[:1]]
        if lacking:
            show_entry(console, one.benchmark, lacking, max(_LABEL, *(len(each.benchmark) + 2 for each in plans)))
    reasons: dict[str, list[str]] = {}
    for one in plans:
        for caveat in one.caveats:
            reasons.setdefault(caveat, []).append(one.benchmark)
    if reasons:
        say(console, "Not comparable with published numbers:")
    for caveat, names in reasons.items():
        say(console, f"  {caveat} ({'all' if len(names) == len(plans) > 1 else ', '.join(names)})")
    say(console, as_typed("One benchmark alone is shown in full; --to FILE has all of it."))


def _show_unready(console: Console, unready: Sequence[Unready]) -> None:
    if unready:
        say(console, f"\nWithout annotations, so that they cannot be run ({len(unready)}):", "bold")
    width = max((len(each.benchmark) + 2 for each in unready), default=0)
    for each in unready:
        lines = [f"{each.samples:,} samples; belongs into {each.expected}", each.homepage]
        show_entry(console, each.benchmark, lines, width)


def _gb(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
