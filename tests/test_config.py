"""Configuration: names, types and ranges are refused before any work, each with its remedy."""

from __future__ import annotations

import json
import os
import re

import pytest
import yaml
from omegaconf import OmegaConf
from omegaconf.errors import InterpolationResolutionError

from eval.building import build
from eval.config import PROJECT, load_settings, names, quoted
from eval.config.makefile import MAKE
from eval.core import ClipPrompts
from eval.errors import ConfigError, DataError
from eval.judges.protocol import JudgeProtocol
from eval.judges.wording import native_wording
from eval.models.scripted import ScriptedModel
from eval.readers.pack import DEFAULT_PACK
from eval.readers.yaml_guard import check_yaml


def test_the_default_is_the_built_in_world():
    settings = load_settings([])
    assert settings.is_builtin
    assert settings.model["name"] == "tarsier-tiny"
    assert settings.decoder == "pyav"
    assert settings.limit is None
    assert "tarsier-tiny" in settings.yaml
    assert (settings.judge["name"], settings.protocol["name"], settings.judge_check) == ("offline", "auto", False)


@pytest.mark.parametrize("model", names("model"))
def test_every_model_composes(model):
    settings = load_settings([f"model={model}"])
    assert settings.model["name"] == model
    assert settings.model["_target_"].startswith("eval.models.")


@pytest.mark.parametrize("frames", names("frames"))
def test_every_choice_of_frames_is_named_after_its_file(frames):
    for model in ("scripted", "tarsier-7b"):
        before, after = (
            load_settings([f"model={model}"]).model,
            load_settings([f"frames={frames}", f"model={model}"]).model,
        )
        assert {**after, "n_frames": 8} == {**before, **({"fps": after["fps"]} if frames.startswith("fps") else {})}
    built = build(load_settings([f"frames={frames}", "model=scripted"]).model, "model")
    assert built.frames.name == frames


def test_frames_are_the_models_own_unless_they_are_chosen():
    plain, at_rate = (
        build(load_settings(["model=scripted", *more]).model, "model") for more in ([], ["model.fps=0.5"])
    )
    assert plain.describe() == {"name": "scripted", "outputs": ["A"], "n_frames": 8}
    assert at_rate.describe() == {**plain.describe(), "fps": 0.5}
    assert at_rate.frames.name == "fps-0.5-max-8"
    again = build(load_settings(["model=scripted", "model.n_frames=4", "frames=fps-2-max-128"]).model, "model")
    assert (again.frames.n_frames, again.frames.fps) == (4, 2.0)


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf", "often", "true", "false"])
def test_a_rate_is_a_number_above_zero(rate):
    with pytest.raises(ConfigError, match=r"^model\.fps=.* does not fit: Input should be "):
        build(load_settings(["model=scripted", f"model.fps={rate}"]).model, "model")


@pytest.mark.parametrize(
    ("name", "setting"),
    [("scripted", "n_frames"), ("scripted", "delay_s"), ("tarsier2-tiny", "max_pixels"), ("hf", "batch_size")],
)
def test_a_boolean_is_no_number(name, setting):
    with pytest.raises(ConfigError, match=rf"^model\.{setting}=True does not fit: Input should be a valid "):
        build(load_settings([f"model={name}", f"model.{setting}=true"]).model, "model")


@pytest.mark.parametrize("benchmark", names("benchmark"))
def test_every_benchmark_composes_and_is_named_after_its_file(benchmark):
    built = build(load_settings([f"benchmark={benchmark}"]).benchmark, "benchmark")
    assert built.name == benchmark
    assert built.scorer.name
    assert (PROJECT / "benchmarks").is_dir()


SERVED = {
    "azure": ["judge.model=x", "judge.url=https://r.openai.azure.com"],
    "local": ["judge.url=http://127.0.0.1:9/v1"],
    "openai": ["judge.model=gpt-4o-mini-2024-07-18"],
}
"""What the judges behind servers cannot do without. Nothing is contacted and no key is needed to build one."""


