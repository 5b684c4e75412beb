"""Fetches a checkpoint from a hub, by the hub's own library: config first, weights last and only after all checks.

A wrong name, another family, weights of other sizes and a full disk are detected with a few hundred kilobytes, before
downloading 14 GB (7b) or 69 GB (34b).
"""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import HfApi, constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    SafetensorsParsingError,
)

from eval import network
from eval.errors import ConfigError, ModelError
from eval.models.checkpoints.form import OWN_FORM, Form
from eval.models.checkpoints.headers import CONFIG, INDEX, SINGLE, SMALL, all_shapes, read_index
from eval.network import hub_address as _hub
from eval.readers.malformed import printable

OPTIONAL = ("generation_config.json", "added_tokens.json", "special_tokens_map.json")
"""Files that affect a checkpoint's outputs; a cache does not record whether a repository has them."""

MARGIN = 0.05
"""Free disk space required beyond the download, as a share of it."""

_COMMIT = re.compile("[0-9a-f]{40}")

_log = logging.getLogger(__name__)  # it logs warnings, so that a fetch of minutes is announced everywhere


def fetch_checkpoint(repo: str, revision: str, check: Callable[[Path], Any], form: Form = OWN_FORM) -> tuple[Path, str]:
    """Return the folder of a checkpoint in the hub's cache, and its commit, fetching missing files.

    Where the hub cannot be reached, the cache is used. HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE and HF_HUB_OFFLINE
    have the same meaning as for the hub's own tools.

    Args:
        repo: `owner/name` on the hub.
        revision: a commit, or a branch or tag, which is resolved to its commit.
        check: refuses a folder of settings, before any weights are fetched, or returns its config.
        form: the checks of config.json alone, and of the weights.

    Raises:
        ModelError: the hub does not give the files, they are not a checkpoint's of the form, or the disk is too full.
    """
    try:
        try:
            network.check_all()
            commit, sizes = _listing(repo, revision)
        except Exception as error:
            # A branch may have moved, which a hub that responds may report the next time.
            is_enough = isinstance(error, ConfigError) or _is_unreachable(error) or _COMMIT.fullmatch(revision)
            folder = _cached(repo, revision, form) if is_enough else None
            if folder is None:
                raise
            absent = [name for name in OPTIONAL if not (folder / name).exists()]
            lacks = f", without {', '.join(absent)}" if absent else ""
            _log.warning("%s cannot be asked; taking %s at %s from the cache%s.", _hub(), repo, folder.name[:7], lacks)
            return folder, folder.name
        return _fetch(repo, revision, commit, sizes, check, form), commit
    except Exception as error:  # a network can raise any exception
        said = str(error) if isinstance(error, ModelError | ConfigError) else _reason(error, repo)
        raise ModelError(f"Cannot fetch checkpoint {repo[:100]!r} at revision {revision[:100]!r}: {said}") from error


def _fetch(
    repo: str, revision: str, commit: str, sizes: Mapping[str, int], check: Callable[[Path], Any], form: Form
) -> Path:
    """Fetch the files of a commit, given their sizes, and return their folder."""
    if CONFIG not in sizes:
        raise ModelError(f"the repository has no {CONFIG}, which every checkpoint has; check the name.")
    folder = _get(repo, revision, CONFIG)  # by its name, so that the cache records the name's commit
    if folder.name != commit:
        raise ModelError(f"it has just become the commit {folder.name[:7]}, and was {commit[:7]}; try again.")
    form.read_config(folder)
    for name in SMALL:
        if name in sizes:
            _get(repo, commit, name)
    config = check(folder)
    weights = _weight_names(folder, sizes)
    left = [name for name in weights if not _is_there(folder / name, sizes[name])]
    if not left:
        return folder
    shapes: dict[str, tuple[int, ...]] = {}
    for name in weights:
        header = HfApi().parse_safetensors_file_metadata(repo, name, revision=commit)
        shapes |= {tensor: tuple(about.shape) for tensor, about in header.tensors.items()}
    form.refuse_unfit(shapes, config, f"{repo} at {commit[:7]}")
    needed = sum(sizes[name] for name in left)
    _refuse_full_disk(needed)
    files = f"{len(left)} files" if len(left) > 1 else "1 file"
    size, cache = _amount(needed), constants.HF_HUB_CACHE
    _log.warning("Fetching %s at %s: %s in %s, to %s", repo, commit[:7], size, files, cache)
    for done, name in enumerate(left, 1):
        # A cached file of another size is damaged, and would be taken for complete.
        _get(repo, commit, name, again=(folder / name).exists())
        _log.warning("%s is complete: %d of %d", name, done, len(left))
    return folder


def _get(repo: str, revision: str, name: str, *, again: bool = False) -> Path:
    """Fetch a file, with the library's own bar where there is a terminal; return the folder of its commit."""
    return Path(hf_hub_download(repo, name, revision=revision, force_download=again)).parent


