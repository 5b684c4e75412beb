"""Fixed checks of models: small random ones in forms that the built-in checkpoint lacks, and the attention kernels.

Between threads and batches, log-probabilities in fp32 differ in the sixth digit, and outputs not at all: the likeliest
token is always ahead by 0.002 at least. In half precision kernels may round otherwise on another CPU: the tolerance is
wider there, and the prompts are those whose outputs are ahead by more than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from eval.core import ClipPrompts, StopWhen
from eval.models.decoding import attention
from eval.models.decoding.rows import Slots
from eval.models.tarsier.runner import TarsierRunner
from eval.regression.fixed_tokenizers import BOTH, MODEL_ONLY, tokenizers, written
from eval.regression.records import Record
from eval.regression.small_models import checkpoint
from eval.regression.watching import Watched, frame_hash
from eval.timing import Clock

SUITE = "fixed models"
ENDS = (2, 290, 312, 333, 350)
"""End tokens of most models, so that outputs end at different places."""
WHAT = "<video>\nWhat moves?"
PROMPTS = (
    WHAT, "<video>\nthe red square moves", "USER: before <video> what ASSISTANT: ", WHAT,
    "<video>\n" + "where is the square, and what are the things around it? " * 2, "<video>a",
)  # fmt: skip
"""Prompts about the first clip: of several lengths, one twice, and one with text before the frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A checkpoint, and how it is run."""

    name: str
    tokenizer: Mapping[str, Any] = field(default_factory=lambda: MODEL_ONLY)
    made: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `small_models.checkpoint`."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the runner."""
    new_tokens: int = 24
    """The bound on new tokens: more than the 16 positions by which buffers grow."""
    clear: Sequence[int] = ()
    """In half precision, the prompts whose outputs no rounding decides."""

    @property
    def is_half(self) -> bool:
        """Whether it computes in half precision."""
        return "dtype" in self.run


CASES = (
    Case(name="as of 7b", tokenizer=BOTH, made={"ends": ENDS, "seed": 15, "text": {"num_key_value_heads": 4}}),
    Case(name="as of 34b", made={"ends": None, "shards": 3, "text": {"rope_theta": 5e6}}),
    Case(name="two key-value heads", made={"ends": ENDS}),
    Case(name="one key-value head", made={"ends": ENDS, "seed": 23, "text": {"num_key_value_heads": 1}}),
    Case(name="eager", made={"ends": ENDS}, run={"attention": "eager"}),
    Case(name="eager, one key-value head", made={"ends": ENDS, "seed": 23, "text": {"num_key_value_heads": 1}},
         run={"attention": "eager"}),
    Case(name="bf16", made={"ends": ENDS}, run={"dtype": "bfloat16"}, new_tokens=4,
         clear=(4, 5, 9)),
    Case(name="bf16, eager", made={"ends": ENDS}, run={"dtype": "bfloat16", "attention": "eager"}, new_tokens=4,
         clear=(5, 9)),
    Case(name="fp16", made={"ends": ENDS}, run={"dtype": "float16"}, new_tokens=4,
         clear=(0, 1, 2, 3, 4, 5, 7, 8, 9, 10)),
    Case(name="fp16, eager, one key-value head", made={"ends": ENDS, "text": {"num_key_value_heads": 1}},
         run={"dtype": "float16", "attention": "eager"}, new_tokens=4, clear=(1, 2, 4, 5, 7, 8, 9)),
    Case(name="one new token", made={"ends": ENDS}, new_tokens=1),
    Case(name="three new tokens, a clip at a time", made={"ends": (2,)}, run={"deterministic": True}, new_tokens=3),
    Case(name="two clips at a time", made={"ends": (2,)}, run={"clips_at_once": 2}),
    Case(name="another filter", made={"ends": ENDS, "images": {"resample": 2}}),
    Case(name="ended at the bound", tokenizer=BOTH, made={"ends": ENDS, "seed": 15, "text": {"num_key_value_heads": 4}},
         new_tokens=10),
    Case(name="little memory", made={"ends": ENDS}, run={"kv_budget_gb": 4e-5}),
    Case(name="tied embeddings", made={"ends": ENDS, "config": {"tie_word_embeddings": True},
                                       "text": {"tie_word_embeddings": True}}),
    Case(name="tied embeddings and a head", made={"ends": ENDS, "head": True, "text": {"tie_word_embeddings": True}}),
    Case(name="linear rope", made={"ends": ENDS, "text": {"rope_scaling": {"type": "linear", "factor": 3.0}}}),
    Case(name="another epsilon and vision layer", made={
        "ends": ENDS, "text": {"rms_norm_eps": 0.05}, "config": {"vision_feature_layer": -1}}),
    Case(name="end token of config.json", made={"ends": None, "config": {"eos_token_id": [290, 312, 333]}}),
    Case(name="means and deviations of its own", made={
        "ends": ENDS, "images": {"image_mean": [0.1, 0.5, 0.7], "image_std": [0.2, 0.3, 0.6]}}),
    Case(name="images by the library", made={"ends": ENDS, "seed": 14, "images": {
        "do_center_crop": False, "size": {"height": 28, "width": 28}, "image_mean": [0.1, 0.5, 0.7], "resample": 2}}),
    Case(name="nothing normalised", made={"ends": ENDS, "seed": 13, "images": {"do_normalize": False,
    "do_rescale": False}}),
)  # fmt: skip


