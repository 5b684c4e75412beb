import importlib
import json

import pytest

from eval.errors import DataError


def asked(video, number, duration="short", **more):
    return {
        "video_id": video, "duration": duration, "domain": "Knowledge", "sub_category": "History",
        "url": "https://example.org", "videoID": f"yt-{video}", "question_id": f"{video}-{number}",
        "task_type": "Counting Problem", "question": "How many?",
        "options": ["A. One.", "B. Two.", "C. A. Three.", "D. Four."], "answer": "C", **more,
    }  # fmt: skip


ROWS = [asked("001", 1), asked("001", 2, answer="A"), asked("301", 1, "medium")]
PROMPT = "USER: <video>\nQuestion: How many?\n(A) One.\n(B) Two.\n(C) A. Three.\n(D) Four.\nASSISTANT: Answer: ("


def write(kind, rows, folder):
    path = folder / f"test-00000-of-00001.{kind}"
    if kind == "parquet":
        arrow = pytest.importorskip("pyarrow")
        importlib.import_module("pyarrow.parquet").write_table(arrow.Table.from_pylist(rows), path)
        return {}
    if kind == "csv":
        cells = [[json.dumps(cell) if isinstance(cell, list) else cell for cell in row.values()] for row in rows]
        return {path.name: [list(rows[0]), *cells]}
    return {path.name: rows}


@pytest.mark.parametrize("kind", ["parquet", "json", "jsonl", "csv"])
def test_official_table_in_every_form(make, tree, tmp_path, kind):
    (tmp_path / "Video-MME").mkdir()
    files = write(kind, ROWS, tmp_path / "Video-MME")
    data = tree({f"Video-MME/{name}": rows for name, rows in files.items()} | {"Video-MME/data/yt-001.mp4": None})
    first, second, third = make("video-mme", data).samples()
    assert (first.id, first.prompt, first.targets, first.cluster) == ("Video-MME_001-1", PROMPT, ("C",), "yt-001")
    assert (second.targets, third.subset) == (("A",), "medium")
    assert {key: first.metadata[key] for key in ("video_id", "domain", "sub_category", "task_type")} == {
        "video_id": "001",
        "domain": "Knowledge",
        "sub_category": "History",
        "task_type": "Counting Problem",
    }
    assert first.clip.source == data / "Video-MME/data/yt-001.mp4"
    assert third.clip.source == data / "Video-MME/data/yt-301"


def test_upstream_rows_find_videos_by_either_name(make, tree, row):
    extra = [{"duration": one["duration"], "domain": "Knowledge", "task_type": "X"} for one in ROWS]
    rows = [row("Video-MME", n, PROMPT, "C", one["video_id"], extra_info=extra[n]) for n, one in enumerate(ROWS)]
    data = tree({"annotations/Video-MME.jsonl": rows, "Video-MME/data/001.mp4": None})
    samples = list(make("video-mme", data).samples())
    assert [sample.subset for sample in samples] == ["short", "short", "medium"]
    assert (samples[0].metadata["task_type"], len(samples[0].options)) == ("X", 4)
    assert [sample.clip.exists() for sample in samples] == [True, True, False]
    tree({"Video-MME/videomme/test-00000-of-00001.jsonl": ROWS, "Video-MME/data/yt-301.mp4": None})
    assert list(make("video-mme", data).samples())[2].clip.source == data / "Video-MME/data/yt-301.mp4"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answer": "E"}, "field 'answer' is 'E', expected a letter from A to D"),
        ({"duration": "tiny"}, "'tiny' is not a subset of Video-MME"),
        ({"options": ["x"] * 27, "answer": "A"}, "field 'options' lists 27 options, expected 1 to 26"),
        ({"question_id": "001-2"}, "'Video-MME_001-2' was asked at"),
    ],
)
def test_bad_rows(make, tree, change, said):
    data = tree({"test-00000-of-00001.jsonl": [ROWS[0] | change, *ROWS[1:]]})
    with pytest.raises(DataError, match=said):
        list(make("video-mme", data).samples())


def test_parquet_without_its_reader(make, tree, monkeypatch):
    data = tree({"test-00000-of-00001.parquet": "PAR1"})
    monkeypatch.setitem(importlib.import_module("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(DataError, match=r"reading parquet needs pyarrow; pip install -e '\.\[parquet\]'"):
        list(make("video-mme", data).samples())


def test_options_that_only_look_lettered_stay_as_they_are(make, tree):
    names = ["J. Smith", "A. Jones", "B. King", "C. Lee"]
    rows = [ROWS[0] | {"options": names}, *ROWS[1:]]
    samples = list(make("video-mme", tree({"test-00000-of-00001.jsonl": rows})).samples())
    assert samples[0].options == tuple(names)
    assert not samples[1].options[0].startswith("A.")


def test_two_tables_are_refused_and_other_files_are_none(make, tree):
    data = tree({"test-00000-of-00001.jsonl": ROWS, "test-00000-of-00001.md": "about"})
    assert len(list(make("video-mme", data).samples())) == len(ROWS)
    tree({"test-00000-of-00001.json": ROWS})
    with pytest.raises(DataError, match=r"of-00001\.json and .*of-00001\.jsonl could both be .*; keep one"):
        list(make("video-mme", data).samples())
