"""Uploads a publication to the Hugging Face Hub, in one commit, by the hub's own library."""

from __future__ import annotations

from pathlib import Path

from eval import network
from eval.analysis.publish.folder import Publication
from eval.errors import ConfigError, RunError
from eval.network import hub_address
from eval.readers.malformed import first_line


def push(publication: Publication, repository: str, folder: Path) -> str:
    """Upload all files as one commit to a data set, made where there is none; return its address.

    HF_TOKEN and HF_ENDPOINT have the same meaning as for the hub's own tools.

    Args:
        publication: What is uploaded.
        repository: `owner/name`.
        folder: Where it was written, for messages.

    Raises:
        RunError: the hub cannot be reached, or refuses.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    try:
        network.check_all()
        hub = HfApi()
        hub.create_repo(repository, repo_type="dataset", exist_ok=True)
        added = [CommitOperationAdd(name, content) for name, content in publication.files.items()]
        names = ", ".join(dict.fromkeys(f"{run.result.model} on {run.config}" for run in publication.runs))
        said = f"tarsier-eval: {names if len(names) <= 150 else f'{len(publication.runs)} runs'}"
        hub.create_commit(repository, added, commit_message=said, repo_type="dataset")
    except Exception as error:  # a network can raise any exception
        raise RunError(f"{repository} was not pushed: {_reason(error, repository)} {folder} is kept.") from error
    return f"{hub_address()}/datasets/{repository}"


def _reason(error: Exception, repository: str) -> str:  # noqa: PLR0911 - one for each kind of failure
    """Return the cause and the remedy. The library's own message is left out, since it quotes addresses."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled

    owner = repository.partition("/")[0]
    if isinstance(error, ConfigError):
        return str(error)
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if status in (401, 403):
            return f"{hub_address()} refuses ({status}); set HF_TOKEN to a token that may write to {owner}."
        if status == 429 or status >= 500:
            return f"{hub_address()} does not take it now ({status}); try again later with the same command."
        return f"{hub_address()} does not take it ({status}: {first_line(error)}); check the name, and HF_ENDPOINT."
    if isinstance(error, LocalTokenNotFoundError):
        return f"there is no token; set HF_TOKEN to one that may write to {owner}."
    if isinstance(error, HFValidationError):
        return "it is not a valid repository name; give owner/name."
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set; unset it, and repeat the command."
    return f"{first_line(error, kind=True)}. Check the network, HF_ENDPOINT and the proxy, and repeat the command."
