"""Token prices and shutdown dates of models, from a dated file that the user edits, conf/prices.yaml."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from eval.client.outcomes import Usage
from eval.errors import ConfigError
from eval.files import read_regular_text
from eval.readers.malformed import first_line, printable
from eval.readers.yaml_guard import check_yaml

WARN_DAYS = 120
"""Days before a model's known retirement from which every run warns of it."""
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Price of one model, in dollars per million tokens."""

    model: str
    """The dated name that the price is for."""
    as_of: str
    """Date when it was looked up, in ISO format."""
    input: float
    output: float
    cached: float
    """Price of input that was read from the server's cache."""
    batch: float
    """Price of a batch call as a share of the normal price."""
    max_output: int | None = None
    """Maximum tokens of one reply."""

    def cost(self, usage: Usage, *, batch: bool = False) -> float:
        """Return the cost of a call, in dollars."""
        if batch:  # some models have no lower price for cached input in batches, so none is assumed
            return self.batch * (usage.input * self.input + usage.output * self.output) / _MILLION
        fresh = usage.input - usage.cached
        return (fresh * self.input + usage.cached * self.cached + usage.output * self.output) / _MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """A price file."""

    path: Path
    as_of: str
    prices: Mapping[str, Price]
    """By dated name."""
    shutdowns: Mapping[str, date]
    """The day on which OpenAI shuts down a model, by dated name."""
    aliases: Mapping[str, str]
    """Dated name by alias."""

    def price(self, model: str | None) -> Price | None:
        """Return the price of a model by any of its names, or None where it is not known."""
        return self.prices.get(self._dated(model or ""))

    def shutdown(self, model: str | None) -> date | None:
        """Return the day on which a model is shut down, or None where none is known."""
        return self.shutdowns.get(self._dated(model or ""))

    def warning(self, named: str, *models: str | None) -> str | None:
        """Return a warning where the first of these models with a known shutdown date has it soon, or is past it."""
        ends = next((ends for model in models if (ends := self.shutdown(model))), None)
        left = (ends - date.today()).days if ends else WARN_DAYS + 1  # noqa: DTZ011 - a day's difference is no matter
        if left > WARN_DAYS:
            return None
        said = f"will be shut down in {left} days, on {ends}" if left > 0 else f"was to be shut down on {ends}"
        return f"Warning: the {named} {said}; only open weights, pinned, can't be retired."

    def _dated(self, model: str) -> str:
        return self.aliases.get(model, model)


def load_prices(path: Path) -> PriceList:
    """Read a price file. Raises ConfigError where it is invalid, or not plain data."""
    found = _plain(path)
    try:
        batch, as_of = float(found.get("batch", 0.5)), str(found["as_of"])
        models: Mapping[str, Mapping[str, Any]] = found["models"]
        prices = {str(name): _price(str(name), entry, as_of, batch) for name, entry in models.items()}
        shutdowns = {
            str(name): date.fromisoformat(str(entry["shutdown"]))
            for name, entry in models.items()
            if "shutdown" in entry
        }
        aliases = {str(name): str(dated) for name, dated in (found.get("aliases") or {}).items()}
    except (ValueError, OverflowError, TypeError, KeyError, AttributeError) as error:
        said = first_line(error)
        raise ConfigError(
            f"prices={str(path)!r} is not a price file: {said}; conf/prices.yaml shows the form."
        ) from error
    return PriceList(path=path, as_of=as_of, prices=prices, shutdowns=shutdowns, aliases=aliases)


def _plain(path: Path) -> Any:
    """Return the content of a yaml file. Raises ConfigError where it cannot be read, or holds more than plain data."""
    import yaml

    if not path.is_file():
        why = "it is not a file" if path.exists() else "it does not exist"
        raise ConfigError(f"prices={str(path)!r} cannot be read: {why}; check the path.")
    try:
        check_yaml(path)
        return yaml.safe_load(read_regular_text(path))
    except (ConfigError, OSError, ValueError, yaml.YAMLError) as error:
        said = printable(str(error))
        raise ConfigError(
            f"prices={str(path)!r} is not a price file: {said}; conf/prices.yaml shows the form."
        ) from error


def _price(name: str, entry: Mapping[str, Any], as_of: str, batch: float) -> Price:
    most = entry.get("max_output")
    price = Price(
        model=name,
        as_of=as_of,
        input=float(entry["input"]),
        output=float(entry["output"]),
        cached=float(entry.get("cached", entry["input"])),
        batch=batch,
        max_output=None if most is None else int(most),
    )
    if not all(0 <= value < math.inf for value in (price.input, price.output, price.cached, price.batch)):
        raise ValueError(f"{name} has a price that is none")
    if price.max_output is not None and price.max_output < 1:
        raise ValueError(f"{name} has max_output={price.max_output}")
    return price


def price_missing(path: Path, model: str | None) -> str:
    """Return the refusal of a cap on the cost of a model without a price; None: of one that its server names."""
    name = "the model that the server names" if model is None else repr(model)
    return f"max_cost needs a price, and {path} has none for {name}; add one there, or leave max_cost out."
