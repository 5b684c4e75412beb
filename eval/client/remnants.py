"""Take from a reply what the server's template left in it and the model did not say: end tokens, switches of thinking.

Nothing is searched for within the reply: only its two ends are cut. It is done before a reply is stored, so what the
forms read (eval/judges/forms.py) is the same text for a server with a clean template and for one without.
"""

from __future__ import annotations

import re

_MARK = r"<[|\uff5c][\w\u2581]{2,40}[|\uff5c]>|</s>|<eos>|<end_of_turn>|\[EOS\]"
"""An end token: <|im_end|>, <|eot_id|>, </s>, and their like."""
_SWITCH = r"/(?:no_)?think\b"
_AT_END = re.compile(rf"(?:\s*(?:{_MARK}|{_SWITCH}))+\s*\Z")
_AT_START = re.compile(rf"\A(?:\s|\ufeff|{_MARK}|{_SWITCH})+")
_UNCLOSED = re.compile(r"\A<think>\s*(?=\{|```)")
_UNOPENED = re.compile(r"\A[^{}]*</think>")
_LONGEST = 262_144


def without_remnants(text: str) -> str:
    """Return a reply without end tokens and switches at its ends, and with an answer after thinking on its own line.

    Thinking that was never opened is told from the answer only where it has no brace, and thinking that was never
    closed only where the answer is all of it; elsewhere a quotation may be what looks like the answer.
    """
    if len(text) > _LONGEST or not ("<" in text or "/" in text or "\ufeff" in text or "[" in text):
        return text
    cut = _AT_START.sub("", text) if text[:1] in "<[/\ufeff" or text[:1].isspace() else text
    if (end := _tail(cut)) < len(cut):
        cut = cut[:end]
    if "</think>" not in cut:
        cut = _UNCLOSED.sub("", cut)
    elif "<think>" not in cut and cut.count("</think>") == 1 and (thought := _UNOPENED.match(cut)) is not None:
        cut = f"{thought[0]}\n{cut[thought.end() :].lstrip()}"
    return cut if cut != text else text


def spoken(text: str) -> str | None:
    """Return a reply without the model's thinking and the end tokens at its end; None where the thinking has no end.

    For outputs of any form, where without_remnants is for replies in which an answer is looked for.
    """
    _, closed, after = text.rpartition("</think>")
    if closed:
        text = after.lstrip()
    elif text.lstrip().startswith("<think>"):
        return None
    return text[: _tail(text)]


def _tail(text: str) -> int:
    """Return where the end tokens at the end of a text begin; only its last part is looked at."""
    at = max(0, len(text) - 400)
    found = _AT_END.search(text, at)
    return found.start() if found is not None else len(text)
