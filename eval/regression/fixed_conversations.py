"""Fixed checks of conversations: rows of messages, Tarsier2's choice of frames, and what servers are sent and reply."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval import building, config
from eval.client.outcomes import from_body
from eval.client.requests import Capabilities
from eval.client.stored import StoredReply
from eval.core import SECONDS, Clip, ClipPrompts, FramePolicy, Sample, Selection, Turn
from eval.errors import TarsierEvalError
from eval.models.conversation import conversation
from eval.models.hf.media import Medium
from eval.models.served.outputs import generation_of
from eval.models.served.pictures import encoded, showing
from eval.models.served.prompts import Prefix, asked
from eval.models.served.requests import Continues, request_of
from eval.readers.rows import Row
from eval.readers.upstream import UpstreamRow, parse_row
from eval.regression.media_files import gif, picture
from eval.regression.records import Record
from eval.regression.watching import Watched, frame_hash
from eval.running.part import draw
from eval.video.frames import load_frames
from eval.video.sampling_tarsier2 import chosen_indices, frame_shares

SUITE = "fixed conversations"

_FILE = Path("v.mp4")
_VIDEO, _IMAGE = Clip(source=_FILE), Clip(source=_FILE, selection=Selection(is_image=True))
SHARED: Mapping[str, Sequence[Clip]] = {
    "a video": (_VIDEO,),
    "three videos": (_VIDEO, _VIDEO, _VIDEO),
    "a picture, two videos": (_IMAGE, _VIDEO, _VIDEO),
    "listed": (Clip(source=_FILE, selection=Selection(indices=(4, 2, 9))), _VIDEO),
    "at a rate": (Clip(source=_FILE, selection=Selection(fps=2.0)), _VIDEO),
    "at least": (Clip(source=_FILE, selection=Selection(min_frames=6)), _VIDEO),
}
"""Media of a prompt, whose frames are shared out."""
PICKED: Mapping[str, Clip] = {
    "whole": _VIDEO,
    "a start": Clip(source=_FILE, start=1.0),
    "an end": Clip(source=_FILE, end=1.0),
    "a span": Clip(source=_FILE, start=0.5, end=1.5),
    "a span beyond the end": Clip(source=_FILE, start=1.0, end=9.0),
    "a span in frames": Clip(source=_FILE, selection=Selection(first_frame=5, last_frame=20)),
    "to the number behind the last frame": Clip(source=_FILE, selection=Selection(first_frame=30, last_frame=60)),
    "backwards": Clip(source=_FILE, start=1.5, end=0.5),
    "numbers": Clip(source=_FILE, selection=Selection(indices=(9, 3, 60, 99))),
    "the last number": Clip(source=_FILE, selection=Selection(indices=(3, 60))),
    "times": Clip(source=_FILE, selection=Selection(times=(0.11, 0.9, 7.0))),
    "2 a second": Clip(source=_FILE, selection=Selection(fps=2.0)),
    "9 a second": Clip(source=_FILE, selection=Selection(fps=9.0)),
    "99 a second": Clip(source=_FILE, selection=Selection(fps=99.0)),
    "a picture": _IMAGE,
}
"""Clips of 60 frames, 29.97 or none a second."""

_SHOWN: Mapping[str, Any] = {"type": "video", "video": {"video_file": "v.mp4"}}
_PICTURE: Mapping[str, Any] = {"type": "image", "image": {"image_file": "p.png"}}


def _said(role: str, *content: Mapping[str, Any] | str) -> dict[str, Any]:
    return {"role": role, "content": [{"type": "text", "text": one} if isinstance(one, str) else one
                                      for one in content]}  # fmt: skip


def _answer(text: str, reference: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "reference": reference}


CONVERSATIONS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "a question": (_said("user", _SHOWN, "What moves?"), _said("assistant", _answer("a ball", "A ball."))),
    "unanswered": (_said("user", _SHOWN, "What moves?"),),
    "begun": (_said("user", _SHOWN, "Which?\n(A) a\n(B) b"), _said("assistant", " Answer: (", _answer("B) b", "B"))),
    "a begun sentence": (_said("user", _SHOWN, "Go on."), _said("assistant", "I see ", _answer("", "a ball"))),
    "a system's text": (_said("system", "Be brief."), _said("user", _SHOWN, "What?"), _said("assistant",
                        _answer("", "x"))),
    "two videos and a picture": (_said("user", "First:", _SHOWN, "then:", _SHOWN, _PICTURE, "Which is longer?"),
                                 _said("assistant", _answer("", "x"))),
    "two questions": (_said("user", _SHOWN, "What?"), _said("assistant", _answer("a", "A")),
                      _said("user", "Why?"), _said("assistant", _answer("b", "B"))),
    "nothing shown": (_said("user", "What?"), _said("assistant", _answer("", "x"))),
    "another role": (_said("tool", _SHOWN),),
}  # fmt: skip
"""Messages of a row."""

SERVERS: Mapping[str, tuple[Capabilities, Continues]] = {
    "everything": (Capabilities(), "by_parameters"),
    "no system": (Capabilities(system=False, reply_bound="max_tokens"), "last_message"),
    "a fixed temperature, reasoning": (Capabilities(temperature=False, thinks=True), "no"),
    "no bound": (Capabilities(reply_bound="none", thinks=100), "by_parameters"),
}
"""What servers take, and how each continues a begun answer."""


def _reply(content: Any, finish: str = "stop", **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "finish_reason": finish, "message": {"content": content, **more}}]}


_USED = {"usage": {"prompt_tokens": 7, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 9}}}
REPLIES: Mapping[str, Any] = {
    "plain": {**_reply("a ball"), **_USED, "model": "m-1"},
    "thinking": _reply("<think>is it <b>?</think>\n\na ball<|im_end|>"),
    "thinking twice": _reply("<think>one</think> two </think> three"),
    "thinking without an end": _reply("<think>is it", "length"),
    "end tokens": _reply(" a ball</s> <|eot_id|>"),
    "parts": _reply([{"type": "text", "text": "a "}, {"type": "text", "text": "ball"}]),
    "empty": _reply("  "),
    "cut off": _reply("a bal", "length"),
    "cut off before any text": _reply(None, "length", reasoning_content="hm"),
    "text as thinking": _reply("", reasoning_content="a ball"),
    "refused": _reply(None, refusal="I can't."),
    "filtered": _reply("a b", "content_filter"),
    "choices out of order": {"choices": [{**_reply("two")["choices"][0], "index": 1}, *_reply("one")["choices"]]},
    "an error with status 200": {"error": {"code": 429, "message": "slow down"}},
    "no choice": {"choices": []},
    "a list": [1],
}
"""Bodies of replies."""


def fixed_conversations(scratch: Path) -> Iterator[Record]:
    """Yield what is chosen, read, sent, read in replies, and shown to a Tarsier2. `scratch` is empty."""
    yield from _choices()
    listed = Clip(source=gif(scratch / "6.gif", 6), selection=Selection(indices=(3, 1, 3)))
    frames = load_frames(listed, FramePolicy(n_frames=8, rule="tarsier2"))
    yield _record("listed frames of a gif", decoded=[*map(frame_hash, frames)])
    for name, rows in CONVERSATIONS.items():
        yield _record(f"row: {name}", sample=_read(rows))
    yield from _sent()
    yield from _replied()
    yield from _drawn()
    yield from _shown()


def _record(name: str, **fields: Any) -> Record:
    return Record(benchmark=SUITE, id=name, fields=fields)


def _choices() -> Iterator[Record]:
    for name, media in SHARED.items():
        shares = {
            f"{n}, most {most}": frame_shares(media, n, most) for n, most in ((1, 256), (8, 256), (16, 12), (8, 8))
        }
        yield _record(f"shares of {name}", indices=shares)
    policies = {"8": (8, None), "99": (99, None), "1": (1, None), "8, 2 a second": (8, 2.0)}
    for name, clip in PICKED.items():
        found = {
            f"{wanted} at {fps}": _picked(clip, FramePolicy(n_frames=n_frames, fps=rate, rule="tarsier2"), fps)
            for wanted, (n_frames, rate) in policies.items()
            for fps in (29.97, None)
        }
        yield _record(f"Tarsier2's frames of {name}", indices=found)
    frames = [_frame(i) for i in range(3)]
    for name, times in (("even", (2.0, 2.5, 3.0)), ("uneven", (0.0, 0.1, 4.0)), ("none", ())):
        for frame, at in zip(frames, times or [None] * 3, strict=True):
            frame.info.pop(SECONDS, None)
            frame.info |= {} if at is None else {SECONDS: at}
        yield _record(f"times of a video: {name}", indices=Medium(kind="video", frames=frames).metadata())


def _picked(clip: Clip, policy: FramePolicy, fps: float | None) -> list[int] | str:
    try:
        found = chosen_indices(clip, policy, 60, fps)
    except TarsierEvalError as error:
        return str(error)
    return "all" if found == list(range(60)) else found


def _frame(number: int) -> Any:
    from PIL import Image

    return Image.fromarray(picture(number, 56, 28))


def _row(messages: Sequence[Mapping[str, Any]]) -> UpstreamRow:
    fields = {"messages": list(messages), "dataset": "Made/up", "task": "video/QA", "idx": 0, "vid": "v"}
    return parse_row(Row(fields, "row 1"))


def _read(messages: Sequence[Mapping[str, Any]]) -> Any:
    try:
        read = _row(messages)
    except TarsierEvalError as error:
        return str(error)
    media = [{key: value for key, value in asdict(one).items() if value is not None} for one in read.media]
    turns = [[turn.role, [list(part) for part in turn.parts]] for turn in read.turns]
    return {"prompt": read.prompt, "turns": turns, "references": list(read.responses), "said": read.prediction,
            "media": media}  # fmt: skip


TWO_MEDIA = (Turn(role="user", parts=(("text", "First:"), ("video", ""), ("text", "then:"), ("video", ""),
                                      ("text", "Which?"))),)  # fmt: skip


def _sent() -> Iterator[Record]:
    frames = [_frame(i) for i in range(4)]
    exact = [encoded(frame, "png", 90) for frame in frames]
    prompts = {
        "a prompt": "<video>\nWhat moves?",
        "a begun prompt": "USER: <video>\nWhich?\n(A) a ASSISTANT: Answer: (",
        "a begun sentence": "USER: <video>\nGo on. ASSISTANT: I see",
        "pictures": "USER: <image><image><image><image>\nWhich? ASSISTANT:",
        "no place": "What moves?",
        "a system's text": "Be brief. USER: <video>\nWhat? ASSISTANT:",
        "two media": "USER: First:\n<video>\nthen:\n<video>\nWhich? ASSISTANT:",
    }
    for name, text in prompts.items():
        turns, counts = (TWO_MEDIA, (3, 1)) if name == "two media" else (conversation(text), ())
        for media in ("images", "video"):
            show = showing(exact, "png", "images") if media == "images" else showing(["QQ==", "Qg==", "Qw==", "RA=="],
                   "jpeg", "video")  # fmt: skip
            for server, (takes, continues) in SERVERS.items():
                prefix: Prefix = "instructed" if continues == "no" else "continued"
                try:
                    one = asked(turns, text, len(frames), counts, show, prefix)
                except TarsierEvalError as error:
                    yield _record(f"{name} as {media} for {server}", asked=str(error))
                    continue
                made = request_of(one.messages, "m", takes, {"top_k": 1}, max_tokens=64, continues=continues,
                                  task="output")  # fmt: skip
                body = {**made.body, "messages": [[each["role"], _in_words(each["content"])] for each in
                        made.body["messages"]]}  # fmt: skip
                pixels = [part["sha256"] for each in made.asked["messages"] if isinstance(each["content"], list)
                          for part in each["content"] if "sha256" in part]  # fmt: skip
                yield _record(f"{name} as {media} for {server}", asked={"body": body, "text": one.text,
                              "pictures in the key": len(set(pixels)), "most": made.max_tokens})  # fmt: skip
    yield _record("pictures", frames=[*map(_seen, exact), *(_seen(encoded(frames[0], "jpeg", quality)) for quality in
                  (30, 90))])  # fmt: skip


def _in_words(content: Any) -> Any:
    if isinstance(content, str):
        return content
    return [part.get("text") or _pictured(part[part["type"]]["url"]) for part in content]


def _pictured(url: str) -> str:
    head, *pictures = url.split(",")
    return f"{head},{','.join(pictures)}" if "jpeg" in head else f"{head}: {_seen(pictures[0])}"


def _seen(picture: str) -> str:
    """Return the hash of a picture without loss, and the coarseness of a JPEG, which is written by many libraries."""
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        coarse = getattr(image, "quantization", None)
        return f"JPEG {image.size} {coarse[0][:4]}" if coarse else frame_hash(image.convert("RGB"))


def _replied() -> Iterator[Record]:
    for name, body in REPLIES.items():
        found = from_body(json.dumps(body))
        fields = {key: value for key, value in asdict(found).items() if value not in (None, False, 0, "")}
        made: dict[str, Any] = {}
        if found.kind in ("replied", "refused", "filtered"):
            stored = StoredReply(
                key="k", provider="local", served="m", revision="", requested="m", outcome=found.kind, text=found.text,
                finish_reason=found.finish_reason, fingerprint=None, usage=found.usage, retries=0, batch=False, url="",
                created=0.0, task="output", request={},
            )  # fmt: skip
            made = asdict(generation_of("p", stored))
        yield _record(f"reply: {name}", verdict=fields, output=made)


def _drawn() -> Iterator[Record]:
    samples = [
        Sample(id=f"{subset}{i}", benchmark="made-up", subset=subset, clip=_VIDEO, prompt="", targets=("x",),
               cluster=f"v{i % 4}")
        for subset, n in (("a", 12), ("b", 5), ("c", 1)) for i in range(n)
    ]  # fmt: skip
    for limit in (1, 3, 7, 12, 99):
        yield _record(f"{limit} samples of 18", sample=[one.id for one in draw(samples, limit)])


def _shown() -> Iterator[Record]:
    settings = config.load_settings(["benchmark=mvbench", "model=tarsier2-tiny", "model.device=cpu"])
    model: Any = building.build(settings.model, "model")
    watched = Watched(model)
    frames = [_frame(i).resize((56, 56)) for i in (0, 20, 40, 60)]
    for name in ("two videos and a picture", "begun"):
        read = _row(CONVERSATIONS[name])
        counts = (2, 1, 1) if len(read.media) == 3 else (4,)
        ((made,),) = watched.generate([ClipPrompts(frames=frames, prompts=[read.prompt], turns=[read.turns],
                                                   counts=counts)])  # fmt: skip
        (seen,) = watched.seen
        watched.seen.clear()
        yield _record(f"{name}, shown", prompt=made.prompt, ids=seen.ids, positions=dict(seen.positions),
                      pixels=dict(seen.pixels), logprobs=list(seen.logprobs), output=made.output)  # fmt: skip
