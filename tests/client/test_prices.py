"""The price file that ships, and files that are none."""

from datetime import date
from pathlib import Path

import pytest

from eval.client.outcomes import Usage
from eval.client.prices import load_prices
from eval.errors import ConfigError

SHIPPED = Path(__file__).resolve().parents[2] / "conf" / "prices.yaml"


@pytest.fixture(scope="module")
def shipped():
    return load_prices(SHIPPED)


def test_every_price_that_ships_is_one(shipped):
    assert len(shipped.prices) > 20
    for name, price in shipped.prices.items():
        assert (price.model, price.as_of, price.batch) == (name, shipped.as_of, 0.5)
        assert 0 < price.cached <= price.input < price.output < 1000
        assert price.max_output is not None
        assert price.max_output >= 4096
    date.fromisoformat(shipped.as_of)


def test_every_alias_that_ships_leads_to_a_price(shipped):
    assert shipped.aliases
    for alias, name in shipped.aliases.items():
        assert alias not in shipped.prices
        assert shipped.price(alias) is shipped.prices[name]
        assert shipped.shutdown(alias) == shipped.shutdowns.get(name)


def test_prices_and_days_that_ship(shipped):
    # platform.openai.com: gpt-4.1 at 2 dollars in, 0.5 from the cache and 8 out for a million tokens.
    price = shipped.price("gpt-4.1")
    assert price.model == "gpt-4.1-2025-04-14"
    assert price.cost(Usage(input=1_000_000, output=1_000_000)) == 10.0
    assert price.cost(Usage(input=1_000_000, output=0, cached=1_000_000)) == 0.5
    assert price.cost(Usage(input=1_000_000, output=1_000_000, cached=1_000_000), batch=True) == 5.0
    assert shipped.shutdown("gpt-35-turbo") == date(2026, 10, 23)
    assert shipped.shutdown("gpt-5.2") is None
    assert all(name in shipped.prices for name in shipped.shutdowns)
    assert all(day.year >= 2026 for day in shipped.shutdowns.values())


def test_what_is_not_listed_has_no_price(shipped):
    for name in (None, "", "gpt-4.1-2024-01-01", "GPT-4.1", "llama"):
        assert shipped.price(name) is None
        assert shipped.shutdown(name) is None


def test_what_may_be_left_out(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("as_of: 2026-01-02\nmodels: {a: {input: 1, output: 2}}\n")
    found = load_prices(path)
    price = found.price("a")
    assert price is not None
    assert (price.cached, price.batch, price.max_output, price.as_of) == (1.0, 0.5, None, "2026-01-02")
    assert (found.shutdowns, found.aliases, found.path) == ({}, {}, path)
    path.write_text("as_of: 2026-01-02\nmodels: {}\naliases:\n")
    assert load_prices(path).prices == {}


BROKEN = {
    "empty": "",
    "a list": "- a\n",
    "a text": "prices\n",
    "no yaml": "models: {a: [}\n",
    "no date": "models: {}\n",
    "no models": "as_of: 2026-01-01\n",
    "models are none": "as_of: 2026-01-01\nmodels:\n",
    "models are a list": "as_of: 2026-01-01\nmodels: [a]\n",
    "a model is a number": "as_of: 2026-01-01\nmodels: {a: 3}\n",
    "no output": "as_of: 2026-01-01\nmodels: {a: {input: 1}}\n",
    "a price is a word": "as_of: 2026-01-01\nmodels: {a: {input: cheap, output: 1}}\n",
    "a price is null": "as_of: 2026-01-01\nmodels: {a: {input: null, output: 1}}\n",
    "a price is negative": "as_of: 2026-01-01\nmodels: {a: {input: -1, output: 1}}\n",
    "a price is not a number": "as_of: 2026-01-01\nmodels: {a: {input: .nan, output: 1}}\n",
    "a price is infinite": "as_of: 2026-01-01\nmodels: {a: {input: 1, output: .inf}}\n",
    "the batch's share is a word": "as_of: 2026-01-01\nbatch: half\nmodels: {}\n",
    "a day is none": "as_of: 2026-01-01\nmodels: {a: {input: 1, output: 1, shutdown: soon}}\n",
    "a bound is none": "as_of: 2026-01-01\nmodels: {a: {input: 1, output: 1, max_output: many}}\n",
    "a bound is negative": "as_of: 2026-01-01\nmodels: {a: {input: 1, output: 1, max_output: -1}}\n",
    "a price of 400 digits": f"as_of: 2026-01-01\nmodels: {{a: {{input: {'9' * 400}, output: 1}}}}\n",
    "a bound without end": "as_of: 2026-01-01\nmodels: {a: {input: 1, output: 1, max_output: .inf}}\n",
    "a deep nest": "as_of: " + "[" * 20_000 + "]" * 20_000,
    "a deep nest of blocks": "- " * 20_000 + "a",
    "a bomb": "a: &a [x, x]\n" + "\n".join(f"b{i}: &b{i} [*a, *a]" for i in range(30)),
    "a class": "as_of: !!python/object/apply:os.getcwd []\nmodels: {}\n",
    "too large": "#" * 2**21,
    "aliases are a list": "as_of: 2026-01-01\nmodels: {}\naliases: [a]\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_files_that_are_none(tmp_path, text):
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load_prices(path)
    assert str(path) in str(raised.value)
    assert "conf/prices.yaml shows the form" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_files_that_cannot_be_read(tmp_path):
    for path in (tmp_path, tmp_path / "none.yaml"):
        with pytest.raises(ConfigError, match="cannot be read") as raised:
            load_prices(path)
        assert repr(str(path)) in str(raised.value)
    (tmp_path / "latin.yaml").write_bytes(b"as_of: \xe9\xff\n")
    with pytest.raises(ConfigError, match="not a price file"):
        load_prices(tmp_path / "latin.yaml")
