"""Checks that weights belong to a config, by the names and shapes of their tensors, before any weight is read.

The model of the config is made without weights (on torch's meta device), which takes neither memory nor time. A model
that is partly random still produces fluent text and a plausible score, so a missing or left-over tensor is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from eval.errors import ModelError
from eval.models.checkpoints.headers import CONFIG
from eval.readers.malformed import first_line, printable

HEAD = "lm_head.weight"


def refuse_unfit(shapes: Mapping[str, tuple[int, ...]], config: Any, where: object) -> None:
    """Refuse weights that are not those of the config's model.

    Args:
        shapes: shapes from the headers, by published names (`headers.all_shapes`).
        config: the result of a family's `read_config`, which has checked its sizes.
        where: the folder or repository, for the message.

    Raises:
        ModelError: tensors are missing, left over or of another shape.
    """
    wanted = model_shapes(config)
    there: dict[str, tuple[int, ...]] = {}
    for name, shape in shapes.items():
        renamed = (
            re.sub(pattern, new, name) for pattern, new in config.family.weight_names.items() if re.match(pattern, name)
        )
        as_now = next(renamed, name)
        if as_now in there:
            raise ModelError(
                f"Weights of {where} have {printable(as_now[:120])} under two names; take the original files."
            )
        there[as_now] = shape
    if config.tie_word_embeddings:
        wanted.setdefault(HEAD, ())
        there.setdefault(HEAD, wanted[HEAD])  # the embeddings are used as the head
    refuse_differences(
        where,
        set(wanted) - set(there),
        set(there) - set(wanted),
        [name for name in wanted if there.get(name, wanted[name]) != wanted[name]],
    )


def refuse_differences(
    where: object, missing: Iterable[object], unexpected: Iterable[object], mismatched: Iterable[object]
) -> None:
    """Refuse weights with missing, left-over or misshapen tensors; each kind is counted and named."""
    said = {"missing": list(missing), "unexpected": list(unexpected), "of another shape": list(mismatched)}
    wrong = [f"{len(names)} {kind} (such as {_first(names)})" for kind, names in said.items() if names]
    if wrong:
        raise ModelError(f"Weights of {where} do not fit its config: {'; '.join(wrong)}.")


def _first(names: Iterable[object]) -> str:
    return printable(min(map(str, names))[:120])


def model_shapes(config: Any) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of the config's model, by the present module names."""
    import torch

    model_class = config.family.model_class()
    try:
        with torch.device("meta"):
            skeleton = model_class(config)
    except Exception as error:  # a foreign value can raise any exception
        raise ModelError(
            f"No model can be made of the sizes and settings in {CONFIG}: {first_line(error, kind=True)}; take the "
            "checkpoint's own."
        ) from error
    return {name: tuple(one.shape) for name, one in skeleton.state_dict().items()}
