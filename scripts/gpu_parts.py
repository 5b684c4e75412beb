"""The parts of gpu_check.py: each asks one thing of the device, and yields rows of a table.

Attention in half precision is compared with fp64, up to the roundings that halves force on it. Outputs are compared
with those of transformers' own `generate`, beside what these differ from themselves by once a prompt is padded, or
attention takes another way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from eval.core import ClipPrompts
from eval.models.checkpoints.loading import Device
from eval.models.decoding import attention
from eval.models.decoding.generator import Generator
from eval.models.decoding.questions import Encoded
from eval.models.decoding.reference import continue_alone
from eval.models.tarsier.runner import TarsierRunner
from eval.models.tarsier2.runner import Tarsier2Runner
from eval.video.loading import load
from scripts.bench_runner import TINY, built_in
from scripts.gpu_models import (
    BUDGET,
    SHAPES,
    Difference,
    Machine,
    by_engine,
    by_transformers,
    clips_of,
    in_order,
)  # fmt: skip

KERNELS = (
    ("7b, a prefix and 1 row", (1, 32, 1, 4808, 128), "all"),
    ("7b, a prefix and 26 rows", (1, 32, 26, 4808, 128), "all"),
    ("34b, a prefix and 26 rows", (1, 8, 7 * 26, 4808, 128), "all"),
    ("7b, questions of 9 rows", (9, 32, 60, 60, 128), "back"),
    ("34b, questions of 4 rows", (4, 56, 60, 60, 128), "back"),
    ("7b, own keys of 26 rows", (26, 32, 1, 64, 128), "own"),
    ("a row's first key", (2, 8, 1, 1, 128), "all"),
    ("heads of width 72", (2, 8, 26, 600, 72), "all"),
)
"""What attends: clips or rows, heads, queries, keys, width; and whether to all, back only, or as rows to their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    check: str
    found: str = ""
    verdict: str = "ok"
    """`ok`, `noted` where nothing is asserted, `needs CUDA`, `cut short`, or `failed`."""


def kernel(machine: Machine) -> Iterator[Row]:
    """Compare attention with fp64, at the sizes of 7b and 34b, and time that of a decoding step."""
    yield _by_name(machine)
    for dtype in (torch.float16, torch.bfloat16):
        for name, (rows, heads, n, s, width), looks in KERNELS:
            check = f"{name}, {_named(dtype)}"
            if machine.over:
                yield Row(check=check, verdict="cut short")
                continue
            small = (min(rows, 4), min(heads, 4), n, min(s, 300), width)
            yield _attended(machine, check, dtype, (rows, heads, n, s, width) if machine.cuda else small, looks)
    yield from _step(machine)


def _by_name(machine: Machine) -> Row:
    """Call the flash kernel by its name, as attention.py does."""
    if not machine.cuda:
        return Row(check="flash kernel by name", verdict="needs CUDA")
    major, minor = torch.cuda.get_device_capability(machine.device)
    check = f"flash kernel by name, capability {major}.{minor}"
    query = torch.zeros(2, 4, 26, 128, dtype=torch.float16, device=machine.device)
    products = "without copies" if attention._sums_in_fp32(query.device, query.dtype) else "by copies"
    if not attention._has_flash(query):
        return Row(check=check, found=f"not on this card; plain products in fp32 {products}", verdict="noted")
    output, lse, *_ = torch.ops.aten._scaled_dot_product_flash_attention(
        query, query, query, 0.0, is_causal=False, return_debug_mask=False, scale=1.0
    )
    fits = output.shape == query.shape and lse.shape == query.shape[:3] and lse.dtype == torch.float32
    return Row(
        check=check,
        found=f"output {tuple(output.shape)}, log-sum-exp {tuple(lse.shape)} in {_named(lse.dtype)}; "
        f"plain products in fp32 {products}",
        verdict="ok" if fits else "failed",
    )


