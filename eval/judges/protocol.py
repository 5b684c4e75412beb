"""Protocols: the questions, the wording, the form of the replies and the number of attempts of a judge call.

A protocol has a name and an identity of its own, because each of its parts affects scores: numbers of two
protocols are never compared.

    upstream         the imported wording, upstream's parsing, the server's default temperature, no schema
    native           this project's wording, JSON held to a schema where the server can, temperature 0
    hardened         native, with the prediction marked as data that no order or verdict in it can escape
    autodq-indexed   native, with labels as numbers and letters: several times fewer tokens of output
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from eval.errors import ConfigError, did_you_mean
from eval.judges.calls import Grade, JudgeCall, JudgeTask, Label
from eval.judges.forms import form
from eval.judges.wording import Wording, hardened_wording, indexed_wording, native_wording, upstream_wording

T_co = TypeVar("T_co", covariant=True)

Side = Literal["reference", "prediction"]
"""The side whose events a call is about: the reference's give recall, the prediction's precision."""

ProtocolName = Literal["auto", "upstream", "native", "hardened", "autodq-indexed"]
"""`auto`: upstream's protocol where its wording was imported, since published numbers use it; otherwise native."""

NATIVE_TOKENS: Mapping[JudgeTask, int] = {"open_qa": 256, "extract": 1024, "entail": 2048}
"""Bounds on reply tokens: about four times the longest replies, so that a model that does not stop costs little."""

_FORMS: Mapping[str, str] = {"native": "native", "hardened": "tagged", "autodq-indexed": "indexed"}
"""Form of the replies in each of this project's protocols."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Generic[T_co]):
    """A call, the parser of its reply, and the settings of further attempts."""

    call: JudgeCall
    """The call of the first attempt."""
    read: Callable[[str], T_co]
    """Return the answer in a reply. Raises UnreadableReplyError where there is none."""
    temperatures: tuple[float | None, ...] = (None,)
    """Temperature of each attempt; its length is the maximum number of attempts."""
    retry_refusals: bool = False
    """Whether a refused call is asked again too."""

    def attempt(self, number: int) -> JudgeCall:
        """Return the call of an attempt, counted from 0."""
        return replace(self.call, attempt=number, temperature=self.temperatures[number])


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeProtocol:
    """One way to ask a judge."""

    name: str
    """Name of the protocol in results."""
    wording: Wording
    """The wording."""
    form: str = "native"
    """Name of the form of the replies."""
    temperatures: Mapping[JudgeTask, tuple[float | None, ...]] = field(
        # At temperature 0 an unreadable reply would be repeated word for word, so further attempts are sampled.
        default_factory=lambda: dict.fromkeys(("open_qa", "extract", "entail"), (0.0, 1.0, 1.0))
    )
    """Temperature of each attempt by task."""
    max_tokens: Mapping[JudgeTask, int] = field(default_factory=lambda: NATIVE_TOKENS)
    """Bounds on reply tokens; none is sent for a task without one."""
    retry_refusals: bool = False
    """Whether a refused call is asked again, as upstream does, since it treats refusals as unreadable replies."""
    ask_even_if_trivial: bool = False
    """Whether the judge is asked where the result is known, as upstream does: about an output without words or with
    only the question's words, which is wrong, and about an empty list of events, replaced by the whole text, for
    which the side scores 1 either way."""
    tasks: tuple[JudgeTask, ...] = ("open_qa", "extract", "entail")
    """The tasks that the protocol supports."""

    def describe(self) -> dict[str, Any]:
        """Return the protocol's part in the identity of a score: never compare two scores that differ in it."""
        return {
            "name": self.name,
            "wording": {"name": self.wording.name, "sha256": self.wording.sha256},
            "parser": form(self.form).parser,
            "temperatures": {task: list(self.temperatures[task]) for task in self.tasks},
            "max_tokens": dict(self.max_tokens),
            "insists": self.retry_refusals,
            "asks_about_nothing": self.ask_even_if_trivial,
        }

    def require(self, task: JudgeTask, scorer: str) -> None:
        """Raise ConfigError where the protocol does not support a scorer's task."""
        if task not in self.tasks:
            raise ConfigError(
                f"The protocol {self.name!r} is not made for {scorer}. Give PROTOCOL=native, hardened or upstream."
            )

    def grade(self, sample: str, question: str, answer: str, prediction: str) -> Question[Grade]:
        """Return the question that asks for a grade of a prediction against the answer."""
        call = self._call("open_qa", sample, {"question": question, "answer": answer, "prediction": prediction})
        return self._question(call, partial(form(self.form).read_verdict, call))

    def list_events(self, sample: str, side: Side, description: str) -> Question[tuple[str, ...]]:
        """Return the question that asks for the events of a description."""
        call = self._call("extract", sample, {"side": side, "description": description})
        return self._question(call, partial(form(self.form).read_events, call))

    def label_events(
        self, sample: str, side: Side, description: str, events: Sequence[str], instead: str
    ) -> Question[tuple[Label, ...]]:
        """Return the question that asks for a label per event; without events, it asks about the text `instead`."""
        inputs = {"side": side, "description": description, "events": list(events) or [instead]}
        call = self._call("entail", sample, inputs if events else {**inputs, "n_events": 0})
        return self._question(call, partial(form(self.form).read_labels, call))

    def _call(self, task: JudgeTask, sample: str, inputs: dict[str, Any]) -> JudgeCall:
        if self.wording.has_tag(task):
            inputs["tag"] = _tag(inputs)
        system, user = self.wording.fill(task, inputs)
        call = JudgeCall(
            task=task,
            sample=sample,
            system=system,
            user=user,
            inputs=inputs,
            form=self.form,
            max_tokens=self.max_tokens.get(task),
        )
        return replace(call, schema=form(self.form).schema(call))

    def _question(self, call: JudgeCall, read: Callable[[str], T_co]) -> Question[T_co]:
        return Question(
            call=call, read=read, temperatures=self.temperatures[call.task], retry_refusals=self.retry_refusals
        )


