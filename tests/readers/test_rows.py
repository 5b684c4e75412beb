import pytest

from eval.errors import DataError
from eval.readers.rows import Row, read_json_list, read_jsonl, read_table

ROW = Row(
    {"a": "x", "n": 3, "list": ["p", 2], "in": {"b": None}, "none": None, "bad": [True], "nan": float("nan")}, "f:1"
)


def test_typed_fields():
    assert (ROW.text("a"), ROW.label("n"), ROW.number("n"), ROW.texts("list")) == ("x", "3", 3.0, ("p", "2"))
    assert (ROW.number("none"), ROW.text_or_none("none"), ROW.text_or_none("gone")) == (None, None, None)
    assert [row.fields for row in ROW.rows("in")] == [{"b": None}]


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda: ROW.text("n"), "f:1: field 'n' is 3, expected text"),
        (lambda: ROW.text("gone"), "field 'gone' is missing; .*fields here: a, n"),
        (lambda: ROW.row("in").text("b"), r"field 'in\.b' is missing"),
        (lambda: ROW.number("a"), "field 'a' is \"x\", expected a finite number"),
        (lambda: ROW.number("nan"), "finite"),
        (lambda: ROW.texts("bad"), "list of texts"),
        (lambda: ROW.texts("a"), "list of texts"),
        (lambda: ROW.label("list"), "a name or a whole number"),
        (lambda: ROW.row("list"), "an object"),
        (lambda: ROW.rows("list"), "a list of objects"),
    ],
)
def test_a_wrong_field_names_place_field_and_value(read, message):
    with pytest.raises(DataError, match=message):
        read()


def test_jsonl_skips_blank_lines_and_needs_no_last_newline(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n   \n{"a": "\\ud83d\\ude00 \xe2\x80\xa8"}\n{"a": "\\ud800"}')
    rows = list(read_jsonl(path))
    assert [row.fields["a"] for row in rows] == [1, "😀 \u2028", "?"]
    assert [row.place for row in rows] == [f"{path}:1", f"{path}:4", f"{path}:5"]


@pytest.mark.parametrize("line", [b'{"a": 1', b"\xff", b"[1]", b'"a"', b"{" * 5])
def test_a_bad_line_is_named(tmp_path, line):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n' + line)
    with pytest.raises(DataError, match=r"rows\.jsonl:2: "):
        list(read_jsonl(path))


def test_other_files(tmp_path):
    (tmp_path / "a.json").write_text('[{"a": 1}, 2]')
    (tmp_path / "b.json").write_text("{}")
    (tmp_path / "c.csv").write_text('a,b\n1,"x\ny"\n1,2,3\n')
    with pytest.raises(DataError, match="item 1 is 2"):
        list(read_json_list(tmp_path / "a.json"))
    with pytest.raises(DataError, match="a list of objects"):
        list(read_json_list(tmp_path / "b.json"))
    with pytest.raises(DataError, match=r"c\.csv:4: more cells"):
        list(read_table(tmp_path / "c.csv"))
    assert next(read_table(tmp_path / "c.csv")).fields == {"a": "1", "b": "x\ny"}
    with pytest.raises(DataError, match="cannot be read"):
        list(read_jsonl(tmp_path / "gone"))
    with pytest.raises(DataError, match="cannot be read"):
        list(read_jsonl(tmp_path))