def fixed_models(scratch: Path) -> Iterator[Record]:
    """Yield the records of tokenizers, kernels and models. `scratch` is an empty folder for their files."""
    yield from tokenizers(scratch)
    yield from _kernels()
    for number, case in enumerate(CASES):
        yield from _ran(case, scratch / f"model-{number}")


def _clips() -> list[ClipPrompts]:
    from PIL import Image

    random = np.random.default_rng(5)

    def drawn(n: int, width: int, height: int) -> list[Any]:
        return [Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8)) for _ in range(n)]

    letters: StopWhen = _is_long
    return [
        ClipPrompts(frames=drawn(3, 28, 28), prompts=list(PROMPTS)),
        ClipPrompts(frames=drawn(2, 40, 30), prompts=[WHAT]),
        ClipPrompts(frames=drawn(3, 28, 28), prompts=[WHAT, WHAT, PROMPTS[1]], settled=[letters, None, letters]),
        ClipPrompts(frames=drawn(1, 31, 64), prompts=["<video>", "no <image> but this"]),
    ]


def _is_long(text: str) -> bool:
    return len(text) > 5


def _ran(case: Case, folder: Path) -> Iterator[Record]:
    files = written(folder, case.tokenizer)
    checkpoint(folder, files, **case.made)
    runner = TarsierRunner(
        name="small", checkpoint=str(folder), n_frames=3, max_new_tokens=case.new_tokens, device="cpu", **case.run
    )
    left_out = ("checkpoint", "files_sha256", "batch_memory")
    described = {name: value for name, value in runner.describe().items() if name not in left_out}
    clock = Clock()
    together, alone = Watched(runner), Watched(runner)
    clips = _clips()
    if case.run.get("deterministic"):
        for clip in clips:
            together.generate([clip], clock)
    else:
        together.generate(clips, clock)
    counts = clock.lap().counts
    kept = {name: counts[name] for name in ("tokens", "prefill_positions", "cut_off") if name in counts}
    kept |= {name: runner.batching[name] for name in ("prefixes", "batches", "largest_batch")}
    most = [runner.clips_at_once(n) for n in (1, 4)]
    of_model = {"settings": {**described, "clips": most}, **({} if case.is_half else {"counts": kept})}
    yield Record(benchmark=SUITE, id=f"{case.name}: model", fields=of_model)
    asked = [(clip, place, prompt) for clip in clips for place, prompt in enumerate(clip.prompts)]
    for number, ((clip, place, prompt), seen) in enumerate(zip(asked, together.seen, strict=True)):
        logprobs = [list(one) for one in seen.logprobs]
        fields: dict[str, Any] = {"ids": seen.ids, "half_logprobs" if case.is_half else "logprobs": logprobs}
        if place == 0:
            fields["pixels"] = dict(seen.pixels)
            fields["frames"] = [frame_hash(frame) for frame in clip.frames]
        made = seen.generation
        if case.is_half and number not in case.clear:
            yield Record(benchmark=SUITE, id=f"{case.name}: prompt {number}", fields=fields)
            continue
        fields["output"] = [made.output, made.n_tokens]
        if number in (0, 2, 6) and not case.is_half:
            (((one,),), one_alone) = (
                alone.generate([ClipPrompts(frames=clip.frames, prompts=[prompt])]),
                alone.seen[-1],
            )
            reference = runner.alone(ClipPrompts(frames=clip.frames, prompts=[prompt]))
            fields["alone_logprobs"] = [list(each) for each in one_alone.logprobs]
            fields["alone_output"] = [one.output, one.n_tokens, reference.output, reference.n_tokens]
        yield Record(benchmark=SUITE, id=f"{case.name}: prompt {number}", fields=fields)


