import pytest

from eval.errors import DataError


def asked(number, video, answer="couch"):
    return {"id": number, "category_id": 14, "video_id": video, "question": "what is it?", "answer": answer}


def test_official_files(make, tree):
    val = [asked(158581, 6513), asked(158582, 6513, "tv"), asked(158583, 7009)]
    data = tree({"MSRVTT-QA/val_qa.json": val, "MSRVTT-QA/test_qa.json": [asked(9, 7010)],
                 "MSRVTT/TrainValVideo/video6513.mp4": None, "MSRVTT/videos/all/video7009.webm": None})  # fmt: skip
    first, _, last = make("msrvtt-qa", data).samples()
    assert (first.id, first.targets, first.cluster) == ("MSR-VTT-QA-val_q158581", ("couch",), "video6513")
    assert first.clip.source == data / "MSRVTT/TrainValVideo/video6513.mp4"
    assert last.clip.source == data / "MSRVTT/videos/all/video7009.webm"
    assert [sample.cluster for sample in make("msrvtt-qa", data, split="test").samples()] == ["video7010"]


def test_upstream_rows(make, tree, row):
    rows = [row("MSR-VTT-QA-val", n, "<video> Q?", "couch", "video6513", question="Q?") for n in range(3)]
    data = tree({"annotations/MSR-VTT-QA-val.jsonl": rows, "MSRVTT/videos/video6513.mp4": None})
    samples = list(make("msrvtt-qa", data).samples())
    assert [sample.id for sample in samples] == [f"MSR-VTT-QA-val_{n}" for n in range(3)]
    assert samples[0].clip.source == data / "MSRVTT/videos/video6513.mp4"


@pytest.mark.parametrize(("video", "split"), [(7010, "test"), (6512, "train"), (10000, "no")])
def test_the_file_of_another_split(make, tree, video, split):
    data = tree({"MSRVTT-QA/val_qa.json": [asked(1, video)]})
    with pytest.raises(DataError, match=f"is {video}, a video of {split} split, where 'val' has 6513 to 7009"):
        list(make("msrvtt-qa", data).samples())
