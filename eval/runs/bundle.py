"""Bundles of runs: one file that gives the same leaderboard rows on any machine, with the judge's verdicts.

A bundle is a gzipped tar of plain files, without folders, links, owners or times, so that a run always gives the same
bytes (with one version of zlib). First comes `manifest.json`, with size and hash of each of the others. It contains no
media, and its settings and results contain file names but no paths of this machine.

It is read as a stream and not trusted: allowed names only, plain files only, bounded sizes and numbers, hashes as in
the manifest. tarfile parses only one header of 512 bytes at a time here, since its own iteration follows extensions
that a bundle never has.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shlex
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from eval.errors import DataError, TarsierEvalError
from eval.files import absolute, open_regular
from eval.readers.parsing import NotJSONError, parsed
from eval.runs.fields import checked
from eval.runs.folder import CONFIG, PREDICTIONS, RESULT, RUN, SCORES, SUBMISSION, VERDICTS

SUFFIX = ".tar.gz"
MANIFEST, WORDING, POPULATION = "manifest.json", "wording.json", "population.jsonl"
"""Files besides a run's own: sizes and hashes; the judge prompts' wording; all samples' references, where a metric
takes statistics from more samples than were predicted."""
REQUIRED = (RESULT, PREDICTIONS, SCORES)
ALLOWED = (*REQUIRED, RUN, CONFIG, VERDICTS, SUBMISSION, WORDING, POPULATION)
"""Names of all files that a bundle may hold, in their order in it."""

KIND, FORMAT = "tarsier-eval run", 1
MAX_BYTES = 2 << 30
"""Most bytes of all files together; a run of 13,691 questions takes some 30 MB."""
MAX_RATIO, FREE = 250, 64 << 20
"""Most bytes for each byte of the bundle, beyond the free ones: text shrinks to a tenth, repeated text to a hundredth;
a thousandth means an attack."""
MAX_MANIFEST = 1 << 20

_BLOCK, _RECORD = 512, 10_240
"""Bytes of a header, and the multiple to which other programs round an archive's length up."""


@dataclass(frozen=True)
class _Packed:
    bytes: int
    sha256: str


@dataclass(frozen=True)
class _Manifest:
    kind: str
    format: int
    files: dict[str, _Packed]


class _Stream(Protocol):
    """A readable stream."""

    def read(self, size: int, /) -> bytes: ...


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return files as a bundle.

    Raises:
        DataError: they are too large for one.
        ValueError: one has a name that is not allowed, or a required one is missing.
    """
    if unknown := sorted(set(files) - set(ALLOWED)):
        raise ValueError(f"{unknown[0]} cannot be in a bundle")
    if missing := [name for name in REQUIRED if name not in files]:
        raise ValueError(f"{missing[0]} must be in a bundle")
    if sum(map(len, files.values())) > MAX_BYTES:
        raise DataError(f"The run has more than {MAX_BYTES >> 20} MiB; a bundle can't be as large.")
    named = {name: files[name] for name in ALLOWED if name in files}
    about = {name: {"bytes": len(content), "sha256": _sha256(content)} for name, content in named.items()}
    manifest = json.dumps({"kind": KIND, "format": FORMAT, "files": about}, indent=1) + "\n"
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0, compresslevel=6) as file:
        for name, content in {MANIFEST: manifest.encode("ascii"), **named}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.write(info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict"))
            file.write(content)
            file.write(b"\0" * (-len(content) % _BLOCK))
        file.write(b"\0" * 2 * _BLOCK)
    return packed.getvalue()


def is_bundle(path: Path) -> bool:
    """Whether a file starts with a bundle's first bytes."""
    try:
        with open_regular(path) as packed, gzip.open(packed, "rb") as file:
            return _header(file.read(_BLOCK)).name == MANIFEST
    except (OSError, EOFError, zlib.error, DataError):
        return False


def refuse_bundle(path: Path) -> None:
    """Raise DataError where a bundle is given to a command that takes a folder."""
    if path.is_file() and is_bundle(path):
        to = shlex.quote(path.name.removesuffix(SUFFIX))
        how = f"mkdir {to} && tar -xzf {shlex.quote(str(path))} -C {to}"
        raise DataError(f"{path} is a bundle, and this takes a folder: unpack it ({how}) and give {to}.")


