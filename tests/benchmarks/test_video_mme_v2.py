import importlib
import json

import pytest

from eval.errors import DataError

OPTIONS = [f"{letter}. Option {letter.lower()}." for letter in "ABCDEFGH"]


LINES = "\n".join(OPTIONS)


def asked(video, number, options=LINES, **more):
    return {
        "video_id": video, "url": "https://example.org", "question": f"Which of {number}?", "options": options,
        "answer": "H", "level": 2, "group_type": "logic", "group_structure": "[1, [2, 3], 4]", "second_head": "Order",
        "third_head": "Events", **more,
    }  # fmt: skip


RELATED = {"group_type": "relevance", "group_structure": "[1, 2, 3, 4]", "level": None, "second_head": "None"}
ROWS = [*(asked("001", n) for n in range(4)), *(asked("002", n, **RELATED) for n in range(4))]
LISTED = [row | {"options": OPTIONS[:5], "answer": "E"} for row in ROWS]


def write(kind, rows, folder):
    path = folder / f"test.{kind}"
    if kind == "parquet":
        arrow = pytest.importorskip("pyarrow")
        importlib.import_module("pyarrow.parquet").write_table(arrow.Table.from_pylist(rows), path)
        return {}
    if kind == "csv":
        cells = [
            [json.dumps(cell) if isinstance(cell, list) else "" if cell is None else cell for cell in row.values()]
            for row in rows
        ]
        return {path.name: [list(rows[0]), *cells]}
    return {path.name: rows}


@pytest.mark.parametrize("kind", ["parquet", "json", "jsonl", "csv"])
@pytest.mark.parametrize("rows", [ROWS, LISTED])
def test_official_table_in_every_form(make, tree, tmp_path, kind, rows):
    (tmp_path / "Video-MME-v2").mkdir()
    given = write(kind, rows, tmp_path / "Video-MME-v2")
    data = tree({f"Video-MME-v2/{name}": one for name, one in given.items()} | {"Video-MME-v2/videos/002.mp4": None})
    samples = list(make("video-mme-v2", data).samples())
    assert [one.id for one in samples] == [f"Video-MME-v2_{video}-{n}" for video in ("001", "002") for n in "1234"]
    first, last = samples[0], samples[-1]
    assert first.prompt.startswith("USER: <video>\nQuestion: Which of 0?\n(A) Option a.\n(B) Option b.\n")
    assert (len(first.options), first.targets) == ((8, ("H",)) if rows is ROWS else (5, ("E",)))
    assert [one.cluster for one in samples] == ["001"] * 4 + ["002"] * 4
    about = {key: first.metadata[key] for key in ("place", "group_type", "group_structure", "level", "second_head")}
    assert about == {
        "place": 1, "group_type": "logic", "group_structure": "[1, [2, 3], 4]", "level": "2", "second_head": "Order",
    }  # fmt: skip
    assert (last.metadata["place"], last.metadata["level"], last.metadata["second_head"]) == (4, "", "")
    assert last.clip.source == data / "Video-MME-v2/videos/002.mp4"


def test_a_group_keeps_its_places_where_a_question_is_left_out(make, tree):
    rows = [ROWS[0], ROWS[1] | {"answer": "Z"}, *ROWS[2:4]]
    data = tree({"test.jsonl": rows})
    with pytest.raises(DataError, match="field 'answer' is 'Z', expected a letter from A to H"):
        list(make("video-mme-v2", data).samples())
    samples = list(make("video-mme-v2", data, skip_malformed=True).samples())
    assert [one.metadata["place"] for one in samples] == [1, 3, 4]


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv"])
@pytest.mark.parametrize("at", [0, 2])
def test_rows_that_cannot_be_read_keep_their_places(make, tree, tmp_path, kind, at):
    broken = {"csv": {"question": "x", "video_id": ""}, "json": 5, "jsonl": {"video_id": None}}[kind]
    rows = [ROWS[n] if n != at else ROWS[n] | broken if isinstance(broken, dict) else broken for n in range(8)]
    samples = list(
        make(
            "video-mme-v2",
            tree(write(kind, rows, tmp_path) if kind != "json" else {"test.json": rows}),
            skip_malformed=True,
        ).samples()
    )
    assert [one.id.partition("_")[2] for one in samples] == [
        f"{video}-{n}" for video in ("001", "002") for n in range(1, 5) if (video, n) != ("001", at + 1)
    ]


