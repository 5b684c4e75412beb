"""The data of a run's page, from runs of the built-in world."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from eval import config
from eval.analysis.page.clips import Clips, beside, is_media
from eval.analysis.page.run import caveats, flat, grouped, reason_group, run_payload
from eval.analysis.page.samples import _marks, _question
from eval.analysis.page.unfinished import predictions_so_far, unfinished_payload
from eval.captions.matched import common_ngrams
from eval.core import IMAGE_EXTENSIONS, VIDEO_EXTENSIONS, Clip, Prediction, Sample, Shown
from eval.errors import RunError
from eval.running.request import EvalRequest, ScoreRequest
from eval.running.score_file import score
from eval.running.start import evaluate
from eval.runs.scored import ScoredRun
from tests.reading import ReadHere

WORLD = config.BUILTIN / "world"
GIVEN = {
    "mvbench": ["model.outputs=[A,'(B) x','no idea']", "limit=30"],
    "msvd-qa": ["model.outputs=[red,a dog]"],
    "msvd-caption": ["model.outputs=['A green circle turns blue']"],
    "dream-1k": ["model.outputs=['A red cross shrinks. It rains.']"],
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A run of a scripted model on a benchmark of each task."""
    base = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eval.engines.local.frame_loader", ReadHere)
        for bench, overrides in GIVEN.items():
            evaluate(EvalRequest(bench=bench, out=base / bench, overrides=["model=scripted", *overrides]))
    return base


@pytest.fixture(scope="module")
def payloads(folders):
    return {bench: payload(folders / bench) for bench in GIVEN}


def payload(folder):
    return run_payload(ScoredRun.read(folder), page_folder=folder)


def by_outcome(payload):
    found: dict[str, list[dict[str, Any]]] = {}
    for sample in payload["samples"]:
        found.setdefault(sample["outcome"], []).append(sample)
    return found


def test_every_sample_of_the_scores_and_every_metric(folders, payloads):
    for bench, page in payloads.items():
        rows = [json.loads(line) for line in (folders / bench / "scores.jsonl").read_text().splitlines()]
        assert [sample["id"] for sample in page["samples"]] == [row["id"] for row in rows]
        result = json.loads((folders / bench / "result.json").read_text())
        assert json.loads(json.dumps(page["metrics"])) == result["metrics"]
        assert {each["name"] for each in page["metrics"]} <= {each["name"] for each in page["traits"]}
        json.dumps(page, allow_nan=False)


def test_answers_are_right_wrong_or_none(payloads):
    found = by_outcome(payloads["mvbench"])
    assert set(found) == {"right", "wrong", "invalid"}
    for sample in found["right"]:
        assert sample["answer"] == sample["target"] == sample["targets"][0]
        assert sample["values"]["accuracy"] == 1
    (mark,) = found["wrong"][0]["marks"]
    assert found["wrong"][0]["output"][mark["start"] : mark["end"]] == found["wrong"][0]["answer"]
    assert all(sample["reason"] and not sample["values"] for sample in found["invalid"])
    assert payloads["mvbench"]["failures"] == [
        {
            "status": "invalid",
            "reason": "no option letter at the beginning of",
            "label": "no option letter at the beginning of ...",
            "n": len(found["invalid"]),
        }
    ]


def test_the_question_stands_without_its_options(payloads):
    sample = payloads["mvbench"]["samples"][0]
    assert sample["question"].endswith("?")
    assert "(A)" not in sample["question"]
    assert sample["options"][0] in sample["prompt"]


def test_graded_answers_have_the_judges_replies(payloads):
    sample = payloads["msvd-qa"]["samples"][0]
    assert sample["outcome"] in ("right", "wrong")
    (verdict,) = sample["verdicts"]
    assert verdict["stage"] == "grade answers"
    assert json.loads(verdict["reply"])["pred"] in ("yes", "no")
    assert {"accuracy", "score", "exact_match", "contained"} <= sample["values"].keys()


