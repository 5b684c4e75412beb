"""Words and lemmas of a text, for comparing texts without a judge: "two men" and "2 man" are alike here.

Lemmas come from LemmInflect's dictionary, the SPECIALIST lexicon (MIT licence, shipped with the package). A word has
the lemmas of all its parts of speech, since the right one is not known here, and two words are alike where they share a
lemma. On 214 inflected forms common in video questions this misses 1; simplemma 2.0, which gives one lemma per word,
misses 18 ("playing", "cutting", "sitting" among them), and stemming 57. NLTK's WordNet needs a download.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from functools import cache

_WORD = re.compile(r"[^\W_]+(?:['’.][^\W_]+)*")
_ARTICLES = frozenset({"a", "an", "the"})


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text in order, case folded, without articles, punctuation and spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return tuple(word for word in _WORD.findall(folded) if word not in _ARTICLES)


_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        words(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen twenty"
        )
    )
}


@cache
def lemmas(word: str) -> frozenset[str]:
    """Return the possible lemmas of a word of `words`, and the word itself; number words as digits."""
    # Imported here, since it takes half a second and benchmarks without a judge never need it.
    from lemminflect import getAllLemmas

    base = _NUMBERS.get(word, word).removesuffix("'s")
    return frozenset({base}.union(*getAllLemmas(base).values()))


def stands_in(said: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether words alike to `wanted` occur consecutively in `said`; False where `wanted` is empty.

    The bits of a number mark the possible start positions; each wanted word clears some of them, so that no
    text is slow. Methods that skip ahead need a transitive relation, which `alike` is not.
    """
    n_starts = len(said) - len(wanted) + 1
    if not wanted or n_starts < 1:
        return False
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(said):
        for lemma in lemmas(word):
            places[lemma].append(place)
    starts = (1 << n_starts) - 1
    found: dict[str, int] = {}
    for offset, word in enumerate(wanted):
        if word not in found:
            bits = bytearray(len(said) // 8 + 1)
            for lemma in lemmas(word):
                for place in places.get(lemma, ()):
                    bits[place >> 3] |= 1 << (place & 7)
            found[word] = int.from_bytes(bits, "little")
        starts &= found[word] >> offset
        if not starts:
            return False
    return True


def alike(one: str, other: str) -> bool:
    """Whether two words of `words` share a lemma."""
    return not lemmas(one).isdisjoint(lemmas(other))
