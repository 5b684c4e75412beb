"""Faults to plant in the harness from outside, for `gate_power.py`: each does one thing wrong in one place."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from scripts.gate_planting import (
    Fault,
    Frames,
    Plant,
    bicubic,
    cropped,
    evenly,
    images,
    on_frames,
    on_ids,
    on_pixels,
    on_prompt,
    on_rule,
    on_runner,
    padded,
    prepared,
    put,
    twice,
    wrap,
)  # fmt: skip


def keep_special(runner: Any) -> None:
    """Leave special tokens in outputs."""
    core = runner._processor.tokenizer._core
    runner._processor.decode = lambda ids: core.decode(list(ids), skip_special_tokens=False)


def no_separators(runner: Any) -> None:
    """Feed the patches alone."""
    runner._model.model.add_separators = lambda patches: patches
    runner._processor._positions_per_frame = 16


def swapped_separators(runner: Any) -> None:
    """Take each separator's embedding for the other's."""
    config = runner._model.config
    config.image_newline_idx, config.image_new_idx = config.image_new_idx, config.image_newline_idx


def first_separators(runner: Any) -> None:
    """Put a frame's end at its beginning."""
    made = runner._model.model.add_separators
    runner._model.model.add_separators = lambda patches: made(patches).roll(1, dims=1)


def zero_newline(runner: Any) -> None:
    """Lose the newline's embedding."""
    import torch

    with torch.no_grad():
        runner._model.get_input_embeddings().weight[runner._model.config.image_newline_idx] = 0


def vision_layer(layer: int) -> Plant:
    """Read another layer of the vision tower."""
    return on_runner(lambda runner: setattr(runner._model.config, "vision_feature_layer", layer))


def relu(runner: Any) -> None:
    """Take another activation in the projector."""
    import torch

    runner._model.model.multi_modal_projector.act = torch.nn.ReLU()


def rope(runner: Any) -> None:
    """Take another base of the rotary embedding."""
    embedding = runner._model.model.language_model.rotary_emb
    n = embedding.inv_freq.shape[0]
    embedding.inv_freq.copy_(1.0 / (1e6 ** (embedding.inv_freq.new_tensor(range(n)) / n)))


def eps(runner: Any) -> None:
    """Take another epsilon in the last norm."""
    runner._model.model.language_model.norm.variance_epsilon = 1e-3


def all_eps(runner: Any) -> None:
    """Take another epsilon in every norm of the language model."""
    for module in runner._model.model.language_model.modules():
        if hasattr(module, "variance_epsilon"):
            module.variance_epsilon = 1e-3


def rounded(kind: str) -> Plant:
    """Round all weights to half precision."""

    def change(runner: Any) -> None:
        import torch

        with torch.no_grad():
            for weight in runner._model.parameters():
                weight.copy_(weight.to(getattr(torch, kind)))

    return on_runner(change)


def no_end(runner: Any) -> None:
    """Go on past the end token."""
    runner._generator._ends = frozenset()


def crossed(made: Callable[..., Any]) -> Callable[..., Any]:
    """Give clips that are asked together, and are neighbours, each other's answers."""

    def generate(self: Any, clips: Any, clock: Any = None) -> Any:
        found = made(self, clips, clock)
        for place in range(0, len(found) - 1, 2):
            if len(found[place]) == len(found[place + 1]):
                found[place : place + 2] = found[place + 1], found[place]
        return found

    return generate


def first_prefix(made: Callable[..., Any]) -> Callable[..., Any]:
    """Continue every row from the prefix of the clip before."""

    def rows(model: Any, prefix: Any, starts: Any, **more: Any) -> Any:
        moved = [replace(start, clip=max(0, start.clip - 1) if prefix.clips > 1 else 0) for start in starts]
        there = {start.clip for start in moved}
        return made(model, prefix, starts if len(there) < 2 else moved, **more)

    return rows


