"""Recorded verdicts from anyone: found by what is asked, bounded in time and memory, and refused in one line."""

from __future__ import annotations

import gzip
import json
import time
from dataclasses import asdict

import pytest

from eval.client.outcomes import Usage
from eval.client.requests import Capabilities, address
from eval.core import Counts, Result
from eval.errors import ConfigError, DataError, TarsierEvalError
from eval.judges import replay, transcript
from eval.judges.calls import JudgeCall, JudgeReply
from eval.judges.protocol import native_protocol
from eval.judges.replay import ReplayJudge
from eval.judges.requests import request_of
from eval.judges.transcript import CallRecord, to_json
from eval.judges.wording import hardened_wording
from eval.runs.bundle import pack
from eval.runs.checksums import write_scored
from tests.analysis.leaderboard.rebundled import files_of, in_json, in_verdicts, rebundled

TAKES = Capabilities(structured="none", temperature=False)
JUDGE = {"name": "j", "takes": asdict(TAKES), "extra": {"seed": 1}}


def call(number=0, **more):
    given = {"task": "open_qa", "sample": f"s{number}", "system": "S", "user": f"U{number}", "inputs": {}, **more}
    return JudgeCall(**given)


def key_of(asked):
    return address(request_of(asked, TAKES, {"seed": 1}))


def by_server(asked, text="yes", **more):
    usage = Usage(input=9, output=1)
    more = {"source": "asked", "served": "j", "usage": usage, "retries": 2, "key": key_of(asked), **more}
    return CallRecord(call=asked, reply=JudgeReply(text=text, **more))


def computed(asked, text="yes"):
    return CallRecord(call=asked, reply=JudgeReply(text=text))


def recorded(folder, records, judge=JUDGE):
    """Write the folder of a score with these verdicts."""
    folder.mkdir()
    result = Result(
        benchmark="msvd-qa", model="m", judge="j", protocol="native", score_id="0", primary="accuracy", complete=True,
        counts=Counts(total=0, scored=0, invalid=0, model_failed=0, judge_failed=0), metrics=(), coverage=(),
        provenance={"scorer": {"name": "open_qa", "judge": judge, "protocol": native_protocol().describe()}},
    )  # fmt: skip
    write_scored(folder, [], [to_json(record) for record in records], asdict(result))
    return folder


def bundled(folder):
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    wording = {"wording.json": json.dumps(asdict(native_protocol().wording)).encode()}
    folder.with_suffix(".tar.gz").write_bytes(pack({"predictions.jsonl": b"", **wording, **files}))
    return folder.with_suffix(".tar.gz")


@pytest.fixture
def bundle(tmp_path, temporary):
    return bundled(recorded(tmp_path / "b", [by_server(call())]))


def refused(path):
    began = time.process_time()
    with pytest.raises(TarsierEvalError) as caught:
        ReplayJudge(bundle=path).protocol()
    assert time.process_time() - began < 10
    assert str(caught.value).isprintable()
    assert str(path) in str(caught.value)
    assert "tarsier-eval-" not in str(caught.value)  # the temporary folder
    return str(caught.value)


def test_a_bundle_and_its_folder_are_read(bundle, tmp_path):
    for place in (bundle, tmp_path / "b"):
        judge = ReplayJudge(bundle=place)
        assert (judge.name, judge.describe(), judge.n_served) == ("j", JUDGE, 1)
        assert (judge.protocol(), judge.said_anything) == (native_protocol(), False)
        (reply,) = judge.ask([call()])
        # What was asked then costs nothing now.
        expected = JudgeReply(
            text="yes", source="stored", served="j", usage=Usage(input=9, output=1), key=key_of(call())
        )
        assert reply == expected
        assert judge.said_anything
        judge.require_served()


def test_a_call_in_other_words_has_no_verdict(bundle):
    judge = ReplayJudge(bundle=bundle)
    for other in (call(user="U0."), call(attempt=1), call(system="")):
        (reply,) = judge.ask([other])
        assert (reply.outcome, reply.text) == ("failed", None)
        assert "no verdict was recorded for this call: it was never given, or prediction," in str(reply.error)
    assert not judge.said_anything
    assert judge.ask([call(7, user="U0")])[0].text == "yes"  # whichever sample it is about


def test_a_judge_in_another_form_has_other_addresses(tmp_path):
    judge = ReplayJudge(bundle=recorded(tmp_path / "b", [by_server(call())], JUDGE | {"extra": {}}))
    assert judge.ask([call()])[0].outcome == "failed"


def test_the_first_reply_to_the_same_words_counts(tmp_path):
    records = [by_server(call()), by_server(call(1, user="U0"), "no")]
    judge = ReplayJudge(bundle=recorded(tmp_path / "b", records))
    assert [reply.text for reply in judge.ask([call(), call(1, user="U0")])] == ["yes", "yes"]


