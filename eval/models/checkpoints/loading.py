"""Finding and loading a checkpoint of one of the families: local folder or hub id, safetensors only, no remote code.

All checks come before a weight is read. Missing weights are an error: a partly random model gives a plausible score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from eval.errors import ModelError
from eval.files import expanded
from eval.installed import install
from eval.models.checkpoints.ending import GENERATION
from eval.models.checkpoints.fitting import refuse_differences
from eval.models.checkpoints.form import OWN_FORM, Form
from eval.models.checkpoints.headers import CONFIG, INDEX, all_shapes, is_buffer, read_object, refuse_irregular
from eval.models.families import REPEATED, Family, family_of
from eval.provenance import files_hash
from eval.readers.malformed import first_line

if TYPE_CHECKING:
    import torch


Device = Literal["auto", "cuda", "mps", "cpu"]
Dtype = Literal["auto", "float32", "float16", "bfloat16"]
HalfDtype = Literal["float16", "bfloat16"]

FILES = ("*.safetensors", "*.json", "tokenizer.model", "merges.txt", "*.jinja")
"""Files of a checkpoint that may be read: weights, settings, and the tokenizer. Never code or pickles."""

FOREIGN = {
    "auto_map": "the code that it names is never run; take a checkpoint that transformers' own classes can load",
    "custom_pipelines": "code of a checkpoint is never run",
    "quantization_config": "quantised weights need code of other packages; take the weights in fp16, bf16 or fp32",
    "transformers_weights": "weights are read from model.safetensors, or the files of its index, only",
}
"""Settings of a checkpoint that need more than this project's own classes and the weights, with the reasons."""

ATTENTIONS = ("sdpa", "eager", "flash_attention_2")
"""transformers' attention implementations whose outputs are known to be correct here."""

SETTINGS = (CONFIG, GENERATION, "preprocessor_config.json", "processor_config.json", "tokenizer_config.json")
"""Files of settings in which a checkpoint may ask for code."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint on disk, checked but not loaded."""

    folder: Path
    source: str
    """The given folder, or the hub id."""
    revision: str | None
    """Commit of a hub checkpoint."""
    config: Any

    @cached_property
    def files_sha256(self) -> str:
        """Hash of the weights and of all other files that are read."""
        found = [path for pattern in FILES for path in self.folder.glob(pattern)]
        return files_hash([path for path in found if path.is_file()])  # opening a pipe would wait


Check = Callable[[Path], Any]
"""Reads all files of a folder except the weights, and refuses unusable ones."""


def find_checkpoint(
    source: str, revision: str | None = None, check: Check | None = None, form: Form = OWN_FORM
) -> Checkpoint:
    """Return the checkpoint behind a local folder or a hub id (`owner/name`), fetching the latter once.

    Args:
        source: the folder, or the hub id.
        revision: of a hub id, the commit, branch or tag.
        check: the check before weights are read or fetched; `check_settings` by default.
        form: the checks of config.json alone, and of the weights.

    Raises:
        ModelError: there is no such folder or repository, or it is not a checkpoint of the form in safetensors.
    """
    folder = expanded(source)
    if folder.is_dir():
        return check_checkpoint(folder, source, None, check or check_settings, form)
    if folder.exists() or source.count("/") != 1 or source.startswith((".", "/", "~")):
        raise ModelError(f"No checkpoint folder at {source!r}. Give a folder with config.json, or a hub id owner/name.")
    if revision is None:
        raise ModelError(
            f"Checkpoint {source!r} is a hub id without a revision, so its weights could change between runs. "
            "Pin it with model.revision=<commit>, or give a local folder."
        )
    from eval.models.checkpoints.fetching import fetch_checkpoint

    try:
        folder, commit = fetch_checkpoint(source, revision, check or check_settings, form)
    except ModelError as error:
        if folder.parent.is_dir():  # the user may have meant a folder
            raise ModelError(f"{error} There is no folder {source!r} here either.") from error
        raise
    return check_checkpoint(folder, source, commit, check or check_settings, form)


def check_settings(folder: Path, family: Family | None = None) -> Any:
    """Return a checkpoint's config, if its files besides the weights exist and ask for no foreign code.

    Args:
        folder: the checkpoint's.
        family: the family that it must be of; None: the one that its config.json tells.

    Raises:
        ModelError: they are not a checkpoint's of the family, or ask for code.
    """
    refuse_irregular(folder)
    if not (folder / CONFIG).is_file():
        raise ModelError(f"{folder} is not a{' ' + family.name if family else ''} checkpoint: it has no {CONFIG}.")
    try:
        config = (family or family_of(folder)).read_config(folder)
    except ModelError:
        if family is None or (found := family_of(folder)).name == family.name:
            raise
        raise ModelError(
            f"{folder} is a {found.name} checkpoint, and not {family.name}'s: run it with --model {found.example} "
            f"{REPEATED}, or give its folder as --model."
        ) from None
    family = config.family
    if missing := family.missing_files(folder):
        raise ModelError(f"{folder} is not a {family.name} checkpoint: it has no {', and no '.join(missing)}.")
    refuse_code(folder, family.replaced_code)
    return config


