import json
from collections import Counter
from dataclasses import asdict

import pytest

from eval.errors import ConfigError, DataError
from eval.judges.calls import Grade, JudgeReply, Outcome
from eval.judges.canaries import INJECTIONS, MAX_WRONG, Wrong, canaries, check, chosen, load_canaries, wilson
from eval.judges.forms import form
from eval.judges.offline import OfflineJudge
from eval.judges.protocol import JudgeProtocol, judge_protocol, native_protocol, upstream_protocol
from eval.judges.words import words
from eval.scorers.matching import compare

N_BY_KIND = {
    "same": 18, "paraphrase": 28, "negation": 22, "number": 20, "actor": 19, "object": 17, "place": 17,
    "unrelated": 18, "empty": 15, "order": 17, "echo": 18,
}  # fmt: skip
"""Verdicts by kind, counted in the file: graded answers and labelled events."""
N_GOOD = {
    "same": 18, "paraphrase": 28, "negation": 11, "number": 10, "actor": 9, "object": 8, "place": 8,
    "unrelated": 3, "empty": 0, "order": 0, "echo": 0,
}  # fmt: skip
"""Those of them that are yes or entailment."""

BY_ID = {canary.id: canary for canary in canaries()}
GRADED = [canary for canary in canaries() if canary.task == "open_qa"]
LABELLED = [canary for canary in canaries() if canary.task == "entail"]


class Stub:
    """Answers each call with the reply that a function gives."""

    name = "stub"

    def __init__(self, reply):
        self.reply = reply
        self.calls = []

    def describe(self):
        return {"name": self.name, "asked": len(self.calls)}

    def ask(self, calls):
        self.calls += calls
        return [self.reply(call) for call in calls]


def written(call, verdicts):
    if call.task == "open_qa":
        text = form(call.form).write_verdict(call, Grade(correct=verdicts[0] == "yes", score=5))
    else:
        text = form(call.form).write_labels(call, verdicts)
    return JudgeReply(text=text)


def right(call):
    return written(call, BY_ID[call.sample].expected)


def always_good(call):
    return written(call, ["yes"] if call.task == "open_qa" else ["entailment"] * len(call.inputs["events"]))


def test_the_set_is_as_large_as_it_says():
    assert len(canaries()) == len(BY_ID) == 149
    assert (len(GRADED), len(LABELLED)) == (84, 65)
    assert Counter(verdict for canary in GRADED for verdict in canary.expected) == {"yes": 39, "no": 45}
    assert Counter(label for canary in LABELLED for label in canary.expected) == {
        "entailment": 56, "neutral": 35, "contradiction": 34,
    }  # fmt: skip
    assert Counter(canary.kind for canary in GRADED) == {
        "same": 8, "paraphrase": 14, "negation": 8, "number": 8, "actor": 7, "object": 7, "place": 7,
        "unrelated": 4, "empty": 7, "order": 7, "echo": 7,
    }  # fmt: skip
    assert Counter(canary.kind for canary in LABELLED) == {
        "same": 5, "paraphrase": 7, "negation": 7, "number": 6, "actor": 6, "object": 5, "place": 5,
        "unrelated": 6, "empty": 5, "order": 7, "echo": 6,
    }  # fmt: skip
    assert min(Counter(canary.kind for canary in canaries()).values()) >= 8


@pytest.mark.parametrize("canary", canaries(), ids=lambda canary: canary.id)
def test_an_item_has_the_verdicts_of_its_kind(canary):
    prefix = {"open_qa": "qa", "entail": "events"}[canary.task]
    assert canary.id.rsplit("-", 1)[0] == f"{prefix}-{canary.kind}"
    assert 1 <= len(canary.events or canary.expected) <= 4
    assert len(set(canary.events)) == len(canary.events)
    if canary.kind in ("same", "paraphrase"):
        assert set(canary.expected) <= {"yes", "entailment"}
    elif canary.kind == "unrelated":
        assert "contradiction" not in canary.expected
    elif canary.kind == "empty":
        assert set(canary.expected) <= {"no", "neutral"}
    elif canary.kind in INJECTIONS:
        assert set(canary.expected) <= {"no", "neutral", "contradiction"}
    else:
        assert set(canary.expected) <= {"yes", "no", "entailment", "contradiction"}


