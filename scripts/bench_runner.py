"""Measures the runner against the sequential loop: decode, encode and generate for every question, as upstream does.

    make bench [ARGS="--part tiny real --rounds 3 --seq 1 --threads 1"]

Both ways use the same weights and clips in one process tree, turn by turn, and what they say is compared. `tiny` is
tarsier-tiny on every built-in benchmark, asked as `make eval BENCH=all` asks. `real` is a random model of the real
shape, 8 frames of 601 positions (CLIP 336/14, a narrow Llama, 26 M parameters), on one clip. There the sequential loop
is timed on `--seq` questions and multiplied, since each of its questions costs the same. `tarsier2` is the same for a
random Tarsier2, 16 frames of 576 positions, and captions of clips of several lengths together. Prints a table, and
writes it to results/bench/runner.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import torch  # noqa: E402

from benchmarks.mini.world import WORLD  # noqa: E402
from eval.building import build  # noqa: E402
from eval.config import load_settings, names  # noqa: E402
from eval.core import ClipPrompts, Sample, Scorer, StopWhen  # noqa: E402
from eval.engines.predicting import predict  # noqa: E402
from eval.models.tarsier.runner import TarsierRunner  # noqa: E402
from eval.scorers.multiple_choice import MultipleChoice  # noqa: E402
from eval.video.frames import load_frames  # noqa: E402
from eval.video.workers import FrameLoader  # noqa: E402

TINY = {family: PROJECT / "benchmarks" / "mini" / f"{family}-tiny" for family in ("tarsier", "tarsier2")}
"""The built-in checkpoints by family."""
WORKS = (
    ("multiple choice, 9 questions a clip", 9, 8, False, 7.0),
    ("multiple choice, 9 questions a clip, stopped when settled", 9, 8, True, None),
    ("multiple choice, 26 questions a clip", 26, 8, False, 18.0),
    ("multiple choice, 26 questions a clip, stopped when settled", 26, 8, True, None),
    ("multiple choice, 1 question a clip", 1, 8, False, 1.1),
    ("multiple choice, 1 question a clip, stopped when settled", 1, 8, True, None),
    ("open QA, 26 questions a clip, 64 new tokens", 26, 64, False, 12.0),
    ("captions, 1 a clip, 20 new tokens", 1, 20, False, 1.1),
)
WORKS2 = WORKS[:6:2]
"""The same for Tarsier2's shape: 1, 9 and 26 questions a clip."""
CLIPS2 = ((896, 504), (448, 336), (616, 336), (504, 896), (448, 336), (392, 280))
"""Sizes of the clips whose captions are asked for together, in pixels."""
"""Work, questions a clip, new tokens of the sequential loop, whether the runner stops after the first, and the goal."""


PARTS = ("tiny", "real", "tarsier2")


@dataclass(slots=True)
class Measured:
    """One line of the table."""

    work: str
    goal: float | None = None
    slow: list[float] = field(default_factory=list)
    """Seconds of the sequential loop, by round."""
    fast: list[float] = field(default_factory=list)
    """Seconds of the runner, by round."""
    same: int = 0
    compared: int = 0

    def add(self, slow: float, fast: float, pairs: Sequence[tuple[Any, Any]]) -> None:
        """Add a round: the seconds of both ways, and pairs of what they said."""
        self.slow.append(slow)
        self.fast.append(fast)
        self.compared = len(pairs)
        self.same = sum(one == other for one, other in pairs)

    def line(self) -> str:
        """Return it as a row of Markdown: medians, and the ratio of each round's two times."""
        ratios = sorted(slow / fast for slow, fast in zip(self.slow, self.fast, strict=True))
        goal = "" if self.goal is None else f"{self.goal:g}"
        return (
            f"| {self.work} | {statistics.median(self.slow):.2f} | {statistics.median(self.fast):.2f} "
            f"| {statistics.median(ratios):.2f} | {ratios[0]:.2f}-{ratios[-1]:.2f} | {goal} "
            f"| {self.same}/{self.compared} |"
        )


HEAD = "| work | sequential loop, s | runner, s | ratio | from-to | goal | equal outputs |\n" + "|---" * 7 + "|"


