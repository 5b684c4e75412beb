"""The settings under `video`: how clips are read."""

from __future__ import annotations

import typing
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.config.overrides import place_of
from eval.core import DecoderName, PictureRules
from eval.errors import ConfigError, did_you_mean


@dataclass
class VideoConfig:
    """The schema of `video` in conf/config.yaml."""

    decoder: str = "pyav"
    deep_images: str = "refuse"
    exif_orientation: bool = False
    workers: int | None = None
    timeout_s: float = 120.0
    memory_gb: float = 4.0
    ahead_mb: int = 512
    store: str | None = None
    thumbnails: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """Settings for loading clips, which affect speed and limits, never frames."""

    workers: int | None
    """Number of processes that read clips; None: one a usable CPU, 16 at most."""
    timeout_s: float
    """Time limit for one clip, in seconds."""
    memory_gb: float
    """Memory limit of one process, in GB."""
    ahead_mb: int
    """MB of memory for frames that wait for the model."""
    store: Path | None
    """Folder in which frames are cached for later runs; None: no cache."""
    thumbnails: bool
    """Whether the run folder keeps a small picture of the frames of each clip."""


def loading_of(video: Any) -> Loading:
    """Return the settings for loading from a composed configuration."""
    return Loading(
        workers=video.workers,
        timeout_s=video.timeout_s,
        memory_gb=video.memory_gb,
        ahead_mb=video.ahead_mb,
        store=None if video.store is None else place_of(video.store),
        thumbnails=video.thumbnails,
    )


def decoder_of(video: Any) -> DecoderName:
    """Return the decoder. Raises ConfigError where it is unknown."""
    return typing.cast("DecoderName", _one_of("decoder", video.decoder, typing.get_args(DecoderName)))


def picture_rules_of(video: Any) -> PictureRules:
    """Return how image files are read. Raises ConfigError where a choice is unknown."""
    deep = _one_of("deep_images", video.deep_images, ("refuse", "scale"))
    return PictureRules(deep="scale" if deep == "scale" else "refuse", exif_orientation=video.exif_orientation)


def _one_of(name: str, value: str, known: Collection[str]) -> str:
    if value not in known:
        raise ConfigError(f"Unknown video.{name} {value!r}. {did_you_mean(value, known)}")
    return value
