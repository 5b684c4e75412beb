"""Every fault that the judge's client survives, met by a model under test: an output or a recorded failure, in time."""

from __future__ import annotations

import pytest

from eval.core import ClipPrompts
from eval.models.served.model import ServedModel
from tests.client import faults
from tests.client.server import JudgeServer
from tests.judges.test_faults import LASTING
from tests.models.served.test_served import frames

pytestmark = pytest.mark.slow

KEY = "sk-live-0123456789abcdef"
GOOD = "a dog runs"
ENDS = {
    "null_content": ("", "the reply is empty"),
    "cut_off": (GOOD[:5], None),
    "refusal": ("", "the model refused: I'm sorry, I can't assist with that."),
    "content_filter": ("", "a content filter withheld the reply"),
    "content_filter_400": ("", "a content filter withheld the reply"),
}
"""Output and error of those that are no failure of the server."""


@pytest.fixture
def model_of(tmp_path, monkeypatch):
    (tmp_path / "prices.yaml").write_text("as_of: 2026-11-01\nmodels: {}\n")
    monkeypatch.setenv("STAND_IN_KEY", KEY)

    def made(server, **settings):
        given = {"n_frames": 2, "tries": 2, "timeout_s": 1.0, "deadline_s": 5.0, "key_env": "STAND_IN_KEY"}
        return ServedModel(
            url=server.url, replies=tmp_path / "r.sqlite", prices=tmp_path / "prices.yaml", **{**given, **settings}
        )

    return made


def asked(names):
    return [ClipPrompts(frames=frames(2), prompts=[f"USER: <video>\nCalled {name}. ASSISTANT: "]) for name in names]


def called(request):
    return request.text.partition("Called ")[2].partition(".")[0]


def test_what_each_lasting_fault_ends_as(model_of):
    good = [f"good{i}" for i in range(40)]
    # Good calls stand between the bad ones, or ten failures in a row would end the asking.
    names = [name for pair in zip(LASTING, good, strict=False) for name in pair]
    with JudgeServer(lambda _: GOOD, faults=lambda r: LASTING.get(called(r), (None,))[0]) as server:
        found = model_of(server, max_concurrency=4).generate(asked(names))
    for name, [made] in zip(names, found, strict=True):
        if name not in LASTING:
            assert (made.output, made.error) == (GOOD, None), name
        elif name in ENDS:
            assert (made.output, made.error) == ENDS[name], name
        else:
            assert made.output == ""
            assert LASTING[name][2] in (made.error or ""), name
        assert KEY not in f"{made.output}{made.error}"


def test_a_fault_that_passes_costs_a_retry_and_nothing_else(model_of):
    passing = {name: fault for name, (fault, outcome, _) in LASTING.items() if outcome == "failed"}
    for name in ("rate_limited_for_long", "too_long", "unprocessable"):
        del passing[name]
    met = set()

    def first_time(request):
        name = called(request)
        if name in passing and name not in met:
            met.add(name)
            return passing[name]
        return None

    with JudgeServer(lambda _: GOOD, faults=first_time) as server:
        model = model_of(server)
        found = model.generate(asked(passing))
        assert model.account()["retries"] == len(passing)
    assert [made.output for [made] in found] == [GOOD] * len(passing)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.wrong_key(), "HTTP 401"),
        (faults.no_access(), "HTTP 403"),
        (faults.quota(), "HTTP 429 insufficient_quota"),
        (faults.redirect(), "HTTP 302"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_no_call_can_pass_ends_everything_at_once_and_the_next_run_goes_on(model_of, fault, words):
    names = [str(i) for i in range(100)]
    with JudgeServer(
        lambda _: GOOD, latency_s=0.01, faults=lambda r: fault if called(r) and r.index > 30 else None
    ) as server:
        found = [made for [made] in model_of(server, max_concurrency=5).generate(asked(names))]
        n_requests = len(server.requests)
    done = [made for made in found if made.error is None]
    assert 0 < len(done) < 31
    assert all(words in (made.error or "") for made in found if made.error is not None)
    assert n_requests < 45
    with JudgeServer(lambda _: GOOD) as server:
        model = model_of(server)
        again = [made for [made] in model.generate(asked(names))]
        assert all(made.output == GOOD for made in again)
        assert model.account()["asked"] == 100 - len(done)