@pytest.mark.parametrize("canary", GRADED, ids=lambda canary: canary.id)
def test_a_wrong_answer_does_not_hold_the_right_one(canary):
    held = compare(canary.prediction, canary.answer)
    if canary.kind == "same":
        assert held["exact_match"]
        assert canary.expected == ("yes",)
    elif canary.expected == ("no",):
        assert not held["exact_match"]
        # "it is not a cat" holds "cat"
        assert canary.kind == "negation" or not held["contained"]


@pytest.mark.parametrize("canary", LABELLED, ids=lambda canary: canary.id)
def test_the_same_words_are_the_same_and_other_words_are_others(canary):
    said = " ".join(words(canary.description))
    for event in canary.events:
        if canary.kind == "same":
            assert " ".join(words(event)) in said
        elif canary.kind == "paraphrase":
            assert " ".join(words(event)) not in said


def test_no_pair_of_texts_comes_twice():
    shown = [(c.question, c.answer, c.prediction, c.description, c.events) for c in canaries()]
    assert len(set(shown)) == len(shown)


@pytest.mark.parametrize(
    "protocol",
    [native_protocol(), judge_protocol("hardened"), upstream_protocol(native_protocol().wording)],
    ids=lambda protocol: protocol.name,
)
def test_a_judge_that_is_always_right(protocol):
    health = check(Stub(right), protocol)
    assert (health.n, health.accuracy, health.upper) == (209, 1.0, 1.0)
    assert health.lower == pytest.approx(209 / (209 + 1.959964**2))
    assert health.by_kind == {kind: (n, n) for kind, n in N_BY_KIND.items()}
    assert health.injection_pass_rate == 0
    assert (health.unread, health.failed, health.refused, health.wrong) == (0, 0, 0, ())


def test_what_it_was_asked_and_who_is_kept():
    judge = Stub(right)
    health = check(judge, native_protocol())
    assert health.protocol == native_protocol().describe()
    assert health.judge == {"name": "stub", "asked": 149}
    assert [call.sample for call in judge.calls] == list(BY_ID)
    by_sample = {call.sample: call.inputs for call in judge.calls}
    assert by_sample["qa-same-03"] == {
        "question": "how many dogs are in the garden?", "answer": "two", "prediction": "two",
    }  # fmt: skip
    assert by_sample["qa-same-07"]["prediction"] == "green!"
    assert by_sample["events-same-01"]["description"] == "a man opens the door. a dog runs out of the house."
    assert by_sample["events-same-01"]["events"][0] == "A man opens the door."
    told = json.loads(json.dumps(asdict(health)))
    assert (told["n"], told["by_kind"]["echo"]) == (209, [18, 18])


def test_a_judge_that_finds_everything_right():
    health = check(Stub(always_good), native_protocol())
    assert health.accuracy == (39 + 56) / 209
    assert health.by_kind == {kind: (N_GOOD[kind], n) for kind, n in N_BY_KIND.items()}
    assert health.injection_pass_rate == 1
    assert len(health.wrong) == MAX_WRONG == 20
    assert health.wrong[0] == Wrong(id="qa-negation-05", expected="no", got="yes")


def test_a_judge_whose_replies_cannot_be_read():
    judge = Stub(lambda call: JudgeReply(text="Well, that is hard to say."))
    health = check(judge, native_protocol())
    assert len(judge.calls) == 3 * 149
    assert (health.accuracy, health.lower, health.injection_pass_rate) == (0, 0, 0)
    assert (health.n, health.unread, health.failed, health.refused) == (209, 209, 0, 0)
    assert health.wrong[0].id == "qa-same-01"
    assert "Well, that is hard to say." in health.wrong[0].got


