"""Sentences of captions by six models, in which people who watched the video bracketed errors (Liu and Wan, 2023).

Annotations by video and model, reference paragraphs by video. A sentence with a bracket is wrong. Who reads only the
references cannot see all that these people saw, so compare judges here, and take no rate for an absolute one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eval.analysis.card.originals.original import Original
from eval.readers.rows import read_lines, read_object

_REFERENCES = {
    "activitynet": ("gt_ae_test_1_para.json", "gt_ae_test_2_para.json"),
    "youcook2": ("gt_val_para.json",),
}
_FILES = tuple(
    path
    for part, names in _REFERENCES.items()
    for path in (
        f"data/{part}/factuality_annotation.json",
        f"data/{part}/vids.txt",
        *(f"data/{part}/captions/{name}" for name in names),
    )
)


def _read(folder: Path) -> Iterator[Mapping[str, Any]]:
    for part, names in _REFERENCES.items():
        place = folder / "data" / part
        annotations = read_object(place / "factuality_annotation.json")
        paragraphs = [read_object(place / "captions" / name) for name in names]
        for _, video in read_lines(place / "vids.txt"):
            references = [each.text(video) for each in paragraphs if each.has(video)]
            of_video = annotations.row(video)
            for model in of_video.fields:
                for number, sentence in enumerate(of_video.row(model).texts("sentences")):
                    group = f"factvc:{part}:{video}:{model}"
                    yield {
                        "id": f"{group}:{number}",
                        "cluster": f"factvc:{part}:{video}",
                        "group": group,
                        "kind": "fact",
                        "system": model,
                        "reference": references,
                        "prediction": re.sub(r"[\[\]]", "", sentence),
                        "label": "wrong" if "[" in sentence else "right",
                    }


ORIGINAL = Original(
    name="factvc",
    repository="PKULiuHui/FactVC",
    commit="99668922d31719f1243a4b8dfd1baab84b63bae8",
    files=_FILES,
    licence="none stated",
    paper="arXiv 2303.02961",
    read=_read,
)
