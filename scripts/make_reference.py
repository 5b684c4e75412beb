"""Write docs/reference/ from the schema: settings, files, commands and the Python API. `--check` only compares.

Settings come from conf/, with its comments, and the constructors that it names; files from the dataclasses that are
written, with their docstrings; commands from the parser. Nothing is said twice, so that nothing can go stale.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml

import tarsier_eval
from eval import __main__ as program
from eval.building import _import_target, _parameters
from eval.client.outcomes import Usage
from eval.config import PROJECT, Config, cards, names
from eval.config.video import VideoConfig
from eval.core import (
    CorrectedValue,
    Correction,
    Counts,
    Coverage,
    Diagnosis,
    Metric,
    Prediction,
    Repeated,
    RepeatedValue,
    Result,
    Sample,
    Score,
    Shown,
    Strip,
)
from eval.core.scoring import Accounting, Status
from eval.judges.calls import JudgeReply
from eval.runs.folder import Accepted, RunRecord
from eval.runs.progress import Progress

OUT = PROJECT / "docs" / "reference"
GROUPS = {
    "benchmark": "`BENCH=`: what is asked, and how answers are scored.",
    "model": "`MODEL=`: what answers.",
    "frames": "`FRAMES=`: which frames the model is shown; sets `model.n_frames` and `model.fps`.",
    "judge": "`JUDGE=`: who grades open answers and descriptions.",
    "protocol": "`PROTOCOL=`: how the judge is asked.",
    "engine": "`ENGINE=`: which processes and machines do the work.",
    "launcher": "`LAUNCHER=` of `make sweep`: where its runs are started.",
}
SHARED = {"benchmark": "mvbench", "model": "tarsier-7b"}
"""Groups whose members have most settings in common, with the member whose comments explain them."""
_BOUNDED = {"PositiveInt": "positive int", "PositiveFloat": "positive float", "NonNegativeFloat": "float from 0",
            "NonNegativeInt": "int from 0"}  # fmt: skip
_OWN_DATA = {
    "name",
    "hub",
    "rows",
    "official",
    "folders",
    "videos",
    "form",
    "subsets",
    "card",
    "tasks",
    "numbers",
    "prefix",
}
"""Settings of a benchmark that describe its data, and that nobody else sets."""
_LINE = re.compile(r"^(\w+):(?:\s+(.*?))?(?:\s+#\s(.*))?$")
_MARK = "<!-- Written by scripts/make_reference.py: edit what it reads, and run it again. -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A setting as a yaml has it."""

    value: str
    """Its default, as written."""
    comment: str
    """The comment beside it."""


def entries(path: Path) -> tuple[list[str], dict[str, Entry]]:
    """Return the comment at the head of a yaml, and its settings; those of the files in `defaults` first."""
    head: list[str] = []
    found: dict[str, Entry] = {}
    lines = path.read_text(encoding="utf-8").splitlines()
    while lines and lines[0].startswith("#"):
        head.append(lines.pop(0).lstrip("# "))
    content = yaml.safe_load("\n".join(lines)) or {}
    for base in content.get("defaults", ()):
        if isinstance(base, str) and (path.parent / f"{base}.yaml").exists():
            found |= entries(path.parent / f"{base}.yaml")[1]
    for line in lines:
        matched = _LINE.match(line)
        if matched is None or matched[1] in ("defaults", "hydra"):
            continue
        name, value, comment = matched[1], matched[2] or "", matched[3] or ""
        if value.startswith("#"):
            value, comment = "", value.lstrip("# ")
        if isinstance(content[name], Mapping) and not value:
            value = f"{len(content[name])} fields" if "_target_" not in content[name] else content[name]["_target_"]
        inherited = found[name].comment if name in found else ""
        found[name] = Entry(value=value, comment=comment or inherited)
    return [line for line in head if not line.startswith("@package")], found


def documented(shape: type) -> dict[str, tuple[str, str]]:
    """Return the type and the docstring of each field of a class, as its source has them; those it inherits first."""
    found: dict[str, tuple[str, str]] = {}
    for one in reversed(shape.__mro__[:-1]):
        if not one.__module__.startswith(("eval.", "benchmarks.")):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(one))).body[0]
        assert isinstance(body, ast.ClassDef)
        for line, after in zip(body.body, [*body.body[1:], None], strict=True):
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                text = ""
                if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                    text = str(after.value.value)
                found[line.target.id] = (_type(ast.unparse(line.annotation), one.__module__), _one_line(text))
    return found


