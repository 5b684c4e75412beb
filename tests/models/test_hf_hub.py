"""model=hf by a hub id, from a hub-shaped server: what is fetched, in which order, and that it is the same model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants
from PIL import Image

from eval.building import build
from eval.core import ClipPrompts
from eval.errors import ModelError
from eval.models.hf.runner import HfModel
from eval.running.request import EvalRequest
from tests.hub_server import COMMIT, Repository
from tests.models import foreign
from tests.models.test_fetching import edit, got, hub  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow

REPO = "owner/tiny-idefics3"
WEIGHTS = "model.safetensors"
SETTINGS = [
    "generation_config.json", "preprocessor_config.json", "processor_config.json", "tokenizer_config.json",
    "tokenizer.json", "chat_template.json",
]  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return foreign.checkpoint("idefics3", tmp_path_factory.mktemp("made") / "idefics3")


@pytest.fixture
def served(hub, original, tmp_path):  # noqa: F811
    folder = Path(shutil.copytree(original, tmp_path / "foreign"))
    hub.repositories[REPO] = Repository(folder)
    return folder


def made(checkpoint, revision=None):
    return HfModel(checkpoint=str(checkpoint), revision=revision, device="cpu", max_new_tokens=8)


def refused(said):
    with pytest.raises(ModelError, match=rf"^Cannot fetch checkpoint '{REPO}' at revision 'main': .*{said}"):
        made(REPO, "main")


def test_a_hub_id_is_the_same_model_as_its_folder(hub, served, monkeypatch):  # noqa: F811
    (served / "modeling.py").write_text("raise SystemExit('it was run')")
    (served / "pytorch_model.bin").write_bytes(b"no")
    settings = EvalRequest(
        bench="mvbench", model=REPO, overrides=("model.device=cpu", "model.max_new_tokens=8")
    ).settings_of("mvbench")
    fetched, local = build(settings.model, "model"), made(served)
    weights = [one for one in got(hub) if one.startswith(WEIGHTS)]
    assert got(hub) == ["api main", "config.json", *SETTINGS, *weights]
    assert weights[-1] == WEIGHTS  # after its header alone
    told, of_folder = fetched.describe(), local.describe()
    assert (told["name"], told["checkpoint"], told["revision"]) == ("tiny-idefics3", REPO, COMMIT)
    named = ("name", "checkpoint", "revision")
    assert [{key: value for key, value in one.items() if key not in named} for one in (told, of_folder)] == [
        {key: value for key, value in of_folder.items() if key not in named}
    ] * 2
    frames = [Image.fromarray(np.full((40, 60, 3), 90 * i, dtype=np.uint8)) for i in (1, 2)]
    asked = [ClipPrompts(frames=frames, prompts=["<video>\nWhat is it?", "<video>\nWhy?"])]
    assert fetched.generate(asked) == local.generate(asked)
    hub.log.clear()
    assert made(REPO, "main").describe()["revision"] == COMMIT
    assert got(hub) == ["api main"]
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert made(REPO, COMMIT).describe()["files_sha256"] == told["files_sha256"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "llama"}, "of the model_type 'llama', a model of text alone; give a vision-language model"),
        ({"model_type": "no_such"}, "'no_such', for which transformers .* has no vision-language class"),
        ({"model_type": "new_vl", "auto_map": {"AutoModel": "modeling.Model"}}, r"code of a checkpoint \(auto_map\)"),
    ],
)
def test_what_no_class_runs_is_told_by_config_json_alone(hub, served, changes, said):  # noqa: F811
    edit(served / "config.json", **changes)
    refused(said)
    assert got(hub) == ["api main", "config.json"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("chat_template.json", "has no chat template"),
        ("tokenizer.json", r"it has no tokenizer\.json or tokenizer\.model or vocab\.json"),
        (WEIGHTS, "the repository has no weights as safetensors"),
    ],
)
def test_without_a_file_no_weights_are_fetched(hub, served, name, said):  # noqa: F811
    (served / name).unlink()
    refused(said)
    assert got(hub) == ["api main", "config.json", *(one for one in SETTINGS if one != name)]


def test_shards_are_those_of_the_index(hub, served):  # noqa: F811
    (served / WEIGHTS).rename(served / "model-00001-of-00001.safetensors")
    from safetensors import safe_open

    with safe_open(served / "model-00001-of-00001.safetensors", framework="numpy") as file:
        names = dict.fromkeys(file.keys(), "model-00001-of-00001.safetensors")
    (served / f"{WEIGHTS}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))
    assert made(REPO, "main").describe()["revision"] == COMMIT
    edit(served / f"{WEIGHTS}.index.json", weight_map={**names, "lm_head.weight": "model-00002-of-00002.safetensors"})
    hub.repositories[REPO].commit = COMMIT[::-1]
    refused(r"names 'model-00002-of-00002\.safetensors', which the repository does not have")