def check_checkpoint(
    folder: Path, source: str, revision: str | None, check: Check, form: Form = OWN_FORM
) -> Checkpoint:
    """Check that a folder holds a checkpoint that can be loaded without running foreign code."""
    config = check(folder)
    if not (folder / INDEX).exists() and not list(folder.glob("*.safetensors")):
        pickles = [path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern)]
        detail = f" (only {', '.join(sorted(pickles)[:3])}; convert them, pickles are never loaded)" if pickles else ""
        raise ModelError(f"{folder} holds no *.safetensors weights{detail}.")
    form.refuse_unfit(all_shapes(folder), config, str(folder))
    return Checkpoint(folder=folder, source=source, revision=revision, config=config)


def refuse_code(folder: Path, replaced_code: str | None = "") -> None:
    """Refuse settings that ask for code, or for weights from elsewhere.

    Such code is never run here, but a checkpoint that needs it computes something other than the loaded model.

    Args:
        folder: the checkpoint's.
        replaced_code: beginning of the names of code in `auto_map` that the model's class replaces; "": of none; None:
            of any.
    """
    if (folder / "adapter_config.json").exists():
        raise ModelError(f"{folder}/adapter_config.json asks for an adapter on top of the weights; merge it into them.")
    for name in SETTINGS:
        path = folder / name
        stack: list[Any] = [_settings(path)] if path.exists() else []
        while stack:
            one = stack.pop()
            stack += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
            asked = next((key for key in FOREIGN if isinstance(one, dict) and one.get(key)), None)
            if asked == "auto_map" and _is_replaced(one[asked], replaced_code):
                continue
            if asked is not None:
                raise ModelError(f"{path} sets {asked}: {FOREIGN[asked]}.")


def _is_replaced(named: object, start: str | None) -> bool:
    if start is None:
        return True
    return bool(start) and _all_start_with(named, start)


def _all_start_with(named: object, start: str) -> bool:
    return isinstance(named, dict) and all(isinstance(one, str) and one.startswith(start) for one in named.values())


def _settings(path: Path) -> object:
    try:
        return read_object(path)
    except ModelError:
        if path.name == "config.json":
            raise
        return None  # the processor reports the error, if the file is needed


def check_means(attention: str, device_map: object) -> None:
    """Refuse an attention implementation not known to be correct, and a device map without accelerate."""
    if attention not in ATTENTIONS:
        raise ModelError(
            f"model.attention={attention!r} is not supported; take {', '.join(ATTENTIONS)}. Others were seen to give "
            "wrong outputs without an error, or are code on a hub, which is never run."
        )
    if device_map is not None and find_spec("accelerate") is None:
        raise ModelError(f"model.device_map needs accelerate: {install('multi-gpu')}.")


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


def choose_dtype(dtype: Dtype, device: str, half: HalfDtype = "float16") -> torch.dtype:
    """Return the weight type; `auto` is `half` on GPUs, and fp32 on CPUs, where halves are slower."""
    import torch

    name = dtype if dtype != "auto" else ("float32" if device == "cpu" else half)
    return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[name]


def load_model(
    checkpoint: Checkpoint,
    *,
    device: str,
    dtype: torch.dtype,
    attention: str,
    device_map: str | Mapping[str, str | int] | None,
) -> Any:
    """Load the weights for inference.

    Args:
        checkpoint: the result of `find_checkpoint`.
        device: the model's device when `device_map` is None.
        dtype: type of the weights.
        attention: transformers' `attn_implementation`, one of ATTENTIONS.
        device_map: accelerate's map ("auto", "balanced", or a device by module) to spread the layers over several
            GPUs, and those that do not fit over the machine's memory.

    Raises:
        ModelError: a weight is missing, left over, of another shape or not finite, or the backend cannot take it.
    """
    family = checkpoint.config.family
    means: dict[str, Any] = {"dtype": dtype, "attn_implementation": attention, "device_map": device_map}
    model = load_weights(
        family.model_class(), checkpoint, device=device, key_mapping=dict(family.weight_names), **means
    )
    if checkpoint.config.tie_word_embeddings:
        # A separate head beside tied embeddings is ignored, as by upstream.
        model.lm_head.weight = model.get_input_embeddings().weight
    return model


def load_weights(model_class: Any, checkpoint: Checkpoint, *, device: str, **settings: Any) -> Any:
    """Load the weights of a checkpoint into a class of transformers' kind, for inference.

    Args:
        model_class: the class, or one of transformers' auto classes.
        checkpoint: the result of `find_checkpoint`.
        device: the model's device where the settings have no `device_map`.
        settings: further arguments of `from_pretrained`.

    Raises:
        ModelError: a weight is missing, left over, of another shape or not finite, or the backend cannot take it.
    """
    from transformers.utils import logging

    from eval.models.decoding.finite import refuse_unsound

    previous = logging.get_verbosity()
    logging.set_verbosity_error()  # the load report is checked below, not printed
    logging.disable_progress_bar()
    try:
        model, report = model_class.from_pretrained(
            checkpoint.folder,
            config=checkpoint.config,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **settings,
        )
    except ModelError:
        raise
    except Exception as error:  # a foreign checkpoint can raise any exception
        raise ModelError(f"Cannot load checkpoint {checkpoint.folder}: {first_line(error)}") from error
    finally:
        logging.set_verbosity(previous)
    # The headers were compared before; this checks the loaded weights.
    unexpected = [name for name in report.get("unexpected_keys", ()) if not is_buffer(name)]
    refuse_differences(
        str(checkpoint.folder), report.get("missing_keys", ()), unexpected, report.get("mismatched_keys", ())
    )
    loaded = model.eval() if settings.get("device_map") is not None else model.eval().to(device)
    refuse_unsound(loaded, checkpoint.folder)
    return loaded
