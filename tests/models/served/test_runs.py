"""Whole runs with a model behind the stand-in server: settings, files, bills, and runs that are taken up again."""

from __future__ import annotations

import json

import pytest

from eval.__main__ import main
from tests.client import faults
from tests.client.faults import Reply
from tests.client.server import JudgeServer
from tests.models.served.test_served import opened

PRICES = "as_of: 2026-11-01\nmodels: {stand-in-2026-01-01: {input: 1, output: 2}}\n"


@pytest.fixture
def evaluate(tmp_path):
    (tmp_path / "prices.yaml").write_text(PRICES)

    def run(url, *more, model=None, bench="mvbench", out="run"):
        flags = ["--bench", bench, "--model", model or url, "--out", str(tmp_path / out)]
        mine = [f"replies={tmp_path / 'r.sqlite'}", f"prices={tmp_path / 'prices.yaml'}"]
        return main(["eval", *flags, *mine, "model.tries=2", "model.timeout_s=20", *more])

    return run


def result(tmp_path, out="run"):
    return json.loads((tmp_path / out / "result.json").read_text())


def predictions(tmp_path, out="run"):
    lines = (tmp_path / out / "predictions.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_run_on_the_built_in_world(evaluate, tmp_path, capsys):
    with JudgeServer(lambda _: "A", continues=True) as server:
        assert evaluate(server.url, "limit=3") == 0
        n_requests = len(server.requests)
        found = result(tmp_path)
        assert found["model"] == "stand-in-2026-01-01"
        assert (found["serving"]["calls"], found["serving"]["asked"], found["serving"]["failed"]) == (3, 3, 0)
        assert found["serving"]["cost"] > 0
        model = found["provenance"]["model"]
        assert (model["answer_prefix"], model["media"], model["n_frames"]) == ("continued", "images", 8)
        assert [line["n_frames"] for line in predictions(tmp_path)] == [8, 8, 8]
        assert "Model's bill: $" in capsys.readouterr().out
        # Another folder asks nothing again.
        assert evaluate(server.url, "limit=3", out="again") == 0
        assert len(server.requests) == n_requests
        again = result(tmp_path, "again")
        assert (again["serving"]["stored"], again["serving"]["cost"]) == (3, 0)
        assert again["metrics"] == found["metrics"]


def test_the_setting_of_frames_and_the_names_of_servers(evaluate, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    with JudgeServer(lambda _: "A", key="sk-0123456789abcdef") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert evaluate("", "frames=uniform-16", "limit=2", model="openai:org/stand-in") == 0
        described = result(tmp_path)["provenance"]["model"]
        assert (described["requested"], described["n_frames"]) == ("org/stand-in", 16)
        monkeypatch.setenv("AZURE_OPENAI_API_KEY", "sk-0123456789abcdef")
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.root)
        assert evaluate("", "limit=2", model="azure:mine", out="azure") == 0
        assert result(tmp_path, "azure")["provenance"]["model"]["requested"] == "mine"
        assert server.requests[-1].request.path.startswith("/openai/deployments/mine/")
    assert evaluate("", "limit=2", model="openai:", out="none") == 2
    assert "--model openai: is incomplete; it takes the form openai:<model>." in capsys.readouterr().err
    assert evaluate("", "limit=2", model="http://127.0.0.1:9/v1", out="none") == 2
    assert "The model at http://127.0.0.1:9/v1 cannot be asked" in capsys.readouterr().err


def test_frames_are_of_the_size_given_and_parameters_are_json(evaluate, tmp_path):
    with JudgeServer(lambda _: "A") as server:
        extra = 'model.extra={"chat_template_kwargs": {"enable_thinking": false}}'
        assert evaluate(server.url, "limit=2", "model.max_pixels=1000", "model.picture=png", extra) == 0
        asked = [exchange.request for exchange in server.requests if "Question" in exchange.request.text]
    sizes = {opened(url).size for one in asked for url in one.media}
    assert sizes
    assert all(500 < width * height <= 1000 for width, height in sizes)
    assert all(one.body["chat_template_kwargs"] == {"enable_thinking": False} for one in asked)
    assert result(tmp_path)["provenance"]["model"]["max_pixels"] == 1000


def test_a_store_that_cannot_be_used_is_named(evaluate, tmp_path, capsys):
    (tmp_path / "r.sqlite").write_bytes(b"no database, but long enough to be one" * 40)
    with JudgeServer(lambda _: "A") as server:
        assert evaluate(server.url, "limit=2") == 2
    said = capsys.readouterr().err
    assert "The reply store" in said
    assert "replies=<file>" in said
    assert "verdicts" not in said


def test_a_failed_run_is_taken_up(evaluate, tmp_path):
    def broken(request):
        return faults.status(503) if "Question" in request.text and request.index % 2 else None

    with JudgeServer(lambda _: "A", faults=broken) as server:
        assert evaluate(server.url, "limit=6", "model.tries=1", "model.max_concurrency=1") == 1
        failed = [line for line in predictions(tmp_path) if line["error"]]
        assert 0 < len(failed) < 6
        assert all("model: HTTP 503" in line["error"] for line in failed)
        assert result(tmp_path)["serving"]["failed"] == len(failed)
    with JudgeServer(lambda _: "A") as server:
        assert evaluate(server.url, "limit=6") == 0
        # The account is that of both starts.
        both = result(tmp_path)["serving"]
        assert (both["calls"], both["asked"], both["failed"]) == (6 + len(failed), 6, len(failed))
        # So it is where the run has no result yet, and where nothing is left to ask.
        (tmp_path / "run" / "result.json").unlink()
        assert evaluate(server.url, "limit=6") == 0
        assert result(tmp_path)["serving"] == both
    assert result(tmp_path)["counts"]["model_failed"] == 0


def test_no_clip_is_loaded_once_the_model_has_stopped(evaluate, tmp_path):
    with JudgeServer(lambda _: "A", faults=lambda r: faults.quota() if "Question" in r.text else None) as server:
        assert evaluate(server.url, "limit=6", "model.max_concurrency=1", "model.max_pixels=50000000") == 1
    found = predictions(tmp_path)
    assert len(found) == 6
    assert all("HTTP 429 insufficient_quota" in line["error"] for line in found)
    assert sum(line["n_frames"] > 0 for line in found) < 6


def test_model_and_judge_are_under_one_cap(evaluate, tmp_path, capsys):
    def reply(request):
        said = '{"pred": "yes", "score": 5}' if "score" in request.text else "a dog"
        return Reply(text=said, usage={"prompt_tokens": 2000 + request.n_pictures, "completion_tokens": 5})

    with JudgeServer(reply) as server:
        judge = ["--judge", server.url, "judge.model=stand-in", "judge.tries=2", f"verdicts={tmp_path / 'v.sqlite'}"]
        assert evaluate(server.url, *judge, "max_cost=0.45", "limit=4", bench="msvd-qa") in (0, 1)
        found = result(tmp_path)
        spent = found["serving"]["cost"] + found["judging"]["cost"]
        assert 0 < spent <= 0.45
        # The model alone spends 0.002 dollars a call; a cap below what both cost leaves the judge none.
        assert evaluate(server.url, *judge, f"max_cost={found['serving']['cost'] + 0.001}", "limit=4",
                        "model.revision=b", bench="msvd-qa", out="b") == 1  # fmt: skip
    capsys.readouterr()


def test_a_cap_is_a_setting_of_a_served_model_without_a_judge(evaluate, capsys):
    with JudgeServer(lambda _: "A") as server:
        assert evaluate(server.url, "limit=2", "max_cost=1") == 0
    assert main(["eval", "--bench", "mvbench", "--model", "scripted", "limit=2", "max_cost=1"]) == 2
    assert "asks no judge" in capsys.readouterr().err
