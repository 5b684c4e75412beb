"""Checks on fixed inputs, which need no model: sampling, resizing, prompts, parsers, scorers, averages.

They find faults that the built-in checkpoint's clean answers hide, and locate a fault: if the frames of videos differ
but those of the drawn picture do not, the decoder is at fault, not the resize.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from eval.core import Clip, Prediction, Sample, Square
from eval.errors import DataError, ModelError
from eval.judges import forms, protocol, wording
from eval.judges.calls import JudgeCall, UnreadableReplyError
from eval.judges.rounds import NoAnswer, ask
from eval.judges.scripted import ScriptedJudge
from eval.models.tarsier import processing
from eval.regression import texts
from eval.regression.observing import scored
from eval.regression.records import Record
from eval.regression.watching import frame_hash
from eval.scorers import caption, matching, multiple_choice
from eval.scorers.autodq import AutoDQ
from eval.scorers.open_qa import OpenQA
from eval.video import preparing, sampling

_NOWHERE = Clip(source=Path("nothing.mp4"))


def fixed_checks(scratch: Path) -> Iterator[Record]:
    """Yield a record for each check.

    Args:
        scratch: an empty folder for the scorers' caches, so that no old entry is used.
    """
    yield from _sampling()
    yield from _frames()
    yield from _prompts()
    yield from _parsers()
    yield from _replies()
    yield from _choices()
    judge, scripted = "asked by a scripted judge", protocol.native_protocol()
    yield from scored(judge, OpenQA(judge=ScriptedJudge(replies=texts.GRADES), protocol=scripted), _open())
    yield from scored(judge, AutoDQ(judge=ScriptedJudge(replies=texts.LABELLED), protocol=scripted), _described())
    yield from scored("captions", caption.Captioning(cache=scratch / "cider"), _captions())


def _record(name: str, **fields: Any) -> Record:
    return Record(benchmark="fixed", id=name, fields=fields)


def _sampling() -> Iterator[Record]:
    for n_frames in (1, 4, 5, 8, 9, 16):  # only odd numbers of frames have halves to round
        spread = {str(total): sampling.sample_indices(total, n_frames) for total in texts.LENGTHS}
        yield _record(f"{n_frames} frames of clips of each length", indices=spread)
    distinct = {str(total): sampling.distinct_indices(total, 8) for total in texts.LENGTHS}
    yield _record("8 frames of gifs of each length", indices=distinct)
    for total, fps, start, end in texts.SPANS:
        name = f"8 frames of {total} at {fps:g} a second, from {start} to {end}"
        yield _record(name, indices=sampling.span_indices(total, fps, 8, start, end))


def _frames() -> Iterator[Record]:
    from PIL import Image

    random = np.random.default_rng(0)
    for width, height in ((64, 48), (48, 64), (56, 56), (101, 33)):
        picture = Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))
        for mode in ("RGB", "L", "P"):
            prepared = preparing.prepare([picture.convert(mode)], Square(side=56))
            yield _record(f"drawn picture {width}x{height} {mode}", frames=[frame_hash(frame) for frame in prepared])


def _prompts() -> Iterator[Record]:
    for number, text in enumerate(texts.PROMPTS):
        wrapped = processing.wrap_prompt(text)
        yield _record(f"prompt {number}", prompt=[wrapped, or_error(lambda: processing.place_frames(wrapped, 3))])  # noqa: B023


def or_error(made: Callable[[], Any]) -> Any:
    """Return what is made, or the name of the error that says why it cannot be."""
    try:
        return made()
    except (UnreadableReplyError, ModelError, DataError) as error:
        return f"{type(error).__name__}"


def _parsers() -> Iterator[Record]:
    digits: tuple[multiple_choice.Digits, ...] = ("tarsier", "tarsier2")
    settled = multiple_choice.MultipleChoice().settled()
    for text in texts.OUTPUTS:
        read = {branch: multiple_choice.read_letter(text, branch) for branch in digits}
        yield _record(f"letter of {text!r}", answer=read, status=settled is not None and settled(text))
    for n in (499, 500, 501):
        yield _record(f"an output of {n} characters", status=settled is not None and settled("e" * n))
    for target in texts.TARGETS:
        scorers = {branch: multiple_choice.MultipleChoice(digits=branch) for branch in digits}
        one = pair("s", "one", "v", (target,), "B", options=tuple("abcd"))
        compared = {branch: or_error(lambda: scorer.score_one(*one).target) for branch, scorer in scorers.items()}  # noqa: B023
        yield _record(f"target {target!r}", answer=compared)
    for said, target in texts.MATCHED:
        yield _record(f"{said!r} against {target!r}", values=dict(matching.compare(said, target)))


def _replies() -> Iterator[Record]:
    for name, form in forms.FORMS.items():
        for task, replies in texts.REPLIES.items():
            call = JudgeCall(
                task=task,  # type: ignore[arg-type]  # the keys of REPLIES are tasks
                sample="s",
                system="",
                user="",
                inputs={"tag": "t0", "events": list(texts.EVENTS)},
                form=name,
            )
            readers = {"open_qa": form.read_verdict, "extract": form.read_events, "entail": form.read_labels}
            for number, reply in enumerate(replies):
                yield _record(
                    f"{name}, {task}, reply {number}: {reply[:40]!r}", verdict=read(readers[task], call, reply)
                )
    wordings = {
        "native": wording.native_wording,
        "hardened": wording.hardened_wording,
        "autodq-indexed": wording.indexed_wording,
    }
    for name, words in wordings.items():
        way = protocol.with_wording(name, words())
        questions: list[Any] = [
            *([way.grade("s", "What moves?", "a square", "it's a square")] if "open_qa" in way.tasks else []),
            way.list_events("s", "prediction", "A square moves. It stops."),
            way.label_events("s", "reference", "A square moves.", texts.EVENTS, instead="all of it"),
        ]
        for question in questions:
            yield _record(f"{name}, {question.call.task}", asked=called(question))
    yield _record("three attempts", verdict=_attempts())


def read(reader: Callable[[JudgeCall, str], Any], call: JudgeCall, reply: str) -> Any:
    """Return what a parser reads in a reply, as JSON holds it."""
    found = or_error(lambda: reader(call, reply))
    return found if isinstance(found, str) else list(found) if isinstance(found, tuple) else asdict(found)


def called(question: Any) -> dict[str, Any]:
    """Return what is sent for a question."""
    call = question.call
    sent = {name: hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16] for name, text in
            (("system", call.system), ("user", call.user))}  # fmt: skip
    return {**sent, "schema": call.schema, "max_tokens": call.max_tokens, "temperatures": list(question.temperatures)}


def _attempts() -> list[Any]:
    """Return the answers to a question whose replies are readable at the first attempt, at the third, or never."""
    good = '{"pred": "yes", "score": 5}'
    script = {"s0": good, "s1": ["?", "", good], "s2": ["?"] * 4}
    way = protocol.native_protocol()
    answers = ask(ScriptedJudge(replies=script), [way.grade(f"s{i}", "q", "a", "p") for i in range(4)])
    return [[each.outcome] if isinstance(each, NoAnswer) else asdict(each) for each in answers]


def _choices() -> Iterator[Record]:
    pairs = [
        pair(f"choice/{i}", subset, video, (target,), output, options=tuple("abcde"), kind=kind)
        for i, (subset, video, target, output, kind) in enumerate(texts.CHOICES)
    ]
    scorers = {
        "micro": multiple_choice.MultipleChoice(also_by={"kind": "kind"}),
        "macro, digits of tarsier2": multiple_choice.MultipleChoice(headline="macro", digits="tarsier2"),
        "whole videos": multiple_choice.MultipleChoice(whole_videos=True),
    }
    for name, scorer in scorers.items():
        yield from scored(f"choices, {name}", scorer, pairs)


def _open() -> list[tuple[Sample, Prediction]]:
    return [
        pair(f"open/{i}", subset, video, (answer,), output, question=question)
        for i, (subset, video, question, answer, output) in enumerate(texts.OPEN)
    ]


def _described() -> list[tuple[Sample, Prediction]]:
    found = []
    for i, (source, video, reference, output, events) in enumerate(texts.DESCRIBED):
        known: dict[str, Any] = {} if events is None else {"events": list(events)}
        known |= {"n_subjects": i % 3 + 1, "n_shots": 1, "n_events": 2 * i + 1}
        found.append(pair(f"described/{i}", source, video, (reference,), output, **known))
    return found


def _captions() -> list[tuple[Sample, Prediction]]:
    return [
        pair(f"caption/{i}", "", f"c{i}", tuple(references), output)
        for i, (references, output) in enumerate(texts.CAPTIONS)
    ]


def pair(
    key: str,
    subset: str,
    video: str,
    targets: tuple[str, ...],
    output: str | None,
    *,
    options: Sequence[str] = (),
    **metadata: Any,
) -> tuple[Sample, Prediction]:
    """Return a sample without media, with an output; None: the model failed."""
    sample = Sample(
        id=key,
        benchmark="fixed",
        subset=subset,
        clip=_NOWHERE,
        prompt="",
        targets=targets,
        options=tuple(options),
        cluster=video,
        metadata=metadata,
    )
    error = "no output" if output is None else None
    return sample, Prediction(id=key, prompt="", output=output, error=error)
