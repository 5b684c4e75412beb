"""Tarsier2 as transformers modules: Qwen2-VL with positions of its own, and pixels that are made here.

Source: upstream's branch `tarsier2`; arXiv 2501.07888, arXiv 2409.12191.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import Qwen2VLForConditionalGeneration, Qwen2VLModel
from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VLPreTrainedModel

from eval.models.decoding.devices import device_of
from eval.models.decoding.questions import Medium
from eval.models.tarsier2.config import Tarsier2Config
from eval.models.tarsier2.positions import prompt_positions


class Tarsier2Model(Qwen2VLModel):
    """Qwen2VLModel with upstream's positions, for `generate` too."""

    config: Tarsier2Config

    def get_rope_index(
        self, input_ids: torch.Tensor, *_: Any, image_grid_thw: torch.Tensor | None = None, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the positions of one prompt, (3, 1, n), and how far the next token's is ahead of its index, (1, 1)."""
        merge = self.config.vision_config.spatial_merge_size
        grids = [(t, h // merge, w // merge) for t, h, w in (() if image_grid_thw is None else image_grid_thw.tolist())]
        positions = prompt_positions(input_ids[0].tolist(), grids, self.config.image_token_id).to(input_ids.device)
        ahead = positions.max() + 1 - input_ids.shape[1]
        return positions[:, None], ahead.view(1, 1)


class Tarsier2ForConditionalGeneration(Qwen2VLForConditionalGeneration):
    """Qwen2VLForConditionalGeneration over a Tarsier2Model."""

    config: Tarsier2Config
    config_class = Tarsier2Config

    def __init__(self, config: Tarsier2Config) -> None:
        Qwen2VLPreTrainedModel.__init__(self, config)
        self.model = Tarsier2Model(config)
        self.lm_head = nn.Linear(config.text_config.hidden_size, config.text_config.vocab_size, bias=False)
        self.post_init()

    @property
    def device(self) -> torch.device:
        """The device of the input ids, also where a device map has offloaded the first weights."""
        return device_of(self.get_input_embeddings())

    @cached_property
    def values_of_bytes(self) -> torch.Tensor:
        """The value of each byte in each channel, (3, 256): scaled in float64, normalised in float32."""
        scaled = (np.arange(256) * self.config.rescale_factor).astype(np.float32)
        mean, std = (
            np.array(values, dtype=np.float32)[:, None] for values in (self.config.image_mean, self.config.image_std)
        )
        return torch.from_numpy((scaled - mean) / std)

    def medium(self, frames: torch.Tensor) -> Medium:
        """Return frames (n, 3, height, width), uint8, as the generator takes them."""
        vision = self.config.vision_config
        rows, columns = (side // vision.patch_size for side in frames.shape[2:])
        merge = vision.spatial_merge_size
        positions = rows * columns // merge**2
        return Medium(
            pixels=frames, positions=positions, patches=rows * columns, grid=(rows // merge, columns // merge)
        )

    def pixel_values(self, frames: torch.Tensor) -> torch.Tensor:
        """Return frames (n, 3, height, width), uint8, as patches (n * rows * columns, 3 * 2 * patch * patch), float32.

        Each frame is shown twice, so that one patch in time is one frame. Patches come in groups of 2 x 2.
        """
        vision = self.config.vision_config
        patch, merge, n = vision.patch_size, vision.spatial_merge_size, len(frames)
        rows, columns = (side // (patch * merge) for side in frames.shape[2:])
        table = self.values_of_bytes.to(frames.device)
        values = torch.stack([table[channel][frames[:, channel].int()] for channel in range(3)], dim=1)
        grouped = values.view(n, 3, 1, rows, merge, patch, columns, merge, patch).expand(
            -1, -1, vision.temporal_patch_size, -1, -1, -1, -1, -1, -1
        )
        return grouped.permute(0, 3, 6, 4, 7, 1, 2, 5, 8).reshape(n * rows * columns * merge**2, -1)

    def grids(self, media: Sequence[Medium]) -> torch.Tensor:
        """Return frames, rows and columns of patches of each medium, (media, 3)."""
        merge = self.config.vision_config.spatial_merge_size
        return torch.tensor([(len(one.pixels), one.grid[0] * merge, one.grid[1] * merge) for one in media])

    def encode_media(self, media: Sequence[Medium]) -> list[torch.Tensor]:
        """Return the features of each medium with pixels (n, 3, height, width): (n * positions of a frame, width)."""
        device = device_of(self.model.visual)
        patches = torch.cat([self.pixel_values(one.pixels.to(device)) for one in media]).to(self.dtype)
        features = self.model.visual(patches, grid_thw=self.grids(media).to(device), return_dict=True).pooler_output
        return list(features.split([len(one.pixels) * one.positions for one in media]))

    def prompt_positions(self, ids: Sequence[int], media: Sequence[Medium]) -> torch.Tensor:
        """Return the positions of each id in time, height and width, (3, n)."""
        grids = [(len(one.pixels), *one.grid) for one in media]
        return prompt_positions(ids, grids, self.config.image_token_id)

    def alone_inputs(self, ids: Sequence[int], media: Sequence[Medium]) -> dict[str, torch.Tensor]:
        """Return what `generate` takes besides the ids of one prompt."""
        if not media:
            return {}
        patches = torch.cat([self.pixel_values(one.pixels) for one in media])
        is_image = torch.tensor([[token == self.config.image_token_id for token in ids]], device=self.device)
        return {
            "pixel_values": patches.to(self.device, self.dtype),
            "image_grid_thw": self.grids(media).to(self.device),
            "mm_token_type_ids": is_image.int(),
        }
