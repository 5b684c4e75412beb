import pytest

from eval.errors import DataError

VIDEOS = [{"video_id": f"video{number}", "split": "test"} for number in (7010, 7011, 9999)]
SENTENCES = [
    {"video_id": video, "sen_id": number, "caption": f"caption {number}"}
    for number, video in enumerate(["video7011", "video7010", "video9999", "video7011"])
]


def test_official_file(make, tree):
    data = tree({"MSRVTT/test_videodatainfo.json": {"info": {}, "videos": VIDEOS, "sentences": SENTENCES},
                 "MSRVTT/TestVideo/video7011.mp4": None})  # fmt: skip
    samples = list(make("msrvtt-caption", data).samples())
    assert [(sample.id, sample.targets) for sample in samples] == [
        ("MSR-VTT-Caption-test_video7010", ("caption 1",)),
        ("MSR-VTT-Caption-test_video7011", ("caption 0", "caption 3")),
        ("MSR-VTT-Caption-test_video9999", ("caption 2",)),
    ]
    assert samples[1].clip.source == data / "MSRVTT/TestVideo/video7011.mp4"


def test_upstream_rows(make, tree, row):
    rows = [row("MSR-VTT-Caption-test", n, "<video> Say.", ["A.", "B."], f"video701{n}") for n in range(3)]
    data = tree({"annotations/MSR-VTT-Caption-test.jsonl": rows, "msrvtt/videos/video7010.mp4": None})
    samples = list(make("msrvtt-caption", data).samples())
    assert [sample.clip.exists() for sample in samples] == [True, False, False]
    assert samples[0].targets == ("A.", "B.")


@pytest.mark.parametrize(
    ("videos", "sentences", "said"),
    [
        (
            [{"video_id": "video1"}],
            [],
            "field 'videos.0..video_id' is video1, a video of train split, where 'test' has",
        ),
        (VIDEOS, SENTENCES[:2], "no reference for 'MSR-VTT-Caption-test_video9999'"),
        (VIDEOS[:2], SENTENCES, "field 'sentences.2..video_id' is video9999, which is not among the videos"),
        ([*VIDEOS, VIDEOS[0]], SENTENCES, "field 'videos.3..video_id' is 'video7010', as at"),
    ],
)
def test_bad_files(make, tree, videos, sentences, said):
    with pytest.raises(DataError, match=said):
        list(
            make(
                "msrvtt-caption", tree({"test_videodatainfo.json": {"videos": videos, "sentences": sentences}})
            ).samples()
        )
