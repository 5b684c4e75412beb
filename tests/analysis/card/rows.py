"""Small labelled sets, and judges whose verdicts on them are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.judges.calls import LABELS, Grade, JudgeCall, JudgeReply
from eval.judges.forms import form
from eval.judges.judge import Judge

ANSWERS = [
    ("q1", "who paints?", ["Ann"], "Ann", True), ("q1", "who paints?", ["Ann"], "ann b.", True),
    ("q1", "who paints?", ["Ann"], "Bob", False), ("q2", "how many?", ["two", "2"], "2 dogs", True),
    ("q2", "how many?", ["two", "2"], "three", False), ("q3", "what colour?", ["red"], "blue", False),
]  # fmt: skip


def answer(
    number: int, cluster: str, question: str, reference: Any, prediction: str, label: bool | None
) -> dict[str, Any]:
    row = {"id": f"a{number}", "cluster": cluster, "kind": "answer", "question": question, "reference": reference}
    return {**row, "prediction": prediction, "label": label}


def answers() -> list[dict[str, Any]]:
    return [answer(number, *row) for number, row in enumerate(ANSWERS)]


def units() -> list[dict[str, Any]]:
    """Two texts of two documents, with three units and one, of which people find two and none."""
    texts = {"d1:s": ("A man opens a door. A dog runs.", "d1"), "d2:s": ("A cat sleeps.", "d2")}
    labelled = [
        ("d1:s", "a man opens a door", "present"), ("d1:s", "a dog runs", "present"),
        ("d1:s", "a girl sings", "absent"), ("d2:s", "a bird sings", "absent"),
    ]  # fmt: skip
    return [
        {
            "id": f"u{number}", "cluster": texts[group][1], "group": group, "kind": "unit",
            "reference": texts[group][0], "prediction": unit, "label": label,
        }
        for number, (group, unit, label) in enumerate(labelled)
    ]  # fmt: skip


def labelled_like_questions() -> list[dict[str, Any]]:
    """40 answers: of 20 that are right the offline judge finds 18, of 20 that are wrong it takes 1 for right."""
    rows = []
    for number in range(40):
        is_right, is_found = number < 20, number < 18 or number == 20
        prediction = f"a dog {number}" if is_found else f"a cat {number}"
        about = {"id": f"l{number}", "cluster": f"v{number}", "kind": "answer", "question": "what runs?"}
        rows.append({**about, "reference": "dog", "prediction": prediction, "label": is_right})
    return rows


def write_set(folder: Path, name: str, rows: Sequence[Mapping[str, Any]], file: str = "{}/items.jsonl") -> Path:
    path = folder / file.format(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


class KnownJudge(Judge):
    """Answers by a function of the texts that it is shown: (reference, prediction) to yes."""

    name = ""

    def __init__(self, says_yes: Callable[[str, str], bool], name: str = "known") -> None:
        self.name = name
        self._says_yes = says_yes
        self.calls: list[JudgeCall] = []

    def describe(self) -> Mapping[str, Any]:
        return {"name": self.name}

    def ask(self, calls: Sequence[JudgeCall]) -> list[JudgeReply]:
        self.calls += calls
        return [JudgeReply(text=self._text(call)) for call in calls]

    def _text(self, call: JudgeCall) -> str:
        given, asked = call.inputs, form(call.form)
        if call.task == "open_qa":
            yes = self._says_yes(given["answer"], given["prediction"])
            return asked.write_verdict(call, Grade(correct=yes, score=5.0 * yes))
        yeses = [self._says_yes(given["description"], event) for event in given["events"]]
        return asked.write_labels(call, [LABELS[0] if yes else LABELS[1] for yes in yeses])


def perfect(rows: Sequence[Mapping[str, Any]]) -> KnownJudge:
    """Return the judge that says what people said."""

    def key(reference: Any, prediction: str) -> tuple[str, str]:
        text = reference if isinstance(reference, str) else " or ".join(reference)
        return text.lower(), prediction.lower()

    right = {
        key(row["reference"], row["prediction"]): row["label"] in (True, "present", "right", "entailment")
        for row in rows
    }
    return KnownJudge(lambda reference, prediction: right[key(reference, prediction)], "perfect")


def always_yes() -> KnownJudge:
    return KnownJudge(lambda *_: True, "always yes")
