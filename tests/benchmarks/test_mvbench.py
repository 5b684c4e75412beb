import json
from pathlib import Path

import pytest

from eval.core import Clip
from eval.errors import DataError

WORLD = Path(__file__).parents[2] / "benchmarks" / "mini" / "world"


def official(video, answer="Left.", **more):
    return {"video": video, "question": "What next?", "candidates": ["Sat.", "Left.", "Ran."], "answer": answer, **more}


def upstream(idx, subset, vid, **more):
    prompt = "USER: <video>\nQuestion: What next?\n(A) Sat.\n(B) Left.\n(C) Ran.\nASSISTANT: Answer: ("
    text = {"prompt": prompt, "response": "B"}
    return {"idx": idx, "dataset": f"MVBench/{subset}", "text": text, "video_file": "<placeholder>", "vid": vid, **more}


@pytest.fixture
def trees(tree):
    """Build an official tree: rows by file name, and videos below video/."""

    def build(rows, videos=(), home="MVBench"):
        files = {f"{home}/json/{name}": values for name, values in rows.items()}
        return tree(files | {f"{home}/video/{name}": None for name in videos})

    return build


def write_rows(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


@pytest.fixture
def samples(make):
    def read(data, **settings):
        more = {key: str(value) if isinstance(value, Path) else value for key, value in settings.items()}
        return list(make("mvbench", data, **more).samples())

    return read


@pytest.mark.parametrize("home", ["MVBench", "mvbench", "."])
def test_the_official_trees(trees, samples, home):
    data = trees(
        {
            "action_sequence.json": [official("K3Q.mp4", start=4.0, end=9.5)],
            "fine_grained_action.json": [official("a.mp4", "Sat.", start=1, end=2), official("b.mp4", "Ran.")],
            "episodic_reasoning.json": [official("clip_1", start=0.0, end=3)],
        },
        ["star/Charades_v1_480/K3Q.mp4", "Moments_in_Time_Raw/videos/b.mkv", "tvqa/frames_fps3_hq/clip_1/00001.jpg"],
        home,
    )
    video = data / home / "video"
    first, *fine, episodic = samples(data)
    assert first.id == "MVBench/Action Sequence_0"
    assert (first.subset, first.benchmark, first.targets) == ("Action Sequence", "mvbench", ("B",))
    assert first.prompt == upstream(0, "", "")["text"]["prompt"]
    assert first.options == ("Sat.", "Left.", "Ran.")
    assert first.clip == Clip(source=video / "star/Charades_v1_480/K3Q.mp4", start=4.0, end=9.5)
    assert first.cluster == "star/Charades_v1_480/K3Q"
    assert [(sample.id, sample.targets) for sample in fine] == [
        ("MVBench/Fine-grained Action_0", ("A",)),
        ("MVBench/Fine-grained Action_1", ("C",)),
    ]
    # Not a bounded subtask, and the video is missing.
    assert fine[0].clip == Clip(source=video / "Moments_in_Time_Raw/videos/a.mp4")
    assert fine[1].clip.source == video / "Moments_in_Time_Raw/videos/b.mkv"
    assert episodic.clip == Clip(source=video / "tvqa/frames_fps3_hq/clip_1", start=0.0, end=3.0, fps=3.0)


@pytest.mark.parametrize("folder", ["data0613/star/Charades_v1_480", "star/star/Charades_v1_480", "elsewhere"])
def test_nested_copies(trees, samples, folder):
    data = trees({"action_prediction.json": [official("K3Q.mp4")]}, [f"{folder}/K3Q.mp4"])
    (sample,) = samples(data)
    assert sample.clip.source == data / "MVBench" / "video" / folder / "K3Q.mp4"


def test_a_video_of_another_subtask_is_not_taken_for_this_one(trees, samples):
    data = trees({"object_shuffle.json": [official("video_1.mp4")]}, ["clevrer/video_validation/video_1.mp4"])
    (sample,) = samples(data)
    assert not sample.clip.exists()
    assert sample.clip.source == data / "MVBench/video/perception/videos/video_1.mp4"


ROWS = {
    "action_sequence.json": [official("K3Q.mp4", start=4.0, end=9.5), official("L7.mp4", start=0.0, end=2)],
    "action_antonym.json": [official("12.webm")],
}
SAME = [
    upstream(0, "Action Sequence", "K3Q.mp4", start_time=4.0, end_time=9.5),
    upstream(1, "Action Sequence", "star/Charades_v1_480/L7", start_time=0, end_time=2),
    upstream(0, "Action Antonym", "12"),
]
VIDEOS = ["star/Charades_v1_480/K3Q.mp4", "star/Charades_v1_480/L7.mp4", "ssv2_video/12.webm"]


@pytest.mark.parametrize("place", ["annotations/MVBench.jsonl", "MVBench.jsonl"])
def test_upstream_rows_come_first_and_give_the_same_samples(trees, samples, place):
    data = trees(ROWS, VIDEOS)
    write_rows(data / place, *SAME)
    chosen, rows, files = samples(data), samples(data, source="upstream"), samples(data, source="official")
    assert chosen == rows
    for one, other in zip(rows, files, strict=True):
        assert (one.id, one.subset, one.prompt, one.targets) == (other.id, other.subset, other.prompt, other.targets)
        assert (one.clip, one.options, one.cluster) == (other.clip, other.options, other.cluster)
        assert one.clip.exists()


def test_explicit_annotations_with_videos_in_any_layout(samples, tmp_path):
    data = tmp_path / "videos"
    data.mkdir()
    frames = [f"tvqa/frames_fps3_hq/clip_1/{number:05}.jpg" for number in (1, 2)]
    for name in ("K3Q.mkv", *frames):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).touch()
    path = write_rows(
        tmp_path / "rows.jsonl",
        SAME[0],
        upstream(0, "Episodic Reasoning", "clip_1", video_file=frames, start_time=1, end_time=2),
        upstream(1, "Episodic Reasoning", "clip_1", start_time=1, end_time=2),
    )
    first, listed, folder = samples(data, annotations=path)
    assert first.clip.source == data / "K3Q.mkv"
    assert listed.clip == Clip(source=tuple(data / name for name in frames), fps=None)
    assert folder.clip == Clip(source=data / "tvqa/frames_fps3_hq/clip_1", start=1.0, end=2.0, fps=3.0)
    assert listed.cluster == folder.cluster == "tvqa/frames_fps3_hq/clip_1"


