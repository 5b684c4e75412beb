"""What is refused as a checkpoint, and what the user is told."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from eval.config import BUILTIN
from eval.errors import ModelError
from eval.models.checkpoints.loading import choose_device, choose_dtype, find_checkpoint, load_model
from eval.models.families import family_of
from eval.models.tarsier.runner import TarsierRunner


@pytest.fixture
def checkpoint(golden, tmp_path):
    folder = tmp_path / "checkpoint"
    shutil.copytree(golden / "tarsier-random", folder)
    return folder


def edit(path, **changes):
    content = json.loads(path.read_text())
    content.update(changes)
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def test_a_missing_folder_is_named():
    with pytest.raises(ModelError, match=r"No checkpoint folder at '\./nowhere'"):
        find_checkpoint("./nowhere")


def test_a_hub_id_needs_a_revision():
    with pytest.raises(ModelError, match=r"Pin it with model\.revision="):
        find_checkpoint("omni-research/Tarsier-7b")


def test_an_unreachable_hub_gives_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="Cannot fetch checkpoint") as caught:
        find_checkpoint("owner/name", "main")
    assert "\n" not in str(caught.value)


def test_pickled_weights_are_never_loaded(checkpoint):
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"no \*\.safetensors weights \(only pytorch_model\.bin"):
        find_checkpoint(str(checkpoint))


def test_another_family_is_refused_before_loading(checkpoint):
    edit(checkpoint / "config.json", model_type="qwen2_vl")
    with pytest.raises(
        ModelError,
        match="is of the model_type 'qwen2_vl', and not of a family that runs here",
    ):
        find_checkpoint(str(checkpoint))


def test_a_plain_llava_is_refused(checkpoint):
    edit(checkpoint / "config.json", image_newline_idx=None)
    with pytest.raises(ModelError, match="lacks image_newline_idx"):
        find_checkpoint(str(checkpoint))


def test_a_folder_without_a_tokenizer_is_refused(checkpoint):
    (checkpoint / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"has no tokenizer\.json"):
        find_checkpoint(str(checkpoint))


def load(folder):
    return load_model(
        find_checkpoint(str(folder)), device="cpu", dtype=choose_dtype("auto", "cpu"), attention="sdpa", device_map=None
    )


def test_missing_and_left_over_weights_are_errors(checkpoint):
    from safetensors.torch import load_file, save_file

    weights = load_file(checkpoint / "model.safetensors")
    weights["language_model.model.norm2.weight"] = weights.pop("language_model.model.norm.weight")
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"1 missing \(such as .*norm.*1 unexpected"):
        load(checkpoint)


def test_weights_of_another_shape_are_an_error(checkpoint):
    content = json.loads((checkpoint / "config.json").read_text())
    content["text_config"]["intermediate_size"] = 96
    (checkpoint / "config.json").write_text(json.dumps(content))
    with pytest.raises(ModelError):
        load(checkpoint)


def test_truncated_weights_are_an_error(checkpoint):
    path = checkpoint / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ModelError, match=r"model\.safetensors is damaged, or no safetensors file"):
        find_checkpoint(str(checkpoint))


def test_device_and_dtype(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto") == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == "cpu"
    with pytest.raises(ModelError, match="this machine has cpu"):
        choose_device("cuda")
    assert choose_dtype("auto", "cpu") == torch.float32
    assert choose_dtype("auto", "cuda") == torch.float16
    assert choose_dtype("bfloat16", "cuda") == torch.bfloat16


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text_config": None}, r"are 32000 and 4096, and the weights' embed_tokens is \[358, 64\]"),
        ({"vision_config": {}}, "do not fit its config: .* missing .* of another shape"),
        ({"image_newline_idx": 999999}, "image_newline_idx is 999999; expected a token id from 0 to 357"),
        ({"image_new_idx": "a"}, "image_new_idx is 'a'"),
    ],
)
def test_a_config_whose_defaults_are_not_the_weights_is_refused(checkpoint, change, said):
    edit(checkpoint / "config.json", **change)
    with pytest.raises(ModelError, match=said):
        find_checkpoint(str(checkpoint))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("tokenizer.json", "{", r"tokenizer\.json is not valid JSON"),
        ("tokenizer_config.json", "[]", r"tokenizer_config\.json is not a JSON object"),
        ("preprocessor_config.json", "{", r"preprocessor_config\.json is not valid JSON"),
        ("preprocessor_config.json", "{}", "crops to"),
    ],
)
def test_a_damaged_tokenizer_or_processor_is_one_error(checkpoint, name, content, said):
    (checkpoint / name).write_text(content)
    with pytest.raises(ModelError, match=said):
        TarsierRunner(name="x", checkpoint=str(checkpoint), device="cpu")


TINY = BUILTIN / "tarsier-tiny"
HEAD = "language_model.lm_head.weight"


@pytest.fixture
def tiny(tmp_path):
    return shutil.copytree(TINY, tmp_path / "tiny")


def change_head(folder, change):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights[HEAD] = change(weights[HEAD])
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(("dtype", "named"), [("int8", "I8"), ("float8_e4m3fn", "F8_E4M3"), ("int64", "I64")])
def test_weights_that_are_no_plain_numbers_are_refused(tiny, dtype, named):
    import torch

    change_head(tiny, lambda head: head.to(getattr(torch, dtype)))
    said = f"'{HEAD}' is of the type {named}, and weights are F16, BF16, F32, F64; take the checkpoint in fp16"
    with pytest.raises(ModelError, match=said):
        find_checkpoint(str(tiny))


def test_weights_in_double_precision_are_taken(tiny):
    change_head(tiny, lambda head: head.double())
    load(tiny)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_refused(tiny, value):
    def spoil(head):
        head[3, 5] = value
        return head

    change_head(tiny, spoil)
    said = r"hold NaN or infinity as float32: 1 tensors \(such as lm_head\.weight\); fetch the checkpoint again\."
    with pytest.raises(ModelError, match=said):
        load(tiny)


def test_weights_that_float16_is_too_narrow_for_are_refused_with_the_remedy(tiny):
    import torch

    change_head(tiny, lambda head: head * 1e9)
    found = find_checkpoint(str(tiny))
    more: dict[str, Any] = {"device": "cpu", "attention": "sdpa", "device_map": None}
    with pytest.raises(
        ModelError, match=r"as float16: 1 tensors .*or give model\.dtype=bfloat16 or model\.dtype=float32"
    ):
        load_model(found, dtype=torch.float16, **more)
    load_model(found, dtype=torch.bfloat16, **more)


def test_a_checkpoint_whose_logits_leave_float16_is_refused_before_a_run(tiny):
    # The head's own numbers fit, and what is multiplied with them does not.
    change_head(tiny, lambda head: head * (60_000 / head.abs().max()))
    with pytest.raises(ModelError, match=r"the logits are NaN or infinite in float16.*give model\.dtype=bfloat16"):
        TarsierRunner(name="x", checkpoint=str(tiny), device="cpu", dtype="float16")
    TarsierRunner(name="x", checkpoint=str(tiny), device="cpu", dtype="bfloat16")


def test_a_checkpoint_that_fits_float16_is_taken(tiny):
    runner = TarsierRunner(name="x", checkpoint=str(tiny), device="cpu", dtype="float16")
    assert runner.batching["batches"] == 0


def test_nothing_is_read_of_weights_that_do_not_fit(tiny, monkeypatch):
    from safetensors.torch import load_file, save_file

    weights = load_file(tiny / "model.safetensors")
    weights["language_model.model.norm2.weight"] = weights.pop("language_model.model.norm.weight")
    weights["language_model.lm_head.weight"] = weights["language_model.lm_head.weight"][:-1].clone()
    save_file(weights, tiny / "model.safetensors", metadata={"format": "pt"})
    monkeypatch.setattr("safetensors.safe_open", lambda *_, **__: pytest.fail("weights were opened"))
    with pytest.raises(ModelError, match=r"1 missing .*norm.*1 unexpected .*norm2.*1 of another shape .*lm_head"):
        load(tiny)


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("config.json", {"auto_map": {"AutoModel": "evil.Model"}}, r"config\.json sets auto_map: the code"),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.T", None]}}, "sets auto_map"),
        ("preprocessor_config.json", {"auto_map": {"AutoImageProcessor": "evil.P"}}, "sets auto_map"),
        (
            "config.json",
            {"text_config": {"auto_map": {"AutoModel": "x"}, "hidden_size": 96, "vocab_size": 570}},
            "auto_map",
        ),
        ("config.json", {"quantization_config": {"quant_method": "gptq"}}, "sets quantization_config"),
        ("config.json", {"transformers_weights": "../../x.safetensors"}, "sets transformers_weights"),
        ("config.json", {"num_labels": 10**8}, "num_labels is 100000000, more than any"),
        ("config.json", {"model_type": "llava", "vision_feature_layer": 10**9}, "vision_feature_layer is 1000000000"),
    ],
)
def test_code_and_absurd_settings_are_refused(tiny, file, change, said):
    edit(tiny / file, **change)
    with pytest.raises(ModelError, match=said) as caught:
        find_checkpoint(str(tiny))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("text_config", {"hidden_size": 3 * 10**6}, r"570 and 3000000, and the weights' embed_tokens is \[570, 96\]"),
        ("text_config", {"hidden_size": 10**9}, "hidden_size is 1000000000, more than any"),
        ("text_config", {"num_hidden_layers": 10**6}, "num_hidden_layers is 1000000, more than any"),
        ("text_config", {"num_hidden_layers": 50}, "do not fit its config: 405 missing"),
        ("text_config", {"model_type": "deepseek_v3"}, "text_config is of the type 'deepseek_v3', not 'llama'"),
        ("vision_config", {"model_type": "siglip"}, "vision_config is of the type 'siglip'"),
    ],
)
def test_parts_that_the_weights_do_not_have_are_refused(tiny, part, change, said):
    config = json.loads((tiny / "config.json").read_text())
    edit(tiny / "config.json", **{part: {**config[part], **change}})
    with pytest.raises(ModelError, match=said):
        find_checkpoint(str(tiny))


def test_absurd_sizes_elsewhere_take_no_memory(tiny):
    config = json.loads((tiny / "config.json").read_text())
    edit(tiny / "config.json", vision_config={**config["vision_config"], "intermediate_size": 10**8})
    with pytest.raises(ModelError, match="of another shape"):  # 38 GB a layer, had it been made
        load(tiny)


def header(tensors, weights=b"", length=None):
    text = json.dumps(tensors).encode() if not isinstance(tensors, bytes) else tensors
    return (len(text) if length is None else length).to_bytes(8, "little") + text + weights


def tensor(first, last, shape=(1,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [first, last]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01\x02",
        header({}, length=2**63),
        header({}, length=2**27),
        header(b"\xff\xff"),
        header(b"[" * 50_000),
        header([1]),
        header(b'{"a": {}, "a": {}}'),
        header({"a": 1}),
        header({"a": tensor(0, 4, dtype="PICKLE")}, b"1234"),
        header({"a": tensor(0, 8)}, b"12345678"),
        header({"a": tensor(0, 4, (-1, -1))}, b"1234"),
        header({"a": tensor(0, 4), "b": tensor(2, 6)}, b"123456"),
        header({"a": tensor(4, 8)}, b"12345678"),
        header({"a": tensor(0, 4)}, b"12"),
        header({"a": tensor(0, 4)}, b"1234567"),
        header({"a": tensor(0, 0, (2**62, 2**62, 0))}),
        header({"a\x1b[31m\n": 1}),
        b"\x80\x04\x95" + bytes(100),
    ],
)
def test_malformed_safetensors_are_one_error(tiny, content):
    (tiny / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="is damaged, or no safetensors file") as caught:
        find_checkpoint(str(tiny))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ({"weight_map": {"a": "../../x.safetensors"}}, "expected a \\*.safetensors file of its own folder"),
        ({"weight_map": {"a": "/etc/passwd"}}, "of its own folder"),
        ({"weight_map": {"a": "weights.bin"}}, "of its own folder"),
        ({"weight_map": {"a": 5}}, "of its own folder"),
        ({"weight_map": {"a": "gone.safetensors"}}, "lacks 'gone.safetensors'"),
        ({"weight_map": {"a": "one.safetensors"}}, "'a' is not in 'one.safetensors'"),
        ({"weight_map": []}, "has no weight_map"),
        ([], "is not a JSON object"),
    ],
)
def test_an_index_stays_in_its_folder(tiny, index, said):
    (tiny / "model.safetensors").rename(tiny / "one.safetensors")
    (tiny / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match=said):
        find_checkpoint(str(tiny))


@pytest.mark.slow
def test_weights_in_several_files_load(tiny):
    from safetensors.torch import load_file, save_file

    weights = load_file(tiny / "model.safetensors")
    (tiny / "model.safetensors").unlink()
    names = sorted(weights)
    files = {"one.safetensors": names[::2], "two.safetensors": names[1::2]}
    for file, held in files.items():
        save_file({name: weights[name] for name in held}, tiny / file, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: file for file, held in files.items() for name in held}}
    (tiny / "model.safetensors.index.json").write_text(json.dumps(index))
    assert load(tiny).config.text_config.hidden_size == 96
    # The hub's cache links its files.
    (tiny / "one.safetensors").rename(tiny.parent / "blob")
    (tiny / "one.safetensors").symlink_to(tiny.parent / "blob")
    find_checkpoint(str(tiny))


def test_weights_that_are_a_pipe_are_not_waited_for(tiny):
    (tiny / "model.safetensors").unlink()
    os.mkfifo(tiny / "model.safetensors")
    with pytest.raises(ModelError, match=r"model\.safetensors is not a file"):
        load(tiny)


def test_a_pipe_and_code_beside_the_weights_are_left_alone(tiny):
    (tiny / "modeling_evil.py").write_text("raise SystemExit('was run')")
    (tiny / "chat_template.jinja").write_text("{{ cycler.__init__.__globals__.os.system('touch /tmp/was-run') }}")
    load(tiny)
    (tiny / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="asks for an adapter"):
        find_checkpoint(str(tiny))
    (tiny / "adapter_config.json").unlink()
    (tiny / "config.json").unlink()
    os.mkfifo(tiny / "config.json")
    with pytest.raises(ModelError, match=r"config\.json is not a file, but a pipe"):
        find_checkpoint(str(tiny))


@pytest.mark.parametrize("attention", ["kernels-community/flash-attn", "flex_attention", "sdpa "])
def test_attention_that_is_not_known_to_be_right_is_refused(tiny, attention):
    with pytest.raises(ModelError, match=rf"model\.attention='{attention}' is not supported; take sdpa, eager, flash_"):
        TarsierRunner(name="x", checkpoint=str(tiny), device="cpu", attention=attention)


def test_names_of_weights_as_later_versions_save_them(tiny):
    from safetensors.torch import load_file, save_file

    weights = load_file(tiny / "model.safetensors")
    parts = {
        "language_model.model.": "model.language_model.", "language_model.lm_head.": "lm_head.",
        "vision_tower.": "model.vision_tower.", "multi_modal_projector.": "model.multi_modal_projector.",
    }  # fmt: skip
    renamed = {}
    for name, one in weights.items():
        old = next(part for part in parts if name.startswith(part))
        renamed[parts[old] + name.removeprefix(old)] = one
    save_file(renamed, tiny / "model.safetensors", metadata={"format": "pt"})
    load(tiny)


def test_a_checkpoint_saved_again_by_transformers_5(golden, tmp_path):
    from transformers import LlavaForConditionalGeneration, LlavaProcessor

    source, saved = golden / "tarsier-random", tmp_path / "saved"
    LlavaForConditionalGeneration.from_pretrained(source).save_pretrained(saved, max_shard_size="300KB")
    LlavaProcessor.from_pretrained(source).save_pretrained(saved)
    assert not (saved / "preprocessor_config.json").exists()
    assert (saved / "model.safetensors.index.json").exists()
    old, new = (TarsierRunner(name="x", checkpoint=str(folder), device="cpu") for folder in (source, saved))
    assert {k: v for k, v in new.describe().items() if k not in ("checkpoint", "files_sha256")} == {
        k: v for k, v in old.describe().items() if k not in ("checkpoint", "files_sha256")
    }
    ids = [runner._processor.token_ids("USER: <image>\nwhat is  it? ASSISTANT: ") for runner in (old, new)]
    assert ids[0] == ids[1]
    sides = [dict(runner._model.state_dict()) for runner in (old, new)]
    assert all((sides[0][name] == one).all() for name, one in sides[1].items())


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "preprocessor_config.json", "config.json"])
def test_a_file_that_git_lfs_did_not_fetch_is_named(tiny, name):
    (tiny / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 4988000000\n")
    said = rf"{name} is a git-lfs pointer, not the file of 4988000000 bytes that it stands for; run `git lfs pull` in "
    with pytest.raises(ModelError, match=said):
        TarsierRunner(name="x", checkpoint=str(tiny), device="cpu")


def test_a_snapshot_in_a_hub_cache_is_a_folder_of_links(tiny, tmp_path):
    blobs, snapshot = tmp_path / "hub" / "blobs", tmp_path / "hub" / "snapshots" / "0123"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for path in tiny.iterdir():
        path.rename(blobs / path.name)
        (snapshot / path.name).symlink_to(f"../../blobs/{path.name}")
    load(snapshot)
    (blobs / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors is a link to .*, which is not there; fetch it again"):
        find_checkpoint(str(snapshot))


def weights_of(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def put_weights(folder, weights):
    from safetensors.torch import save_file

    save_file({name: one.contiguous() for name, one in weights.items()}, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize("head", ["none", "another"])
def test_tied_embeddings_serve_as_the_head(tiny, head):
    config = json.loads((tiny / "config.json").read_text())
    edit(tiny / "config.json", text_config={**config["text_config"], "tie_word_embeddings": True})
    weights = weights_of(tiny)
    own = weights.pop(HEAD)
    put_weights(tiny, weights if head == "none" else {**weights, HEAD: own * 2})
    loaded = load(tiny)
    assert (loaded.lm_head.weight == weights["language_model.model.embed_tokens.weight"]).all()


def test_a_tie_that_only_stands_above_the_language_model_is_none(tiny):
    edit(tiny / "config.json", tie_word_embeddings=True)  # upstream passes over it
    loaded = load(tiny)
    assert (loaded.lm_head.weight == weights_of(tiny)[HEAD]).all()


def test_buffers_that_older_versions_saved_are_passed_over(tiny):
    import torch

    more = {
        "language_model.model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(16),
        "vision_tower.vision_model.embeddings.position_ids": torch.arange(17)[None],
    }
    put_weights(tiny, {**weights_of(tiny), **more})
    load(tiny)


def test_a_weight_under_two_names_is_refused(tiny):
    weights = weights_of(tiny)
    put_weights(tiny, {**weights, "model.language_model.norm.weight": weights["language_model.model.norm.weight"] * 2})
    with pytest.raises(ModelError, match=r"have model\.language_model\.norm\.weight under two names"):
        find_checkpoint(str(tiny))


def test_other_files_beside_a_checkpoint_are_not_waited_for(tiny):
    os.mkfifo(tiny / "notes.json")
    os.mkfifo(tiny / "tokenizer.model")
    (tiny / "folder.json").mkdir()
    (tiny / "gone.json").symlink_to("nowhere")
    (tiny / "zero.safetensors").symlink_to("/dev/zero")
    assert len(find_checkpoint(str(tiny)).files_sha256) == 64


@pytest.mark.parametrize("checkpoint", ["tarsier-tiny", "tarsier2-tiny"])
@pytest.mark.parametrize(
    "name",
    [
        "config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json",
        "tokenizer_config.json", "tokenizer.json", "added_tokens.json", "special_tokens_map.json", "chat_template.json",
        "chat_template.jinja", "adapter_config.json", "model.safetensors.index.json",
    ],
)  # fmt: skip
def test_what_is_no_file_in_a_files_place_is_refused(tmp_path, checkpoint, name):
    folder = Path(shutil.copytree(BUILTIN / checkpoint, tmp_path / "a"))
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    said = rf"/{re.escape(name)} is not a file, but a pipe, socket or device; take the checkpoint's own\.$"
    for read in (lambda: find_checkpoint(str(folder)), lambda: family_of(folder)):
        with pytest.raises(ModelError, match=said):
            read()
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    with pytest.raises(ModelError, match=said):
        find_checkpoint(str(folder))
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(ModelError, match=rf"/{re.escape(name)} is not a file, but a folder; take the checkpoint's own"):
        find_checkpoint(str(folder))
    (folder / name).rmdir()
    (folder / name).symlink_to("gone")
    with pytest.raises(ModelError, match=rf"/{re.escape(name)} is a link to gone, which is not there; fetch it again"):
        find_checkpoint(str(folder))


@pytest.mark.parametrize("left", [[], ["model-00001-of-00002.safetensors"]])
def test_a_shard_that_is_missing_is_named(tiny, left):
    (tiny / "model.safetensors").unlink()
    names = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    (tiny / "model.safetensors.index.json").write_text(json.dumps({"weight_map": dict(zip("ab", names, strict=True))}))
    for name in left:
        save_file({"a": torch.zeros(2, 2)}, tiny / name, metadata={"format": "pt"})
    lacking = next(name for name in names if name not in left)
    with pytest.raises(ModelError, match=f"lacks '{lacking}', which model.safetensors.index.json names; fetch it too"):
        find_checkpoint(str(tiny))


@pytest.mark.parametrize("checkpoint", ["tarsier-tiny", "tarsier2-tiny"])
@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("dtype", "nonsense", "module 'torch' has no attribute 'nonsense'"),
        ("tie_word_embeddings", "yes", "expected bool, got str"),
        ("image_token_index", "x", "expected int, got str"),
        ("id2label", 5, "'int' object has no attribute 'items'"),
    ],
)
def test_a_fault_of_config_json_is_told_of_config_json(tmp_path, checkpoint, field, value, said):
    folder = Path(shutil.copytree(BUILTIN / checkpoint, tmp_path / "a"))
    edit(folder / "config.json", **{field: value})
    with pytest.raises(ModelError, match=rf"config\.json does not fit transformers' config classes: .*{said}"):
        find_checkpoint(str(folder))


@pytest.mark.parametrize("target", ["pipe", "/dev/zero"])
def test_an_index_that_leads_to_no_file_is_refused(tiny, target):
    (tiny / "model.safetensors").unlink()
    os.mkfifo(tiny / "pipe")
    (tiny / "one.safetensors").symlink_to(target)
    (tiny / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "one.safetensors"}}))
    with pytest.raises(
        ModelError, match=r"has no file 'one\.safetensors', which model\.safetensors\.index\.json names"
    ):
        find_checkpoint(str(tiny))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"projector_hidden_act": "nonsense"}, "KeyError: 'nonsense'"),
        ({"text_config": {"pad_token_id": 9999}}, "Assertion"),
    ],
)
def test_a_config_of_which_no_model_can_be_made_is_one_error(tiny, change, said):
    config = json.loads((tiny / "config.json").read_text())
    edit(tiny / "config.json", **{k: {**config[k], **v} if isinstance(v, dict) else v for k, v in change.items()})
    with pytest.raises(ModelError, match=rf"No model can be made of the sizes and settings in config\.json: {said}"):
        TarsierRunner(name="x", checkpoint=str(tiny), device="cpu")


def test_a_tokenizer_that_cuts_the_image_token_to_pieces_is_refused(tiny):
    edit(tiny / "tokenizer_config.json", split_special_tokens=True)
    with pytest.raises(ModelError, match=r"cuts <image> to pieces \(split_special_tokens\)"):
        TarsierRunner(name="x", checkpoint=str(tiny), device="cpu")


def test_a_folder_named_as_the_owner_does_not_hide_the_hub(tmp_path, monkeypatch):
    (tmp_path / "owner").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"Cannot fetch checkpoint 'owner/name' .* no folder 'owner/name' here either"):
        find_checkpoint("owner/name", "main")
