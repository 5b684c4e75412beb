"""The protocol pack: upstream's annotation rows and wording, imported from a user's own clone, kept locally.

    pack.json               what was imported from which commit, with hashes
    annotations/*.jsonl     upstream's rows, byte for byte
    wording.json            {"open_qa": {"system": ..., "user": ...}, "extract": ..., "entail": ..., "prompts": {...}}

Texts of wording.json are templates in Python's format syntax: `{question}` is a slot, `{{` a brace. The pack is
written by eval/readers/clone.py and ignored by git, since the texts in it are others'.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from eval.errors import DataError
from eval.readers.prompts import Wording, wording
from eval.readers.rows import Row, read_object

DEFAULT_PACK = Path(__file__).resolve().parents[2] / ".protocol" / "upstream"
"""Where the pack lies unless another folder is named."""
INDEX, WORDING = "pack.json", "wording.json"
REMEDY = "import it again: make import UPSTREAM=<clone of bytedance/tarsier>"

JudgeTask = Literal["open_qa", "extract", "entail"]
"""What judges are asked, as in eval.core.JudgeCall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeWording:
    """What a judge is asked with."""

    system: str
    """Template of the system message; "" for none."""
    user: str
    """Template of the user message."""
    sha256: str
    """Hash of both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """An imported protocol pack."""

    folder: Path
    commits: Mapping[str, str]
    """The commit of upstream's that each annotation file is from."""
    hashes: Mapping[str, str]
    """SHA-256 by path below the folder."""

    def rows(self, file: str) -> Path | None:
        """Return upstream's annotation file, or None where the pack has none. Raises DataError where it was changed."""
        return self._checked(f"annotations/{file}") if f"annotations/{file}" in self.hashes else None

    def prompt(self, file: str) -> Wording:
        """Return the template behind the prompts of an annotation file. Raises DataError where there is none."""
        prompts = self._wording().row("prompts")
        if not prompts.has(file):
            raise DataError(f"{self.folder / WORDING}: no wording of {file}; set benchmark.wording=own, or {REMEDY}")
        return wording(f"upstream {self.commits.get(file, 'unknown')[:12]}", prompts.text(file))

    def judge(self, task: JudgeTask) -> JudgeWording:
        """Return the wording that judges are asked with. Raises DataError where the pack has none."""
        row = self._wording().row(task)
        system, user = row.text("system"), row.text("user")
        digest = hashlib.sha256(f"{system}\0{user}".encode()).hexdigest()
        return JudgeWording(system=system, user=user, sha256=digest)

    def _wording(self) -> Row:
        return read_object(self._checked(WORDING))

    def _checked(self, name: str) -> Path:
        path = self.folder / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != self.hashes.get(name):
            raise DataError(f"{path} is missing or was changed since it was imported; {REMEDY}")
        return path


def open_pack(folder: Path) -> Pack | None:
    """Return the pack in a folder, or None where there is none. Raises DataError where its index is damaged."""
    path = folder / INDEX
    if not path.is_file():
        return None
    row = read_object(path)
    files = row.row("files")
    entries = {name: files.row(name) for name in files.fields}
    return Pack(
        folder=folder,
        commits={name.rpartition("/")[2]: entry.text("commit") for name, entry in entries.items()},
        hashes={name: entry.text("sha256") for name, entry in entries.items()},
    )
