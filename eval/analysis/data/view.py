"""A data folder on the terminal: a tree of what is expected and what is there, then what to do about it."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from eval.analysis.data.manifest import ManifestDifferences
from eval.analysis.data.oddities import Oddities
from eval.analysis.data.report import DataReport
from eval.analysis.plan.media import relative
from eval.analysis.plan.view import media_line, show_entry, unreadable_lines
from eval.config.makefile import as_typed
from eval.readers.malformed import printable
from eval.readers.unpacking import Unpacked
from eval.report.printing import counted, results_console, say

SHOWN = 5
"""Files of a kind that are shown."""
_LABEL = 14


def show_data(reports: Sequence[DataReport], root: Path, console: Console | None = None) -> None:
    """Print each benchmark's part of a data folder; those without annotations last, in one list."""
    console = console or results_console()
    for report in reports:
        if not report.absent or len(reports) == 1:
            _show(console, report, root)
    lacking = [report for report in reports if report.absent and len(reports) > 1]
    if lacking:
        say(console, f"\nWithout annotations ({len(lacking)}):", "bold")
    width = max((len(report.benchmark) + 2 for report in lacking), default=0)
    for report in lacking:
        lines = [f"{report.samples:,} samples; belongs into {report.home}", report.homepage, *_moves(report.near)]
        show_entry(console, report.benchmark, lines, width)


def show_unpacked(outcomes: Sequence[Unpacked], failures: Sequence[str], console: Console | None = None) -> None:
    """Print what came of unpacking archives, and why some could not be."""
    console = console or results_console()
    for each in outcomes:
        new = counted(each.new, "new file")
        kept = f", {each.kept:,} that were there already stay as they are" if each.kept else ""
        say(
            console,
            f"Unpacked {each.archive.parts[0]} into {each.archive.folder}: {new}{kept}.",
        )
        if each.left_out:
            first = ", ".join(each.left_out[:SHOWN])
            why = "which are links, lead elsewhere, or have the name of a folder"
            say(console, f"  {len(each.left_out):,} left out, {why}: {first}")
    for failure in failures:
        say(console, printable(failure), "red")


def show_differences(found: ManifestDifferences, against: str, console: Console | None = None) -> None:
    """Print how a data folder differs from a manifest."""
    console = console or results_console()
    say(console, f"\nAgainst {against}: {found.same:,} files are the same.", "bold")
    for names, what in (
        (found.other, "with another content"),
        (found.only_there, "in the manifest only"),
        (found.only_here, "here only"),
    ):
        if names:
            say(console, f"{len(names):,} {what}:")
            for line in _first(list(names)):
                say(console, f"  {line}")


def _show(console: Console, report: DataReport, root: Path) -> None:
    state = (report.absent and "no annotations") or media_line(report.media) if report.media else "no annotations"
    say(console, f"\n{report.title} | {_size(report)} | {state}", "bold")
    console.print(_tree(report, root))
    entries: list[tuple[str, list[str]]] = []
    if report.absent:
        entries += [("annotations", [report.absent]), ("rename", _moves(report.near))]
    if not report.is_whole:
        entries.append(("to get it", _ways(report)))
    if report.media is not None:
        unreadable = [f"{relative(str(each.parts[0]), root)}: {each.fault}" for each in report.archives if each.fault]
        entries.append(("missing", _missing(report, root)))
        entries.append(("unreadable", [*_first(unreadable), *unreadable_lines(report.media, root)]))
        elsewhere = [
            f"{each.missing:,} are missing in {relative(each.folder, root)}; others of their subsets lie in "
            f"{relative(each.found_in, root)}"
            for each in report.media.folders
            if each.missing and each.found_in
        ]
        entries.append(("elsewhere", _first(elsewhere)))
    if report.odd is not None:
        entries += _odd(report.odd, root)
    entries.append(("archives", _archives(report)))
    for label, lines in entries:
        if lines:
            show_entry(console, label, lines, _LABEL)


def _size(report: DataReport) -> str:
    """Return how many samples are at hand, of how many in the published split; of subsets their own number alone."""
    here = report.samples if report.media is None else report.media.samples
    if report.subsets:
        return f"{here:,} samples of {', '.join(report.subsets)} in split {report.split}"
    of = f" of {report.samples:,}" if report.samples not in (0, here) else ""
    return f"{here:,}{of} samples in split {report.split}"


def _missing(report: DataReport, root: Path) -> list[str]:
    """Return the missing media that may be in archives that cannot be read, and how to have all of them listed."""
    assert report.media is not None
    if not report.media.missing:
        return []
    damaged = [archive for archive in report.archives if archive.fault]
    held: Counter[tuple[str, ...]] = Counter()
    for name in map(Path, report.media.missing):
        own = [each for each in damaged if name.is_relative_to(each.folder / each.stem)]
        holding = own or [each for each in damaged if name.is_relative_to(each.folder)]
        held[tuple(relative(str(each.parts[0]), root) for each in holding)] += 1
    lines = [f"{n:,} perhaps in {' or '.join(names)}, which cannot be read" for names, n in held.items() if names]
    return [*_first(lines), as_typed("--missing FILE lists all of them, one a line")]


def _ways(report: DataReport) -> list[str]:
    lines = [report.homepage, f"licence: {report.licence}"]
    if report.hub:
        revision = f" --revision {report.revision}" if report.revision else ""
        target = _in_shell(report.home)
        lines.append(f"$ hf download {report.hub} --repo-type dataset{revision} --local-dir {target}")
    return [*lines, *([f"by hand: {report.by_hand}"] if report.by_hand else [])]


