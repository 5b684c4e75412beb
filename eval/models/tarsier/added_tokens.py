"""Tokens that a tokenizer has beside its vocabulary, as the `tokenizers` library kept them in version 0.19.

Version 0.19 is the one of transformers 4.44. There, a token that is added again, told otherwise how it is found in a
text, changes less than it does today; and a token that is matched after normalization is decoded as its own text, not
as the normalized one. So what is added is gathered here first, put into the library's tokenizer once, as it is found
in the end, and decoded by its text. Source: github.com/huggingface/tokenizers, added_vocabulary.rs at v0.19.1, v0.23.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING

from eval.models.tarsier.conversion import SPACE

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer


class AddedTokens:
    """Added tokens in the order in which they came, which is that of their ids."""

    def __init__(self) -> None:
        self._latest: dict[str, AddedToken] = {}
        """Each text with the last that was said of it."""
        self._special: set[str] = set()
        self._normalized: dict[str, set[bool]] = {}
        """Each text with whether it is looked for after normalization, or before it, or both: all that was said until
        it became special, which it then remains."""

    @property
    def texts(self) -> set[str]:
        """Texts of all tokens."""
        return set(self._latest)

    def is_special(self, text: str) -> bool:
        """Return whether decoding skips a token."""
        return text in self._special

    def add(self, tokens: Iterable[str | AddedToken], *, special: bool | None = None) -> None:
        """Add tokens.

        Args:
            tokens: how they are found; a mere text is special, and matched before normalization.
            special: whether they are special, where that is not what they say of themselves.
        """
        from tokenizers import AddedToken

        for one in tokens:
            token = AddedToken(one, normalized=False, special=True) if isinstance(one, str) else one
            if special is not None:
                token.special = special  # which decides on `normalized` where that was not said
            text = token.content
            is_known = text in self._special or self._latest.get(text) == token
            if text and not is_known:
                self._normalized.setdefault(text, set()).add(token.normalized)
            if text:
                self._latest[text] = token
            if token.special:
                self._special.add(text)

    def put_into(self, core: Tokenizer) -> None:
        """Put all of them into a tokenizer that has none yet, once its normalizer is set.

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
        # Of a token that is looked for both before and after, there is nothing left to find after.
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
