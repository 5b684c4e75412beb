r"""The protocol pack: upstream's annotation rows and wording, imported from a user's own clone, stored locally.

    pack.json               imported files, each with its commit and hash
    annotations/*.jsonl     upstream's rows, byte for byte
    wording.json            the judge prompts, in the format of eval/judges/wording.py
    prompts.json            {"MVBench.jsonl": "USER: <video>\nQuestion: {question}\n{options}ASSISTANT: Answer: ("}

The pack is written by eval/readers/clone.py and ignored by git, since its texts are not this project's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eval.errors import DataError
from eval.files import read_regular
from eval.installed import PACK
from eval.readers.prompts import PromptWording, wording
from eval.readers.rows import read_object

DEFAULT_PACK = PACK
"""Default folder of the pack."""
INDEX, WORDING, PROMPTS, ROWS = "pack.json", "wording.json", "prompts.json", "annotations"
REMEDY = "import it again: make import UPSTREAM=<clone of bytedance/tarsier>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One file of a pack."""

    sha256: str
    """Hash of its content."""
    commit: str
    """Upstream's commit of the file, or `unknown`."""
    rows: Mapping[str, int]
    """Number of rows by data set, for annotation files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """An imported protocol pack."""

    folder: Path
    files: Mapping[str, Imported]
    """Its files, by path below the folder."""

    def rows(self, file: str) -> Path | None:
        """Return upstream's annotation file, or None where the pack has none. Raises DataError where it was changed."""
        return self._checked(f"{ROWS}/{file}") if f"{ROWS}/{file}" in self.files else None

    def prompt(self, file: str) -> PromptWording:
        """Return the template of an annotation file's prompts. Raises DataError where there is none."""
        prompts = read_object(self._checked(PROMPTS))
        if not prompts.has(file):
            raise DataError(f"{self.folder}: no wording of {file}; set benchmark.wording=own, or {REMEDY}")
        return wording("upstream", prompts.text(file), str(self.folder))

    def judge_wording(self) -> Path:
        """Return the file that eval.judges.wording.load_wording reads. Raises DataError where it was changed."""
        return self._checked(WORDING)

    def _checked(self, name: str) -> Path:
        path = self.folder / name
        known = self.files.get(name)
        if known is None or not path.is_file() or sha256(path) != known.sha256:
            raise DataError(f"{path} is missing or was changed since it was imported; {REMEDY}")
        return path


def open_pack(folder: Path) -> Pack | None:
    """Return the pack in a folder, or None where there is none. Raises DataError where its index is damaged."""
    path = folder / INDEX
    if not path.is_file():
        return None
    files = read_object(path).row("files")
    found: dict[str, Imported] = {}
    for name in files.fields:
        entry = files.row(name)
        counts = entry.row("rows")
        found[name] = Imported(
            sha256=entry.text("sha256"),
            commit=entry.text("commit"),
            rows={dataset: int(counts.number(dataset) or 0) for dataset in counts.fields},
        )
    return Pack(folder=folder, files=found)


def sha256(path: Path) -> str:
    """Return the hash of a file's content."""
    return hashlib.sha256(read_regular(path)).hexdigest()
