"""Pages at the end of a run, on request, and of a run that goes on."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from eval.analysis.page.clips import is_media
from eval.errors import ConfigError, DataError
from eval.report.page import page as pages
from eval.report.page.page import page_html
from eval.report.page.server import Places, application
from eval.running.bundling import bundle_run
from eval.running.merging import merge
from eval.running.reporting import report
from eval.running.request import EvalRequest, ScoreRequest
from eval.running.score_file import score
from eval.running.start import evaluate
from eval.running.watching import Watched, watch
from eval.runs.lock import FolderLock, seems_held
from eval.runs.progress import PROGRESS, Progress, ProgressFiles, read_progress
from tests.reading import ReadHere

MODEL = ("model=scripted", "model.outputs=[A,B,C,D]", "limit=6")


def run(out, *overrides, bench="mvbench", **more):
    return evaluate(EvalRequest(bench=bench, out=out, overrides=[*MODEL, *overrides], **more))


def data_of(page: str | Path):
    """Return the data inside a page."""
    text = page.read_text(encoding="utf-8") if isinstance(page, Path) else page
    found = re.search(r'id="payload">([^<]*)<', text)
    assert found
    return json.loads(gzip.decompress(base64.b64decode(found[1])))


@pytest.fixture(autouse=True)
def read_here(monkeypatch):
    monkeypatch.setattr("eval.engines.local.frame_loader", ReadHere)


def test_a_run_ends_with_a_page(tmp_path, capsys):
    run(tmp_path / "run")
    assert f"To look at: {tmp_path / 'run' / 'report.html'}" in capsys.readouterr().out
    found = data_of(tmp_path / "run" / "report.html")
    assert found["kind"] == "run"
    assert len(found["runs"][0]["samples"]) == 6


def test_of_several_benchmarks_each_and_all(tmp_path):
    run(tmp_path, bench="mvbench,nextqa")
    assert [len(data_of(tmp_path / name / "report.html")["runs"]) for name in ("mvbench", "nextqa")] == [1, 1]
    assert [one["benchmark"] for one in data_of(tmp_path / "report.html")["runs"]] == ["mvbench", "nextqa"]
    assert data_of(tmp_path / "report.html")["runs"][0]["clips"][0]["strip"]["url"].startswith("mvbench/thumbnails/")


def test_report_false_writes_none(tmp_path, capsys):
    run(tmp_path, "report=false", bench="mvbench,nextqa")
    score(ScoreRequest(predictions=tmp_path / "mvbench", out=tmp_path / "score", overrides=["report=false"]))
    assert not list(tmp_path.rglob("report.html"))
    assert "To look at" not in capsys.readouterr().out


def test_a_page_that_cannot_be_written_costs_no_result(tmp_path, monkeypatch, capsys):
    def broken(*_args, **_more):
        raise ValueError("nothing to draw on")

    monkeypatch.setattr("eval.running.reporting.write_page", broken)
    (result,) = run(tmp_path / "run")
    assert result.counts.total == 6
    shown = " ".join(capsys.readouterr().out.split())
    assert "No report was written: nothing to draw on. The result is not affected" in shown


def test_of_no_samples_there_is_no_page(tmp_path, capsys):
    run(tmp_path / "a", "limit=2", shard="2/2")
    run(tmp_path / "one" / "a", "limit=1", shard="2/2")
    shown = " ".join(capsys.readouterr().out.split())
    assert "No samples, no page." in shown
    assert "No report was written" not in shown
    with pytest.raises(ConfigError, match="one/a: no samples, no page"):
        report(tmp_path / "one" / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "one" / "b")
    assert [one["counts"]["total"] for one in data_of(report(tmp_path / "one"))["runs"]] == [1]


def test_no_pictures_where_none_are_wanted(tmp_path):
    run(tmp_path / "run", "video.thumbnails=false")
    assert not (tmp_path / "run" / "thumbnails").exists()
    clip = data_of(tmp_path / "run" / "report.html")["runs"][0]["clips"][0]
    assert clip["strip"] is None
    assert clip["media"][0]["frames"]


def test_merged_shards_keep_their_pictures(tmp_path):
    for k in (1, 2):
        run(tmp_path / str(k), shard=f"{k}/2")
    merge([tmp_path / "1", tmp_path / "2"], tmp_path / "whole")
    names = {path.name for k in "12" for path in (tmp_path / k / "thumbnails").iterdir()}
    assert {path.name for path in (tmp_path / "whole" / "thumbnails").iterdir()} == names


def test_a_page_is_written_where_it_is_wanted(tmp_path):
    run(tmp_path / "run")
    (tmp_path / "pages").mkdir()
    assert report(tmp_path / "run", tmp_path / "pages" / "a.html") == tmp_path / "pages" / "a.html"
    strip = data_of(tmp_path / "pages" / "a.html")["runs"][0]["clips"][0]["strip"]["url"]
    assert strip.startswith("../run/thumbnails/")
    with pytest.raises(ConfigError, match="its folder does not exist"):
        report(tmp_path / "run", tmp_path / "nowhere" / "a.html")


@pytest.mark.parametrize("what", ["empty", "not there"])
def test_what_is_no_run_is_refused(tmp_path, what):
    if what == "empty":
        (tmp_path / "x").mkdir()
    with pytest.raises(ConfigError, match=r"holds no result\.json"):
        report(tmp_path / "x")


def test_nothing_from_outside_is_markup(monkeypatch):
    monkeypatch.setattr(pages, "_asset", lambda name: f"/* {name} */")
    hostile = "</script><script>alert(1)</script><title>"
    text = page_html({"title": hostile, "runs": [hostile]})
    assert hostile not in text
    assert text.count("<script") == 2
    assert data_of(text)["runs"] == [hostile]
    assert "connect-src" not in text
    assert "connect-src 'self'" in page_html({"title": ""}, connect=True).replace("&#x27;", "'")


def served(folder, places=None):
    places = places or Places(is_media)
    return TestClient(application(Watched(folder, places), places), base_url="http://127.0.0.1")


def test_a_finished_run_is_served_as_it_is_on_disk(tmp_path):
    run(tmp_path / "run")
    client = served(tmp_path / "run")
    found = data_of(client.get("/").text)
    assert found["live"] == "live"
    assert client.get("/live").json()["state"] == "finished"
    sample = client.get("/live?payload").json()["runs"][0]["samples"][0]
    assert sample == data_of(tmp_path / "run" / "report.html")["runs"][0]["samples"][0]


def test_clips_are_served_in_parts_and_nothing_else_is(tmp_path):
    run(tmp_path / "run")
    client = served(tmp_path / "run")
    clip = client.get("/live?payload").json()["runs"][0]["clips"][0]
    part = client.get(clip["media"][0]["url"], headers={"Range": "bytes=0-9"})
    assert part.status_code == 206
    assert len(part.content) == 10
    assert part.headers["content-type"] == "video/mp4"
    assert "sandbox" in part.headers["content-security-policy"]
    assert client.get(clip["strip"]["url"]).content.startswith(b"RIFF")
    for path in ("files/9999", "files/-1", "files/../run.json", "run.json"):
        assert client.get(path).status_code == 404


def test_what_is_no_medium_any_more_is_not_served(tmp_path):
    run(tmp_path / "run")
    client = served(tmp_path / "run")
    url = client.get("/live?payload").json()["runs"][0]["clips"][0]["strip"]["url"]
    assert client.get(url).status_code == 200
    for picture in (tmp_path / "run" / "thumbnails").iterdir():
        picture.unlink()
        picture.symlink_to("/etc/passwd")
    assert client.get(url).status_code == 404


def test_files_that_a_run_names_elsewhere_are_not_served(tmp_path):
    run(tmp_path / "run")
    (tmp_path / "run" / "result.json").unlink()
    path = tmp_path / "run" / "predictions.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[0]["shown"][0]["file"] = "../../../../../../../../etc/passwd"
    rows[1]["shown"][0]["file"] = "/etc/passwd"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    clips = served(tmp_path / "run").get("/live?payload").json()["runs"][0]["clips"]
    urls = {clip["name"]: clip["media"][0]["url"] for clip in clips}
    assert [url for name, url in urls.items() if name.endswith("passwd")] == [None, None]
    assert all(url for name, url in urls.items() if not name.endswith("passwd"))


def test_other_names_of_this_machine_are_refused(tmp_path):
    run(tmp_path / "run")
    assert served(tmp_path / "run").get("/live", headers={"Host": "evil.example"}).status_code == 400


def test_a_run_that_goes_on(tmp_path):
    run(tmp_path / "run")
    (tmp_path / "run" / "result.json").unlink()
    files = ProgressFiles()
    files.write({tmp_path / "run": Progress(done=6, total=20, rate=2.5, seconds_left=5.6, workers=())})
    assert not files.due()
    client = served(tmp_path / "run")
    assert client.get("/live").json()["state"] == "stopped"
    with FolderLock(tmp_path / "run"):
        news = client.get("/live").json()
        assert (news["state"], news["done"], news["total"], news["rate"]) == ("running", 6, 20, 2.5)
        assert news["seconds_left"] == 5.6
        page = client.get("/live?payload").json()
        assert {sample["outcome"] for sample in page["runs"][0]["samples"]} == {"waiting"}
        before = news["version"]
        with (tmp_path / "run" / "predictions.jsonl").open("ab") as file:
            file.write(b'{"id": "half')
        assert client.get("/live").json()["version"] != before
        assert client.get("/live?payload").status_code == 200


def test_a_damaged_run_is_an_answer_and_no_crash(tmp_path):
    run(tmp_path / "run")
    (tmp_path / "run" / "scores.jsonl").write_text("x\n")
    answer = served(tmp_path / "run").get("/")
    assert answer.status_code == 503
    assert "scores.jsonl" in answer.text


def test_another_folder_is_not_watched(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ConfigError, match="holds no run"):
        watch(tmp_path, 0, print)


def test_a_run_that_begins_later_is_waited_for(tmp_path, monkeypatch):
    run(tmp_path / "made")
    told: list[str] = []
    monkeypatch.setattr(
        "eval.running.watching.time.sleep", lambda _: shutil.copytree(tmp_path / "made", tmp_path / "run")
    )
    monkeypatch.setattr("eval.running.watching.serve", lambda source, places, port, opened: opened("http://x/"))
    watch(tmp_path / "run", 0, told.append)
    assert told[0].startswith(f"Waiting for an evaluation to begin in {tmp_path / 'run'}")
    assert told[1] == "Open http://x/ (Ctrl-C ends it)"


def test_a_taken_port_is_one_line(tmp_path):
    import socket

    run(tmp_path / "run")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="cannot be had"):
            watch(tmp_path / "run", taken.getsockname()[1], print)


def test_how_far_a_run_is_is_gone_once_it_is_through(tmp_path):
    run(tmp_path / "run")
    assert not (tmp_path / "run" / PROGRESS).exists()
    assert read_progress(tmp_path / "run") is None


@pytest.mark.parametrize("content", ["", "x", "[]", '{"done": "a"}'])
def test_a_damaged_file_of_progress_is_none(tmp_path, content):
    (tmp_path / PROGRESS).write_text(content)
    assert read_progress(tmp_path) is None


@pytest.mark.parametrize(
    "content", ["", "x", '{"pid": 999999999, "host": "HERE"}', '{"pid": "a", "host": "HERE"}', "[]"]
)
def test_a_dead_holder_holds_nothing(tmp_path, content):
    import socket

    (tmp_path / ".lock").write_text(content.replace("HERE", socket.gethostname()))
    assert not seems_held(tmp_path)
    with FolderLock(tmp_path):
        assert seems_held(tmp_path)


def test_an_older_page_does_not_stay_beside_a_new_result(tmp_path):
    run(tmp_path, bench="mvbench,nextqa")
    again = ScoreRequest(predictions=tmp_path / "nextqa", out=tmp_path / "nextqa", overrides=["report=false"])
    score(again)
    assert not (tmp_path / "nextqa" / "report.html").exists()
    assert not (tmp_path / "report.html").exists()
    assert (tmp_path / "mvbench" / "report.html").exists()


def test_the_page_of_several_follows_a_new_score_of_one(tmp_path):
    run(tmp_path, bench="mvbench,nextqa")
    before = data_of(tmp_path / "report.html")["runs"][1]["date"]
    (tmp_path / "report.html").write_text("old")
    score(ScoreRequest(predictions=tmp_path / "nextqa", out=tmp_path / "nextqa"))
    assert data_of(tmp_path / "report.html")["runs"][1]["date"] >= before


def test_a_run_without_a_result_is_on_the_page_of_its_folder(tmp_path):
    run(tmp_path, bench="mvbench,nextqa")
    (tmp_path / "nextqa" / "result.json").unlink()
    report(tmp_path)
    assert [one["unfinished"] for one in data_of(tmp_path / "report.html")["runs"]] == [False, True]


def test_runs_of_one_benchmark_are_counted_as_runs(tmp_path):
    run(tmp_path / "a")
    run(tmp_path / "b", "model.name=other")
    report(tmp_path)
    assert data_of(tmp_path / "report.html")["title"] == "MVBench, 2 runs | scripted, other"


@pytest.mark.parametrize("name", ["predictions.jsonl", "page.htm", "result.json"])
def test_a_page_does_not_replace_another_file(tmp_path, name):
    run(tmp_path / "run")
    before = (tmp_path / "run" / "predictions.jsonl").read_bytes()
    with pytest.raises(ConfigError, match=r"a page is an \.html file"):
        report(tmp_path / "run", tmp_path / "run" / name)
    assert (tmp_path / "run" / "predictions.jsonl").read_bytes() == before


def test_a_bundle_is_named_by_its_file(tmp_path):
    run(tmp_path / "run")
    bundle_run(tmp_path / "run", tmp_path / "run.tar.gz")
    (found,) = data_of(report(tmp_path / "run.tar.gz"))["runs"]
    assert (found["name"], found["folder"]) == ("run.tar.gz", str(tmp_path / "run.tar.gz"))
    assert "tarsier-eval-" not in json.dumps(found["settings"])


def test_merged_benchmarks_have_a_page_of_all(tmp_path):
    for k in (1, 2):
        run(tmp_path / str(k), bench="mvbench,nextqa", shard=f"{k}/2")
    merge([tmp_path / "1", tmp_path / "2"], tmp_path / "whole")
    assert len(data_of(tmp_path / "whole" / "report.html")["runs"]) == 2


def test_a_benchmark_that_is_scored_shows_its_scores_while_others_go_on(tmp_path):
    run(tmp_path, bench="mvbench,nextqa")
    (tmp_path / "nextqa" / "result.json").unlink()
    going_on = {tmp_path / "nextqa": Progress(done=6, total=20, rate=1.0, seconds_left=9.0, workers=())}
    ProgressFiles().write(going_on)
    with FolderLock(tmp_path / "mvbench"), FolderLock(tmp_path / "nextqa"):
        found = served(tmp_path).get("/live?payload").json()["runs"]
    assert [one["unfinished"] for one in found] == [False, True]


def test_no_run_says_how_far_it_is_once_all_are_scored(tmp_path):
    run(tmp_path, bench="mvbench,nextqa,tvbench")
    assert not list(tmp_path.rglob(PROGRESS))


def test_a_pipe_in_place_of_a_file_stops_nothing(tmp_path):
    run(tmp_path / "run")
    (tmp_path / "run" / "predictions.jsonl").unlink()
    os.mkfifo(tmp_path / "run" / "predictions.jsonl")
    client = served(tmp_path / "run")
    assert client.get("/live").status_code == 200
    assert client.get("/").status_code == 503


def test_a_picture_that_is_a_link_is_not_merged(tmp_path):
    for k in (1, 2):
        run(tmp_path / str(k), shard=f"{k}/2")
    pictures = sorted((tmp_path / "1" / "thumbnails").iterdir())
    pictures[0].unlink()
    pictures[0].symlink_to("/etc/passwd")
    pictures[1].unlink()
    os.mkfifo(pictures[1])
    merge([tmp_path / "1", tmp_path / "2"], tmp_path / "whole")
    there = {path.name for path in (tmp_path / "whole" / "thumbnails").iterdir()}
    assert {pictures[0].name, pictures[1].name}.isdisjoint(there)


def test_a_subset_with_the_name_of_all_samples_is_refused(tmp_path):
    run(tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "run" / "predictions.jsonl").read_text().splitlines()]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps({**row, "subset": "overall"}) + "\n" for row in rows))
    with pytest.raises(DataError, match="its subset is named 'overall'"):
        score(ScoreRequest(predictions=tmp_path / "p.jsonl", bench="mvbench", out=tmp_path / "score"))
    assert not (tmp_path / "score" / "result.json").exists()
