import gzip
import json
import os

import pytest

from eval.errors import DataError
from eval.readers.malformed import BadRowPolicy
from eval.readers.rows import Row, read_json_list, read_jsonl, read_lines
from eval.readers.tables import read_parquet, read_records, read_table

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


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"a": NaN}', "NaN is not a JSON value"),
        (b'{"a": 1e999}', "1e999 is too large a number"),
        (b'{"a": ' + b"9" * 301 + b"}", "a number of 301 digits"),
        (b'{"a": ' + b"9" * 9999 + b"}", "a number of 9999 digits"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' comes twice in one object"),
        (b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", "nested more than 32 deep"),
        (b'{"a": ' * 9000 + b"1" + b"}" * 9000, "nested too deeply"),
        (b'{"a": "' + b"x" * 2**24 + b'"}', "longer than 16777216 bytes"),
        (b'{"a": "\xed\xa0\x80"}', "not valid JSON"),
        (b'{"a": "\x00"}', "not valid JSON"),
    ],
)
def test_what_could_not_be_written_again_does_not_get_in(tmp_path, line, said):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 0}\n' + line + b'\n{"a": 2}\n')
    with pytest.raises(DataError, match=rf"rows\.jsonl:2: .*{said}"):
        list(read_jsonl(path))
    tolerance = BadRowPolicy(skip=True)
    assert [row.fields["a"] for row in read_jsonl(path, tolerance)] == [0, 2]
    assert tolerance.count == 1
    if len(line) < 2**24:
        path.with_suffix(".json").write_bytes(b'[{"a": 0}, ' + line + b"]")
        with pytest.raises(DataError, match=said):
            list(read_json_list(path.with_suffix(".json")))


def test_one_item_of_a_list_is_left_out_alone(tmp_path):
    path, tolerance = tmp_path / "rows.json", BadRowPolicy(skip=True)
    path.write_text('[{"a": 1}, {"a": 1, "a": 2}, {"a": [[[[{"b": 1, "b": 1}]]]]}, {"a": "\\ud800\\uDC00\\uDBFF"}]')
    assert [row.fields["a"] for row in read_json_list(path, tolerance)] == [1, "\U00010000?"]
    assert tolerance.count == 2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_other_encodings_are_named(tmp_path, encoding):
    for name, read in (("a.jsonl", read_jsonl), ("a.json", read_json_list), ("a.csv", read_table)):
        (tmp_path / name).write_text('[{"a": 1}]\n', encoding=encoding)
        with pytest.raises(DataError, match=rf"{name}: is UTF-\d+.*; save it as UTF-8"):
            list(read(tmp_path / name))


@pytest.mark.parametrize("read", [read_jsonl, read_json_list, read_table, read_records, read_parquet, read_lines])
def test_what_is_no_file_is_not_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    for name in ("pipe", "device"):
        with pytest.raises(DataError, match=f"{name}: is a pipe, socket or device, not a regular file"):
            list(read(tmp_path / name))
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"{}"))
    if read is not read_parquet:
        with pytest.raises(DataError, match=r"is a gzip archive, .*unpack it"):
            list(read(tmp_path / "a.gz"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('a,b\n1,2\n3,"4\n5,6\n7,8\n', r":3: the quotation mark that opens here is never closed"),
        ('a,b\n1,2\n3,"4\n5,6\n7,"8\n', r":3: a quotation that begins here holds whole rows"),
        ('a,b\n1,"2', r":2: the quotation mark that opens here is never closed"),
        ("a,b\n1,\x002\n", r":2: holds a null character"),
        ("a,b,a\n1,2,3\n", r":1: the heading names the column \"a\" twice"),
        ("a,b\n" + "x" * 140_000 + ",2\n", "cannot be read as a table"),
        ('"a,b\n1,2\n', ""),
        ("", ""),
    ],
)
def test_tables_lose_no_row(tmp_path, text, said):
    path = tmp_path / "t.csv"
    path.write_text(text)
    if not said:
        assert list(read_table(path)) == []
        return
    with pytest.raises(DataError, match=said):
        list(read_table(path))


def test_cells_of_several_lines_are_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b'\r\na,b\r\n\r\n1,"x\r\ny, z, w"\r\n"2",""\r\n3\r\n\r\n')
    assert [dict(row.fields) for row in read_table(path)] == [
        {"a": "1", "b": "x\r\ny, z, w"},
        {"a": "2", "b": ""},
        {"a": "3"},
    ]


def test_a_message_is_one_line_whatever_the_row_holds(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"a\nb\x1b[31m": "\x9b31m", **{f"field {n}": n for n in range(1000)}}))
    for read in (lambda row: row.text("c"), lambda row: row.number("a\nb\x1b[31m")):
        with pytest.raises(DataError) as caught:
            read(next(read_jsonl(path)))
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 600


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
