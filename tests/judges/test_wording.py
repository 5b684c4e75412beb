import json
from typing import Any

import pytest

from eval.errors import DataError
from eval.judges.calls import JudgeTask
from eval.judges.wording import hardened_wording, indexed_wording, load_wording, native_wording, upstream_wording

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


def test_marked_texts_and_the_tag(tmp_path):
    user = "{{tag}}: {{question|marked}} {{answer}} {{prediction|marked}}"
    wording = load_wording(written(tmp_path, open_qa={"system": "As {{tag}}", "user": user}))
    inputs = {"question": "which one", "answer": "a b", "prediction": "{{tag}}", "tag": "t1"}
    assert wording.fill("open_qa", inputs) == ("As t1", "t1: which^one a b tag")
    assert [wording.has_tag(task) for task in ("open_qa", "extract", "entail")] == [True, False, False]
    user = "{{description}}\n{{events|marked}}"
    wording = load_wording(written(tmp_path, entail={"system": "", "user": user}))
    assert wording.fill("entail", {"description": "d", "events": ["a b", ""]})[1] == "d\n1. a^b\n2. [empty]"


@pytest.mark.parametrize("wording", [native_wording(), hardened_wording(), indexed_wording()], ids=lambda w: w.name)
def test_our_own_wordings_say_everything_and_leave_no_slot(wording):
    inputs = {"question": "QQ", "answer": "AA", "prediction": "PP", "description": "DD", "events": ["EE"], "tag": "t0"}
    said: dict[JudgeTask, tuple[str, ...]] = {
        "open_qa": ("QQ", "AA", "PP"), "extract": ("DD",), "entail": ("DD", "EE"),
    }  # fmt: skip
    for task, parts in said.items():
        system, user = wording.fill(task, inputs)
        assert all(part in user for part in parts)
        assert "{{" not in system + user


def test_our_own_wordings_differ_where_they_are_to():
    native, hardened, indexed = native_wording(), hardened_wording(), indexed_wording()
    assert (native.name, hardened.name, indexed.name) == ("native", "hardened", "indexed")
    assert len({native.sha256, hardened.sha256, indexed.sha256}) == 3
    tasks: tuple[JudgeTask, ...] = ("open_qa", "extract", "entail")
    assert [hardened.has_tag(task) for task in tasks] == [True] * 3
    assert not any(wording.has_tag(task) for wording in (native, indexed) for task in tasks)
    assert (indexed.open_qa, indexed.extract) == (native.open_qa, native.extract)
    assert indexed.entail.system == native.entail.system
    # Only the last line, which says how to reply, is another one.
    assert indexed.entail.user.splitlines()[:-1] == native.entail.user.splitlines()[:-1]
    assert indexed.entail.user != native.entail.user


def test_without_a_pack_there_is_no_wording_of_upstreams(tmp_path):
    assert upstream_wording(tmp_path, required=False) is None
    with pytest.raises(DataError, match="needs upstream's wording in a protocol pack; import it again: make import"):
        upstream_wording(tmp_path, required=True)


def test_the_rules_of_marking_are_part_of_the_hash(tmp_path, monkeypatch):
    plain = load_wording(written(tmp_path))
    user = "{{question}} {{answer}} {{prediction|marked}}"
    marking = load_wording(written(tmp_path, open_qa={"system": "", "user": user}))
    before = plain.sha256, marking.sha256
    monkeypatch.setattr("eval.judges.wording.MARKING", "marked-2")
    assert plain.sha256 == before[0]
    assert marking.sha256 != before[1]


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
        ({"extract": {"system": "", "user": "{{description}} {{tag|json}}"}}, "a slot 'tag'"),
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
