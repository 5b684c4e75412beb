"""model=hf: which checkpoints are refused, each in one line, and how a folder is told from others."""

from __future__ import annotations

import json
import shutil

import pytest

from eval.errors import ConfigError, ModelError
from eval.models.checkpoints.loading import check_settings
from eval.models.families import families
from eval.models.hf.runner import HfModel
from eval.running.request import EvalRequest
from tests.cli.runs import command, evaluate, needs_world, read
from tests.models import foreign

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return foreign.checkpoint("idefics3", tmp_path_factory.mktemp("made") / "idefics3")


@pytest.fixture
def folder(original, tmp_path):
    return shutil.copytree(original, tmp_path / "copy")


def edit(path, **changes):
    found = json.loads(path.read_text()) if path.exists() else {}
    found.update(changes)
    path.write_text(json.dumps({key: value for key, value in found.items() if value is not None}))


def refused(folder, said, **settings):
    with pytest.raises(ModelError, match=said) as caught:
        HfModel(name="foreign", checkpoint=str(folder), device="cpu", **settings)
    assert str(caught.value).isprintable()


def test_image_settings_that_say_nothing_are_no_defaults(folder):
    (folder / "preprocessor_config.json").write_text("{}")
    refused(folder, r"preprocessor_config\.json lacks image_processor_type, image_mean, so pixel values are not known")


CODE = {"AutoModel": "modeling.Model", "AutoConfig": "modeling.Config"}


def test_code_is_never_run(folder):
    (folder / "modeling.py").write_text("raise SystemExit('it was run')")
    edit(folder / "config.json", model_type="new_vl", auto_map=CODE)
    refused(folder, r"of the model_type 'new_vl', for which transformers .* has no class, and code .* is never run")


def test_code_beside_a_class_of_transformers_is_left_aside(folder):
    (folder / "modeling.py").write_text("raise SystemExit('it was run')")
    edit(folder / "config.json", auto_map=CODE)
    edit(folder / "processor_config.json", auto_map={"AutoProcessor": "modeling.Processor"})
    assert HfModel(name="a", checkpoint=str(folder), device="cpu").describe()["architecture"].startswith("Idefics3For")


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("config.json", {"model_type": "llama"}, "of the model_type 'llama', a model of text alone"),
        ("config.json", {"model_type": "no_such"}, "'no_such', for which transformers .* has no vision-language class"),
        (
            "config.json",
            {"model_type": "florence2", "text_config": None, "vision_config": None},
            "an encoder-decoder, which cannot continue a begun answer",
        ),
        ("config.json", {"quantization_config": {"bits": 4}}, "sets quantization_config"),
        ("config.json", {"text_config": 7}, "config.json cannot be read: "),
        ("adapter_config.json", {"r": 8}, "asks for an adapter on top of the weights"),
        ("generation_config.json", {"num_beams": 4}, "sets num_beams=4"),
        ("generation_config.json", {"eos_token_id": 9999}, "eos_token_id '?9999'? of generation_config.json"),
        ("preprocessor_config.json", {"image_processor_type": "NoSuch"}, "cannot make the processor of "),
    ],
)
def test_settings_are_checked_first(folder, name, changes, said):
    (folder / "model.safetensors").unlink()
    edit(folder / name, **changes)
    refused(folder, said)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["chat_template.json"], "has no chat template"),
        (["preprocessor_config.json", "processor_config.json"], "it has no preprocessor_config.json or processor_conf"),
        (["tokenizer.json"], "it has no tokenizer.json or tokenizer.model or vocab.json"),
        (["config.json"], "is not a checkpoint: it has no config.json"),
    ],
)
def test_files_that_are_missing(folder, names, said):
    for name in names:
        (folder / name).unlink()
    refused(folder, said)


