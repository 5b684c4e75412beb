"""Plant faults in the harness and see which of them tarsier-tiny's accuracy shows: `python -m benchmarks.mini.faults`.

Every fault is planted from outside, by wrapping or replacing a piece of the real pipeline, and the held-out clips
are asked again. The tables go into README.md, between the markers.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
from PIL import Image

from benchmarks.mini.held_out import Tally, multiple_choice_samples, other_samples, tallied
from eval.core import Clip, LoadedClip, Sample
from eval.video.frames import load_frames
from eval.video.sampling import sample_indices

if TYPE_CHECKING:
    import torch

    from eval.models.tarsier.runner import TarsierRunner

HERE = Path(__file__).parent
CHECKPOINT = HERE / "tarsier-tiny"
PROCESSES = 2

Frames = list[Image.Image]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing done wrong; every field replaces or changes one piece of the pipeline."""

    name: str
    n_frames: int = 8
    frames: Callable[[Frames], Frames] | None = None
    """Changes the decoded frames."""
    positions: Callable[[int], list[int]] | None = None
    """Replaces the sampling rule: frame numbers within a span of so many frames."""
    square: Callable[[Image.Image], Image.Image] | None = None
    """Replaces the square resize."""
    runner: Callable[[TarsierRunner], None] | None = None
    """Changes the loaded model or its processor."""
    prompt: Callable[[str], str] | None = None
    """Changes the prompt."""
    clip: Callable[[Clip], Clip] | None = None
    """Changes what is shown."""


def swap_channels(frames: Frames) -> Frames:
    """Read RGB as BGR."""
    return [Image.fromarray(np.ascontiguousarray(np.asarray(frame)[..., ::-1])) for frame in frames]


