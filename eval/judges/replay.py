"""Bundles of verdicts: what one run's judge said, in one file from which anyone scores again, asking nobody.

A bundle is gzipped JSON lines: a header, then predictions, then verdicts.

    {"kind": "header", "format": 1, "benchmark": "dream-1k", "scorer": {...}, "wording": {...}, "result": {...}}
    {"kind": "prediction", ...}    a line of predictions.jsonl
    {"kind": "verdict", "key": "...", "outcome": "replied", "text": "...", ...}

Verdicts are found by the hash of what is asked, so a prediction, a wording or a reference that was changed since finds
none, and the score says so instead of moving.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from eval.errors import ConfigError, DataError
from eval.judges.calls import JudgeCall, JudgeReply, Usage
from eval.judges.protocol import JudgeProtocol
from eval.judges.requests import Capabilities, asked_of
from eval.readers.malformed import printable
from eval.readers.parsing import parsed, problem

FORMAT = 1
_HEADER = {"benchmark", "model", "scorer", "protocol", "wording", "result"}
MAX_BYTES = 1 << 30
"""Most bytes of an unpacked bundle; a run of 13,691 questions takes some 30 MB."""
MAX_RATIO, FREE_BYTES = 100, 32 << 20
"""How many times its size a bundle may take unpacked, and what any may; a judged run has some 12 times its size."""
MAX_LINE = 64 << 20
"""Most bytes of one line; a reply has 8 MiB at the most."""
MAX_LINES = 500_000
"""Most lines: an object takes far more memory than its line, and the largest benchmark has 72,821 questions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What a bundle holds."""

    header: Mapping[str, Any]
    """What was scored, how, and what came of it."""
    predictions: tuple[Mapping[str, Any], ...]
    """Lines of predictions.jsonl."""
    replies: Mapping[str, JudgeReply]
    """Replies by the address of their call."""


def pack(header: Mapping[str, Any], predictions: Iterable[Mapping[str, Any]], replies: Iterable[JudgeReply]) -> bytes:
    """Return a bundle as bytes; the same content gives the same bytes.

    Whether a reply had been asked for or stored is no part of it, since that differs from one scoring to the next.

    Raises:
        DataError: the predictions are not as many as the header's result counts.
    """
    predictions = list(predictions)
    total = header["result"]["counts"]["total"]
    if len(predictions) != total:
        raise DataError(
            f"{len(predictions)} predictions are there, and the result counts {total}: they have changed since. Score "
            "them again, and export that."
        )
    verdicts = {
        reply.key: replace(reply, source="stored", retries=0)
        for reply in replies
        if reply.key is not None and reply.outcome != "failed"
    }
    lines: list[Mapping[str, Any]] = [{"kind": "header", "format": FORMAT, **header}]
    lines += [{"kind": "prediction", **row} for row in predictions]
    lines += [{"kind": "verdict", **asdict(verdicts[key])} for key in sorted(verdicts)]
    text = "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as file:
        file.write(text.encode("utf-8"))
    return packed.getvalue()


def is_bundle(path: Path) -> bool:
    """Whether a file begins as a bundle does."""
    try:
        with gzip.open(path, "rb") as file:
            return file.read(64).startswith(b'{"kind": "header"')
    except (OSError, EOFError, zlib.error):
        return False


def open_bundle(path: Path) -> Bundle:
    """Read a bundle, which may come from anyone. Raises DataError where the file is none, with the line at fault."""
    header: dict[str, Any] | None = None
    predictions: list[Mapping[str, Any]] = []
    replies: dict[str, JudgeReply] = {}
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is no file.")
    number = 0
    try:
        for number, found in _objects(path):
            kind = found.pop("kind")
            if number == 1:
                # What begins otherwise is not read on, since it may be anything of any size.
                header = _header(kind, found)
            elif kind == "prediction":
                predictions.append(_prediction(found))
            else:
                reply = _reply(found)
                replies[reply.key or ""] = reply
    except FileNotFoundError:
        raise DataError(f"The bundle {path} does not exist.") from None
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: no bundle of verdicts, or damaged after line {number}: {printable(str(error))}"
        ) from error
    if header is None or header.get("format") != FORMAT:
        raise DataError(f"{path}: no bundle of verdicts that this version reads (format {FORMAT}).")
    if not header.keys() >= _HEADER or not _is_judged(header["scorer"]):
        raise DataError(f"{path}: the header of the bundle lacks something; export it again.")
    return Bundle(header=header, predictions=tuple(predictions), replies=replies)


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield number and object of each line, bounded by the size of the file: a few bytes can unpack to anything."""
    most = min(MAX_BYTES, max(FREE_BYTES, MAX_RATIO * path.stat().st_size))
    left = most
    number = 0
    with gzip.open(path, "rb") as file:
        while line := file.readline(min(MAX_LINE, left + 1)):
            number += 1
            left -= len(line)
            if left < 0 or len(line) == MAX_LINE or number > MAX_LINES:
                raise DataError(
                    f"{path}:{number}: unpacks to more than a bundle of its size can hold ({most} bytes, "
                    f"{MAX_LINE} a line, {MAX_LINES} lines); get it again from where it was exported."
                )
            found = parsed(line)
            if trouble := problem(found):
                raise ValueError(trouble)
            yield number, found


