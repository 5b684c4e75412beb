"""Fixed checks of scorers on answers that nobody gives often, and on sets of samples that have something amiss.

Each table is scored as a whole, so that averages over empty, failed and single parts are seen too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.captions.overlap import overlap, rouge_l, sentence_bleu
from eval.captions.ptb_tokenizer import tokenize
from eval.core import Prediction, Sample
from eval.judges.calls import JudgeCall, JudgeReply
from eval.judges.protocol import JudgeProtocol, judge_protocol, native_protocol, with_wording
from eval.judges.scripted import ScriptedJudge, script_keys
from eval.judges.wording import indexed_wording
from eval.judges.words import words
from eval.regression.fixed import pair
from eval.regression.fixed_judging import made_up_pack
from eval.regression.observing import scored
from eval.regression.records import Record
from eval.scorers.autodq import AutoDQ
from eval.scorers.caption import Captioning
from eval.scorers.matching import compare, says_nothing
from eval.scorers.multiple_choice import Digits, MultipleChoice, read_letter
from eval.scorers.open_qa import OpenQA

SUITE = "fixed answers"
Pairs = Sequence[tuple[Sample, Prediction]]

LETTERS = (
    "H", "Z", "7", "3", "4", "B.", "b) B", ")(C", "[D]", "{E}", "<B>", "\u200bB", "\u00a0B", "Б", "Ｂ", "Á", "ß", "ǅ",
    "中", "①", "²", "٣", "１", "Option A", "I think B", "Yes", "No", "<error>", "<A>", "...", "A" * 60, "a" * 60,
    "(" * 60, "\ufffd\ufffd", "\ufffd" * 60, "e" * 44, "e" * 45, "e" * 46, "1.", "0)", "-1", "B\n(A)", "'A'", "\tA",
    "(a) A", "D)(A", "５",
)  # fmt: skip
"""Outputs in place of an option letter."""
COMPARED = (
    ("no, 3", "3"), ("3", "three"), ("Three!", "3"), ("twenty", "20"), ("21", "twenty-one"), ("...", "..."),
    ("...", "yes"), ("", ""), ("the", "a"), ("The Men", "man"), ("man's", "man"), ("men’s", "man's"),
    ("ran", "running"), ("left", "leave"), ("better", "good"), ("no no no", "no"), ("not no", "no"),
    ("It is red and blue.", "red blue"), ("red blue red", "blue red"), ("Ｒed", "red"), ("ÉCOLE", "école"),
    ("straße", "STRASSE"), ("日本", "日本"), ("3.5", "3 5"), ("3.5", "3.5"), ("u.s.", "us"), ("yes_no", "yes no"),
    ("a", "A"), ("an apple", "apple"), ("thesis", "the sis"), ("100%", "100"), ("dogs and cats", "cat"),
    ("playing playing", "play"), ("don't know", "dont know"), ("1", "one one"), ("one one", "1"),
    ("cat dog", "dog cat"),
)  # fmt: skip
"""Outputs, each with the text that it is compared with word for word."""
SPOKEN = (
    "A man's dog isn't here.", "He said: \"no!\" (twice)...", "3.5 kg of U.S. beef, 50% off", "it's 10:30 p.m.",
    "rock'n'roll", "cannot gonna wanna", "e-mail/ice-cream", "naïve café", "日本 語", "...", "--", "“quoted” ‘single’",
    "a,b;c", "$5.00 & £3", "#tag @name http://x.org/a?b=1", "Mr. Smith vs. Dr. No", "1,000,000", "1st 2nd",
    "A B  C\tD\nE", "", " ", "\u2028x", "<error>", "I'd've", "'tis 'em", "O'Neil's", "5'10\"", "(a) [b] {c}", "end.",
    "end .", "end..", "e.g. this", "a* b_c d^e", "👍 ok", "ü\u0308",
)  # fmt: skip
"""Captions to be cut into tokens."""

_A, _B = "a red square moves left", "a blue circle"
CAPTIONS: Mapping[str, Sequence[tuple[Sequence[str], str | None]]] = {
    "repeated": (
        (("the the the cat", "a cat"), "the the the the the the"), ((_A, _A), _A), (("a b a b a b", "b a"), "a b a b"),
        (("a cat sat on a cat", "cat"), "cat cat cat cat"),
    ),
    "lengths": (
        (("one two three", "one two three four five"), "one two three four"), (("one two three four five", "one"),
        "one two three"),
        (("one", "two two"), ""), (("x " * 90, "y"), "x " * 3), (("x",), "x " * 80), (("a b c d",), "a b c"),
        (("a b c",), "a b c d"),
    ),
    "marks": (
        (("...", "red."), "..."), (("!", "?"), "red"), ((_A, ""), _A.upper()), (("It's 3.5!",), "its 3 5"), ((_B,),
        "<error>"),
        (("é", "e"), "é"), ((_A,), "A RED SQUARE, moves left..."),
    ),
    "one video": (((_A, _B), _A),),
    "one of two failed": (((_A, _B), None), ((_B, _A), _B)),
    "all failed": (((_A,), None), ((_B,), None)),
    "nothing": (),
}  # fmt: skip
"""References of each video, and its caption; None: the model failed."""

CHOICES: Mapping[str, Sequence[tuple[str, str, str, str | None, int]]] = {
    "digits": (
        ("one", "v1", "A", "0", 4), ("one", "v1", "B", "1", 4), ("one", "v2", "A", "1", 4), ("one", "v3", "F", "5", 6),
        ("one", "v4", "(C)", "C", 4), ("one", "v5", "B", "6", 4), ("one", "v6", " D", "D", 4), ("one", "v7", "E", "5",
        5),
    ),
    "beyond F": (
        ("one", "v1", "G", "G", 8), ("one", "v2", "H", "(H)", 8), ("two", "v3", "Z", "Z", 26), ("two", "v4", "A", "G",
        3),
        ("two", "v5", "A", "Á", 3),
    ),
    "a subset that failed": (
        ("one", "v1", "A", "A", 4), ("one", "v2", "A", "B", 4), ("two", "v3", "A", None, 4), ("two", "v4", "A", None,
        4),
        ("three", "v5", "A", "none", 4), ("four", "v6", "B", "B", 0), ("five", "", "B", None, 2), ("five", "", "A",
        "A", 2),
    ),
    "one subset": (("one", "v1", "A", "A", 4), ("one", "v1", "B", "A", 4), ("one", "v1", "C", None, 4)),
    "no subsets": (("", "v1", "A", "A", 4), ("", "v2", "B", "x", 4), ("", "v2", "C", None, 4), ("", "v3", "C", "C", 5)),
    "all invalid": (("one", "v1", "A", "x", 4), ("two", "v2", "A", "y", 4)),
    "all failed": (("one", "v1", "A", None, 4), ("two", "v2", "A", None, 4)),
    "one sample": (("one", "v1", "A", "A", 4),),
    "all right": tuple(("one", f"v{i}", "A", "A", 4) for i in range(5)),
    "nothing": (),
}  # fmt: skip
"""Multiple choice: subset, video, target, output (None: the model failed), number of options."""

OPEN: Sequence[tuple[str, str, str, str, str | None, str]] = (
    ("a", "w1", "How many?", "3", "no, 3", "right"), ("a", "w1", "Is it red?", "Yes", "...", "right"),
    ("a", "w2", "Is it RED?", "no", "is it red", "right"), ("a", "w2", "Who?", "The Men", "", "right"),
    ("a", "w3", "Who?", "a man", "<error>", "right"), ("a", "w3", "Who?", "a man", None, "right"),
    ("b", "w4", "Where?", "left", "日本", "half"), ("b", "w4", "Where?", "left", "LEFT", "refused"),
    ("b", "w5", "Where?", "left", "the left", "filtered"), ("b", "w5", "Where?", "left", "to the left", "failed"),
    ("b", "w6", "Where?", "left", "left left", "never"), ("b", "w6", "Where?", "left", "I guess left", "third"),
    ("c", "w7", "Where?", "left", "leftmost", "failed"), ("c", "w8", "Where?", "left", 'say "left"\nor not', "two"),
)  # fmt: skip
"""Open questions: subset, video, question, answer, output, and the way in which the judge replies."""

_TWELVE = tuple(f"thing {i} moves" for i in range(1, 13))
DESCRIBED: Sequence[tuple[str, str, str | None, Sequence[str] | None, Sequence[str], str]] = (
    ("vertical_video", "d1", "All moves.", _TWELVE, _TWELVE[:10], "plain"),
    ("shorts", "d2", "A man runs.", ("a man runs", "a man runs"), ("a man runs",), "plain"),
    ("stock", "d3", "Nothing.", (), (), "plain"),
    ("stock", "d4", "Something.", (), ("something",), "plain"),
    ("videvo", "d5", "", ("a man runs",), (), "plain"),
    ("movie_animation", "d6", "<error>", ("a man runs",), ("x",), "plain"),
    ("movie_animation", "d7", None, ("a man runs",), ("x",), "plain"),
    ("youtube", "d8", "A man\nruns.", None, ("a man",), "refused"),
    ("youtube", "d8", "A man runs again.", ("a", "b", "c"), ("a", "b", "c"), "third"),
    ("elsewhere", "d9", 'A "man" runs.', ("it's", 'a "b"', " c "), ("x", "y"), "contradicts"),
)  # fmt: skip
"""Descriptions: source, video, output, events of the reference (None: the judge lists them), events of the output, and
the way in which the judge replies."""


def fixed_answers(scratch: Path) -> Iterator[Record]:
    """Yield a record for each text, sample and metric. `scratch` is an empty folder for the scorers' caches."""
    for record in _answers(scratch):
        score = record.fields.get("score")
        fields = record.fields if score is None else {**record.fields, "score": _without_syntax(score)}
        yield Record(benchmark=record.benchmark, id=record.id, fields=fields)


