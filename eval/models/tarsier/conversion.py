"""From the pieces of a SentencePiece model to a tokenizer of the `tokenizers` library, as transformers 4.44.2 does it.

Its converter for Llama ignores the model's normalization and prefix; only the tokenizer's own prefix setting counts.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING

from eval.models.tarsier.pieces import CONTROL, UNIGRAM, USER_DEFINED, PieceModel

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer

SPACE = "▁"
"""The character that represents a space within pieces."""


def converted(model: PieceModel, renamed: Mapping[int, str]) -> Tokenizer:
    """Return a tokenizer with the pieces of a model; the first three may be renamed, by their ids."""
    from tokenizers import Tokenizer
    from tokenizers.models import BPE, Unigram

    pieces = [(renamed.get(i, piece.text), 0.0) if i < 3 else piece[:2] for i, piece in enumerate(model.pieces)]
    if model.kind == UNIGRAM:
        return Tokenizer(Unigram(pieces, unk_id=0, byte_fallback=True))
    made = merges(dict(pieces), {piece.text for piece in model.pieces})
    ids = {text: i for i, (text, _) in enumerate(pieces)}
    return Tokenizer(BPE(ids, made, unk_token=model.unknown, fuse_unk=True, byte_fallback=True))


def whole_pieces(model: PieceModel) -> list[AddedToken]:
    """Return the pieces that are never split, as added tokens: control pieces, which are special, and the user's."""
    from tokenizers import AddedToken

    return [
        AddedToken(piece.text, normalized=False, special=piece.kind == CONTROL)
        for piece in model.pieces
        if piece.kind in (CONTROL, USER_DEFINED)
    ]


def merges(scores: Mapping[str, float], parts: Container[str]) -> list[tuple[str, str]]:
    """Return the merges that lead to pieces, first to last: by falling score, then by falling length of the first part.

    Args:
        scores: the pieces that can result; ties keep this order.
        parts: the pieces that they can be made of.
    """
    found: list[tuple[float, int, int, str, str]] = []
    for piece, score in scores.items():
        for left, right in ((piece[:cut], piece[cut:]) for cut in range(1, len(piece))):
            if left in parts and right in parts:
                found.append((score, len(left), len(right), left, right))
    found.sort(key=lambda merge: merge[:3], reverse=True)
    return [(left, right) for *_, left, right in found]


def set_pipeline(core: Tokenizer, *, legacy: bool, prefix: bool) -> None:
    """Set the conversion of text to pieces and back.

    The legacy pipeline puts a space before each stretch between added tokens, the other one before the text alone.
    """
    from tokenizers import decoders, normalizers, pre_tokenizers

    core.normalizer = core.pre_tokenizer = None
    if legacy:
        steps = [normalizers.Prepend(SPACE)] if prefix else []
        core.normalizer = normalizers.Sequence([*steps, normalizers.Replace(" ", SPACE)])
    else:
        scheme = "first" if prefix else "never"
        core.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme=scheme, split=False)
    stripped = [decoders.Strip(content=" ", left=1)] if prefix else []
    core.decoder = decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), *stripped]
    )
