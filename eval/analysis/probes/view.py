"""A report of probes, for a terminal and as Markdown: the table of probes, what subtasks need, where answers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from eval.analysis.compare.change import Change
from eval.analysis.probes.claims import Need, Subtask
from eval.analysis.probes.report import ProbeReport, ProbeRow, scale_of
from eval.core import OVERALL
from eval.report.columns import Column, Line, show_table
from eval.report.printing import one_line, printed, results_console, say, titled

_NEEDS: Mapping[Need, str] = {
    "motion": "motion: the order of its frames",
    "video": "any video: one frame is enough",
    "some video": "video; whether more than one frame cannot be told with so many samples",
    "text": "only text",
    "unknown": "cannot be told with so many samples",
}
_PROBES = ("probe", "shown", "n", "score", "change", "95% interval", "unchanged")
_SUBTASKS = ("subtask", "n", "videos", "score", "chance", "above no video", "95% interval", "needs", "could be shown")
_POSITIONS = ("place", "answered", "right", "answered, moved", "right, moved")
_TEXT = frozenset(("probe", "shown", "subtask", "needs", "place"))
_RANKS = {"shown": 5, "n": 3, "videos": 6, "chance": 4, "95% interval": 2, "could be shown": 1, "above no video": 1}

_ABOUT_PROBES = (
    "Change: probe less plain run on the same samples, with its 95% interval over source videos. Unchanged: samples "
    "with the plain run's answer; of moved options, in every place."
)
_ABOUT_POSITIONS = (
    "Share of the answers at each place, beside the share of the right ones there; moved: with every option once in "
    "every place."
)


def show_probes(report: ProbeReport, titles: Mapping[str, str], console: Console | None = None) -> None:
    """Print a report."""
    console = console or results_console()
    say(console, f"\n{report.benchmark} | {report.model}: probes", "bold")
    for names, cells, about in _tables(report, titles):
        columns = [Column(name=name, is_text=name in _TEXT, rank=_RANKS.get(name, 0)) for name in names]
        show_table(console, columns, [Line(cells=one) for one in cells], elsewhere="All columns are in probe.md")
        say(console, about)
    for line in _remarks(report):
        say(console, line)


def markdown(report: ProbeReport, titles: Mapping[str, str]) -> str:
    """Return a report as Markdown."""
    lines = [f"# Probes: {_plain(report.benchmark)}, {_plain(report.model)}", ""]
    for names, cells, about in _tables(report, titles):
        lines += [f"| {' | '.join(names)} |", f"|{'|'.join('---' if name in _TEXT else '---:' for name in names)}|"]
        lines += [f"| {' | '.join(map(_plain, one))} |" for one in cells]
        lines += ["", about, ""]
    return "\n".join([*lines, *(f"{line}\n" for line in _remarks(report))]).rstrip() + "\n"


def _plain(text: str) -> str:
    return one_line(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _tables(report: ProbeReport, titles: Mapping[str, str]) -> list[tuple[Sequence[str], list[tuple[str, ...]], str]]:
    found: list[tuple[Sequence[str], list[tuple[str, ...]], str]] = [
        (_PROBES, _probe_lines(report, titles), f"{titled(_name(report))}, strict, of all samples. {_ABOUT_PROBES}")
    ]
    if report.subtasks:
        found.append((_SUBTASKS, [_subtask_line(report, one) for one in report.subtasks], _about_subtasks(report)))
    if report.positions:
        cells = [
            (
                one.letter,
                *(_share(share) for share in (one.answered, one.right, one.answered_rotated, one.right_rotated)),
            )
            for one in report.positions
        ]
        found.append((_POSITIONS, cells, _ABOUT_POSITIONS))
    return found


def _about_subtasks(report: ProbeReport) -> str:
    margin = printed(report.primary, report.margin)
    return (
        "Motion: worse without video, with one frame, and with shuffled or reversed frames. Any video: worse without "
        f"video, and with one frame by less than {margin}. Only text: without video worse by less than {margin}, and "
        "above chance. Where none of these is true, the chance that any is shown is 5% over all subtasks (Holm). Could "
        "be shown: the smallest loss that this size would mostly have shown."
    )


def _name(report: ProbeReport) -> str:
    changes = (row.changes[OVERALL] for row in report.rows if OVERALL in row.changes)
    return next((change.name for change in changes), report.primary)


def _probe_lines(report: ProbeReport, titles: Mapping[str, str]) -> list[tuple[str, ...]]:
    plain = next((row.changes[OVERALL] for row in report.rows if OVERALL in row.changes), None)
    frames = "" if report.plain_frames is None else f"{report.plain_frames} frames"
    first = ("plain", frames, *(("", "") if plain is None else _of_plain(report)), "", "", "")
    return [first, *(_probe_line(report, row, titles.get(row.probe, "")) for row in report.rows)]


def _of_plain(report: ProbeReport) -> tuple[str, str]:
    """Return number and value of the plain run, on the samples of the probe that has most of them."""
    change = max((row.changes[OVERALL] for row in report.rows if OVERALL in row.changes), key=lambda one: one.n)
    return str(change.n), printed(report.primary, change.first)


def _probe_line(report: ProbeReport, row: ProbeRow, title: str) -> tuple[str, ...]:
    change = row.changes.get(OVERALL)
    if change is None:
        return (row.probe, title, "0", "-", "-", "-", "-")
    value = printed(report.primary, change.second)
    return (row.probe, title, str(change.n), value, *_moved(report, change), _share(row.unchanged))


def _moved(report: ProbeReport, change: Change, sign: int = 1) -> tuple[str, str]:
    ends = sorted(sign * end for end in (change.low, change.high) if end is not None)
    interval = "-" if len(ends) < 2 else f"[{', '.join(_signed(report, end) for end in ends)}]"
    return _signed(report, sign * change.difference), interval


def _signed(report: ProbeReport, value: float) -> str:
    text = printed(report.primary, value)
    return text if text.startswith("-") and text.strip("-0.") else f"+{text.lstrip('-')}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}%"


def _subtask_line(report: ProbeReport, one: Subtask) -> tuple[str, ...]:
    blind = next((row.changes.get(one.subset) for row in report.rows if row.probe == "no-video"), None)
    above = ("-", "-") if blind is None else _moved(report, blind, -1)
    unsettled = one.need in ("unknown", "some video")
    least = ("none" if one.least is None else printed(report.primary, one.least)) if unsettled else ""
    numbers = (str(one.n), str(one.n_clusters), printed(report.primary, one.score), printed(report.primary, one.chance))
    return (one.subset, *numbers, *above, _NEEDS[one.need], least)


def _remarks(report: ProbeReport) -> list[str]:
    """Return what is left above blind in a sentence, what was left out, and what the data are."""
    lines = []
    blind = next((row.changes.get(OVERALL) for row in report.rows if row.probe == "no-video"), None)
    if blind is not None:
        above, interval = _moved(report, blind, -1)
        of = f" of {printed(report.primary, blind.first)}" if scale_of(report) == 100 else ""
        lines.append(f"Left above blind: {above} {interval}{of}, the plain score less the one without video.")
    open_ones = [one for one in report.subtasks if one.need in ("unknown", "some video")]
    if any(one.least_margin > report.margin for one in open_ones):
        ends = sorted({printed(report.primary, one.least_margin) for one in open_ones}, key=float)
        margin, at_best = printed(report.primary, report.margin), " to ".join(dict.fromkeys((ends[0], ends[-1])))
        lines.append(
            f"Where a loss of {margin} cannot be ruled out, neither only text nor any video can be shown; what is not "
            f"told above rules out {at_best} at best. More samples or a larger margin would show it."
        )
    for row in report.rows:
        if row.n_not_asked:
            lines.append(f"{row.probe}: {row.n_not_asked} samples cannot be asked so, and were left out.")
        if row.n_failed:
            lines.append(f"{row.probe}: {row.n_failed} samples failed in it or in the plain run, and were left out.")
    if report.is_builtin:
        lines.append("This is the built-in world: rendered clips that check the pipeline.")
    return lines
