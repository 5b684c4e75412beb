"""Searches files to be packed for this machine's secret keys, so that no bundle contains one."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping

from eval.client.redaction import Redaction
from eval.errors import ConfigError

USUAL = ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "ANTHROPIC_API_KEY")
"""Environment variables that are always searched for, whichever key the run's judge used."""
SHORTEST = 8
"""Fewest characters of a secret: `EMPTY`, which local servers are given, is none."""
_IN_URL = re.compile(rb"[a-z][a-z0-9+.-]*://[^\s/@:'\"]*:[^\s/@'\"]+@[\w.\[-]", re.IGNORECASE)


def refuse_secrets(files: Mapping[str, bytes], variables: Iterable[str], *, settings: Iterable[str]) -> None:
    """Refuse files that contain a key.

    Args:
        files: Contents by name.
        variables: Names of environment variables that hold keys, beside the usual ones.
        settings: Names of files with settings, in which URLs may hold no password either
            (`https://user:password@host`).

    Raises:
        ConfigError: a file holds one; the message names the file and the variable, and never the key.
    """
    for variable in dict.fromkeys([*variables, *USUAL]):
        key = os.environ.get(variable, "").strip()
        if len(key) < SHORTEST:
            continue
        # As it is, and as JSON writes it: with non-ASCII characters escaped, or only quotes.
        forms = {key, json.dumps(key)[1:-1], json.dumps(key, ensure_ascii=False)[1:-1]}
        redaction = Redaction(key)  # in other spellings, or in part
        for name, content in files.items():
            is_there = any(form.encode("utf-8", "surrogatepass") in content for form in forms)
            if is_there or redaction.holds(content.decode("utf-8", "replace")):
                raise ConfigError(
                    f"{name} holds the key in ${variable}. Nothing was written; take the key out there, and replace it "
                    "by another one."
                )
    for name in settings:
        if name in files and _IN_URL.search(files[name]):
            raise ConfigError(
                f"{name} holds a URL with a password (user:password@host). Nothing was written; give the key in an "
                "environment variable, which judge.key_env names, and run again."
            )
