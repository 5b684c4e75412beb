import collections

import pytest

from eval.errors import DataError

HEAD = ["gif_name", "question", "answer", "type", "vid_id", "key", "description"]
LINES = [
    ["tumblr_a1", "what is it ?", "cat", "0", "FRAMEQA1", "7", "a cat ."],
    ["tumblr_a1", "how many are there ?", "two", "1", "FRAMEQA2", "8", "two cats ."],
    ["tumblr_b2", "where is it ?", "room", "3", "FRAMEQA3", "9", "a room ."],
]


def table(*lines):
    return "\r\n".join("\t".join(line) for line in (HEAD, *lines)) + "\r\n"


def test_official_table(make, tree):
    data = tree({"TGIF-QA/dataset/Test_frameqa_question.csv": table(*LINES), "TGIF-QA/gifs/tumblr_a1.gif": None,
                 "TGIF-QA/mp4/tumblr_a1.mp4": None, "TGIF-QA/mp4/tumblr_b2.mp4": None})  # fmt: skip
    first, second, third = make("tgif-qa", data).samples()
    assert [one.subset for one in (first, second, third)] == ["object", "number", "location"]
    assert (first.id, first.targets) == ("TGIF-QA-test_FRAMEQA1", ("cat",))
    assert first.clip.source == data / "TGIF-QA/gifs/tumblr_a1.gif"
    assert third.clip.source == data / "TGIF-QA/mp4/tumblr_b2.mp4"


def test_upstream_rows(make, tree, row):
    rows = [row("TGIF-QA-test", n, "<video> Q", line[2], line[0], question=line[1]) for n, line in enumerate(LINES)]
    data = tree({"TGIF-QA-test.jsonl": rows, "tgif/Test_frameqa_question.csv": table(*LINES)})
    samples = list(make("tgif-qa", data).samples())
    assert [sample.subset for sample in samples] == ["object", "number", "location"]
    assert samples[0].id == "TGIF-QA-test_0"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["g", "q", "a", "4", "F", "1", "d"], r"csv:2: '4' is not a subset of TGIF-QA"),
        (["g", "q", "a", "1", "F", "1", "d", "x"], r"csv:2: more cells than the heading has"),
        (["g", "q", "", "1", "F", "1", "d"], r"csv:2: field 'answer' is \"\", expected a name"),
        (["g", "q"], r"csv:2: field 'vid_id' is missing"),
    ],
)
def test_bad_lines(make, tree, line, said):
    with pytest.raises(DataError, match=said):
        list(make("tgif-qa", tree({"Test_frameqa_question.csv": table(line)})).samples())


def test_real_table(make, official):
    samples = list(make("tgif-qa", official).samples())
    assert len(samples) == 13691
    counts = collections.Counter(sample.subset for sample in samples)
    assert counts == {"object": 5586, "number": 3148, "colour": 3904, "location": 1053}