def test_pickles_are_never_loaded(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refused(folder, r"holds no \*\.safetensors weights \(only pytorch_model\.bin; convert them, pickles are never")


@pytest.mark.parametrize(("more", "said"), [(False, "1 missing"), (True, "1 unexpected")])
def test_weights_must_be_all(folder, more, said):
    import torch
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    if more:
        weights["model.text_model.layers.7.mlp.up_proj.weight"] = torch.zeros(2, 2)
    else:
        del weights["model.text_model.layers.0.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    refused(folder, f"do not fit its config: {said}")


def test_a_model_that_gives_no_numbers(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    for weight in weights.values():
        weight.fill_(float("nan"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    refused(folder, "hold NaN or infinity")


def test_settings_that_are_missing():
    with pytest.raises(
        ModelError, match=r"^model\.checkpoint is not set: give model\.checkpoint=<folder or hub id>\.$"
    ):
        HfModel(name="a")
    with pytest.raises(ModelError, match=r"is a hub id without a revision"):
        HfModel(name="a", checkpoint="owner/name")


def test_a_folder_needs_no_name(folder):
    settings = EvalRequest(bench="mvbench", model=str(folder)).settings_of("mvbench").model
    assert settings["_target_"] == "eval.models.hf.runner.HfModel"
    assert (settings["name"], settings["checkpoint"], settings["revision"]) == ("copy", str(folder), None)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("llama", "of the model_type 'llama', a model of text alone; give a vision-language model"),
        ("no_such", "of the model_type 'no_such', and not of a family that runs here"),
    ],
)
def test_a_folder_that_nothing_runs(folder, kind, said):
    edit(folder / "config.json", model_type=kind)
    with pytest.raises((ModelError, ConfigError), match=said):
        EvalRequest(bench="mvbench", model=str(folder)).settings_of("mvbench")


@needs_world
def test_a_run_and_what_batches_change(folder, tmp_path, read_here, capsys):
    more = ("limit=3", "model.n_frames=2", "model.max_new_tokens=4", "model.device=cpu")
    assert evaluate(tmp_path / "run", *more, model=str(folder)) == 0
    rows = read(tmp_path / "run" / "predictions.jsonl")
    assert [(row["error"], row["n_frames"]) for row in rows] == [(None, 2)] * 3
    described = json.loads((tmp_path / "run" / "result.json").read_text())["provenance"]["model"]
    assert described["architecture"] == "Idefics3ForConditionalGeneration"
    assert len(described["files_sha256"]) == 64
    assert evaluate(tmp_path / "none", "model.checkpoint=/no/such/folder", model="hf") == 2
    assert "No checkpoint folder at '/no/such/folder'" in capsys.readouterr().err
    assert command("equivalence", bench="mvbench", model=str(folder), limit=3) is not None


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", "hf"),
        ("someone/Tarsier2-Recap-7b", "tarsier2-7b"),
        ("someone/my-tarsier-13b", "tarsier-7b"),
        ("tarsier-users/llava", "hf"),
    ],
)
def test_the_name_of_a_hub_id_tells_its_family(model, name):
    settings = EvalRequest(bench="mvbench", model=model).settings_of("mvbench").model
    expected = EvalRequest(bench="mvbench", model=name).settings_of("mvbench").model
    assert settings == {**expected, "name": model.split("/")[1], "checkpoint": model, "revision": "main"}


def test_a_checkpoint_of_a_family_is_sent_to_its_engine(folder):
    edit(folder / "config.json", model_type="llava", image_newline_idx=5, text_config={"model_type": "llama"})
    refused(
        folder, "is a Tarsier checkpoint, .* run it with --model tarsier-7b model.checkpoint=<the same>, and model.rev"
    )


def test_another_checkpoint_is_sent_from_a_family_to_this_runner(folder):
    with pytest.raises(ModelError, match=r"run with --model hf model\.checkpoint=<the same>, and model\.revision=main"):
        check_settings(folder, next(one for one in families() if one.name == "Tarsier"))


@pytest.mark.parametrize(("given", "name"), [({}, "idefics"), ({"name": "hf"}, "idefics"), ({"name": "mine"}, "mine")])
def test_its_name_is_the_checkpoints_unless_one_is_given(original, tmp_path, given, name):
    (tmp_path / "idefics").symlink_to(original)
    assert HfModel(checkpoint=f"{tmp_path}/idefics/", device="cpu", **given).name == name
