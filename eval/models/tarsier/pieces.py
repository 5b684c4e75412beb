"""The part of a SentencePiece model that a tokenizer needs: its pieces, with their scores and kinds.

`tokenizer.model` is a protocol buffer, read with sentencepiece's own schema. Its encoder is not used: transformers 4.44
builds another one from the pieces, whose ids differ for some texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from eval.errors import ModelError
from eval.models.checkpoints.headers import read_small
from eval.readers.malformed import first_line

MAX_MODEL = 64 * 2**20
"""Largest model, in bytes; Tarsier's have 500,000 and a million."""

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
"""Kinds of piece, with SentencePiece's numbers."""
UNIGRAM, BPE = 1, 2
"""Kinds of model."""


class Piece(NamedTuple):
    """A piece; its id is its index in the model."""

    text: str
    score: float
    kind: int


@dataclass(frozen=True, kw_only=True)
class PieceModel:
    """The part of a SentencePiece model that a tokenizer needs."""

    pieces: list[Piece]
    kind: int
    """UNIGRAM or BPE."""
    unknown: str
    """Text of the unknown piece, from the training settings."""


def read_pieces(path: Path) -> PieceModel:
    """Return the pieces of a SentencePiece model.

    Raises:
        ModelError: the file cannot be read, is no model, is damaged, or is of a kind that has neither merges nor
            probabilities.
    """
    from google.protobuf.message import DecodeError
    from sentencepiece import sentencepiece_model_pb2

    try:
        return _model(sentencepiece_model_pb2.ModelProto.FromString(read_small(path, MAX_MODEL)))
    except (ValueError, DecodeError) as error:
        raise ModelError(
            f"{path} is damaged, or no SentencePiece model: {first_line(error)}; fetch it again."
        ) from None


def _model(found: Any) -> PieceModel:
    pieces = [Piece(piece.piece, piece.score, piece.type) for piece in found.pieces]
    training = found.trainer_spec
    if training.model_type not in (UNIGRAM, BPE):
        raise ValueError(
            f"a model of the kind {training.model_type}, and only unigram ({UNIGRAM}) and BPE ({BPE}) can be used"
        )
    if not all(isfinite(piece.score) for piece in pieces):
        raise ValueError("a score that is not finite")
    _check(pieces, has_bytes=training.byte_fallback)
    return PieceModel(pieces=pieces, kind=training.model_type, unknown=training.unk_piece)


def _check(pieces: list[Piece], *, has_bytes: bool) -> None:
    """Refuse pieces that SentencePiece itself would not load. Raises ValueError."""
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
