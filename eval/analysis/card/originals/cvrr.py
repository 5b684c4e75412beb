"""Answers of eleven models to questions about videos, with GPT-3.5's verdicts and no human label (arXiv 2405.03690).

A file for each model and dimension: a list of pairs, the judge's reply (`pred`: correct or incorrect) and what it was
asked (`q`, `a`, `pred`). They tell how another judge differs from one that can no longer be asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eval.analysis.card.originals.original import Original
from eval.readers.malformed import RowError
from eval.readers.rows import Row, read_list

_JUDGE = "gpt-3.5-turbo (CVRR)"
_FOLDER = "Judge-results/standard_prompting"
_MODELS = (
    "GPT4_Vision", "GPT4o", "Gemini_Vision_Flash", "Gemini_Vision_Pro", "LLaMA-VID", "MovieChat", "TimeChat",
    "Video-ChatGPT", "Video-LLaMA-2", "Video-LLaVA", "VideoChat",
)  # fmt: skip
_DIMENSIONS = (
    "continuity_and_object_instance_count", "fine_grained_action_understanding", "interpretation_of_social_context",
    "interpretation_of_visual_context", "multiple_actions_in_a_single_video",
    "non_existent_actions_with_existent_scene_depictions", "non_existent_actions_with_non_existent_scene_depictions",
    "partial_actions", "time_order_understanding", "understanding_emotional_context",
    "unusual_and_physically_anomalous_activities",
)  # fmt: skip
_VERDICTS = {"correct": True, "incorrect": False}


def _read(folder: Path) -> Iterator[Mapping[str, Any]]:
    for model in _MODELS:
        for dimension in _DIMENSIONS:
            path = folder / _FOLDER / model / f"{dimension}.json"
            for number, pair in enumerate(read_list(path)):
                place = f"{path}: item {number}"
                if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(each, dict) for each in pair)):
                    raise RowError(f"{place} is no pair of a verdict and a question; fetch the file again")
                said, asked = (Row(each, place) for each in pair)
                verdict = str(said.fields.get("pred")).strip().lower()
                if verdict not in _VERDICTS or not asked.text("pred").strip():
                    continue  # the judge gave no verdict
                question, answer = asked.text("q"), asked.text("a")
                yield {
                    "id": f"cvrr:{model}:{dimension}:{number}",
                    "cluster": f"cvrr:{dimension}:{question}:{answer}",
                    "kind": "answer",
                    "system": model,
                    "question": question,
                    "reference": [answer],
                    "prediction": asked.text("pred").strip(),
                    "label": None,
                    "judges": {_JUDGE: _VERDICTS[verdict]},
                }


ORIGINAL = Original(
    name="cvrr",
    repository="mbzuai-oryx/CVRR-Evaluation-Suite",
    commit="9d777877dacff11dc1a2445888b9f6ff97db7048",
    files=tuple(f"{_FOLDER}/{model}/{dimension}.json" for model in _MODELS for dimension in _DIMENSIONS),
    licence="CC BY-NC-SA 4.0",
    paper="arXiv 2405.03690",
    read=_read,
)
