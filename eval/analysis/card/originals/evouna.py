"""Long answers of five systems to Natural Questions and TriviaQA, labelled by people (Wang et al., NeurIPS 2023).

A list of questions, each with `golden_answer` (several separated by `/`), `answer_<system>` and `judge_<system>`.
Questions called `improper` are left out, as are empty answers and those without a label.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eval.analysis.card.originals.original import Original
from eval.readers.rows import read_json_list

_SYSTEMS = ("fid", "gpt35", "chatgpt", "gpt4", "newbing")


def _read(folder: Path) -> Iterator[Mapping[str, Any]]:
    for part in ("NQ", "TQ"):
        for number, row in enumerate(read_json_list(folder / f"EVOUNA/{part}.json")):
            if row.fields.get("improper"):
                continue
            for system in _SYSTEMS:
                label = row.fields.get(f"judge_{system}")
                answer = (row.text_or_none(f"answer_{system}") or "").strip()
                if not isinstance(label, bool) or not answer:
                    continue
                yield {
                    "id": f"evouna:{part}:{number}:{system}",
                    "cluster": f"evouna:{part}:{number}",
                    "kind": "answer",
                    "system": system,
                    "question": row.text("question"),
                    "reference": [text for text in row.text("golden_answer").split("/") if text.strip()],
                    "prediction": answer,
                    "label": label,
                }


ORIGINAL = Original(
    name="evouna",
    repository="wangcunxiang/QA-Eval",
    commit="90007d39d4ef0720984f80d56a586c66d6241e70",
    files=("EVOUNA/NQ.json", "EVOUNA/TQ.json"),
    licence="Apache-2.0",
    paper="arXiv 2305.12421",
    read=_read,
)
