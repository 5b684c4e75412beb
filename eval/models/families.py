"""The families of checkpoints that run here, and how a folder's config.json tells them apart.

A family is a package with a `family.py`, whose `FAMILY` is found here; nothing else lists it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from eval import models
from eval.errors import ModelError
from eval.models.checkpoints.headers import CONFIG, read_object, refuse_irregular
from eval.readers.malformed import printable


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What tells the checkpoints of a family from others, and how they are read: by its package, imported when used."""

    package: str
    """Name of its package."""
    name: str
    """Its name in messages."""
    example: str
    """A model of conf/model/ whose settings a folder of the family takes over, whatever its name."""
    is_of: Callable[[Mapping[str, Any]], bool]
    """Whether the content of a config.json is of the family."""
    class_name: str
    """Name of the model's class."""
    weight_names: Mapping[str, str]
    """Patterns of published weight names, and the present module names in their place."""
    replaced_code: str = ""
    """Beginning of the names of upstream's own code in `auto_map`, which the model's class replaces; "" for none."""

    def _module(self, name: str) -> Any:
        return import_module(f"{self.package}.{name}")

    def read_config(self, folder: Path) -> Any:
        """Return the checked config of a folder, which needs only config.json. Raises ModelError."""
        return self._module("config").read_config(folder)

    def missing_files(self, folder: Path) -> list[str]:
        """Return the missing files of a folder besides its weights, one description each."""
        missing: list[str] = self._module("processing").missing_files(folder)
        return missing

    def model_class(self) -> Any:
        """Return the class of the model."""
        return getattr(self._module("model"), self.class_name)


REPEATED = "model.checkpoint=<the same>, and model.revision=main for a hub id"
"""Settings in a message that names the model with which a checkpoint runs."""


@cache
def families() -> tuple[Family, ...]:
    """Return all families, by name."""
    packages = (
        f"{models.__name__}.{found.name}.family" for found in pkgutil.iter_modules(models.__path__) if found.ispkg
    )
    found = [import_module(name).FAMILY for name in packages if find_spec(name)]
    return tuple(sorted(found, key=lambda family: str(family.name)))


def told_by(raw: Mapping[str, Any]) -> Family | None:
    """Return the family of the content of a config.json; None where it is of none."""
    return next((family for family in families() if family.is_of(raw)), None)


def family_of(folder: Path) -> Family:
    """Return the family of the checkpoint in a folder.

    Raises:
        ModelError: there is no config.json, or it is of no family.
    """
    path = folder / CONFIG
    refuse_irregular(folder)
    if not path.is_file():
        raise ModelError(f"{folder} is not a checkpoint: it has no {CONFIG}.")
    raw = read_object(path)
    found = told_by(raw)
    if found is None:
        named = printable(str(raw.get("model_type"))[:40])
        raise ModelError(
            f"{path} is of the model_type {named!r}, and not of a family that runs here "
            f"({', '.join(one.name for one in families())}). Other vision-language models run with --model hf "
            f"{REPEATED}."
        )
    return found
