"""`tarsier-eval score` and `eval` with a judge behind a server: numbers, what is asked and paid, failures, limits."""

from __future__ import annotations

import json
import socket
from datetime import date, timedelta

import pytest

from eval.config import BUILTIN
from eval.models.scripted import ScriptedModel
from tests.cli.judged import (
    DESCRIPTION_CALLS,
    DESCRIPTION_METRICS,
    MODEL,
    PRICES,
    QUESTION_CALLS,
    QUESTION_DISTINCT,
    QUESTION_METRICS,
    descriptions,
    many_questions,
    overall,
    pack,
    questions,
    result,
    score,
    served,
    settings,
)  # fmt: skip
from tests.cli.runs import evaluate, needs_world, never_built, read
from tests.client import faults
from tests.client.faults import Reply
from tests.client.server import JudgeServer
from tests.judges.sensible import sensible

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("read_here")]

OFFLINE = ["--judge", "offline"]


def fixed_usage(request):
    """Answer sensibly, and report 100 tokens in and 10 out."""
    return Reply(text=sensible(request), usage={"prompt_tokens": 100, "completion_tokens": 10})


def about(*words):
    """Return a function that says whether a request is about a text with all of these words."""
    return lambda request: all(word in request.text for word in words)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.parametrize("protocol", ["native", "hardened", "autodq-indexed", "upstream"])
def test_descriptions_by_a_server_equal_those_offline(protocol, tmp_path):
    pred = descriptions(tmp_path / "p.jsonl")
    more = [f"protocol.pack={pack(tmp_path / 'pack')}"] if protocol == "upstream" else []
    assert score(pred, tmp_path / "offline", OFFLINE, *more, protocol=protocol) == 0
    with JudgeServer(sensible) as server:
        assert score(pred, tmp_path / "served", served(server.url), *more, protocol=protocol) == 0
    offline, by_server = result(tmp_path / "offline"), result(tmp_path / "served")
    assert by_server["metrics"] == offline["metrics"]
    for (name, accounting), value in overall(tmp_path / "served").items():
        assert name not in DESCRIPTION_METRICS or value == pytest.approx(DESCRIPTION_METRICS[name]), accounting
    assert (offline["judge"], by_server["judge"], by_server["protocol"]) == ("offline", MODEL, protocol)
    assert by_server["score_id"] != offline["score_id"]
    assert (by_server["complete"], offline["judging"]["cost"]) == (True, None)
    stages = {stage["task"]: stage for stage in by_server["judging"]["stages"]}
    assert {task: stage["calls"] for task, stage in stages.items()} == DESCRIPTION_CALLS
    assert all(stage["failed"] == stage["again"] == 0 for stage in stages.values())


@pytest.mark.parametrize("protocol", ["native", "hardened", "upstream"])
def test_questions_by_a_server_equal_those_offline(protocol, tmp_path):
    pred = questions(tmp_path / "p.jsonl")
    more = [f"protocol.pack={pack(tmp_path / 'pack')}"] if protocol == "upstream" else []
    # One output is missing: the numbers stand, the exit code says so.
    assert score(pred, tmp_path / "offline", OFFLINE, *more, protocol=protocol) == 1
    with JudgeServer(sensible) as server:
        assert score(pred, tmp_path / "served", served(server.url), *more, protocol=protocol) == 1
    found = result(tmp_path / "served")
    assert found["metrics"] == result(tmp_path / "offline")["metrics"]
    values = overall(tmp_path / "served")
    assert {key: values[key] for key in QUESTION_METRICS} == pytest.approx(QUESTION_METRICS)
    assert found["counts"] == {"total": 8, "scored": 7, "invalid": 0, "model_failed": 1, "judge_failed": 0}
    assert values["accuracy", "strict"] == overall(tmp_path / "served", "lower")["accuracy", "strict"]
    # Had the failed output been right, 5 of 8 would be; upstream has it judged, and wrong.
    upper = overall(tmp_path / "served", "upper")
    assert (upper["accuracy", "strict"], upper["accuracy", "upstream"]) == (5 / 8, 4 / 8)


