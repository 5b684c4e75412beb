"""Packs files into archives, and data folders as their authors distribute them."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from eval.core import IMAGE_EXTENSIONS, VIDEO_EXTENSIONS

WAYS = ("stored.zip", "deflated.zip", "plain.tar")
"""The ways of packing, each with the ending of its archives behind the dot."""
_MEDIA = (*VIDEO_EXTENSIONS, *IMAGE_EXTENSIONS, "gif")


def pack(archive: Path, files: Mapping[str, bytes | Path], way: str = "") -> Path:
    """Write an archive of these files; a zip is deflated where `way` says so."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    contents = {name: data if isinstance(data, bytes) else data.read_bytes() for name, data in files.items()}
    if archive.suffix == ".zip":
        method = zipfile.ZIP_DEFLATED if way.startswith("deflated") else zipfile.ZIP_STORED
        with zipfile.ZipFile(archive, "w", method) as zipped:
            for name, data in contents.items():
                zipped.writestr(name, data, method)
    else:
        with tarfile.open(archive, "w") as tar:
            for name, data in contents.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return archive


def packed_world(world: Path, target: Path, way: str) -> Path:
    """Copy a data folder with its media in archives: one for each folder of videos, beside the annotations."""
    suffix = way[way.index(".") :]
    archives: dict[Path, dict[str, bytes | Path]] = {}
    for path in (each for each in world.rglob("*") if each.is_file()):
        name = path.relative_to(world)
        if path.suffix[1:].lower() not in _MEDIA:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target / name)
            continue
        # MVBench/video/star.zip, MSVD/YouTubeClips.zip; and FAVOR-Bench, whose videos lie beside its annotations.
        depth = min(3 if name.parts[0] in {"MVBench", "TVBench"} else 2, len(name.parts) - 1)
        archive = target.joinpath(*name.parts[:depth])
        archives.setdefault(archive.with_name(archive.name + suffix), {})["/".join(name.parts[depth:])] = path
    for archive, files in archives.items():
        pack(archive, files, way)
    return target
