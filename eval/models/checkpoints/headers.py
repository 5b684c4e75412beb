"""Shapes and types of the tensors in safetensors files, read from their headers without reading weights."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from eval.errors import ModelError
from eval.files import open_regular, read_regular
from eval.readers.malformed import printable
from eval.readers.parsing import NotJSONError, Twice, parsed

MAX_CONFIG = 10 * 2**20
"""Largest JSON file of settings beside the weights, in bytes; the tokenizer's has its own limit."""

MAX_POINTER, _POINTER = 1024, b"version https://git-lfs.github.com/spec/"
"""Largest git-lfs pointer, in bytes, and its first bytes. Source: github.com/git-lfs/git-lfs, docs/spec.md."""

CONFIG = "config.json"

MAX_SIZE, MAX_THETA, MAX_LABELS, MAX_LAYERS = 10**8, 10**12, 10_000, 1_000
"""Largest number in a config and largest rope_theta, most labels, which transformers lists one by one, and most layers,
each of which costs time even without its weights."""

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
"""The files that transformers loads: the single one, otherwise those listed in the index."""

SMALL = (
    INDEX, "generation_config.json", "preprocessor_config.json", "processor_config.json", "tokenizer_config.json",
    "tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json",
    "adapter_config.json", "chat_template.json", "chat_template.jinja", "video_preprocessor_config.json",
)  # fmt: skip
"""Files besides config.json and the weights, if the repository has them. Never code or pickles."""

_BUFFERS = ("rotary_emb.inv_freq", "embeddings.position_ids")
"""Suffixes of tensors that older versions of transformers saved beside the weights; every version recomputes them."""
_WEIGHTS = ("F16", "BF16", "F32", "F64")
"""Types of unquantised weights; anything else is quantised or no weight, and would be taken for plain numbers."""


def read_small(path: Path, most: int) -> bytes:
    """Return the content of a file beside the weights. Raises ModelError where there is none of at most that size."""
    try:
        with open_regular(path) as file:
            content = file.read(most + 1)
        if len(content) > most:
            raise ModelError(f"{path} is not a file, or has more than {most} bytes; take the checkpoint's own.")
        refuse_pointer(path)
    except OSError as error:
        raise ModelError(f"{path} is not a file that can be read: {error.strerror}.") from error
    return content


def read_json(path: Path, most: int = MAX_CONFIG) -> object:
    """Return the value in a JSON file beside the weights. Raises ModelError as `read_small`, or if it is no JSON."""
    try:
        return parsed(read_small(path, most))
    except NotJSONError as error:
        raise ModelError(f"{path} is not valid JSON: {error}") from None


