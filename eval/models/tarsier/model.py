"""Tarsier (7b, 34b) as transformers modules: LLaVA with two extra embeddings among the visual ones.

After every row of a frame's patch grid comes the embedding of the token `image_newline_idx`, after every
frame that of `image_new_idx`. Everything else is transformers' own LLaVA, so its attention kernels, caches
and device maps serve here too. Source: arXiv 2407.00634 and the config of omni-research/Tarsier-7b.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers import LlavaForConditionalGeneration, LlavaModel
from transformers.models.llava.modeling_llava import LlavaPreTrainedModel

from eval.models.decoding.devices import device_of
from eval.models.decoding.questions import Medium
from eval.models.tarsier.config import TarsierConfig


class TarsierModel(LlavaModel):
    """LlavaModel whose image features carry the row and frame separators."""

    config: TarsierConfig

    def get_image_features(self, pixel_values: torch.Tensor, **kwargs: Any) -> Any:
        """Return LLaVA's output with `pooler_output` as a list of (g*(g+1)+1, d) tensors, one a frame."""
        layer = kwargs.get("vision_feature_layer")
        with _without_layers_past(self.config.vision_feature_layer if layer is None else layer, self.vision_tower):
            output = super().get_image_features(pixel_values, **kwargs)
        patches = torch.stack(list(output.pooler_output))
        output.pooler_output = list(self.add_separators(patches))
        return output

    def add_separators(self, patches: torch.Tensor) -> torch.Tensor:
        """Insert row and frame separators: (n, g*g, d) to (n, g*(g+1)+1, d)."""
        n_frames, n_patches, width = patches.shape
        side = round(n_patches**0.5)
        if side * side != n_patches:
            raise ValueError(f"{n_patches} patches do not form a square grid")
        embed = self.get_input_embeddings()
        ids = torch.tensor([self.config.image_newline_idx, self.config.image_new_idx], device=device_of(embed))
        newline, frame_end = embed(ids).to(patches)
        rows = torch.cat(
            [patches.view(n_frames, side, side, width), newline.expand(n_frames, side, 1, width)], dim=2
        ).flatten(1, 2)
        return torch.cat([rows, frame_end.expand(n_frames, 1, width)], dim=1)


@contextmanager
def _without_layers_past(layer: int | list[int], tower: Any) -> Iterator[None]:
    """Skip the vision tower's layers after the one whose output is used: Tarsier uses the last but one.

    The layers stay in place, so that transformers' indices of hidden states, and its hooks, stay valid.
    """
    unread: list[Any] = []
    if isinstance(layer, int) and hasattr(tower, "encoder"):
        layers = list(tower.encoder.layers)
        # Hidden state 0 is the input of layer 0, and hidden state i the output of layer i - 1.
        unread = layers[layer if layer >= 0 else len(layers) + 1 + layer :]
    before = [module.__dict__.get("forward") for module in unread]
    for module in unread:
        module.forward = _pass_on
    try:
        yield
    finally:
        for module, forward in zip(unread, before, strict=True):
            del module.forward
            if forward is not None:  # a device map's, which wraps the class's own
                module.forward = forward


def _pass_on(hidden_states: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    return hidden_states


class TarsierForConditionalGeneration(LlavaForConditionalGeneration):
    """LlavaForConditionalGeneration over a TarsierModel."""

    config: TarsierConfig
    config_class = TarsierConfig

    def __init__(self, config: TarsierConfig) -> None:
        LlavaPreTrainedModel.__init__(self, config)
        self.model = TarsierModel(config)
        self.lm_head = nn.Linear(config.text_config.hidden_size, config.text_config.vocab_size, bias=False)
        self.post_init()

    @property
    def device(self) -> torch.device:
        """The device of the input ids, also where a device map has offloaded the first weights."""
        return device_of(self.get_input_embeddings())

    def medium(self, pixels: torch.Tensor) -> Medium:
        """Return frames (n, 3, side, side) as the generator takes them."""
        positions = self.config.positions_per_frame()
        # A frame has about as many positions after the projector as in the vision tower.
        return Medium(pixels=pixels, positions=positions, patches=positions)

    def encode_media(self, media: Sequence[Medium]) -> list[torch.Tensor]:
        """Return the features of each medium with pixels (n, 3, side, side): (n * positions of a frame, width)."""
        pixels = torch.cat([medium.pixels for medium in media]).to(self.device, self.dtype)
        features = torch.stack(list(self.model.get_image_features(pixels, return_dict=True).pooler_output))
        return [part.flatten(0, 1) for part in torch.split(features, [len(medium.pixels) for medium in media])]

    def alone_inputs(self, ids: Sequence[int], media: Sequence[Medium]) -> dict[str, torch.Tensor]:  # noqa: ARG002
        """Return what `generate` takes besides the ids of one prompt."""
        return {"pixel_values": torch.cat([medium.pixels for medium in media]).to(self.device, self.dtype)}

    def prompt_positions(self, ids: Sequence[int], media: Sequence[Medium]) -> torch.Tensor:  # noqa: ARG002
        """Return the position of each id, (n,): Llama counts all of them up."""
        return torch.arange(len(ids))
