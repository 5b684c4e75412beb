"""Read a Python literal from untrusted text without running any of it.

A judge's reply may repeat text that a prediction dictated. `ast.literal_eval` builds values and evaluates nothing, and
its tokenizer stops at 200 nested brackets. The length is bounded because a long row of operators makes a deep tree: at
100,000 characters none of 20 such texts harmed Python 3.10 to 3.13 on a main thread's stack of 8 MB; threads with a
stack of 512 KB died of fewer. So read replies on the main thread.
"""

from __future__ import annotations

import ast
import re
import warnings

from eval.judges.calls import UnreadableReplyError

MAX_CHARS = 32_768
"""Maximum characters of a text that is parsed; an answer in the right form has a few hundred."""


def read_literal(text: str) -> object:
    """Return the value of a Python literal. Raises UnreadableReplyError for any other text."""
    if len(text) > MAX_CHARS:
        raise UnreadableReplyError(f"{len(text)} characters are too long for an answer; {MAX_CHARS} are read")
    try:
        # A reply with "\d" in it is readable; Python's warning about that escape does not matter here.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.literal_eval(text)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        # TypeError: a list as a key, or in a set. ValueError: anything but a literal, null characters, a number of
        # 5,000 digits. Python shows a node that it refused with its address, which differs from run to run.
        if node := re.search(r": <ast\.(\w+) object at ", str(error)):
            raise UnreadableReplyError(f"a {node[1]} is not part of a Python literal here") from error
        raise UnreadableReplyError(f"no Python literal: {error or type(error).__name__}") from error