def _in_shell(name: str) -> str:
    """Return a name as a word of a shell's command, in one line."""
    if name.isprintable():
        return shlex.quote(name)
    escaped = (
        f"\\{char}"
        if char in "\\'"
        else char
        if char.isprintable()
        else "".join(f"\\x{b:02x}" for b in os.fsencode(char))
        for char in name
    )
    return f"$'{''.join(escaped)}'"


def _odd(odd: Oddities, root: Path) -> list[tuple[str, list[str]]]:
    renames = _moves(odd.renames)
    if renames:
        renames = [f"{len(renames):,} differ from a missing name in case or form only:", *_first(renames)]
    names = [f"{relative(here, root)} for {wanted}" for here, wanted in odd.other_names]
    if names:
        names = [f"{len(names):,} are read under another extension or Unicode form; nothing to do:", *_first(names, 2)]
    copies = [
        f"{relative(first, root)} = {', '.join(relative(path, root) for path in rest)}" for first, *rest in odd.copies
    ]
    if copies:
        copies = [f"{len(copies):,} files lie under several names (equal size, beginning and end):", *_first(copies, 3)]
    lengths = [
        f"{relative(path, root)}: {there:.1f} s, annotated {wanted:.1f} s" for path, wanted, there in odd.lengths
    ]
    lengths += [f"{relative(path, root)}: {there:,} frames, annotated {n:,}" for path, n, there in odd.frames]
    if lengths:
        lengths = [f"{len(lengths):,} are of another length than annotated, so perhaps other files:", *_first(lengths)]
    return [
        ("rename", renames),
        ("unfinished", _first([relative(path, root) for path in odd.unfinished])),
        ("wrong length", lengths),
        ("copies", copies),
        ("other names", names),
    ]


def _moves(renames: Sequence[tuple[str, str]]) -> list[str]:
    return [f"$ mv {_in_shell(here)} {_in_shell(wanted)}" for here, wanted in renames]


def _archives(report: DataReport) -> list[str]:
    lines = []
    offered = [each for each in report.archives if each.is_offered or not each.is_known]
    for each in offered:
        parts = f" in {len(each.parts)} parts" if len(each.parts) > 1 else ""
        how = "" if each.is_known else "; needs a program of its own (7-Zip, unrar, zstd)"
        lines.append(f"{each.folder / each.name}{parts}, {_gb(each.size)}{how}")
    how = as_typed("--unpack unpacks them where they lie; nothing is overwritten")
    return [*_first(lines), *([how] if any(each.is_known for each in offered) else [])]


def _first(lines: Sequence[str], most: int = SHOWN) -> list[str]:
    left = len(lines) - most
    return [*map(printable, lines[:most]), *([f"... and {left:,} more"] if left > 0 else [])]


def _tree(report: DataReport, root: Path) -> Tree:
    """Return the folders of a benchmark's files as a tree, each with what is found and expected in it."""
    tree = Tree(Text(printable(f"{root}/"), style="bold"), guide_style="dim")
    notes: dict[Path, list[tuple[str, str]]] = {}
    for file in report.files:
        notes.setdefault(Path(file).parent, []).append((f"annotations: {Path(file).name}", "green"))
    if report.absent:
        notes.setdefault(Path(report.home), []).append(("no annotations", "red"))
    for each in report.media.folders if report.media else ():
        total = each.found + each.missing + each.unreadable
        said = f"{each.found:,} of {total:,} found" if each.found < total else f"all {total:,} found"
        said += f", {each.unreadable:,} unreadable" if each.unreadable else ""
        style = "green" if each.found == total else "yellow" if each.found else "red"
        notes.setdefault(Path(each.folder), []).append((said, style))
    for archive in report.archives:
        state = ", unreadable" if archive.fault else ", unpacked" if archive.is_unpacked else ""
        said = f"{archive.name} ({_gb(archive.size)}{state})"
        notes.setdefault(archive.folder, []).append((said, "red" if archive.fault else "cyan"))
    branches: dict[Path, Tree] = {root: tree}
    for folder in sorted(notes):
        branch = _branch(branches, folder, root, notes)
        lines = notes[folder]
        if len(lines) == 1 and folder != root:
            label = branch.label
            assert isinstance(label, Text)
            label.append("  ").append(printable(lines[0][0]), style=lines[0][1])
        else:
            for line, style in lines[: SHOWN + 1]:
                branch.add(Text(printable(line), style=style))
            if len(lines) > SHOWN + 1:
                branch.add(Text(f"... and {len(lines) - SHOWN - 1:,} more", style="dim"))
    return tree


def _branch(branches: dict[Path, Tree], folder: Path, root: Path, notes: dict[Path, list[tuple[str, str]]]) -> Tree:
    """Return the branch of a folder; folders on the way to it that hold nothing themselves share its line."""
    if folder in branches:
        return branches[folder]
    if not folder.is_relative_to(root):
        branches[folder] = branches[root].add(Text(printable(f"{folder}/")))
        return branches[folder]
    above = next(
        parent
        for parent in folder.parents
        if parent in branches or parent in notes or _forks(parent, folder, root, notes)
    )
    parent = _branch(branches, above, root, notes)
    branches[folder] = parent.add(Text(printable(f"{folder.relative_to(above).as_posix()}/")))
    return branches[folder]


def _forks(parent: Path, folder: Path, root: Path, notes: dict[Path, list[tuple[str, str]]]) -> bool:
    """Whether folders with notes lie in several folders of a parent."""
    if parent == root:
        return True
    step = folder.relative_to(parent).parts[0]
    return any(
        other.is_relative_to(parent) and other.relative_to(parent).parts[:1] not in ((), (step,)) for other in notes
    )


def _gb(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