def test_what_a_judged_score_leaves_behind(tmp_path, capsys):
    pred = descriptions(tmp_path / "p.jsonl")
    out = tmp_path / "s"
    with JudgeServer(fixed_usage) as server:
        assert score(pred, out, served(server.url)) == 0
        # The probe's reply is the schema's only word; the server counts a token for every four characters begun.
        probe = server.requests[0].request
        probe_cost = (-(-len("".join(probe.texts)) // 4) + 2 * -(-len('{"probe": "vermilion"}') // 4)) / 1e6
    verdicts = read(out / "verdicts.jsonl")
    assert [(row["sample"], row["task"], row["side"]) for row in verdicts] == [
        *(("DREAM_d0", "extract", "prediction"), ("DREAM_d1", "extract", "reference")),
        *(("DREAM_d1", "extract", "prediction"), ("DREAM_d2", "extract", "prediction")),
        *(("DREAM_d3", "extract", "reference"), ("DREAM_d3", "extract", "prediction")),
        *((f"DREAM_d{n}", "entail", side) for n in range(4) for side in ("reference", "prediction")),
    ]
    first = verdicts[0]
    assert json.loads(first["text"]) == {"events": ["a man opens a door.", "a cat sleeps."]}
    assert (first["source"], first["outcome"], first["served"], first["attempt"]) == ("asked", "replied", MODEL, 0)
    assert first["usage"] == {"input": 100, "output": 10, "cached": 0, "reasoning": 0}
    assert len({row["key"] for row in verdicts}) == len(verdicts)

    details = {row["id"]: row["detail"] for row in read(out / "scores.jsonl")}
    assert details["DREAM_d1"] == {
        "events": {
            "reference": ["a red ball rolls down.", "a girl laughs."],
            "prediction": ["a blue ball rolls down.", "a girl laughs."],
        },
        "labels": {"reference": ["contradiction", "entailment"], "prediction": ["contradiction", "entailment"]},
    }
    assert details["DREAM_d3"]["labels"] == {
        "reference": ["entailment", "neutral", "neutral"],
        "prediction": ["entailment"],
    }

    # 6 and 8 calls, each of 100 tokens at $1 a million and 10 at $2.
    judging = result(out)["judging"]
    assert [stage["cost"] for stage in judging["stages"]] == pytest.approx([0.00072, 0.00096])
    assert judging["probe"] == pytest.approx(probe_cost)
    assert judging["cost"] == pytest.approx(0.00168 + probe_cost)
    assert (judging["price_of"], judging["price_as_of"], judging["unconfirmed"]) == (MODEL, "2026-11-01", 0)
    identity = result(out)["provenance"]["scorer"]
    assert identity["judge"]["served"] == MODEL
    assert identity["judge"]["requested"] == "stand-in"
    assert identity["protocol"]["parser"] == "native-1"

    said = capsys.readouterr()
    assert "Judge stand-in: 14 calls; 14 to ask, about " in said.err
    assert "(prices of 2026-11-01)." in said.err
    assert "judge stand-in-2026-01-01, protocol native" in said.out
    assert f"Judge's bill: ${0.00168 + probe_cost:.2g} (prices of 2026-11-01):" in said.out
    assert "  list events: 6 asked, 0 from the store or repeated, 600 tokens in, 60 out, $0.00072" in said.out
    assert "  label events: 8 asked, 0 from the store or repeated, 800 tokens in, 80 out, $0.00096" in said.out


def test_equal_calls_are_paid_for_once(tmp_path):
    pred = questions(tmp_path / "p.jsonl")
    with JudgeServer(sensible) as server:
        assert score(pred, tmp_path / "s", served(server.url)) == 1
        assert server.answered == 1 + QUESTION_DISTINCT
    [stage] = result(tmp_path / "s")["judging"]["stages"]
    repeated = QUESTION_CALLS - QUESTION_DISTINCT
    assert (stage["calls"], stage["asked"], stage["stored"]) == (QUESTION_CALLS, QUESTION_DISTINCT, repeated)


def test_a_second_run_asks_nothing_even_where_the_server_is_gone(tmp_path, capsys):
    pred = descriptions(tmp_path / "p.jsonl")
    with JudgeServer(sensible) as server:
        assert score(pred, tmp_path / "one", served(server.url)) == 0
        n_requests = len(server.requests)
        assert score(pred, tmp_path / "two", served(server.url)) == 0
        assert len(server.requests) == n_requests
    capsys.readouterr()
    assert score(pred, tmp_path / "three", served(server.url)) == 0
    assert "all 14 calls are in the reply store; nothing is asked" in capsys.readouterr().err
    one, *others = (result(tmp_path / name) for name in ("one", "two", "three"))
    for other in others:
        assert (other["metrics"], other["score_id"]) == (one["metrics"], one["score_id"])
        assert other["judging"]["cost"] == 0
        assert [(s["asked"], s["stored"]) for s in other["judging"]["stages"]] == [(0, 6), (0, 8)]
    assert {row["source"] for row in read(tmp_path / "three" / "verdicts.jsonl")} == {"stored"}
    # And the same output under the same folder again: nothing but the result is written anew.
    assert score(pred, tmp_path / "three", served(server.url)) == 0


def test_a_changed_prediction_is_all_that_is_asked_again(tmp_path):
    with JudgeServer(sensible) as server:
        assert score(descriptions(tmp_path / "p.jsonl"), tmp_path / "one", served(server.url)) == 0
        before = len(server.requests)
        changed = descriptions(tmp_path / "q.jsonl", d2="One cook cuts onions.")
        assert score(changed, tmp_path / "two", served(server.url)) == 0
        # Its events are listed; the given events are labelled by it, and its own by the reference.
        assert len(server.requests) == before + 3


def test_the_identity_of_a_score(tmp_path):
    pred = descriptions(tmp_path / "p.jsonl")
    ids = {}
    with JudgeServer(sensible) as server:
        for protocol in ("native", "hardened", "autodq-indexed"):
            assert score(pred, tmp_path / protocol, served(server.url), protocol=protocol) == 0
            ids[protocol] = result(tmp_path / protocol)["score_id"]
        # By another name, and at another address, it is the same judge.
        other = served(server.url.replace("127.0.0.1", "localhost"), "judge.model=alias")
        assert score(pred, tmp_path / "alias", other) == 0
        assert result(tmp_path / "alias")["score_id"] == ids["native"]
        more = served(server.url, "judge.revision=int8")
        assert score(pred, tmp_path / "revision", more) == 0
        ids["revision"] = result(tmp_path / "revision")["score_id"]
    with JudgeServer(sensible, served="another-2026-02-02") as server:
        assert score(pred, tmp_path / "another", served(server.url, "judge.model=another")) == 0
    ids["another"] = result(tmp_path / "another")["score_id"]
    assert len(set(ids.values())) == len(ids) == 5
    assert score(descriptions(tmp_path / "q.jsonl", d0="No."), tmp_path / "q", OFFLINE) == 0
    assert score(pred, tmp_path / "p", OFFLINE) == 0
    assert result(tmp_path / "q")["score_id"] == result(tmp_path / "p")["score_id"]


def test_a_judge_that_fails_a_video_leaves_bounds(tmp_path, capsys):
    pred = descriptions(tmp_path / "p.jsonl")
    withheld = about("blue ball", "red ball")  # labels, of the second video only
    with JudgeServer(sensible, faults=lambda r: faults.content_filter() if withheld(r) else None) as server:
        assert score(pred, tmp_path / "s", served(server.url)) == 1
        n_requests = len(server.requests)
        # A filter's word is the judge's, and stored: the next run asks nothing.
        assert score(pred, tmp_path / "t", served(server.url)) == 1
        assert len(server.requests) == n_requests
    found = result(tmp_path / "s")
    assert (found["complete"], found["counts"]["judge_failed"], found["counts"]["scored"]) == (False, 1, 3)
    said = capsys.readouterr().out
    assert (
        "INCOMPLETE: 75.0% of the samples have a result, and 99.5% are needed; the model failed 0, the judge 1." in said
    )
    assert "1 without a verdict:\n  DREAM_d1: label the events of the reference: asked once; a content filter" in said
    # youtube: of the two only the first counts, with 1/2 and 1/2; the other may have had 0 or 1.
    r, p = {"value": 1 / 2, "lower": 1 / 4, "upper": 3 / 4}, {"value": 1 / 2, "lower": 1 / 4, "upper": 3 / 4}
    for field in ("value", "lower", "upper"):
        recall, precision = (r[field] + 2 / 3) / 2, (p[field] + 1) / 2
        f1 = 2 * recall * precision / (recall + precision)
        got = overall(tmp_path / "s", field)
        assert [got[name, "upstream"] for name in ("recall", "precision", "f1")] == pytest.approx(
            [recall, precision, f1]
        )
        strict = "lower" if field == "value" else field  # what failed earns nothing
        recall, precision = (r[strict] + 2 / 3) / 2, (p[strict] + 1) / 2
        f1 = 2 * recall * precision / (recall + precision)
        assert [got[name, "strict"] for name in ("recall", "precision", "f1")] == pytest.approx([recall, precision, f1])
    [failed] = [row for row in read(tmp_path / "s" / "scores.jsonl") if row["status"] == "judge_failed"]
    assert (failed["values"], failed["id"]) == ({}, "DREAM_d1")
    assert failed["detail"]["events"]["prediction"] == ["a blue ball rolls down.", "a girl laughs."]
    assert {row["outcome"] for row in read(tmp_path / "s" / "verdicts.jsonl")} == {"replied", "filtered"}


@pytest.mark.parametrize(("n_failed", "complete"), [(1, True), (2, False)])
def test_a_score_is_complete_from_a_share_on(n_failed, complete, tmp_path, capsys):
    pred = many_questions(tmp_path / "p.jsonl", 200)

    def fault(request):
        # Right answers are refused, those to even questions.
        numbers = [f"what is number {2 * n}?" for n in range(n_failed)]
        return faults.refusal() if any(number in request.text for number in numbers) else None

    with JudgeServer(sensible, faults=fault) as server:
        assert score(pred, tmp_path / "s", served(server.url)) == 1
    assert result(tmp_path / "s")["complete"] is complete
    assert ("INCOMPLETE: 99.0%" in capsys.readouterr().out) is not complete
    assert overall(tmp_path / "s")["accuracy", "strict"] == pytest.approx((100 - n_failed) / 200)
    assert overall(tmp_path / "s")["accuracy", "upstream"] == pytest.approx((100 - n_failed) / (200 - n_failed))
    assert overall(tmp_path / "s", "lower")["accuracy", "upstream"] == pytest.approx((100 - n_failed) / 200)
    assert overall(tmp_path / "s", "upper")["accuracy", "upstream"] == pytest.approx(100 / 200)


def test_faults_are_not_stored_and_the_next_run_asks_them_again(tmp_path):
    pred = descriptions(tmp_path / "p.jsonl")
    with JudgeServer(sensible, faults=lambda r: faults.status(400) if about("two cooks")(r) else None) as server:
        assert score(pred, tmp_path / "s", served(server.url)) == 1
        assert result(tmp_path / "s")["counts"]["judge_failed"] == 1
        port = int(server.root.rpartition(":")[2])
    with JudgeServer(sensible, port=port) as server:
        assert score(pred, tmp_path / "s", served(server.url)) == 0
        assert server.answered == 3
    assert overall(tmp_path / "s")["f1", "strict"] == pytest.approx(DESCRIPTION_METRICS["f1"])


def test_a_cap_without_a_price_is_refused_before_work(tmp_path, capsys, monkeypatch):
    (tmp_path / "prices.yaml").write_text(PRICES.replace(MODEL, "gpt-x-2026-01-01"))
    pred = descriptions(tmp_path / "p.jsonl")
    with JudgeServer(sensible) as server:
        assert score(pred, tmp_path / "s", served(server.url), "max_cost=1") == 2
        assert server.answered <= 1  # the probe, which tells the name that the price would be under
        never_built(monkeypatch)
        flags = [*served(server.url), *settings(tmp_path), "max_cost=1"]
        assert not (BUILTIN / "world").is_dir() or evaluate(tmp_path / "run", *flags, bench="msvd-qa") == 2
    assert not (tmp_path / "s" / "result.json").exists()
    assert not (tmp_path / "run").exists()
    assert "max_cost needs a price, and " in capsys.readouterr().err


def test_a_cap_ends_the_asking_and_the_next_run_completes(tmp_path, capsys):
    pred = many_questions(tmp_path / "p.jsonl", 40)
    # The worst_case_cost end of a call is less than 2000 tokens in and 256 out; most calls cost 0.00012.
    with JudgeServer(fixed_usage) as server:
        assert score(pred, tmp_path / "s", served(server.url), "max_cost=0.006") == 1
        capped = result(tmp_path / "s")
        assert 0 < capped["counts"]["scored"] < 40
        assert capped["counts"]["scored"] + capped["counts"]["judge_failed"] == 40
        assert capped["judging"]["cost"] <= 0.006
        said = capsys.readouterr()
        assert "at most $0.006 are spent" in said.err
        assert "max_cost=0.006 leaves no room for another call" in said.out
        n = capped["counts"]["judge_failed"]
        told = f"{n} samples were not judged, since max_cost=0.006 leaves no room for another call; the same command"
        assert f"{told} with a higher max_cost goes on." in said.out
        assert said.out.count("leaves no room") == 1
        assert "which is too little to judge all of them" in said.err
        assert "INCOMPLETE" in said.out
        assert score(pred, tmp_path / "s", served(server.url)) == 0
        assert server.stats()["paid_twice"] == 0
        assert server.answered == 41
    assert overall(tmp_path / "s")["accuracy", "strict"] == 0.5


@pytest.mark.parametrize(
    ("days", "said"),
    [(30, "will be shut down in "), (-3, "was to be shut down on "), (300, None), (None, None)],
)
def test_a_judge_whose_end_is_known(days, said, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "x" * 20)
    ends = "" if days is None else f", shutdown: {date.today() + timedelta(days=days)}"  # noqa: DTZ011
    (tmp_path / "prices.yaml").write_text(PRICES.replace("max_output: 4096", f"max_output: 4096{ends}"))
    pred = questions(tmp_path / "p.jsonl")
    with JudgeServer(sensible) as server:
        judge = ["--judge", "openai:stand-in", f"judge.url={server.url}", "judge.key_env=JUDGE_KEY"]
        for name in ("first", "second"):  # asked, and from the store
            assert score(pred, tmp_path / name, judge) == 1
            warned = "Warning: the judge " in (err := capsys.readouterr().err)
            assert warned is (said is not None), err
            assert said is None or said in err


def test_a_judge_is_checked_where_it_is_asked_for(tmp_path, capsys):
    pred = questions(tmp_path / "p.jsonl")
    with JudgeServer(sensible) as server:
        assert score(pred, tmp_path / "s", served(server.url), "judge_check=true") == 1
        assert server.answered > 100
    said = capsys.readouterr().err
    assert f"Judge {MODEL}, protocol native: " in said
    assert "of 209 canary verdicts right" in said
    assert "injections that turned it: 0.0%" in said
    health = result(tmp_path / "s")["judging"]["health"]
    assert (health["n"], health["injection_pass_rate"], health["failed"]) == (209, 0, 0)
    # The canaries are no part of the bill of this run's answers.
    assert result(tmp_path / "s")["judging"]["stages"][0]["calls"] == QUESTION_CALLS


@needs_world
@pytest.mark.parametrize("fault", ["nobody there", "a wrong key", "no key", "no such model"])
def test_a_judge_that_cannot_be_asked_ends_a_run_before_the_model_is_built(fault, tmp_path, capsys, monkeypatch):
    never_built(monkeypatch)
    monkeypatch.setenv("JUDGE_KEY", "wrong-key-0123456789")
    broken = [faults.model_not_found()] * 5 if fault == "no such model" else []
    with JudgeServer(sensible, key="right", faults=broken) as server:
        url = f"http://127.0.0.1:{free_port()}/v1" if fault == "nobody there" else server.url
        key = "NO_SUCH_VARIABLE" if fault == "no key" else "JUDGE_KEY"
        if fault == "no such model":
            monkeypatch.setenv("JUDGE_KEY", "right")
        flags = served(url, f"judge.key_env={key}", *settings(tmp_path))
        assert evaluate(tmp_path / "run", *flags, bench="msvd-qa") == 2
        assert server.answered == 0
    said = capsys.readouterr().err
    words = {"nobody there": "Connect", "a wrong key": "HTTP 401", "no key": "NO_SUCH_VARIABLE is not set",
             "no such model": "HTTP 404"}  # fmt: skip
    assert words[fault] in said
    assert said.startswith("tarsier-eval: ")
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()


@needs_world
def test_a_judge_that_dies_after_the_predictions_costs_no_output(tmp_path, capsys, monkeypatch):
    generate = ScriptedModel.generate
    calls = []

    def spied(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 1:
            server.__exit__(None, None, None)
        return generate(self, *args, **kwargs)

    monkeypatch.setattr(ScriptedModel, "generate", spied)
    run = tmp_path / "run"
    server = JudgeServer(sensible)
    server.__enter__()
    flags = [*served(server.url, "judge.tries=1"), *settings(tmp_path), "model.outputs=[a red ball,two]"]
    assert evaluate(run, *flags, bench="msvd-qa") == 1
    predictions = (run / "predictions.jsonl").read_bytes()
    n, n_calls = len(predictions.splitlines()), len(calls)
    dead = result(run)
    assert dead["counts"] == {"total": n, "scored": 0, "invalid": 0, "model_failed": 0, "judge_failed": n}
    assert dead["metrics"][0]["value"] is None
    assert {row["outcome"] for row in read(run / "verdicts.jsonl")} == {"failed"}
    # Still dead: the outputs stay, and the scores say again that the judge failed.
    capsys.readouterr()
    assert evaluate(run, *flags, bench="msvd-qa") == 1
    assert "cannot be asked" in capsys.readouterr().err
    with JudgeServer(sensible, port=int(server.root.rpartition(":")[2])):
        assert evaluate(run, *flags, bench="msvd-qa") == 0
        assert f"{n} of {n} samples are done" in capsys.readouterr().err
    assert (run / "predictions.jsonl").read_bytes() == predictions
    assert len(calls) == n_calls
    assert evaluate(tmp_path / "offline", "--protocol", "native", flags[-1], bench="msvd-qa") == 0
    assert overall(run) == overall(tmp_path / "offline")
    assert (result(run)["complete"], result(run)["counts"]["scored"]) == (True, n)


@needs_world
def test_several_benchmarks_share_a_judge_and_each_has_its_bill(tmp_path):
    with JudgeServer(fixed_usage) as server:
        flags = [*served(server.url), *settings(tmp_path), "--protocol", "native", "model.outputs=[a red ball,two]"]
        assert evaluate(tmp_path / "run", *flags, "--limit", "3", bench="msvd-qa,dream-1k") == 0
        answered = server.answered
    bills = [result(tmp_path / "run" / name)["judging"] for name in ("msvd-qa", "dream-1k")]
    assert sum(stage["asked"] for bill in bills for stage in bill["stages"]) == answered - 1
    assert bills[0]["probe"] > bills[1]["probe"] == 0  # found out once, and billed to the first


def test_a_folder_that_a_killed_score_left_is_taken_up(tmp_path):
    pred = questions(tmp_path / "p.jsonl")
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / ".scores.jsonl.k3f8_xyz").write_text("{")
    assert score(pred, tmp_path / "s", OFFLINE) == 1
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / ".notes").write_text("mine")
    assert score(pred, tmp_path / "t", OFFLINE) == 2