def test_captions_have_their_references_marked(payloads):
    sample = payloads["msvd-caption"]["samples"][0]
    assert sample["outcome"] == "scored"
    assert [each["text"] for each in sample["references"]] == sample["targets"]
    assert any(each["marks"] for each in sample["references"])
    assert sample["marks"][0]["kind"] == "ngram"


def test_descriptions_have_events_of_both_sides(payloads):
    sample = payloads["dream-1k"]["samples"][0]
    text = sample["references"][0]["text"]
    for event in sample["events"]["reference"]:
        assert event["label"] in ("entailment", "neutral", "contradiction")
        start, end = event["span"]
        assert text[start:end]
    assert sample["values"].keys() >= {"f1", "recall", "precision"}
    recall, precision = (sample["values"][name] for name in ("recall", "precision"))
    expected = 2 * recall * precision / (recall + precision) if recall + precision else 0.0
    assert sample["values"]["f1"] == pytest.approx(expected)


def test_samples_of_one_clip_share_it_and_it_can_be_found(folders, payloads):
    page = payloads["mvbench"]
    shown = {json.dumps(clip["media"]) for clip in page["clips"]}
    assert len(shown) == len(page["clips"]) == len({sample["clip"] for sample in page["samples"]}) < 30
    clip = page["clips"][page["samples"][0]["clip"]]
    (medium,) = clip["media"]
    assert (folders / "mvbench" / medium["url"]).resolve() == (WORLD / medium["file"]).resolve()
    assert len(medium["frames"]) == len(medium["times"]) == 8
    assert (folders / "mvbench" / clip["strip"]["url"]).is_file()


def test_without_pictures_and_clips_it_says_so(folders, tmp_path):
    """A score of a copy whose pictures are gone, of predictions of an earlier version."""
    copy = tmp_path / "run"
    shutil.copytree(folders / "mvbench", copy)
    shutil.rmtree(copy / "thumbnails")
    assert all(clip["strip"] is None for clip in payload(copy)["clips"])
    lines = [json.loads(line) for line in (copy / "predictions.jsonl").read_text().splitlines()]
    old = [{key: value for key, value in line.items() if key not in ("shown", "strip")} for line in lines]
    (tmp_path / "old.jsonl").write_text("".join(json.dumps(line) + "\n" for line in old))
    score(ScoreRequest(predictions=tmp_path / "old.jsonl", bench="mvbench", out=tmp_path / "score"))
    page = payload(tmp_path / "score")
    assert page["clips"] == []
    assert {sample["clip"] for sample in page["samples"]} == {None}


def test_a_score_shows_the_pictures_of_its_run(folders, tmp_path):
    score(ScoreRequest(predictions=folders / "mvbench", out=tmp_path / "score"))
    strip = payload(tmp_path / "score")["clips"][0]["strip"]
    assert (tmp_path / "score" / strip["url"]).resolve().parent == (folders / "mvbench" / "thumbnails").resolve()


def test_scores_whose_predictions_are_gone_still_show(folders, tmp_path):
    score(ScoreRequest(predictions=folders / "mvbench", out=tmp_path / "score"))
    moved = json.loads((tmp_path / "score" / "result.json").read_text())
    run = tmp_path / "gone"
    run.mkdir()
    for name in ("result.json", "scores.jsonl"):
        (run / name).write_text((tmp_path / "score" / name).read_text().replace(str(folders), "/nowhere"))
    assert moved["provenance"]["predictions"].startswith(str(folders))
    page = run_payload(ScoredRun.read(run), page_folder=run)
    assert len(page["samples"]) == 30
    assert {sample["output"] for sample in page["samples"]} == {None}
    assert "The output is no longer at hand." in page["samples"][0]["why"]
    assert any(caveat.startswith("The outputs are not shown") for caveat in page["caveats"])
    assert not any(sample["marks"] for sample in page["samples"])


