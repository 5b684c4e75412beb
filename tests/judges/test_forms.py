"""The forms of replies: what each writes it reads, its schema is strict, and what does not fit is refused."""

import json
from typing import Any

import pytest

from eval.errors import ConfigError
from eval.judges.calls import LABELS, Grade, JudgeCall, Label, UnreadableReplyError
from eval.judges.forms import FORMS, form, n_labels

TAG = "t0123456789abcde"
LISTED: tuple[Label, ...] = ("neutral", "entailment", "contradiction", "entailment")


def call(task, n=4, **inputs):
    given: dict[str, Any] = {"tag": TAG, **({"events": [f"event {i}" for i in range(n)]} if task == "entail" else {})}
    return JudgeCall(task=task, sample="s", system="", user="", inputs={**given, **inputs})


GRADE, LIST, LABEL = call("open_qa"), call("extract"), call("entail")


@pytest.fixture(params=FORMS)
def each(request):
    return form(request.param)


@pytest.mark.parametrize("correct", [True, False])
@pytest.mark.parametrize("score", [0.0, 3.0, 4.5, 5.0])
def test_a_grade_is_read_as_it_was_written(each, correct, score):
    verdict = Grade(correct=correct, score=score)
    assert each.read_verdict(GRADE, each.write_verdict(GRADE, verdict)) == verdict


@pytest.mark.parametrize("events", [
    (), ("a cat runs",), ('it says "yes"', "it's {odd}", "back\\slash", "a\nb", "é 数字 😀", "None", "[1]", "5"),
])  # fmt: skip
def test_events_are_read_as_they_were_written(each, events):
    assert each.read_events(LIST, each.write_events(LIST, events)) == events


@pytest.mark.parametrize("labels", [LISTED, LISTED[:1], LABELS * 10])
def test_labels_are_read_as_they_were_written(each, labels):
    asked = call("entail", len(labels))
    assert each.read_labels(asked, each.write_labels(asked, labels)) == labels


def test_names_and_parsers_are_their_own(each):
    assert FORMS[each.name] is each
    assert len({known.parser for known in FORMS.values()}) == len(FORMS) == 4
    assert {known.parser.rpartition("-")[0] for known in FORMS.values()} == set(FORMS)
    with pytest.raises(ConfigError, match=r"Unknown form of reply 'nativ'\. Did you mean 'native'"):
        form("nativ")


def objects(schema):
    """Return every schema of an object within a schema."""
    found = [schema] if schema.get("type") == "object" else []
    inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    return found + [each for part in inner for each in objects(part)]


@pytest.mark.parametrize("asked", [GRADE, LIST, LABEL], ids=lambda asked: asked.task)
def test_schemas_are_strict(each, asked):
    schema = each.schema(asked)
    if each.name == "upstream":
        assert schema is None
        return
    found = objects(schema)
    assert found[0] is schema
    for part in found:
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"]) != []
    assert json.loads(json.dumps(schema)) == schema
    assert ("id" in schema["properties"]) == (each.name == "tagged")
    # The tag itself is nowhere in it, or a server that fills it in would prove nothing.
    assert TAG not in json.dumps(schema)


def test_schemas_say_what_is_asked_for():
    native, tagged, indexed = form("native"), form("tagged"), form("indexed")
    grade = {"pred": {"type": "string", "enum": ["yes", "no"]},
             "score": {"type": "integer", "enum": [0, 1, 2, 3, 4, 5]}}  # fmt: skip
    assert native.schema(GRADE) == indexed.schema(GRADE) == {
        "type": "object", "properties": grade, "required": ["pred", "score"], "additionalProperties": False,
    }  # fmt: skip
    assert (tagged.schema(GRADE) or {})["properties"] == {"id": {"type": "string"}, **grade}
    assert (native.schema(LIST) or {})["properties"] == {"events": {"type": "array", "items": {"type": "string"}}}
    [_, item] = objects(native.schema(LABEL))
    assert item["properties"] == {
        "event": {"type": "integer"},
        "relationship": {"type": "string", "enum": ["entailment", "neutral", "contradiction"]},
    }
    letter = {"type": "string", "enum": ["e", "n", "c"]}
    assert (indexed.schema(call("entail", 3)) or {})["properties"] == {"1": letter, "2": letter, "3": letter}


@pytest.mark.parametrize("tag", ["", "t0", TAG.upper(), f" {TAG}", 0, None, [TAG]])
def test_another_tag_is_no_answer(tag):
    tagged = form("tagged")
    grade, events, labels = (
        {"pred": "yes", "score": 5}, {"events": ["a"]},
        {"events": [{"event": n, "relationship": "neutral"} for n in range(1, 5)]},
    )  # fmt: skip
    readers = (
        (tagged.read_verdict, GRADE, grade),
        (tagged.read_events, LIST, events),
        (tagged.read_labels, LABEL, labels),
    )
    for read, asked, body in readers:
        assert read(asked, json.dumps({"id": TAG, **body}))
        assert read(asked, json.dumps({**body, "id": TAG}))
        with pytest.raises(UnreadableReplyError, match="not the tag of this call"):
            read(asked, json.dumps({"id": tag, **body}))
        with pytest.raises(UnreadableReplyError, match="'id' is None, not the tag"):
            read(asked, json.dumps(body))
        with pytest.raises(UnreadableReplyError, match="a key comes twice"):
            read(asked, json.dumps({"id": tag, **body})[:-1] + f', "id": "{TAG}"}}')


