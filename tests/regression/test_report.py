"""What is shown: the summary, JUnit XML that any reader takes, GitHub's annotations, and what a renewal changes."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from pathlib import Path

from rich.console import Console

from eval.regression.comparing import compare
from eval.regression.junit import junit
from eval.regression.records import as_kept
from eval.regression.view import annotated, show_outcome, show_renewal, told
from tests.regression.observed import metric, observation, sample

BAD = 'B\x00 <&>" \ud800 \x1b[31m'


def shown(show, *what):
    file = io.StringIO()
    show(*what, console=Console(file=file, width=200))
    return file.getvalue()


def outcome(**libraries):
    now = observation(sample(decoded=["RGB 64x48 aa", "RGB 64x48 xx"], output="100%: B\nC"), metric(0.5), **libraries)
    return compare(as_kept(observation()), as_kept(now))


def test_a_pass_is_one_line():
    assert (
        shown(show_outcome, compare(observation(), observation())).strip() == "PASS: 2 records, all as in the baseline."
    )


def test_a_failure_names_field_benchmark_sample_and_both_values():
    lines = shown(show_outcome, outcome(av="19.0.0", torch="2.13.0")).splitlines()
    assert lines[0] == "FAIL: 2 of 2 records differ from the baseline."
    assert lines[1] == (
        "First, in the order of the pipeline: decoded[1] (frames as decoded: size and hash of each) of mvbench, q1: "
        'expected "RGB 64x48 bb", found "RGB 64x48 xx"'
    )
    assert lines[2].startswith("Libraries are not those of the baseline: av 18.1.0 -> 19.0.0.")


def test_annotations_are_escaped_and_in_order():
    lines = list(annotated(outcome()))
    assert [line.split("::")[1] for line in lines] == [
        "error title=regress%3A decoded", "error title=regress%3A output", "error title=regress%3A aggregate",
    ]  # fmt: skip
    assert "100%25: B" in lines[1]
    assert all("\n" not in line for line in lines)


def test_junit_is_well_formed_and_counts():
    root = ET.fromstring(junit(outcome()))
    assert (root.tag, root.attrib["tests"], root.attrib["failures"]) == ("testsuites", "2", "2")
    case = root.find("testsuite[@name='mvbench']/testcase[@name='q1']")
    assert case is not None
    failure = case.find("failure")
    assert failure is not None
    assert failure.attrib["message"].startswith("decoded[1]")
    assert "output" in (failure.text or "")


def test_junit_takes_whatever_a_model_says():
    now = observation(sample(BAD, output=BAD), benchmark := metric())
    was = observation(sample(BAD), benchmark)
    root = ET.fromstring(junit(compare(was, now)).encode("utf-8"))
    assert root.attrib["failures"] == "1"


def test_a_renewal_shows_counts_and_examples():
    text = shown(show_renewal, observation(), observation(sample(output="B"), metric(0.5)), Path("b.jsonl"))
    assert "b.jsonl: 2 of 2 records change." in text
    assert (
        'output (the output, asked together with others, ended where its score is settled) of mvbench, q1: expected "A"'
        in text
    )
    assert "none of which changes" in shown(show_renewal, observation(), observation(), Path("b.jsonl"))
    assert "a first baseline of 2 records" in shown(show_renewal, None, observation(), Path("b.jsonl"))
    other = shown(show_renewal, observation(), observation(checkpoint="c2"), Path("b.jsonl"))
    assert "The checkpoint is another: c1 -> c2." in other


def difference(was, now):
    return compare(as_kept(observation(sample(output=was))), as_kept(observation(sample(output=now))))


def test_what_cannot_be_seen_is_written_out():
    line = told(difference("left \u200b", "left\u00a0\t").differences[0])
    assert line.endswith(r'expected "left \u200b", found "left\xa0\t"')


def test_long_texts_are_shown_where_they_differ():
    was = "a" * 200 + " moves left" + "b" * 300
    now = "a" * 200 + " moves  left" + "b" * 300
    found = difference(was, now)
    line = told(found.differences[0])
    assert f'expected …"{"a" * 23} moves left' in line  # thirty characters before the first that differs
    assert f'found …"{"a" * 23} moves \\x20left' in line
    assert line.endswith(", from character 208 on (511 and 512 characters)")
    assert "from character 208 on" in junit(found)
    cut = told(difference("x" * 150, "x" * 149).differences[0])
    assert cut.endswith(f'…"{"x" * 31}", found …"{"x" * 30}", from character 150 on (150 and 149 characters)')


def test_outputs_of_a_clip_that_changed_places_are_named_so():
    def three(*outputs, clip="v.mp4"):
        asked = {"clip": [clip], "span": [None, None, None]}
        return observation(*(sample(f"q{i}", output=output, sample=asked) for i, output in enumerate(outputs)))

    found = compare(as_kept(three("red", "blue", "same")), as_kept(three("blue", "red", "same")))
    assert [each.note for each in found.differences] == [
        "that of q1, about the same clip: handed out in another order",
        "that of q0, about the same clip: handed out in another order",
    ]
    assert "handed out in another order" in junit(found)
    assert any("handed out in another order" in line for line in annotated(found))
    # Another text, or only one of two that moved, is no exchange.
    assert not any(
        each.note for each in compare(as_kept(three("red", "blue")), as_kept(three("blue", "green"))).differences
    )
