"""Sweeps over settings: which combinations there are, and how Hydra's launchers run a job for each."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from eval.config.overrides import DOLLAR, home_quoted, quoted, refuse_odd
from eval.errors import ConfigError, TarsierEvalError
from eval.installed import PROJECT
from eval.readers.malformed import first_line, printable

MOST_JOBS = 10_000
"""Most combinations of a sweep."""

Run = Callable[[Path, int], None]
"""Runs a job of the sweep in a folder, by its number."""


def combinations(swept: Sequence[str]) -> list[dict[str, str]]:
    """Return the combinations of swept settings, by setting, the last one changing fastest.

    Args:
        swept: Settings with their values, as Hydra writes them: `model.n_frames=1,2,4`, `model.fps=choice(1,2)`.

    Raises:
        ConfigError: One of them is no setting, is swept twice, or there are too many combinations.
    """
    choices: dict[str, list[str]] = {}
    for text in swept:
        key, _, _ = text.partition("=")
        if "=" not in text:
            raise ConfigError(
                f"{printable(text)!r} is not a setting with its values; separate values by commas: x=1,2."
            )
        refuse_odd(home_quoted(text), lambda _: [])
        if key in choices:
            raise ConfigError(f"{key} is swept twice; give all of its values at once: {key}=a,b.")
        try:
            (parsed,) = OverridesParser.create().parse_overrides([text])
            choices[key] = _values(parsed)
        except HydraException as error:
            raise ConfigError(
                f"{printable(text)!r} cannot be read as a setting with its values; separate values by commas, and "
                f"quote those with spaces or symbols: {key}='a b','c'."
            ) from error
        if not choices[key]:
            raise ConfigError(f"{printable(text)!r} has no value to sweep over.")
    count = 1
    for values in choices.values():
        count *= len(values)
        if count > MOST_JOBS:
            raise ConfigError(f"The sweep has more than {MOST_JOBS} combinations; sweep over fewer values.")
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


def _values(parsed: Override) -> list[str]:
    if parsed.is_sweep_override():
        return list(dict.fromkeys(parsed.sweep_string_iterator()))
    return [str(parsed.get_value_element_as_str())]


def launch(run: Run, folder: Path, jobs: Sequence[int], *, launcher: str, settings: Sequence[str] = ()) -> None:
    """Run jobs by one of Hydra's launchers.

    Args:
        run: What runs one; other processes have to be able to import it.
        folder: The sweep's.
        jobs: Their numbers.
        launcher: A name from conf/launcher/.
        settings: Of the launcher, such as `hydra.launcher.partition=gpu`.

    Raises:
        ConfigError: The launcher is not installed, or does not take these settings.
    """
    named = hydra.main(version_base="1.3", config_path=str(PROJECT / "conf"), config_name="sweep")(partial(_job, run))
    place = quoted(str(folder)).replace(DOLLAR, "\\$")
    words = [f"launcher={launcher}", f"folder={place}", f"job={','.join(map(str, jobs))}", *settings]
    with _command_line("--multirun", *words):
        try:
            named()
        except TarsierEvalError:
            raise
        except Exception as error:  # Hydra and its launchers raise all kinds of exceptions
            raise ConfigError(f"The launcher {launcher!r} cannot run the sweep: {first_line(error)}") from error


def _job(run: Run, config: Any) -> None:
    # Jobs compose configurations of their own, which Hydra lets nobody do inside another one.
    outer = GlobalHydra.get_state()
    GlobalHydra.instance().clear()
    try:
        run(Path(config["folder"]), int(config["job"]))
    finally:
        GlobalHydra.set_state(outer)


@contextmanager
def _command_line(*words: str) -> Iterator[None]:
    """Give Hydra its command line, which it takes from sys.argv alone, and let it raise its errors."""
    argv, full = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv, os.environ["HYDRA_FULL_ERROR"] = ["tarsier-eval", *words], "1"
    try:
        yield
    finally:
        sys.argv = argv
        if full is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full