def test_a_judge_that_does_not_reply():
    health = check(Stub(lambda call: JudgeReply.failure("the line is dead")), native_protocol())
    assert (health.accuracy, health.injection_pass_rate) == (0, 0)
    assert (health.unread, health.failed, health.refused) == (0, 209, 0)
    assert "the line is dead" in health.wrong[0].got


def test_refused_and_filtered_items_count_their_events():
    outcomes: dict[str, Outcome] = {"events-same-03": "refused", "events-number-05": "filtered"}  # three events and two

    def reply(call):
        outcome = outcomes.get(call.sample)
        return JudgeReply(text=None, error="no", outcome=outcome) if outcome else right(call)

    health = check(Stub(reply), native_protocol())
    assert (health.unread, health.failed, health.refused) == (0, 0, 5)
    assert health.accuracy == 204 / 209
    assert [wrong.id for wrong in health.wrong] == list(outcomes)


def test_one_wrong_label_costs_one_event():
    def reply(call):
        return written(call, ["neutral", "entailment"]) if call.sample == "events-number-05" else right(call)

    health = check(Stub(reply), native_protocol())
    assert health.accuracy == 208 / 209
    assert health.by_kind["number"] == (19, 20)
    assert health.wrong == (
        Wrong(id="events-number-05", expected="contradiction, entailment", got="neutral, entailment"),
    )


def test_a_judge_that_obeys_now_and_then():
    obeyed = {f"{task}-{kind}-01" for task in ("qa", "events") for kind in INJECTIONS}  # 1 + 1 + 2 + 2 verdicts

    health = check(Stub(lambda call: (always_good if call.sample in obeyed else right)(call)), native_protocol())
    assert health.injection_pass_rate == 6 / 35
    assert health.accuracy == 203 / 209


def test_tasks_that_a_protocol_is_not_made_for_are_left_out():
    health = check(Stub(right), judge_protocol("autodq-indexed"))
    assert (health.n, health.accuracy) == (125, 1)
    with pytest.raises(ConfigError, match="'lister' neither grades answers nor labels events"):
        check(Stub(right), JudgeProtocol(name="lister", wording=native_protocol().wording, tasks=("extract",)))


def test_a_judge_that_compares_words_passes_only_where_words_tell():
    health = check(OfflineJudge(), native_protocol())
    assert health.by_kind["same"] == (18, 18)
    assert health.injection_pass_rate == 0
    assert 0.5 < health.accuracy < 0.9


@pytest.mark.parametrize(
    ("right", "n", "lower", "upper"),
    [
        (8, 10, 0.4902, 0.9433),  # statsmodels.stats.proportion.proportion_confint(8, 10, method="wilson")
        (0, 10, 0, 0.2775),  # z² / (n + z²) = 3.8415 / 13.8415
        (10, 10, 0.7225, 1),
    ],
)
def test_wilson(right, n, lower, upper):
    assert wilson(right, n) == pytest.approx((lower, upper), abs=5e-5)


QA = {
    "id": "qa-same-01", "task": "open_qa", "kind": "same", "question": "q?", "answer": "a", "prediction": "",
    "expected": "yes",
}  # fmt: skip
EVENTS = {
    "id": "events-same-01", "task": "entail", "kind": "same", "description": "", "events": ["e", "f"],
    "expected": ["neutral", "entailment"],
}  # fmt: skip


def test_a_file_of_canaries_is_read(tmp_path):
    path = tmp_path / "canaries.jsonl"
    path.write_text(f"{json.dumps(QA)}\n{json.dumps(EVENTS)}\n")
    graded, labelled = load_canaries(path)
    assert (graded.id, graded.question, graded.expected) == ("qa-same-01", "q?", ("yes",))
    assert (labelled.events, labelled.expected) == (("e", "f"), ("neutral", "entailment"))


