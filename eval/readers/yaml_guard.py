"""Refuses yaml files with tags, which name classes, aliases, which can expand to billions of lines, or deep nesting.

Hydra and PyYAML's safe loader refuse the classes of most tags, but set no limits. Files are checked here before either
reads them, using parser events only, so that nothing is built or expanded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from eval.errors import ConfigError
from eval.files import read_regular_text
from eval.readers.malformed import printable

MAX_BYTES = 2**20
"""Largest file, in bytes; the shipped ones have up to 4,000."""
MAX_DEPTH = 32
"""Deepest nesting."""

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check_yaml(path: Path) -> None:
    """Refuse a yaml file that is not plain data.

    Raises:
        ConfigError: it cannot be read, is too large or nested too deeply, or holds a tag or an alias; with its line.
    """
    try:
        text = read_regular_text(path) if path.stat().st_size <= MAX_BYTES else None
    except OSError as error:
        raise ConfigError(f"{path}: is not a file that can be read ({error.strerror}); check the path") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 ({error}); save the file as UTF-8") from None
    if text is None:
        raise ConfigError(f"{path}: is not a file, or has more than {MAX_BYTES} bytes; give a yaml file of settings")
    depth = 0
    try:
        event: Any
        for event in yaml.parse(text, Loader=_Loader):
            where = f"{path}:{event.start_mark.line + 1}"
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise ConfigError(f"{where}: anchors and aliases (& and *) are not read; write the value out")
            if getattr(event, "tag", None):
                raise ConfigError(f"{where}: the tag {event.tag[:60]!r} is not read; settings are plain values")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise ConfigError(f"{where}: nested more than {MAX_DEPTH} deep; settings are a few levels at the most")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        said = printable(str(getattr(error, "problem", None) or error).splitlines()[0])
        raise ConfigError(f"{where}: not valid yaml ({said}); correct it") from None
