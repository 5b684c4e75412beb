"""What happens in a video, and what one would wrongly expect there (EventHallusion, arXiv 2409.16597).

Two lists of videos with `event_info`: `caption`, which is true, and `bias`, which the caption does not entail; where it
is empty there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eval.analysis.card.items import NOT_ENTAILED
from eval.analysis.card.originals.original import Original
from eval.readers.rows import read_json_list

_FILES = ("questions/entire_questions.json", "questions/misleading_questions.json")


def _read(folder: Path) -> Iterator[Mapping[str, Any]]:
    for path in _FILES:
        for row in read_json_list(folder / path):
            event = row.row("event_info")
            bias = event.text_or_none("bias") or ""
            if bias.strip():
                yield {
                    "id": f"eventhallusion:{row.label('id')}",
                    "kind": "relation",
                    "reference": event.text("caption"),
                    "prediction": bias,
                    "label": NOT_ENTAILED,
                }


ORIGINAL = Original(
    name="eventhallusion",
    repository="Stevetich/EventHallusion",
    commit="7396e0436676e9084125b284d124a4a196b2059a",
    files=_FILES,
    licence="none stated",
    paper="arXiv 2409.16597",
    read=_read,
)
