import ast
import json

import pytest

from eval.judges.calls import Grade, UnreadableReplyError
from eval.judges.replies import read_events, read_labels, read_verdict

# Every verdict here was also put to upstream's own functions, so that nothing rests on our reading of them.


@pytest.mark.parametrize(
    ("reply", "correct", "score"),
    [
        ("{'pred': 'yes', 'score': 5}", True, 5),
        ('{"pred": "no", "score": 0}', False, 0),
        ("  \t{'pred':'no','score':1}\n\n", False, 1),
        ("\n{'pred': 'yes', 'score': 4.5}", True, 4.5),
        ("{'score': 3, 'reason': ['any', None], 'pred': 'yes',}", True, 3),
        ("{'pred': 'no', 'pred': 'yes', 'score': 2}", True, 2),  # the last one counts, as in any dict
        ("{'pred': 'yes', 'score': True}", True, 1),
        ("{'pred': 'ye' 's', 'score': +4}", True, 4),
        ("{'pred': 'yes', 'score': 0x5}  # sure", True, 5),
        ("({'pred': 'yes', 'score': 5})", True, 5),
        (r"{'pred': 'yes', 'score': 5, 'reason': '\d'}", True, 5),
        ("{'pred': 'yes', 'score': -0.0}", True, 0),
    ],
)
def test_verdicts_that_count(reply, correct, score):
    assert read_verdict(reply) == Grade(correct=correct, score=score)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "yes",
        "I cannot judge.",
        "{'pred': 'yes'}",
        "{'score': 5}",
        "{'pred': 'Yes', 'score': 5}",
        "{'pred': 'yes ', 'score': 5}",
        "{'pred': 'maybe', 'score': 3}",
        "{'pred': True, 'score': 3}",
        "{'pred': ['yes'], 'score': 3}",
        "{'pred': 'yes', 'score': '4'}",
        "{'pred': 'yes', 'score': b'4'}",
        "{'pred': 'yes', 'score': None}",
        "{'pred': 'yes', 'score': 7}",
        "{'pred': 'yes', 'score': 5.1}",
        "{'pred': 'yes', 'score': -1}",
        "{'pred': 'yes', 'score': 1e999}",
        "{'pred': 'yes', 'score': nan}",
        "{'pred': 'yes', 'score': 2j}",
        "{'pred': 'yes', 'score': --1}",
        "{'pred': 'yes', 'score': 2+3}",
        "{'pred': 'yes', 'score': 5, 'ok': true}",
        "{'pred': 'yes', 'score': 5}.",
        "{'pred': 'yes', 'score': 5} {'pred': 'no', 'score': 0}",
        "```json\n{'pred': 'yes', 'score': 5}\n```",
        "Answer: {'pred': 'yes', 'score': 5}",
        "\n {'pred': 'yes', 'score': 5}",  # Python takes this for a wrong indentation
        "\ufeff{'pred': 'yes', 'score': 5}",
        "{‘pred’: ‘yes’, ‘score’: 5}",
        "['yes', 5]",
        "{'pred', 'yes'}",
        "{['pred']: 'yes', 'pred': 'yes', 'score': 5}",
        "{**{'pred': 'yes'}, 'score': 5}",
        "dict(pred='yes', score=5)",
        "{'pred': f'yes', 'score': 5}",
        "{'pred': 'yes', 'score': 5, 'x': '\x00'}",
        "{'pred': 'yes', 'score': 5, 'x': '\ud83d'}",
        "{'pred': 'yes', 'score': " + "1" * 5000 + "}",
        "{'pred': 'yes', 'score': 0x" + "f" * 5000 + "}",
    ],
)
def test_verdicts_that_do_not(reply):
    with pytest.raises(UnreadableReplyError):
        read_verdict(reply)


