"""Pairs of sentences about pictures and videos, with the relation that people gave them (Marelli et al., SemEval 2014).

A table with sentence_A, sentence_B and entailment_judgment: what A says of B. Pairs that share a sentence, or are
joined by others that do, are one cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eval.analysis.card.originals.original import Original
from eval.readers.tables import read_table

_TEST = "data/sts/sick2014/SICK_test_annotated.txt"


def _read(folder: Path) -> Iterator[Mapping[str, Any]]:
    rows = list(read_table(folder / _TEST, "\t"))
    joined: dict[str, str] = {}
    for row in rows:
        ends = [_first(joined, row.text(name).strip().lower()) for name in ("sentence_A", "sentence_B")]
        joined[max(ends)] = min(ends)
    for row in rows:
        yield {
            "id": f"sick:{row.label('pair_ID')}",
            "cluster": f"sick:{_first(joined, row.text('sentence_A').strip().lower())}",
            "kind": "relation",
            "reference": row.text("sentence_A"),
            "prediction": row.text("sentence_B"),
            "label": row.text("entailment_judgment").strip().lower(),
        }


def _first(joined: dict[str, str], sentence: str) -> str:
    """Return the sentence by which all that are joined to one are known."""
    while joined.setdefault(sentence, sentence) != sentence:
        joined[sentence] = joined[joined[sentence]]
        sentence = joined[sentence]
    return sentence


ORIGINAL = Original(
    name="sick",
    repository="brmson/dataset-sts",
    commit="e1d3375f5b3bc24f21aa4e46f96eb379e9fc1081",
    files=(_TEST,),
    licence="CC BY-NC-SA 3.0",
    paper="SemEval 2014, Task 1",
    read=_read,
)
