"""From frames and conversations to a model's inputs, by the checkpoint's own processor and chat template."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from eval.core import ClipPrompts, PartKind, Turn
from eval.errors import ModelError
from eval.installed import install
from eval.models.conversation import conversation
from eval.models.hf.media import Medium, Once
from eval.readers.malformed import first_line

Media = Literal["auto", "images", "video"]

_IDS = (
    "image_token_id", "image_token_ids", "image_token_index", "video_token_id", "video_token_ids", "video_token_index",
)  # fmt: skip
"""Attributes of processors and configs with the ids that stand for media."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt in the chat template's form, with its media in order."""

    text: str
    media: Sequence[Medium]

    @property
    def kinds(self) -> frozenset[PartKind]:
        """Which kinds of media it has."""
        return frozenset(one.kind for one in self.media)

    @property
    def numbers(self) -> tuple[Any, ...]:
        """Kinds and numbers of frames of its media, in order."""
        return tuple((one.kind, len(one.frames)) for one in self.media)

    @property
    def shape(self) -> tuple[Any, ...]:
        """Kinds, numbers and sizes of frames of its media, in order."""
        return tuple((one.kind, len(one.frames), one.frames[0].size) for one in self.media)


class HfProcessor:
    """Processor and chat template of one checkpoint.

    Args:
        folder: the checkpoint's.
        config: its config.
        media: frames of a video as separate images, or as a video; `auto`: as a video where the processor takes any.
        system: a text that conversations without a system's turn begin with.

    Raises:
        ModelError: there is no processor, tokenizer or chat template, or the processor takes no such media.
    """

    def __init__(self, folder: Path, config: Any, *, media: Media = "auto", system: str | None = None) -> None:
        self._processor = _load(folder, config)
        if getattr(self._processor, "tokenizer", None) is None or not hasattr(self._processor, "image_processor"):
            raise ModelError(f"{folder} has no processor of images and text; take the checkpoint's own files.")
        if not self._processor.chat_template:
            raise ModelError(
                f"{folder} has no chat template, so prompts cannot be put into the form that the model was trained on; "
                "take the checkpoint's own files."
            )
        takes_videos = getattr(self._processor, "video_processor", None) is not None
        if media == "video" and not takes_videos:
            raise ModelError(
                f"model.media=video: the processor of {folder} takes no videos here; give model.media=images."
            )
        self.media: PartKind = "video" if takes_videos and media != "images" else "image"
        self._system = system
        self._made_by = []
        for kind in ("image_processor", "video_processor") if self.media == "video" else ("image_processor",):
            made_by = getattr(self._processor, kind)
            self._made_by.append(type(made_by).__name__)
            setattr(self._processor, kind, Once(made_by))
        self.tokenizer = self._processor.tokenizer
        self._marks = {
            token
            for name, token in vars(self._processor).items()
            if name.endswith("_token") and isinstance(token, str) and token
        }
        named = (getattr(one, name, None) for one in (self._processor, config) for name in _IDS)
        flat = (one for each in named for one in (each if isinstance(each, list) else [each]))
        self.media_ids = frozenset(one for one in flat if isinstance(one, int))
        """Ids of positions that stand for frames, and of the marks around them."""

    def describe(self) -> dict[str, Any]:
        """Return what decides how frames and prompts are shown to the model."""
        return {
            "media": "video" if self.media == "video" else "images",
            "processors": self._made_by,
            **({} if self._system is None else {"system": self._system}),
        }

    def prompts(self, clip: ClipPrompts) -> list[Prompt]:
        """Return the prompts of a clip in the template's form, with their media.

        Raises:
            ModelError: a prompt's places do not fit the media, its text has a mark of the model's, or the template
                fails.
        """
        said = [turns or conversation(text) for text, turns in clip.conversations()]
        kinds = [tuple(kind for turn in each for kind, _ in turn.parts if kind != "text") for each in said]
        shown = {places: self._places(clip, places) for places in dict.fromkeys(kinds)}
        return [self._prompt(each, shown[places]) for each, places in zip(said, kinds, strict=True)]

    def inputs(self, prompts: Sequence[Prompt]) -> Any:
        """Return prompts as the model's inputs, a row each, padded on the left.

        Raises:
            ModelError: the processor fails.
        """
        media = [list(prompt.media) for prompt in prompts]
        images = [[one.image for one in row if one.kind == "image"] for row in media]
        videos = [[one for one in row if one.kind == "video"] for row in media]
        settings: dict[str, Any] = {}
        if any(images):
            settings["images"] = images
        if any(videos):
            settings["videos"] = [[one.pixels for one in row] for row in videos]
            settings |= {"do_sample_frames": False, "video_metadata": [one.metadata() for row in videos for one in row]}
        begins = self.tokenizer.bos_token
        if begins and all(prompt.text.startswith(begins) for prompt in prompts):
            settings["add_special_tokens"] = False
        try:
            return self._processor(
                text=[prompt.text for prompt in prompts],
                padding=True,
                padding_side="left",
                return_tensors="pt",
                **settings,
            )
        except ModelError:
            raise
        except Exception as error:  # foreign sizes and settings can raise any exception
            raise ModelError(f"the checkpoint's processor fails: {first_line(error, kind=True)}") from error

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of generated ids, special tokens skipped."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def _prompt(self, turns: Sequence[Turn], places: Sequence[Sequence[Medium]]) -> Prompt:
        for turn in turns:
            for kind, text in turn.parts:
                if kind == "text" and (found := next((mark for mark in self._marks if mark in text), None)):
                    raise ModelError(f"the prompt's text has {found!r}, which stands for media in this model's prompts")
        if self._system is not None and turns[0].role != "system":
            turns = (Turn(role="system", parts=(("text", self._system),)), *turns)
        shown = iter(places)
        messages, media = [], []
        for turn in turns:
            content: list[dict[str, str]] = []
            for kind, text in turn.parts:
                if kind == "text":
                    content.append({"type": "text", "text": text})
                    continue
                for one in next(shown):
                    content.append({"type": one.kind})
                    media.append(one)
            messages.append({"role": turn.role, "content": content})
        return Prompt(text=self._text(messages), media=media)

    def _places(self, clip: ClipPrompts, kinds: Sequence[PartKind]) -> list[list[Medium]]:
        """Return what is shown at each place of a conversation, given their kinds. Raises ModelError."""
        counts = list(clip.counts) or ([len(clip.frames)] if clip.frames else [])
        if len(counts) == 1 and list(kinds) == ["image"] * counts[0]:
            counts = [1] * len(kinds)  # a place for each frame
        if len(kinds) != len(counts):
            raise ModelError(f"the prompt has places for {len(kinds)} media, and there are {len(counts)}")
        places, done = [], 0
        for kind, count in zip(kinds, counts, strict=True):
            frames = clip.frames[done : done + count]
            done += count
            if kind == "video" and self.media == "video" and count > 1:  # some processors take no video of one frame
                places.append([Medium(kind="video", frames=frames)])
            else:
                places.append([Medium(kind="image", frames=[frame]) for frame in frames])
        return places

    def _text(self, messages: list[dict[str, Any]]) -> str:
        """Return a conversation as text; a last turn of the assistant is continued.

        Raises:
            ModelError: the template fails.
        """
        if messages[-1]["role"] != "assistant":
            return self._rendered(messages, add_generation_prompt=True)
        begun = "".join(part.get("text", "") for part in messages[-1]["content"])
        if begun.strip():
            with suppress(ModelError):
                text = self._rendered(messages, continue_final_message=True)
                if text.endswith(begun.lstrip()):
                    return text
        return self._rendered(messages[:-1], add_generation_prompt=True) + begun

    def _rendered(self, messages: list[dict[str, Any]], **how: bool) -> str:
        """Return messages as the template has them: their content as parts, or as plain text if it takes only that."""
        failed = ""
        for form in (messages, [_plain(message) for message in messages]):
            try:
                text: str = self._processor.apply_chat_template(deepcopy(form), tokenize=False, **how)
            except Exception as error:  # noqa: BLE001 - a template is a program, and may raise anything
                failed = first_line(error, kind=True)
                continue
            if not any(isinstance(one["content"], list) and str(one["content"]) in text for one in form):
                return text
            failed = "it takes no messages of several parts"
        raise ModelError(f"the checkpoint's chat template fails: {failed}")


