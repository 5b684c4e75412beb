"""Measures the runner against the sequential loop: decode, encode and generate for every question, as upstream does.

    OMP_NUM_THREADS=1 .venv/bin/python scripts/bench_runner.py [--part tiny real] [--rounds 1] [--seq 1]

Both ways use the same weights and clips in one process, and what they say is compared. `tiny` is tarsier-tiny on every
built-in benchmark. `real` is a random model of the real shape, 8 frames of 601 positions (CLIP 336/14, a narrow
Llama, 26 M parameters), on one clip. There the sequential loop is timed on `--seq` questions and multiplied, since each
of its questions costs the same. Prints a table, and writes it to results/bench/runner.md.
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
from pathlib import Path
from typing import Any
from unittest import mock

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import torch  # noqa: E402

from benchmarks.mini.world import WORLD  # noqa: E402
from eval.config import build, load_settings, names  # noqa: E402
from eval.core import Clip, Sample  # noqa: E402
from eval.models.tarsier.runner import TarsierRunner  # noqa: E402
from eval.pipeline import predict  # noqa: E402
from eval.video.frames import load_frames  # noqa: E402
from tests.models.sequential import sequential  # noqa: E402

TINY = PROJECT / "benchmarks" / "mini" / "tarsier-tiny"
SCORER = {"_target_": "eval.scorers.multiple_choice.MultipleChoice"}
WORKS = (
    ("multiple choice, 9 questions a clip", 9, 8, False),
    ("the same, stopped after the letter", 9, 8, True),
    ("multiple choice, 26 questions a clip", 26, 8, False),
    ("the same, stopped after the letter", 26, 8, True),
    ("multiple choice, 1 question a clip", 1, 8, False),
    ("the same, stopped after the letter", 1, 8, True),
    ("open QA, 26 questions a clip", 26, 64, False),
    ("captions, 1 a clip", 1, 20, False),
)
"""Work, questions a clip, new tokens of the sequential loop, and whether the runner stops after the first token."""

Row = tuple[str, float, float, str]
"""Work, seconds of the sequential loop, seconds of the runner, and what was compared."""


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


def samples_of(name: str) -> list[Sample]:
    """Return the samples of a benchmark in the built-in world."""
    node = load_settings([f"benchmark={name}"]).benchmark
    benchmark = build({**node, "scorer": SCORER, "pack": None, "data": str(WORLD), "source": "upstream"}, "benchmark")
    return list(benchmark.samples())


def one_by_one(runner: TarsierRunner, asked: Sequence[tuple[Clip, str]]) -> list[str]:
    """Do as upstream: the whole way for every question."""
    with as_upstream():
        return [sequential(runner, load_frames(clip, runner.n_frames), [text])[0].output for clip, text in asked]


def tiny(rounds: int) -> Iterator[Row]:
    """Measure tarsier-tiny on all built-in benchmarks, and on one clip with many questions."""
    runner = TarsierRunner(name="tarsier-tiny", checkpoint=str(TINY), device="cpu", max_new_tokens=64)
    total = [0.0, 0.0, 0, 0]
    for name in names("benchmark"):
        samples = samples_of(name)
        asked = [(sample.clip, sample.prompt) for sample in samples]
        slow, fast = [], []
        for _ in range(rounds):
            seconds, expected = timed(lambda asked=asked: one_by_one(runner, asked))  # type: ignore[misc]
            slow.append(seconds)
            seconds, groups = timed(lambda samples=samples: list(predict(samples, runner, load_frames)))  # type: ignore[misc]
            fast.append(seconds)
            found = {prediction.id: prediction.output for group in groups for prediction in group}
            same = sum(found[sample.id] == text for sample, text in zip(samples, expected, strict=True))
        total = [total[0] + statistics.median(slow), total[1] + statistics.median(fast), total[2] + same,
                 total[3] + len(samples)]  # fmt: skip
        clips = len({sample.clip for sample in samples})
        yield (
            f"tiny: {name}, {len(samples)} questions, {clips} clips",
            statistics.median(slow), statistics.median(fast), f"{same} of {len(samples)} equal",
        )  # fmt: skip
    yield "tiny: all built-in benchmarks", total[0], total[1], f"{total[2]} of {total[3]} equal"


def make_real_shape(folder: Path) -> None:
    """Write a random checkpoint of the real shape, with tarsier-tiny's tokenizer and no end token."""
    from transformers import CLIPVisionConfig, LlamaConfig

    from eval.models.tarsier.model import TarsierConfig, TarsierForConditionalGeneration

    torch.manual_seed(0)
    known = json.loads((TINY / "config.json").read_text())
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
        shutil.copy(TINY / name, folder / name)
    processor = json.loads((folder / "preprocessor_config.json").read_text())
    processor.update(crop_size={"height": 336, "width": 336}, size={"shortest_edge": 336})
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    (folder / "generation_config.json").write_text(json.dumps({"bos_token_id": 1, "pad_token_id": 3}))


