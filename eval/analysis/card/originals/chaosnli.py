"""Pairs of sentences about pictures, each labelled by a hundred people (Nie et al., EMNLP 2020).

A line a pair: the majority's label and the count of each, `e`, `n` or `c`. They were chosen because five people had
disagreed. Pairs of one picture are one cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eval.analysis.card.originals.original import Original
from eval.readers.rows import read_jsonl

_SNLI = "data/chaosNLI_v1.0/chaosNLI_snli.jsonl"
_LABELS = {"e": "entailment", "n": "neutral", "c": "contradiction"}


def _read(folder: Path) -> Iterator[Mapping[str, Any]]:
    for row in read_jsonl(folder / _SNLI):
        name, pair, counts = row.text("uid"), row.row("example"), row.row("label_counter").fields
        yield {
            "id": f"chaosnli:{name}",
            "cluster": f"chaosnli:{name.partition('#')[0]}",
            "kind": "relation",
            "reference": pair.text("premise"),
            "prediction": pair.text("hypothesis"),
            "label": _LABELS.get(row.text("majority_label"), row.text("majority_label")),
            "counts": {label: counts.get(letter, 0) for letter, label in _LABELS.items()},
        }


ORIGINAL = Original(
    name="chaosnli",
    repository="jsbaan/calibration-on-disagreement-data",
    commit="990e81cacadac5d0268160d1c02bad19d4ddb9a3",
    files=(_SNLI,),
    licence="CC BY-NC 4.0",
    paper="arXiv 2010.03532",
    read=_read,
)
