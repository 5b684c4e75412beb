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