def _is_there(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _cached(repo: str, revision: str, form: Form) -> Path | None:
    """Return the folder of a revision if the cache has all of its files."""
    config = try_to_load_from_cache(repo, CONFIG, revision=revision)
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    try:
        return folder if not form.missing_files(folder) and all_shapes(folder) else None
    except ModelError:
        return None


def _listing(repo: str, revision: str) -> tuple[str, dict[str, int]]:
    """Return the commit of a revision, and the sizes of its files by name."""
    try:
        info: Any = HfApi().model_info(
            repo, revision=revision, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT
        )
        commit, sizes = str(info.sha), {one.rfilename: one.size for one in info.siblings}
    except HfHubHTTPError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, HFValidationError | UnicodeEncodeError):
            raise
        raise ModelError(
            f"{_hub()} answers with something else than a hub's list of files, such as the page of a proxy or a login; "
            "check HF_ENDPOINT and the proxy."
        ) from None
    if not _COMMIT.fullmatch(commit):
        raise ModelError(f"{_hub()} answers with the commit {commit[:60]!r}; check HF_ENDPOINT.")
    if not all(isinstance(size, int) for size in sizes.values()):
        raise ModelError(
            f"{_hub()} lists files without their sizes, as some mirrors do; fetch them with another tool, and give "
            "their folder."
        )
    return commit, sizes


def _weight_names(folder: Path, sizes: Mapping[str, int]) -> Sequence[str]:
    """Return the files that transformers would load; others may be the same weights in another form."""
    if SINGLE in sizes:
        return [SINGLE]
    if INDEX not in sizes:
        raise ModelError(
            "the repository has no weights as safetensors, and others, which are pickles, are never loaded."
        )
    names = sorted(set(read_index(folder / INDEX).values()))
    if absent := [name for name in names if name not in sizes]:
        raise ModelError(f"{INDEX} names {absent[0][:80]!r}, which the repository does not have.")
    return names


def _refuse_full_disk(needed: int) -> None:
    cache = Path(constants.HF_HUB_CACHE)
    free = shutil.disk_usage(next(folder for folder in (cache, *cache.parents) if folder.is_dir())).free
    if free < needed * (1 + MARGIN):
        raise ModelError(
            f"{_amount(needed)} are to be fetched, and the disk of the hub's cache, {cache}, has {_amount(free)} free. "
            "Make room there, set HF_HUB_CACHE=<folder on another disk>, or give a local folder with the same files."
        )


def _amount(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:,.1f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:,.1f} MB"


def _is_unreachable(error: Exception) -> bool:
    # By name, since the library's client is httpx or httpx2.
    return isinstance(error, OfflineModeIsEnabled) or "TransportError" in {
        each.__name__ for each in type(error).__mro__
    }


def _reason(error: Exception, repo: str) -> str:  # noqa: PLR0911 - one for each kind of failure
    """Return the cause and the remedy. The library's own message is left out, since it quotes addresses."""
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # the reason for its look into the cache
    cache, kind = constants.HF_HUB_CACHE, type(error).__name__
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, HfHubHTTPError):
        return _answer(error, repo)
    if isinstance(error, HFValidationError):
        return "it is not a valid repository name; give owner/name."
    if isinstance(error, OfflineModeIsEnabled):
        return (
            f"HF_HUB_OFFLINE is set, and the hub's cache, {cache}, does not have all of its files; unset it, or give a "
            "local folder with the same files."
        )
    if isinstance(error, SafetensorsParsingError):
        return "a file of its weights is damaged on the hub, or no safetensors file; tell its owner, or take another."
    if isinstance(error, UnicodeEncodeError) or kind == "LocalProtocolError":
        return "the request cannot be sent; look for stray characters in HF_TOKEN and HF_ENDPOINT."
    if _is_unreachable(error):
        return (
            f"{_hub()} cannot be reached, or broke off ({kind}). Check the network, HF_ENDPOINT and the proxy and try "
            "again (files that were fetched are kept), or give a local folder with the same files."
        )
    if number in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"the disk of the hub's cache, {cache}, is full. Make room and try again (files that were fetched are "
            "kept), or set HF_HUB_CACHE=<folder on another disk>."
        )
    what = os.strerror(number) if number else printable(f"{kind}: {error}".splitlines()[0][:200])
    return f"{what}, between {_hub()} and {cache}; check HF_ENDPOINT, and that HF_HUB_CACHE is a folder to write in."


def _answer(error: HfHubHTTPError, repo: str) -> str:
    """Return the hub's error response, and the remedy."""
    status, page = error.response.status_code, f"{_hub()}/{repo}"
    if isinstance(error, RevisionNotFoundError):
        return f"the repository has no such revision ({status}); {page}/commits/main lists its commits."
    if isinstance(error, RepositoryNotFoundError) and not isinstance(error, GatedRepoError):
        return f"{_hub()} shows no such repository ({status}); check the name, and set HF_TOKEN if it is private."
    if status in (401, 403):
        return f"access is refused ({status}); accept its terms on {page}, and set HF_TOKEN to a token of that account."
    if status == 429:
        return f"{_hub()} takes no more requests for now (429); wait some minutes, or set HF_TOKEN for a higher limit."
    if status >= 500:
        return f"{_hub()} fails ({status}); try again later, or give a local folder with the same files."
    file = printable(urlsplit(str(error.response.url)).path.rpartition("/")[2][:80])
    return f"{_hub()} does not give {file!r} ({status}); check the name, the revision and HF_ENDPOINT."
