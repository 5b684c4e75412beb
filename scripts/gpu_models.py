"""What the parts of gpu_check.py ask about: the device, random models as large as Tarsier-7b, and their outputs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest import mock

import torch

from eval.models.decoding import generator as generator_module
from eval.models.decoding.generator import Generator
from eval.models.decoding.language import continue_rows
from eval.models.decoding.questions import Encoded
from eval.models.decoding.reference import continue_alone

NEEDED = 20e9
"""Bytes that have to be free for a 7b in half precision: 14 GB of weights, a clip or two, and what kernels need."""

END, PAD = 2, 0

BUDGET = 4 * 10**9
"""Bytes for keys and values on a CPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The dimensions of a random model."""

    name: str
    hidden: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int = 32064
    frames: int = 8
    image: tuple[int, int] = (336, 336)
    """Height and width of a frame in pixels; a patch has 14."""
    vision: tuple[int, int, int, int] = (1024, 4096, 24, 16)
    """Width, inner width, layers and heads of the vision tower: CLIP ViT-L."""
    family: str = "tarsier"
    """The family: `tarsier` or `tarsier2`."""


SEVEN = Shape(name="7b-shaped", hidden=4096, inner=11008, layers=32, heads=32, kv_heads=32)
ONE = Shape(name="1b-shaped", hidden=2048, inner=5504, layers=16, heads=16, kv_heads=16)
LEAST = Shape(
    name="small", hidden=64, inner=96, layers=3, heads=8, kv_heads=2, vocabulary=160, frames=2, image=(28, 28),
    vision=(32, 48, 3, 4),
)  # fmt: skip
"""For rehearsals."""

# Frames of 16:9 as upstream sizes them: 576 positions each.
_TWO: dict[str, Any] = {"family": "tarsier2", "frames": 16, "image": (504, 896), "vision": (1280, 5120, 32, 16)}
SEVEN2 = Shape(
    name="Tarsier2-7b-shaped", hidden=3584, inner=18944, layers=28, heads=28, kv_heads=4, vocabulary=152064, **_TWO
)
ONE2 = Shape(
    name="Tarsier2-2b-shaped", hidden=1536, inner=8960, layers=28, heads=12, kv_heads=2, vocabulary=152064, **_TWO
)
LEAST2 = Shape(
    name="small Tarsier2", hidden=64, inner=96, layers=3, heads=4, kv_heads=2, vocabulary=160, frames=3, image=(56, 84),
    vision=(32, 64, 2, 4), family="tarsier2",
)  # fmt: skip

SHAPES = {"tarsier": (SEVEN, ONE, LEAST), "tarsier2": (SEVEN2, ONE2, LEAST2)}
"""Of each family the published shape, one for a smaller device, and one for rehearsals."""


@dataclass(slots=True)
class Machine:
    """The device, and how long a part may take on it.

    Args:
        device: of CUDA; the CPU for a rehearsal, at small sizes.
        deadline: when the part has to end, in seconds of `time.monotonic`.
        family: the family whose shape is taken.
    """

    device: torch.device
    deadline: float = float("inf")
    family: str = "tarsier"
    _shape: Shape | None = field(default=None, init=False)
    _model: Any = field(default=None, init=False)

    @property
    def cuda(self) -> bool:
        """Whether this is no rehearsal."""
        return self.device.type == "cuda"

    @property
    def over(self) -> bool:
        """Whether the part's time is up."""
        return time.monotonic() > self.deadline

    @property
    def dtypes(self) -> list[torch.dtype]:
        """The types that a large model is tried in, the usual one first."""
        halves = [torch.float16, torch.bfloat16] if self.family == "tarsier" else [torch.bfloat16, torch.float16]
        return halves if self.cuda else [torch.float32, torch.bfloat16]

    @property
    def shape(self) -> Shape:
        """The largest shape that fits beside what others have on the device."""
        if self._shape is None:
            published, smaller, least = SHAPES[self.family]
            self._shape = least if not self.cuda else published if self.free() >= NEEDED else smaller
        return self._shape

    def model(self, dtype: torch.dtype) -> Any:
        """Return the random model of that shape, made on the device at first, in a type."""
        if self._model is None:
            self._model = random_model(self.shape, self.device, dtype)
        for parameter in self._model.parameters():
            # One after the other, for want of room; and no buffers, of which those of rotary embeddings are fp32.
            parameter.data = parameter.data.to(dtype)
        return self._model

    def timed(self, work: Callable[[], Any]) -> tuple[float, Any]:
        """Return the seconds that work takes on the device, and what it returns."""
        self._wait()
        start = time.perf_counter()
        found = work()
        self._wait()
        return time.perf_counter() - start, found

    def peak(self, work: Callable[[], Any]) -> tuple[int, Any]:
        """Return the most bytes that work takes up beside what is there, 0 on a CPU, and what it returns."""
        if not self.cuda:
            return 0, work()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.device)
        before = self.held()
        found = work()
        return torch.cuda.max_memory_allocated(self.device) - before, found

    def free(self) -> float:
        """Return the bytes that may still be taken up; on a CPU there is no end of them."""
        if not self.cuda:
            return float("inf")
        torch.cuda.empty_cache()
        return float(torch.cuda.mem_get_info(self.device)[0])

    def held(self) -> int:
        """Return the bytes of all tensors on the device."""
        return torch.cuda.memory_allocated(self.device) if self.cuda else 0

    @contextmanager
    def short_of_memory(self, size: int, rows: int) -> Iterator[None]:
        """Leave so many bytes beside what is there; on a CPU, let a batch of more than so many rows fail instead."""
        if not self.cuda:
            failing = partial(_with_few_rows, rows)
            with mock.patch.object(generator_module, "continue_rows", failing):
                yield
            return
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(self.device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, (self.held() + size) / total), self.device)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, self.device)
            torch.cuda.empty_cache()

    def _wait(self) -> None:
        if self.cuda:
            torch.cuda.synchronize(self.device)


