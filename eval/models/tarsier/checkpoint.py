"""Finding and loading a Tarsier checkpoint: local folder or hub id, safetensors only, no remote code.

Everything that can be refused is refused before a weight is read; weights that are missing or left over are
an error, because a model that is partly random still produces fluent text and a plausible score.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from eval.errors import ModelError
from eval.models.tarsier.headers import all_shapes, read_object
from eval.provenance import files_hash

if TYPE_CHECKING:
    import torch

    from eval.models.tarsier.model import TarsierForConditionalGeneration

Device = Literal["auto", "cuda", "mps", "cpu"]
Dtype = Literal["auto", "float32", "float16", "bfloat16"]

HUB_FILES = ("*.safetensors", "*.json")
"""What is fetched from a hub: weights, configs, and the tokenizer as tokenizer.json. Never code or pickles."""

FOREIGN = {
    "auto_map": "the code that it names is never run; take a checkpoint that transformers' own classes can load",
    "custom_pipelines": "code of a checkpoint is never run",
    "quantization_config": "quantised weights need code of other packages; take the weights in fp16, bf16 or fp32",
    "transformers_weights": "weights are read from model.safetensors, or the files of its index, only",
}
"""Settings of a checkpoint that ask for more than this project's own classes and its weights, and why not."""

PARTS = {"text_config": "llama", "vision_config": "clip_vision_model"}
"""The kinds of model that a Tarsier checkpoint is made of."""

MAX_SIZE, MAX_LABELS = 10**8, 10_000
"""Largest number in a config (rope_theta has 5,000,000), and most labels, which transformers lists one by one."""

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
    config = read_object(folder / "config.json")
    family = config.get("model_type")
    absent = [key for key in ("image_newline_idx", "image_new_idx") if key not in config]
    if family != "llava" or absent:
        said = f"model_type is {family!r}" if family != "llava" else f"it lacks {' and '.join(absent)}"
        raise ModelError(
            f"{folder / 'config.json'} is not of the Tarsier family (7b, 34b): {said}; "
            "expected model_type 'llava' with image_newline_idx and image_new_idx."
        )
    _refuse_code(folder)
    _check_parts(config, folder / "config.json")
    _check_sizes(config, folder)
    return Checkpoint(folder=folder, source=source, revision=revision, config=config)


def _refuse_code(folder: Path) -> None:
    """Refuse what asks for code, or for weights from elsewhere.

    None of it would be run here, but a checkpoint that needs it computes something else than what is loaded.
    """
    for name in (*REQUIRED, "generation_config.json", "processor_config.json", "adapter_config.json"):
        path = folder / name
        if name == "adapter_config.json" and path.exists():
            raise ModelError(f"{path} asks for an adapter on top of the weights; merge it into them.")
        if name == "tokenizer.json" or not path.exists():
            continue
        stack: list[Any] = [_settings(path)]
        while stack:
            one = stack.pop()
            stack += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
            asked = next((key for key in FOREIGN if isinstance(one, dict) and one.get(key)), None)
            if asked is not None:
                raise ModelError(f"{path} sets {asked}: {FOREIGN[asked]}.")


def _settings(path: Path) -> object:
    try:
        return read_object(path)
    except ModelError:
        if path.name == "config.json":
            raise
        return None  # the processor says what is wrong with it, if it is needed