def _load(folder: Path, config: Any) -> Any:
    """Return transformers' processor of a checkpoint, without its part for videos where that cannot be made here."""
    from transformers import AutoProcessor
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

    how = {"trust_remote_code": False, "local_files_only": True}
    try:
        try:
            return AutoProcessor.from_pretrained(folder, **how)
        except ImportError:
            if find_spec("torchvision") is not None or type(config) not in PROCESSOR_MAPPING:
                raise
            whole = PROCESSOR_MAPPING[type(config)]
            taken = [name for name in whole.get_attributes() if name != "video_processor"]
            if taken == whole.get_attributes():
                raise
            _log.warning(
                "torchvision, which makes transformers' videos, is not installed: frames are shown as separate "
                f"images. To show them as a video: {install('hf')}"
            )
            without: Any = type(whole.__name__, (whole,), {"get_attributes": classmethod(lambda _: taken)})
            return without.from_pretrained(folder, **how)
    except Exception as error:  # foreign files can raise any exception
        raise ModelError(
            f"transformers cannot make the processor of {folder}: {first_line(error, kind=True)}; take the "
            "checkpoint's own files."
        ) from error


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    content = message["content"]
    if any(part["type"] != "text" for part in content):
        return message
    return {**message, "content": "".join(part["text"] for part in content)}
