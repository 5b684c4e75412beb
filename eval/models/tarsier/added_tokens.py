"""Tokens of a tokenizer besides its vocabulary, handled as in version 0.19 of the `tokenizers` library.

Version 0.19 is the one of transformers 4.44. There, adding a token again with other matching properties changes less
than it does today; and a token matched after normalization is decoded as its own text, not as the normalized one. So
added tokens are collected here first, put into the library's tokenizer once in their final form, and decoded by their
text. Source: github.com/huggingface/tokenizers, added_vocabulary.rs at v0.19.1, v0.23.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING

from eval.models.tarsier.conversion import SPACE

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer


class AddedTokens:
    """Added tokens in the order of their addition, which is that of their ids."""

    def __init__(self) -> None:
        self._latest: dict[str, AddedToken] = {}
        """Each text with its latest properties."""
        self._special: set[str] = set()
        self._normalized: dict[str, set[bool]] = {}
        """Each text with whether it is matched after normalization, before it, or both: all values given until it
        became special, which it then remains."""

    @property
    def texts(self) -> set[str]:
        """Texts of all tokens."""
        return set(self._latest)

    def is_special(self, text: str) -> bool:
        """Whether decoding skips a token."""
        return text in self._special

    def add(self, tokens: Iterable[str | AddedToken], *, special: bool | None = None) -> None:
        """Add tokens.

        Args:
            tokens: with their matching properties; a plain text is special, and matched before normalization.
            special: whether they are special, overriding their own property.
        """
        from tokenizers import AddedToken

        for one in tokens:
            token = AddedToken(one, normalized=False, special=True) if isinstance(one, str) else one
            if special is not None:
                token.special = special  # decides on `normalized` where that is unset
            text = token.content
            is_known = text in self._special or self._latest.get(text) == token
            if text and not is_known:
                self._normalized.setdefault(text, set()).add(token.normalized)
            if text:
                self._latest[text] = token
            if token.special:
                self._special.add(text)

    def put_into(self, core: Tokenizer) -> None:
        """Put all of them into a tokenizer without added tokens, after its normalizer is set.

        Raises:
            ValueError: a token is to be matched both before and after normalization, which changes it.
        """
        from tokenizers import AddedToken

        for text, ways in self._normalized.items():
            if len(ways) == 2 and core.normalizer is not None:
                changed = core.normalizer.normalize_str(text)
                if changed not in (text, SPACE + text) or SPACE in text:
                    raise ValueError(
                        f"of the token {text[:60]!r} files say both that it is normalized and that it isn't"
                    )
        # A token matched both before and after normalization is always found before.
        final = [
            AddedToken(
                text,
                single_word=token.single_word,
                lstrip=token.lstrip,
                rstrip=token.rstrip,
                normalized=self._normalized[text] == {True},
                special=text in self._special,
            )
            for text, token in self._latest.items()
        ]
        for special, alike in groupby(final, key=lambda token: bool(token.special)):
            (core.add_special_tokens if special else core.add_tokens)(list(alike))
