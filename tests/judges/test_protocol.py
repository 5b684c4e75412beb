"""Protocols: identities that differ, attempts, temperatures, bounds, tags, and what each is made for."""

import json
from dataclasses import replace
from itertools import combinations

import pytest

from eval.errors import ConfigError, DataError
from eval.judges.calls import Grade, UnreadableReplyError
from eval.judges.protocol import (
    JudgeProtocol,
    judge_protocol,
    native_protocol,
    upstream_protocol,
    with_wording,
)
from eval.judges.wording import native_wording, wording_of
from eval.readers.pack import sha256
from tests.judges.sensible import UPSTREAM_LIKE

UPSTREAM = upstream_protocol(wording_of(UPSTREAM_LIKE, "here"))
PROTOCOLS = {"upstream": UPSTREAM, **{n: judge_protocol(n) for n in ("native", "hardened", "autodq-indexed")}}
INPUTS = {
    "open_qa": ("s", "What runs?", "dog", "a dog"),
    "extract": ("s", "prediction", "a dog runs."),
    "entail": ("s", "reference", "a dog runs.", ["a dog runs", "a cat sits"], "it runs."),
}


def question(protocol, task):
    ask = {"open_qa": protocol.grade, "extract": protocol.list_events, "entail": protocol.label_events}[task]
    return ask(*INPUTS[task])


def test_each_is_what_its_name_says():
    assert {name: protocol.name for name, protocol in PROTOCOLS.items()} == {name: name for name in PROTOCOLS}
    assert {name: protocol.form for name, protocol in PROTOCOLS.items()} == {
        "upstream": "upstream", "native": "native", "hardened": "tagged", "autodq-indexed": "indexed",
    }  # fmt: skip
    assert native_protocol() == PROTOCOLS["native"]


def test_no_two_share_an_identity():
    identities = {name: json.dumps(protocol.describe(), sort_keys=True) for name, protocol in PROTOCOLS.items()}
    # Not by the name alone.
    parts = {
        name: {key: value for key, value in protocol.describe().items() if key != "name"}
        for name, protocol in PROTOCOLS.items()
    }
    for one, two in combinations(PROTOCOLS, 2):
        assert identities[one] != identities[two]
        assert parts[one] != parts[two]


def test_upstream_in_our_words_is_not_native():
    assert upstream_protocol(native_wording()).describe() != native_protocol().describe()
    assert with_wording("upstream", native_wording()) == upstream_protocol(native_wording())


def test_the_identity_changes_with_every_word():
    changed = {**UPSTREAM_LIKE, "extract": {**UPSTREAM_LIKE["extract"], "user": "List them: {{description}}"}}
    renamed = {**UPSTREAM_LIKE, "name": "other"}
    spaced = {**UPSTREAM_LIKE, "open_qa": {**UPSTREAM_LIKE["open_qa"], "system": "You compare answers. "}}
    described = [
        json.dumps(upstream_protocol(wording_of(found, "here")).describe())
        for found in (UPSTREAM_LIKE, changed, renamed, spaced)
    ]
    assert len(set(described)) == 4
    assert described[0] == json.dumps(UPSTREAM.describe())