def _check_sizes(config: dict[str, Any], folder: Path) -> None:
    """Refuse sizes that the weights do not have: a model of the config's sizes is made before they are compared."""
    path, shapes = folder / "config.json", all_shapes(folder)
    stack: list[tuple[str, Any]] = [("", config)]
    while stack:
        key, one = stack.pop()
        if isinstance(one, dict):
            stack += [(f"{key}.{name}".lstrip("."), inner) for name, inner in one.items()]
        elif isinstance(one, list):
            stack += [(key, inner) for inner in one]
        elif isinstance(one, int | float) and abs(one) > (MAX_LABELS if key.endswith("num_labels") else MAX_SIZE):
            raise ModelError(
                f"{path}: {key} is {one}, more than any model of the family has; take the checkpoint's own."
            )
        elif key.endswith("layers") and isinstance(one, int) and one > len(shapes):
            raise ModelError(f"{path}: {key} is {one}, and the weights are {len(shapes)} tensors.")
    text = config["text_config"]
    wanted = (text["vocab_size"], text["hidden_size"])
    found = next((shape for name, shape in shapes.items() if name.endswith("embed_tokens.weight")), None)
    if found != wanted:
        raise ModelError(
            f"{path}: vocab_size and hidden_size of text_config are {wanted[0]} and {wanted[1]}, and the weights' "
            f"embed_tokens is {'absent' if found is None else list(found)}; config and weights are of two checkpoints."
        )


def _check_parts(config: dict[str, Any], path: Path) -> None:
    """Refuse a config whose parts would be filled in with the defaults of another model, or point outside it."""
    for part, needed in (("text_config", ("hidden_size", "vocab_size")), ("vision_config", ("image_size",))):
        found = config.get(part)
        kind = found.get("model_type", PARTS[part]) if isinstance(found, dict) else PARTS[part]
        if kind != PARTS[part]:
            raise ModelError(
                f"{path}: {part} is of the type {str(kind)[:40]!r}, not {PARTS[part]!r}: no Tarsier model."
            )
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
        ModelError: a weight is missing, left over, of another shape or not finite, or the backend cannot take it.
    """
    import torch
    from transformers.utils import logging

    from eval.models.tarsier.finite import refuse_unsound
    from eval.models.tarsier.model import CHECKPOINT_KEYS, TarsierConfig, TarsierForConditionalGeneration

    if "/" in attention:
        raise ModelError(f"model.attention={attention!r} is code on a hub, which is never run; give sdpa or eager.")
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
        with torch.device("meta"):
            skeleton = TarsierForConditionalGeneration(config)
        _compare(checkpoint.folder, {name: tuple(one.shape) for name, one in skeleton.state_dict().items()})
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
    except ModelError:
        raise
    except Exception as error:  # a foreign checkpoint can fail in any of a hundred ways
        first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"Cannot load checkpoint {checkpoint.folder}: {first_line}") from error
    finally:
        logging.set_verbosity(previous)
    # The headers were compared before; this is what was really loaded.
    _refuse_unfit(
        checkpoint.folder, *(report.get(f"{kind}_keys", ()) for kind in ("missing", "unexpected", "mismatched"))
    )
    loaded: TarsierForConditionalGeneration = model.eval() if device_map is not None else model.eval().to(device)
    refuse_unsound(loaded, checkpoint.folder)
    return loaded


def _compare(folder: Path, wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse weights that are not those of the model, by name and shape, before any is read."""
    from eval.models.tarsier.model import CHECKPOINT_KEYS

    there: dict[str, tuple[int, ...]] = {}
    for name, shape in all_shapes(folder).items():
        renamed = (re.sub(pattern, new, name) for pattern, new in CHECKPOINT_KEYS.items() if re.match(pattern, name))
        there[next(renamed, name)] = shape
    missing, unexpected = set(wanted) - set(there), set(there) - set(wanted)
    _refuse_unfit(
        folder, missing, unexpected, [name for name in wanted if there.get(name, wanted[name]) != wanted[name]]
    )


def _refuse_unfit(folder: Path, missing: Iterable[Any], unexpected: Iterable[Any], mismatched: Iterable[Any]) -> None:
    said = {"missing": list(missing), "unexpected": list(unexpected), "of another shape": list(mismatched)}
    wrong = [f"{len(names)} {kind} (such as {min(map(str, names))[:120]})" for kind, names in said.items() if names]
    if wrong:
        raise ModelError(f"Weights of {folder} do not fit its config: {'; '.join(wrong)}.")
