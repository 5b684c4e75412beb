"""The data of a run's page, from runs of the built-in world."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from eval import config
from eval.analysis.page.clips import beside
from eval.analysis.page.run import caveats, flat, reason_group, run_payload
from eval.analysis.page.unfinished import predictions_so_far, unfinished_payload
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
        {"status": "invalid", "reason": "no option letter at the beginning of", "n": len(found["invalid"])}
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
    assert len(page["clips"]) < len(page["samples"]) or len({sample["clip"] for sample in page["samples"]}) == 30
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
    assert {sample["prompt"] for sample in page["samples"]} == {""}


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
    odd.write_bytes(b"")
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
