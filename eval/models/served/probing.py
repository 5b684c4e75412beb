"""Find out what a server takes from a model under test: pictures and how many, a video, the beginning of an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

from eval.client.outcomes import FINAL, RequestOutcome, Usage
from eval.client.probe import Look, Probed, Send, probe
from eval.client.requests import Capabilities, Request
from eval.client.settings import Role
from eval.models.served.pictures import PictureForm, as_images, as_video, encoded
from eval.models.served.requests import CONTINUES, Continues, request_of

_SIDE = 64
"""Side of a picture of the probe, in pixels."""
_TOKENS = 16
"""Bound on a reply; one word is asked for."""
_SHORTEST = 6
"""Fewest frames of a video of the probe."""
_STEP = 2
"""Number of frames by which videos of the probe differ: some models take two frames together."""
_ASK = "Say in one word what you see."
_WHOLE, _BEGUN, _REST = "vermilion", "verm", "ilion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sees:
    """What a server takes besides text."""

    images: int
    """Most pictures of a request that it was seen to take."""
    counted: bool | None
    """Whether its count of tokens shows that it reads pictures; None where it counts none."""
    video: bool | None
    """Whether it takes a video as its frames and reads all of them; None where it was not tried."""
    video_frames: int
    """Most frames of a video that it was seen to read; or the fewest with which it takes none, 0 for any number."""
    continues: Continues
    """How it continues a begun answer: by vLLM's parameters, wherever the last message is the assistant's, or not."""

    def reads_video(self, n_frames: int) -> bool | None:
        """Whether it reads a whole video of so many frames; None where that is not known."""
        if self.video is None or (n_frames > self.video_frames if self.video else n_frames < self.video_frames):
            return None
        return self.video


def look_of(role: Role, n_frames: int, form: PictureForm, extra: Mapping[str, Any], *, video: bool) -> Look:
    """Return what finds out the capabilities of a server.

    Args:
        role: What it is asked for.
        n_frames: Number of pictures that a request may hold.
        form: Form of the pictures.
        extra: Further parameters of each request.
        video: Whether it is tried with a video.
    """

    async def look(send: Send, model: str, first: Capabilities) -> Probed:
        return await _Looking(send, model, role, form, extra).found(first, n_frames, video=video)

    return look


class _Looking:
    def __init__(self, send: Send, model: str, role: Role, form: PictureForm, extra: Mapping[str, Any]) -> None:
        self._send, self._model, self._role, self._form, self._extra = send, model, role, form, extra
        self._usages: list[Usage | None] = []
        self._said = ""

    async def found(self, first: Capabilities, n_frames: int, *, video: bool) -> Probed:
        text = _messages([])
        probed = await probe(
            self._send, replace(first, structured="none"), lambda takes: self._request(text, takes), self._role
        )
        self._usages += probed.usages
        takes, plain = probed.takes, next(iter(probed.usages[-1:]), None)
        images, seen = await self._most_images(takes, n_frames)
        counted = None if seen is None or plain is None else seen.input > plain.input
        video_frames = max(_SHORTEST, n_frames)
        reads_video = await self._reads_video(takes, video_frames) if video else None
        if reads_video is False and (n_frames <= _SHORTEST or not await self._reads_video(takes, _SHORTEST)):
            video_frames = 0
        sees = Sees(
            images=images,
            counted=counted,
            video=reads_video,
            video_frames=video_frames,
            continues=await self._continues(takes),
        )
        return replace(probed, usages=tuple(self._usages), more=asdict(sees))

    def _request(
        self, messages: Sequence[Mapping[str, Any]], takes: Capabilities, continues: Continues = "no"
    ) -> Request:
        return request_of(
            messages,
            self._model,
            takes,
            self._extra,
            max_tokens=_TOKENS,
            continues=continues,
            task="probe",
        )

    async def _sent(self, request: Request, about: str) -> RequestOutcome | None:
        """Return the outcome of a request that it takes, None where it takes none of the kind; `about` names it."""
        outcome = await self._send(request)
        if outcome.kind in FINAL:
            self._usages.append(outcome.usage)
            return outcome
        self._said = outcome.detail
        # Some servers say so with 500; retries were made before.
        if outcome.kind == "rejected" or (outcome.kind == "overloaded" and "HTTP 500" in outcome.detail):
            return None
        raise self._role.error(
            f"The {self._role.name} {self._model!r} does not answer when it is given {about}: {outcome.detail}."
        )

    async def _shown(self, takes: Capabilities, n: int) -> RequestOutcome | None:
        parts = as_images([_picture(i, self._form) for i in range(n)], self._form)
        return await self._sent(self._request(_messages(parts), takes), f"{n} images")

    async def _most_images(self, takes: Capabilities, n_frames: int) -> tuple[int, Usage | None]:
        """Return the most pictures that it takes, up to those needed, and the usage."""
        outcome = await self._shown(takes, n_frames)
        if outcome is not None:
            return n_frames, outcome.usage
        taken, refused, usage = 0, n_frames, None
        while refused - taken > 1:
            n = (taken + refused) // 2 if taken else 1
            outcome = await self._shown(takes, n)
            if outcome is None:
                refused = n
            else:
                taken, usage = n, outcome.usage
        if not taken:
            raise self._role.error(
                f"The {self._role.name} {self._model!r} takes no images: {self._said}. Choose one that sees."
            )
        return taken, usage

    async def _reads_video(self, takes: Capabilities, n_frames: int) -> bool:
        """Whether it takes a video of so many frames, and its count of tokens shows that it reads the last ones.

        Some servers drop what they don't know, and some cut a video to its first frames. Then the last frames add
        nothing, or less than those before them.
        """
        counts: list[int] = []
        for n in (n_frames, n_frames - _STEP, n_frames - 2 * _STEP):
            parts = as_video([_picture(i, "jpeg") for i in range(n)])
            outcome = await self._sent(self._request(_messages(parts), takes), f"a video of {n} frames")
            if outcome is None or outcome.usage is None:
                return False
            counts.append(outcome.usage.input)
        return counts[0] > counts[1] and counts[0] - counts[1] >= counts[1] - counts[2]

    async def _continues(self, takes: Capabilities) -> Continues:
        """Return how it continues a begun word.

        Parameters that a server heeds leave out the tokens between two messages, and so cost fewer. Where it does not
        count them, or always continues, the rest of the word shows it.
        """
        asked = {"role": "user", "content": f"Write the word {_WHOLE}, and nothing else."}
        begun = [asked, {"role": "assistant", "content": _BEGUN}]
        told = await self._sent(self._request(begun, takes, "by_parameters"), "a begun answer")
        plain = await self._sent(self._request(begun, takes, "last_message"), "a begun answer")
        counts = [None if one is None or one.usage is None else one.usage.input for one in (told, plain)]
        if counts[0] is not None and counts[1] is not None and counts[0] < counts[1]:
            return "by_parameters"
        if plain is not None and (plain.text or "").startswith(_REST):
            return "last_message"
        return "by_parameters" if told is not None and (told.text or "").startswith(_REST) else "no"


def sees_in(more: Mapping[str, Any]) -> Sees | None:
    """Return what was found out, as it was stored; None where it was not, or by another version."""
    try:
        found = Sees(**more)
    except TypeError:
        return None
    return found if found.continues in CONTINUES else None


def _messages(media: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the same words about some media, so that tokens differ by those of the media alone."""
    user = {"role": "user", "content": [*media, {"type": "text", "text": _ASK}]}
    return [{"role": "system", "content": "You answer questions about videos."}, user]


@cache
def _picture(i: int, form: PictureForm) -> str:
    from PIL import Image

    return encoded(Image.new("RGB", (_SIDE, _SIDE), (40 * (i % 6), 90, 160)), form, 90)
