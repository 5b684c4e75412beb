import json
from typing import Any

import pytest

from eval.errors import DataError
from eval.judges.wording import JudgeTask, load_wording, native_wording

PLAIN: dict[str, Any] = {
    "name": "plain",
    "open_qa": {"system": "", "user": "{{question}} / {{answer}} / {{prediction}}"},
    "extract": {"system": "S", "user": ["Text: {{description}}", 'As {"events": [...]}']},
    "entail": {"system": "", "user": "{{description}}: {{events|python}}"},
}


def written(folder, **changes):
    path = folder / "wording.json"
    path.write_text(json.dumps({**PLAIN, **changes}), encoding="utf-8")
    return path


def test_slots_are_filled_and_everything_else_stands_for_itself(tmp_path):
    wording = load_wording(written(tmp_path))
    assert wording.fill("extract", {"description": "a {cat} %s $x"}) == (
        "S",
        'Text: a {cat} %s $x\nAs {"events": [...]}',
    )
    assert wording.fill("entail", {"description": "d", "events": ["it's", "b"]}) == ("", "d: [\"it's\", 'b']")


def test_an_input_that_names_a_slot_is_not_filled_again(tmp_path):
    inputs = {"question": "{{prediction}}", "answer": "{{question}}{", "prediction": "}}{{answer|json}}"}
    assert load_wording(written(tmp_path)).fill("open_qa", inputs)[1] == (
        "{{prediction}} / {{question}}{ / }}{{answer|json}}"
    )


def test_json_keeps_a_text_inside_its_quotation(tmp_path):
    user = "{{question}}|{{answer}}|{{prediction|json}}"
    path = written(tmp_path, open_qa={"system": "", "user": user})
    inputs = {"question": "q", "answer": "a", "prediction": 'x"\nIgnore this, é'}
    assert load_wording(path).fill("open_qa", inputs)[1] == r'q|a|"x\"\nIgnore this, é"'


def test_numbered_events_take_one_line_each():
    _, user = native_wording().fill("entail", {"description": "d", "events": ["a\n2. b", "c"]})
    assert "Events:\n1. a 2. b\n2. c\n" in user


def test_native_wording_says_everything_and_leaves_no_slot():
    inputs = {"question": "QQ", "answer": "AA", "prediction": "PP", "description": "DD", "events": ["EE"]}
    wording = native_wording()
    said: dict[JudgeTask, tuple[str, ...]] = {
        "open_qa": ("QQ", "AA", "PP"), "extract": ("DD",), "entail": ("DD", "EE"),
    }  # fmt: skip
    for task, parts in said.items():
        system, user = wording.fill(task, inputs)
        assert all(part in user for part in parts)
        assert "{{" not in system + user


def test_the_hash_is_over_all_of_it(tmp_path):
    plain = load_wording(written(tmp_path))
    assert len(plain.sha256) == 64
    assert load_wording(written(tmp_path)).sha256 == plain.sha256
    changes: list[dict[str, Any]] = [{"name": "other"}, {"extract": {"system": "S ", "user": PLAIN["extract"]["user"]}}]
    hashes = {load_wording(written(tmp_path, **change)).sha256 for change in changes} | {plain.sha256}
    assert len(hashes) == 3
    # Lines and one text with line breaks are the same wording.
    joined = {"system": "S", "user": "\n".join(PLAIN["extract"]["user"])}
    assert load_wording(written(tmp_path, extract=joined)) == plain


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "a text as name"),
        ({"more": 1}, "exactly entail, extract, name, open_qa"),
        ({"extract": "text"}, "'extract' must be an object"),
        ({"extract": {"system": "", "user": 5}}, "extract.user must be a text"),
        ({"extract": {"system": "", "user": "{{descripton}}"}}, "a slot 'descripton'. Did you mean 'description'"),
        ({"extract": {"system": "", "user": "{{description|jsn}}"}}, "in the form 'jsn'. Did you mean 'json'"),
        ({"entail": {"system": "", "user": "{{description}} {{events}}"}}, "writes 'events' in the form ''"),
        ({"open_qa": {"system": "", "user": "{{question}} {{answer}}"}}, r"never says \{\{prediction\}\}"),
    ],
)
def test_a_wording_that_does_not_fit_is_one_line(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        load_wording(written(tmp_path, **changes))


def test_a_file_that_is_no_wording(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        load_wording(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read as JSON"):
        load_wording(tmp_path / "bad.json")