def one_attempt(made: Callable[..., Any]) -> Callable[..., Any]:
    """Ask a judge once only."""
    return lambda judge, questions: made(judge, [replace(q, temperatures=q.temperatures[:1]) for q in questions])


def shorter_labels(made: Callable[..., Any]) -> Callable[..., Any]:
    """Take missing labels for neutral."""

    def read(found: Any, n: int, **more: Any) -> Any:
        events = list(found.get("events", []))
        missing = [{"event": i, "relationship": "neutral"} for i in range(len(events) + 1, n + 1)]
        return made({**found, "events": events + missing}, n, **more)

    return read


def as_wrong(made: Callable[..., Any]) -> Callable[..., Any]:
    """Count a judge's failure as a wrong answer."""
    from eval.judges.calls import Grade
    from eval.judges.rounds import NoAnswer

    wrong = Grade(correct=False, score=0)
    return lambda s, p, answer: made(s, p, wrong if isinstance(answer, NoAnswer) else answer)


def without_spans(made: Callable[..., Any]) -> Callable[..., Any]:
    """Lose the spans of samples."""
    return lambda self: (replace(s, clip=replace(s.clip, start=None, end=None)) for s in made(self))


def micro_of_parts(made: Callable[..., Any]) -> Callable[..., Any]:
    """Weigh subsets by their samples in a macro average."""

    def over(parts: Sequence[Any], groups: Any, **more: Any) -> Any:
        metric = made(parts, groups, **more)
        valued = [part for part in parts if part.value is not None]
        n = sum(part.n for part in valued)
        return replace(metric, value=sum(part.value * part.n for part in valued) / n if n else None)

    return over


def lenient(made: Callable[..., Any]) -> Callable[..., Any]:
    """Leave failures out of `strict`."""
    return lambda scores, accounting, *rest, **more: replace(
        made(scores, "upstream", *rest, **more), accounting=accounting
    )


def searched(text: str) -> Any:
    """Find a verdict anywhere in a reply."""
    import json

    from eval.judges.calls import UnreadableReplyError

    inner = re.search(r"\{[^{}]*\}", text)
    for candidate in (text, inner[0] if inner else ""):
        try:
            found = json.loads(candidate)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    raise UnreadableReplyError("nothing to be found")


def _nudge(frames: Frames) -> Frames:
    data = np.asarray(frames[0]).copy()
    data[0, 0, 0] ^= 1
    return [Image.fromarray(data), *frames[1:]]


def _swap(frames: Frames) -> Frames:
    return [*frames[:3], frames[4], frames[3], *frames[5:]] if len(frames) == 8 else frames


def _gray(frame: Any) -> Any:
    return np.repeat(frame.mean(axis=-1, keepdims=True).astype(np.uint8), 3, axis=-1)


def _letter(read: Callable[..., Any]) -> Plant:
    return put(eval__scorers__multiple_choice__read_letter=read)


def _upper(text: str, _digits: str = "tarsier") -> str | None:
    character = text.replace("(", "").replace(")", "").strip()[:1].upper()
    return character if character.isalpha() else None


def _anywhere(text: str, _digits: str = "tarsier") -> str | None:
    found = re.search(r"\b([A-F])\b", text)
    return found[1] if found else None


