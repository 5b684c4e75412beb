"""The language model in two passes: prefixes once, then many continuations of them, greedily, as one batch.

Runs transformers' own layers one after the other, so that only attention differs from the stock model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from eval.models.decoding.attention import sharing_prefix
from eval.models.decoding.devices import device_of
from eval.models.decoding.finite import most_likely
from eval.models.decoding.questions import StopWhenIds
from eval.models.decoding.rows import KeyValue, Prefix, Rows
from eval.models.decoding.stages import Stages

_AS_LLAMA = ("LlamaDecoderLayer", "Qwen2VLDecoderLayer")
"""Layers that normalize, project and rotate keys and values in the way of Llama's."""


class _Kept:
    """Stores the layers' keys and values in place of a cache, in buffers with room for later positions.

    Each layer's own tensors are freed as soon as it is done, so that nothing is held twice.
    """

    def __init__(self, clips: int, length: int) -> None:
        self._clips = clips
        self._length = length
        self.layers: list[KeyValue] = []
        self.now = slice(0, clips)
        """The clips being encoded."""

    def update(self, key: torch.Tensor, value: torch.Tensor, layer_idx: int, *_: Any, **__: Any) -> KeyValue:
        if layer_idx == len(self.layers):
            self.layers.append((self._empty(key), self._empty(value)))
        for kept, states in zip(self.layers[layer_idx], (key, value), strict=True):
            kept[self.now, :, : states.shape[2]] = states
        return key, value

    def _empty(self, states: torch.Tensor) -> torch.Tensor:
        _, heads, _, width = states.shape
        # What lies behind a clip's prefix is never read before it is written.
        return states.new_empty(self._clips, heads, self._length, width)


def encode_prefix(
    language: Any,
    embeddings: Sequence[torch.Tensor],
    positions: Sequence[torch.Tensor],
    *,
    room: int = 0,
    at_once: int | None = None,
) -> Prefix:
    """Run positions shared by several continuations through the language model.

    Args:
        language: the layers of a transformers model: LlamaModel, Qwen2VLTextModel.
        embeddings: input embeddings of each clip, (p, width), frames included; the shortest first.
        positions: their positions, (p,) or (3, p).
        room: number of positions to leave room for after the longest prefix.
        at_once: clips in a pass; None: all.
    """
    lengths = [len(one) for one in embeddings]
    kept = _Kept(len(lengths), lengths[-1] + room)
    layers = list(language.layers)
    last = layers.pop() if _ends_early(layers[-1]) else None
    for start in range(0, len(lengths), at_once or len(lengths)):
        kept.now = slice(start, min(start + (at_once or len(lengths)), len(lengths)))
        # Padding is on the right, where causal attention never looks.
        hidden = torch.nn.utils.rnn.pad_sequence(list(embeddings[kept.now]), batch_first=True)
        around = language.rotary_emb(hidden, position_ids=_padded(positions[kept.now], hidden.device))
        mask = _look_back(hidden) if language.config._attn_implementation == "eager" else None
        for layer in layers:
            hidden = layer(hidden, attention_mask=mask, past_key_values=kept, position_embeddings=around)
        if last is not None:
            kept.update(*_keys_and_values(last, hidden, around), layer_idx=len(layers))
    return Prefix(layers=kept.layers, lengths=lengths)


def _padded(positions: Sequence[torch.Tensor], device: torch.device) -> torch.Tensor:
    """Return positions (n,) of rows as (b, n), or (3, n) as (3, b, n), padded on the right; b is 1 if all are equal."""
    if all(one is positions[0] or torch.equal(one, positions[0]) for one in positions[1:]):
        positions = positions[:1]
    padded = torch.nn.utils.rnn.pad_sequence([one.movedim(-1, 0) for one in positions], batch_first=True)
    return (padded if padded.ndim == 2 else padded.movedim(-1, 0)).to(device)


def _look_back(embeddings: torch.Tensor) -> torch.Tensor:
    """Return the additive causal mask (1, 1, n, n) for eager attention; other implementations need none."""
    n = embeddings.shape[1]
    lowest = torch.finfo(embeddings.dtype).min
    return torch.full((1, 1, n, n), lowest, dtype=embeddings.dtype, device=embeddings.device).triu(1)


def _ends_early(layer: Any) -> bool:
    """Whether the last layer's keys and values can be computed alone: as in Llama; no device map moves its inputs."""
    return type(layer).__name__ in _AS_LLAMA and not hasattr(layer, "_hf_hook")


def _keys_and_values(layer: Any, hidden: torch.Tensor, around: KeyValue) -> KeyValue:
    """Return the keys and values that the layer's attention would cache, (c, k, p, d) each.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The start of a row after its prefix."""

    clip: int
    """Its clip, as an index of the prefix's clips."""
    embeddings: torch.Tensor
    """Embeddings of the rest of its prompt, (n, width), at least one position."""
    positions: torch.Tensor
    """Their positions, (n,) or (3, n)."""
    settled: StopWhenIds | None
    """The check that may end it before the end token."""
    ids: Sequence[int]
    """The whole prompt."""