def _attended(machine: Machine, check: str, dtype: torch.dtype, sizes: tuple[int, ...], looks: str) -> Row:
    rows, heads, n, s, width = sizes
    drawn, scaling = torch.Generator().manual_seed(n + s), width**-0.5
    query, key, value = (
        (spread * torch.randn(rows, heads, m, width, generator=drawn)).to(machine.device, dtype)
        for m, spread in ((n, 3.0), (s, 3.0), (s, 1.0))
    )
    path = "flash" if attention._has_flash(query) else "plain"
    if looks == "own":
        path = "plain"
    elif not machine.cuda and dtype == torch.bfloat16:
        path = "the CPU's"
    if looks == "own":
        output, lse = attention.attend_own(query, key, value, scaling=scaling, seen=None)
    else:
        output, lse = attention.attend(query, key, value, scaling=scaling, causal=looks == "back")
    scores = query.double() @ key.double().transpose(-1, -2) * scaling
    if looks == "back":
        scores.masked_fill_(torch.ones(n, s, dtype=torch.bool, device=machine.device).triu(1), float("-inf"))
    weights, exact_lse = scores.softmax(-1), scores.logsumexp(-1)
    exact = weights @ value.double()
    if (output.shape, lse.shape, lse.dtype) != (exact.shape, exact_lse.shape, torch.float32):
        return Row(check=check, found=f"output {tuple(output.shape)}, log-sum-exp {tuple(lse.shape)}", verdict="failed")
    # The output is rounded once, and so is each weight but the largest; scores are as good as fp32 is.
    others = weights.scatter(-1, weights.argmax(-1, keepdim=True), 0.0)
    of_score = 1e-4 + 1e-6 * float(exact_lse.abs().max())
    bound = torch.finfo(dtype).eps / 2 * (exact.abs() + others @ value.double().abs())
    share = float(((output.double() - exact).abs() / (bound + 2 * of_score * float(value.abs().max()))).max())
    of_lse = float((lse.double() - exact_lse).abs().max())
    return Row(
        check=check,
        found=f"{path}: output at {share:.2f} of what rounding allows, log-sum-exp off by {of_lse:.0e}",
        verdict="ok" if share <= 1 and of_lse <= of_score else "failed",
    )


def _step(machine: Machine) -> Iterator[Row]:
    """Time what one layer attends to while 26 rows generate a token: their prefix, and their own keys."""
    rows, heads, shared, own = (26, 32, 4808, 64) if machine.cuda else (4, 4, 160, 16)
    settings: dict[str, Any] = {"dtype": torch.float16, "device": machine.device}
    query, prefix, keys = (torch.randn(b, heads, s, 128, **settings) for b, s in ((rows, 1), (1, shared), (rows, own)))
    seen = torch.ones(rows, own, dtype=torch.bool, device=machine.device)
    for name, work in (
        ("prefix", partial(attention.attend_shared, query, prefix, prefix, scaling=0.1)),
        ("own keys", partial(attention.attend_own, query, keys, keys, scaling=0.1, seen=seen)),
    ):
        work()
        times = sorted(machine.timed(work)[0] for _ in range(21))
        yield Row(check=f"a layer's {name}, {rows} rows, one step", found=f"{1e6 * times[10]:.0f} us", verdict="noted")


def tiny(machine: Machine) -> Iterator[Row]:
    """Compare the generator with `generate` on the built-in checkpoint and clips of the built-in world."""
    if not TINY[machine.family].is_dir():
        return
    runner_class = {"tarsier": TarsierRunner, "tarsier2": Tarsier2Runner}[machine.family]
    for dtype in (torch.float32, torch.float16, torch.bfloat16) if machine.cuda else machine.dtypes:
        check = f"{TINY[machine.family].name}, {_named(dtype)}"
        if machine.over:
            yield Row(check=check, verdict="cut short")
            continue
        where: Device = "cuda" if machine.cuda else "cpu"
        folder = str(TINY[machine.family])
        runner = runner_class(name="tiny", checkpoint=folder, device=where, dtype=_named(dtype), max_new_tokens=64)
        clips = [_asked(runner, name) for name in ("nextqa", "activitynet-qa", "dream-1k")]
        yield _compared(machine, runner._model, clips, 64 if machine.cuda else 12, check)


def _asked(runner: Any, name: str) -> Encoded:
    """Return the first clip of a built-in benchmark with all that is asked about it, as the generator takes it."""
    samples, _ = built_in(name)
    prompts = [sample.prompt for sample in samples if sample.clip == samples[0].clip]
    clip = ClipPrompts(frames=load(samples[0].clip, policy=runner.frames).frames or (), prompts=prompts)
    media = runner._media(clip)
    return in_order(runner._encoded(clip, media, [ids for _, ids in runner._prompts(clip, media)]))


