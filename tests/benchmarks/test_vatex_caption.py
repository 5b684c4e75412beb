import pytest

from eval.errors import DataError
from eval.running.media_check import coverage

CLIPS = [{"videoID": f"{video}_000010_000020", "enCap": [f"A {video}.", "Again."]} for video in ("a_b", "-c", "dd")]
FILE = "VATEX/vatex_public_test_english_v1.1.json"


def test_official_file_with_videos_that_are_gone(make, tree):
    data = tree({FILE: CLIPS, "VATEX/videos/a_b_000010_000020.mkv": None})
    samples = list(make("vatex-caption", data).samples())
    assert [sample.id for sample in samples] == [f"VATEX-test_{clip['videoID']}" for clip in CLIPS]
    assert samples[0].targets == ("A a_b.", "Again.")
    assert samples[0].prompt == "USER: <video>\nCaption the video in one short sentence. ASSISTANT: "
    ((_, there),) = [(one.subset, (one.present, one.total)) for one in coverage(samples)]
    assert there == (1, 3)


def test_upstream_rows(make, tree, row):
    rows = [row("VATEX-test", n, "<video> Say.", clip["enCap"], clip["videoID"]) for n, clip in enumerate(CLIPS)]
    samples = list(make("vatex-caption", tree({"VATEX-test.jsonl": rows})).samples())
    assert [sample.cluster for sample in samples] == [clip["videoID"] for clip in CLIPS]


@pytest.mark.parametrize(
    ("clips", "said"),
    [
        ([*CLIPS, CLIPS[1]], "item 3: 'VATEX-test_-c_000010_000020' was asked at .*item 1"),
        ([{"videoID": "x", "enCap": "A."}], "item 0: field 'enCap' is \"A.\", expected a list of texts"),
        ([{"videoID": "x", "enCap": []}], "item 0: no reference for 'VATEX-test_x'"),
    ],
)
def test_bad_files(make, tree, clips, said):
    with pytest.raises(DataError, match=said):
        list(make("vatex-caption", tree({FILE: clips})).samples())
