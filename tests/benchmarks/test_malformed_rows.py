"""Rows that cannot be read, in every benchmark and both kinds of annotations; the files are the built-in world's."""

from __future__ import annotations

import json
import shutil

import pytest

from eval.config import BUILTIN
from eval.errors import DataError
from eval.regression.fixed_settings import benchmarks_of_world, sources_of_world

SPOILT = ("test_q.json", "metadata.json", "questions.json", "video_perspective.json", "test_videodatainfo.json",
          "val_qa.json", "AllVideoDescriptions.txt", "action_sequence.json", "val.csv", "Test_frameqa_question.csv",
          "vatex_public_test_english_v1.1.json", "test-00000-of-00001.jsonl",
          "count.json", "yes_no.json", "entire_questions.json", "vinoground_textscore.json", "test.jsonl",
          "mc_question_valid.json", "lvb_val.json", "1_plotQA.json")  # fmt: skip


@pytest.fixture
def world(tmp_path):
    """Copy the annotation files of the built-in world."""

    def videos(folder, names):
        media = {"video", "videos", "gifs", "YouTubeClips"} | ({"data"} if folder.endswith("Video-MME") else set())
        return [name for name in names if name in media]

    return shutil.copytree(BUILTIN / "world", tmp_path / "world", ignore=videos)


def spoil(path):
    """Make the second and the fourth row of a file malformed, each in a way of its own."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        content = json.loads(text)
        rows = content.get("videos", content) if isinstance(content, dict) else content
        places = list(rows) if isinstance(rows, dict) else range(len(rows))
        rows[places[1]] = {"no": "such row"}
        if rows is content:
            rows[places[3 if len(rows) > 4 else 1]] = "not an object"
        path.write_text(json.dumps(content), encoding="utf-8")
        return
    lines = text.splitlines()
    first = path.suffix == ".csv"  # behind the heading
    lines[1 + first] = "{"
    lines[3 + first] = {".jsonl": '{"dataset": 5}', ".csv": lines[4] + ",\t" * 30, ".txt": "alone"}[path.suffix]
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "source"), [(name, source) for name in benchmarks_of_world() for source in sources_of_world(name)]
)
def test_a_malformed_row_stops_the_run_unless_told_to_skip_it(world, make, caplog, name, source):
    whole = [sample.id for sample in make(name, world, source=source).samples()]
    for path in list(world.rglob("*")):
        if path.parent.name == "annotations" if source == "upstream" else path.name in SPOILT:
            spoil(path)
    strict, lenient = (make(name, world, source=source, skip_malformed=skip) for skip in (False, True))
    with pytest.raises(DataError, match=str(world)):
        list(strict.samples())
    assert strict.describe()["malformed_rows_skipped"] == 0
    caplog.clear()
    left = [sample.id for sample in lenient.samples()]
    assert left == [one for one in whole if one in left]  # the same ids, in the same order
    assert left[-1] == whole[-1]  # one malformed row does not end the file
    # A caption of MSVD that is left out leaves the clip its others.
    assert (name != "msvd-caption" or source != "official") <= len(whole) - len(left) <= 8
    count = lenient.describe()["malformed_rows_skipped"]
    (warning,) = (record.message for record in caplog.records if "malformed" in record.message)
    assert warning.startswith(f"{name}: {count} malformed rows skipped, as skip_malformed says: {world}")
    list(lenient.samples())
    assert lenient.describe()["malformed_rows_skipped"] == count  # of the last reading, not of all


def test_the_first_three_are_named(tree, make, caplog):
    rows = [{"videoID": f"v{n}", "enCap": ["A cat."] if n > 4 else n} for n in range(6)]
    data = tree({"VATEX/vatex_public_test_english_v1.1.json": rows})
    built = make("vatex-caption", data, skip_malformed=True)
    assert [sample.cluster for sample in built.samples()] == ["v5"]
    file = data / "VATEX/vatex_public_test_english_v1.1.json"
    said = "; ".join(
        f"{file}: item {n}: field 'enCap' is {n}, expected a list of texts; correct it in the file" for n in range(3)
    )
    assert caplog.messages == [f"vatex-caption: 5 malformed rows skipped, as skip_malformed says: {said}; ..."]
    assert built.describe() == {"files": [str(file)], "hub": None, "malformed_rows_skipped": 5, "split_size": 6000}


def test_what_does_not_fit_together_is_malformed_too(tree, make):
    def qa(idx, video):
        return {"id": idx, "video_id": video, "question": "who?", "answer": "man"}

    data = tree({"MSRVTT-QA/val_qa.json": [qa(1, 6513), qa(1, 6514), qa(2, 1), qa(3, 7009)]})
    built = make("msrvtt-qa", data, skip_malformed=True)
    # The second repeats an id, the third asks about a video of the train split.
    assert [sample.id for sample in built.samples()] == ["MSR-VTT-QA-val_q1", "MSR-VTT-QA-val_q3"]
    assert built.describe()["malformed_rows_skipped"] == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [("[{]", "not valid JSON"), ("{}", "a list of objects"), ("[{}, 5]", "no question of split 'test' in it")],
)
def test_a_file_is_never_skipped(tree, make, content, said):
    data = tree({"VATEX/vatex_public_test_english_v1.1.json": content})
    with pytest.raises(DataError, match=said):
        list(make("vatex-caption", data, skip_malformed=True).samples())


def test_without_a_sound_row_of_upstream_there_is_no_run(tree, make, row):
    data = tree({"MVBench.jsonl": [row("MVBench/Action Count", 0, "USER: <video>\n(A) 1\n(B) 2\n", "Z", "1")]})
    with pytest.raises(DataError, match="no question of split 'test' in it"):
        list(make("mvbench", data, skip_malformed=True).samples())


def test_an_answer_is_missing_where_others_have_one(tree, make, row):
    prompt = "USER: <video>\n(A) 1\n(B) 2\n"
    rows = [row("MVBench/Action Count", n, prompt, "A" if n else "", "1") for n in range(2)]
    data = tree({"MVBench.jsonl": rows})
    with pytest.raises(DataError, match=r"MVBench\.jsonl:1: 'MVBench/Action Count_0' has no answer"):
        list(make("mvbench", data).samples())
    assert len(list(make("mvbench", data, skip_malformed=True).samples())) == 1