def _type(annotation: str, *modules: str) -> str:
    """Return a type as written, but with the values of a choice in place of its name, and bounds in short."""

    def spelt(matched: re.Match[str]) -> str:
        named = next((found for name in modules if (found := getattr(sys.modules[name], matched[0], None))), None)
        return " | ".join(map(repr, get_args(named))) if get_origin(named) is Literal else matched[0]

    text = re.sub(r"Annotated\[(\w+), Field\(gt=0.*?\)\]", r"positive \1", annotation)
    text = re.sub(r"Annotated\[(\w+), Field\(ge=0.*?\)\]", r"\1 from 0", text)
    text = re.sub(r"\b(Positive|NonNegative)(Int|Float)\b", lambda m: _BOUNDED[m[0]], text)
    text = re.sub(r"Literal\[([^\]]*)\]", lambda m: m[1].replace(", ", " | "), text)
    return re.sub(r"\b[A-Z]\w+\b", spelt, text)


def _lineage(factory: Callable[..., Any]) -> Iterable[Any]:
    """Return the classes that a class is made of, its own last; a function by itself."""
    return reversed(factory.__mro__[:-1]) if inspect.isclass(factory) else (factory,)


def arguments(factory: Callable[..., Any]) -> dict[str, tuple[str, str]]:
    """Return the type and the explanation of each argument by which settings build an object."""
    fields = documented(factory) if inspect.isclass(factory) else {}
    told: dict[str, str] = {}
    for one in _lineage(factory):
        told |= told_arguments(one)
    modules = [one.__module__ for one in _lineage(factory)]
    found = {}
    for name, one_ in _parameters(factory).items():
        kind, text = fields.get(name, ("", ""))
        hint = one_.annotation
        if not kind:
            kind = _type(hint if isinstance(hint, str) else getattr(hint, "__name__", ""), *modules)
        found[name] = (kind, told.get(name) or text)
    return found


def told_arguments(one: object) -> dict[str, str]:
    """Return the explanations in the `Args` of a docstring."""
    section = re.search(r"^Args:\n(.*?)(?:\n\n|\Z)", inspect.getdoc(one) or "", re.DOTALL | re.MULTILINE)
    named = r"^ {4}(\w+): (.*?)(?=^ {4}\w+: |\Z)"
    found = re.findall(named, section[1] if section else "", re.DOTALL | re.MULTILINE)
    return {name: _one_line(text) for name, text in found}


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; a bar in a cell is escaped."""
    lines = [list(header), *map(list, rows)]
    lines[1:] = [[prose(cell) for cell in line] for line in lines[1:]]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def prose(text: str) -> str:
    """Return a text in which `<name>` is no tag; code is left as it is."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else part.replace("<", "\\<") for part in parts)


def code(text: str) -> str:
    """Return a text as code, nothing for nothing."""
    return f"`{text}`" if text else ""


def _one_line(text: str) -> str:
    return " ".join(text.split()).strip()


def settings_page() -> str:
    """Return the page of all settings."""
    parts = [
        "# Every setting",
        (
            'Given as `key=value` after a command or in `ARGS="..."`, or by the flag that stands for it; from Python '
            "in `settings=`. A setting of a group is `<group>.<name>`, such as `model.n_frames=16`. A value of a wrong "
            "type, or a name that is not known, is refused before anything starts."
        ),
        "## A run",
    ]
    _, run = entries(PROJECT / "conf" / "config.yaml")
    types = documented(Config)
    names_ = [name for name in run if name != "video"]
    parts.append(table(
        ("setting", "default", "type", "meaning"),
        ((code(n), code(run[n].value), code(types[n][0]), run[n].comment) for n in names_),
    ))  # fmt: skip
    parts += ["## `video`", ("How clips are read. None of it changes a number but `decoder`, `deep_images` and "
              "`exif_orientation`.")]  # fmt: skip
    text = (PROJECT / "conf" / "config.yaml").read_text(encoding="utf-8").partition("\nvideo:\n")[2]
    video = [found for line in textwrap.dedent(text).splitlines() if (found := _LINE.match(line))]
    kinds = documented(VideoConfig)
    parts.append(table(
        ("setting", "default", "type", "meaning"),
        ((code(f"video.{one[1]}"), code(one[2]), code(kinds[one[1]][0]), one[3] or "") for one in video),
    ))  # fmt: skip
    for group, told in GROUPS.items():
        parts += [f"## `{group}`", told, *_group(group)]
    return "\n\n".join(parts)


