import pytest

from eval.core import Clip
from eval.errors import DataError


def asked(video, **more):
    return {"video": video, "question": "What first?", "candidates": ["Sat.", "Left."], "answer": "Left.", **more}


FILES = {
    "TVBench/json/action_antonym.json": [asked("a.avi"), asked("b.avi")],
    "TVBench/json/action_sequence.json": [asked("K3Q.mp4", start=4.0, end=9.5)],
}
VIDEOS = {"TVBench/video/action_antonym/b.avi": None, "TVBench/video/action_sequence/K3Q.mp4": None}


def test_official_tree(make, tree):
    data = tree(FILES | VIDEOS)
    first, second, third = make("tvbench", data).samples()
    # Upstream counts through all tasks.
    assert [one.id for one in (first, second, third)] == [
        "TVBench/Action Antonym_0",
        "TVBench/Action Antonym_1",
        "TVBench/Action Sequence_2",
    ]
    assert first.prompt == "USER: <video>\nQuestion: What first?\n(A) Sat.\n(B) Left.\nASSISTANT: Answer: ("
    assert second.clip.source == data / "TVBench/video/action_antonym/b.avi"
    assert third.clip == Clip(source=data / "TVBench/video/action_sequence/K3Q.mp4", start=4.0, end=9.5)


def test_upstream_rows_in_messages_form(make, tree, messages):
    text = "Question: What first?\n(A) Sat.\n(B) Left."
    vids = [("Action Antonym", "action_antonym/b.avi"), ("Action Sequence", "action_sequence/K3Q.mp4"), ("Egocentric Sequence", "egocentric_sequence/x.MP4")]  # fmt: skip # noqa: E501
    rows = [messages(f"TVBench/{task}", n, text, " Answer: (", "B", vid) for n, (task, vid) in enumerate(vids)]
    data = tree(VIDEOS | {"annotations/TVBench.jsonl": rows})
    samples = list(make("tvbench", data).samples())
    assert [sample.clip.exists() for sample in samples] == [True, True, False]
    assert samples[0].prompt == "USER: <video>\nQuestion: What first?\n(A) Sat.\n(B) Left.\nASSISTANT: Answer: ("
    assert (samples[1].subset, samples[1].targets, samples[1].clip.end) == ("Action Sequence", ("B",), None)


def test_the_folder_of_another_benchmark(make, tree):
    data = tree({"json/action_antonym.json": [asked("a.avi")], "json/state_change.json": [asked("a.avi")]})
    with pytest.raises(
        DataError, match=r"json: state_change\.json belongs to no subtask of TVBench; is this its folder"
    ):
        list(make("tvbench", data).samples())


@pytest.mark.parametrize(("start", "end"), [(5.0, 5.0), (5, 4), (-1, 4)])
def test_a_span_that_is_none(make, tree, start, end):
    data = tree({"json/action_sequence.json": [asked("a.mp4", start=start, end=end)]})
    with pytest.raises(
        DataError, match=rf"item 0: field 'start' and 'end': {float(start)} to {float(end)} is not a span"
    ):
        list(make("tvbench", data).samples())


def test_upstream_spans_are_kept_and_counted(make, tree, row, caplog):
    prompt = "USER: <video>\nQuestion: Q?\n(A) x\n(B) y\nASSISTANT: Answer: ("
    rows = [row("TVBench/Action Count", n, prompt, "A", "v.mp4", start_time=5, end_time=4) for n in range(3)]
    samples = list(make("tvbench", tree({"TVBench.jsonl": rows})).samples())
    assert [(sample.clip.start, sample.clip.end) for sample in samples] == [(5.0, 4.0)] * 3
    assert "TVBench.jsonl: 3 rows end before they start" in caplog.text
