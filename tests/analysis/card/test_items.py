"""Labelled sets: where they lie, what a row holds, and rows that do not fit."""

from __future__ import annotations

import pytest

from eval.analysis.card.items import read_set, read_sets
from eval.errors import ConfigError, DataError
from tests.analysis.card.rows import answer, answers, units, write_set


def test_sets_are_found_in_all_three_places(tmp_path):
    for name, file in (("a", "{}/dev.jsonl"), ("b", "{}/items.jsonl"), ("c", "{}.jsonl")):
        write_set(tmp_path, name, answers(), file)
    assert [one.name for one in read_sets(tmp_path)] == ["a", "b", "c"]
    write_set(tmp_path, "c", answers())
    with pytest.raises(ConfigError, match="the set 'c' twice"):
        read_sets(tmp_path)


def test_no_folder_and_no_set_are_a_line_with_the_remedy(tmp_path):
    for folder, said in ((tmp_path / "none", "does not exist"), (tmp_path, "holds no labelled set")):
        with pytest.raises(ConfigError, match=f"{said}.*judge-data"):
            read_sets(folder)


def test_a_row_becomes_an_item(tmp_path):
    people = {"humans": [True, False], "judges": {"gpt-4": False}, "entropy": 0.1}
    write_set(tmp_path, "qa", [{**answer(0, "q", "who?", "Ann", "Bob", True), **people}])
    [item] = read_sets(tmp_path)[0].items
    assert (item.label, item.humans, item.judges, item.references) == ("yes", ("yes", "no"), {"gpt-4": "no"}, ("Ann",))
    row = {
        "id": 5,
        "kind": "relation",
        "reference": "a",
        "prediction": "b",
        "label": "neutral",
        "counts": {"neutral": 3},
    }
    write_set(tmp_path, "pairs", [row])
    [item] = read_sets(tmp_path)[0].items
    assert (item.id, item.cluster, item.group, item.counts) == ("5", "5", "5", {"neutral": 3})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "answr"}, "field 'kind' is \"answr\". Did you mean 'answer'"),
        ({"label": "yes"}, "field 'label' is \"yes\", expected true or false"),
        ({"label": None}, "field 'label' is missing, and no earlier judge's verdict"),
        ({"prediction": None}, "field 'prediction' is missing"),
        ({"reference": []}, "field 'reference' is empty"),
        ({"humans": "yes"}, "field 'humans' is \"yes\", expected a list"),
        ({"judges": {"gpt-4": 1}}, "field 'judges.gpt-4' is 1, expected true or false"),
        ({"counts": {"maybe": 1}}, "field 'counts.maybe' is 1"),
        ({"kind": "unit", "label": "yes"}, "field 'label' is \"yes\", expected present or absent"),
        ({"kind": "fact", "label": "not entailed"}, "expected right or wrong"),
        ({"id": "a1"}, "field 'id' is 'a1', as at"),
    ],
)
def test_a_malformed_row_is_named_by_its_place_or_counted(tmp_path, change, said):
    rows = answers()
    rows[3] = {**rows[3], **change}
    path = write_set(tmp_path, "qa", rows)
    with pytest.raises(DataError) as caught:
        read_set("qa", path)
    assert str(caught.value).startswith(f"{path}:4: ")
    assert said in str(caught.value)
    kept = read_set("qa", path, skip=True)
    assert (len(kept.items), kept.skipped) == (5, 1)


def test_a_group_has_one_reference(tmp_path):
    rows = units()
    rows[1] = {**rows[1], "reference": "Another text."}
    path = write_set(tmp_path, "units", rows)
    with pytest.raises(DataError, match=r":2: field 'group' is 'd1:s', as of 'u0', which has another reference"):
        read_set("units", path)


def test_an_empty_set_is_an_error(tmp_path):
    with pytest.raises(DataError, match="holds no item"):
        read_set("none", write_set(tmp_path, "none", []))