def test_why_a_number_is_not_comparable(folders):
    found = caveats(ScoredRun.read(folders / "mvbench"))
    assert found[0] == "Its data are the built-in world: rendered clips that check the pipeline."
    assert any(line.startswith("LIMIT=30 draws") for line in found)
    judged = caveats(ScoredRun.read(folders / "msvd-qa"))
    assert any(line.startswith("The judge offline is a placeholder") for line in judged)


def test_published_numbers_say_why_they_are_not_comparable(payloads):
    rows = payloads["dream-1k"]["published"]
    assert rows
    assert not any(row["comparable"] for row in rows)
    assert all("its judge is" in row["note"] for row in rows)
    assert [row["value"] for row in rows] == sorted((row["value"] for row in rows), reverse=True)


def test_settings_are_rows():
    assert flat({"a": {"b": 1, "c": [1, 2]}, "d": None, "e": [{"x": True}], "f": []}) == [
        {"label": "a.b", "value": "1"},
        {"label": "a.c", "value": "1, 2"},
        {"label": "d", "value": "not set"},
        {"label": "e.0.x", "value": "True"},
        {"label": "f", "value": "none"},
    ]


def test_reasons_are_counted_by_what_they_share():
    assert reason_group("missing: /data/a.mp4 does not exist") == "missing"
    assert reason_group("no option letter at the beginning of 'x'") == "no option letter at the beginning of"


def test_places_are_relative_and_quoted(tmp_path):
    odd = tmp_path / "a b#c.mp4"
    odd.write_bytes(b"\0\0\0\x20ftypisom")
    (tmp_path / "page").mkdir()
    assert beside(tmp_path / "page")(odd) == "../a%20b%23c.mp4"
    assert beside(tmp_path)(Path("/nowhere/a.mp4")) is None


