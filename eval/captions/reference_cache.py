"""Keep prepared references on disk, so that a benchmark is tokenized and counted once instead of in each run.

One .npz file for each set of references, without pickle; its name is a hash of the captions and of everything that
affects their preparation. A damaged or unexpected file is made anew.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from eval.captions.cider import DocumentFrequencies, ReferenceSet, prepare
from eval.captions.ptb_tokenizer import TOKENIZER_VERSION, tokenize
from eval.files import make_folder, open_regular, write_bytes_atomically

FORMAT_VERSION = 1
"""Version of the file format, changed with the columns of the file."""

_COLUMNS = ("first_reference", "first_entry", "lengths", "norms", "ids", "places", "weights")


def content_key(references: Mapping[str, Sequence[str]]) -> str:
    """Return the hash (64 hexadecimal digits) of captions by image, their order, and the version of the tokenizer."""
    content = json.dumps([FORMAT_VERSION, TOKENIZER_VERSION, list(references.items())], ensure_ascii=True, default=list)
    return hashlib.sha256(content.encode("ascii")).hexdigest()


def cache_file(folder: Path, references: Mapping[str, Sequence[str]]) -> Path:
    """Return the path of the cache file for the prepared references of these captions."""
    return folder / f"references-{content_key(references)[:32]}.npz"


def load_or_prepare(folder: Path, references: Mapping[str, Sequence[str]]) -> ReferenceSet:
    """Return the prepared references of raw captions by image, from the folder if they are cached there.

    Raises:
        DataError: there is no image, or one has no reference.
        RunError: the folder cannot be written.
    """
    path = cache_file(folder, references)
    if path.exists() and (found := _read(path, tuple(references))) is not None:
        return found
    prepared = prepare({image: [tokenize(caption) for caption in captions] for image, captions in references.items()})
    make_folder(folder)
    _write(path, prepared)
    return prepared


def _write(path: Path, prepared: ReferenceSet) -> None:
    """Write a file atomically, since another run may look for it at any time."""
    columns = {name: getattr(prepared, name) for name in _COLUMNS}
    # Text is stored as bytes, because numpy would pad every n-gram to the longest. No token holds a line break.
    ngrams = np.frombuffer("\n".join(prepared.frequencies.ngrams).encode(), dtype=np.uint8)
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, counts=prepared.frequencies.counts, ngrams=ngrams, **columns)
    write_bytes_atomically(path, content.getvalue())


def _read(path: Path, images: tuple[str, ...]) -> ReferenceSet | None:
    """Return the content of a file, or None where it is damaged; the archive checks every column by CRC."""
    try:
        # Opened here, because numpy leaves the file open when it is no archive.
        with open_regular(path) as file, np.load(file, allow_pickle=False) as archive:
            columns = {name: archive[name] for name in _COLUMNS}
            counts = archive["counts"]
            text = archive["ngrams"].tobytes().decode()
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
        return None
    ngrams = tuple(text.split("\n")) if text else ()
    references, entries = len(columns["lengths"]), len(columns["ids"])
    whole = (
        len(counts) == len(ngrams)
        and len(columns["first_reference"]) == len(columns["first_entry"]) == len(images) + 1
        and columns["first_reference"][-1] == references
        and columns["first_entry"][-1] == entries == len(columns["places"]) == len(columns["weights"])
        and columns["norms"].shape == (references, 4)
    )
    if not whole:
        return None
    frequencies = DocumentFrequencies(images=len(images), ngrams=ngrams, counts=counts)
    return ReferenceSet(frequencies=frequencies, images=images, **columns)
