import pytest

from eval.errors import DataError

HEAD = ["video", "frame_count", "width", "height", "question", "answer", "qid", "type", "a0", "a1", "a2", "a3", "a4"]
OPTIONS = ["a ball", "a cat", "a hat", "a mat", "a bat"]
LINES = [
    [101, 9, 4, 4, "why did it run", 2, 6, "CW", *OPTIONS],
    [101, 9, 4, 4, "what came next", 0, 7, "TN", *OPTIONS],
    [202, 9, 4, 4, "where is it", 4, 6, "DL", *OPTIONS],
]


def listed(question):
    return question + "\n" + "".join(f"({letter}) {text}\n" for letter, text in zip("ABCDE", OPTIONS, strict=True))


@pytest.fixture
def rows(row):
    def upstream(line, idx):
        text = listed(line[4])
        prompt = f"USER: <video> {text}ASSISTANT: Answer: ("
        return row("Next-QA-val-multi_choice", idx, prompt, "ABCDE"[line[5]], str(line[0]), question=text)

    return [upstream(line, idx) for idx, line in enumerate(LINES)]


def test_official_files(make, tree):
    data = tree({"NExT-QA/dataset/nextqa/val.csv": [HEAD, *LINES], "NExT-QA/NExTVideo/0101/101.mp4": None})
    tree({"NExT-QA/dataset/nextqa/map_vid_vidorID.json": {"101": "0101/101", "202": "0202/202"}})
    why, came, where = make("nextqa", data).samples()
    assert why.id == "Next-QA-val-multi_choice_101_6"
    assert why.prompt == f"USER: <video> {listed('why did it run')}ASSISTANT: Answer: ("
    assert (why.targets, why.options, why.cluster) == (("C",), tuple(OPTIONS), "101")
    assert [sample.subset for sample in (why, came, where)] == ["C", "T", "D"]
    assert (why.metadata["type"], where.metadata["frame_count"]) == ("CW", 9)
    assert why.clip.source == came.clip.source == data / "NExT-QA/NExTVideo/0101/101.mp4"
    assert where.clip.source == data / "NExT-QA/NExTVideo/0202/202"


def test_upstream_rows_take_the_types_of_the_official_file(make, tree, rows):
    data = tree({"annotations/Next-QA-val-multi_choice.jsonl": rows, "nextqa/val.csv": [HEAD, *LINES]})
    joined, official = (list(make("nextqa", data, source=source).samples()) for source in ("auto", "official"))
    for one, other in zip(joined, official, strict=True):
        assert one.id != other.id
        assert (one.prompt, one.targets, one.options, one.subset) == (
            other.prompt,
            other.targets,
            other.options,
            other.subset,
        )
        assert one.metadata["type"] == other.metadata["type"]


def test_types_for_all_rows_or_for_none(make, tree, rows, caplog):
    data = tree({"annotations/Next-QA-val-multi_choice.jsonl": rows})
    assert {sample.subset for sample in make("nextqa", data).samples()} == {""}
    assert "names no subsets, and none are reported; with val.csv they are known" in caplog.text
    tree({"nextqa/val.csv": [HEAD, *LINES[:2]]})
    assert {sample.subset for sample in make("nextqa", data).samples()} == {""}
    assert "1 of 3 rows are not among those of" in caplog.text


def test_annotations_may_be_the_official_file(make, tree):
    data = tree({"elsewhere/val.csv": [HEAD, *LINES], "NExTVideo/0101/101.webm": None})
    first, *_ = make("nextqa", data, annotations=str(data / "elsewhere" / "val.csv")).samples()
    assert (first.subset, first.clip.source) == ("C", data / "NExTVideo/0101/101.webm")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({5: 5}, r"val\.csv:2: field 'answer' is 5\.0, expected the index of one of 5 options"),
        ({5: "x"}, r"val\.csv:2: field 'answer' is \"x\", expected a finite number"),
        ({7: "CX"}, r"val\.csv:2: 'CX' is not a subset of NExT-QA\. Known: CH, CW"),
        ({6: 7}, r"val\.csv:3: 'Next-QA-val-multi_choice_101_7' was asked at .*val\.csv:2; delete one"),
    ],
)
def test_bad_lines(make, tree, change, said):
    line = [change.get(column, cell) for column, cell in enumerate(LINES[0])]
    data = tree({"nextqa/val.csv": [HEAD, line, *LINES[1:]]})
    with pytest.raises(DataError, match=said):
        list(make("nextqa", data).samples())


def test_a_letter_beyond_the_options(make, tree, rows):
    rows[1]["text"]["response"] = "F"
    data = tree({"annotations/Next-QA-val-multi_choice.jsonl": rows})
    with pytest.raises(DataError, match=r"jsonl:2: field 'text.response' is 'F', expected a letter from A to E"):
        list(make("nextqa", data).samples())


@pytest.mark.slow
def test_real_files_hold_the_same_questions(make, official):
    files = list(make("nextqa", official).samples())
    rows = list(make("nextqa", official, annotations=str(official.parent / "tarsier")).samples())
    assert len(files) == len(rows) == 4996
    # Some options begin or end with a space.
    one, other = (
        sorted((s.cluster, s.prompt, s.targets, s.subset, s.metadata["type"]) for s in samples)
        for samples in (files, rows)
    )
    assert one == other
    groups = [sample.subset for sample in rows]
    assert [groups.count(group) for group in "CTD"] == [1924 + 683, 895 + 663 + 54, 177 + 295 + 305]
    assert len({sample.cluster for sample in rows}) == 570