def read_object(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file of settings. Raises ModelError where there is none, or it is too large."""
    found = read_json(path)
    if not isinstance(found, dict):
        raise ModelError(f"{path} is not a JSON object.")
    if isinstance(found, Twice):
        raise ModelError(f"{path} gives {found.key[:60]!r} twice; take the checkpoint's own.")
    return found


def refuse_irregular(folder: Path) -> None:
    """Refuse a folder in which a checkpoint's file is something else, such as a pipe, which would be passed over.

    A tokenizer.model beside a tokenizer.json is not needed. Raises ModelError.
    """
    has_json = (folder / "tokenizer.json").is_file()
    for path in (folder / name for name in (CONFIG, SINGLE, *SMALL) if not (has_json and name == "tokenizer.model")):
        if path.is_symlink() and not path.exists():
            raise _no_target(path)
        if path.exists() and not path.is_file():
            said = "a folder" if path.is_dir() else "a pipe, socket or device"
            raise ModelError(f"{path} is not a file, but {said}; take the checkpoint's own.")


def _no_target(path: Path) -> ModelError:
    return ModelError(f"{path} is a link to {path.readlink()}, which is not there; fetch it again.")


def refuse_absent(settings: dict[str, Any], wanted: Iterable[str], path: Path) -> None:
    """Refuse image settings without a field, in whose place a default would be taken unseen. Raises ModelError."""
    if absent := [name for name in wanted if name not in settings]:
        raise ModelError(f"{path} lacks {', '.join(absent)}, so pixel values are not known; take the checkpoint's own.")


def refuse_pointer(path: Path) -> None:
    """Refuse a git-lfs pointer, which stands in for a file that git-lfs did not fetch. Raises ModelError."""
    if path.stat().st_size > MAX_POINTER:
        return
    text = read_regular(path)
    if text.startswith(_POINTER):
        size = next((line[5:] for line in text.splitlines() if line.startswith(b"size ")), b"?")
        raise ModelError(
            f"{path} is a git-lfs pointer, not the file of {printable(size[:20].decode('latin-1'))} bytes that it "
            f"stands for; run `git lfs pull` in {path.parent}."
        )


def read_index(path: Path) -> dict[str, str]:
    """Return the file of each tensor, from an index. Raises ModelError where it names files elsewhere."""
    weights = read_object(path).get("weight_map")
    if not isinstance(weights, dict) or not weights:
        raise ModelError(f"{path} has no weight_map; take the checkpoint's own.")
    for name in map(str, weights.values()):
        # A name only: a path could lead out of the folder, and be read as weights.
        if set("/\\\0") & set(name) or name.startswith(".") or not name.endswith(".safetensors"):
            raise ModelError(f"{path} names {name[:80]!r}; expected a *.safetensors file of its own folder.")
    return {tensor: str(name) for tensor, name in weights.items()}


def all_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of a checkpoint, in one file or in those of its index.

    Raises:
        ModelError: a file is missing or damaged, or holds other tensors than those in the index.
    """
    single, index = folder / SINGLE, folder / INDEX
    if single.exists() or not index.exists():
        if single.exists() and not single.is_file():  # opening a pipe would wait
            raise ModelError(f"{single} is not a file; fetch the checkpoint again.")
        return read_shapes(single)
    weights = read_index(index)
    shapes: dict[str, tuple[int, ...]] = {}
    for name in sorted(set(weights.values())):
        path = folder / name
        if not path.is_file() and not (path.is_symlink() and not path.exists()):
            said = "lacks" if not path.exists() else "has no file"
            raise ModelError(f"{folder} {said} {name[:80]!r}, which {INDEX} names; fetch it too.")
        for tensor, shape in read_shapes(path).items():
            if tensor in shapes:
                raise ModelError(f"{path}: {tensor[:80]!r} is in another file too; fetch the files again.")
            if weights.get(tensor, name) != name:
                raise ModelError(f"{index}: {tensor[:80]!r} is not in {weights[tensor][:80]!r}; fetch the files again.")
            shapes[tensor] = shape
    if absent := {name for name in weights.keys() - shapes.keys() if not is_buffer(name)}:
        first = min(absent)
        raise ModelError(f"{index}: {first[:80]!r} is not in {weights[first][:80]!r}; fetch the files again.")
    return shapes


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor of a file, except buffers.

    Raises ModelError where safetensors itself refuses the file, or a tensor's type is not a weight's.
    """
    if path.is_symlink() and not path.exists():
        raise _no_target(path)
    found: dict[str, tuple[int, ...]] = {}
    try:
        refuse_pointer(path)
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                if is_buffer(name):
                    continue
                about = file.get_slice(name)
                if about.get_dtype() not in _WEIGHTS:
                    raise ModelError(
                        f"{path}: {printable(name[:80])!r} is of the type {about.get_dtype()}, and weights are "
                        f"{', '.join(_WEIGHTS)}; take the checkpoint in fp16, bf16 or fp32, not quantised."
                    )
                found[name] = tuple(about.get_shape())
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error
    except SafetensorError as error:
        raise _damaged(path, str(error).removeprefix("Error while deserializing header: ")) from None
    return found


def is_buffer(name: str) -> bool:
    """Whether a tensor is a buffer, which is no weight and not needed."""
    return name.endswith(_BUFFERS)


def _damaged(path: Path, said: str) -> ModelError:
    # In a hub's cache the file is a link, whose target would be taken for complete.
    remedy = f"delete {path.resolve()} and fetch it again" if path.is_symlink() else "fetch it again"
    return ModelError(f"{path} is damaged, or no safetensors file: {printable(said)}; {remedy}.")


def refuse_absurd(raw: dict[str, Any], path: Path) -> None:
    """Refuse numbers for which a config class, or a model without weights, would need excessive memory or time."""
    stack: list[tuple[str, Any]] = [("", raw)]
    while stack:
        key, one = stack.pop()
        if isinstance(one, dict):
            stack += [(f"{key}.{name}".lstrip("."), inner) for name, inner in one.items()]
        elif isinstance(one, list):
            stack += [(key, inner) for inner in one]
        elif isinstance(one, int | float):
            ends = {"num_labels": MAX_LABELS, "layers": MAX_LAYERS, "theta": MAX_THETA}
            most = next((bound for end, bound in ends.items() if key.endswith(end)), MAX_SIZE)
            if not abs(one) <= most:
                raise ModelError(
                    f"{path}: {printable(key)} is {one}, more than any model of the family has; take the checkpoint's "
                    "own file."
                )
