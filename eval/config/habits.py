"""Flags of other harnesses and of upstream's scripts, which users type out of habit, with what to give here."""

from __future__ import annotations

from collections.abc import Collection, Mapping

_SAME: Mapping[str, str] = {
    "annotation": "--ann", "annotations": "--ann", "benchmark": "--bench", "benchmarks": "--bench",
    "checkpoint": "--model", "dataset": "--bench", "datasets": "--bench", "data-dir": "--data", "data-path": "--data",
    "eval-model": "--judge", "include-path": "--conf", "input": "--pred", "judge-model": "--judge",
    "max-samples": "--limit",
    "model-name": "--model", "model-name-or-path": "--model", "model-path": "--model", "num-samples": "--limit",
    "output": "--out", "output-dir": "--out", "output-path": "--out", "predictions": "--pred", "pretrained": "--model",
    "pred-file": "--pred", "results": "--out", "save-dir": "--out", "save-path": "--out",
    "split": "benchmark.split=...", "subset": "--bench <benchmark>/<subset>", "task": "--bench", "tasks": "--bench",
    "work-dir": "--out",
}  # fmt: skip
"""The flag, or the setting, for a word."""

_SETTINGS: Mapping[str, str] = {
    "device": "model.device=cuda:1", "dtype": "model.dtype=float16", "max-n-frames": "model.n_frames=16",
    "max-new-tokens": "model.max_new_tokens=512", "num-frames": "model.n_frames=16", "n-frames": "model.n_frames=16",
    "nframes": "model.n_frames=16", "max-num-frames": "model.n_frames=16", "precision": "model.dtype=float16",
}  # fmt: skip
"""The setting for a word, with a value as an example."""

_TOLD: Mapping[str, str] = {
    "api-key": "Keys are read from the environment: OPENAI_API_KEY, AZURE_OPENAI_API_KEY.",
    "batch-size": "Batches fit themselves to the memory.",
    "continue": "A run goes on by the same command with the same --out.",
    "gen-kwargs": "Outputs are those of greedy decoding, as upstream's; model.max_new_tokens bounds them.",
    "fewshot": "Prompts have no examples, as upstream's.",
    "log-samples": "Prompts, outputs and scores of all samples are kept in the run folder, always.",
    "model-args": "Give each as a setting: model.dtype=float16 model.n_frames=16.",
    "nproc": "Clips are loaded by video.workers=4 processes; --engine ray uses several GPUs or machines.",
    "num-fewshot": "Prompts have no examples, as upstream's.",
    "num-processes": "Clips are loaded by video.workers=4 processes; --engine ray uses several GPUs or machines.",
    "overwrite": "Give another --out, or delete the folder.",
    "reuse": "A run goes on by the same command with the same --out.",
    "resume": "A run goes on by the same command with the same --out.",
    "trust-remote-code": "No code of a checkpoint is run; what runs here is found by its config.json.",
    "temperature": "Outputs are those of greedy decoding, as upstream's.",
}  # fmt: skip
"""What to say of a word for which there is neither."""


def instead_of(flag: str, flags: Collection[str]) -> str:
    """Return what to give in place of an unknown flag; "" where that is not known.

    Args:
        flag: as it was typed, such as `--output_path`.
        flags: those of the command.
    """
    word = flag.lstrip("-").replace("_", "-").lower()
    same = _SAME.get(word, "")
    if same and (same.partition(" ")[0] in flags or not same.startswith("--")):
        return f"Here it is {same}."
    if "--frames" in flags and word in _SETTINGS:
        return f"It is a setting: {_SETTINGS[word]}."
    return _TOLD.get(word, "") if "--bench" in flags else ""
