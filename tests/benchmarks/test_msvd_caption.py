import pytest

from eval.errors import DataError

CAPTIONS = """# a comment

abc_1_2 a dog is running
xyz_5_9 a train caption
abc_1_2 the dog's paws are wet
-d_e_10_15 a cat sleeps
fgh_3_9 a bird
"""
MAPPING = "xyz_5_9 vid1300\nabc_1_2 vid1301\n-d_e_10_15 vid1302\nfgh_3_9 vid1970\n"


def test_official_files(make, tree):
    data = tree({"MSVD/AllVideoDescriptions.txt": CAPTIONS, "MSVD/youtube_mapping.txt": MAPPING,
                 "MSVD/YouTubeClips/abc_1_2.avi": None, "MSVD/video/vid1302.mp4": None})  # fmt: skip
    first, second, third = make("msvd-caption", data).samples()
    assert first.id == "MSVD-Caption-test_abc_1_2"
    assert first.prompt == "USER: <video>\nCaption the video in one short sentence. ASSISTANT: "
    assert first.targets == ("a dog is running", "the dog's paws are wet")
    assert second.targets == ("a cat sleeps",)
    assert first.clip.source == data / "MSVD/YouTubeClips/abc_1_2.avi"
    assert second.clip.source == data / "MSVD/video/vid1302.mp4"
    assert not third.clip.exists()


def test_upstream_rows(make, tree, row):
    references = [["A dog runs."], ["A cat.", "A cat sleeps."], "One."]
    rows = [row("MSVD-Caption-test", n, "<video> Say.", text, f"v_{n}_2") for n, text in enumerate(references)]
    data = tree({"annotations/MSVD-Caption-test.jsonl": rows})
    assert [sample.targets for sample in make("msvd-caption", data).samples()] == [
        ("A dog runs.",),
        ("A cat.", "A cat sleeps."),
        ("One.",),
    ]


@pytest.mark.parametrize(
    ("captions", "said"),
    [
        ("abc_1_2 a dog\n-d_e_10_15 x\n", r"AllVideoDescriptions\.txt: clip fgh_3_9: no reference for"),
        ("abc_1_2\n", r"AllVideoDescriptions\.txt:1: 'abc_1_2' where '<clip> <caption>' is expected"),
    ],
)
def test_bad_files(make, tree, captions, said):
    with pytest.raises(DataError, match=said):
        list(
            make("msvd-caption", tree({"AllVideoDescriptions.txt": captions, "youtube_mapping.txt": MAPPING})).samples()
        )


def test_real_rows(make, official):
    samples = list(make("msvd-caption", official, annotations=str(official.parent / "tarsier")).samples())
    assert len(samples) == 670
    assert sum(len(sample.targets) for sample in samples) == 27_763
