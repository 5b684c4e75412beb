"""The account of a model behind a server over several starts of a run."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from eval.models.scripted import ScriptedModel
from eval.running.serving import Serving


def account(calls, cost, as_of="2026-01-01"):
    dollars: dict[str, Any] = {"probe": cost, "cost": cost, "unconfirmed": cost}
    return {"calls": calls, "asked": calls, **dollars, "price_of": cost and "m", "price_as_of": cost and as_of}


def server(*accounts) -> Any:
    return SimpleNamespace(account=iter(accounts).__next__)


def test_accounts_of_all_starts_are_added(tmp_path):
    first = Serving(tmp_path, server(account(3, 0.5), account(2, 0.25)))
    first.settle()
    first.settle()
    # The second start, whether or not the first one came to a result.
    second = Serving(tmp_path, server(account(1, 0.125, "2026-02-02")))
    assert second.so_far == account(5, 0.75)
    second.settle()
    assert second.so_far == account(6, 0.875, "2026-02-02") == json.loads((tmp_path / "serving.json").read_text())


def test_a_cost_that_is_not_known_in_part_is_not_known(tmp_path):
    both = Serving(tmp_path, server(account(3, None), account(2, 0.25)))
    both.settle()
    both.settle()
    assert both.so_far is not None
    assert (both.so_far["calls"], both.so_far["cost"], both.so_far["price_of"]) == (5, None, "m")


@pytest.mark.parametrize("content", ["", "3", "[1]", "{"])
def test_a_damaged_account_begins_anew(tmp_path, content):
    (tmp_path / "serving.json").write_text(content)
    found = Serving(tmp_path, server(account(3, 0.5)))
    found.settle()
    assert found.so_far == account(3, 0.5)


def test_other_models_have_none(tmp_path):
    none = Serving(tmp_path, ScriptedModel())
    none.settle()
    assert none.so_far is None
    assert not list(tmp_path.iterdir())