def _with_few_rows(most: int, model: Any, prefix: Any, starts: Sequence[Any], **settings: Any) -> Any:
    if len(starts) > most:
        raise RuntimeError("out of memory, as a rehearsal has it")
    return continue_rows(model, prefix, starts, **settings)


def random_model(shape: Shape, device: torch.device, dtype: torch.dtype) -> Any:
    """Return a model of random weights, made on the device.

    States neither grow nor fade from layer to layer. Scores deviate by about 4 and logits by 3, so that some positions
    are looked at, and some tokens likely. The end token never is: all outputs are of one length.
    """
    model_class, config = (_tarsier if shape.family == "tarsier" else _tarsier2)(shape)
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    torch.manual_seed(0)
    try:
        with device:
            model = model_class(config).eval()
    finally:
        torch.set_default_dtype(usual)
    with torch.no_grad():
        for layer in model.model.language_model.layers:
            layer.self_attn.q_proj.weight.mul_(2.5)
            for last in (layer.self_attn.o_proj, layer.mlp.down_proj):
                last.weight.mul_((2 * shape.layers) ** -0.5)
        model.lm_head.weight.mul_(2.5)[END] = 0
    model.generation_config.eos_token_id = END
    model.generation_config.pad_token_id = PAD
    return model


def _tarsier(shape: Shape) -> tuple[Any, Any]:
    """Return class and config of a Tarsier."""
    from transformers import CLIPVisionConfig, LlamaConfig

    from eval.models.tarsier.config import TarsierConfig
    from eval.models.tarsier.model import TarsierForConditionalGeneration

    width, inner, layers, heads = shape.vision
    config = TarsierConfig(
        text_config=LlamaConfig(
            vocab_size=shape.vocabulary, hidden_size=shape.hidden, intermediate_size=shape.inner,
            num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads,
            max_position_embeddings=8192, bos_token_id=1, pad_token_id=PAD, eos_token_id=END,
            initializer_range=1.28 * shape.hidden**-0.5,  # 0.02 for 4096
        ),
        vision_config=CLIPVisionConfig(
            hidden_size=width, intermediate_size=inner, num_hidden_layers=layers, num_attention_heads=heads,
            image_size=shape.image[0], patch_size=14,
        ),
        image_token_index=shape.vocabulary - 4, image_newline_idx=shape.vocabulary - 3,
        image_new_idx=shape.vocabulary - 2, attn_implementation="sdpa",
    )  # fmt: skip
    return TarsierForConditionalGeneration, config