def pad_to_square(frame: Image.Image) -> Image.Image:
    """Centre a frame on a gray square instead of stretching it."""
    side = max(frame.size)
    padded = Image.new("RGB", (side, side), (122, 116, 104))
    padded.paste(frame, ((side - frame.width) // 2, (side - frame.height) // 2))
    return padded


def whole_clip(clip: Clip) -> Clip:
    """Forget the span; of listed frames, show the whole folder."""
    source = clip.source if isinstance(clip.source, Path) else clip.source[0].parent
    return Clip(source=source)


def leave_out_separators(runner: TarsierRunner) -> None:
    """Feed the patches alone, without newline and frame-end embeddings."""

    def patches_alone(patches: torch.Tensor) -> torch.Tensor:
        return patches

    model, processor = _parts(runner)
    model.model.add_separators = patches_alone
    side = model.config.vision_config.image_size // model.config.vision_config.patch_size
    processor._positions_per_frame = side * side


def swap_separators(runner: TarsierRunner) -> None:
    """Take each separator's embedding for the other's."""
    config = _parts(runner)[0].config
    config.image_newline_idx, config.image_new_idx = config.image_new_idx, config.image_newline_idx


def last_vision_layer(runner: TarsierRunner) -> None:
    """Read the vision tower's last layer instead of the one before."""
    _parts(runner)[0].config.vision_feature_layer = -1


def without_step(step: str) -> Callable[[TarsierRunner], None]:
    """Return a change that leaves out a step of the image processor."""

    def leave_out(runner: TarsierRunner) -> None:
        setattr(_parts(runner)[1]._images, step, False)

    return leave_out


def _parts(runner: TarsierRunner) -> tuple[Any, Any]:
    return runner._model, runner._processor


FAULTS = (
    Fault(name="none"),
    Fault(name="frames reversed", frames=lambda frames: frames[::-1]),
    Fault(name="channels swapped", frames=swap_channels),
    Fault(name="first frame only, eight times", frames=lambda frames: frames[:1] * 8),
    Fault(name="half the frames (4)", n_frames=4),
    Fault(name="twice the frames (16)", n_frames=16),
    Fault(name="first half of the clip", positions=lambda total: sample_indices((total + 1) // 2, 8)),
    Fault(name="second half of the clip", positions=lambda total: sample_indices((total + 1) // 2, 8, total // 2)),
    Fault(
        name="each frame one too late",
        positions=lambda total: [min(index + 1, total - 1) for index in sample_indices(total, 8)],
    ),
    Fault(name="indices rounded down", positions=lambda total: [place * (total - 1) // 7 for place in range(8)]),
    Fault(name="centres of eight parts", positions=lambda total: [(2 * part + 1) * total // 16 for part in range(8)]),
    Fault(name="span ignored", clip=whole_clip),
    Fault(name="no square resize (centre crop)", square=lambda frame: frame),
    Fault(name="padded to a square", square=pad_to_square),
    Fault(name="normalisation left out", runner=without_step("do_normalize")),
    Fault(name="rescaling left out", runner=without_step("do_rescale")),
    Fault(name="two special embeddings left out", runner=leave_out_separators),
    Fault(name="two special embeddings swapped", runner=swap_separators),
    Fault(name="vision layer -1", runner=last_vision_layer),
    Fault(name='prompt without "Answer: ("', prompt=lambda prompt: prompt.removesuffix(" Answer: (")),
    Fault(
        name="roles in lower case",
        prompt=lambda prompt: prompt.replace("USER:", "user:").replace("ASSISTANT:", "assistant:"),
    ),
    Fault(name='options as "A. "', prompt=lambda prompt: re.sub(r"\n\((.)\) ", r"\n\1. ", prompt)),
    Fault(name="asked in NeXT-QA's form", prompt=lambda prompt: prompt.replace("\nQuestion:", "")),
)


@contextmanager
def planted(fault: Fault) -> Iterator[None]:
    """Replace the pieces of the pipeline that are functions of a module."""
    with ExitStack() as stack:
        if fault.positions is not None:
            rule = fault.positions

            def spread(total: int, fps: float, _n_frames: int, start: float | None, end: float | None) -> list[int]:
                first = int(fps * start) if start else 0
                last = min(total - 1, int(fps * end)) if end else total - 1
                return [first + index for index in rule(last - first + 1)]

            stack.enter_context(mock.patch("eval.video.choosing.span_indices", spread))
            stack.enter_context(mock.patch("eval.video.choosing.distinct_indices", lambda total, _n: rule(total)))
        if fault.square is not None:
            stack.enter_context(mock.patch("eval.models.tarsier.processing.to_square", fault.square))
        yield


def measure(fault: Fault, samples: Sequence[Sample], checkpoint: Path) -> Mapping[str, Tally]:
    """Ask all samples with a fault planted."""
    import torch

    from eval.models.tarsier.runner import TarsierRunner

    torch.set_num_threads(1)
    runner = TarsierRunner(name="tarsier-tiny", checkpoint=str(checkpoint), n_frames=fault.n_frames, device="cpu")
    if fault.runner is not None:
        fault.runner(runner)

    def load(clips: Iterable[Clip]) -> Iterator[LoadedClip]:
        for clip in clips:
            frames = load_frames(fault.clip(clip) if fault.clip else clip, runner.frames)
            yield LoadedClip(clip=clip, frames=fault.frames(frames) if fault.frames else frames)

    if fault.prompt is not None:
        samples = [replace(sample, prompt=fault.prompt(sample.prompt)) for sample in samples]
    with planted(fault):
        return tallied(samples, runner, load)


def measure_number(number: int, samples: Sequence[Sample], checkpoint: Path) -> Mapping[str, Tally]:
    """Measure the fault with a number; faults hold lambdas, which do not travel between processes."""
    return measure(FAULTS[number], samples, checkpoint)


def overall(tallies: Mapping[str, Tally]) -> float:
    """Return the unweighted mean over subtasks, MVBench's headline."""
    return sum(tally.accuracy for tally in tallies.values()) / len(tallies)


def accuracy_table(tallies: Mapping[str, Tally], others: Mapping[str, Tally]) -> str:
    """Return accuracy by subset as a Markdown table."""
    lines = ["| what | accuracy | chance | n |", "|---|---|---|---|"]
    chance = sum(tally.chance or 0 for tally in tallies.values()) / len(tallies)
    total = sum(tally.total for tally in tallies.values())
    lines += [_accuracy_line(name, tally) for name, tally in tallies.items()]
    lines.append(f"| **mean over subtasks** | **{100 * overall(tallies):.1f}** | {100 * chance:.0f} | {total} |")
    lines += [_accuracy_line(name, tally) for name, tally in others.items()]
    return "\n".join(lines)


def _accuracy_line(name: str, tally: Tally) -> str:
    chance = "" if tally.chance is None else f"{100 * tally.chance:.0f}"
    return f"| {name} | {100 * tally.accuracy:.1f} | {chance} | {tally.total} |"


def fault_table(results: Sequence[tuple[Fault, Mapping[str, Tally]]]) -> str:
    """Return what each fault does to the mean and to the subtasks it hits hardest, as a Markdown table."""
    sound = results[0][1]
    lines = ["| fault | mean | fall | falls most |", "|---|---|---|---|"]
    for fault, tallies in results:
        falls = sorted(((sound[name].accuracy - tally.accuracy, name) for name, tally in tallies.items()), reverse=True)
        most = ", ".join(
            f"{name} {100 * sound[name].accuracy:.0f} to {100 * tallies[name].accuracy:.0f}"
            for fall, name in falls[:3]
            if fall > 0
        )
        mean = overall(tallies)
        lines.append(f"| {fault.name} | {100 * mean:.1f} | {100 * (overall(sound) - mean):.1f} | {most} |")
    return "\n".join(lines)


def write_between(path: Path, marker: str, text: str) -> None:
    """Replace what stands between `<!-- marker -->` and `<!-- /marker -->`."""
    start, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    before, _, rest = path.read_text(encoding="utf-8").partition(start)
    _, _, after = rest.partition(end)
    path.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure everything and write the tables."""
    parser = argparse.ArgumentParser(description="Measure tarsier-tiny, sound and with planted faults.")
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    parser.add_argument("--sound-only", action="store_true", help="leave the faults out")
    parser.add_argument("--readme", type=Path, default=HERE / "README.md", help="where the tables go")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        samples = multiple_choice_samples(Path(folder) / "world")
        others = other_samples(Path(folder) / "others")
        with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
            free = pool.submit(measure_number, 0, others, chosen.checkpoint)
            faults = FAULTS[:1] if chosen.sound_only else FAULTS
            work = partial(measure_number, samples=samples, checkpoint=chosen.checkpoint)
            results = []
            for fault, tallies in zip(faults, pool.map(work, range(len(faults))), strict=True):
                results.append((fault, tallies))
                if len(results) == 1:
                    print(accuracy_table(tallies, free.result()), flush=True)
                print(fault_table([results[0], (fault, tallies)]).splitlines()[-1], flush=True)
    if not chosen.sound_only:
        write_between(chosen.readme, "accuracy", accuracy_table(results[0][1], free.result()))
        write_between(chosen.readme, "faults", fault_table(results))


if __name__ == "__main__":
    main()
