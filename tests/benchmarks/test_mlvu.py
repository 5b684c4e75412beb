from typing import Any

import pytest

from eval.core import Prediction
from eval.errors import DataError
from eval.readers.choices import NO_OPTION

TASKS = ("1_plotQA", "2_needle", "3_ego", "4_count", "5_order", "6_anomaly_reco", "7_topic_reasoning")


def asked(video, answer="Waves.", **more):
    return {"video": video, "duration": 467.98, "question": "What does the hand do?",
            "candidates": ["Points.", "Waves.", "Takes.", "Gives."], "answer": answer,
            "question_type": "findNeedle", **more}  # fmt: skip


def files(folder="MLVU/data", **rows: list[Any]) -> dict[str, Any]:
    return {f"{folder}/{task}.json": rows.get(task.partition("_")[2], []) for task in TASKS}


ROWS: dict[str, list[Any]] = {
    "plotQA": [asked("movie_1.mp4", "Gives.")],
    "needle": [asked("needle_3.mp4"), asked("needle_3.mp4", "Points.")],
    "topic_reasoning": [asked("movie_1.mp4", "Takes.")],
}


@pytest.mark.parametrize("annotations", ["MLVU/data", "MLVU/json", "MLVU/MLVU/json", "MVLU/MLVU/json", "upload_json"])
@pytest.mark.parametrize("folder", ["1_plotQA", "plotQA"])
def test_official_files(make, tree, annotations, folder):
    home = annotations.rpartition("/")[0]
    video = f"{home}/video/{folder}/movie_1.mp4".lstrip("/")
    data = tree(files(annotations, **ROWS) | {video: None})
    given = {"annotations": str(data / annotations)} if not home else {}
    samples = list(make("mlvu", data, **given).samples())
    assert [one.id for one in samples] == [
        "MLVU/plotQA_0", "MLVU/needle_0", "MLVU/needle_1", "MLVU/topic_reasoning_0",
    ]  # fmt: skip
    assert samples[0].prompt == (
        "USER: <video>\nQuestion: What does the hand do?\n(A) Points.\n(B) Waves.\n(C) Takes.\n(D) Gives.\n"
        "ASSISTANT: Answer: ("
    )
    assert [one.targets for one in samples] == [("D",), ("B",), ("A",), ("C",)]
    assert [one.subset for one in samples] == ["plotQA", "needle", "needle", "topic_reasoning"]
    assert samples[0].clip.source == data / video
    assert not samples[1].clip.exists()
    assert samples[0].cluster == samples[3].cluster != samples[1].cluster


def test_each_task_has_videos_of_its_own(make, tree):
    there = {f"MLVU/video/{task}/movie_1.mp4": None for task in ("1_plotQA", "7_topic_reasoning")}
    data = tree(files(**ROWS) | there)
    first, *_, last = make("mlvu", data).samples()
    assert first.clip.source == data / "MLVU/video/1_plotQA/movie_1.mp4"
    assert last.clip.source == data / "MLVU/video/7_topic_reasoning/movie_1.mp4"


def test_of_options_that_read_the_same_the_last_one_counts(make, tree):
    twice = asked("a.mp4", "Three", candidates=["Six", "Three", "Three", "Eight"])
    empty = asked("a.mp4", "", question="", candidates=["", "", "", ""])
    first, second = make("mlvu", tree(files(plotQA=[twice, empty]))).samples()
    assert (first.targets, second.targets) == (("C",), ("D",))


def test_to_an_answer_that_is_no_candidate_every_output_is_wrong(make, tree, caplog):
    """As in the owners' code, where such an answer has the letter before A."""
    built = make("mlvu", tree(files(needle=[asked("a.mp4", "Waves"), *[asked("a.mp4")] * 9])))
    first, second, *_ = built.samples()
    assert (first.targets, second.targets) == ((NO_OPTION,), ("B",))
    assert (
        "2_needle.json: 1 of 10 answers are none of the options, and every output to them is wrong: item 0"
        in caplog.text
    )
    asks = [(one, output) for one in (first, second) for output in "ABCD@"]
    scores = built.scorer.score([(one, Prediction(id=one.id, prompt=one.prompt, output=said)) for one, said in asks])
    assert [score.values.get("accuracy") for score in scores] == [0, 0, 0, 0, None, 0, 1, 0, 0, None]
    assert not any(score.values.get("tolerant") for score in scores)


def test_many_answers_that_are_none_of_the_options_are_told_once_or_refused(make, tree, caplog):
    rows = [asked("a.mp4", answer) for answer in (*["None."] * 4, *["Waves."] * 36)]
    assert len(list(make("mlvu", tree(files(needle=rows))).samples())) == 40
    (said,) = caplog.messages
    assert said.endswith("4 of 40 answers are none of the options, and every output to them is wrong: item 0, item 1, "
                         "item 2, ...")  # fmt: skip
    data = tree(files(order=[asked("a.mp4", "B"), *rows]))
    for skip in (False, True):
        with pytest.raises(DataError) as refused:
            list(make("mlvu", data, skip_malformed=skip).samples())
        assert '5_order.json: 5 of 41 answers are none of the options, such as "B" (item 0)' in str(refused.value)
        assert "answers are expected as the text of an option" in str(refused.value)


def test_broken_rows_are_left_out_on_request(make, tree):
    data = tree(files(needle=[asked("a.mp4", candidates="Waves."), asked("a.mp4")]))
    with pytest.raises(DataError, match=r"2_needle\.json: item 0: field 'candidates'"):
        list(make("mlvu", data).samples())
    lenient = make("mlvu", data, skip_malformed=True)
    assert [one.id for one in lenient.samples()] == ["MLVU/needle_1"]
    assert lenient.describe()["malformed_rows_skipped"] == 1


def test_there_is_no_wording_of_upstreams(make, tree):
    data = tree(files(needle=[asked("a.mp4")]))
    with pytest.raises(DataError, match="mlvu: upstream has no rows of it, and so no wording; leave wording=own"):
        list(make("mlvu", data, wording="upstream").samples())