def _tag(inputs: Mapping[str, Any]) -> str:
    """Return a tag that the prediction cannot contain, since it depends on the prediction; equal calls have equal tags.

    It begins with a letter, so that no judge takes it for a number.
    """
    return f"t{hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:15]}"


def native_protocol() -> JudgeProtocol:
    """Return this project's own protocol."""
    return JudgeProtocol(name="native", wording=native_wording())


def upstream_protocol(wording: Wording) -> JudgeProtocol:
    """Return upstream's protocol: one attempt at a grade and ten at events; only the messages are sent.

    Source: evaluation/metrics/evaluate_qa_oe_gpt.py and evaluate_dream_gpt.py of github.com/bytedance/tarsier.
    """
    return JudgeProtocol(
        name="upstream",
        wording=wording,
        form="upstream",
        temperatures={"open_qa": (None,), "extract": (None,) * 10, "entail": (None,) * 10},
        max_tokens={},
        retry_refusals=True,
        ask_even_if_trivial=True,
    )


def judge_protocol(name: ProtocolName = "auto", pack: Path | None = None) -> JudgeProtocol:
    """Return the protocol of that name.

    Args:
        name: One of those above.
        pack: Folder of the protocol pack with upstream's wording; None for the default one.

    Raises DataError where upstream's protocol is requested and its wording was not imported, or was changed since.
    """
    if name in ("auto", "upstream"):
        wording = upstream_wording(pack, required=name == "upstream")
        return native_protocol() if wording is None else upstream_protocol(wording)
    wordings = {"native": native_wording, "hardened": hardened_wording, "autodq-indexed": indexed_wording}
    return with_wording(name, wordings[name]())


def with_wording(name: str, wording: Wording) -> JudgeProtocol:
    """Return the protocol of that name with a stored wording. Raises ConfigError for an unknown name."""
    if name == "upstream":
        return upstream_protocol(wording)
    if name not in _FORMS:
        raise ConfigError(f"Unknown protocol {name!r}. {did_you_mean(name, ('upstream', *_FORMS))}")
    if name == "hardened" and not all(wording.has_tag(task) for task in ("open_qa", "extract", "entail")):
        raise ConfigError(f"The wording {wording.name!r} asks for no tag, without which nothing is hardened.")
    protocol = JudgeProtocol(name=name, wording=wording, form=_FORMS[name])
    return replace(protocol, tasks=("extract", "entail")) if name == "autodq-indexed" else protocol
