"""The language model in two passes: a prefix once, then many continuations of it, greedily, as one batch.

Runs transformers' own Llama layers one after the other, so that only attention differs from the stock model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from eval.models.tarsier.attention import sharing_prefix
from eval.models.tarsier.rows import KeyValue, Prefix, Rows

Settled = Callable[[Sequence[int]], bool]
"""Whether a row that has generated these ids needs no further token."""


class _Kept:
    """Takes keys and values from the layers in place of a cache, which would copy them."""

    def __init__(self) -> None:
        self.layers: list[KeyValue] = []

    def update(self, key: torch.Tensor, value: torch.Tensor, layer_idx: int, *_: Any, **__: Any) -> KeyValue:  # noqa: ARG002
        self.layers.append((key, value))
        return key, value


def encode_prefix(language: Any, embeddings: torch.Tensor) -> Prefix:
    """Run positions that several continuations share, (1, p, width), through the language model.

    Args:
        language: a transformers LlamaModel.
        embeddings: input embeddings, those of the frames in place.
    """
    n = embeddings.shape[1]
    positions = torch.arange(n, device=embeddings.device)[None]
    around = language.rotary_emb(embeddings, position_ids=positions)
    mask = _look_back(embeddings) if language.config._attn_implementation == "eager" else None
    kept = _Kept()
    hidden = embeddings
    layers = list(language.layers)
    last = layers.pop() if _ends_early(layers[-1]) else None
    for layer in layers:
        hidden = layer(
            hidden, attention_mask=mask, position_ids=positions, past_key_values=kept, position_embeddings=around
        )
    if last is not None:
        kept.layers.append(_keys_and_values(last, hidden, around))
    return Prefix(layers=tuple((key.contiguous(), value.contiguous()) for key, value in kept.layers), length=n)


def _look_back(embeddings: torch.Tensor) -> torch.Tensor:
    """Return the additive causal mask (1, 1, n, n) that eager attention must be given; others know by themselves."""
    n = embeddings.shape[1]
    lowest = torch.finfo(embeddings.dtype).min
    return torch.full((1, 1, n, n), lowest, dtype=embeddings.dtype, device=embeddings.device).triu(1)


def _ends_early(layer: Any) -> bool:
    """Whether of the last layer keys and values can be had alone: it is Llama's, and no device map moves its inputs."""
    return type(layer).__name__ == "LlamaDecoderLayer" and not hasattr(layer, "_hf_hook")


def _keys_and_values(layer: Any, hidden: torch.Tensor, around: KeyValue) -> KeyValue:
    """Return what LlamaAttention would cache, (1, k, p, d) each.

    Nothing reads the last layer's output at a prefix position, so its attention and MLP can be left out: one layer's
    share of the prefill.
    """
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    attention = layer.self_attn
    normed = layer.input_layernorm(hidden)
    shape = (*normed.shape[:-1], -1, attention.head_dim)
    key = attention.k_proj(normed).view(shape).transpose(1, 2)
    value = attention.v_proj(normed).view(shape).transpose(1, 2)
    _, key = apply_rotary_pos_emb(key, key, *around)
    return key, value


def continue_rows(
    model: Any,
    prefix: Prefix,
    embeddings: Sequence[torch.Tensor],
    *,
    max_new_tokens: int,
    ends: frozenset[int],
    settled: Settled | None = None,
) -> list[list[int]]:
    """Return what each row generates greedily, the end token included.

    Args:
        model: a TarsierForConditionalGeneration.
        prefix: what all rows begin with.
        embeddings: the rest of each row, (n, width), at least one position.
        max_new_tokens: bound on each row.
        ends: ids that end a row.
        settled: may end a row earlier.
    """
    language = model.model.language_model
    rows = Rows(prefix, [len(row) for row in embeddings])
    generated: list[list[int]] = [[] for _ in embeddings]
    alive = list(range(len(embeddings)))
    with sharing_prefix(language.config):
        padded = torch.nn.utils.rnn.pad_sequence(list(embeddings), batch_first=True)
        positions = prefix.length + torch.arange(padded.shape[1], device=padded.device)[None]
        hidden = _step(language, padded, positions.expand(len(embeddings), -1), rows)
        last = (rows.lengths - 1).to(hidden.device)
        hidden = hidden[torch.arange(len(embeddings), device=hidden.device), last]
        for count in range(1, max_new_tokens + 1):
            tokens = model.lm_head(language.norm(hidden)).float().argmax(-1).tolist()
            for row, token in zip(alive, tokens, strict=True):
                generated[row].append(token)
            going = [
                i
                for i, (row, token) in enumerate(zip(alive, tokens, strict=True))
                if token not in ends and not (settled is not None and settled(generated[row]))
            ]
            if not going or count == max_new_tokens:
                break
            if len(going) < len(alive):
                rows.keep(going)
                alive = [alive[i] for i in going]
            ids = torch.tensor([[tokens[i]] for i in going], device=padded.device)
            positions = (prefix.length + rows.lengths + count - 1)[:, None].to(padded.device)
            hidden = _step(language, language.embed_tokens(ids), positions, rows)[:, 0]
    return generated


def _step(language: Any, embeddings: torch.Tensor, positions: torch.Tensor, rows: Rows) -> torch.Tensor:
    """Run new positions (b, n, width) of all rows through the layers; return their states before the last norm."""
    around = language.rotary_emb(embeddings, position_ids=positions)
    hidden = embeddings
    for layer in language.layers:
        hidden = layer(hidden, attention_mask=None, position_ids=positions, position_embeddings=around, rows=rows)
    rows.advance(embeddings.shape[1])
    return hidden
