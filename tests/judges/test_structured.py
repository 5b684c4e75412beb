"""Ugly replies and what is read in them, worked out by hand: wrapping is forgiven, a second answer never."""

import json
import time
import warnings

import pytest

from eval.judges.calls import Grade, UnreadableReplyError
from eval.judges.structured import MAX_EVENTS, MAX_JSON_CHARS, events, label, labels, read_object, shown, verdict

YES = '{"pred": "yes", "score": 5}'
READ = {"pred": "yes", "score": 5}
THOUGHT = f"<think>The candidate says {YES}, or {{so}}.\n</think>"


@pytest.mark.parametrize(
    "reply",
    [
        YES,
        f"  \n{YES}\t\n",
        f"\ufeff{YES}",
        '{\n  "score": 5,\n  "pred": "yes"\n}',
        # Fences, whole or with words before.
        f"```json\n{YES}\n```",
        f"```\n{YES}\n```",
        f"```JSON  \n\n{YES}\n\n```\n",
        f"```json\n{YES}```",
        f"```json {YES}```",
        f"Sure, here it is:\n\n```json\n{YES}\n```",
        # Headings.
        f"JSON: {YES}",
        f"**Verdict:** {YES}",
        f"### Result\n{YES}",
        f"- output - {YES}",
        f"> {YES}",
        f"Let me compare them. They agree.\n{YES}",
        f"They agree.\n\nReply: {YES}",
        # Thinking, which may hold anything.
        f"{THOUGHT}{YES}",
        f"\n {THOUGHT}\n\n{YES}",
        f"{THOUGHT}\n```json\n{YES}\n```",
        f"Hm, they agree.</think>\n{YES}",
        # Python's way of writing it, alone or in a fence.
        "{'pred': 'yes', 'score': 5}",
        "{'pred': 'yes', 'score': 5,}",
        "{'pred': 'ye' 's', 'score': +5}  # sure",
        "```python\n{'pred': 'yes', 'score': 5}\n```",
        f"{THOUGHT}{{'score': 5, 'pred': 'yes'}}",
    ],
)  # fmt: skip
def test_one_object_is_read_whatever_it_is_wrapped_in(reply):
    assert read_object(reply) == READ


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("", "no JSON object"),
        ("yes", "no JSON object"),
        ("null", "no JSON object"),
        ("5", "a int, no object"),
        ('"{}"', "a str, no object"),
        (f"[{YES}]", "a list, no object"),
        (f"```json\n[{YES}]\n```", "a list, no object"),
        # Two answers.
        (f"{YES}\n{YES}", "text follows"),
        (f"{YES}, {YES}", "a tuple, no object"),
        (f"```json\n{YES}\n```\n```json\n{YES}\n```", "text follows"),
        (f"The candidate says:\n{YES}\nMine is:\n{YES}", "text follows"),
        ('{"pred": "no", "score": 0, "pred": "yes", "score": 5}', "a key comes twice"),
        ('{"pred": "yes", "score": 5, "why": {"a": 1, "a": 2}}', "a key comes twice"),
        ('{"pred": "yes", "score": 5, "why": [{"a": 1, "a": 1}]}', "a key comes twice"),
        (r'{"pred": "yes", "score": 5, "p\u0072ed": "no"}', "a key comes twice"),
        (f'Mine:\n{{"pred": "no", {YES[1:]}', "a key comes twice"),
        ("{'pred': 'no', 'score': 0, 'pred': 'yes'}", "a key comes twice"),
        ("{'pred': 'no', 'score': 0, 'pr' 'ed': 'yes'}", "a key comes twice"),
        ("{'why': [{'a': 1, 'a': 1}]}", "a key comes twice"),
        ('{"pred": "yes", \'pred\': "no"}', "a key comes twice"),
        # Words on its line or after it.
        (f"The candidate says {YES}", "within a sentence"),
        (f"My verdict: {YES}", "within a sentence"),
        (f'"prediction": {YES}', "within a sentence"),
        (f"JSON verdict: {YES}", "within a sentence"),
        (f"Thus:\nIt is not so that {YES}", "within a sentence"),
        (f"{YES}.", "text follows"),
        (f"{YES} is what it wants me to say.", "text follows"),
        (f"{YES}\nI hope this helps!", "text follows"),
        (f"```json\n{YES}\n```\nI hope this helps!", "text follows"),
        # A brace before the object may be where another begins.
        (f"{{so}}\n{YES}", "no JSON object"),
        (f"Compare {{answer}}.\n{YES}", "no JSON object"),
        (f"The candidate says {YES}.</think>\n{YES}", "text follows"),
        (f"<think>So {YES}", "within a sentence"),
        (f"<think>Hm</think>{YES}</think>{YES}", "its thinking comes twice"),
        (f"<think>So</think>\n{YES}\n<think>or</think>\n{YES}", "its thinking comes twice"),
        # No JSON, and not Python's either.
        ('{"pred": "yes", "score": 5', "no JSON object"),
        ('"pred": "yes", "score": 5}', "no JSON object"),
        ('{"pred": "yes", "score": NaN}', "no JSON object"),
        ('{"pred": "yes", "score": Infinity}', "no JSON object"),
        ('{"pred": yes, "score": 5}', "no JSON object"),
        ("{‘pred’: ‘yes’, ‘score’: 5}", "no JSON object"),
        ('{"pred": "yes", "score": 5 /* sure */}', "no JSON object"),
        ('{"pred": "y\nes", "score": 5}', "no JSON object"),
        ("{'pred': f'yes', 'score': 5}", "no JSON object"),
        ("{'pred': 'yes', 'score': __import__('os').getpid()}", "no JSON object"),
        ("{'pred': 'yes', 'score': '\ud83d'}", "no JSON object"),
        ("Sure:\n{'pred': 'yes', 'score': 5}", "no JSON object"),
        ("{'pred', 'yes'}", "a set, no object"),
        ("{1: 'pred'}", "a key that is not text"),
        ("{b'pred': 'yes'}", "a key that is not text"),
        ("{**{'pred': 'yes'}}", "no JSON object"),
        ('{"score": ' + "1" * 5000 + "}", "no JSON object"),
    ],
)
def test_everything_else_is_refused(reply, said):
    with pytest.raises(UnreadableReplyError, match=said):
        read_object(reply)


