"""Provenance of a number: versions, and hashes of everything that went into it."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import io
import json
import platform
import subprocess
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from eval.core import Sample, Turn
from eval.files import open_regular
from eval.installed import IS_CHECKOUT
from eval.plugins.plugin import Plugin

PACKAGES = ("torch", "transformers", "tokenizers", "av", "decord", "pillow", "numpy", "lemminflect")

WITHOUT_EFFECT = frozenset({
    "__main__.py", "analysis", "api.py", "cli", "files.py", "frames.py", "regression", "report", "runs", "timing.py",
})  # fmt: skip
"""Modules and packages of eval/ that no output and no score depends on: they start runs, keep files, show results."""


def versions() -> dict[str, str]:
    """Return the versions of this project, of Python and of the packages that outputs depend on."""
    found = {"tarsier-eval": _version("tarsier-eval") or "unknown", "python": platform.python_version()}
    found.update({name: version for name in PACKAGES if (version := _version(name))})
    return found


def library_versions() -> dict[str, str]:
    """Return the versions of packages that can change a model's outputs; decoders are recorded separately."""
    names = ("torch", "transformers", "tokenizers", "pillow", "numpy")
    return {name: version for name in names if (version := _version(name))}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def code_version(project: Path) -> str | None:
    """Return the checkout's commit, with `-dirty` if files were changed; None outside a checkout.

    An installed package may lie within a checkout of something else.
    """
    if not IS_CHECKOUT:
        return None
    try:
        commit = _git(project, "rev-parse", "HEAD")
        dirty = _git(project, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}-dirty" if dirty else commit


