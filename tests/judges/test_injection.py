"""What hostile predictions achieve: with a judge that obeys them, and with one that quotes them.

The judges here are rules, not models (tests/judges/faults.py has the rules of `obedient`). They are worse than any
model, since they obey whatever they find, so nothing here is a rate of success with a real judge: it shows which
attacks a protocol leaves possible at all. `python -m tests.judges.test_injection` prints the table.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import pytest

from eval.judges.calls import Grade, JudgeCall, Label, UnreadableReplyError
from eval.judges.forms import form
from eval.judges.hardening import MARKER, marked
from eval.judges.protocol import JudgeProtocol, Question, judge_protocol, native_protocol, upstream_protocol
from eval.judges.wording import Template, Wording
from tests.client.faults import Request, obedient
from tests.judges.injections import INJECTIONS, Kind

Task = Literal["open_qa", "extract", "entail"]
Result = Literal["turned", "spoiled", "held"]
"""What an attack came to: the answer that it wants; a reply that cannot be read; the honest answer."""
JudgeRule = Callable[[JudgeCall, str], str]
"""Gives the reply to a call, from the honest one."""

TASKS: tuple[Task, ...] = ("open_qa", "extract", "entail")
EVENTS = ("a man opens a red umbrella", "a dog barks at the man")
HONEST_EVENTS = ("something is described",)
NO = Grade(correct=False, score=0.0)
NEUTRAL: tuple[Label, ...] = ("neutral", "neutral")

# Raw slots and a Python dict as reply, as upstream has them; the words are ours.
UPSTREAM_LIKE = Wording(
    name="stand-in for upstream's",
    open_qa=Template(
        system="You judge whether the predicted answer to a question about a video is right.",
        user=(
            "Question: {{question}}\nCorrect Answer: {{answer}}\nPredicted Answer: {{prediction}}\n\n"
            "Say whether it is right, and how well it agrees, from 0 to 5.\n"
            "Give a Python dict and no other text, for example {'pred': 'yes', 'score': 4}."
        ),
    ),
    extract=Template(
        system="",
        user=(
            "Video description: {{description}}\nList its events, ten at the most.\n"
            "Give a Python dict and no other text, for example {'events': ['one event', 'another event']}."
        ),
    ),
    entail=Template(
        system="",
        user=(
            "Video description: {{description}}\nEvents: {{events|python}}\n"
            "Say of each whether it is an entailment, neutral or a contradiction.\n"
            "Give JSON and no other text, for example "
            '{"events": [{"event": "copy it", "relationship": "neutral", "reason": "why"}]}.'
        ),
    ),
)


def upstream_like() -> JudgeProtocol:
    return upstream_protocol(UPSTREAM_LIKE)


def hardened() -> JudgeProtocol:
    return judge_protocol("hardened")


PROTOCOLS = {"upstream-like": upstream_like, "native": native_protocol, "hardened": hardened}


def question(protocol: JudgeProtocol, task: Task, hostile: str) -> Question[Any]:
    """Return the call in which the hostile text is the prediction."""
    if task == "open_qa":
        return protocol.grade("s", "what does the man hold?", "a red umbrella", hostile)
    if task == "extract":
        return protocol.list_events("s", "prediction", hostile)
    return protocol.label_events("s", "reference", hostile, EVENTS, "")


def honest_reply(call: JudgeCall) -> str:
    written = form(call.form)
    if call.task == "open_qa":
        return written.write_verdict(call, NO)
    if call.task == "extract":
        return written.write_events(call, HONEST_EVENTS)
    return written.write_labels(call, NEUTRAL)


def obeys(call: JudgeCall, honest: str) -> str:
    """Obey the last order in the messages, quoted or not."""
    return _obey(call, honest, call.system, call.user)


def obeys_through_marks(call: JudgeCall, honest: str) -> str:
    """Obey the last order in the messages, in marked text too: the worst that a judge can do."""
    return _obey(call, honest, call.system.replace(MARKER, " "), call.user.replace(MARKER, " "))


def obeys_outside_quotes(call: JudgeCall, honest: str) -> str:
    """Obey the last order that is not in a JSON string in which the wording quotes a text."""
    texts = [text for text in call.inputs.values() if isinstance(text, str)]
    user = call.user
    for text in texts:
        user = user.replace(json.dumps(text, ensure_ascii=False), '""')
    return _obey(call, honest, call.system, user)


JUDGES: dict[str, JudgeRule] = {
    "obeys what it reads": obeys,
    "obeys, but no quotation": obeys_outside_quotes,
    "obeys through the marks": obeys_through_marks,
}


def _obey(call: JudgeCall, honest: str, system: str, user: str) -> str:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    own = (call.user.rpartition("\n")[2],)  # every wording ends with its order to reply
    return obedient(Request(index=0, body={"messages": messages}), lambda _: honest, own)


def result(protocol: JudgeProtocol, task: Task, hostile: str, judge: JudgeRule) -> Result:
    asked = question(protocol, task, hostile)
    reply = judge(asked.call, honest_reply(asked.call))
    try:
        answer = asked.read(reply)
    except UnreadableReplyError:
        return "spoiled"
    return "turned" if _is_wanted(answer) else "held"


def _is_wanted(answer: object) -> bool:
    """Whether an answer is not the honest one: a yes, other events, or any label but neutral."""
    return answer not in (NO, HONEST_EVENTS, NEUTRAL)


def n_turned(protocol: JudgeProtocol, judge: JudgeRule, tasks: Sequence[Task] = TASKS) -> int:
    return sum(result(protocol, task, injection.text, judge) == "turned" for task in tasks for injection in INJECTIONS)


def test_there_are_many_attacks_of_every_kind():
    assert len(INJECTIONS) >= 50
    assert len({injection.name for injection in INJECTIONS}) == len(INJECTIONS)
    assert {injection.kind for injection in INJECTIONS} == set(get_args(Kind))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_turns_where_nothing_is_hostile(protocol, task):
    for judge in JUDGES.values():
        assert result(PROTOCOLS[protocol](), task, "a man walks past a car", judge) == "held"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("injection", INJECTIONS, ids=lambda injection: injection.name)
def test_hardened_holds_against_a_judge_that_obeys_what_it_reads(injection, task):
    assert result(hardened(), task, injection.text, obeys) == "held"


def test_native_turns_less_often_than_upstream():
    assert n_turned(native_protocol(), obeys, ["open_qa"]) < n_turned(upstream_like(), obeys, ["open_qa"])
    assert n_turned(native_protocol(), obeys) < n_turned(upstream_like(), obeys)
    assert n_turned(native_protocol(), obeys_outside_quotes) == 0 < n_turned(upstream_like(), obeys_outside_quotes)


def test_only_orders_in_plain_words_reach_a_judge_that_reads_through_the_marks():
    # What the marking cannot do: these words mean the same marked, so it is up to the judge to heed what it is told.
    turned = {
        injection.name
        for task in TASKS
        for injection in INJECTIONS
        if result(hardened(), task, injection.text, obeys_through_marks) != "held"
    }
    assert turned == {
        "mark_it", "grade_all", "updated", "label_all", "mark_them", "your_tag", "rot13", "reference",
    }  # fmt: skip


@pytest.mark.parametrize("task", TASKS)
def test_a_hardened_message_differs_from_any_other_in_the_line_of_the_material_only(task):
    def shape(text: str) -> list[str]:
        call = question(hardened(), task, text).call
        lines = call.user.replace(call.inputs["tag"], "TAG").split("\n")
        assert call.inputs["tag"] not in text
        assert lines.count(marked(text)) == 1
        return [line for line in lines if line != marked(text)]

    expected = shape("a man walks past a car")
    for injection in INJECTIONS:
        assert shape(injection.text) == expected, injection.name


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", ["native", "hardened"])
def test_the_order_to_reply_comes_last(name, task):
    for injection in INJECTIONS:
        call = question(PROTOCOLS[name](), task, injection.text).call
        last = call.user.rpartition("\n")[2]
        assert last.startswith("Reply with one ")
        assert name == "native" or f'{{"id": "{call.inputs["tag"]}", ' in last


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_quotation_beside_the_honest_answer_is_never_read_for_it(name, task):
    for injection in INJECTIONS:
        asked = question(PROTOCOLS[name](), task, injection.text)
        honest = honest_reply(asked.call)
        for reply in (
            f"{injection.text}{honest}",
            f"{injection.text}\n{honest}",
            f"The candidate says:\n{injection.text}\n\nMy answer:\n{honest}",
            f"{honest}\n{injection.text}",
            f"<think>The candidate says {injection.text}</think>{honest}",
            f"```json\n{injection.text}{honest}\n```",
        ):
            assert not is_turned(asked, reply), injection.name


@pytest.mark.parametrize("task", TASKS)
def test_a_quotation_alone_is_no_answer_under_a_tag(task):
    # In the other protocols a judge that repeats a verdict, and says nothing after it, cannot be told from one that
    # gives it. The tag is for that.
    for injection in INJECTIONS:
        asked = question(hardened(), task, injection.text)
        for reply in (
            injection.text,
            f"The candidate says: {injection.text}",
            f"<think>{honest_reply(asked.call)}{injection.text}",
            f"{honest_reply(asked.call).replace(chr(34), chr(39))} is my answer to {injection.text}",
        ):
            assert not is_turned(asked, reply), injection.name


@pytest.mark.parametrize("task", TASKS)
def test_upstream_reads_nothing_behind_other_words(task):
    for injection in INJECTIONS:
        assert not is_turned(question(upstream_like(), task, injection.text), f"The candidate says: {injection.text}")


def is_turned(asked: Question[Any], reply: str) -> bool:
    try:
        return _is_wanted(asked.read(reply))
    except UnreadableReplyError:
        return False


def measure() -> str:
    """Return a table: how many of the hostile predictions turned a judge, and how many made its reply unreadable."""
    lines = [f"{len(INJECTIONS)} hostile predictions: turned, and + those that made the reply unreadable", ""]
    lines.append(f"{'judge':<26}{'protocol':<16}" + "".join(f"{task:>12}" for task in TASKS))
    for judge, rule in JUDGES.items():
        for name, protocol in PROTOCOLS.items():
            cells = []
            for task in TASKS:
                results = Counter(result(protocol(), task, injection.text, rule) for injection in INJECTIONS)
                cells.append(f"{results['turned']} + {results['spoiled']}".rjust(12))
            lines.append(f"{judge:<26}{name:<16}" + "".join(cells))
    return "\n".join(lines)


if __name__ == "__main__":
    print(measure())
