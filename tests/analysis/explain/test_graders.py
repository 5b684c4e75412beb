"""Judges at hand: what the reply store gives again, what counts as judged, and whose scores are of other outputs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from eval.analysis.explain.graders import JudgePanel, places, same_outputs
from eval.analysis.explain.stored import stored_judges
from eval.analysis.explain.ways import JUDGE
from eval.client.requests import Capabilities, address
from eval.client.store import ReplyStore, StoredReply
from eval.core import Clip, Prediction, Sample
from eval.errors import ConfigError, RunError
from eval.judges.protocol import native_protocol
from eval.judges.requests import request_of
from eval.runs.bundle import pack
from eval.scorers.open_qa import OpenQA

TAKES = Capabilities(structured="none", temperature=False)
OUTPUTS = ("a dog", "a cat", "a bird", None)


def pairs_of(outputs=OUTPUTS):
    found = []
    for number, output in enumerate(outputs):
        sample = Sample(
            id=f"q{number}", benchmark="msvd-qa", subset="", clip=Clip(source=()), prompt="p", targets=("dog",),
            cluster=f"v{number}", metadata={"question": "what runs?"},
        )  # fmt: skip
        error = "gone" if output is None else None
        found.append((sample, Prediction(id=sample.id, prompt="p", output=output, error=error)))
    return found


def stored(path, right, served="judge-1", takes=TAKES, outputs=OUTPUTS, probed=True):
    """Put a verdict on each output into a store, yes for those in `right`."""
    store = ReplyStore(path)
    if probed:
        store.keep_capabilities(served, {"takes": {"structured": "none", "temperature": False}, "served": served})
    protocol = native_protocol()
    for output in outputs:
        if output is None:
            continue
        call = protocol.grade("x", "what runs?", "dog", output).attempt(0)
        asked = request_of(call, takes, {})
        text = json.dumps({"verdict": "yes" if output in right else "no", "pred": "yes" if output in right else "no",
                           "score": 5 if output in right else 0})  # fmt: skip
        store.put([
            StoredReply(
                key=address(asked), provider="local", served=served, revision="", requested="any", outcome="replied",
                text=text, finish_reason="stop", fingerprint=None, usage=None, retries=0, batch=False, url="u",
                created=1.0, task="open_qa/native", request=asked,
            )
        ])  # fmt: skip
    store.close()
    return path


def build(judge, protocol):
    return OpenQA(judge=judge, protocol=protocol)


def panel_of(path, outputs=OUTPUTS):
    panel = JudgePanel()
    for judge in stored_judges(path):
        panel.replay(judge, native_protocol(), build, pairs_of(outputs), "store")
    return panel


def accuracy(marked):
    return next(m.value for m in marked.scorer.aggregate(marked.scores) if m.accounting == "upstream")


def test_every_judge_in_the_store_gives_its_verdicts_again(tmp_path):
    path = stored(tmp_path / "v.sqlite", {"a dog"})
    stored(path, {"a dog", "a bird"}, served="judge-2")
    found = {each.choices[JUDGE]: accuracy(each) for each in panel_of(path).marked}
    assert found == pytest.approx({"judge-1, native": 1 / 4, "judge-2, native": 2 / 4})
    described = stored_judges(path)[0].describe()
    assert (described["name"], described["provider"], described["takes"]) == ("judge-1", "local", None)


def test_the_form_in_which_a_server_was_asked_is_found(tmp_path):
    path = stored(tmp_path / "v.sqlite", {"a dog"}, takes=Capabilities(), probed=False)
    assert [accuracy(each) for each in panel_of(path).marked] == pytest.approx([1 / 4])


def test_verdicts_on_other_outputs_are_none(tmp_path):
    path = stored(tmp_path / "v.sqlite", {"a dog"})
    assert panel_of(path, ("something", "else", "altogether")).marked == []


def test_a_judge_with_part_of_the_verdicts_is_not_counted(tmp_path):
    path = stored(tmp_path / "v.sqlite", {"a dog"})
    stored(path, {"a dog"}, served="judge-2", outputs=("a dog", "a cat"))
    panel = panel_of(path)
    assert [each.choices[JUDGE] for each in panel.marked] == ["judge-1, native"]
    assert panel.notes == ["Judge judge-2, native (store) has judged 2 of 3 outputs; it is not counted."]


def test_a_judge_is_counted_once(tmp_path):
    path = stored(tmp_path / "v.sqlite", {"a dog"})
    panel = panel_of(path)
    first = panel.marked[0]
    panel.add(first.scorer, first.scorer.describe(), first.scores, "again")
    assert len(panel.marked) == 1
    # Of the same name and with other verdicts it is another one.
    other = [replace(score, values={**score.values, "accuracy": 0.0}) for score in first.scores]
    panel.add(first.scorer, first.scorer.describe(), other, "other")
    assert [each.choices[JUDGE] for each in panel.marked] == ["judge-1, native", "judge-1, native #2"]


def test_scores_of_other_outputs(tmp_path):
    scores = panel_of(stored(tmp_path / "v.sqlite", {"a dog"})).marked[0].scores
    assert same_outputs(scores, pairs_of())
    assert not same_outputs(scores, pairs_of(("a dog", "a cat", "a fish", None)))
    assert not same_outputs(scores[:3], pairs_of())


def test_no_store_and_no_store_of_ours(tmp_path):
    assert stored_judges(tmp_path / "gone.sqlite") == []
    assert not (tmp_path / "gone.sqlite").exists()
    (tmp_path / "text.sqlite").write_text("not a database, but long enough to be looked at")
    with pytest.raises(RunError, match="reply store"):
        stored_judges(tmp_path / "text.sqlite")


def test_places_beside_a_run(tmp_path):
    for name in ("run", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text("{}")
    (tmp_path / "text.tar.gz").write_text("no bundle")
    files = {"result.json": b"{}", "predictions.jsonl": b"", "scores.jsonl": b""}
    (tmp_path / "packed.tar.gz").write_bytes(pack(files))
    (tmp_path / "run" / "packed.tar.gz").write_bytes(pack(files))
    (tmp_path / "packed.zip").write_bytes(pack(files))
    expected = [tmp_path / "other", tmp_path / "packed.tar.gz", tmp_path / "run" / "packed.tar.gz"]
    assert places(tmp_path / "run", ()) == expected
    assert places(tmp_path / "packed.tar.gz", ()) == [tmp_path / "other", tmp_path / "run"]
    assert places(tmp_path / "run", [str(tmp_path / "packed.tar.gz")])[0] == tmp_path / "packed.tar.gz"
    with pytest.raises(ConfigError, match="--verdicts text"):
        places(tmp_path / "run", ["text"])
