"""Finding and loading a Tarsier checkpoint: local folder or hub id, safetensors only, no remote code.

Everything that can be refused is refused before a weight is read; weights that are missing or left over are
an error, because a model that is partly random still produces fluent text and a plausible score.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from eval.errors import ModelError
from eval.provenance import files_hash

if TYPE_CHECKING:
    import torch

    from eval.models.tarsier.model import TarsierForConditionalGeneration

Device = Literal["auto", "cuda", "mps", "cpu"]
Dtype = Literal["auto", "float32", "float16", "bfloat16"]

HUB_FILES = ("*.safetensors", "*.json")
"""What is fetched from a hub: weights, configs, and the tokenizer as tokenizer.json. Never code or pickles."""

REQUIRED = ("config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint on disk, checked but not loaded."""

    folder: Path
    source: str
    """The folder as given, or the hub id."""
    revision: str | None
    """Commit of a hub checkpoint."""
    config: dict[str, Any]

    @cached_property
    def files_sha256(self) -> str:
        """Hash of the weights and of everything that is read beside them."""
        return files_hash([path for pattern in HUB_FILES for path in self.folder.glob(pattern)])


def find_checkpoint(source: str, revision: str | None = None) -> Checkpoint:
    """Return the checkpoint behind a local folder or a hub id (`owner/name`), fetching the latter once.

    Raises:
        ModelError: there is no such folder or repository, or it is not a Tarsier checkpoint in safetensors.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        return check_checkpoint(folder, source, None)
    if folder.exists() or source.count("/") != 1 or source.startswith((".", "/", "~")) or folder.parent.is_dir():
        raise ModelError(f"No checkpoint folder at {source!r}. Give a folder with config.json, or a hub id owner/name.")
    return check_checkpoint(*_download(source, revision))


def _download(repo: str, revision: str | None) -> tuple[Path, str, str]:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    if revision is None:
        raise ModelError(
            f"Checkpoint {repo!r} is a hub id without a revision, so its weights could change between runs. "
            "Pin it with model.revision=<commit>, or give a local folder."
        )
    try:
        folder = Path(snapshot_download(repo, revision=revision, allow_patterns=list(HUB_FILES)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"Cannot fetch checkpoint {repo!r} at revision {revision!r}: {first_line.rstrip('.')}. "
            "Where the hub cannot be reached, give a local folder with the same files."
        ) from error
    return folder, repo, folder.name


def check_checkpoint(folder: Path, source: str, revision: str | None) -> Checkpoint:
    """Check that a folder holds a Tarsier checkpoint that can be loaded without running foreign code."""
    missing = [name for name in REQUIRED if not (folder / name).is_file()]
    if missing:
        raise ModelError(f"{folder} is not a Tarsier checkpoint: it has no {', '.join(missing)}.")
    if not list(folder.glob("*.safetensors")):
        pickles = [path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern)]
        detail = f" (only {', '.join(sorted(pickles)[:3])}; convert them, pickles are never loaded)" if pickles else ""
        raise ModelError(f"{folder} holds no *.safetensors weights{detail}.")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{folder / 'config.json'} is not valid JSON: {error}") from error
    if not isinstance(config, dict):
        raise ModelError(f"{folder / 'config.json'} is not a JSON object.")
    family = config.get("model_type")
    absent = [key for key in ("image_newline_idx", "image_new_idx") if key not in config]
    if family != "llava" or absent:
        said = f"model_type is {family!r}" if family != "llava" else f"it lacks {' and '.join(absent)}"
        raise ModelError(
            f"{folder / 'config.json'} is not of the Tarsier family (7b, 34b): {said}; "
            "expected model_type 'llava' with image_newline_idx and image_new_idx."
        )
    _check_parts(config, folder / "config.json")
    return Checkpoint(folder=folder, source=source, revision=revision, config=config)


def _check_parts(config: dict[str, Any], path: Path) -> None:
    """Refuse a config whose parts would be filled in with the defaults of another model, or point outside it."""
    for part, needed in (("text_config", ("hidden_size", "vocab_size")), ("vision_config", ("image_size",))):
        found = config.get(part)
        absent = [key for key in needed if not isinstance(found, dict) or not isinstance(found.get(key), int)]
        if absent:
            raise ModelError(f"{path}: {part} lacks {' and '.join(absent)}; take the config.json of the checkpoint.")
    size = config["text_config"]["vocab_size"]
    for key in ("image_token_index", "image_newline_idx", "image_new_idx"):
        if not isinstance(config.get(key), int) or not 0 <= config[key] < size:
            raise ModelError(f"{path}: {key} is {config.get(key)!r}; expected a token id from 0 to {size - 1}.")


def choose_device(device: Device) -> str:
    """Return the torch device to run on; `auto` takes CUDA, then Apple's MPS, then the CPU."""
    import torch

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        return next(name for name, there in available.items() if there)
    if not available[device]:
        have = ", ".join(name for name, there in available.items() if there)
        raise ModelError(f"model.device={device} is not available here; this machine has {have}.")
    return device


def choose_dtype(dtype: Dtype, device: str) -> torch.dtype:
    """Return the weight type; `auto` is fp16 on GPUs, as upstream, and fp32 on CPUs, where fp16 is slower."""
    import torch

    name = dtype if dtype != "auto" else ("float32" if device == "cpu" else "float16")
    return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[name]


def load_model(
    checkpoint: Checkpoint, *, device: str, dtype: torch.dtype, attention: str, device_map: str | None
) -> TarsierForConditionalGeneration:
    """Load the weights for inference.

    Args:
        checkpoint: what `find_checkpoint` returned.
        device: where the model goes when `device_map` is None.
        dtype: type of the weights.
        attention: transformers' `attn_implementation`: sdpa, eager, flash_attention_2, ...
        device_map: accelerate's map ("auto", "balanced") to spread the layers over several GPUs.

    Raises:
        ModelError: a weight is missing, left over or of another shape, or the backend cannot take it.
    """
    from transformers.utils import logging

    from eval.models.tarsier.model import CHECKPOINT_KEYS, TarsierConfig, TarsierForConditionalGeneration

    if device_map is not None:
        try:
            import accelerate  # noqa: F401
        except ImportError as error:
            raise ModelError("model.device_map needs accelerate: pip install -e '.[multi-gpu]'.") from error
    previous = logging.get_verbosity()
    logging.set_verbosity_error()  # the load report is checked below, not printed
    logging.disable_progress_bar()
    try:
        config = TarsierConfig.from_pretrained(checkpoint.folder, local_files_only=True)
        model, report = TarsierForConditionalGeneration.from_pretrained(
            checkpoint.folder,
            config=config,
            dtype=dtype,
            attn_implementation=attention,
            device_map=device_map,
            key_mapping=CHECKPOINT_KEYS,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except Exception as error:  # a foreign checkpoint can fail in any of a hundred ways
        first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"Cannot load checkpoint {checkpoint.folder}: {first_line}") from error
    finally:
        logging.set_verbosity(previous)
    wrong = [
        f"{len(report[kind])} {said} (such as {min(map(str, report[kind]))})"
        for kind, said in (
            ("missing_keys", "missing"),
            ("unexpected_keys", "unexpected"),
            ("mismatched_keys", "of another shape"),
        )
        if report.get(kind)
    ]
    if wrong:
        raise ModelError(f"Weights of {checkpoint.folder} do not fit its config: {'; '.join(wrong)}.")
    loaded: TarsierForConditionalGeneration = model.eval()
    return loaded if device_map is not None else loaded.to(device)
