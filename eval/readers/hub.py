"""Annotation files from the Hugging Face hub: only on request, only annotations, only from a pinned commit.

They are stored in the hub's own cache, where other tools find them too, and read like any official file. Videos are
never fetched: they are many gigabytes, and most come under terms that the user has to agree to. With `stream` they are
read from the hub as they are needed (`eval.archives.hub`), and not kept.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from eval import network
from eval.archives import Member
from eval.archives.hub import commit_of, sizes_of
from eval.errors import ConfigError, DataError, MediaError
from eval.readers.malformed import first_line

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """A data set on the hub, from the benchmark's yaml."""

    repo: str
    """`owner/name` of the data set."""
    files: tuple[str, ...]
    """The annotation files in it; `*` stands for any text."""
    revision: str | None = None
    """The commit to read; null where none could be verified, so that the user has to pin one."""

    def __str__(self) -> str:
        """Return the data set's name for a run's provenance."""
        return f"{self.repo}@{self.revision}"


def stream_root(stream: bool | str, hub: Hub | None) -> Member | None:  # noqa: FBT001 - what the setting may be
    """Return the data set that videos are read from; None where there is none.

    Args:
        stream: `owner/name` or `owner/name@revision`; true for the benchmark's own.
        hub: The benchmark's own.

    Raises:
        ConfigError: This is no name of a data set.
        DataError: Its files cannot be listed.
    """
    if stream is False:
        return None
    if stream is True:
        if hub is None:
            _log.warning("stream=true: no hub serves this benchmark; name a data set, stream=owner/name")
            return None
        repo, revision = hub.repo, hub.revision
    else:
        repo, _, revision = stream.partition("@")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        raise ConfigError(
            f"stream={stream} names no data set of the hub; give stream=owner/name, or @revision behind it"
        )
    try:
        commit = commit_of(repo, revision or "main")
        sizes_of(repo, commit)  # which would otherwise fail for each video
        return Member(f"hub:{repo}@{commit}!")
    except MediaError as error:
        raise DataError(f"stream={stream}: {error}; check the name, and HF_TOKEN where it is gated") from None


def fetch_annotations(hub: Hub) -> Path:
    """Return the folder of the commit in the hub's cache, fetching it if missing.

    HF_HUB_CACHE, HF_HUB_OFFLINE and HF_ENDPOINT have the same meaning as for the hub's own tools.

    Raises:
        ConfigError: No commit is pinned, so that the questions could change between runs.
        DataError: The hub cannot be reached, or lacks repository, commit or files.
    """
    if hub.revision is None or not re.fullmatch("[0-9a-f]{40}", hub.revision):
        raise ConfigError(
            f"benchmark.hub.revision={hub.revision} is not a commit, and the questions of {hub.repo} could change "
            "between runs. Pin one with benchmark.hub.revision=<40 hex digits>; they are listed at "
            f"https://huggingface.co/datasets/{hub.repo}/commits/main"
        )
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(hub.repo, repo_type="dataset", revision=hub.revision, allow_patterns=list(hub.files))
        )
    except Exception as error:  # a network can raise any exception
        network.check_all()  # a proxy or a certificate is a better reason
        raise DataError(
            f"Cannot fetch annotations from {hub}: {first_line(error)} "
            f"Where the hub cannot be reached, put {', '.join(hub.files)} of that commit below data="
        ) from error