def test_what_it_says_of_itself():
    assert PROTOCOLS["autodq-indexed"].describe() | {"wording": None} == {
        "name": "autodq-indexed", "wording": None, "parser": "indexed-1",
        "temperatures": {"extract": [0.0, 1.0, 1.0], "entail": [0.0, 1.0, 1.0]},
        "max_tokens": {"open_qa": 256, "extract": 1024, "entail": 2048}, "insists": False, "asks_about_nothing": False,
    }  # fmt: skip
    assert UPSTREAM.describe() | {"wording": None} == {
        "name": "upstream", "wording": None, "parser": "upstream-1",
        "temperatures": {"open_qa": [None], "extract": [None] * 10, "entail": [None] * 10},
        "max_tokens": {}, "insists": True, "asks_about_nothing": True,
    }  # fmt: skip
    assert UPSTREAM.describe()["wording"] == {"name": "upstream", "sha256": UPSTREAM.wording.sha256}
    assert [PROTOCOLS[name].describe()["parser"] for name in ("upstream", "native", "hardened")] == [
        "upstream-1", "native-1", "tagged-1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"temperatures": dict.fromkeys(INPUTS, (1.0, 1.0, 1.0))},
        {"max_tokens": {}},
        {"retry_refusals": True},
        {"ask_even_if_trivial": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_moves_scores_is_part_of_the_identity(change):
    assert replace(native_protocol(), **change).describe() != native_protocol().describe()


@pytest.mark.parametrize(
    ("name", "task", "temperatures", "max_tokens"),
    [
        ("upstream", "open_qa", [None], None),
        ("upstream", "extract", [None] * 10, None),
        ("upstream", "entail", [None] * 10, None),
        ("native", "open_qa", [0.0, 1.0, 1.0], 256),
        ("native", "extract", [0.0, 1.0, 1.0], 1024),
        ("native", "entail", [0.0, 1.0, 1.0], 2048),
        ("hardened", "open_qa", [0.0, 1.0, 1.0], 256),
        ("hardened", "entail", [0.0, 1.0, 1.0], 2048),
        ("autodq-indexed", "entail", [0.0, 1.0, 1.0], 2048),
    ],
)
def test_attempts_temperatures_and_bounds(name, task, temperatures, max_tokens):
    asked = question(PROTOCOLS[name], task)
    calls = [asked.attempt(number) for number in range(len(asked.temperatures))]
    assert [call.temperature for call in calls] == temperatures
    assert [call.attempt for call in calls] == list(range(len(calls)))
    assert {call.max_tokens for call in calls} == {max_tokens}
    # Nothing else changes from attempt to attempt.
    assert len({(call.system, call.user, call.task, call.sample, call.form) for call in calls}) == 1
    assert asked.retry_refusals == (name == "upstream")


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("task", INPUTS)
def test_a_call_holds_what_it_was_made_of(name, task):
    protocol = PROTOCOLS[name]
    call = question(protocol, task).call
    system, user = protocol.wording.fill(task, call.inputs)
    assert (call.task, call.sample, call.form, call.system, call.user) == (task, "s", protocol.form, system, user)
    assert (call.schema is None) == (name == "upstream")
    assert ("tag" in call.inputs) == (name == "hardened")
    assert "{{" not in call.system + call.user
    given = {
        "open_qa": {"question": "What runs?", "answer": "dog", "prediction": "a dog"},
        "extract": {"side": "prediction", "description": "a dog runs."},
        "entail": {"side": "reference", "description": "a dog runs.", "events": ["a dog runs", "a cat sits"]},
    }
    assert {key: value for key, value in call.inputs.items() if key != "tag"} == given[task]


def test_its_questions_read_their_own_replies():
    assert question(PROTOCOLS["native"], "open_qa").read('{"pred": "no", "score": 1}') == Grade(correct=False, score=1)
    assert question(PROTOCOLS["autodq-indexed"], "entail").read('{"1": "e", "2": "c"}') == (
        "entailment", "contradiction",
    )  # fmt: skip
    hardened = question(PROTOCOLS["hardened"], "extract")
    tag = hardened.call.inputs["tag"]
    assert hardened.read(json.dumps({"id": tag, "events": ["a dog^runs"]})) == ("a dog runs",)
    with pytest.raises(UnreadableReplyError, match="not the tag"):
        hardened.read('{"id": "t0", "events": ["a"]}')
    with pytest.raises(UnreadableReplyError):
        question(UPSTREAM, "open_qa").read('{"pred": "Yes", "score": 5}')


@pytest.mark.parametrize("name", PROTOCOLS)
def test_without_events_the_whole_text_stands_in(name):
    call = PROTOCOLS[name].label_events("s", "reference", "a dog runs.", [], "it {{runs}}.").call
    assert (call.inputs["events"], call.inputs["n_events"]) == (["it {{runs}}."], 0)
    assert "n_events" not in question(PROTOCOLS[name], "entail").call.inputs
    assert PROTOCOLS[name].ask_even_if_trivial == (name == "upstream")


def test_a_tag_depends_on_the_call_and_on_nothing_else():
    hardened = PROTOCOLS["hardened"]

    def tag(*arguments, ask=hardened.grade):
        return ask(*arguments).call.inputs["tag"]

    first = tag("s", "q", "a", "p")
    assert (
        first == tag("s", "q", "a", "p") == judge_protocol("hardened").grade("other", "q", "a", "p").call.inputs["tag"]
    )
    others = [
        tag("s", "q", "a", "P"), tag("s", "q", "b", "p"), tag("s", "r", "a", "p"), tag("s", "q", "a", f"p {first}"),
        tag("s", "reference", "d", ask=hardened.list_events), tag("s", "prediction", "d", ask=hardened.list_events),
        tag("s", "reference", "d", ["e"], "t", ask=hardened.label_events),
        tag("s", "reference", "d", ["e", "f"], "t", ask=hardened.label_events),
        tag("s", "reference", "d", ["t"], "t", ask=hardened.label_events),
        tag("s", "reference", "d", [], "t", ask=hardened.label_events),
    ]  # fmt: skip
    assert len({first, *others}) == 11
    for found in (first, *others):
        assert len(found) == 16
        assert found[0] == "t"
        assert found.isalnum()
        assert found.islower()
    # Every attempt has the same, so that an equal call has an equal address.
    asked = hardened.grade("s", "q", "a", "p")
    assert {asked.attempt(n).inputs["tag"] for n in range(3)} == {first}
    assert asked.call.user.count(first) == 4
    # Halves of characters are no obstacle.
    assert tag("s", "q", "a", "\ud83d") != first


def test_require():
    for name, protocol in PROTOCOLS.items():
        protocol.require("extract", "descriptions")
        protocol.require("entail", "descriptions")
        if name == "autodq-indexed":
            with pytest.raises(ConfigError, match=r"'autodq-indexed' is not made for open questions\. Give"):
                protocol.require("open_qa", "open questions")
        else:
            protocol.require("open_qa", "open questions")


def test_unknown_names_are_refused():
    with pytest.raises(ConfigError, match=r"Unknown protocol 'nativ'\. Did you mean 'native'"):
        with_wording("nativ", native_wording())
    with pytest.raises(ConfigError, match="Unknown form of reply 'xml'"):
        JudgeProtocol(name="x", wording=native_wording(), form="xml").grade("s", "q", "a", "p")


def test_a_wording_without_a_tag_is_refused_where_replies_must_repeat_it():
    """As a bundle could bring one; else the first reply that is read would end in a KeyError."""
    with pytest.raises((ConfigError, DataError)):
        with_wording("hardened", native_wording())


def pack(folder, **changes):
    text = json.dumps({**UPSTREAM_LIKE, **changes})
    (folder / "wording.json").write_text(text, encoding="utf-8")
    entry = {"sha256": sha256(folder / "wording.json"), "commit": "a" * 40, "rows": {}}
    (folder / "pack.json").write_text(json.dumps({"files": {"wording.json": entry}}), encoding="utf-8")
    return folder


def test_upstreams_comes_from_the_pack(tmp_path):
    with pytest.raises(DataError, match="needs upstream's wording in a protocol pack; import it again: make import"):
        judge_protocol("upstream", tmp_path)
    assert judge_protocol("auto", tmp_path) == native_protocol()
    pack(tmp_path)
    assert judge_protocol("upstream", tmp_path) == judge_protocol("auto", tmp_path) == UPSTREAM
    # The others are ours whatever was imported.
    assert judge_protocol("native", tmp_path) == native_protocol()
    (tmp_path / "wording.json").write_text("{}", encoding="utf-8")
    for name in ("auto", "upstream"):
        with pytest.raises(DataError, match="was changed since it was imported"):
            judge_protocol(name, tmp_path)
