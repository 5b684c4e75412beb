"""The two families of checkpoints as training sees them: what differs between them, and nothing else.

Stages, questions, heads and optimiser are the same. A clip's frames take their own places in a sequence in each family,
and its prompts their own words.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from benchmarks.mini.scenes import SAMPLED_FRAMES, Scene
from benchmarks.mini.training import checkpoint, tarsier2
from benchmarks.mini.training.supervision import Grid
from eval.models.conversation import conversation
from eval.models.tarsier2.positions import prompt_positions
from eval.models.tarsier2.prompts import rendered
from eval.video.preparing import area_size

if TYPE_CHECKING:
    from eval.core import Turn

Positions = list[tuple[int, ...]]
"""Of each token: one number, or those of time, height and width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """What stands before the questions about a clip."""

    ids: list[int]
    positions: Positions
    after: int
    """Position of the first token behind it."""
    frame_ends: list[int]
    """Place of each frame's last token; none where there are no frames."""


class Family(ABC):
    """A tokenizer and a model of one family, and how clips become their input."""

    tokenizer: Any
    model: Any
    merge: int
    """Patches along each side of a group that becomes one feature in stage one."""
    feature_width: int
    after_options: frozenset[str]
    """Tokens that can follow the last option."""

    @abstractmethod
    def size(self, scene: Scene) -> tuple[int, int]:
        """Return height and width of a scene's frames in pixels."""

    @abstractmethod
    def prefix(self, scene: Scene) -> Prefix:
        """Return what stands before the questions, with the frames' tokens."""

    @abstractmethod
    def suffix(self, prompt: str) -> str:
        """Return the part of a prompt behind the frames, as the processor makes it."""

    @abstractmethod
    def vision_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """Return the parameters of the vision tower that are trained in stage one."""

    @abstractmethod
    def features(self, pixels: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return what stage one reads, (features, width), of the frames of each clip, (n, 3, height, width), 0 to 1."""

    @abstractmethod
    def visual(self, pixels: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the embeddings of all frames' tokens in order, (positions, width)."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the checkpoint."""

    def joint_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """Return the parameters beside the language model that are trained in stage three."""
        return self.vision_parameters()

    def grid(self, scene: Scene) -> Grid:
        """Return rows and columns of patches of a scene's frames."""
        height, width = self.size(scene)
        return height // checkpoint.PATCH_SIZE, width // checkpoint.PATCH_SIZE

    @property
    def language(self) -> Any:
        """The language model without its head."""
        return self.model.model.language_model

    def vision_state(self) -> nn.Module:
        """Return the module that stage one trains."""
        tower: nn.Module = self.model.model.vision_tower
        return tower

    @cached_property
    def image_id(self) -> int:
        """Id of the tokens that stand for frames."""
        found: int = self.model.config.image_token_id
        return found


class OfTarsier(Family):
    """Square frames, rows of patches with a separator each, `USER: ... ASSISTANT: `."""

    POSITIONS_PER_FRAME = 21
    """4 rows of 4 patches and a newline, then the frame's end."""
    merge = 1
    feature_width = checkpoint.VISION_WIDTH
    after_options = frozenset({"\nASSISTANT: Answer: (", "\nReply with one option letter."})

    def __init__(self) -> None:
        self.tokenizer = checkpoint.build_tokenizer()
        self.model = checkpoint.build_model(self.tokenizer).train()
        self.opening: list[int] = self.tokenizer("USER: ")["input_ids"]
        """BOS and "USER: "."""

    @cached_property
    def image_id(self) -> int:
        """Id of `<image>`."""
        found: int = self.tokenizer.convert_tokens_to_ids("<image>")
        return found

    def size(self, scene: Scene) -> tuple[int, int]:  # noqa: ARG002 - all the same
        """Return the size that every frame has."""
        return checkpoint.IMAGE_SIZE, checkpoint.IMAGE_SIZE

    def prefix(self, scene: Scene) -> Prefix:  # noqa: ARG002 - all the same
        """Return BOS, the role, and the frames."""
        n_opening, each = len(self.opening), self.POSITIONS_PER_FRAME
        after = n_opening + SAMPLED_FRAMES * each
        return Prefix(
            ids=self.opening + [self.image_id] * (after - n_opening),
            positions=[(place,) for place in range(after)],
            after=after,
            frame_ends=[n_opening + each * (frame + 1) - 1 for frame in range(SAMPLED_FRAMES)],
        )

    def described(self, description: str) -> Prefix:
        """Return a description in the place of the frames, which ends at the position where they would."""
        after = len(self.opening) + SAMPLED_FRAMES * self.POSITIONS_PER_FRAME
        ids = self.opening + self.tokenizer(description, add_special_tokens=False)["input_ids"]
        positions: Positions = [(place,) for place in range(after - len(ids), after)]
        positions[0] = (0,)
        return Prefix(ids=ids, positions=positions, after=after, frame_ends=[])

    def suffix(self, prompt: str) -> str:
        """Return what follows `<video>`."""
        return prompt.split("<video>")[1]

    def vision_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """Return the parameters that are read: all but the last layer and the norm after it."""
        tower = self.model.model.vision_tower
        unread = f".layers.{len(tower.encoder.layers) - 1}."
        named = tower.named_parameters()
        return [(name, each) for name, each in named if unread not in name and "post_layernorm" not in name]

    def joint_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """Return those of the tower and of the projector."""
        projector = self.model.model.multi_modal_projector.named_parameters()
        return [*self.vision_parameters(), *((f"projector.{name}", each) for name, each in projector)]

    def features(self, pixels: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the features of all patches."""
        return self._patches(pixels).flatten(0, 1)

    def visual(self, pixels: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return projected patches with their separators."""
        projected = self.model.model.multi_modal_projector(self._patches(pixels))
        separated: torch.Tensor = self.model.model.add_separators(projected)
        return separated.reshape(-1, separated.shape[-1])

    def save(self, folder: Path) -> None:
        """Write the checkpoint in Tarsier's published form."""
        checkpoint.save(self.model, self.tokenizer, folder)

    def _patches(self, pixels: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the second-last hidden state without the class token, (n, 16, width), without computing the last."""
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (checkpoint.CLIP_MEAN, checkpoint.CLIP_STD))
        tower = self.model.model.vision_tower
        hidden = tower.pre_layrnorm(tower.embeddings((torch.cat(list(pixels)) - mean) / std))
        for layer in tower.encoder.layers[:-1]:
            output = layer(hidden, attention_mask=None)
            hidden = output[0] if isinstance(output, tuple) else output
        patches: torch.Tensor = hidden[:, 1:]
        return patches


class OfTarsier2(Family):
    """Frames in their own aspect, groups of patches, positions in time, height and width, ChatML."""

    merge = tarsier2.MERGE
    feature_width = checkpoint.TEXT_WIDTH
    after_options = frozenset({tarsier2.END, "\nReply with one option letter."})

    def __init__(self, language: Path | None = None) -> None:
        self.tokenizer = tarsier2.build_tokenizer()
        self.model = tarsier2.build_model(self.tokenizer).train()
        if language is not None:
            tarsier2.begin_with(self.model, self.tokenizer, language)
        self._prefixes: dict[Grid, Prefix] = {}

    def size(self, scene: Scene) -> tuple[int, int]:
        """Return the size that the image processor gives."""
        side = checkpoint.PATCH_SIZE * self.merge
        canvas = (scene.width, scene.height)
        width, height = area_size(canvas, side, tarsier2.MIN_PIXELS, tarsier2.MAX_PIXELS)
        return height, width

    def prefix(self, scene: Scene) -> Prefix:
        """Return the user's role and the video."""
        grid = self.grid(scene)
        if grid not in self._prefixes:
            rows, columns = (number // self.merge for number in grid)
            each = rows * columns
            text = self._text(conversation("<video>"), SAMPLED_FRAMES * each)
            ids = self._ids(text[: text.index("<|vision_end|>") + len("<|vision_end|>")])
            positions = prompt_positions(ids, [(SAMPLED_FRAMES, rows, columns)], self.image_id)
            first = ids.index(self.image_id)
            self._prefixes[grid] = Prefix(
                ids=ids,
                positions=[tuple(values) for values in positions.T.tolist()],
                after=int(positions.max()) + 1,
                frame_ends=[first + each * (frame + 1) - 1 for frame in range(SAMPLED_FRAMES)],
            )
        return self._prefixes[grid]

    def suffix(self, prompt: str) -> str:
        """Return what follows the video."""
        return self._text(conversation(prompt), 1).split("<|vision_end|>")[1]

    def vision_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """Return all of the tower's."""
        return list(self.model.model.visual.named_parameters())

    def vision_state(self) -> nn.Module:
        """Return the tower with its merger."""
        tower: nn.Module = self.model.model.visual
        return tower

    def features(self, pixels: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the features of all groups of patches."""
        media = [self.model.medium((frames * 255).round().to(torch.uint8)) for frames in pixels]
        return torch.cat(self.model.encode_media(media))

    def visual(self, pixels: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the same as `features`: the tower's output is the language model's input."""
        return self.features(pixels)

    def save(self, folder: Path) -> None:
        """Write the checkpoint in Tarsier2's published form."""
        tarsier2.save(self.model, self.tokenizer, folder)

    def _text(self, turns: Sequence[Turn], positions: int) -> str:
        return rendered(self.tokenizer, tarsier2.TEMPLATE, turns, [positions])

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids
