"""Training shows and asks what the harness shows and asks."""

import numpy as np
import pytest
import torch

from benchmarks.mini import prompts
from benchmarks.mini.drawing import make_scene
from benchmarks.mini.scenes import CANVASES, Scene, Thing
from benchmarks.mini.training.supervision import patch_targets
from benchmarks.mini.world import WORLD

CHECKPOINT = WORLD.with_name("tarsier2-tiny")


def scene_of(width, height):
    things = (Thing(colour="red", shape="circle", x=0.3, y=0.1, radius=0.1),
              Thing(colour="blue", shape="cross", x=0.9, y=0.9, radius=0.1))  # fmt: skip
    return Scene(seed=0, kind="motion", width=width, height=height, n_frames=24, background="dark", things=things)


def test_targets_follow_the_order_of_groups():
    """3 x 2 groups of 2 x 2: the red circle is in row 0 and column 1, the blue cross in row 3 and column 5."""
    targets = patch_targets([(scene_of(96, 64), [0, 5], (4, 6))], merge=2)
    occupied = targets.colour.nonzero().flatten().tolist()
    assert occupied == [1, 23, 25, 47]
    assert targets.colour[occupied].tolist() == [1, 3, 1, 3]
    assert targets.shape[occupied].tolist() == [1, 4, 1, 4]
    assert targets.frame.bincount().tolist() == [24, 24]
    assert targets.place[1].tolist() == pytest.approx([0.3, -0.1, -0.5, -0.4, -0.8])
    assert targets.background.tolist() == [1, 1]


def test_targets_row_by_row_without_groups():
    targets = patch_targets([(scene_of(64, 64), [0], (4, 4))])
    assert targets.colour.nonzero().flatten().tolist() == [1, 15]


@pytest.fixture(scope="module")
def family():
    from benchmarks.mini.training.families import OfTarsier2

    return OfTarsier2()


@pytest.fixture(scope="module")
def runner():
    from eval.building import build
    from eval.config import load_settings

    settings = load_settings(["model=tarsier2-tiny", "model.device=cpu", "benchmark=mvbench"])
    return build(settings.model, "model")


@pytest.mark.slow
@pytest.mark.parametrize("canvas", CANVASES)
def test_frames_have_the_size_that_the_processor_gives(canvas, family, runner):
    from PIL import Image

    from eval.video.preparing import prepare

    (frame,) = prepare([Image.new("RGB", canvas)], runner.frames.size)
    assert family.size(scene_of(*canvas)) == (frame.height, frame.width)
    medium = runner._model.medium(runner._processor.frames([frame] * 8))
    assert family.prefix(scene_of(*canvas)).ids.count(family.image_id) == 8 * medium.positions


@pytest.mark.slow
def test_prompts_are_those_of_the_processor(family, runner):
    scene = make_scene(3)
    prefix = family.prefix(scene)
    n_image = prefix.ids.count(family.image_id)
    asked = [
        prompts.multiple_choice("What color is it?", ["red", "very dark"], form) for form in prompts.MULTIPLE_CHOICE
    ]
    for prompt in (*asked, prompts.open_qa("what color is it?"), prompts.CAPTION, prompts.DESCRIPTION):
        suffix = family.tokenizer(family.suffix(prompt), add_special_tokens=False)["input_ids"]
        processor = runner._processor
        ids = processor.token_ids(processor.text(prompt, (), [n_image]))
        assert ids == prefix.ids + suffix
        rows, columns = (side // 28 for side in family.size(scene))
        pixels = torch.from_numpy(np.zeros((8, 3, rows * 28, columns * 28), np.uint8))
        positions = runner._model.prompt_positions(ids, [runner._model.medium(pixels)])
        assert [tuple(each) for each in positions.T.tolist()[: len(prefix.ids)]] == prefix.positions
        assert positions[:, len(prefix.ids)].tolist() == [prefix.after] * 3
        assert prefix.ids[prefix.frame_ends[-1] :] == [family.image_id, prefix.ids[-1]]
