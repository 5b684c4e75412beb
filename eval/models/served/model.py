"""A model behind an OpenAI-compatible server as the model under test.

Its server is asked before work starts what it takes: pictures and how many, a video, the beginning of an answer. What
was found, and how frames and begun answers are sent in consequence, is part of a run's identity. Replies go into a
store before they are used, so that what was paid for is never asked again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from eval.client.backed import ServerBacked
from eval.client.requests import Capabilities, Provider, Request
from eval.client.round import Ended
from eval.client.settings import Role
from eval.core import Area, ClipPrompts, FramePolicy, FrameRule, Generation, ModelDefaults, Turn
from eval.errors import ConfigError, ModelError, ServerError
from eval.models.conversation import conversation
from eval.models.served.account import Account
from eval.models.served.outputs import CUT_OFF, failed, generation_of
from eval.models.served.pictures import PictureForm, encoded, showing
from eval.models.served.probing import Sees, look_of, sees_in
from eval.models.served.prompts import Asked, Prefix, asked
from eval.models.served.requests import request_of
from eval.timing import Clock

MODEL = Role(
    name="model",
    chosen_by="model=served",
    asks_for="model.served_model",
    store="replies",
    result="run",
    done="answered",
    error=ServerError,
)

Media = Literal["auto", "images", "video"]
"""`images`: a picture a frame. `video`: all frames as one video. `auto`: a video where the server takes it."""

OWN_NAME = "served"
"""Stands for the name by which the server calls a model."""
_log = logging.getLogger(__name__)
_KEYS: Mapping[Provider, str] = {"openai": "OPENAI_API_KEY", "azure": "AZURE_OPENAI_API_KEY"}
_MOST_CLIPS = 64
"""Most clips of one call."""
_MOST_BYTES = 512_000_000
"""Most bytes of the frames of one call, which are in memory together."""
_USUAL_PIXELS = 1280 * 720
"""Pixels that a frame is reckoned at where nothing bounds them."""
_ROUNDS = 2
"""Number of times that the requests of one call fill the places for requests under way."""


class ServedModel(ServerBacked, ModelDefaults):
    """Asks a server about frames; see `ServerBacked` for its other settings.

    Args:
        provider: `openai`, `azure` or `local`.
        served_model: The model to ask for, with its date where it has one; for Azure the deployment. None takes the
            only model that a local server lists.
        name: Its name in results; `served` for the name by which the server calls it.
        key_env: Name of the environment variable with the key; None for the usual one of OpenAI and Azure, and for
            other servers none.
        n_frames: Frames of a clip; with `fps` the most.
        fps: Frames per second of a clip; None: always `n_frames`.
        max_pixels: Most pixels of a frame; None: its own.
        frame_rule: How frames are chosen; `tarsier2`, as `model=hf` does, takes rows of several media too.
        media: How frames are sent.
        picture: Form of the pictures.
        quality: JPEG's quality, 1 to 100.
        max_new_tokens: Bound on an output.
        replies: The reply store.

    Raises:
        ConfigError: A setting does not fit.
        ServerError: The server cannot be asked, takes no images, or fewer than are to be shown.
    """

    role = MODEL
    runs_here = False
    probe_tries = 3  # some servers answer what they do not take with HTTP 500

    def __init__(  # noqa: PLR0913 - each is a setting of conf/model/served.yaml
        self,
        *,
        provider: Provider = "local",
        served_model: str | None = None,
        name: str = OWN_NAME,
        key_env: str | None = None,
        n_frames: PositiveInt = 8,
        fps: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None,
        max_pixels: PositiveInt | None = None,
        frame_rule: FrameRule = "tarsier2",
        media: Media = "auto",
        picture: PictureForm = "jpeg",
        quality: Annotated[int, Field(ge=1, le=100)] = 90,
        max_new_tokens: PositiveInt = 512,
        replies: Path,
        **settings: Any,
    ) -> None:
        if media == "video" and picture != "jpeg":
            raise ConfigError(f"model.media=video sends frames as JPEG; leave model.picture={picture} out.")
        size = None if max_pixels is None else Area(max_pixels=max_pixels)
        self.frames = FramePolicy(n_frames=n_frames, fps=fps, size=size, rule=frame_rule)
        self._max_pixels, self._max_new_tokens = max_pixels, max_new_tokens
        self._picture: PictureForm = picture
        self._quality, self._label = quality, name
        look = partial(look_of, MODEL, n_frames, picture, video=self._tries_video(media))
        key_env = key_env or _KEYS.get(provider)
        super().__init__(look, served_model, replies, provider=provider, key_env=key_env, **settings)
        self._account = Account(self.by)
        self._sees = self._seen(media, n_frames)
        self.media = self._chosen(media, n_frames)
        """How frames are sent: `images` or `video`."""
        self.by.settle(self.by.last_name)
        if self._sees.counted is False:
            _log.warning("The model at %s counts no tokens for images; it may not read them.", self.by.server.url)

    def _tries_video(self, media: Media) -> bool:
        """Whether a video may be sent: its frames are always JPEG."""
        return media != "images" and self._picture == "jpeg"

    def _seen(self, media: Media, n_frames: int) -> Sees:
        """Return what the server takes; it is asked again where what is known does not let this run begin."""
        was_asked = self.by.check()
        found = sees_in(self.by.known.more)
        if found is None or not (was_asked or self._suffices(found, media, n_frames)):
            self.by.probe()
            found = sees_in(self.by.known.more)
        assert found is not None
        return found

    def _suffices(self, found: Sees, media: Media, n_frames: int) -> bool:
        reads_video = found.reads_video(n_frames) if self._tries_video(media) else False
        return reads_video or (reads_video is False and media != "video" and found.images >= n_frames)

    def _chosen(self, media: Media, n_frames: int) -> Literal["images", "video"]:
        """Return how frames are sent. Raises ServerError where the server does not take them so."""
        place, sees = f"The model at {self.by.server.url}", self._sees
        if self._tries_video(media) and sees.reads_video(n_frames):
            return "video"
        if media == "video":
            raise ServerError(
                f"{place} takes no video as its frames; give model.media=images. Some servers take one of fewer than "
                f"{n_frames} frames."
            )
        if sees.images < n_frames:
            raise ServerError(
                f"{place} takes {sees.images} images in a request, and {n_frames} are to be shown; give "
                f"model.n_frames={sees.images}, or let the server take more."
            )
        return "images"

    @property
    def name(self) -> str:
        """Its name in results."""
        return self.by.last_name if self._label == OWN_NAME else self._label

    @property
    def prefix(self) -> Prefix:
        """How a begun answer is asked for."""
        return "instructed" if self._sees.continues == "no" else "continued"

    def describe(self) -> Mapping[str, Any]:
        """Return everything the outputs depend on."""
        by, takes = self.by, self._takes()
        return {
            "name": self.name,
            "provider": by.server.settings.provider,
            "requested": by.server.settings.model,
            "served": by.name,
            "revision": by.revision,
            "takes": {"temperature": takes.temperature, "system": takes.system, "reply_bound": takes.reply_bound},
            "extra": by.extra,
            "media": self.media,
            **({"video_times": "the server's own"} if self.media == "video" else {}),
            "picture": self._picture if self._picture == "png" else f"jpeg, quality {self._quality}",
            "images_counted": self._sees.counted,
            "answer_prefix": self.prefix,
            "continues": self._sees.continues,
            "max_pixels": self._max_pixels,
            **({} if self.frames.rule == "tarsier" else {"frame_rule": self.frames.rule}),
            "max_new_tokens": self._max_new_tokens,
            **({} if by.known.reasoning_tokens is None else {"reasoning_tokens": by.known.reasoning_tokens}),
            "decoding": "greedy" if takes.temperature else "the server's own",
            **self.frames.describe(),
        }

    def clips_at_once(self, n_prompts: int) -> int:
        """Return the number of clips whose prompts keep as many requests under way as may be."""
        clip_bytes = 3 * self.frames.n_frames * (self._max_pixels or _USUAL_PIXELS)
        busy = -(-_ROUNDS * self.by.bounds.max_concurrency // max(1, n_prompts))
        return max(1, min(_MOST_CLIPS, _MOST_BYTES // clip_bytes, busy))

    def account(self) -> dict[str, Any]:
        """Return number, tokens and cost of the requests since the last account."""
        return self._account.settled()

    def generate(self, asked: Sequence[ClipPrompts], clock: Clock | None = None) -> list[list[Generation]]:
        """Return the reply to each prompt, or the reason why there is none."""
        made = [self._prompts(clip) for clip in asked]
        wanted = [one for clip in made for one in clip if isinstance(one, Asked)]
        try:
            ended = self.by.ask(lambda takes: [self._request(one, takes) for one in wanted]) if wanted else []
        except ServerError as error:
            ended = [Ended(key=None, error=str(error)) for _ in wanted]
        left = iter(ended)
        return [
            [one if isinstance(one, Generation) else self._generation(one.text, next(left), clock) for one in clip]
            for clip in made
        ]

    def _generation(self, prompt: str, ended: Ended, clock: Clock | None) -> Generation:
        self._account.add(ended)
        if ended.reply is None:
            return failed(prompt, ended.error)
        made = generation_of(prompt, ended.reply)
        if clock is not None:
            clock.count("tokens", made.n_tokens)
            clock.count("cut_off", int(made.error is None and ended.reply.finish_reason == CUT_OFF))
        return made

    def _takes(self) -> Capabilities:
        takes = self.by.known.takes
        assert takes is not None  # since it was asked before anything else
        return takes

    def _prompts(self, clip: ClipPrompts) -> list[Asked | Generation]:
        """Return each prompt about a clip in the form for the server; a failed generation where it has none."""
        pictures = [encoded(frame, self._picture, self._quality) for frame in clip.frames]
        show = showing(pictures, self._picture, self.media)

        def made(prompt: str, turns: Sequence[Turn]) -> Asked | Generation:
            try:
                return asked(turns or conversation(prompt), prompt, len(clip.frames), clip.counts, show, self.prefix)
            except ModelError as error:
                return failed(prompt, str(error))

        return [made(*one) for one in clip.conversations()]

    def _request(self, one: Asked, takes: Capabilities) -> Request:
        return request_of(
            one.messages,
            self.by.model,
            takes,
            self.by.extra,
            max_tokens=self._max_new_tokens,
            continues=self._sees.continues,
            task="output",
        )
