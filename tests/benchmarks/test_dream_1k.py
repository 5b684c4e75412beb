import collections
import json

import pytest

from eval.errors import DataError


def clip(idx, source="movie_animation", **more):
    about = {"duration": 5.5, "n_subjects": 2, "n_shots": 1, "n_events": 1}
    return {"idx": idx, "video_file": f"video/{idx}.mp4", "source": source, **about, "description": f"Text {idx}.",
            "events": ["A man runs."], **more}  # fmt: skip


CLIPS = [clip(1), clip(401, "shorts", events=[], n_events=0), clip(601, "stock")]


@pytest.mark.parametrize("as_lines", [False, True])
def test_official_metadata(make, tree, as_lines):
    text = "\n".join(json.dumps(one) for one in CLIPS) if as_lines else json.dumps(CLIPS)
    data = tree({"DREAM-1K/json/metadata.json": text, "DREAM-1K/video/1.mp4": None, "other/601.mp4": None})
    first, short, stock = make("dream-1k", data).samples()
    assert (first.id, first.subset, first.targets) == ("DREAM/movie_animation_1", "movie_animation", ("Text 1.",))
    assert first.prompt == "<video>\nDescribe the video in detail."
    assert first.metadata["events"] == ["A man runs."]
    assert {key: first.metadata[key] for key in ("n_subjects", "n_shots", "n_events", "duration")} == {
        "n_subjects": 2.0, "n_shots": 1.0, "n_events": 1.0, "duration": 5.5}  # fmt: skip
    assert (short.subset, short.metadata["events"]) == ("shorts", [])
    assert first.clip.source == data / "DREAM-1K/video/1.mp4"
    # The folder of another data set holds a clip of the same number.
    assert stock.clip.source == data / "DREAM-1K/video/601"


def test_both_branches_name_sources_alike(make, tree, row, messages):
    one = [row("DREAM/shorts", 401, "<video>\nDescribe.", "Text.", 401, extra_info={"events": ["A."], "n_events": 1}),
           row("DREAM/stock", 601, "<video>\nDescribe.", "Text.", 601), row("DREAM/youtube", 801, "<video>\nDo.", "T.", 801)]  # fmt: skip # noqa: E501
    other = [messages(f"DREAM/{name}", idx, "Describe.", "", "Text.", idx)
             for name, idx in (("vertical_video", 401), ("videvo", 601), ("youtube", 801))]  # fmt: skip
    for rows in (one, other):
        data = tree({"annotations/DREAM-1k.jsonl": rows})
        samples = list(make("dream-1k", data).samples())
        assert [sample.subset for sample in samples] == ["shorts", "stock", "youtube"]
        assert samples[0].prompt == "<video>\nDescribe."
        assert samples[0].targets == ("Text.",)
    tree({"annotations/DREAM-1k.jsonl": one})
    assert next(make("dream-1k", data).samples()).metadata["events"] == ["A."]


def test_in_a_shared_root_numbers_are_not_taken_from_others(make, tree, row):
    rows = [row("DREAM/stock", 601, "<video>\nDescribe.", "Text.", 601)]
    data = tree({"annotations/DREAM-1k.jsonl": rows, "TGIF/videos/601.mp4": None})
    (sample,) = make("dream-1k", data).samples()
    assert not sample.clip.exists()
    tree({"video/601.mp4": None})
    (sample,) = make("dream-1k", data).samples()
    assert sample.clip.source == data / "video/601.mp4"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": "cinema"}, "item 0: 'cinema' is not a subset of DREAM-1K"),
        ({"events": "none"}, "item 0: field 'events' is \"none\", expected a list of texts"),
        ({"idx": 401, "source": "shorts"}, "item 1: 'DREAM/shorts_401' was asked at .*item 0"),
    ],
)
def test_bad_items(make, tree, change, said):
    data = tree({"json/metadata.json": [clip(1) | change, *CLIPS[1:]]})
    with pytest.raises(DataError, match=said):
        list(make("dream-1k", data).samples())


def test_real_rows(make, official):
    samples = list(make("dream-1k", official, annotations=str(official.parent / "tarsier")).samples())
    assert len(samples) == 1000
    assert set(collections.Counter(sample.subset for sample in samples).values()) == {200}
    assert [s.metadata["vid"] for s in samples if not s.metadata["events"]] == ["649", "804", "980", "981"]