_FAULTS: Sequence[tuple[str, str, Plant]] = (
    ("decode", "frames reversed", on_frames(lambda frames: frames[::-1])),
    ("decode", "two neighbours swapped", on_frames(_swap)),
    ("decode", "first frame, eight times", on_frames(lambda frames: frames[:1] * len(frames))),
    ("decode", "one bit of one pixel", on_frames(_nudge)),
    ("decode", "mirrored", on_pixels(lambda frame: frame[:, ::-1])),
    ("decode", "gifs read from the first frame only",
     wrap("eval.video.images.read_picture", lambda read: lambda path, n, rules: read(path, n, rules)[:1])),
    ("colour", "channels swapped", on_pixels(lambda frame: frame[..., ::-1])),
    ("colour", "gray", on_pixels(_gray)),
    ("colour", "limited range taken for full", on_pixels(lambda f: (16 + f * (219 / 255)).round().astype(np.uint8))),
    ("sampling", "each frame one too late", on_rule(lambda n: [min(i + 1, n - 1) for i in evenly(n)])),
    ("sampling", "rounded down", on_rule(lambda n: [i * (n - 1) // 7 for i in range(8)])),
    ("sampling", "centres of eight parts", on_rule(lambda n: [(2 * i + 1) * n // 16 for i in range(8)])),
    ("sampling", "last frame never shown", on_rule(lambda n: [i * n // 8 for i in range(8)])),
    ("sampling", "first half of the clip", on_rule(lambda n: evenly((n + 1) // 2))),
    ("sampling", "halves rounded up", put(
        eval__video__sampling__sample_indices=lambda total, n, start=0: [0] if n == 1 else [
            int(i * (total - 1) / (n - 1) + 0.5) + start for i in range(n)])),
    ("sampling", "spans lost", wrap("eval.readers.benchmark.AnnotatedBenchmark.samples", without_spans)),
    ("sampling", "four frames instead of eight", on_runner(lambda _: None, n_frames=4)),
    ("resize", "bilinear", prepared(lambda frame: bicubic(frame, Image.Resampling.BILINEAR))),
    ("resize", "nearest", prepared(lambda frame: bicubic(frame, Image.Resampling.NEAREST))),
    ("resize", "in one step", prepared(lambda frame: frame.resize((56, 56), Image.Resampling.BICUBIC))),
    ("resize", "centre crop", prepared(cropped)),
    ("resize", "padded to a square", prepared(padded)),
    ("normalisation", "left out", images(do_normalize=False)),
    ("normalisation", "rescaling left out", images(do_rescale=False)),
    ("normalisation", "ImageNet's mean and deviation",
     images(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])),
    ("normalisation", "mean and deviation 0.5", images(image_mean=[0.5] * 3, image_std=[0.5] * 3)),
    ("normalisation", "twice", on_runner(twice)),
    ("prompt", "roles in lower case",
     on_prompt(lambda p: p.replace("USER:", "user:").replace("ASSISTANT:", "assistant:"))),
    ("prompt", 'options as "A. "', on_prompt(lambda p: re.sub(r"\n\((.)\) ", r"\n\1. ", p))),
    ("prompt", "space at the end lost", on_prompt(str.rstrip)),
    ("prompt", "space at the end added", on_prompt(lambda p: f"{p} ")),
    ("prompt", "BOS left out", on_ids(lambda ids: ids[1:])),
    ("prompt", "BOS twice", on_ids(lambda ids: [ids[0], *ids])),
    ("prompt", "line breaks between frames", wrap(
        "eval.models.tarsier.processing.place_frames",
        lambda place: lambda p, n: place(p.replace("<video>", "\n".join(["<image>"] * n)), n),
        "eval.models.tarsier.runner.place_frames")),
    ("special embeddings", "left out", on_runner(no_separators)),
    ("special embeddings", "swapped", on_runner(swapped_separators)),
    ("special embeddings", "end of frame at its beginning", on_runner(first_separators)),
    ("special embeddings", "newline is zero", on_runner(zero_newline)),
    ("model", "vision layer -1", vision_layer(-1)),
    ("model", "vision layer -3", vision_layer(-3)),
    ("model", "ReLU in the projector", on_runner(relu)),
    ("model", "another rotary base", on_runner(rope)),
    ("model", "another epsilon in the last norm", on_runner(eps)),
    ("model", "another epsilon in every norm", on_runner(all_eps)),
    ("model", "end token passed over", on_runner(no_end)),
    ("model", "outputs cut at 4 tokens", on_runner(lambda r: setattr(r._generator, "_max_new_tokens", 4))),
    ("model", "special tokens in outputs", on_runner(keep_special)),
    ("precision", "weights rounded to fp16", rounded("float16")),
    ("precision", "weights rounded to bf16", rounded("bfloat16")),
    ("precision", "computed in bf16", on_runner(lambda _: None, dtype="bfloat16")),
    ("parser", "lower case counts as a letter", _letter(_upper)),
    ("parser", "a letter anywhere counts", _letter(_anywhere)),
    ("parser", "digits read one off", put(eval__scorers__multiple_choice___DIGITS={
        "tarsier": dict(zip("12345", "ABCDE", strict=True)), "tarsier2": dict(zip("012345", "ABCDEF", strict=True))})),
    ("parser", "settled after the first token",
     put(eval__scorers__multiple_choice__MultipleChoice___is_settled=lambda _self, text: bool(text))),
    ("scorer", "articles and inflections count",
     put(eval__scorers__matching__words=lambda text: tuple(text.lower().split()))),
    ("scorer", "CIDEr's penalty for length is wider", put(
        eval__captions__cider___penalties=lambda block: np.exp(-np.arange(64.0 * (block + 1)) ** 2 / 200))),
    ("scorer", "captions split at spaces only", put(eval__scorers__caption__tokenize=str.split)),
    ("scorer", "frequencies of the scored samples only", wrap(
        "eval.scorers.caption.Captioning.score", lambda made: lambda self, pairs, _population=(): made(self, pairs))),
    ("scorer", "a judge's failure counts as wrong", wrap("eval.scorers.open_qa._score", as_wrong)),
    ("scorer", "descriptions compared in their case", put(
        eval__scorers__autodq___texts=lambda sample, prediction: {
            "reference": sample.targets[0], "prediction": prediction.output or ""})),
    ("aggregation", "macro average weighed by samples", wrap(
        "eval.scorers.accounting.over_subsets", micro_of_parts, "eval.scorers.event_table.over_subsets")),
    ("aggregation", "failures left out of strict", wrap(
        "eval.scorers.accounting.over_samples", lenient, "eval.scorers.multiple_choice.over_samples",
        "eval.scorers.event_table.over_samples")),
    ("aggregation", "errors not clustered", put(eval__scorers__accounting__video_of=lambda score: score.id)),
    ("aggregation", "Video-MME's whole videos forgotten",
     put(eval__scorers__multiple_choice___dropped=lambda metric, _kept: metric)),
    ("judge", "a verdict anywhere in the reply", put(eval__judges__structured__read_object=searched)),
    ("judge", "missing labels are neutral", wrap("eval.judges.structured.labels", shorter_labels)),
    ("judge", "asked once only", wrap(
        "eval.judges.rounds.ask", one_attempt, "eval.scorers.open_qa.ask", "eval.scorers.autodq.ask",
        "eval.regression.fixed.ask")),
    ("judge", "another wording", wrap(
        "eval.judges.wording.Wording.fill",
        lambda made: lambda self, *a: (made(self, *a)[0], made(self, *a)[1].strip() + "\n"))),
    ("ordering", "answers of clips asked together exchanged",
     wrap("eval.models.decoding.generator.Generator.generate", crossed)),
    ("ordering", "rows continue another clip's prefix",
     wrap("eval.models.decoding.generator.continue_rows", first_prefix)),
    ("ordering", "padding is looked at",
     put(eval__models__tarsier__rows__Rows__seen=lambda *_: None)),
    ("resume", "done samples asked again",
     put(eval__running__loop___Run__missing=lambda self: list(self.job.samples))),
    ("resume", "half a line stays", put(eval__runs__journal__Journal__repair=lambda _self: None)),
    ("resume", "the second part is not scored", wrap(
        "eval.running.benchmark_run.score_predictions",
        lambda made: lambda pairs, *a, **k: made(pairs[:4], *a, **k))),
)  # fmt: skip

FAULTS = tuple(Fault(area=area, name=name, plant=plant) for area, name, plant in _FAULTS)
