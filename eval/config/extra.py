"""Reads judge.extra and model.extra as JSON, which servers' documentation gives and Hydra's grammar refuses."""

from __future__ import annotations

import json
from typing import Any

from omegaconf import DictConfig, OmegaConf

from eval.errors import ConfigError

GROUPS = ("judge", "model")
"""The groups that may name a server."""
KEYS = tuple(f"{group}.extra" for group in GROUPS)


def form(key: str) -> str:
    """Return how it is typed in a shell."""
    return f"""'{key}={{"chat_template_kwargs": {{"enable_thinking": false}}}}'"""


def as_text(override: str) -> str:
    """Return an override of these that is a JSON object as a quoted text, any other as it is."""
    key, _, value = override.partition("=")
    if key not in KEYS or _object(value) is None:
        return override
    # Hydra takes a backslash before a quote as its own, and before anything else as it is.
    return f"{key}='{_escaped(json.dumps(_object(value)))}'"


def settle(config: DictConfig, group: str) -> Any:
    """Return the `extra` of a group, None where it has none; a text is read as JSON and put in its place.

    Raises ConfigError for a text that is no JSON object, and for an interpolation in it, which could be of a secret.
    """
    key = f"{group}.extra"
    given = OmegaConf.select(config, key)
    if not isinstance(given, str):
        return OmegaConf.to_container(given, resolve=True) if OmegaConf.is_config(given) else given
    found = _object(given)
    if found is None:
        raise ConfigError(f"{key} holds no parameters; give them as JSON, in a shell {form(key)}.")
    if "${" in "".join(_texts(found)):
        raise ConfigError(f"{key} holds '${{', which refers to other settings; write the value out.")
    OmegaConf.update(config, key, found, merge=False)
    return found


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def _escaped(text: str) -> str:
    # A backslash and a quote within JSON, and every quote of Hydra's, as JSON's escapes that hold neither.
    return text.replace("\\\\", "\\u005c").replace('\\"', "\\u0022").replace("'", "\\u0027").replace("$", "\\u0024")