@pytest.mark.parametrize(
    ("listed", "read"),
    [
        (["a^cat^runs"], ("a cat runs",)),
        (["a^cat runs", "it sits"], ("a cat runs", "it sits")),
        (["^a cat^"], ("a cat",)),
        (["^", "a"], ("a",)),
    ],
)
def test_a_marker_in_a_tagged_event_is_a_space(listed, read):
    assert form("tagged").read_events(LIST, json.dumps({"id": TAG, "events": listed})) == read


def test_a_marker_elsewhere_is_the_events_own():
    assert form("native").read_events(LIST, '{"events": ["2^3"]}') == ("2^3",)


def reply_of(*entries):
    return json.dumps({"id": TAG, "events": [{"event": n, "relationship": name} for n, name in entries]})


@pytest.mark.parametrize("name", ["native", "tagged"])
def test_numbered_labels(name):
    asked, read = call("entail", 2), form(name).read_labels
    assert read(asked, reply_of((1, "neutral"), (2, "Entailment"))) == ("neutral", "entailment")
    assert read(asked, reply_of((2, "neutral"), ("1", "entailment"))) == ("entailment", "neutral")
    for numbers in ((1,), (1, 1), (1, 3), (0, 1), (1, 2, 3), (1.0, 2.0), (1, "it sits"), (None, None), (True, 2)):
        with pytest.raises(UnreadableReplyError):
            read(asked, reply_of(*((number, "neutral") for number in numbers)))


def test_only_the_native_form_takes_labels_without_numbers():
    asked = call("entail", 2)
    reply = json.dumps({"id": TAG, "events": [{"relationship": "neutral"}, {"relationship": "entailment"}]})
    assert form("native").read_labels(asked, reply) == ("neutral", "entailment")
    assert form("upstream").read_labels(asked, reply) == ("neutral", "entailment")
    for name in ("tagged", "indexed"):
        with pytest.raises(UnreadableReplyError):
            form(name).read_labels(asked, reply)


@pytest.mark.parametrize(
    ("reply", "labels"),
    [
        ({"1": "e", "2": "n", "3": "c"}, "enc"),
        ({"3": "c", "1": "e", "2": "n"}, "enc"),
        ({"1": " E ", "2": "N\n", "3": "c"}, "enc"),
        ({"1": "entailment", "2": "Neutral", "3": "contradiction"}, "enc"),
    ],
)
def test_letters(reply, labels):
    found = form("indexed").read_labels(call("entail", 3), f"```json\n{json.dumps(reply)}\n```")
    assert "".join(label[0] for label in found) == labels


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ('{"1": "e", "2": "n"}', r"the labels are for \['1', '2'\], not 1 to 3"),
        ('{"1": "e", "2": "n", "3": "c", "4": "n"}', "not 1 to 3"),
        ('{"0": "e", "1": "n", "2": "c"}', "not 1 to 3"),
        ('{"1": "e", "2": "n", "03": "c"}', "not 1 to 3"),
        ('{"1": "e", "2": "n", "3.0": "c"}', "not 1 to 3"),
        ('{"1": "e", "2": "n", "3": "c", "note": "sure"}', "not 1 to 3"),
        ('{"events": {"1": "e", "2": "n", "3": "c"}}', "not 1 to 3"),
        ('{"1": "e", "2": "n", "2": "e", "3": "c"}', "a key comes twice"),
        ('{"1": "e", "2": "n", "3": "x"}', "'x' is none of"),
        ('{"1": "e", "2": "n", "3": "entailed"}', "'entailed' is none of"),
        ('{"1": "e", "2": "n", "3": ""}', "'' is none of"),
        ('{"1": "e", "2": "n", "3": null}', "None is none of"),
        ('{"1": "e", "2": "n", "3": ["c"]}', "is none of"),
        ('{"1": "e", "2": "n", "3": 1}', "1 is none of"),
        ("{1: 'e', 2: 'n', 3: 'c'}", "a key that is not text"),
        ('["e", "n", "c"]', "a list, no object"),
        ("e n c", "no JSON object"),
    ],
)
def test_letters_that_do_not_fit(reply, said):
    with pytest.raises(UnreadableReplyError, match=said):
        form("indexed").read_labels(call("entail", 3), reply)


def test_upstream_reads_by_its_own_rules():
    upstream = form("upstream")
    with pytest.raises(UnreadableReplyError):
        upstream.read_verdict(GRADE, '```json\n{"pred": "yes", "score": 5}\n```')
    assert upstream.read_verdict(GRADE, "{'pred': 'no', 'pred': 'yes', 'score': 2}").correct
    whole_text = call("entail", 1, n_events=0)
    assert n_labels(whole_text) == 0
    assert upstream.read_labels(whole_text, '{"events": []}') == ()
    assert upstream.read_labels(whole_text, '{"events": [{"relationship": "neutral"}]}') == ("neutral",)
    assert n_labels(LABEL) == 4