def test_a_failed_call_fails_again_for_the_same_reason(tmp_path):
    failed = CallRecord(call=call(), reply=JudgeReply.failure("HTTP 500", retries=3, key=key_of(call())))
    judge = ReplayJudge(bundle=recorded(tmp_path / "b", [failed]))
    assert (judge.ask([call()])[0].error, judge.n_served, judge.said_anything) == ("HTTP 500", 0, False)


def test_computed_replies_come_in_turn_and_for_their_own_predictions_alone(tmp_path):
    sides = [call(0, task="entail", inputs={"side": side}) for side in ("reference", "prediction")]
    records = [computed(sides[0], "a"), computed(sides[1], "b"), computed(sides[0], "c"), computed(call(1), "d")]
    folder = recorded(tmp_path / "b", records, {"name": "offline"})
    judge = ReplayJudge(bundle=folder, same_predictions=True)
    asked = [call(1), sides[1], sides[0], sides[0], sides[0], call(1, attempt=1)]
    assert [reply.text for reply in judge.ask(asked)] == ["d", "b", "a", "c", None, None]
    other = ReplayJudge(bundle=folder)
    assert [reply.text for reply in other.ask(asked)] == [None] * 6
    with pytest.raises(ConfigError, match=r"holds no verdicts of a server: 'offline' computes its own again"):
        other.require_served()


def test_a_folder_without_verdicts_was_asked_nothing(tmp_path):
    folder = recorded(tmp_path / "b", [])
    assert (folder / "verdicts.jsonl").read_bytes() == b""
    assert ReplayJudge(bundle=folder).ask([call()])[0].outcome == "failed"
    files = json.loads((folder / "result.json").read_text())
    del files["files"]["verdicts.jsonl"]
    (folder / "result.json").write_text(json.dumps(files))
    (folder / "verdicts.jsonl").unlink()
    assert ReplayJudge(bundle=folder).ask([call()])[0].outcome == "failed"


def test_verdicts_that_are_not_the_results_are_refused(bundle, tmp_path):
    (tmp_path / "b" / "verdicts.jsonl").write_text("")
    assert "verdicts.jsonl is not as result.json was computed with it" in refused(tmp_path / "b")


def test_what_is_no_place_of_a_judged_run(tmp_path, temporary):
    (tmp_path / "empty").mkdir()
    assert "does not exist" in refused(tmp_path / "gone.tar.gz")
    assert "result.json does not exist" in refused(tmp_path / "empty")
    (tmp_path / "old.jsonl.gz").write_bytes(gzip.compress(b'{"kind": "header", "format": 1}\n' * 100))
    assert "not a bundle of a run, or a damaged one" in refused(tmp_path / "old.jsonl.gz")


def of_one(**fields):
    return in_verdicts(lambda lines: [lines[0] | fields])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (of_one(text=1), "text is '1'"),
        (of_one(key=1), "key is '1'"),
        (of_one(sample=None), "sample is 'None'"),
        (of_one(attempt=True), "attempt is 'True'"),
        (of_one(attempt="0"), "attempt is '0'"),
        (of_one(side=["reference"]), "side is"),
        (of_one(batch=1), "batch is '1'"),
        (of_one(retries=1.5), "retries is '1.5'"),
        (of_one(usage=[1, 2]), "usage is"),
        (of_one(usage={"input": 1, "output": 2}), "usage is"),
        (of_one(usage={"input": 1, "output": "2", "cached": 0, "reasoning": 0}), "usage is"),
        (of_one(outcome="approved"), "outcome 'approved'"),
        (of_one(outcome="failed"), "failed, and yet a text"),
        (of_one(text=None), "replied, without a text"),
        (of_one(source="guessed"), "source 'guessed'"),
        (of_one(more=1), "the field 'more' is missing, or none of a verdict"),
        (of_one(**{"x\n" * 100: 1}), "missing, or none of a verdict"),
        (in_verdicts(lambda lines: [{k: v for k, v in lines[0].items() if k != "served"}]), "the field 'served'"),
        (in_verdicts(lambda lines: [[1, 2]]), "it is not an object"),
        (in_verdicts(lambda lines: [{}]), "is missing"),
    ],
)
def test_a_strange_verdict_is_refused_with_file_and_line(change, said, bundle):
    rebundled(bundle, bundle, change)
    message = refused(bundle)
    assert said in message
    assert f"{bundle}/verdicts.jsonl:1: no verdict, or a damaged one" in message


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"", "no verdict"),
        (b"{", "no verdict"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' * 50 + b"1" + b"}" * 50, "nested more than 32 deep"),
        (b'{"key": "a", "key": "b"}', "comes twice"),
        (b'{"attempt": NaN}', "NaN"),
        (b'{"attempt": ' + b"9" * 5000 + b"}", "digits"),
        (b"\xff\xfe", "no verdict"),
    ],
)
def test_a_line_that_is_no_json_is_refused_with_file_and_line(line, said, bundle):
    def change(files):
        files["verdicts.jsonl"] += line + b"\n"

    rebundled(bundle, bundle, change)
    message = refused(bundle)
    assert said in message
    assert f"{bundle}/verdicts.jsonl:2: " in message