def large(machine: Machine) -> Iterator[Row]:
    """Compare the generator with `generate` on a random model as large as Tarsier-7b, two clips at once."""
    for dtype in machine.dtypes:
        check = f"{machine.shape.name}, {_named(dtype)}"
        if machine.over:
            yield Row(check=check, verdict="cut short")
            continue
        seconds, model = machine.timed(partial(machine.model, dtype))
        size = sum(p.nbytes for p in model.parameters()) / 1e9
        why = "; a 7b needs 20 GB free" if machine.shape is SHAPES[machine.family][1] else ""
        yield Row(check=f"{check}, made", found=f"{size:.1f} GB in {seconds:.0f} s{why}", verdict="noted")
        # The second clip has fewer questions, so that some slots are empty.
        clips = clips_of(model, machine.shape, (4, 2))
        yield _compared(machine, model, clips, 32 if machine.cuda else 8, check)


def _compared(machine: Machine, model: Any, clips: Sequence[Encoded], new: int, check: str) -> Row:
    """Compare the generator with transformers' `generate`, and that with itself."""
    generator, padded, eager = Difference(), Difference(), Difference()
    longest = max(len(ids) for clip in clips for ids in clip.prompts)
    # Eager attention holds the scores of all heads several times: 8 GB for 7b.
    eagerly = machine.free() > 12 * model.config.text_config.num_attention_heads * longest**2
    said = by_engine(model, clips, new)
    asked = [(clip, prompt) for clip in clips for prompt in range(len(clip.prompts))]
    for one, (clip, prompt) in zip(said, asked, strict=True):
        if machine.over:
            break
        reference = by_transformers(model, clip, prompt, new)
        generator.add(one, reference)
        if prompt < 2:
            padded.add(by_transformers(model, clip, prompt, new, padding=3), reference)
        if prompt < 1 and eagerly:
            eager.add(by_transformers(model, clip, prompt, new, kernel="eager"), reference)
    # Logits up to 16 are rounded to what lies 8 eps apart, by 2 eps as a rule; in fp32 sums err by more than that.
    eps = max(torch.finfo(model.dtype).eps, 1e-5)
    # Eager attention rounds scores to halves, which the generator does not; padding moves little but the order of sums.
    usual = max(2 * eager.deviation, 4 * padded.deviation, 4 * eps)
    gap = max(4 * eager.largest, 8 * padded.largest, 16 * eps)
    found = f"differ: {generator}. The reference from itself, padded: {padded}"
    found += f"; eager: {eager}" if eager.rows else ""
    if generator.deviation > usual or generator.gap > gap:
        return Row(check=check, found=f"{found}. Allowed: {usual:.1e}, gaps {gap:.1e}", verdict="failed")
    return Row(check=check, found=found, verdict="ok" if generator.rows == len(said) else "cut short")


def speed(machine: Machine) -> Iterator[Row]:
    """Measure clips a second, beside the rate of a sequential loop, which is measured on one question."""
    dtype, shape = machine.dtypes[0], machine.shape
    model, new = machine.model(dtype), 64 if machine.cuda else 6
    (one,) = clips_of(model, shape, (1,))
    alone = partial(continue_alone, model, one.media, one.prompts[0])
    alone(2)  # kernels are loaded at their first call
    for ends, letter, spoken in (("a letter", True, 8), (f"{new} tokens", False, new)):
        slow, _ = machine.timed(partial(alone, spoken))
        for rows in (1, 9, 26):
            check = f"{shape.name}, {_named(dtype)}, {rows} question(s) a clip, {ends}"
            if machine.over:
                yield Row(check=check, verdict="cut short")
                continue
            generator = Generator(model, max_new_tokens=new, kv_budget=BUDGET)
            n = min(generator.clips_at_once(shape.frames, rows), 12 if machine.cuda else 2)
            clips = clips_of(model, shape, [rows] * n, letter=letter)
            fast, _ = machine.timed(partial(generator.generate, clips))
            yield Row(
                check=check,
                found=f"{n / fast:.2f} clips/s, {n} at once; one by one, {spoken} tokens each, "
                f"{1 / (rows * slow):.2f}; ratio {rows * slow * n / fast:.1f}",
                verdict="noted",
            )