def _without_syntax(score: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a score whose reason ends before the words of Python's parser, which are of its version."""
    reason = score["reason"]
    return score if reason is None else {**score, "reason": reason.partition(" cannot be read")[0]}


def _answers(scratch: Path) -> Iterator[Record]:
    yield from _texts()
    for name, rows in CAPTIONS.items():
        pairs = [pair(f"{i}", "", f"c{i}", tuple(refs), output) for i, (refs, output) in enumerate(rows)]
        whole = [sample for each in CAPTIONS.values() for sample, _ in _captions(each)]
        yield from scored(f"captions, {name}", Captioning(cache=scratch / "one"), pairs, suite=SUITE)
        yield from scored(f"captions of a wider split, {name}", Captioning(cache=scratch / "two"), pairs, suite=SUITE,
                          population=[*(sample for sample, _ in pairs), *whole[5:]])  # fmt: skip
    yield from scored("captions of another split", Captioning(cache=scratch / "three"),
                      _captions(CAPTIONS["marks"]), suite=SUITE, population=[pair("z", "", "z", (_A, _B),
                      "")[0]])  # fmt: skip
    yield from _choices()
    for protocol in (
        native_protocol(),
        _upstreams(scratch / "pack"),
        with_wording("autodq-indexed", indexed_wording()),
    ):
        judge = Replying()
        if "open_qa" in protocol.tasks:
            scorer = OpenQA(judge=judge, protocol=protocol)
            yield from scored(f"open, {protocol.name}", scorer, _open(), suite=SUITE)
            yield from scored(f"open, {protocol.name}, nothing", scorer, [], suite=SUITE)
        descriptions = AutoDQ(judge=judge, protocol=protocol)
        yield from scored(f"described, {protocol.name}", descriptions, _described(), suite=SUITE)
        yield Record(benchmark=SUITE, id=f"asked, {protocol.name}", fields={"asked": judge.asked})
    native = AutoDQ(judge=Replying())
    yield from scored("described, of one source", native, _described()[2:4], suite=SUITE)
    yield from scored("described, all failed", native, _described()[5:7], suite=SUITE)
    yield from scored("described, nothing", native, [], suite=SUITE)


def _texts() -> Iterator[Record]:
    def record(name: str, **fields: Any) -> Record:
        return Record(benchmark=SUITE, id=name, fields=fields)

    branches: tuple[Digits, ...] = ("tarsier", "tarsier2")
    for text in LETTERS:
        settled = {
            branch: (found := MultipleChoice(digits=branch).settled()) is not None and found(text)
            for branch in branches
        }
        answer = {branch: read_letter(text, branch) for branch in branches}
        yield record(f"letter of {text!r}", answer=answer, status=settled)
    for said, target in COMPARED:
        empty = [says_nothing(said, target), says_nothing(target, said)]
        yield record(
            f"{said!r} against {target!r}", values=dict(compare(said, target)), status=empty, answer=list(words(said))
        )
    for text in SPOKEN:
        yield record(f"tokens of {text!r}", answer=tokenize(text.lower()))
    for name, rows in CAPTIONS.items():
        for i, (references, output) in enumerate(rows):
            cut = [tokenize(reference.lower()) for reference in references]
            tokens = tokenize((output or "").lower())
            counts = overlap(tokens, cut)
            parts = {"closest": counts.closest, "matched": list(counts.matched), "total": list(counts.total)}
            values = {"bleu": list(sentence_bleu(tokens, cut)), "rouge_l": rouge_l(tokens, cut), **parts}
            yield record(f"overlap, {name}, {i}", values=values)


def _captions(rows: Sequence[tuple[Sequence[str], str | None]]) -> Pairs:
    return [
        pair(f"w{len(output or '')}-{i}", "", f"c{i}", tuple(refs), output) for i, (refs, output) in enumerate(rows)
    ]


def _choices() -> Iterator[Record]:
    scorers = {
        "micro": MultipleChoice(also_by={"kind": "kind"}),
        "macro": MultipleChoice(headline="macro", digits="tarsier2"),
        "whole videos": MultipleChoice(whole_videos=True, also_by={"kind": "kind"}),
    }
    for table, rows in CHOICES.items():
        pairs = [
            pair(
                f"{i}", subset, video, (target,), output, options=tuple(map(str, range(n))), kind=("x", "", "y")[i % 3]
            )
            for i, (subset, video, target, output, n) in enumerate(rows)
        ]
        for name, scorer in scorers.items():
            yield from scored(f"choices, {name}, {table}", scorer, pairs, suite=SUITE)


def _open() -> Pairs:
    return [
        pair(f"{i} {way}", subset, video, (answer,), output, question=question)
        for i, (subset, video, question, answer, output, way) in enumerate(OPEN)
    ]


def _described() -> Pairs:
    found = []
    for i, (source, video, output, events, said, way) in enumerate(DESCRIBED):
        known: dict[str, Any] = {} if events is None else {"events": list(events)}
        known |= {"n_subjects": i, "n_shots": (i + 1) / 2, "n_events": 9 - i, "said": said}
        found.append(pair(f"{i} {way}", source, video, (f'The reference "{i}".\nIt ends.',), output, **known))
    return found


def _upstreams(pack: Path) -> JudgeProtocol:
    return judge_protocol("upstream", made_up_pack(pack))


class Replying(ScriptedJudge):
    """A judge that replies as the sample's id says: readably, the third time only, never, or not at all."""

    def __init__(self) -> None:
        super().__init__(name="replying")
        self.asked: list[str] = []
        """Every call so far: its sample, task and attempt, and a hash of what it says."""

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        """Return the reply to each call, in the order given."""
        return [self._to(call) for call in calls]

    def _to(self, call: JudgeCall) -> JudgeReply:
        said = hashlib.sha256(f"{call.system}\0{call.user}".encode("utf-8", "surrogatepass")).hexdigest()[:12]
        self.asked.append(f"{call.sample} {call.task} {call.attempt} {said}")
        number, _, way = call.sample.partition(" ")
        if way in ("refused", "filtered"):
            return JudgeReply(text="no" if way == "refused" else None, outcome=way)  # type: ignore[arg-type]
        if way == "failed":
            return JudgeReply.failure(f"no reply to {script_keys(call)[0]}")
        if way == "never" or (way == "third" and call.attempt < 2):
            return JudgeReply(text=f"hmm {call.attempt}", finish_reason="length")
        return JudgeReply(text=_graded(way) if call.task == "open_qa" else _events(call, int(number), way))


def _graded(way: str) -> str:
    good = repr({"pred": "yes", "score": {"half": 2.5, "third": 3}.get(way, 5)})
    return f"{good} {good}" if way == "two" else good


def _events(call: JudgeCall, i: int, way: str) -> str:
    """Return the events of a side, or labels for them."""
    if call.task == "extract":
        is_prediction = call.inputs["side"] == "prediction"
        return repr({"events": list(DESCRIBED[i][4] if is_prediction else ("they run", "they stop"))})
    labels = ["entailment", "neutral", "contradiction"]
    n = len(call.inputs["events"]) if call.inputs.get("n_events") is None else 1
    given = [labels[2] if way == "contradicts" else labels[(k * k + i) % 3] for k in range(n)]
    if call.form == "indexed":
        return json.dumps({str(k): label[0] for k, label in enumerate(given, 1)})
    return json.dumps({"events": [{"event": k, "relationship": label} for k, label in enumerate(given, 1)]})