@pytest.mark.parametrize(
    "reply",
    [
        "[" * 200_000,
        "{" * 200_000,
        '{"a":' * 40_000 + "1" + "}" * 40_000,
        "{'a':" * 5_000 + "1" + "}" * 5_000,
        '{"events": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "{'a': " + "-" * 30_000 + "1}",
        "Sure:\n" + "[" * 100_000 + '{"a": 1',
        "<think>" * 30_000,
        "*" * 200_000 + "json" * 10_000,
    ],
)
def test_what_is_made_to_overwhelm_a_parser_is_refused_at_once(reply):
    begun = time.monotonic()
    with pytest.raises(UnreadableReplyError):
        read_object(reply)
    assert time.monotonic() - begun < 5


def test_a_fence_and_a_run_of_empty_lines_cost_no_more_than_their_length():
    begun = time.monotonic()
    with pytest.raises(UnreadableReplyError):
        read_object("```json" + "\n" * 20_000 + "x")
    assert time.monotonic() - begun < 2


def test_what_python_thinks_of_a_spelling_is_nobodys_concern():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_object(r"{'pred': 'yes', 'why': '\d'}") == {"pred": "yes", "why": "\\d"}


def test_the_bound_on_length():
    room = MAX_JSON_CHARS - len('{"a": ""}')
    assert read_object('{"a": "' + "x" * room + '"}') == {"a": "x" * room}
    with pytest.raises(UnreadableReplyError, match="262145 characters are too long"):
        read_object('{"a": "' + "x" * (room + 1) + '"}')
    with pytest.raises(UnreadableReplyError, match="300000 characters"):
        read_object("x" * 300_000)
    # What is no JSON is only read as Python where it is short.
    with pytest.raises(UnreadableReplyError, match="no JSON object"):
        read_object("{'a': '" + "x" * 40_000 + "'}")


@pytest.mark.parametrize(
    ("pred", "score", "correct", "value"),
    [
        ("yes", 5, True, 5), ("no", 0, False, 0), ("YES", 4.5, True, 4.5), (" No\n", 1, False, 1),
        (True, 3, True, 3), (False, 3, False, 3), ("yes", "4", True, 4), ("yes", " 4.5 ", True, 4.5),
        ("no", "0", False, 0), ("yes", "5.0", True, 5), ("yes", 1e-300, True, 1e-300), ("yes", -0.0, True, 0),
        ("yes", 0, True, 0), ("no", 5, False, 5),
    ],
)  # fmt: skip
def test_grades_that_count(pred, score, correct, value):
    assert verdict({"pred": pred, "score": score, "more": 1}) == Grade(correct=correct, score=value)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"pred": "yes"}, "no 'score' in it"),
        ({"score": 5}, "no 'pred' in it"),
        ({"Pred": "yes", "score": 5}, "no 'pred' in it"),
        *[({"pred": pred, "score": 5}, "neither yes nor no") for pred in (
            "maybe", "yes.", "", "y", "yes no", "correct", 1, 0, None, ["yes"], {"yes": 1}, b"yes", "ｙｅｓ",
        )],
        *[({"pred": "yes", "score": score}, "no number from 0 to 5") for score in (
            6, 5.1, -1, -0.1, 1e308, float("inf"), float("nan"), 10**400, True, False, None, "", "six", "6", "5.1",
            "-1", "+4", "4/5", "4 of 5", "1e0", "05", ".5", "5.", "nan", [5], {"value": 5}, 2j, b"4",
        )],
    ],
)  # fmt: skip
def test_grades_that_do_not(found, said):
    with pytest.raises(UnreadableReplyError, match=said):
        verdict(found)


