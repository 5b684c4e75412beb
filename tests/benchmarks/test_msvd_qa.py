import pytest

from eval.errors import DataError

PROMPT = (
    "USER: <video> Answer the question in a few words, then describe the video. Question: what runs?\n"
    "ASSISTANT:\nAnswer: In the video,"
)
MAPPING = "abc_1_2 vid1201\n-d_e_10_15 vid1202\nfgh_3_9 vid1451\n"


def asked(number, video, answer="dog"):
    return {"id": number, "video_id": video, "question": "what runs?", "answer": answer}


VAL = [asked(30933, 1201), asked(30934, 1201, "cat"), asked(30935, 1202)]


def test_official_files(make, tree):
    data = tree({"MSVD-QA/val_qa.json": VAL, "MSVD-QA/test_qa.json": [asked(40000, 1451)],
                 "MSVD-QA/youtube_mapping.txt": MAPPING,
                 "MSVD/YouTubeClips/abc_1_2.avi": None, "MSVD-QA/video/vid1202.avi": None})  # fmt: skip
    first, second, third = make("msvd-qa", data).samples()
    assert (first.id, first.prompt, first.targets, first.subset) == ("MSVD-QA-val_q30933", PROMPT, ("dog",), "")
    assert (first.cluster, second.cluster, third.cluster) == ("vid1201", "vid1201", "vid1202")
    # The clips may lie beside the questions or with MSVD itself, under either name.
    assert first.clip.source == data / "MSVD/YouTubeClips/abc_1_2.avi"
    assert third.clip.source == data / "MSVD-QA/video/vid1202.avi"
    (test,) = make("msvd-qa", data, split="test").samples()
    assert test.id == "MSVD-QA-test_q40000"
    assert first.metadata["question"] == "what runs?"


def test_upstream_rows_find_numbered_videos(make, tree, row):
    rows = [row("MSVD-QA-val", n, PROMPT, "dog", vid, question="what runs?")
            for n, vid in enumerate(["abc_1_2", "-d_e_10_15", "fgh_3_9"])]  # fmt: skip
    data = tree({"annotations/MSVD-QA-val.jsonl": rows, "MSVD/youtube_mapping.txt": MAPPING,
                 "MSVD/video/vid1201.avi": None, "MSVD/YouTubeClips/-d_e_10_15.mp4": None})  # fmt: skip
    samples = list(make("msvd-qa", data).samples())
    assert [sample.id for sample in samples] == [f"MSVD-QA-val_{n}" for n in range(3)]
    assert samples[0].clip.source == data / "MSVD/video/vid1201.avi"
    assert samples[1].clip.source == data / "MSVD/YouTubeClips/-d_e_10_15.mp4"
    assert samples[2].clip.source == data / "MSVD/YouTubeClips/fgh_3_9"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([], r"MSVD-QA-val\.jsonl:1: 'MSVD-QA-val_0' has no answer, and an open question has one; correct the row"),
        (["dog", "cat"], r"MSVD-QA-val\.jsonl:1: 'MSVD-QA-val_0' has 2 answers, and an open question has one"),
        ("", r"MSVD-QA-val\.jsonl:1: field 'text\.response' is empty"),
    ],
)
def test_a_row_without_its_one_answer_is_refused_when_it_is_read(make, tree, row, answer, said):
    rows = [row("MSVD-QA-val", 0, PROMPT, answer, "abc_1_2", question="what runs?")]
    data = tree({"annotations/MSVD-QA-val.jsonl": rows, "MSVD/YouTubeClips/abc_1_2.avi": None})
    with pytest.raises(DataError, match=said):
        list(make("msvd-qa", data).samples())


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([asked(1, 1201, " ")], "item 0: no reference for 'MSVD-QA-val_q1'; fetch the file again"),
        ([asked(1, 1451)], r"item 0: field 'video_id' is 1451, a video of test split, where 'val' has 1201 to 1450"),
        ([asked(1, "x")], "field 'video_id' is 'x', expected a number, alone or behind 'vid'"),
        ([asked(1, 1201), asked(1, 1202)], "item 1: 'MSVD-QA-val_q1' was asked at .*item 0"),
        ([{"id": 1, "video_id": 1201, "question": "q"}], "field 'answer' is missing"),
        ([], "no question of split 'val' in it"),
        (["text"], 'item 0 is "text", expected an object'),
    ],
)
def test_bad_files(make, tree, rows, said):
    with pytest.raises(DataError, match=said):
        list(make("msvd-qa", tree({"msvd/val_qa.json": rows})).samples())


@pytest.mark.parametrize(
    ("mapping", "said"),
    [("abc_1_2\n", "where '<clip> vid<N>' is expected"), ("a vid1\nb vid1\n", "b or vid1 comes twice")],
)
def test_a_bad_mapping(make, tree, mapping, said):
    with pytest.raises(DataError, match=said):
        list(make("msvd-qa", tree({"msvd/val_qa.json": VAL, "msvd/youtube_mapping.txt": mapping})).samples())


def test_upstream_has_no_test_split(make, tree, row):
    data = tree({"MSVD-QA-val.jsonl": [row("MSVD-QA-val", 0, PROMPT, "dog", "abc_1_2")]})
    with pytest.raises(DataError, match="upstream has no rows of split 'test'"):
        list(make("msvd-qa", data, split="test", source="upstream").samples())


def test_two_containers_are_counted(make, tree, caplog):
    data = tree({"msvd/val_qa.json": VAL, "msvd/video/vid1201.avi": None, "msvd/video/vid1201.mp4": None})
    assert next(make("msvd-qa", data).samples()).clip.source == data / "msvd/video/vid1201.mp4"
    assert len(list(make("msvd-qa", data).samples())) == 3
    assert (
        f"1 videos lie in two containers, such as {data / 'msvd/video/vid1201.mp4'} beside vid1201.avi" in caplog.text
    )


def test_real_rows(make, official):
    samples = list(make("msvd-qa", official, annotations=str(official.parent / "tarsier")).samples())
    assert len(samples) == 6415
    assert len({sample.cluster for sample in samples}) == 245