@pytest.mark.slow
def test_a_few_bytes_that_unpack_to_a_flood(bundle, monkeypatch):
    line = files_of(bundle)["verdicts.jsonl"]
    for block, said in ((b'{"text": ""}\n' * 2**20, "missing"), (b" " * 2**24, "no verdict"), (line * 2**16, "lines")):

        def change(files, content=block):
            files["verdicts.jsonl"] = content

        rebundled(bundle, bundle, change)
        monkeypatch.setattr(transcript, "MAX_LINES", 10_000)
        assert bundle.stat().st_size < 2**20
        message = refused(bundle)
        assert said in message
        assert "verdicts.jsonl:" in message


def test_bounds_on_lines_and_on_all_of_them(bundle, monkeypatch):
    def change(files):
        files["verdicts.jsonl"] *= 20

    rebundled(bundle, bundle, change)
    size = len(files_of(bundle)["verdicts.jsonl"])
    monkeypatch.setattr(transcript, "MAX_BYTES", size)
    monkeypatch.setattr(transcript, "MAX_LINES", 20)
    monkeypatch.setattr(transcript, "MAX_LINE", size // 20)
    assert ReplayJudge(bundle=bundle).n_served == 20
    for name, most, line in (("MAX_BYTES", size - 1, 20), ("MAX_LINES", 19, 20), ("MAX_LINE", size // 20 - 1, 1)):
        with monkeypatch.context() as bounded:
            bounded.setattr(transcript, name, most)
            message = refused(bundle)
        assert f"verdicts.jsonl:{line}: " in message
        assert f"more than {size - 1 if name == 'MAX_BYTES' else size} bytes" in message


def test_half_a_character_does_not_get_in(bundle):
    def change(files):
        files["verdicts.jsonl"] = files["verdicts.jsonl"].replace(b'"text": "yes"', b'"text": "\\ud800"')

    rebundled(bundle, bundle, change)
    assert json.loads(files_of(bundle)["verdicts.jsonl"])["text"] == "\ud800"
    assert ReplayJudge(bundle=bundle).ask([call()])[0].text == "?"


def scorer_with(**fields):
    return in_json("result.json", lambda result: deep(result, fields))


def deep(result, fields):
    result["provenance"]["scorer"] |= fields
    return result


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (scorer_with(judge=None), "describes no judge"),
        (scorer_with(judge="j"), "describes no judge"),
        (scorer_with(judge={}), "describes no judge"),
        (scorer_with(judge=JUDGE | {"takes": {"all": 1}}), "describes no judge"),
        (scorer_with(judge=JUDGE | {"takes": [1]}), "describes no judge"),
        (scorer_with(judge=JUDGE | {"extra": 1}), "describes no judge"),
        (scorer_with(protocol=None), "does not say how its judge was asked"),
        (scorer_with(protocol={"name": "native", "wording": 1}), "does not say how its judge was asked"),
        (scorer_with(protocol=native_protocol().describe() | {"name": "natve"}), "Did you mean 'native'?"),
        (scorer_with(protocol=native_protocol().describe() | {"name": ["native"]}), "Unknown protocol"),
        (in_json("result.json", lambda r: r | {"provenance": {"scorer": {"name": "x"}}}), "was scored without a judge"),
        (in_json("result.json", lambda r: [r]), "result.json"),
        (in_json("wording.json", lambda w: {"name": "x"}), "a wording is an object"),
        (in_json("wording.json", lambda w: asdict(hardened_wording())), "is not the wording that the result names"),
        (lambda files: files.update({"wording.json": b"[" * 100_000}), "wording.json: cannot be read as JSON"),
        (lambda files: files.update({"result.json": b"[" * 100_000}), "result.json"),
    ],
)
def test_a_result_or_a_wording_that_does_not_fit(change, said, bundle):
    assert said in refused(rebundled(bundle, bundle, change))


def test_a_folder_keeps_no_wording_and_takes_the_one_at_hand(tmp_path):
    folder = recorded(tmp_path / "b", [by_server(call())])
    in_result = json.loads((folder / "result.json").read_text())
    in_result["provenance"]["scorer"]["protocol"]["wording"]["sha256"] = "0" * 64
    (folder / "result.json").write_text(json.dumps(in_result))
    with pytest.raises(ConfigError, match="judged in another wording of the protocol 'native'"):
        ReplayJudge(bundle=folder).protocol()


def test_a_bundle_must_be_named():
    with pytest.raises(ConfigError, match="JUDGE=replay:<bundle>"):
        ReplayJudge(bundle=None)


def test_nothing_is_left_behind_where_reading_is_stopped(bundle, temporary, monkeypatch):
    def stop(*_):
        assert [path.name.startswith("tarsier-eval-") for path in temporary.iterdir()] == [True]
        raise KeyboardInterrupt

    monkeypatch.setattr(replay, "read_verdicts", stop)
    with pytest.raises(KeyboardInterrupt):
        ReplayJudge(bundle=bundle)
    with pytest.raises(DataError):
        ReplayJudge(bundle=bundle.with_name("none.tar.gz"))
