"""Checkpoints from a hub-shaped server: in which order they are fetched, and what is refused before what."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest
from huggingface_hub import constants, snapshot_download

from eval.config import BUILTIN, PROJECT
from eval.errors import ModelError
from eval.models.checkpoints.loading import find_checkpoint
from tests.hub_server import COMMIT, HubServer, Repository
from tests.models import published

REPO = "omni-research/Tarsier-7b"
TINY = BUILTIN / "tarsier-tiny"
WEIGHTS = "model.safetensors"
START = f"{WEIGHTS} 0-100000"
SETTINGS = ["generation_config.json", "preprocessor_config.json", "tokenizer_config.json", "tokenizer.json"]
WHOLE = ["api main", "config.json", *SETTINGS, START, WEIGHTS]
"""What is asked for the built-in checkpoint, in order."""
OTHER = COMMIT[::-1]
Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - what shutil returns


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A server with a copy of the built-in checkpoint, and the hub's tools pointed at it, with an empty cache."""
    with HubServer() as server:
        server.repositories[REPO] = Repository(Path(shutil.copytree(TINY, tmp_path / "served")))
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", "")
        monkeypatch.setenv("NO_PROXY", "*")
        yield server


@pytest.fixture
def served(hub):
    return hub.repositories[REPO].folder


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache" / "models--omni-research--Tarsier-7b"


@pytest.fixture
def hasty(monkeypatch):
    """Let the hub's tools try again at once."""
    monkeypatch.setattr(time, "sleep", lambda _: None)


def got(hub):
    """Return what was asked for, without the questions whether it has changed."""
    return [one for one in hub.log if not one.startswith("HEAD ")]


def fetch(revision="main"):
    found = find_checkpoint(REPO, revision)
    return found.folder, found.revision


def refused(said, revision="main"):
    with pytest.raises(ModelError, match=said) as caught:
        fetch(revision)
    message = str(caught.value)
    assert message.startswith(f"Cannot fetch checkpoint '{REPO}' at revision '{revision}': ")
    assert message.isprintable()
    return message


def edit(path, **changes):
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, **changes}))


