"""Checks for weights and logits that are not finite. A network computes on with them, and always outputs some token.

NaN among the weights means a damaged checkpoint. Logits also become NaN where activations leave the range of float16,
the type that `auto` chooses on GPUs: infinity minus infinity is NaN, and so is everything after it.
"""

from __future__ import annotations

from pathlib import Path

import torch

from eval.errors import ModelError

_WIDER = "model.dtype=bfloat16 or model.dtype=float32"


def refuse_unsound(model: torch.nn.Module, folder: Path) -> None:
    """Refuse loaded weights with NaN or infinite values.

    Weights that a device map left on disk are skipped. Raises ModelError.
    """
    weights = [(name, one) for name, one in model.named_parameters() if one.device.type != "meta" and one.numel()]
    if not weights:
        return
    with torch.inference_mode():
        # Minimum and maximum are NaN where any value is; unlike isfinite(), they need no copy of the weights.
        ends = [torch.stack([one.amin(), one.amax()]).float() for _, one in weights]
        found: list[bool] = torch.stack([end.cpu() for end in ends]).isfinite().all(1).tolist()
    wrong = [name for (name, _), sound in zip(weights, found, strict=True) if not sound]
    if wrong:
        dtype = dict(weights)[wrong[0]].dtype
        remedy = f", or give {_WIDER} if float16 is too narrow for it" if dtype == torch.float16 else ""
        raise ModelError(
            f"Weights of {folder} hold NaN or infinity as {_named(dtype)}: {len(wrong)} tensors (such as {wrong[0]}); "
            f"fetch the checkpoint again{remedy}."
        )


def most_likely(logits: torch.Tensor) -> list[int]:
    """Return the most likely token of each row of logits, (b, vocabulary).

    Raises ModelError where the largest of a row is NaN or infinite: argmax treats NaN as the largest value, and an
    infinite logit is no probability. Minus infinity below a finite logit only rules out its token.
    """
    rows = logits.float()
    best = rows.argmax(-1)
    sound = rows.gather(-1, best[:, None])[:, 0].isfinite()
    tokens: list[int] = best.where(sound, -1).tolist()  # both in one transfer, which synchronizes the GPU
    if -1 in tokens:
        dtype = logits.dtype
        remedy = f"its range ends at 65504; give {_WIDER}" if dtype == torch.float16 else "fetch the checkpoint again"
        raise ModelError(f"the logits are NaN or infinite in {_named(dtype)}, so no token is the most likely; {remedy}")
    return tokens


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
