"""What differs from a baseline is named, the earliest cause first; a baseline's file is the same bytes each time."""

from __future__ import annotations

import pytest

from eval.core import Clip, Sample
from eval.errors import RunError
from eval.regression.comparing import compare, first_difference
from eval.regression.observing import choose
from eval.regression.records import FIELDS, as_kept, content, read, write
from tests.regression.observed import metric, observation, sample


def test_the_same_passes_and_gives_the_same_bytes(tmp_path):
    there = observation()
    write(tmp_path / "deep" / "b.jsonl", there)
    assert compare(read(tmp_path / "deep" / "b.jsonl"), as_kept(observation())).passed
    assert (tmp_path / "deep" / "b.jsonl").read_bytes() == content(observation()) == content(as_kept(there))


def test_lines_end_at_line_breaks_alone(tmp_path):
    write(tmp_path / "b.jsonl", observation(sample(output="a\u2028b\x85c")))
    assert read(tmp_path / "b.jsonl").records[0].fields["output"] == "a\u2028b\x85c"


def test_the_earliest_field_of_the_pipeline_comes_first():
    # What follows from a prompt that changed is not what is told first, wherever the records stand.
    was = observation(metric(), sample("q1"), sample("q2"))
    now = observation(
        metric(0.5), sample("q1", output="B", answer="B", values={"accuracy": 0.0}), sample("q2", prompt="USER: other")
    )
    found = compare(as_kept(was), as_kept(now))
    assert found.first is not None
    assert (found.first.benchmark, found.first.id, found.first.place) == ("mvbench", "q2", "prompt")
    assert (found.first.expected, found.first.found) == ("USER: <video> which? ASSISTANT: (", "USER: other")
    assert [each.field for each in found.differences] == ["prompt", "output", "answer", "values", "aggregate"]
    assert found.by_field() == dict.fromkeys(["prompt", "output", "answer", "values", "aggregate"], 1)


@pytest.mark.parametrize(
    ("field", "was", "now", "path"),
    [
        ("decoded", ["a", "b"], ["a", "c"], "[1]"),
        ("decoded", ["a", "b"], ["a"], "[1]"),
        ("pixels", {"mean": [0.1, 0.2], "sha256": "a"}, {"mean": [0.1, 0.3], "sha256": "b"}, ".mean[1]"),
        ("values", {"cider": 1.0}, {"cider": 1.0, "bleu": 2.0}, ".bleu"),
        ("values", {"accuracy": 1.0}, {"accuracy": True}, ".accuracy"),
        ("answer", "A", None, ""),
    ],
)
def test_the_place_in_a_field_is_named(field, was, now, path):
    found = first_difference(field, was, now)
    assert found is not None
    assert found[0] == path


def test_numbers_may_differ_by_rounding_and_no_more():
    assert first_difference("values", {"cider": 1.0}, {"cider": 1.0 + 1e-12}) is None
    assert first_difference("values", {"cider": 1.0}, {"cider": 1.0 + 1e-6}) is not None


LIKELY = [[5, "A", -0.1], [6, "B", -2.5], [7, "C", -2.5004]]


@pytest.mark.parametrize(
    ("now", "place"),
    [
        ([[5, "A", -0.1009], [6, "B", -2.5], [7, "C", -2.5004]], None),  # within 1e-3
        ([[5, "A", -0.102], [6, "B", -2.5], [7, "C", -2.5004]], "[0]"),
        ([[5, "A", -0.1], [7, "C", -2.5], [6, "B", -2.5004]], None),  # nearly as likely: changed places
        ([[5, "A", -0.1], [6, "B", -2.5], [8, "D", -2.5001]], None),  # C is just out of the list
        ([[5, "A", -0.1], [6, "B", -2.5], [8, "D", -2.4]], "[2]"),
        ([[6, "B", -0.1], [5, "A", -2.5], [7, "C", -2.5004]], "[0]"),
        ([[5, "A", -0.1]], "[0]"),
        ([], "[0]"),
    ],
)
def test_log_probabilities_are_compared_token_by_token(now, place):
    found = first_difference("logprobs", LIKELY, now)
    assert (found and found[0]) == place


def test_what_is_missing_or_new_is_named():
    found = compare(as_kept(observation(sample("q1"), sample("q2"))), as_kept(observation(sample("q1"), sample("q3"))))
    told = {(each.id, each.expected == "(nothing)", each.found == "(nothing)") for each in found.differences}
    assert told == {("q2", False, True), ("q3", True, False)}
    assert len(found.checked) == 3


def test_another_checkpoint_or_world_says_nothing():
    with pytest.raises(RunError, match="another checkpoint"):
        compare(observation(), observation(checkpoint="c2"))
    with pytest.raises(RunError, match="another built-in world"):
        compare(observation(), observation(world="w2"))


def test_another_library_is_noted_and_no_failure():
    found = compare(observation(av="17.1.0"), observation(av="18.1.0"))
    assert found.passed
    assert found.libraries == {"av": ("17.1.0", "18.1.0")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "no baseline, or a damaged one"),
        (b'{"format": 99}\n', "has format 99"),
        (content(observation())[:-20], "3: no baseline, or a damaged one"),
        (content(observation()).replace(b'"output"', b'"uotput"'), "unknown field 'uotput'"),
    ],
)
def test_a_damaged_baseline_is_refused(tmp_path, text, said):
    (tmp_path / "b.jsonl").write_bytes(text)
    with pytest.raises(RunError, match=said):
        read(tmp_path / "b.jsonl")
    with pytest.raises(RunError, match="make baseline"):
        read(tmp_path / "none.jsonl")


def test_samples_of_every_subset_are_chosen():
    split = [
        Sample(id=str(i), benchmark="b", subset=subset, clip=Clip(source=()), prompt="", targets=("A",))
        for i, subset in enumerate("aaaaabbc")
    ]
    # The first of each, the second of those that have one, and then the third of a.
    assert [each.id for each in choose(split, 6)] == ["0", "1", "2", "5", "6", "7"]
    assert [each.id for each in choose(split, 2)] == ["0", "5", "7"]
    assert choose([], 8) == []


def test_every_field_is_explained():
    assert all(what and not what.endswith(".") for what in FIELDS.values())