@pytest.mark.parametrize(
    ("reply", "events"),
    [
        ('{"events": ["a cat runs", "it sits"]}', ("a cat runs", "it sits")),
        ("{'events': []}", ()),
        ("```json\n{\"events\": ['a']}\n```", ("a",)),
        ("```python\n{'events': ['a']}```", ("a",)),
        ("{'events': ['a', 5, None]}", ("a", "5", "None")),  # upstream looks at the first one only
        (r'{"events": ["a \ud83d\ude00"]}', ("a 😀",)),
        (r'{"events": ["half \ud83d"]}', ("half \N{REPLACEMENT CHARACTER}",)),
        ('{"events": ["a"], "n": 1}', ("a",)),
    ],
)
def test_events_that_count(reply, events):
    assert read_events(reply) == events


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "Sure! {'events': ['a']}",
        "```\n{'events': ['a']}\n```",
        " ```json\n{'events': ['a']}\n```",  # upstream looks for the fence at the very start
        "{'event': ['a']}",
        "{'events': 'a'}",
        "{'events': ('a',)}",
        "{'events': [1, 'a']}",
        "{'events': ['a', 0x" + "f" * 5000 + "]}",
        "['a']",
        "{'events': [a]}",
        '{"events": null}',
    ],
)
def test_events_that_do_not(reply):
    with pytest.raises(UnreadableReplyError):
        read_events(reply)


ONE = '{"event": "a", "relationship": "neutral"}'


@pytest.mark.parametrize(
    ("reply", "n", "labels"),
    [
        (f'{{"events": [{ONE}]}}', 1, "n"),
        (f'```json\n{{"events": [{ONE}]}}\n```', 1, "n"),
        (f'\n\n```python\n{{"events": [{ONE}]}}', 1, "n"),
        (f'\n"events": [{ONE}]}}', 1, "n"),  # the first brace is missing
        (f'{{"events": [{ONE}]', 1, "n"),  # the last one is
        (f'{{"events": [{ONE},],}}', 1, "n"),
        (f'{{"events": [{ONE}{ONE}]}}', 2, "nn"),  # no comma between them
        (f'{{"events": [{ONE}\n{ONE}\n,\n]\n}}', 2, "nn"),
        (f'{{Events: {{"events": [{ONE}]}}', 1, "n"),
        (f'{{"ok": True, "x": NaN, "why": [Placeholder], "events": [{ONE}]}}', 1, "n"),
        (r'{"events": [{"relationship": " ENTAILMENT\n"}, {"relationship": "Contradiction"}]}', 2, "ec"),
        ('{"events": [{"relationship": "maybe", "relationship": "entailment"}]}', 1, "e"),
        (f'{{"events": [{ONE}]}}', 0, "n"),
        ('{"events": []}', 0, ""),
        ('{"events": {}}', 0, ""),
        ('{"events": ""}', 0, ""),
    ],
)
def test_labels_that_count(reply, n, labels):
    assert "".join(label[0] for label in read_labels(reply, n)) == labels


@pytest.mark.parametrize(
    ("reply", "n"),
    [
        ("no json here", 1),
        ("", 0),
        (f'{{"events": [{ONE}]}}', 2),
        (f'{{"events": [{ONE}, {ONE}]}}', 1),
        (f'{{"events": [{ONE}, {ONE}]}}', 0),
        ('{"events": []}', 1),
        ('{"events": [{"relationship": "maybe"}]}', 0),
        ('{"events": [{"relationship": "maybe"}]}', 1),
        ('{"events": [{"relation": "neutral"}]}', 1),
        ('{"events": [{"relationship": null}]}', 1),
        ('{"events": [["relationship", "neutral"]]}', 1),
        ('{"events": ["neutral"]}', 1),
        ('{"events": {"relationship": "neutral"}}', 1),
        ('{"events": null}', 0),
        ('{"events": 1}', 1),
        ('["neutral"]', 1),
        (f"{{'events': [{ONE}]}}", 1),
        (f'```\n{{"events": [{ONE}]}}\n```', 1),
        (f'Here: {{"events": [{ONE}]}}', 1),
        (f'{{"events": [{ONE}]}} I hope', 1),
        (f'{{"events": [{ONE}]}} {{"events": [{ONE}]}}', 1),
        ("[" * 100_000, 1),
        ('{"events": ' + "[" * 900 + "]" * 900 + "}", 1),
        ("x" * 300_000, 1),
    ],
)
def test_labels_that_do_not(reply, n):
    with pytest.raises(UnreadableReplyError):
        read_labels(reply, n)


def test_events_go_on_to_the_judge_as_python_writes_them():
    # As upstream's f"Events: {events}" does with what ast.literal_eval gave it.
    reply = r"{'events': ['a dog', 3, 2.5, None, '\ud83d\ude00 smiles', 'it\'s']}"
    events = read_events(reply)
    assert repr(list(events)) == repr(ast.literal_eval(reply)["events"])
    assert events == ("a dog", "3", "2.5", "None", "\U0001f600 smiles", "it's")
    assert json.loads(json.dumps(events)) == list(events)