def offline(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# The order.


def test_weights_come_last_and_each_file_once(hub, cache):
    assert fetch() == (cache / "snapshots" / COMMIT, COMMIT)
    assert got(hub) == WHOLE
    assert contents(cache / "snapshots" / COMMIT) == contents(TINY)
    assert (cache / "refs" / "main").read_text() == COMMIT
    assert (cache / "snapshots" / COMMIT / WEIGHTS).readlink().parent == Path("../../blobs")
    hub.log.clear()
    fetch()
    assert got(hub) == ["api main"]


def test_of_another_family_config_json_is_fetched_and_nothing_else(hub, served):
    edit(served / "config.json", model_type="qwen2_vl")
    refused(r"config\.json is of the model_type 'qwen2_vl', and not of a family that runs here")
    assert got(hub) == WHOLE[:2]


def test_a_repository_without_config_json_is_asked_for_nothing(hub, served):
    (served / "config.json").unlink()
    refused(r"the repository has no config\.json")
    assert got(hub) == WHOLE[:1]


@pytest.mark.parametrize(
    ("name", "said"),
    [("tokenizer.json", r"no tokenizer\.json or tokenizer\.model"), ("preprocessor_config.json", "no preprocessor_")],
)
def test_without_tokenizer_or_image_processor_no_weights_are_asked_for(hub, served, name, said):
    (served / name).unlink()
    refused(said)
    assert got(hub) == [one for one in WHOLE[:-2] if one != name]


def test_code_pickles_and_other_weights_are_left_alone(hub, served):
    for name in ("modeling_evil.py", "pytorch_model.bin", "consolidated.safetensors", "training_args.bin", "vocab.txt"):
        (served / name).write_bytes(b"no")
    (served / "more").mkdir()
    shutil.copy(served / WEIGHTS, served / "more" / WEIGHTS)
    fetch()
    assert got(hub) == WHOLE


def test_pickles_alone_are_refused(hub, served):
    (served / WEIGHTS).rename(served / "pytorch_model.bin")
    refused("no weights as safetensors, and others, which are pickles, are never loaded")


def test_weights_of_another_shape_are_refused_by_their_headers(hub, served):
    config = json.loads((served / "config.json").read_text())
    edit(served / "config.json", text_config={**config["text_config"], "intermediate_size": 255})
    said = "Weights of omni-research/Tarsier-7b at 0123456 do not fit its config: 15 of another shape"
    refused(said)
    assert got(hub) == WHOLE[:-1]


def shard(folder, index=None):
    """Split the built-in weights into two files."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    held = {"one.safetensors": sorted(weights)[::2], "two.safetensors": sorted(weights)[1::2]}
    for file, names in held.items():
        save_file({name: weights[name] for name in names}, folder / file, metadata={"format": "pt"})
    found = {"weight_map": {name: file for file, names in held.items() for name in names}} if index is None else index
    (folder / "model.safetensors.index.json").write_text(json.dumps(found))


def test_files_of_an_index_are_fetched_together(hub, served, cache):
    shard(served)
    (served / "three.safetensors").write_bytes(b"not in the index")
    fetch()
    parts = ["one.safetensors", "two.safetensors"]
    before = [
        "api main",
        "config.json",
        "model.safetensors.index.json",
        *SETTINGS,
        *(f"{name} 0-100000" for name in parts),
    ]
    assert got(hub) == [*before, *parts]
    there = contents(cache / "snapshots" / COMMIT)
    assert there == {name: body for name, body in contents(served).items() if name != "three.safetensors"}


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ({"weight_map": {"a": "../../x.safetensors"}}, r"index\.json names '\.\./\.\./x\.safetensors'; expected a"),
        ({"weight_map": {"a": "/etc/passwd"}}, "names '/etc/passwd'; expected a"),
        ({"weight_map": {"a": "gone.safetensors"}}, "names 'gone.safetensors', which the repository does not"),
        ({"weight_map": {"a": "config.json"}}, "names 'config.json'; expected a"),
        ({"weight_map": []}, "has no weight_map"),
        ([], "is not a JSON object"),
    ],
)
def test_an_index_names_only_files_of_the_repository(hub, served, index, said):
    shard(served, index)
    refused(said)
    assert not [one for one in got(hub) if one.endswith(".safetensors")]


@pytest.fixture(scope="module")
def tarsier_7b(tmp_path_factory):
    return published.tarsier_7b(tmp_path_factory.mktemp("published") / "7b")


SHARDS = [f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]


def test_tarsier_7b_is_refused_where_it_has_no_room(hub, cache, tarsier_7b, monkeypatch):
    hub.repositories[REPO] = Repository(tarsier_7b, commit=published.COMMIT_7B)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 0, 14_200_000_000))
    said = rf"14\.1 GB are to be fetched, and .*{cache.parent}, has 14\.2 GB free\. .*HF_HUB_CACHE="
    refused(said)
    assert got(hub) == [
        "api main", "config.json", "model.safetensors.index.json", "preprocessor_config.json", "tokenizer_config.json",
        "tokenizer.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json",
        *(f"{name} 0-100000" for name in SHARDS),
    ]  # fmt: skip


def test_the_plan_for_tarsier_7b(hub, cache, tarsier_7b, monkeypatch, caplog, hasty):
    hub.repositories[REPO] = Repository(tarsier_7b, commit=published.COMMIT_7B)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 0, 14_900_000_000))
    hub.faults.cut = dict.fromkeys(SHARDS, 140_000)
    refused("broke off .*files that were fetched are kept")
    line = f"Fetching omni-research/Tarsier-7b at b672c01: 14.1 GB in 3 files, to {cache.parent}"
    assert caplog.messages[0] == line
    assert got(hub)[12] == SHARDS[0]


def test_tarsier_34b(hub, tmp_path, monkeypatch, caplog, hasty):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 0, 60_000_000_000))
    hub.repositories[REPO] = Repository(published.tarsier_34b(tmp_path / "34b"))
    refused(r"69\.5 GB are to be fetched, and .* has 60\.0 GB free")
    assert len(got(hub)) == 8 + 15


def test_the_config_of_one_with_the_weights_of_the_other(hub, tarsier_7b, tmp_path):
    mixed = Path(shutil.copytree(tarsier_7b, tmp_path / "mixed", symlinks=True, copy_function=os.link))
    (mixed / "config.json").unlink()
    (mixed / "config.json").write_text(json.dumps(published.CONFIG_34B))
    hub.repositories[REPO] = Repository(mixed)
    refused(r"vocab_size and hidden_size of text_config are 64064 and 7168")


@pytest.mark.parametrize("revision", ["main", COMMIT, "v1.0", COMMIT[:7]])
@pytest.mark.parametrize("how", ["offline", "gone"])
def test_what_is_in_the_cache_needs_no_hub(hub, cache, monkeypatch, revision, how, caplog):
    hub.repositories[REPO].refs = ("main", "v1.0")
    found = fetch(revision)
    hub.mended()
    caplog.clear()
    hub.faults.gone = True
    if how == "offline":
        offline(monkeypatch)
    assert fetch(revision) == found
    assert got(hub) == ([] if how == "offline" else [f"api {revision}"])
    lacks = "without added_tokens.json, special_tokens_map.json"
    assert caplog.messages == [f"{hub.url} cannot be asked; taking {REPO} at 0123456 from the cache, {lacks}."]


def test_a_branch_that_moved_on_is_followed_and_a_hub_that_fails_is_not_passed_over(hub, served):
    fetch()
    hub.repositories[REPO].commit = OTHER
    assert fetch()[1] == OTHER
    hub.faults.status = {"api": (503, "")}
    refused(r"fails \(503\); try again later")
    assert fetch(OTHER)[1] == OTHER  # what a commit holds never changes


def test_what_is_not_whole_in_the_cache_is_refused_without_a_hub(hub, cache, monkeypatch):
    folder, _ = fetch()
    (folder / "tokenizer.json").unlink()
    hub.faults.gone = True
    refused(r"cannot be reached")
    offline(monkeypatch)
    said = f"HF_HUB_OFFLINE is set, and the hub's cache, {cache.parent}, does not have all of its files; unset it"
    refused(said)
    refused(said, revision=COMMIT)
    refused("HF_HUB_OFFLINE is set", revision="v2")


def test_settings_that_another_tool_left_out_are_fetched(hub, cache):
    folder = Path(snapshot_download(REPO, revision=COMMIT, ignore_patterns="generation_config.json"))
    hub.log.clear()
    fetch(COMMIT)
    assert got(hub) == [f"api {COMMIT}", "generation_config.json"]
    assert contents(folder) == contents(TINY)


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        (
            {"api": (401, "RepoNotFound")},
            r"shows no such repository \(401\); check the name, and set HF_TOKEN if it is",
        ),
        ({"api": (404, "RepoNotFound")}, r"shows no such repository \(404\)"),
        ({"api": (404, "RevisionNotFound")}, r"no such revision \(404\); http.*/omni-research/Tarsier-7b/commits/main"),
        ({"api": (404, "")}, r"does not give 'main' \(404\); check the name, the revision and HF_ENDPOINT"),
        ({"api": (403, "")}, r"access is refused \(403\); accept its terms on http.*/Tarsier-7b, and set HF_TOKEN"),
        ({"config.json": (401, "GatedRepo")}, r"access is refused \(401\); accept its terms"),
        ({"config.json": (403, "GatedRepo")}, r"access is refused \(403\); accept its terms"),
        ({"config.json": (404, "EntryNotFound")}, r"does not give 'config\.json' \(404\)"),
        ({"config.json": (503, "")}, r"fails \(503\); try again later, or give a local folder"),
        ({WEIGHTS: (500, "")}, r"fails \(500\)"),
        ({"api": (429, "")}, r"takes no more requests for now \(429\); wait some minutes"),
        ({"config.json": (429, "")}, r"takes no more requests for now \(429\)"),
    ],
)
def test_answers_other_than_files(hub, hasty, faults, said):
    hub.faults.status = faults
    refused(said)


def test_unknown_repositories_and_revisions(hub, monkeypatch):
    refused(r"no such revision \(404\)", revision="v9")
    hub.repositories.clear()
    refused(r"shows no such repository \(401\)")
    monkeypatch.setenv("HF_TOKEN", "hf_not_to_be_shown")
    assert "hf_" not in refused(r"shows no such repository \(404\)")


def test_a_token_goes_to_the_hub_and_nowhere_else(hub, cache, monkeypatch):
    hub.faults.cdn = True
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch()
    assert got(hub)[-3:] == [START, f"cdn {START}", f"cdn {WEIGHTS}"]
    assert {host.partition(":")[0]: token for host, token in hub.tokens} == {
        "127.0.0.1": "Bearer hf_secret",
        "localhost": None,
    }
    assert contents(cache / "snapshots" / COMMIT) == contents(TINY)


@pytest.mark.parametrize("token", ["hf_secr\u00e9t", "hf_sec\x0bret"])
def test_a_token_that_cannot_be_sent_is_not_shown(hub, monkeypatch, token):
    monkeypatch.setenv("HF_TOKEN", token)
    assert "hf_" not in refused("look for stray characters in HF_TOKEN and HF_ENDPOINT")


def test_a_hub_that_cannot_be_reached(hub, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://name:hf_secret@127.0.0.1:9")
    message = refused(
        r"http://127\.0\.0\.1:9 cannot be reached, or broke off \(ConnectError\)\. .*HF_ENDPOINT and the proxy"
    )
    assert "hf_secret" not in message


def test_a_page_instead_of_the_listing(hub):
    hub.faults.bodies["api"] = b"<!DOCTYPE html><html>Log in to the network</html>"
    refused("answers with something else than a hub's list of files, such as the page of a proxy")


@pytest.mark.parametrize(
    "listing", [b"[]", b"{}", b"null", b'{"id": "a/b", "siblings": 5}', b'{"id": 1, "sha": "main"}']
)
def test_a_listing_of_another_form(hub, listing):
    hub.faults.bodies["api"] = listing
    refused("answers with (something else|the commit)")


@pytest.mark.slow
def test_the_settings_of_the_hubs_tools_in_a_process_of_its_own(hub, tmp_path):
    code = (
        "import logging; logging.basicConfig(format='%(message)s'); "
        "from eval.models.checkpoints.loading import find_checkpoint; "
        f"print(find_checkpoint({REPO!r}, 'main').revision)"
    )

    def run(**more):
        environment = {
            **os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "NO_PROXY": "*", **more,
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "-c", code], cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
        )

    done = run(HF_TOKEN="hf_secret")
    assert done.stdout == f"{COMMIT}\n"
    assert done.stderr.splitlines() == [
        f"Fetching {REPO} at 0123456: 4.1 MB in 1 file, to {tmp_path / 'home' / 'hub'}",
        "model.safetensors is complete: 1 of 1",
    ]
    assert {token for _, token in hub.tokens} == {"Bearer hf_secret"}
    assert got(hub) == WHOLE
    hub.mended()
    assert run(HF_HUB_OFFLINE="1").stdout == f"{COMMIT}\n"
    assert got(hub) == []


def test_a_file_of_another_size_in_the_cache_is_fetched_again(hub, cache):
    folder, _ = fetch()
    blob = (folder / WEIGHTS).resolve()
    blob.write_bytes(blob.read_bytes()[:1000])
    hub.log.clear()
    fetch()
    assert got(hub) == ["api main", START, WEIGHTS]
    assert contents(folder) == contents(TINY)


def test_a_damaged_file_in_the_cache_is_named_with_what_to_delete(hub, cache):
    folder, _ = fetch()
    blob = (folder / WEIGHTS).resolve()
    blob.write_bytes(bytes(blob.stat().st_size))
    with pytest.raises(ModelError, match=rf"is damaged, or no safetensors file: .*; delete {blob} and fetch it again"):
        fetch()
