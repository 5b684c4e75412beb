"""A run does not go on with other files under the names of those that it began with, nor pass for one that saw them."""

from __future__ import annotations

import json

import pytest

from eval.__main__ import main
from eval.config import BUILTIN
from tests.cli.runs import evaluate, needs_world, read

pytestmark = [needs_world, pytest.mark.slow, pytest.mark.usefixtures("read_here")]


@pytest.fixture
def data(tmp_path):
    """Three rows of MSVD-QA, each about a clip of its own."""
    root = tmp_path / "data"
    root.mkdir()
    clips = sorted((BUILTIN / "world").rglob("*.mp4"))[:3]
    rows = []
    for i, clip in enumerate(clips):
        (root / f"v{i}.mp4").write_bytes(clip.read_bytes())
        text = {"prompt": "USER: <video>\nwhat? ASSISTANT:", "response": "red", "question": "what?"}
        rows.append({"idx": i, "dataset": "MSVD-QA-val", "text": text, "video_file": f"v{i}.mp4", "vid": f"v{i}"})
    (root / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


def ask(data, out, *more):
    return evaluate(
        out, "--data", str(data), "--ann", str(data / "rows.jsonl"), *more, "video.workers=1", bench="msvd-qa"
    )


def cut(out, n):
    """Leave a run as a kill after so many samples does."""
    path = out / "predictions.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:n]))
    (out / "result.json").unlink()


def replace(data, name, by):
    (data / name).write_bytes((data / by).read_bytes())


def test_other_files_under_the_same_names_are_refused_until_they_are_accepted_once(data, tmp_path, capsys):
    out = tmp_path / "run"
    assert ask(data, out) == 0
    before = [row["media"] for row in read(out / "predictions.jsonl")]
    assert len(set(before)) == 3
    cut(out, 2)
    replace(data, "v0.mp4", "v2.mp4")
    replace(data, "v2.mp4", "v1.mp4")  # not done yet, so that nobody was shown the other one
    capsys.readouterr()
    assert ask(data, out) == 2
    refused = capsys.readouterr().err
    assert "1 of its predictions were made from other files than are there now, such as MSVD-QA-val_0" in refused
    assert str(data / "v0.mp4") in refused
    assert "accept=[media]" in refused
    assert len(read(out / "predictions.jsonl")) == 2
    assert ask(data, out, "accept=[media]") == 0
    assert "goes on with another media, as accepted" in capsys.readouterr().err
    assert [row["media"] for row in read(out / "predictions.jsonl")] == [before[0], before[1], before[1]]
    (accepted,) = json.loads((out / "result.json").read_text())["provenance"]["accepted"]
    assert (accepted["field"], accepted["predictions"]) == ("media", 2)
    # It was said, and need not be said again; what is new has to be.
    assert ask(data, out) == 0
    assert len(json.loads((out / "run.json").read_text())["accepted"]) == 1
    replace(data, "v1.mp4", "v0.mp4")
    assert ask(data, out) == 2


def test_what_was_accepted_stays_so_for_each_sample(data, tmp_path):
    out = tmp_path / "run"
    assert ask(data, out) == 0
    first, second = ((data / name).read_bytes() for name in ("v0.mp4", "v1.mp4"))
    (data / "v0.mp4").write_bytes(second)
    (data / "v1.mp4").write_bytes(first)
    assert ask(data, out, "accept=[media]") == 0
    assert ask(data, out) == 0
    (data / "v0.mp4").unlink()
    assert ask(data, out) == 0
    (data / "v0.mp4").write_bytes(first)  # as it was at first
    assert ask(data, out) == 0
    replace(data, "v0.mp4", "v2.mp4")
    assert ask(data, out) == 2


def test_a_run_of_more_samples_is_refused_before_anything_is_written(data, tmp_path, capsys):
    out = tmp_path / "run"
    assert ask(data, out) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    changed = "accept=[limit,part,n_samples,prompts_sha256,data_sha256]"
    assert ask(data, out, "limit=2", changed) == 2
    assert "1 of its samples are not this run's, such as 'MSVD-QA-val_" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    assert ask(data, out) == 0


def test_files_that_are_gone_or_moved_change_nothing(data, tmp_path):
    out = tmp_path / "run"
    assert ask(data, out) == 0
    kept = (out / "predictions.jsonl").read_bytes()
    (data / "v0.mp4").unlink()
    moved = data.rename(tmp_path / "moved")
    assert ask(moved, out) == 0
    assert (out / "predictions.jsonl").read_bytes() == kept


def test_a_torn_line_does_not_hide_other_files(data, tmp_path, capsys):
    out = tmp_path / "run"
    assert ask(data, out) == 0
    cut(out, 2)
    with (out / "predictions.jsonl").open("a") as file:
        file.write('{"id": "MSVD-QA-v')
    replace(data, "v0.mp4", "v2.mp4")
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    assert ask(data, out) == 2
    assert "such as MSVD-QA-val_0" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    assert ask(data, out, "accept=[media]") == 0


def test_runs_that_were_shown_other_files_are_compared_only_where_that_is_accepted(data, tmp_path, capsys):
    first, second, third = (tmp_path / name for name in ("a", "b", "c"))
    assert ask(data, first) == ask(data, second) == 0
    replace(data, "v0.mp4", "v2.mp4")
    assert ask(data, third) == 0
    assert main(["compare", "--first", str(first), "--second", str(second)]) == 0
    capsys.readouterr()
    assert main(["compare", "--first", str(first), "--second", str(third)]) == 2
    assert "media: " in (refused := capsys.readouterr().err)
    assert "--accept media" in refused
    assert main(["compare", "--first", str(first), "--second", str(third), "--accept", "media"]) == 0


def test_predictions_that_are_not_those_that_were_scored_say_nothing_of_their_media(data, tmp_path, capsys):
    first, second, scored = (tmp_path / name for name in ("a", "b", "s"))
    assert ask(data, first) == ask(data, second) == 0
    assert main(["score", "--bench", "msvd-qa", "--pred", str(first), "--out", str(scored)]) == 0
    capsys.readouterr()
    assert main(["compare", "--first", str(scored), "--second", str(second)]) == 0
    assert "does not say its media" not in capsys.readouterr().out
    path = first / "predictions.jsonl"
    rows = read(path)
    rows[0]["media"] = "0" * 16
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["compare", "--first", str(scored), "--second", str(second)]) == 0
    assert "does not say its media: they were not compared" in " ".join(capsys.readouterr().out.split())