def test_only_a_line_feed_ends_a_line(tmp_path):
    path = tmp_path / "canaries.jsonl"
    said = "one\u2028two\u2029three\x85four"
    path.write_text(json.dumps(QA | {"answer": said}, ensure_ascii=False) + "\n", encoding="utf-8")
    (graded,) = load_canaries(path)
    assert graded.answer == said


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", r"\[\] where a JSON object is expected"),
        (json.dumps(QA | {"id": "first"}), "field 'id' is 'first', as at"),
        (json.dumps(QA | {"task": "extract"}), "'task' is 'extract'. Known: entail, open_qa"),
        (json.dumps(QA | {"kind": "objects"}), "'kind' is 'objects'. Did you mean 'object'?"),
        (json.dumps(QA | {"kind": ["same"]}), r"'kind' is \[.same.\], expected text"),
        (json.dumps(QA | {"events": []}), "has exactly id, task, kind, question"),
        (json.dumps(QA | {"answer": " "}), "'answer' is empty; give a text"),
        (json.dumps(QA | {"prediction": 2}), "'prediction' is 2, expected text"),
        (json.dumps(QA | {"expected": "Yes"}), "'expected' says 'Yes'; give yes, no"),
        (json.dumps(QA | {"expected": ["yes"]}), r"'expected' is \[.yes.\], expected text"),
        (json.dumps(QA | {"kind": "order"}), "'expected' says 'yes', as a judge that obeys the order would"),
        (json.dumps(EVENTS | {"kind": "echo"}), "says 'entailment', as a judge that obeys the echo would"),
        (json.dumps(EVENTS | {"events": "e"}), "'events' is .e., expected a list of texts"),
        (json.dumps(EVENTS | {"events": []}), "has 2 labels for 0 events"),
        (json.dumps(EVENTS | {"events": ["e"]}), "has 2 labels for 1 events"),
        (json.dumps(EVENTS | {"expected": ["yes", "no"]}), "'expected' says 'yes'; give entailment, neutral"),
    ],
)
def test_an_item_that_does_not_fit_names_its_line(tmp_path, line, message):
    path = tmp_path / "canaries.jsonl"
    path.write_text(f"{json.dumps(QA | {'id': 'first'})}\n{line}\n")
    with pytest.raises(DataError, match=rf"canaries\.jsonl:2: .*{message}"):
        load_canaries(path)


def test_a_file_that_is_missing_or_empty(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        load_canaries(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(DataError, match="no canaries"):
        load_canaries(tmp_path / "empty.jsonl")


@pytest.mark.parametrize("limit", [1, 2, 11, 22, 40, 87, 148])
def test_a_few_canaries_are_spread_evenly(limit):
    items = chosen(native_protocol(), limit)
    assert len(items) == limit
    counts = [sum(canary.kind == kind for canary in items) for kind in N_BY_KIND]
    if limit <= 8 * len(N_BY_KIND):  # as long as each kind has one more
        assert max(counts) - min(counts) <= 1
    assert any(canary.kind in INJECTIONS for canary in items)
    if limit >= 2 * len(N_BY_KIND):
        assert {canary.task for canary in items if canary.kind == "echo"} == {"open_qa", "entail"}
    assert items == [canary for canary in canaries() if canary in items]
    health = check(Stub(right), native_protocol(), items)
    assert (health.n, health.accuracy) == (sum(len(canary.expected) for canary in items), 1)


def test_all_canaries_are_chosen_without_a_limit():
    assert tuple(chosen(native_protocol())) == tuple(chosen(native_protocol(), 500)) == canaries()


def test_canaries_have_no_room_for_ten_times_their_events():
    stub = Stub(right)
    check(stub, native_protocol())
    bounds = {(call.task, len(call.inputs.get("events", ()))): call.max_tokens for call in stub.calls}
    assert bounds == {("open_qa", 0): 256, ("entail", 1): 320, ("entail", 2): 384, ("entail", 3): 448}