def memory(machine: Machine) -> Iterator[Row]:
    """Compare what is taken up with what was planned: 1.25 of it is what a device has, and what is planned with 1."""
    shape, new = machine.shape, 16
    model = machine.model(machine.dtypes[0])
    generator = Generator(model, max_new_tokens=new, kv_budget=BUDGET)
    for most, rows in ((1, 1), (1, 26), (3, 9), (8, 1)):
        n = min(most, generator.clips_at_once(shape.frames, rows))
        check = f"{shape.name}, {n} clip(s) of {rows} question(s)"
        if machine.over:
            yield Row(check=check, verdict="cut short")
            continue
        clips = clips_of(model, shape, [rows] * n)
        planned = generator._footprint.clips([generator._size(clip) for clip in clips], new)
        taken, _ = machine.peak(partial(generator.generate, clips))
        if not machine.cuda:
            yield Row(check=check, found=f"{planned / 1e6:.1f} MB planned", verdict="needs CUDA")
            continue
        found = f"{taken / 1e9:.2f} GB of {planned / 1e9:.2f} GB planned, {taken / planned:.2f}"
        yield Row(check=check, found=found, verdict="ok" if taken <= 1.25 * planned else "failed")


def recovery(machine: Machine) -> Iterator[Row]:
    """Let memory run out in spite of the plan, and show what smaller batches say and leave behind."""
    shape, new = machine.shape, 16
    model = machine.model(machine.dtypes[0])
    generator = Generator(model, max_new_tokens=new, kv_budget=BUDGET)
    n = min(4, generator.clips_at_once(shape.frames, 9))
    rows = 9 if n > 1 else 26
    clips = clips_of(model, shape, [rows] * n)
    sizes = [generator._size(clip) for clip in clips]
    half = sizes[: n // 2] or [replace(sizes[0], rows=rows // 2)]
    taken, expected = machine.peak(partial(generator.generate, clips))
    # Between what half of the work takes up, and what all of it does.
    room = taken * (1 + generator._footprint.clips(half, new) / generator._footprint.clips(sizes, new)) / 2
    before = machine.held()
    generator = Generator(model, max_new_tokens=new, kv_budget=BUDGET)
    with machine.short_of_memory(int(room), rows=sum(size.rows for size in half)):
        found = generator.generate(clips)
    kept, halvings = machine.held() - before, generator.batching()["halvings"]
    given = f"{kept / 1e6:.1f} MB not given back" if machine.cuda else "by a stand-in: running out needs CUDA"
    yield Row(
        check=f"{shape.name}, {n} clip(s) of {rows} questions where half fit",
        found=f"{halvings} halvings; {_flips(found, expected)}; {given}",
        verdict="ok" if halvings and kept < 2**26 else "failed",
    )


def deterministic(machine: Machine) -> Iterator[Row]:
    """Show that batches that depend on nothing but the run say the same, however much memory there is."""
    check = "model.deterministic=true, with all memory and with little"
    shape, new = machine.shape, 16
    model = machine.model(machine.dtypes[0])
    clips = clips_of(model, shape, (9, 5))
    generator = Generator(model, max_new_tokens=new, kv_budget=BUDGET)
    size, footprint = generator._size(clips[0]), generator._footprint
    # Room for the prefix and four of its rows.
    budget = size.prefix * footprint.kept + footprint.rows(4, size.longest, new)

    def ask() -> list[Any]:
        made = Generator(model, max_new_tokens=new, kv_budget=budget, deterministic=True)
        return [*(made.generate([clip])[0] for clip in clips), made.batching()["batches"]]

    taken, (*expected, batches) = machine.peak(ask)
    with machine.short_of_memory(int(1.5 * taken), rows=9):
        *found, again = ask()
    # All of a clip's questions would fit into the device, so that more batches than clips are the budget's doing.
    same = found == expected and batches == again > len(clips)
    told = f"{_flips(found, expected)}; {batches} and {again} batches for {len(clips)} clips"
    yield Row(check=check, found=told, verdict="ok" if same else "failed")


def _flips(found: Sequence[Sequence[Any]], expected: Sequence[Sequence[Any]]) -> str:
    pairs = [pair for a, b in zip(found, expected, strict=True) for pair in zip(a, b, strict=True)]
    return f"{sum(one != other for one, other in pairs)} of {len(pairs)} outputs differ"


def _named(dtype: torch.dtype) -> Any:
    return str(dtype).removeprefix("torch.")


PARTS: dict[str, tuple[Callable[[Machine], Iterator[Row]], float]] = {
    "kernel": (kernel, 1.0),
    "tiny": (tiny, 2.0),
    "large": (large, 4.0),
    "speed": (speed, 4.0),
    "memory": (memory, 1.5),
    "recovery": (recovery, 1.5),
    "deterministic": (deterministic, 1.0),
}
"""The parts, and their shares of the time; what one leaves is the others'."""