def _group(group: str) -> list[str]:
    """Return the sections of a group: each member with what it adds to, or sets otherwise than, the shared one."""
    shared: dict[str, Entry] = {}
    folder = PROJECT / "conf" / group
    parts = [_cards()] if group == "benchmark" else []
    place = "model" if group == "frames" else group
    if group in SHARED:
        _, shared = entries(folder / f"{SHARED[group]}.yaml")
    for name in sorted(names(group), key=lambda name: (name != SHARED.get(group), name)):
        head, found = entries(folder / f"{name}.yaml")
        target = found.pop("_target_", None)
        is_first = name == SHARED.get(group)
        said = prose(" ".join(head))
        parts.append(f"### `{group}={name}`" + (f"\n\n{said}" if said else ""))
        if target is not None:
            parts.append(f"Class: `{target.value}`.")
        known = arguments(_import_target(target.value, group)) if target else {}
        shown = {
            key: entry for key, entry in found.items()
            if is_first or not (group == "benchmark" and key in _OWN_DATA)
            if is_first or key not in shared or entry.value != shared[key].value
        }  # fmt: skip
        rows = [
            (code(f"{place}.{key}"), code(entry.value), code(known.get(key, ("",))[0]),
             entry.comment or known.get(key, ("", ""))[1])
            for key, entry in shown.items()
        ]  # fmt: skip
        inherited = shared if shared and not is_first else {}
        rows += [
            (code(f"{place}.{key}"), "not set", code(kind), text)
            for key, (kind, text) in known.items()
            if key not in found and key not in inherited and (is_first or group != "benchmark")
        ]
        if shared and not is_first:
            parts.append(f"Settings that `{SHARED[group]}` lacks or sets otherwise" + (":" if rows else ": none."))
        elif not rows:
            parts.append("It has no settings.")
        if rows:
            parts.append(table(("setting", "default", "type", "meaning"), rows))
    if group == "benchmark":
        parts += ["### Scorers", "Set as `benchmark.scorer.<name>`."]
        yamls = (yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8")) for name in names(group))
        for target_ in sorted({one["scorer"]["_target_"] for one in yamls}):
            told = arguments(_import_target(target_, "scorer")).items()
            settings = [(code(f"benchmark.scorer.{key}"), code(kind), text) for key, (kind, text) in told]
            parts += [f"`{target_}`", table(("setting", "type", "meaning"), settings)]
    return parts


def _cards() -> str:
    """Return the table of all benchmarks."""
    rows = [
        (code(name), card.title, code(card.task), ", ".join(f"{split} {n:,}" for split, n in card.splits.items()),
         card.paper, card.licence)
        for name, card in cards().items()
    ]  # fmt: skip
    return table(("name", "title", "group", "splits and samples", "paper", "licence"), rows)


def fields_table(shape: type, leave_out: Iterable[str] = ()) -> str:
    """Return the fields of a dataclass that is written as JSON."""
    rows = [(code(n), code(k), t) for n, (k, t) in documented(shape).items() if n not in set(leave_out)]
    return table(("field", "type", "meaning"), rows)


def files_page() -> str:
    """Return the page of all file formats."""
    from eval.runs import folder

    listed = re.findall(r"^(\S+)\s{2,}(.*)$", inspect.getdoc(folder) or "", re.MULTILINE)
    outcomes = ", ".join(map(code, get_args(Status)))
    rules = ", ".join(map(code, get_args(Accounting)))
    prediction = documented(Prediction) | {"shown": ("list[Shown]", "What was shown: a `Shown` each medium.")}
    sample = documented(Sample)
    order = ("id", "benchmark", "subset", "prompt", "output", "error", "n_frames", "media", "notes", "shown", "strip",
             "targets", "options", "cluster", "metadata")  # fmt: skip
    fields = {name: prediction.get(name) or sample[name] for name in order}
    rows = [(code(name), code(kind), text) for name, (kind, text) in fields.items()]
    parts = [
        "# Every file of a run",
        (
            "All text is UTF-8. Types are written as in Python: a tuple is a list in JSON, None is null. A field with "
            "a default may be absent in files of earlier versions. How to use them: [What a run leaves](../results.md)."
        ),
        table(("file", "content"), ((code(name), text.strip()) for name, text in listed)),
        "## `result.json`",
        inspect.getdoc(Result) or "",
        fields_table(Result),
        "Beside these it has `files`: lines and hash of each file that it was computed from, by name, and of itself.",
        (
            f"### `metrics`\n\n{inspect.getdoc(Metric)} Accountings: {rules}. The headline is the row whose `name` is "
            "`primary` and whose `subset` is `overall`."
        ),
        fields_table(Metric),
        f"### `counts`\n\n{inspect.getdoc(Counts)}",
        fields_table(Counts),
        f"### `coverage`\n\n{inspect.getdoc(Coverage)}",
        fields_table(Coverage),
        f"### `corrected`\n\n{inspect.getdoc(Correction)} See [Judge card](../judge-card.md).",
        fields_table(Correction),
        f"Its `values`: {inspect.getdoc(CorrectedValue)}",
        fields_table(CorrectedValue),
        f"### `diagnoses`\n\n{inspect.getdoc(Diagnosis)} See [Judges](../judges.md).",
        fields_table(Diagnosis),
        f"### `repeated`\n\n{inspect.getdoc(Repeated)} See [Judges](../judges.md).",
        fields_table(Repeated),
        f"Its `values`: {inspect.getdoc(RepeatedValue)}",
        fields_table(RepeatedValue),
        "## `predictions.jsonl`",
        "One line a sample. `output` or `error` is null, and never both.",
        table(("field", "type", "meaning"), rows),
        f"### `shown`\n\n{inspect.getdoc(Shown)}",
        fields_table(Shown),
        f"### `strip`\n\n{inspect.getdoc(Strip)} `file` is its place in the run folder.",
        fields_table(Strip, ("name", "content")),
        "## `scores.jsonl`",
        f"One line a sample. {inspect.getdoc(Score)} `status` is one of {outcomes}.",
        fields_table(Score),
        "## `verdicts.jsonl`",
        (
            "One line a call to the judge: `sample` (its id), `task` (the kind of question), `side` (of a description, "
            "or null) and `attempt` (from 0), and the reply:"
        ),
        fields_table(JudgeReply),
        f"### `usage`\n\n{inspect.getdoc(Usage)}",
        fields_table(Usage),
        "## `progress.json`",
        "There while the run goes on; removed once there is a result.",
        fields_table(Progress),
        "## `run.json`",
        inspect.getdoc(RunRecord) or "",
        fields_table(RunRecord),
        f"### `accepted`\n\n{inspect.getdoc(Accepted)}",
        fields_table(Accepted),
    ]
    return "\n\n".join(parts)


def _commands(parser: argparse.ArgumentParser) -> Iterable[tuple[str, argparse.ArgumentParser, str]]:
    """Yield each command of a parser, with those inside of it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {each.dest: each.help or "" for each in action._choices_actions}
            for name, command in action.choices.items():
                inside = list(_commands(command))
                yield from inside or [(command.prog, command, helps.get(name, ""))]


def commands_page() -> str:
    """Return the page of all commands."""
    parser = program.parser()
    codes = " ".join((parser.epilog or "").partition("\n\n")[0].removeprefix("exit codes:").split())
    parts = [
        "# Every command",
        f"Exit codes: {codes} `regress` also ends with 1 for a loss and 3 where the samples cannot tell.",
    ]
    for name, command, told in _commands(parser):
        rows = []
        for action in command._actions:
            if isinstance(action, argparse._HelpAction) or action.help == argparse.SUPPRESS:
                continue
            needed = "needed" if action.dest in getattr(command, "needed", ()) else ""
            rows.append((code(", ".join(action.option_strings) or action.dest), needed, _one_line(action.help or "")))
        parts += [f"## `{name}`", told, table(("flag", "", "meaning"), rows) if rows else "It has no flags."]
    return "\n\n".join(parts)


def python_page() -> str:
    """Return the page of the Python API."""
    parts = ["# From Python", ("`from tarsier_eval import compare, evaluate, load, score`. Errors are "
             "`tarsier_eval.TarsierEvalError`, with the command line's message.")]  # fmt: skip
    for name in ("evaluate", "score", "compare", "load"):
        function = getattr(tarsier_eval, name)
        node = ast.parse(inspect.getsource(function)).body[0]
        assert isinstance(node, ast.FunctionDef)
        returned = ast.unparse(node.returns) if node.returns else "None"
        doc = inspect.getdoc(function) or ""
        lead = doc.partition("\n\nArgs:\n")[0]
        raised = re.search(r"^Raises:\n(.*)", doc, re.DOTALL | re.MULTILINE)
        lead = re.sub(r"\n\nRaises:\n.*", "", lead, flags=re.DOTALL)
        given = told_arguments(function)
        rows = [
            (code(f"{one.arg}: {ast.unparse(one.annotation) if one.annotation else ''}"), given.get(one.arg, ""))
            for one in (*node.args.args, *node.args.kwonlyargs)
        ]
        parts += [f"## `{name}`", f"{_one_line(lead)} Returns `{returned}`.", table(("argument", "meaning"), rows)]
        if raised:
            parts.append("Raises " + _one_line(raised[1]))
    parts += ["## `Result`", "The fields of [result.json](files.md#resultjson)."]
    return "\n\n".join(parts)


PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "files.md": files_page,
    "commands.md": commands_page,
    "python.md": python_page,
}


def pages() -> dict[Path, str]:
    """Return the pages by path."""
    return {OUT / name: "\n".join((_MARK, "", _single_gaps(page()), "")) for name, page in PAGES.items()}


def _single_gaps(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def stale() -> list[Path]:
    """Return the pages that are missing, or not as they would be written now."""
    return [path for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text]


def main() -> int:
    """Write the pages; with --check, say which ones are out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 where a page is out of date")
    if parser.parse_args().check:
        old = stale()
        for path in old:
            print(f"{path.relative_to(PROJECT)} is out of date: run scripts/make_reference.py")
        return 1 if old else 0
    OUT.mkdir(parents=True, exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
