"""What a SentencePiece model holds that a tokenizer is made of: its pieces with their scores and kinds.

`tokenizer.model` is one protocol buffer: the pieces (field 1: text, score, kind), how they were trained (field 2), and
more that is not needed here. Sources: github.com/google/sentencepiece, src/sentencepiece_model.proto, and for the
encoding protobuf.dev/programming-guides/encoding. Reading these fields takes neither of the two packages.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from eval.errors import ModelError
from eval.models.tarsier.headers import refuse_pointer

MAX_MODEL = 64 * 2**20
"""Largest model that is read, in bytes; Tarsier's have 500,000 and a million."""

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
"""Kinds of piece, as SentencePiece numbers them."""
UNIGRAM, BPE = 1, 2
"""Kinds of model."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
"""How a field is encoded."""


class Piece(NamedTuple):
    """A piece; its id is its place in the model."""

    text: str
    score: float
    kind: int


@dataclass(frozen=True, kw_only=True)
class PieceModel:
    """The part of a SentencePiece model that a tokenizer is made of."""

    pieces: list[Piece]
    kind: int
    """UNIGRAM or BPE."""
    unknown: str
    """Text of the unknown piece, as training was told."""


def read_pieces(path: Path) -> PieceModel:
    """Return what a SentencePiece model holds.

    Raises:
        ModelError: the file cannot be read, is no model, is damaged, or is of a kind that has neither merges nor
            probabilities.
    """
    try:
        if not path.is_file() or path.stat().st_size > MAX_MODEL:
            raise ModelError(f"{path} is no file, or has more than {MAX_MODEL} bytes; take the checkpoint's own.")
        refuse_pointer(path)
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        return _model(content)
    except ValueError as error:  # UnicodeDecodeError is one
        raise ModelError(
            f"{path} is damaged, or no SentencePiece model: {str(error).splitlines()[0]}; fetch it again."
        ) from None


def _model(content: bytes) -> PieceModel:
    pieces: list[Piece] = []
    training: dict[int, int | bytes] = {}
    for number, value in _fields(content):
        if number == 1:
            pieces.append(_piece(value))
        elif number == 2:
            training |= dict(_fields(_bytes(value)))
    kind = training.get(3, UNIGRAM)
    if kind not in (UNIGRAM, BPE):
        raise ValueError(f"a model of the kind {kind!r}, and only unigram (1) and BPE (2) can be used")
    _check(pieces, has_bytes=bool(training.get(35, 0)))
    unknown = _bytes(training.get(45, b"<unk>")).decode("utf-8")
    return PieceModel(pieces=pieces, kind=int(kind), unknown=unknown)


def _check(pieces: list[Piece], *, has_bytes: bool) -> None:
    """Refuse what SentencePiece itself would not load. Raises ValueError."""
    names = {
        "pieces": [piece.text for piece in pieces if piece.kind in (NORMAL, USER_DEFINED, UNUSED)],
        "reserved pieces": [piece.text for piece in pieces if piece.kind in (UNKNOWN, CONTROL, BYTE)],
    }
    for said, texts in names.items():
        if len(set(texts)) < len(texts) or "" in texts:
            raise ValueError(f"two of its {said} have the same text, or one has none")
    n_unknown = sum(piece.kind == UNKNOWN for piece in pieces)
    if len(pieces) < 3 or n_unknown != 1:
        raise ValueError(f"{len(pieces)} pieces, {n_unknown} of them for what is unknown; expected one, and two more")
    found = {piece.text for piece in pieces if piece.kind == BYTE}
    if found != ({f"<0x{byte:02X}>" for byte in range(256)} if has_bytes else set()):
        raise ValueError(f"{len(found)} pieces for bytes, and byte_fallback is {has_bytes}")


def _piece(value: int | bytes) -> Piece:
    fields = dict(_fields(_bytes(value)))
    kind = fields.get(3, NORMAL)
    if kind not in range(NORMAL, BYTE + 1):
        raise ValueError(f"a piece of the kind {kind!r}")
    packed = _bytes(fields.get(2, bytes(4)))
    score = struct.unpack("<f", packed)[0] if len(packed) == 4 else float("nan")
    if not isfinite(score):
        raise ValueError("a score that is no 32-bit number")
    return Piece(_bytes(fields.get(1, b"")).decode("utf-8"), score, int(kind))


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where text or a message belongs")  # noqa: TRY004 - of the file, not of a caller
    return value


def _fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field of a message. Raises ValueError where it is none."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        number, encoding = key >> 3, key & 7
        if encoding == _VARINT:
            value, at = _varint(content, at)
            yield number, value
            continue
        if encoding == _BYTES:
            size, at = _varint(content, at)
        elif encoding in (_FIXED32, _FIXED64):
            size = 4 if encoding == _FIXED32 else 8
        else:
            raise ValueError(f"field {number} is in no known encoding")
        if at + size > len(content):
            raise ValueError(f"field {number} reaches beyond the end")
        yield number, content[at : at + size]
        at += size


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at a place, seven bits a byte, and the place behind it."""
    value = shift = 0
    while at < len(content) and shift < 70:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("a number does not end")