@contextmanager
def as_upstream() -> Iterator[None]:
    """Compute the vision tower's last layer too, which nothing reads."""
    with mock.patch("eval.models.tarsier.model._without_layers_past", return_value=nullcontext()):
        yield


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that a piece of work takes, and what it returns."""
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def built_in(name: str) -> tuple[list[Sample], Scorer]:
    """Return the samples of a benchmark in the built-in world, and its scorer."""
    node = load_settings([f"benchmark={name}"]).benchmark
    choice = MultipleChoice()
    benchmark = build({**node, "pack": None, "data": str(WORLD), "source": "upstream"}, "benchmark", {"scorer": choice})
    return list(benchmark.samples()), choice


def one_by_one(runner: TarsierRunner, samples: Sequence[Sample]) -> list[str]:
    """Do as upstream: the whole way for every question."""
    with as_upstream():
        frames = [load_frames(sample.clip, runner.frames) for sample in samples]
        asked = [ClipPrompts(frames=of_clip, prompts=[s.prompt]) for of_clip, s in zip(frames, samples, strict=True)]
        return [runner.alone(one).output for one in asked]


def tiny(rounds: int) -> Iterator[Measured]:
    """Measure tarsier-tiny on all built-in benchmarks, each by itself and all in one run."""
    runner = TarsierRunner(name="tarsier-tiny", checkpoint=str(TINY["tarsier"]), device="cpu", max_new_tokens=64)
    found = {name: built_in(name)[0] for name in names("benchmark")}
    letters = [name for name, samples in found.items() if samples[0].options]
    settled = {name: MultipleChoice().settled() for name in letters}
    whole = Measured("tiny: all built-in benchmarks in one run", goal=4.0)
    apart = {
        name: Measured(f"tiny: {name}, {len(samples)} questions, {len({s.clip for s in samples})} clips")
        for name, samples in found.items()
    }
    with FrameLoader() as loader:
        load = partial(loader.load, policy=runner.frames)
        list(load([found["mvbench"][0].clip, found["mvbench"][-1].clip]))  # the processes are up, as the model is
        for _ in range(rounds):
            expected: dict[tuple[str, str], str] = {}
            for name, samples in found.items():
                seconds, texts = timed(partial(one_by_one, runner, samples))
                apart[name].slow.append(seconds)
                expected.update(((name, s.id), text) for s, text in zip(samples, texts, strict=True))
                together(apart[name], samples, runner, load, settled, expected)
            everything = [sample for samples in found.values() for sample in samples]
            whole.slow.append(sum(measured.slow[-1] for measured in apart.values()))
            together(whole, everything, runner, load, settled, expected)
    yield from apart.values()
    yield whole


def together(
    measured: Measured,
    samples: Sequence[Sample],
    runner: TarsierRunner,
    load: Any,
    settled: dict[str, StopWhen | None],
    expected: dict[tuple[str, str], str],
) -> None:
    """Run a round of the shared runner, and compare what it says with what the loop said."""
    seconds, groups = timed(lambda: list(predict(samples, runner, load, settled=settled)))
    measured.fast.append(seconds)
    pairs = [pair for group in groups for pair in group]
    measured.compared = len(pairs)
    # A settled output is the beginning of the whole one.
    measured.same = sum(
        text.startswith(prediction.output or "-") if sample.benchmark in settled else text == prediction.output
        for sample, prediction in pairs
        for text in [expected[sample.benchmark, sample.id]]
    )


def make_real_shape(folder: Path) -> None:
    """Write a random checkpoint of the real shape, with tarsier-tiny's tokenizer and no end token."""
    from transformers import CLIPVisionConfig, LlamaConfig

    from eval.models.tarsier.config import TarsierConfig
    from eval.models.tarsier.model import TarsierForConditionalGeneration

    torch.manual_seed(0)
    known = json.loads((TINY["tarsier"] / "config.json").read_text())
    vocabulary = known["text_config"]["vocab_size"]
    config = TarsierConfig(
        text_config=LlamaConfig(
            vocab_size=vocabulary, hidden_size=512, intermediate_size=1376, num_hidden_layers=8,
            num_attention_heads=8, max_position_embeddings=8192, bos_token_id=1, pad_token_id=3, eos_token_id=None,
            initializer_range=0.08,
        ),
        vision_config=CLIPVisionConfig(
            hidden_size=256, intermediate_size=1024, num_hidden_layers=6, num_attention_heads=4, image_size=336,
            patch_size=14,
        ),
        **{key: known[key] for key in ("image_token_index", "image_newline_idx", "image_new_idx")},
    )  # fmt: skip
    TarsierForConditionalGeneration(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
        shutil.copy(TINY["tarsier"] / name, folder / name)
    processor = json.loads((folder / "preprocessor_config.json").read_text())
    processor.update(crop_size={"height": 336, "width": 336}, size={"shortest_edge": 336})
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    (folder / "generation_config.json").write_text(json.dumps({"bos_token_id": 1, "pad_token_id": 3}))


def real(rounds: int, n_sequential: int) -> Iterator[Measured]:
    """Measure the real shape on one clip; in each round the loop is timed right before the works that it stands for."""
    samples = list({sample.prompt: sample for sample in built_in("mvbench")[0]}.values())[:26]
    clip, prompts = samples[0].clip, [sample.prompt for sample in samples]
    alone = [Sample(id=s.id, benchmark="", subset="", clip=clip, prompt=s.prompt, targets=()) for s in samples]
    works = [Measured(f"real shape: {work}", goal=goal) for work, _, _, _, goal in WORKS]
    with tempfile.TemporaryDirectory() as folder:
        make_real_shape(Path(folder))
        runners = {
            new: TarsierRunner(name="real", checkpoint=folder, device="cpu", max_new_tokens=new)
            for new in sorted({new for _, _, new, _, _ in WORKS})
        }
        for _ in range(rounds):
            each: dict[int, tuple[float, list[str]]] = {}
            for measured, (_, n, new, stops, _) in zip(works, WORKS, strict=True):
                if new not in each:
                    seconds, texts = timed(partial(one_by_one, runners[new], alone[:n_sequential]))
                    each[new] = seconds / n_sequential, texts
                rules = [(lambda _: True) if stops else None] * n
                seconds, made = timed(partial(on_one_clip, runners[new], clip, prompts[:n], rules))
                measured.slow.append(n * each[new][0])
                measured.fast.append(seconds)
                pairs = list(zip(made, each[new][1], strict=False))
                measured.compared = len(pairs)
                measured.same = sum(whole.startswith(text) if stops else whole == text for text, whole in pairs)
    yield from works


def tarsier2(rounds: int, n_sequential: int) -> Iterator[Measured]:
    """Measure a narrow Tarsier2 on 16 frames of 576 positions, and captions of clips of several lengths together.

    Frames are there already, so that only the model's work is compared.
    """
    from eval.models.decoding.generator import Generator
    from eval.models.decoding.reference import continue_alone
    from scripts.gpu_models import Shape, clips_of, random_model

    shape = Shape(name="narrow", hidden=512, inner=1376, layers=8, heads=8, kv_heads=2, vocabulary=600, frames=16,
                  image=(504, 896), vision=(256, 1024, 6, 4), family="tarsier2")  # fmt: skip
    model = random_model(shape, torch.device("cpu"), torch.float32)
    works = [Measured(f"Tarsier2's shape: {work}", goal=goal) for work, _, _, _, goal in WORKS2]
    captions = Measured(f"Tarsier2's shape: captions of {len(CLIPS2)} clips of 4 frames together", goal=1.1)
    shapes = [replace(shape, frames=4, image=(height, width)) for width, height in CLIPS2]
    several = [clips_of(model, one, (1,))[0] for one in shapes]
    for _ in range(rounds):
        for measured, (_, n, new, _, _) in zip(works, WORKS2, strict=True):
            (clip,) = clips_of(model, shape, (n,))
            alone = [partial(continue_alone, model, clip.media, ids, new) for ids in clip.prompts[:n_sequential]]
            slow, expected = timed(partial(_each, alone))
            fast, ((*found,),) = timed(partial(Generator(model, max_new_tokens=new, kv_budget=10**10).generate, [clip]))
            measured.add(slow * n / n_sequential, fast, list(zip(expected, found, strict=False)))
        slow, expected = timed(lambda: [continue_alone(model, one.media, one.prompts[0], 20) for one in several])
        fast, made = timed(partial(Generator(model, max_new_tokens=20, kv_budget=10**10).generate, several))
        captions.add(slow, fast, [(one, ids) for one, (ids,) in zip(expected, made, strict=True)])
    yield from (*works, captions)


def _each(works: Sequence[Callable[[], Any]]) -> list[Any]:
    return [work() for work in works]


def on_one_clip(runner: TarsierRunner, clip: Any, prompts: Sequence[str], rules: Sequence[Any]) -> list[str]:
    """Decode a clip and ask everything about it."""
    asked = ClipPrompts(frames=load_frames(clip, runner.frames), prompts=prompts, settled=rules)
    return [generation.output for generation in runner.generate([asked])[0]]


def main() -> None:
    """Run the parts and write the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    arguments.add_argument("--rounds", type=int, default=3, help="repetitions; the table has medians and the range")
    arguments.add_argument("--seq", type=int, default=1, help="questions of the sequential loop at the real shape")
    arguments.add_argument("--threads", type=int, default=1, help="torch's threads, for both")
    arguments.add_argument("--out", type=Path, default=PROJECT / "results" / "bench" / "runner.md")
    given = arguments.parse_args()
    torch.set_num_threads(given.threads)
    parts = {
        "tiny": lambda: tiny(given.rounds),
        "real": lambda: real(given.rounds, given.seq),
        "tarsier2": lambda: tarsier2(given.rounds, given.seq),
    }
    lines = [HEAD]
    print(HEAD, flush=True)
    for part in given.part:
        for measured in parts[part]():
            lines.append(measured.line())
            print(lines[-1], flush=True)
    head = (
        "# The runner against the sequential loop\n\n"
        f"`make bench`: {platform.processor() or platform.machine()}, {torch.get_num_threads()} thread(s), "
        f"torch {torch.__version__}, {given.rounds} round(s), medians. Real shape: the loop's time is that of "
        f"{given.seq} question(s), multiplied. An output that was stopped when its score was settled is equal if it "
        "begins the whole one.\n\n"
    )
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