@pytest.mark.parametrize(
    ("listed", "read"),
    [
        ([], ()),
        (["a cat runs", " it sits\n"], ("a cat runs", "it sits")),
        (["", " ", "a"], ("a",)),
        (["a", "a"], ("a", "a")),
        (["half \ud83d"], ("half ?",)),
        (["whole 😀"], ("whole 😀",)),
    ],
)
def test_events_that_count(listed, read):
    found = events({"events": listed, "more": 1})
    assert found == read
    "".join(found).encode()


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, "no 'events' in it"),
        ({"events": None}, "a NoneType, no list"),
        ({"events": "a"}, "a str, no list"),
        ({"events": ("a",)}, "a tuple, no list"),
        ({"events": {"1": "a"}}, "a dict, no list"),
        ({"events": [1]}, "1 is not text"),
        ({"events": ["a", None]}, "None is not text"),
        ({"events": ["a", ["b"]]}, "is not text"),
        ({"events": [{"event": "a"}]}, "is not text"),
        ({"events": ["a"] * (MAX_EVENTS + 1)}, "51 events; a description has 50"),
    ],
)
def test_events_that_do_not(found, said):
    with pytest.raises(UnreadableReplyError, match=said):
        events(found)


def entry(number, name="neutral"):
    return {"event": number, "relationship": name}


def bare(*names):
    return [{"relationship": name} for name in names]


@pytest.mark.parametrize(
    ("listed", "indexed", "read"),
    [
        ([entry(1, "entailment"), entry(2)], True, "en"),
        ([entry(2, "contradiction"), entry(1, "entailment")], True, "ec"),
        ([entry("2"), entry(" 1 ", "entailment")], True, "en"),
        ([entry(3, "entailment"), entry(1), entry(2, "contradiction")], True, "nce"),
        ([], True, ""),
        ([entry(2, "contradiction"), entry(1, "entailment")], False, "ec"),
        (bare(" ENTAILMENT\n", "Contradiction"), False, "ec"),
        ([], False, ""),
    ],
)
def test_labels_that_count(listed, indexed, read):
    found = labels({"events": listed}, len(listed), indexed=indexed)
    assert "".join(name[0] for name in found) == read


@pytest.mark.parametrize("numbers", [
    (1, 1), (0, 1), (2, 3), (1, 3), (1, None), (None, None), (1.0, 2.0), (1, "two"), ("a cat runs", "it sits"),
    (True, 2), (1, -2), ("1.0", "2"), ([1], 2), (1, "0002"), (1, 10**5000),
])  # fmt: skip
@pytest.mark.parametrize("indexed", [True, False])
def test_labels_whose_numbers_do_not_fit(numbers, indexed):
    with pytest.raises(UnreadableReplyError, match=r"the events are numbered .*, not 1 to 2"):
        labels({"events": [entry(number) for number in numbers]}, 2, indexed=indexed)


@pytest.mark.parametrize(
    ("listed", "n", "said"),
    [
        ([entry(1)], 2, "1 labels for 2 events"),
        ([entry(1), entry(2)], 1, "2 labels for 1 events"),
        ([], 1, "0 labels for 1 events"),
        (["neutral"], 1, "not an object with a relationship"),
        ([["event", 1]], 1, "not an object with a relationship"),
        ([{"event": 1}], 1, "None is none of entailment, neutral, contradiction"),
        ([entry(1, "maybe")], 1, "'maybe' is none of"),
        ([entry(1, "entail")], 1, "'entail' is none of"),
        ([entry(1, "entailment or neutral")], 1, "is none of"),
        ([entry(1, None)], 1, "None is none of"),
        ([entry(1, ["neutral"])], 1, "is none of"),
        ({"1": "neutral"}, 1, "a dict, no list"),
        ("neutral", 1, "a str, no list"),
    ],
)
def test_labels_that_do_not(listed, n, said):
    for indexed in (True, False):
        with pytest.raises(UnreadableReplyError, match=said):
            labels({"events": listed}, n, indexed=indexed)


def test_without_numbers_labels_count_in_order_only_where_none_is_asked_for():
    found = {"events": bare("neutral", "entailment")}
    assert labels(found, 2, indexed=False) == ("neutral", "entailment")
    with pytest.raises(UnreadableReplyError, match="numbered"):
        labels(found, 2, indexed=True)
    # A number here and there is not an order.
    with pytest.raises(UnreadableReplyError, match="numbered"):
        labels({"events": [entry(1), *bare("neutral")]}, 2, indexed=False)


def test_a_label_is_read_whole():
    assert label(" Neutral ") == "neutral"
    for value in ("n", "", None, 1, True, "neutral."):
        with pytest.raises(UnreadableReplyError, match="is none of"):
            label(value)


def test_a_message_shows_what_has_a_form_to_show():
    assert shown("x" * 100) == "'" + "x" * 59
    assert shown(10**5000) == "a int"
    deep = json.loads("[" * 900 + "]" * 900)
    for _ in range(20_000):
        deep = [deep]
    assert shown(deep) == "a list"
    while deep:  # taken apart by hand: old Pythons overflow on a nest this deep
        deep = deep[0]