@pytest.mark.parametrize("judge", sorted({*names("judge")} - {"replay"}))
def test_every_judge_composes_and_builds(judge, tmp_path, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    store = tmp_path / "verdicts.sqlite"
    settings = load_settings([f"judge={judge}", f"verdicts={quoted(str(store))}", *SERVED.get(judge, [])])
    assert settings.judge["name"] == judge
    built = build(settings.judge, "judge")
    assert set(built.describe()) >= {"name"}
    # The store is opened once something is to be looked up in it.
    assert not store.exists()
    if judge in SERVED:
        assert (settings.judge["verdicts"], settings.judge["max_cost"]) == (str(store), None)
        with pytest.raises(ConfigError, match=r"judge\.tries='many' does not fit"):
            build({**settings.judge, "tries": "many"}, "judge")


@pytest.mark.parametrize(("judge", "said"), [
    ("openai", "judge=openai needs a model, with its date"),
    ("azure", "judge=azure needs the URL of its server"),
    ("local", "judge=local needs the URL of its server"),
])  # fmt: skip
def test_a_judge_says_what_it_lacks(judge, said, monkeypatch):
    for name in ("OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=said):
        build(load_settings([f"judge={judge}"]).judge, "judge")


def test_a_replay_judge_needs_its_bundle():
    with pytest.raises(ConfigError, match="judge=replay needs the bundle: JUDGE=replay:<bundle>"):
        build(load_settings(["judge=replay"]).judge, "judge")


@pytest.mark.parametrize("protocol", sorted({*names("protocol")} - {"auto", "upstream"}))
def test_every_protocol_builds_and_is_named_after_its_file(protocol):
    built = build(load_settings([f"protocol={protocol}"]).protocol, "protocol")
    assert isinstance(built, JudgeProtocol)
    assert built.name == protocol


def test_upstreams_protocol_needs_its_wording(tmp_path):
    nowhere = f"protocol.pack={quoted(str(tmp_path))}"
    with pytest.raises(DataError, match="The protocol upstream needs upstream's wording in a protocol pack; import"):
        build(load_settings(["protocol=upstream", nowhere]).protocol, "protocol")
    built = build(load_settings(["protocol=auto", nowhere]).protocol, "protocol")
    assert (built.name, built.wording) == ("native", native_wording())
    assert load_settings([]).protocol["pack"] is None
    if not DEFAULT_PACK.is_dir():
        assert build(load_settings([]).protocol, "protocol").name == "native"


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
        ("model.n_frames=[", "'model.n_frames=[' cannot be read; quote a value"),
        ("frames=uniform8", "Unknown frames 'uniform8'. Did you mean 'uniform-8'?"),
        ("FRAMES=x", "Unknown setting 'FRAMES'. Give --frames x."),
        ("judge=opneai", "Unknown judge 'opneai'. Did you mean 'openai'?"),
        ("protocol=hardend", "Unknown protocol 'hardend'. Did you mean 'hardened'?"),
        ("judge.modle=x", "Unknown setting 'judge.modle'."),
        ("max_cots=1", "Unknown setting 'max_cots'. Did you mean 'max_cost'?"),
        ("max_cost=much", "Value 'much' of type 'str' could not be converted to Float (in max_cost)."),
        ("judge_check=perhaps", "in judge_check"),
        ("OUT=x", "Unknown setting 'OUT'. Give out=x."),
        ("Model.N_frames=3", "Unknown setting 'Model.N_frames'. Give model.n_frames=3."),
        ("TO=x", "Unknown setting 'TO'. It is a variable of make's, for the flag --to of commands that have it."),
        ("MODEL=/ckpt", "Unknown setting 'MODEL'. Give --model /ckpt."),
        ("accept=code", "accept=code is not a list; give accept=[code]."),
        ("accept=code,data", "accept=code,data has commas: give accept=[code,data] for a list, or quote it"),
        ("accept={code:1}", "accept={code:1} is not a list; put its items into accept=[...]."),
        ("video=3", "video must be a config group, got 3; set one of its settings: video.<name>=<value>."),
        ("hydra.searchpath=[/tmp]", "'hydra.searchpath=[/tmp]' is Hydra's own setting"),
        ("hydra.run.dir=/tmp", "is Hydra's own setting"),
        ("hydra/launcher=x", "is Hydra's own setting"),
        ("max_cost=-5", "max_cost must be at least 0 and finite, got -5; give dollars, or leave it out."),
        ("max_cost=nan", "max_cost must be at least 0 and finite, got nan"),
        ("video.timeout_s=inf", "video.timeout_s=inf is not an amount; give a number above 0."),
    ],
)
def test_a_wrong_override_is_refused_in_one_line(override, said):
    with pytest.raises(ConfigError) as caught:
        load_settings([override])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_few_names_are_listed_where_none_is_near():
    with pytest.raises(ConfigError) as caught:
        load_settings(["zzz=3"])
    nearest = str(caught.value).removeprefix("Unknown setting 'zzz'. Nearest: ").removesuffix("; conf/ has them all.")
    assert len(nearest.split(", ")) == 5