def test_a_line_that_is_no_json_keeps_its_place(make, tree):
    lines = [json.dumps(row) for row in ROWS]
    data = tree({"test.jsonl": "\n\n".join([lines[0], lines[1][:50], *lines[2:]])})
    samples = list(make("video-mme-v2", data, skip_malformed=True).samples())
    assert [one.metadata["place"] for one in samples] == [1, 3, 4, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([*ROWS[:2], ROWS[1], ROWS[3]], "test.jsonl:3: the same row as at .*test.jsonl:2"),
        (ROWS[:4] * 2, "'Video-MME-v2_001-1' was asked at .*test.jsonl:1"),
        ([*ROWS[:3], *ROWS[4:]], "test.jsonl:1: field 'video_id' is '001', and 4 rows in order are not of one group"),
        ([*ROWS[:3], ROWS[3] | {"group_type": "relevance"}], """'group_type' is "relevance", and "logic" at"""),
        ([*ROWS[:3], ROWS[3] | {"group_structure": "[1, 2, 3, 4]"}], "'group_structure' is .* of the same group"),
        ([ROWS[0] | {"options": LINES + "\nI. Option i.", "answer": "I"}], "is 'I', expected a letter from A to H"),
        ([ROWS[0] | {"options": "A. One.\nC. Three.", "answer": "B"}], "has 'C. Three.' as option 2"),
        ([ROWS[0] | {"options": " \n"}], "lists 0 options"),
        ("", "no question of split 'test' in it"),
    ],
)
def test_bad_groups(make, tree, rows, said):
    with pytest.raises(DataError, match=said):
        list(make("video-mme-v2", tree({"test.jsonl": rows})).samples())


def test_a_structure_is_the_same_however_it_is_spaced(make, tree):
    rows = [*ROWS[:3], ROWS[3] | {"group_structure": "[1,[2,3],4]"}]
    assert len(list(make("video-mme-v2", tree({"test.jsonl": rows})).samples())) == 4


def test_a_group_with_a_row_repeated_is_not_whole(make, tree):
    rows = [*ROWS[:2], ROWS[1], ROWS[3], *ROWS[4:]]
    samples = list(make("video-mme-v2", tree({"test.jsonl": rows}), skip_malformed=True).samples())
    assert [one.metadata["place"] for one in samples] == [1, 2, 4, 1, 2, 3, 4]


def test_options_of_several_lines_and_lists_that_only_look_lettered(make, tree):
    names = ["J. Smith", "A. Jones"]
    rows = [
        ROWS[0] | {"options": "A. He sits,\nthen stands.\nB. No.", "answer": "B"},
        ROWS[1] | {"options": names, "answer": "B"},
    ]
    first, second = make("video-mme-v2", tree({"test.jsonl": rows})).samples()
    assert (first.options, second.options) == (("He sits, then stands.", "No."), tuple(names))


@pytest.mark.parametrize(("level", "said"), [(2.0, "2"), ("2.0", "2"), (None, ""), (3, "3"), ("1.5", "1.5")])
def test_levels(make, tree, level, said):
    (sample,) = make("video-mme-v2", tree({"test.jsonl": [ROWS[0] | {"level": level}]})).samples()
    assert sample.metadata["level"] == said


def test_levels_of_a_column_with_nulls(make, tmp_path):
    rows = [row | {"level": level} for row, level in zip(ROWS, [2.0] * 4 + [None, float("nan")] * 2, strict=True)]
    write("parquet", rows, tmp_path)
    samples = make("video-mme-v2", tmp_path).samples()
    assert [one.metadata["level"] for one in samples] == ["2"] * 4 + [""] * 4


@pytest.mark.parametrize("name", ["test.jsonl", "test-00000-of-00001.jsonl", "data/test-00000-of-00001.json"])
def test_the_names_of_the_table(make, tree, name):
    data = tree({f"Video-MME-v2/{name}": ROWS, "Video-MME-v2/test.md": "about", "Video-MME-v2/test.jsonl.bak": "x"})
    assert len(list(make("video-mme-v2", data).samples())) == 8
    given = make("video-mme-v2", data, annotations=str(data / "Video-MME-v2" / name))
    assert len(list(given.samples())) == 8
    with pytest.raises(DataError, match=r"test\.md"):
        list(make("video-mme-v2", data, annotations=str(data / "Video-MME-v2/test.md")).samples())
    tree({f"Video-MME-v2/{name.rpartition('/')[0]}/test.csv": [list(ROWS[0])]})
    with pytest.raises(DataError, match=r"test.* and .*test.* could both be test\.\*; keep one"):
        list(make("video-mme-v2", data).samples())
