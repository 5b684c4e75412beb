"""Configuration: names, types and ranges are refused before any work, each with its remedy."""

from __future__ import annotations

import pytest

from eval.config import PROJECT, build, load_settings, names
from eval.errors import ConfigError
from eval.models.scripted import ScriptedModel


def test_the_default_is_the_built_in_world():
    settings = load_settings([])
    assert settings.is_builtin
    assert settings.model["name"] == "tarsier-tiny"
    assert settings.decoder == "pyav"
    assert settings.limit is None
    assert "tarsier-tiny" in settings.yaml


@pytest.mark.parametrize("model", names("model"))
def test_every_model_composes(model):
    settings = load_settings([f"model={model}"])
    assert settings.model["name"] == model
    assert settings.model["_target_"].startswith("eval.models.")


@pytest.mark.parametrize("benchmark", names("benchmark"))
def test_every_benchmark_composes_and_is_named_after_its_file(benchmark):
    built = build(load_settings([f"benchmark={benchmark}"]).benchmark, "benchmark")
    assert built.name == benchmark
    assert built.scorer.name
    assert (PROJECT / "benchmarks").is_dir()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("benchmrk=mvbench", "Unknown setting 'benchmrk'. Did you mean 'benchmark'?"),
        ("benchmark=mvbnch", "Unknown benchmark 'mvbnch'. Did you mean 'mvbench'?"),
        ("model=tarsier-7", "Unknown model 'tarsier-7'. Did you mean 'tarsier-7b'?"),
        ("model.n_fames=3", "Unknown setting 'model.n_fames'. Did you mean 'model.n_frames'?"),
        ("limit=abc", "Value 'abc' of type 'str' could not be converted to Integer (in limit)."),
        ("limit=0", "limit=0 leaves no sample; give a number from 1 on, or leave it out."),
        ("min_coverage=2", "min_coverage=2.0 is not a share; give a number from 0 to 1."),
        ("video.decoder=decrod", "Unknown video.decoder 'decrod'. Did you mean 'decord'?"),
        ("model.n_frames=[", "no viable alternative"),
    ],
)
def test_a_wrong_override_is_refused_in_one_line(override, said):
    with pytest.raises(ConfigError) as caught:
        load_settings([override])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


SCRIPTED = {"_target_": "eval.models.scripted.ScriptedModel"}


def test_build_makes_the_object():
    model = build({**SCRIPTED, "name": "x", "outputs": ["B", "C"]}, "model")
    assert isinstance(model, ScriptedModel)
    assert [g.output for g in model.generate([], ["", "", ""])] == ["B", "C", "B"]


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"_target_": "os.system", "command": "true"}, "only classes of this project may be built"),
        ({"_target_": "evaluate.Evil"}, "only classes of this project may be built"),
        ({"name": "x"}, "model._target_ is None"),
        ({"_target_": "eval.models.nothing.Model"}, "cannot be imported"),
        ({**SCRIPTED, "ouputs": ["A"]}, "model.ouputs is not a setting of eval.models.scripted.ScriptedModel. Did you"),
        ({**SCRIPTED, "n_frames": "x"}, "model.n_frames='x' does not fit"),
        ({**SCRIPTED, "outputs": 3}, "model.outputs=3 does not fit"),
        ({"_target_": "eval.models.tarsier.runner.TarsierRunner", "name": "x"}, "model lacks checkpoint"),
        (
            {"_target_": "eval.models.tarsier.runner.TarsierRunner", "name": "x", "checkpoint": "y", "dtype": "int8"},
            "model.dtype='int8' does not fit",
        ),
    ],
)
def test_build_refuses(node, said):
    with pytest.raises(ConfigError) as caught:
        build(node, "model")
    assert said in str(caught.value)
