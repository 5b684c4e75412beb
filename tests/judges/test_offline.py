import json

import pytest

from eval.judges.calls import JudgeCall
from eval.judges.offline import OfflineJudge
from eval.judges.replies import read_events, read_labels, read_verdict


def reply(task, **inputs):
    [found] = OfflineJudge().ask([JudgeCall(task=task, sample="s", system="", user="", inputs=inputs)])
    assert found.text is not None
    return found.text


@pytest.mark.parametrize(
    ("answer", "prediction", "correct", "score"),
    [
        ("play", "two boys are playing football.", True, 5),
        ("2", "there are two boys", True, 5),
        ("red ball", "the red balls roll", True, 5),
        ("red ball", "the ball is red", False, 2),
        ("red ball", "the ball is blue", False, 1),
        ("cat", "a dog", False, 0),
        ("cat", "the concatenation", False, 0),
        ("", "a dog", False, 0),
    ],
)
def test_grades(answer, prediction, correct, score):
    verdict = read_verdict(reply("open_qa", question="?", answer=answer, prediction=prediction))
    assert (verdict.correct, verdict.score) == (correct, score)


def test_events_are_the_first_ten_sentences():
    assert read_events(reply("extract", description="A dog runs. It jumps!\nThen it's gone … \n ... ")) == (
        "A dog runs.", "It jumps!", "Then it's gone …",
    )  # fmt: skip
    assert len(read_events(reply("extract", description="It runs. " * 30))) == 10
    assert read_events(reply("extract", description=" ... ")) == ()


@pytest.mark.parametrize(
    ("event", "label"),
    [
        ("The red ball moved left.", "entailment"),
        ("The blue ball moves left.", "contradiction"),
        ("The red ball moves right.", "contradiction"),
        ("The red ball does not move left.", "contradiction"),
        ("Three dogs bark.", "contradiction"),
        ("2 dogs are barking", "entailment"),
        ("A man sings.", "neutral"),
        ("A green car turns.", "neutral"),
        ("The.", "neutral"),
    ],
)
def test_labels(event, label):
    description = "the red ball is moving left. two dogs barked."
    assert read_labels(reply("entail", description=description, events=[event]), 1) == (label,)


def test_it_says_what_it_is_and_answers_the_same_each_time():
    judge = OfflineJudge()
    assert judge.name == "offline"
    assert "mean nothing" in judge.describe()["note"]
    inputs = {"description": "a cat sits.", "events": ["a cat sits", "a cat does not sit"]}
    assert reply("entail", **inputs) == reply("entail", **inputs)
    assert [item["event"] for item in json.loads(reply("entail", **inputs))["events"]] == [1, 2]


@pytest.mark.parametrize("name", ["offline", "scripted"])
def test_the_yaml_of_each_builds(name):
    from omegaconf import OmegaConf

    from eval.building import build
    from eval.config import PROJECT

    node = OmegaConf.to_container(OmegaConf.load(PROJECT / "conf" / "judge" / f"{name}.yaml"))
    assert isinstance(node, dict)
    judge = build({str(key): value for key, value in node.items()}, "judge")
    assert judge.name == name
    assert judge.describe()["name"] == name


def test_of_several_answers_the_best_counts():
    given = {"question": "?", "answer": "cat or a red ball", "prediction": "the red ball"}
    assert read_verdict(reply("open_qa", **given)).correct is False
    assert read_verdict(reply("open_qa", **given, answers=["cat", "a red ball"])).correct is True
