"""Short answers to 301 Natural Questions by twelve systems, labelled by people (Kamalloo et al., ACL 2023).

Four tables with a line an answer: the people's, and those of three judges, whose verdict is `Acceptable?`; it is empty
where the judge gave none. BEM's has the reference answers, separated by ` | `. In one table there is no tab between
question and answer, and a few lines differ, so that answers are found by their text: what has no such line has no
verdict of that judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eval.analysis.card.originals.original import Original
from eval.readers.tables import read_table

_PEOPLE, _BEM = "data/NQ301_human.tsv", "data/NQ301_BEM.tsv"
_JUDGES = {
    "gpt-4": "data/NQ301_gpt-4.tsv",
    "text-davinci-003": "data/NQ301_text-davinci-003.tsv",
    "bem": _BEM,
}
_SAID = ("Yes", "No")
_COLUMNS = 5
"""Number, question, answer, verdict, and the judge's reply."""


def _read(folder: Path) -> Iterator[Mapping[str, Any]]:
    said = {judge: _verdicts(folder / path) for judge, path in _JUDGES.items()}
    references = {
        row.text("Question"): row.text("Gold answers").split(" | ") for row in read_table(folder / _BEM, "\t")
    }
    seen: set[str] = set()
    for number, row in enumerate(read_table(folder / _PEOPLE, "\t")):
        question, answer = row.text("Question"), row.text("Model answer")
        if question not in references:
            raise row.error("Question", f"has no reference answers in {_BEM}; fetch the files of one commit")
        key = question + answer
        if key in seen:
            continue
        seen.add(key)
        people = [row.fields.get(f"annotator{i}") for i in (1, 2, 3)]
        yield {
            "id": f"nq301:{number}",
            "cluster": f"nq301:{question}",
            "kind": "answer",
            "question": question,
            "reference": references[question],
            "prediction": answer,
            "label": row.text("Acceptable?") == "Yes",
            "humans": [each == "Yes" for each in people if each],
            "judges": {judge: found[key] for judge, found in said.items() if key in found},
        }


def _verdicts(path: Path) -> dict[str, bool]:
    """Return verdicts by question and answer, joined; without the tab between them all columns are one to the left."""
    found = {}
    for row in read_table(path, "\t"):
        question, answer, said = row.text("Question"), row.text("Model answer"), row.text("Acceptable?")
        if len(row.fields) < _COLUMNS:
            answer, said = "", answer
        if said in _SAID:
            found[question + answer] = said == "Yes"
        elif said.strip():
            raise row.error("Acceptable?", "is neither Yes nor No; fetch the file again")
    return found


ORIGINAL = Original(
    name="nq301",
    repository="ehsk/OpenQA-eval",
    commit="8b9317d0f0c92b52e1c71c0168dff74b5f76a5f4",
    files=(_PEOPLE, *_JUDGES.values()),
    licence="MIT",
    paper="arXiv 2305.06984",
    read=_read,
)
