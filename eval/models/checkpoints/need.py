"""The memory that a model will take, from its settings and the headers of its weights: nothing is loaded or fetched."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from eval.errors import ModelError
from eval.files import expanded
from eval.models.checkpoints.capacity import memory_of
from eval.models.checkpoints.headers import CONFIG, all_shapes
from eval.models.decoding.memory import USED
from eval.models.families import family_of

_GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""Devices of NVIDIA's, AMD's and WSL's drivers: without any of them there is no GPU, and torch is not needed."""
_MANY = 512
_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNeed:
    """The memory that a model and its batches will take."""

    place: str
    """Where it is loaded: `this machine`, or the name of a GPU."""
    size: int
    """Bytes that are there."""
    weights: int
    """Bytes of the weights."""
    dtype: str
    """Their type once they are loaded."""
    batches: int | None
    """Bytes that batches may take besides; None where they are bounded by a number of prompts only."""

    problem: str = ""
    """Why one prompt about the frames asked for cannot fit besides; "" where nothing speaks against it."""

    @property
    def fits(self) -> bool:
        """Whether the weights fit."""
        return self.weights < self.size


def memory_need(model: Mapping[str, Any]) -> MemoryNeed | str:
    """Return the memory that a model with these settings of conf/model/ takes; in words why that is not known."""
    source = model.get("checkpoint")
    if source is None:
        return "it is not loaded here" if "provider" in model else "it takes none worth counting"
    folder = _folder_of(str(source), model.get("revision"))
    if folder is None:
        return f"not known before {source} is fetched; the run checks it before it fetches weights"
    try:
        parameters = sum(map(prod, all_shapes(folder).values()))
    except ModelError as error:
        return f"not known: {error}"
    spread = model.get("device_map") is not None
    try:
        device = _device(str(model.get("device", "auto")))
    except ModelError as error:
        return str(error)
    named = str(model.get("dtype", "auto"))
    dtype = named if named in _BYTES else "float32" if device == "cpu" else "half precision"
    memory = memory_of(device, spread=spread)
    weights, size = parameters * _BYTES.get(dtype, 2), memory.size + memory.beside
    batches: int | None = None
    if device == "cuda" and "kv_budget_gb" in model and not model.get("deterministic"):
        batches = max(0, int(USED * (memory.size - weights)))
    elif "kv_budget_gb" in model:
        batches = int(float(model["kv_budget_gb"]) * 1e9)
    problem = _problem(folder, model, device, spread=spread) if weights < size else ""
    return MemoryNeed(place=memory.name, size=size, weights=weights, dtype=dtype, batches=batches, problem=problem)


def _problem(folder: Path, model: Mapping[str, Any], device: str, *, spread: bool) -> str:
    """Return why a prompt about many frames cannot fit, as loading would say it; few are not worth importing torch."""
    frames = model.get("n_frames")
    if not isinstance(frames, int) or frames <= _MANY:
        return ""
    try:
        config = family_of(folder).read_config(folder)
    except ModelError:  # a checkpoint of another kind, or one that loading will refuse
        return ""
    try:
        from eval.models.checkpoints.capacity import refuse_what_cannot_fit
        from eval.models.checkpoints.loading import choose_dtype

        refuse_what_cannot_fit(
            config,
            frames,
            new=int(model.get("max_new_tokens") or 1),
            dtype=choose_dtype(str(model.get("dtype", "auto")), device),  # type: ignore[arg-type]
            device=device,
            spread=spread,
            attention=str(model.get("attention", "sdpa")),
        )
    except ModelError as error:
        return str(error)
    return ""


def _folder_of(source: str, revision: str | None) -> Path | None:
    """Return the folder of a checkpoint, which may be in the hub's cache; None where it is not here."""
    folder = expanded(source)
    if folder.is_dir():
        return folder
    if source.count("/") != 1:
        return None
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(source, CONFIG, revision=revision)
    found = Path(config).parent if isinstance(config, str) else None
    return found if found is not None and any(found.glob("*.safetensors")) else None


def _device(wanted: str) -> str:
    if wanted == "cpu" or (wanted == "auto" and not _may_have_gpu()):
        return "cpu"
    from eval.models.checkpoints.loading import choose_device

    return choose_device(wanted)  # type: ignore[arg-type]


def _may_have_gpu() -> bool:
    return sys.platform in ("darwin", "win32") or any(Path(device).exists() for device in _GPU_DEVICES)