def _tarsier2(shape: Shape) -> tuple[Any, Any]:
    """Return class and config of a Tarsier2."""
    from eval.models.tarsier2.config import Tarsier2Config
    from eval.models.tarsier2.model import Tarsier2ForConditionalGeneration

    width, inner, layers, heads = shape.vision
    half = shape.hidden // shape.heads // 2
    config = Tarsier2Config(
        text_config={
            "vocab_size": shape.vocabulary, "hidden_size": shape.hidden, "intermediate_size": shape.inner,
            "num_hidden_layers": shape.layers, "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.kv_heads, "max_position_embeddings": 32768, "bos_token_id": 1,
            "pad_token_id": PAD, "eos_token_id": END, "initializer_range": 1.28 * shape.hidden**-0.5,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6,
                                "mrope_section": [half // 4, half * 3 // 8, half - half // 4 - half * 3 // 8]},
        },
        vision_config={
            "depth": layers, "embed_dim": width, "hidden_size": shape.hidden, "num_heads": heads,
            "mlp_ratio": inner // width, "patch_size": 14,
        },
        image_token_id=shape.vocabulary - 4, attn_implementation="sdpa",
    )  # fmt: skip
    return Tarsier2ForConditionalGeneration, config


def clips_of(model: Any, shape: Shape, rows: Sequence[int], *, letter: bool = False) -> list[Encoded]:
    """Return clips of noise, with so many questions of 40 to 70 ids about each, which one token may settle."""
    drawn = torch.Generator().manual_seed(1)
    image = model.config.image_token_id
    clips = []
    for n in rows:
        size = (shape.frames, 3, *shape.image)
        is_first = shape.family == "tarsier"
        pixels = torch.randn(size, generator=drawn) if is_first else torch.randint(256, size, generator=drawn).byte()
        medium = model.medium(pixels)
        head = [1, 5, *[image] * (shape.frames * medium.positions)]
        lengths = torch.randint(40, 70, (n,), generator=drawn).tolist()
        prompts = [[*head, *torch.randint(3, image, (length,), generator=drawn).tolist()] for length in lengths]
        settled = [(lambda _: True) if letter else None] * n
        clips.append(in_order(Encoded(media=[medium], prompts=prompts, settled=settled)))
    return clips


def in_order(clip: Encoded) -> Encoded:
    """Return a clip with each prompt once, in the order in which the generator works on them."""
    rows = clip.rows()
    return Encoded(media=clip.media, prompts=[ids for ids, _ in rows], settled=[settled for _, settled in rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A continuation."""

    ids: list[int]
    steps: list[torch.Tensor]
    """The log-probabilities of all tokens at each step, (vocabulary,); none where they could not be told apart."""


@contextmanager
def watched(model: Any) -> Iterator[list[torch.Tensor]]:
    """Collect the log-probabilities that each call of the head gives for each row, (b, vocabulary)."""
    calls: list[torch.Tensor] = []

    def note(_module: Any, _inputs: Any, output: torch.Tensor) -> None:
        last = output[:, -1] if output.dim() == 3 else output
        calls.append(last.float().log_softmax(-1).cpu())

    handle = model.lm_head.register_forward_hook(note)
    try:
        yield calls
    finally:
        handle.remove()


@contextmanager
def attending(config: Any, kernel: str) -> Iterator[None]:
    """Let the modules of a text config attend by another of transformers' implementations."""
    before = config._attn_implementation
    config._attn_implementation = kernel
    try:
        yield
    finally:
        config._attn_implementation = before


def by_engine(model: Any, clips: Sequence[Encoded], new: int) -> list[Said]:
    """Return what the generator continues each prompt with, clip by clip; the clips are `in_order`."""
    generator = Generator(model, max_new_tokens=new, kv_budget=BUDGET)
    with watched(model) as calls:
        found = [ids for clip in generator.generate(clips) for ids in clip]
    steps: list[list[torch.Tensor]] = [[] for _ in found]
    if generator.batching()["batches"] == 1 and len(calls) == max(map(len, found)):
        for step, call in enumerate(calls):
            # A row leaves once it has ended, and the others keep their order.
            there = [row for row, ids in enumerate(found) if len(ids) > step]
            for row, said in zip(there, call, strict=True):
                steps[row].append(said)
    return [Said(ids=ids, steps=said) for ids, said in zip(found, steps, strict=True)]


def by_transformers(
    model: Any, clip: Encoded, prompt: int, new: int, *, padding: int = 0, kernel: str = "sdpa"
) -> Said:
    """Return what transformers' own `generate` continues one prompt with, padded on the left or as it is."""
    ids = list(clip.prompts[prompt])
    with watched(model) as calls, attending(model.model.language_model.config, kernel), torch.inference_mode():
        if padding:
            inputs = torch.tensor([[PAD] * padding + ids], device=model.device)
            seen = (torch.arange(inputs.shape[1], device=model.device) >= padding)[None].long()
            greedy = {"do_sample": False, "num_beams": 1, "temperature": None, "top_p": None, "top_k": None}
            given = model.alone_inputs(inputs[0].tolist(), clip.media)
            made = model.generate(
                input_ids=inputs, attention_mask=seen, max_new_tokens=new, use_cache=True, **given, **greedy
            )[0, inputs.shape[1] :].tolist()
        else:
            made = continue_alone(model, clip.media, ids, new)
    return Said(ids=made, steps=[call[0] for call in calls])


@dataclass(slots=True)
class Difference:
    """How far continuations are from those that they should equal."""

    rows: int = 0
    flips: int = 0
    """Rows with other ids."""
    gap: float = 0.0
    """The largest difference of log-probabilities, under the reference, of the two tokens at which outputs part."""
    largest: float = 0.0
    """Of the log-probabilities of any token, up to where outputs part."""
    squares: float = 0.0
    """Mean squares of these, added up over steps."""
    steps: int = 0
    unseen: int = 0
    """Rows whose log-probabilities are not known."""

    def add(self, said: Said, reference: Said) -> None:
        """Compare one with its reference."""
        pairs = list(zip(said.ids, reference.ids, strict=False))
        part = next((i for i, (one, other) in enumerate(pairs) if one != other), len(pairs))
        self.rows += 1
        self.flips += said.ids != reference.ids
        self.unseen += not said.steps
        for one, other in list(zip(said.steps, reference.steps, strict=False))[: part + 1]:
            self.largest = max(self.largest, float((one - other).abs().max()))
            self.squares += float((one - other).square().mean())
            self.steps += 1
        if part < len(pairs):
            step = reference.steps[part]
            self.gap = max(self.gap, float(step[reference.ids[part]] - step[said.ids[part]]))

    @property
    def deviation(self) -> float:
        """The usual difference of a log-probability: the root of the mean square."""
        return math.sqrt(self.squares / max(1, self.steps))

    def __str__(self) -> str:
        gaps = f" (gaps up to {self.gap:.1e})" if self.flips else ""
        unseen = f" ({self.unseen} rows not told apart)" if self.unseen else ""
        deviation = f"log-probabilities {self.deviation:.1e} (up to {self.largest:.1e}){unseen}"
        return f"{self.flips} of {self.rows} outputs{gaps}, {deviation}"