def continue_rows(
    model: Any,
    prefix: Prefix,
    starts: Sequence[Start],
    *,
    max_new_tokens: int,
    ends: frozenset[int],
    stages: Stages,
    penalty: float = 1.0,
) -> list[list[int]]:
    """Return each row's greedy continuation, the end token included.

    Args:
        model: the model, with `lm_head` and a language model.
        prefix: the rows' prefixes; modified if it holds more than one clip.
        starts: the rows, clip by clip, at least one a clip.
        max_new_tokens: most tokens of each row.
        ends: ids that end a row.
        stages: records the passes as `prefill` and `generate`.
        penalty: the repetition penalty, 1 for none.

    Raises:
        ModelError: logits of a row are not finite.
    """
    language = model.model.language_model
    generated: list[list[int]] = [[] for _ in starts]
    with sharing_prefix(language.config):
        with stages.stage("prefill"):
            rows = Rows(prefix, [len(start.embeddings) for start in starts], [start.clip for start in starts])
            seen = _Seen(model, [start.ids for start in starts], penalty)
            tokens = _next(model, _first(language, starts, rows), seen)
        stages.count("prefill_positions", int(rows.lengths.sum()))
        alive = list(range(len(starts)))
        with stages.stage("generate"):
            for count in range(1, max_new_tokens + 1):
                going = []
                for i, (row, token) in enumerate(zip(alive, tokens, strict=True)):
                    generated[row].append(token)
                    settled = starts[row].settled
                    if token not in ends and not (settled is not None and settled(generated[row])):
                        going.append(i)
                if not going or count == max_new_tokens:
                    break
                if len(going) < len(alive):
                    rows.keep(going)
                    seen.keep(going)
                    alive = [alive[i] for i in going]
                device = device_of(language.embed_tokens)
                ids = torch.tensor([[tokens[i]] for i in going], device=device)
                # What is generated is text, whose position counts up in every dimension.
                positions = _padded([starts[row].positions[..., -1:] + count for row in alive], device)
                seen.add(ids)
                tokens = _next(model, _step(language, language.embed_tokens(ids), positions, rows)[:, 0], seen)
    return generated


def _first(language: Any, starts: Sequence[Start], rows: Rows) -> torch.Tensor:
    """Run the suffixes through the layers; return the states of their last positions, (b, width)."""
    padded = torch.nn.utils.rnn.pad_sequence([start.embeddings for start in starts], batch_first=True)
    hidden = _step(language, padded, _padded([start.positions for start in starts], padded.device), rows)
    last = (rows.lengths - 1).to(hidden.device)
    return hidden[torch.arange(len(starts), device=hidden.device), last]


def _next(model: Any, hidden: torch.Tensor, seen: _Seen) -> list[int]:
    """Return the most likely token after each row, from its state (b, width) before the last norm."""
    return most_likely(seen.lower(model.lm_head(model.model.language_model.norm(hidden))))


class _Seen:
    """The tokens in each row's prompt and output, whose logits a repetition penalty lowers as transformers does."""

    def __init__(self, model: Any, prompts: Sequence[Sequence[int]], penalty: float) -> None:
        self._penalty = penalty
        if penalty != 1:
            device = device_of(model.lm_head)
            self._seen = torch.zeros(len(prompts), model.lm_head.out_features, dtype=torch.bool, device=device)
            for row, ids in zip(self._seen, prompts, strict=True):
                row[torch.tensor(sorted(set(ids)), device=device)] = True

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all other rows."""
        if self._penalty != 1:
            self._seen = self._seen[torch.tensor(rows, device=self._seen.device)]

    def add(self, ids: torch.Tensor) -> None:
        """Count a new token of each row, (b, 1)."""
        if self._penalty != 1:
            self._seen.scatter_(1, ids.to(self._seen.device), value=True)

    def lower(self, logits: torch.Tensor) -> torch.Tensor:
        """Return logits (b, vocabulary) with those of seen tokens lowered, in fp32."""
        if self._penalty == 1:
            return logits
        logits = logits.float()
        lowered = torch.where(logits < 0, logits * self._penalty, logits / self._penalty)
        return torch.where(self._seen, lowered, logits)


def _step(language: Any, embeddings: torch.Tensor, positions: torch.Tensor, rows: Rows) -> torch.Tensor:
    """Run new positions (b, n, width) of all rows through the layers; return their states before the last norm.

    `positions` is (b, n), or (3, b, n) where the layers rotate by three.
    """
    around = language.rotary_emb(embeddings, position_ids=positions)
    hidden = embeddings
    for layer in language.layers:
        hidden = layer(hidden, attention_mask=None, position_embeddings=around, rows=rows)
    rows.advance(embeddings.shape[1])
    return hidden