def test_a_key_in_a_setting_is_refused_whether_or_not_a_judge_is_asked():
    with pytest.raises(ConfigError, match=r"judge\.extra\.api_key would be written into results") as caught:
        load_settings(["benchmark=mvbench", "judge=openai", "judge.extra={api_key: sk-1}"])
    assert "sk-1" not in str(caught.value)


def test_the_variables_of_make_stand_for_these_flags():
    text = (PROJECT / "Makefile").read_text()
    used = re.findall(r"\$\(call flag,(--\w+),(\w+)\)", text) + re.findall(r"if \$\((RUNS)\),(--runs)", text)
    pairs = {(name, flag) if name.isupper() else (flag, name) for flag, name in used}
    assert pairs | {("CONF", "--conf")} == set(MAKE.items())  # which commands take from the environment
    assert "export TARSIER_EVAL_CONF := $(CONF)" in text


SCRIPTED = {"_target_": "eval.models.scripted.ScriptedModel"}


def test_build_makes_the_object():
    model = build({**SCRIPTED, "name": "x", "outputs": ["B", "C"]}, "model")
    assert isinstance(model, ScriptedModel)
    (generations,) = model.generate([ClipPrompts(frames=[], prompts=[str(number) for number in range(40)])])
    assert {generation.output for generation in generations} == {"B", "C"}


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
        ({"_target_": "eval.models.served.model.ServedModel", "batch": True}, "model.batch is not a setting of"),
        # What a class gives to the next one itself is none of its settings.
        ({"_target_": "eval.models.served.model.ServedModel", "store": "x"}, "model.store is not a setting of"),
        ({"_target_": "eval.models.served.model.ServedModel", "look": "x"}, "model.look is not a setting of"),
        ({"_target_": "eval.models.served.model.ServedModel"}, "model lacks prices, replies, which"),
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


def written(tmp_path, text):
    path = tmp_path / "x.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a [1]\nb: *a\n", r"x\.yaml:1: anchors and aliases"),
        ("a: 1\nb: *c\n", r"x\.yaml:2: "),
        ("a: !!python/object/apply:os.system [id]\n", r"x\.yaml:1: the tag 'tag:yaml\.org,2002:python/object/apply:os"),
        ("a: 1\nb: !!binary aGk=\n", r"x\.yaml:2: the tag"),
        ("a: " + "[" * 100 + "]" * 100, "nested more than 32 deep"),
        ("a: " + "[" * 500_000, "nested more than 32 deep|more than 1048576 bytes"),
        ("a: [1\nb: 2", r"x\.yaml:\d: not valid yaml"),
        ("a: \x00", "not valid yaml"),
        (b"a: \xff", "not UTF-8"),
        ("a: " + "x" * 2**20, "has more than 1048576 bytes"),
    ],
)
def test_a_yaml_file_is_plain_data(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said) as caught:
        check_yaml(written(tmp_path, text))
    assert str(caught.value).isprintable()