def test_a_score_names_the_data_of_its_run_as_it_is(data, tmp_path, capsys):
    odd = data.rename(tmp_path / "dät #1 with a name that is long enough for yaml to go on in another line of its own")
    out = tmp_path / "run"
    assert ask(odd, out) == 0
    assert main(["score", "--bench", "msvd-qa", "--pred", str(out), "--out", str(tmp_path / "s")]) == 0
    assert json.loads((tmp_path / "s" / "result.json").read_text())["provenance"]["data"] == str(odd)
    config = (out / "config.yaml").read_bytes()
    at = config.index("ä".encode()) if "ä".encode() in config else config.index(b"\\")
    (out / "config.yaml").write_bytes(config[: at + 1])
    capsys.readouterr()
    assert main(["score", "--bench", "msvd-qa", "--pred", str(out), "--out", str(tmp_path / "t")]) == 2
    assert "config.yaml is damaged" in capsys.readouterr().err
    assert main(["bundle", "--run", str(out), "--to", str(tmp_path / "b.tar.gz")]) == 2
    (out / "config.yaml").write_bytes(config + b"more: 1\n")
    capsys.readouterr()
    assert main(["bundle", "--run", str(out), "--to", str(tmp_path / "b.tar.gz")]) == 2
    assert "config.yaml is not as the run wrote it" in capsys.readouterr().err