def test_a_run_that_is_not_through(folders, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(folders / "mvbench", copy)
    for name in ("result.json", "scores.jsonl"):
        (copy / name).unlink()
    content = (copy / "predictions.jsonl").read_bytes()
    lines = content.splitlines(keepends=True)
    (copy / "predictions.jsonl").write_bytes(b"".join(lines[:5]) + lines[5][:40])
    assert len(predictions_so_far(copy)) == 5
    page = unfinished_payload(copy, beside(copy))
    assert page["title"] == "MVBench"
    assert {sample["outcome"] for sample in page["samples"]} == {"waiting"}
    assert page["counts"]["total"] == 5
    assert page["clips"][0]["media"][0]["url"]


@pytest.mark.parametrize("name", ["predictions.jsonl", "scores.jsonl", "result.json"])
def test_a_run_that_was_edited_is_refused(folders, tmp_path, name):
    copy = tmp_path / "run"
    shutil.copytree(folders / "mvbench", copy)
    content = (copy / name).read_text()
    changed = content.replace('"output": "A"', '"output": "B is what I said"').replace('"value": 0.', '"value": 0.9')
    (copy / name).write_text(changed.replace('"accuracy": 1.0', '"accuracy": 0.0'))
    assert (copy / name).read_text() != content
    with pytest.raises(RunError, match="is not"):
        payload(copy)


@pytest.mark.parametrize("file", ["../../../../../../../../etc/passwd", "/etc/passwd", "annotations/MVBench.jsonl"])
def test_only_media_of_the_data_folder_are_named(tmp_path, file):
    clips = Clips(WORLD, tmp_path, beside(tmp_path))
    said = Prediction(id="a", prompt="", output="A", shown=(Shown(file=file, frames=(0,)),))
    assert clips.add(said) == 0
    assert clips.rows[0]["media"][0]["url"] is None


def test_what_only_looks_like_media_is_not_named(tmp_path):
    (tmp_path / "a.mp4").write_text("root:x:0:0")
    (tmp_path / "b.webp").symlink_to(tmp_path / "a.mp4")
    os.mkfifo(tmp_path / "c.mp4")
    for name in ("a.mp4", "b.webp", "c.mp4", "d" * 300 + ".mp4"):
        assert not is_media(tmp_path / name)
    for file in ("MVBench/video/star/Charades_v1_480/S0000.mp4", "MSVD/YouTubeClips/_miniUqDSYA_15_19.avi"):
        assert is_media(WORLD / file)


def test_every_clip_of_the_built_in_world_is_media():
    files = [path for path in WORLD.rglob("*") if path.suffix[1:] in (*VIDEO_EXTENSIONS, *IMAGE_EXTENSIONS, "gif")]
    assert len(files) > 100
    assert [path.name for path in files if not is_media(path)] == []


def test_a_part_says_why_its_headline_has_no_value(tmp_path, monkeypatch):
    monkeypatch.setattr("eval.engines.local.frame_loader", ReadHere)
    evaluate(EvalRequest(bench="mvbench/action_sequence", out=tmp_path / "a", overrides=["model=scripted", "limit=3"]))
    assert payload(tmp_path / "a")["no_value"] == (
        "It is an average over subsets, 13 of which have no sample in this part."
    )


def test_a_shard_says_that_it_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr("eval.engines.local.frame_loader", ReadHere)
    evaluate(EvalRequest(bench="nextqa", out=tmp_path / "a", shard="1/4", overrides=["model=scripted"]))
    assert any(line.startswith("It is shard 1/4 of a run of") for line in payload(tmp_path / "a")["caveats"])


def test_many_reasons_are_cut_off():
    counts = {("model_failed", f"reason {number}"): 1 for number in range(100)}
    found = grouped({**counts, ("judge_failed", "x" * 1000): 7})
    assert len(found) == 41
    assert found[0] == {"status": "judge_failed", "reason": "x" * 120, "label": f"{'x' * 120} ...", "n": 7}
    assert found[-1] == {"status": "model_failed", "reason": None, "label": "others, of 61 kinds", "n": 61}


def test_places_in_texts_are_counted_as_browsers_do():
    text = "\U0001f600 a circle \U0001f600 moves"
    (marks, _) = common_ngrams(text, ["a circle moves"])
    found = _marks(text, marks)
    utf16 = text.encode("utf-16-le")
    texts = [utf16[2 * one["start"] : 2 * one["end"]].decode("utf-16-le") for one in found]
    assert texts == ["a circle \U0001f600 moves"]


@pytest.mark.parametrize(
    ("question", "prompt", "expected"),
    [
        ("Question: What runs?\n(A) dog\n(B) cat\n", "", "What runs?"),
        ("How many? Options:\n(A) dog", "", "How many?"),
        ("What runs, a dog or a cat?", "", "What runs, a dog or a cat?"),
        (
            "What follows?\n(A) dog\n(B) cat\nOf these:\nA) dog\nB) cat",
            "",
            "What follows?\n(A) dog\n(B) cat\nOf these:",
        ),
        ("In which order?\nA. ran\nB. sat", "", "In which order?\nA. ran\nB. sat"),
        (None, "USER: <video>\nWhat runs?\nA. dog\nB. cat\nAnswer: ASSISTANT:", "What runs?"),
    ],
)
def test_the_words_around_a_question_go(question, prompt, expected):
    sample = Sample(
        id="a", benchmark="b", subset="", clip=Clip(source=()), prompt=prompt, targets=("A",), options=("dog", "cat"),
        metadata={} if question is None else {"question": question},
    )  # fmt: skip
    assert _question(sample) == expected


def test_the_words_around_a_question_whose_options_are_empty_go():
    sample = Sample(
        id="a", benchmark="b", subset="", clip=Clip(source=()), targets=("A",), options=("", ""),
        prompt="USER: <video>\nQuestion: What is it?\n(A) \n(B) \nASSISTANT: Answer: (",
    )  # fmt: skip
    assert _question(sample) == "What is it?"