def open_bundle(path: Path, folder: Path) -> None:
    """Unpack a bundle into an empty folder.

    Raises:
        DataError: it is not a bundle, is damaged, or holds a forbidden file. Files unpacked before the error stay.
    """
    try:
        _unpack(path, folder)
    except DataError as error:
        raise DataError(f"{path}: not a bundle of a run, or a damaged one: {error}. {_REMEDY}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a bundle of a run, or a damaged one: {_said(error)}. {_REMEDY}") from error


@contextmanager
def unpacked(place: Path) -> Iterator[Path]:
    """Yield a run folder itself, or a bundle's content in a folder that is deleted when the block ends.

    Errors that name a bundle's temporary folder are changed to name the bundle.

    Raises:
        DataError: the path does not exist, is no bundle, or is a damaged one.
    """
    if place.is_dir():
        yield place
        return
    if not place.exists():
        raise DataError(f"The bundle {place} does not exist.")
    with tempfile.TemporaryDirectory(prefix="tarsier-eval-") as name:
        folder = absolute(name)
        open_bundle(place, folder)
        try:
            yield folder
        except TarsierEvalError as error:
            error.args = (str(error).replace(str(folder), str(place)),)
            raise


def _unpack(path: Path, folder: Path) -> None:
    bound = min(MAX_BYTES, FREE + MAX_RATIO * path.stat().st_size)
    with open_regular(path) as packed, gzip.open(packed, "rb") as file:
        left = _manifest(file)
        if sum(size for size, _ in left.values()) > bound:
            raise DataError(f"it would unpack to more than {bound >> 20} MiB")
        while (block := _read(file, _BLOCK)) != b"\0" * _BLOCK:
            info = _header(block)
            if info.name not in left:
                raise DataError(f"it holds {info.name[:80]!r}, which its manifest does not name, or not twice")
            size, sha256 = left.pop(info.name)
            if info.size != size or _copy(file, size, folder / info.name) != sha256:
                raise DataError(f"{info.name} is not as its manifest says")
        if left:
            raise DataError(f"{next(iter(left))} is missing")
        rest = file.read(_RECORD + 1)
        if not _BLOCK <= len(rest) <= _RECORD or any(rest):
            raise DataError("something follows its end")


_REMEDY = "Get it again, or make it again: tarsier-eval bundle --run <folder> --to <file>.tar.gz."


def _said(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")


def _manifest(file: _Stream) -> dict[str, tuple[int, str]]:
    """Return size and hash of each file by name. Raises DataError where the stream starts with no valid manifest."""
    info = _header(_read(file, _BLOCK))
    if info.name != MANIFEST or not 0 < info.size <= MAX_MANIFEST:
        raise DataError(f"it does not begin with {MANIFEST}")
    content = _read(file, info.size)
    _read(file, -info.size % _BLOCK)
    try:
        found = checked(parsed(content), _Manifest)
    except (DataError, NotJSONError) as error:
        raise DataError(f"its {MANIFEST} is damaged ({error})") from error
    files = {name: (each.bytes, each.sha256) for name, each in found.files.items()}
    if (found.kind, found.format) != (KIND, FORMAT):
        raise DataError(f"its format is not the one that this version reads ({FORMAT})")
    for name, (size, _) in files.items():
        if name not in ALLOWED:
            raise DataError(f"it holds {name[:80]!r}, and only {', '.join(ALLOWED)} are allowed")
        if size < 0:
            raise DataError(f"its {MANIFEST} gives {name} {size!r} bytes")
    if missing := [name for name in REQUIRED if name not in files]:
        raise DataError(f"{missing[0]} is missing")
    return files


def _header(block: bytes) -> tarfile.TarInfo:
    """Return a parsed header. Raises DataError where it is invalid, or not of a plain file."""
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.TarError, UnicodeError, ValueError) as error:
        raise DataError(f"it is not a tar archive ({error})") from error
    if info.type != tarfile.REGTYPE:
        raise DataError(f"{info.name[:80]!r} is not a plain file")
    return info


def _copy(file: _Stream, size: int, path: Path) -> str:
    """Write so many bytes of a stream into a new file, and return their hash."""
    digest = hashlib.sha256()
    with path.open("xb") as to:
        left = size
        while left:
            block = _read(file, min(left, 1 << 20))
            digest.update(block)
            to.write(block)
            left -= len(block)
    _read(file, -size % _BLOCK)
    return digest.hexdigest()


def _read(file: _Stream, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise DataError("it ends too soon")
    return content


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