def test_annotations_may_be_the_folder_of_all_benchmarks(trees, samples, tmp_path):
    data = trees(ROWS, VIDEOS)
    write_rows(tmp_path / "all" / "MVBench.jsonl", *SAME[:1])
    assert len(samples(data, annotations=tmp_path / "all")) == 1
    assert len(samples(data, annotations=tmp_path / "MVBench")) == 3  # no such rows in it: the official files


def test_errors_name_the_place(trees, samples, tmp_path):
    with pytest.raises(DataError, match=r"looked for .*annotations/MVBench\.jsonl, .*/json; give their place"):
        samples(tmp_path)
    with pytest.raises(DataError, match=r"source=upstream\): looked for .*MVBench\.jsonl; give"):
        samples(trees(ROWS), source="upstream")
    with pytest.raises(DataError, match=r"gone\.jsonl does not exist"):
        samples(tmp_path, annotations=tmp_path / "gone.jsonl")
    data = trees({"action_count.json": [official("a.mp4"), official("a.mp4", "Stood.")]})
    with pytest.raises(DataError, match=r"action_count\.json: item 1: field 'answer' is 'Stood\.', which is none of"):
        samples(data, source="official")
    data = trees({"action_count.json": [official("../a.mp4")]})
    with pytest.raises(DataError, match=r"item 0: video '\.\./a\.mp4' leaves"):
        samples(data, source="official")


@pytest.mark.skipif(not (WORLD / "MVBench" / "json").exists(), reason="the built-in world is not rendered")
def test_both_sources_agree_on_the_built_in_world(samples):
    rows = {sample.id: sample for sample in samples(WORLD, source="upstream")}
    files = {sample.id: sample for sample in samples(WORLD, source="official")}
    assert list(rows.keys() - files.keys()) == list(files.keys() - rows.keys()) == []
    for key, row in rows.items():
        file = files[key]
        assert (row.prompt, row.targets, row.options) == (file.prompt, file.targets, file.options)
        assert (row.subset, row.cluster) == (file.subset, file.cluster)
        assert row.clip.exists()
        assert file.clip.exists()


def test_an_unknown_subtask_is_kept_and_warned_about_once(samples, tmp_path, caplog):
    rows = write_rows(tmp_path / "rows.jsonl", *(upstream(n, "Action Sequense", "a") for n in range(2)))
    found = samples(tmp_path, annotations=rows)
    assert [sample.subset for sample in found] == ["Action Sequense"] * 2
    (warning,) = caplog.messages
    assert "rows.jsonl:1: 'Action Sequense' is not a subset of MVBench" in warning
    assert "Did you mean 'Action Sequence'?" in warning


def test_one_file_is_not_shown_as_two_videos(make, tree, row):
    def asked(task):
        prompt = "USER: <video>\nQuestion: how many?\n(A) 1\n(B) 2\nASSISTANT: Answer: ("
        return row(f"MVBench/{task}", 0, prompt, "A", "video_10142")

    flat = {"video/video_10142.mp4": None, "annotations/MVBench.jsonl": [asked("Moving Count"), asked("Action Count")]}
    with pytest.raises(DataError, match=r"video_10142\.mp4 would be shown as .*video/clevrer.* video/perception"):
        list(make("mvbench", tree(flat)).samples())
    own = tree({"video/perception/videos/video_10142.mp4": None})
    count, action = make("mvbench", own).samples()
    assert count.clip.source == own / "video/video_10142.mp4"
    assert action.clip.source == own / "video/perception/videos/video_10142.mp4"


def test_a_question_with_a_single_candidate_is_read_and_counted(trees, samples, caplog):
    one = {"video": "a.mp4", "question": "q?", "candidates": ["Sat."], "answer": "Sat."}
    first, second = samples(trees({"action_count.json": [one, official("b.mp4")]}))
    assert (first.options, first.targets, "(A) Sat.\nASSISTANT" in first.prompt) == (("Sat.",), ("A",), True)
    assert len(second.options) == 3
    (line,) = [record.getMessage() for record in caplog.records if "single option" in record.getMessage()]
    assert "1 questions have a single option, and a chance level of 1" in line


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("mine.csv", "video_id,question\n1,q?\n", "a table with the columns video_id, question"),
        ("mine.jsonl", '{"video": "a.mp4"}\n', "JSON lines without 'dataset', with the fields video"),
        ("mine.json", '[{"video_id": "001", "questions": []}]', "nested JSON, a list of videos with the questions of"),
    ],
)
def test_annotations_of_another_form_are_named(tmp_path, samples, name, text, form):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as no:
        samples(tmp_path, annotations=tmp_path / name)
    assert f"{name} is {form}" in str(no.value)
    assert "Official files are read under their own names, here json: put the file as distributed" in str(no.value)