def real(rounds: int, n_sequential: int) -> Iterator[Row]:
    """Measure the real shape on one clip."""
    samples = samples_of("mvbench")
    clip = samples[0].clip
    prompts = list(dict.fromkeys(sample.prompt for sample in samples))[:26]
    with tempfile.TemporaryDirectory() as folder:
        make_real_shape(Path(folder))
        alone: dict[int, tuple[float, list[str]]] = {}
        for work, n, new, stops in WORKS:
            runner = TarsierRunner(name="real", checkpoint=folder, device="cpu", max_new_tokens=new)
            if new not in alone:
                asked = [(clip, prompt) for prompt in prompts[:n_sequential]]
                runs = [timed(lambda runner=runner, asked=asked: one_by_one(runner, asked)) for _ in range(rounds)]  # type: ignore[misc]
                alone[new] = statistics.median(run[0] for run in runs) / n_sequential, runs[0][1]
            settled = (lambda _: True) if stops else None
            together = [
                timed(
                    lambda runner=runner, n=n, settled=settled: runner.generate(  # type: ignore[misc]
                        load_frames(clip, runner.n_frames), prompts[:n], settled=settled
                    )
                )
                for _ in range(rounds)
            ]
            each, expected = alone[new]
            outputs = [generation.output for generation in together[0][1]]
            pairs = list(zip(outputs, expected, strict=False))
            same = sum(whole.startswith(text) if stops else whole == text for text, whole in pairs)
            yield (
                f"real shape: {work}, {1 if stops else new} new tokens",
                n * each, statistics.median(run[0] for run in together), f"{same} of {len(pairs)} equal",
            )  # fmt: skip


def main() -> None:
    """Run the parts and write the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--part", nargs="+", choices=("tiny", "real"), default=("tiny", "real"))
    arguments.add_argument("--rounds", type=int, default=1, help="repetitions, of which the median is taken")
    arguments.add_argument("--seq", type=int, default=1, help="questions of the sequential loop at the real shape")
    arguments.add_argument("--out", type=Path, default=PROJECT / "results" / "bench" / "runner.md")
    given = arguments.parse_args()
    lines = ["| work | sequential loop, s | runner, s | ratio | outputs |", "|---|---|---|---|---|"]
    print("\n".join(lines), flush=True)
    parts = {"tiny": lambda: tiny(given.rounds), "real": lambda: real(given.rounds, given.seq)}
    for part in given.part:
        for work, slow, fast, same in parts[part]():
            lines.append(f"| {work} | {slow:.2f} | {fast:.2f} | {slow / fast:.2f} | {same} |")
            print(lines[-1], flush=True)
    head = (
        "# The runner against the sequential loop\n\n"
        f"`scripts/bench_runner.py`: {platform.processor() or platform.machine()}, {torch.get_num_threads()} thread, "
        f"torch {torch.__version__}, rounds {given.rounds}. Real shape: the loop's time is that of {given.seq} "
        "question(s), multiplied.\n\n"
    )
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
