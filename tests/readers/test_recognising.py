"""Files that others wrote: the message names the form that was given, and the way out."""

from __future__ import annotations

import json

import pytest

from eval.errors import DataError
from eval.readers.predictions import read_predictions
from eval.readers.recognising import recognised

NESTED = [{"video_id": "001", "duration": "short", "questions": [{"question_id": "001-1", "response": "C"}]}]
ROW = {"dataset": "MVBench/Action Count", "idx": 0, "text": {"prompt": "p", "response": "A", "prediction": "A"}}
FORMS = [
    ("a.csv", "video_id,question,answer\n1,q?,A\n", "a table with the columns video_id, question, answer"),
    ("a.tsv", "video_id\tanswer\n1\tA\n", "a table with the columns video_id, answer"),
    ("a.json", json.dumps(NESTED), "nested JSON, a list of videos with the questions of each"),
    ("a.jsonl", json.dumps(NESTED, indent=1), "nested JSON, a list of videos with the questions of each"),
    ("a.json", '[{"video": 1, "pred": "A"}]', "a JSON list of objects with the fields video, pred"),
    ("a.json", json.dumps({"v1": "A", "v2": "B"}, indent=1), "one JSON object with the keys v1, v2"),
]


@pytest.mark.parametrize(("name", "text", "form"), FORMS)
def test_the_form_of_what_is_given_for_predictions_is_named(tmp_path, name, text, form):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as no:
        read_predictions(tmp_path / name, "mvbench", "MVBench")
    assert f"{name} is {form}" in str(no.value)
    assert "Give a run's predictions.jsonl, or write one JSON object a line as upstream does: dataset," in str(no.value)


def test_rows_without_a_data_set_are_recognised(tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"video": "a.mp4", "question": "q?"}\n{"video": "b.mp4", "question": "r?"}\n')
    assert recognised(rows) == "JSON lines without 'dataset', with the fields video, question"
    with pytest.raises(DataError, match=r"rows\.jsonl:1: neither a row .* its fields: video, question\. Give a run's"):
        read_predictions(rows, "mvbench", "MVBench")


@pytest.mark.parametrize("text", ["", "{\n", json.dumps(ROW), '{"video": 1}\n' + json.dumps(ROW), "{broken\n", "text"])
def test_rows_and_what_is_unclear_are_left_to_their_readers(tmp_path, text):
    (tmp_path / "rows.jsonl").write_text(text)
    assert recognised(tmp_path / "rows.jsonl") is None