def test_a_bomb_of_aliases_is_refused_at_once(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(ConfigError, match="anchors and aliases"):
        check_yaml(written(tmp_path, "\n".join(lines)))


def test_a_pipe_is_no_yaml_file(tmp_path):
    os.mkfifo(tmp_path / "x.yaml")
    with pytest.raises(ConfigError, match="is not a file"):
        check_yaml(tmp_path / "x.yaml")


def test_every_shipped_yaml_is_plain_data():
    found = list((PROJECT / "conf").rglob("*.yaml"))
    assert len(found) > 20
    for path in found:
        check_yaml(path)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.outputs=" + "[" * 2000 + "]" * 2000, "too long or too deeply nested"),
        ("model.name=" + "x" * 5000, "too long or too deeply nested"),
        ("model.name=a\x1b[31m", "holds characters that do not show"),
        ("limit", "is not a setting; settings are given as key=value"),
        ("=3", "is not a setting"),
        ("benchmark=../judge/offline", "Unknown benchmark '../judge/offline'"),
        ("benchmark=/etc/passwd", "Unknown benchmark '/etc/passwd'"),
        ("limit=${limit}", ""),
        ("model.name=${nothing}", "Interpolation key 'nothing' not found"),
    ],
)
def test_an_odd_override_is_one_line(override, said):
    with pytest.raises(ConfigError) as caught:
        load_settings([override])
    assert said in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "overrides",
    [
        ["model.name=${oc.env:SECRET}"],
        ["model.name=x-${ oc.env:SECRET,none}"],
        ["model.name='${env:SECRET}'"],
        ["model.outputs=[a,'${oc.env:SECRET}']"],
        ["data=${oc.decode:${oc.env:SECRET}}"],
        # The name of a resolver may be put together too, and Hydra never shows it whole.
        ["judge.name=env", "model.name='${oc.${judge.name}:SECRET}'"],
    ],
)
def test_no_setting_takes_a_value_from_the_environment(overrides, monkeypatch):
    monkeypatch.setenv("SECRET", "sk-abcdef")
    with pytest.raises(ConfigError, match="environment variables are not read into settings") as caught:
        load_settings(overrides)
    assert "sk-abcdef" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_no_yaml_takes_a_value_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "sk-abcdef")
    load_settings([])
    with pytest.raises(InterpolationResolutionError, match="environment variables are not read"):
        OmegaConf.to_container(OmegaConf.create({"a": "${oc.env:SECRET}"}), resolve=True)


@pytest.mark.parametrize(
    "target",
    [
        *(
            "eval.runs.folder.os.remove",
            "eval.runs.folder.Path",
            "eval.runs.folder.write_json",
            "eval.building.build",
            "eval.core.Task",
        ),
        *(
            "eval.__main__.main",
            "eval.readers.upstream_import.shutil",
            "eval.runs.folder._drop",
            "eval..",
            "benchmarks.mini.training.train.main",
        ),
    ],
)
def test_only_classes_of_this_project_are_built(target):
    with pytest.raises(ConfigError, match="_target_"):
        build({"_target_": target}, "model")


def test_an_object_of_another_kind_is_refused():
    with pytest.raises(ConfigError, match=r"model\._target_ 'eval\.judges\.offline\.OfflineJudge' makes no model"):
        build({"_target_": "eval.judges.offline.OfflineJudge"}, "model")


def test_leave_to_read_outside_the_root_is_passed_on():
    assert "outside" not in load_settings([]).benchmark
    assert build(load_settings(["outside=true"]).benchmark, "benchmark").outside
    assert not build(load_settings([]).benchmark, "benchmark").outside


EXTRA = {"chat_template_kwargs": {"enable_thinking": False}, "stop": ["it's", 'a "b"', "\\"], "seed": 1.5, "x": None}


@pytest.mark.parametrize("form", [str, lambda text: f"'{text}'", json.dumps], ids=["", "'", '"'])
@pytest.mark.parametrize("extra", [{"chat_template_kwargs": {"enable_thinking": False}}, {"seed": 1}, {}, EXTRA])
def test_further_parameters_may_be_json(form, extra):
    text = form(json.dumps(extra))
    if form is not str and extra is EXTRA:
        pytest.skip("quotes within quotes are the shell's and Hydra's")
    settings = load_settings(["judge=local", "judge.url=http://x/v1", f"judge.extra={text}"])
    assert settings.judge["extra"] == extra
    assert yaml.safe_load(settings.yaml)["judge"]["extra"] == extra


@pytest.mark.parametrize("text", ['{"a":1', "{'a': False}", "'{\"a\": 1'", "'a'"])
def test_what_is_no_json_is_told_the_form_to_type(text):
    with pytest.raises(ConfigError, match=r"""give .*JSON, in a shell 'judge\.extra=\{"chat_template_kwargs": """):
        load_settings(["judge=local", f"judge.extra={text}"])


@pytest.mark.parametrize("text", ['{"a": "\\u0024{oc.env:HOME}"}', '{"${judge.url}": 1}', '{"a": ["${judge.url}"]}'])
def test_parameters_refer_to_no_other_settings(text):
    with pytest.raises(ConfigError, match=r"judge\.extra holds '\$\{', which refers to other settings"):
        load_settings(["judge=local", f"judge.extra={text}"])


@pytest.mark.parametrize("text", ['{"api_key": "sk-1"}', '{"a": {"token": 1}}'])
def test_parameters_in_json_hold_no_key(text):
    with pytest.raises(ConfigError, match=r"would be written into results"):
        load_settings(["judge=local", f"judge.extra={text}"])