def _git(project: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()


def code_hash(project: Path, adapters: Sequence[str] = ()) -> str:
    """Return the hash of the code behind samples, predictions and scores, committed or not.

    It covers eval/, and of benchmarks/ the adapters and what they import: other benchmarks have no effect on a run.
    Comments, docstrings and layout do not count, and the hash is the same in all versions of Python.

    Args:
        project: The folder of eval/ and benchmarks/.
        adapters: Modules of benchmarks/, such as `benchmarks.mvbench`.
    """
    room = project / "eval"
    files = [path for path in room.rglob("*.py") if path.relative_to(room).parts[0] not in WITHOUT_EFFECT]
    return code_of(project, [*files, *_modules(project, adapters)])


def plugin_code(plugins: Iterable[Plugin]) -> dict[str, dict[str, str]]:
    """Return the hash of all code of each plugin, by its name, as fingerprints record it."""
    return {plugin.name: {"code": code_of(plugin.home, plugin.code)} for plugin in plugins}


def code_of(folder: Path, files: Iterable[Path]) -> str:
    """Return the hash of files of code by their place in a folder, without what has no effect."""
    digest = hashlib.sha256()
    for path in sorted(path.relative_to(folder) for path in files):
        content = (folder / path).read_bytes()
        code = _code_of(content) if path.suffix == ".py" else content
        digest.update(path.as_posix().encode() + b"\0" + code + b"\0")
    return digest.hexdigest()[:16]


def _modules(project: Path, names: Sequence[str]) -> set[Path]:
    """Return the files of modules of benchmarks/, and of all modules there that they import."""
    found: set[Path] = set()
    left = list(names)
    while left:
        parts = left.pop().split(".")
        for n in range(1, len(parts) + 1):  # packages above a module run when it is imported
            place = project.joinpath(*parts[:n])
            for path in (place.with_suffix(".py"), place / "__init__.py"):
                if path not in found and path.is_file():
                    found.add(path)
                    left += adapters_in(path, path.parent.relative_to(project).parts)
    return found


def adapters_in(path: Path, package: Sequence[str] = ()) -> list[str]:
    """Return the modules of benchmarks/ that a Python file imports; names in them may be among these.

    Args:
        path: The file; one that is no Python imports none.
        package: Names of the packages that it is in, for relative imports.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return []
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            found += [module, *(f"{module}.{each.name}" for each in node.names)]
    return [name for name in found if name.partition(".")[0] == "benchmarks"]


@cache
def _code_of(source: bytes) -> bytes:
    """Return the tokens of Python source without comments, docstrings and layout; other text as it is."""
    source = source.replace(b"\r\n", b"\n")
    try:
        return "\0".join(_tokens(source)).encode("utf-8", "surrogatepass")
    except (SyntaxError, UnicodeError, tokenize.TokenError):
        return source


def _tokens(source: bytes) -> Iterator[str]:
    """Yield the tokens of source that have an effect: no comment, and no statement that is only a text."""
    rows = [f"{row}\n" for row in source.decode("utf-8-sig").split("\n")]
    line: list[str] = []
    opened: list[tuple[int, int]] = []  # the begins of f-strings, which are single tokens before Python 3.12
    for token in tokenize.tokenize(io.BytesIO(source).readline):
        name = tokenize.tok_name[token.type]
        if name.endswith("STRING_START"):
            opened.append(token.start)
        elif name.endswith("STRING_END"):
            begin = opened.pop()
            line += [] if opened else [_between(rows, begin, token.end)]
        elif opened or name in ("COMMENT", "NL", "ENCODING", "ENDMARKER"):
            continue
        elif name in ("INDENT", "DEDENT"):
            yield name
        elif name != "NEWLINE":
            line.append(token.string)
        else:
            yield from () if all(map(_is_text, line)) else (*line, name)
            line = []


def _between(rows: Sequence[str], begin: tuple[int, int], end: tuple[int, int]) -> str:
    """Return the text from one place to another; a place is a row from 1 and a column from 0."""
    text = "".join(rows[begin[0] - 1 : end[0]])
    return text[begin[1] : len(text) - len(rows[end[0] - 1]) + end[1]]


def _is_text(token: str) -> bool:
    return token.lstrip("rRbBuU").startswith(("'", '"'))


def sha256_text(parts: Sequence[str]) -> str:
    """Return the SHA-256 of texts, each followed by a zero byte, so that moving text between them changes it."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def prompts_hash(samples: Sequence[Sample]) -> str:
    """Return the hash of all prompts in order, with the conversations that a prompt's text does not tell."""
    return sha256_text([part for sample in samples for part in (sample.prompt, *_untold(sample.turns))])


def _untold(turns: Sequence[Turn]) -> list[str]:
    """Return a conversation as one text; nothing where it is a medium, a question about it, and a begun answer."""
    kinds = [[kind for kind, _ in turn.parts] for turn in turns]
    asks = [turn.role for turn in turns] in ([], ["user"], ["user", "assistant"])
    if asks and all(kind == "text" for each in [*(one[1:] for one in kinds[:1]), *kinds[1:]] for kind in each):
        return []
    return [json.dumps([[turn.role, turn.parts] for turn in turns], ensure_ascii=False)]


def data_hash(samples: Sequence[Sample]) -> str:
    """Return the hash of the samples' content: ids, source videos, spans, targets, options, questions, events.

    Paths do not count: a run can be resumed after the data moved, or a missing video was added.
    """
    rows = []
    for sample in samples:
        clip = sample.clip
        n_files = 1 if isinstance(clip.source, Path) else len(clip.source)
        asked = [sample.metadata.get(key) for key in ("question", "events")]
        # Without an end a beginning at zero is none; with one, rule `tarsier2` tells it from a missing one.
        start = clip.start or None if clip.end is None else clip.start
        row: list[Any] = [sample.id, sample.subset, sample.cluster, n_files, start, clip.end, clip.fps]
        row += [list(sample.targets), list(sample.options), *asked]
        if clip.selection is not None or clip.more:
            chosen = [(None if each.selection is None else asdict(each.selection)) for each in (clip, *clip.more)]
            row += [chosen, [[each.start, each.end] for each in clip.more]]
        rows.append(json.dumps(row, ensure_ascii=False))
    return sha256_text(rows)


def files_hash(paths: Sequence[Path]) -> str:
    """Return one hash over the names and contents of files."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0")
        with open_regular(path) as file:
            while block := file.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()


def digest(value: object, digits: int) -> str:
    """Return the first digits of the SHA-256 of a value's canonical JSON."""
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:digits]