def _kernels() -> Iterator[Record]:
    """Yield what attention gives on drawn numbers, by each kernel that a CPU has."""
    import torch

    random = np.random.default_rng(9)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.from_numpy(random.standard_normal(shape).astype(np.float32))

    def kept(name: str, attended: Any, *, half: bool = False) -> Record:
        parts = attended if isinstance(attended, tuple) else (attended,)
        values = [[round(value, 5) for value in part.float().flatten().tolist()] for part in parts]
        return Record(
            benchmark=SUITE, id=f"attention: {name}", fields={"half_attended" if half else "attended": values}
        )

    scaling = 0.4
    one = [drawn(2, 4, 5, 8) for _ in range(3)]
    ragged = torch.tensor([[True, True, False, True, False], [False, True, True, True, True]])
    for dtype, name in ((torch.float32, "fp32"), (torch.bfloat16, "bf16"), (torch.float16, "fp16")):
        half = dtype != torch.float32
        query, key, value = (each.to(dtype) for each in one)
        yield kept(f"{name}, causal", attention.attend(query, key, value, scaling=scaling, causal=True), half=half)
        yield kept(f"{name}, whole", attention.attend(query, key, value, scaling=scaling), half=half)
        last = query[:, :, :1]
        for masked, mask in (
            ("lower triangle", torch.ones(5, 5, dtype=torch.bool).tril()),
            ("ragged", ragged.view(2, 1, 1, 5)),
        ):
            plain = attention.attend_plainly(query, key, value, scaling=scaling, mask=mask)
            yield kept(f"{name}, plain, {masked}", plain, half=half)
            with _in_blocks():
                plain = attention.attend_plainly(query, key, value, scaling=scaling, mask=mask)
            yield kept(f"{name}, plain in blocks, {masked}", plain, half=half)
        loud = attention.attend_plainly(query * 5, key * 2, value, scaling=scaling, mask=ragged.view(2, 1, 1, 5))
        yield kept(f"{name}, plain, large scores", loud, half=half)
        shared, own = (tuple(drawn(2, 2, n, 8).to(dtype) for _ in range(2)) for n in (7, 5))
        yield kept(f"{name}, own, first", attention.attend_own(query, *own, scaling=scaling, seen=None), half=half)
        yield kept(f"{name}, own, next", attention.attend_own(last, *own, scaling=scaling, seen=ragged), half=half)
        slots = Slots(row=torch.tensor([0, 1, 2, 0]), slot=torch.tensor([0, 1, 2]))
        three = drawn(3, 4, 2, 8).to(dtype)
        yield kept(f"{name}, shared", attention.attend_shared(query, *shared, scaling=scaling), half=half)
        yield kept(
            f"{name}, in slots", attention.attend_shared(three, *shared, scaling=scaling, slots=slots), half=half
        )
        both = (attention.attend_shared(query, *shared, scaling=scaling),
                attention.attend_own(query, *own, scaling=scaling, seen=None))  # fmt: skip
        yield kept(f"{name}, merged", attention.merge(*both), half=half)


@contextmanager
def _in_blocks() -> Iterator[None]:
    """Let the plain kernel take two queries and a head at a time."""
    before = attention._SCORES_AT_ONCE, attention._COPIED_AT_ONCE
    attention._SCORES_AT_ONCE, attention._COPIED_AT_ONCE = 80, 80
    try:
        yield
    finally:
        attention._SCORES_AT_ONCE, attention._COPIED_AT_ONCE = before