class ReplayJudge:
    """Answers from a bundle, asking nobody.

    Args:
        bundle: The file.
    """

    def __init__(self, *, bundle: Path | None) -> None:
        if bundle is None:
            raise ConfigError("judge=replay needs the bundle: JUDGE=replay:<bundle>, or judge.bundle=<bundle>.")
        self.path = bundle
        self._judge = self.bundle.header["scorer"]["judge"]
        takes = self._judge.get("takes")
        self._takes = Capabilities(**takes) if takes else Capabilities()

    @cached_property
    def bundle(self) -> Bundle:
        """What the file holds."""
        return open_bundle(self.path)

    @property
    def name(self) -> str:
        """The judge whose verdicts they are."""
        return str(self._judge["name"])

    def describe(self) -> Mapping[str, Any]:
        """Return what the verdicts depend on, as the judge that gave them said: a replay has no identity of its own."""
        return dict(self._judge)

    def protocol(self) -> JudgeProtocol:
        """Return the protocol that the verdicts were asked for with."""
        from eval.judges.protocol import with_wording
        from eval.judges.wording import wording_of

        return with_wording(self.bundle.header["protocol"], wording_of(self.bundle.header["wording"], str(self.path)))

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        """Return the reply to each call, in the order given."""
        found = [asked_of(call, self._takes, self._judge.get("extra") or {}).key for call in calls]
        return [
            self.bundle.replies.get(key)
            or JudgeReply.failure(
                "the bundle holds no verdict for this call: it was never given, or prediction, reference or wording "
                "differ",
                key=key,
            )
            for key in found
        ]


def _header(kind: str, found: dict[str, Any]) -> dict[str, Any]:
    if kind != "header":
        raise ValueError("it does not begin with its header")
    return found


def _prediction(found: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(found.get("id"), str):
        raise TypeError("a prediction without an id")
    return found


def _is_judged(scorer: object) -> bool:
    judge = scorer.get("judge") if isinstance(scorer, dict) else None
    return isinstance(judge, dict) and "name" in judge


def _reply(found: Mapping[str, Any]) -> JudgeReply:
    usage = found["usage"]
    reply = JudgeReply(
        **{**found, "usage": None if usage is None else Usage(**usage), "source": "stored", "retries": 0}
    )
    if not isinstance(reply.key, str) or not isinstance(reply.text, str | None):
        raise TypeError("a verdict's key and reply are texts")
    if reply.outcome not in ("replied", "refused", "filtered"):
        raise ValueError(f"outcome {reply.outcome!r}")
    return reply
