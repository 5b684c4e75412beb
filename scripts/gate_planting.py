"""Ways to plant a fault in the harness from outside: what it passes on is changed where it is passed on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

Frames = list[Image.Image]
Plant = Callable[[ExitStack], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing done wrong."""

    area: str
    name: str
    plant: Plant
    """Enters the patches."""


def put(**targets: Any) -> Plant:
    """Replace things by their dotted names, `__` for dots."""

    def plant(stack: ExitStack) -> None:
        for name, new in targets.items():
            stack.enter_context(mock.patch(name.replace("__", "."), new))

    return plant


def wrap(target: str, around: Callable[[Callable[..., Any]], Callable[..., Any]], *also: str) -> Plant:
    """Replace a function, and the names under which others import it, by one around it."""

    def plant(stack: ExitStack) -> None:
        new = around(_found(target))
        for name in (target, *also):
            stack.enter_context(mock.patch(name, new))

    return plant


def _found(target: str) -> Any:
    import importlib

    parts = target.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise ImportError(target)


def on_frames(change: Callable[[Frames], Frames]) -> Plant:
    """Change the decoded frames."""
    return wrap("eval.video.loading.load_frames", lambda load: lambda *a, **k: change(load(*a, **k)))


def on_pixels(change: Callable[[Any], Any]) -> Plant:
    """Change each decoded frame's bytes, (height, width, 3)."""
    return on_frames(lambda frames: [Image.fromarray(np.ascontiguousarray(change(np.asarray(f)))) for f in frames])


def on_runner(change: Callable[[Any], Any], **settings: Any) -> Plant:
    """Change a runner once it is loaded, or what it is loaded with."""

    def around(init: Callable[..., None]) -> Callable[..., None]:
        def changed(self: Any, **given: Any) -> None:
            init(self, **{**given, **settings})
            change(self)

        return changed

    def plant(stack: ExitStack) -> None:
        from eval.models.tarsier.runner import TarsierRunner

        original = TarsierRunner.__init__
        new = around(original)
        new.__signature__ = __import__("inspect").signature(original)  # type: ignore[attr-defined]
        new.__annotations__ = original.__annotations__
        new.__wrapped__ = original  # type: ignore[attr-defined]
        stack.enter_context(mock.patch.object(TarsierRunner, "__init__", new))

    return plant


def on_rule(rule: Callable[[int], list[int]], *, gifs: bool = True) -> Plant:
    """Replace the rule by which frames are picked from so many."""

    def spread(total: int, fps: float, _n: int, start: float | None, end: float | None) -> list[int]:
        first = int(min(total - 1, fps * start)) if start and start > 0 else 0
        last = int(min(total - 1, max(first, fps * end))) if end and end > 0 else total - 1
        return [first + index for index in rule(last - first + 1)]

    patches: dict[str, Any] = {"eval__video__choosing__span_indices": spread}
    if gifs:
        patches["eval__video__choosing__distinct_indices"] = lambda total, _n: sorted(set(rule(total)))
    return put(**patches)


def evenly(total: int) -> list[int]:
    """Return the rule as it should be."""
    return [round(i * (total - 1) / 7) for i in range(8)]


def prepared(make: Callable[[Image.Image], Image.Image]) -> Plant:
    """Replace how a frame is brought to 56 pixels a side."""
    return put(eval__video__preparing___square=lambda frame, _size: make(frame))


def bicubic(frame: Image.Image, filtered: Image.Resampling = Image.Resampling.BICUBIC) -> Image.Image:
    """Return a frame in two steps, by any filter."""
    longer = max(frame.size)
    return frame.resize((longer, longer), filtered).resize((56, 56), filtered)


def padded(frame: Image.Image) -> Image.Image:
    """Return a frame on a gray square."""
    side = max(frame.size)
    square = Image.new("RGB", (side, side), (122, 116, 104))
    square.paste(frame, ((side - frame.width) // 2, (side - frame.height) // 2))
    return square.resize((56, 56), Image.Resampling.BICUBIC)


def cropped(frame: Image.Image) -> Image.Image:
    """Return the middle of a frame."""
    side = min(frame.size)
    left, top = (frame.width - side) // 2, (frame.height - side) // 2
    return frame.crop((left, top, left + side, top + side)).resize((56, 56), Image.Resampling.BICUBIC)


def images(**settings: Any) -> Plant:
    """Change settings of the image processor."""

    def change(runner: Any) -> None:
        for name, value in settings.items():
            setattr(runner._processor._images, name, value)

    return on_runner(change)


def twice(runner: Any) -> None:
    """Normalise what is normalised."""
    made = runner._processor.pixel_values

    def again(frames: Any) -> Any:
        values = made(frames)
        mean, std = (values.new_tensor(v)[None, :, None, None] for v in (
            runner._processor._images.image_mean, runner._processor._images.image_std))  # fmt: skip
        return (values - mean) / std

    runner._processor.pixel_values = again


def on_prompt(change: Callable[[str], str]) -> Plant:
    """Change the prompt where it is brought into the chat form."""
    return wrap(
        "eval.models.tarsier.processing.wrap_prompt",
        lambda wrapped: lambda prompt: change(wrapped(prompt)),
        "eval.models.tarsier.runner.wrap_prompt",
    )


def on_ids(change: Callable[[list[int]], list[int]]) -> Plant:
    """Change the ids of prompts."""
    return wrap(
        "eval.models.tarsier.processing.TarsierProcessor.token_ids",
        lambda made: lambda self, prompt: change(made(self, prompt)),
    )
