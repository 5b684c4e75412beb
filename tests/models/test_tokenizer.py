"""Every form of a tokenizer's files gives the ids and texts that transformers 4.44.2 gives for it.

The reference is recorded by scripts/tokenizer_reference.py; the texts are drawn from a seed by tokenizer_texts.py.
"""

from __future__ import annotations

import base64
import json
import lzma
import os
import random
from pathlib import Path

import pytest

from eval.errors import ModelError
from eval.models.tarsier.conversion import merges
from eval.models.tarsier.pieces import UNIGRAM, read_pieces
from eval.models.tarsier.resaved import as_of_4
from eval.models.tarsier.tokenizer import TarsierTokenizer
from eval.models.tarsier.tokenizer_files import read_files
from tests.models import tokenizer_texts as inputs

RECORD = json.loads(lzma.decompress((Path(__file__).parent / "data" / "tokenizer_ids.json.xz").read_bytes()))
STORED = {
    name: base64.b64decode(content) if isinstance(content, str) else json.dumps(content, ensure_ascii=False).encode()
    for name, content in RECORD["stored"].items()
}
FORMS = RECORD["forms"]
LOADED = [name for name, form in FORMS.items() if form["expected"] is not None]

LOST = {
    "34b, saved again by auto": "which tokens are special",
    "34b, saved again by llama": "which tokens are special",
    "tokenizer.model alone, saved again by auto": "whether it had put a token first",
    "7b without decoder, saved again by llama": "where it had put spaces",
    "slow, legacy False, saved again by llama": "where it had put spaces",
}
"""Forms whose ids can no longer be told since transformers 5 saved them, and why."""


def write(folder, files):
    folder.mkdir(exist_ok=True)
    for name, given in {"config.json": {"model_type": "llava"}, **files}.items():
        content = STORED[given] if isinstance(given, str) else json.dumps(given, ensure_ascii=False).encode()
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def texts():
    return inputs.texts()


def test_the_texts_are_those_of_the_reference(texts):
    assert len(texts) == 5000
    assert len(set(texts)) > 4500
    assert inputs.digests(texts) == RECORD["texts"]


@pytest.mark.parametrize("name", [name for name in LOADED if name not in LOST])
def test_ids_and_texts_are_those_of_4_44(name, tmp_path, texts):
    texts = texts[: inputs.N_TOGETHER]
    expected = FORMS[name]["expected"]
    tokenizer = TarsierTokenizer(write(tmp_path, FORMS[name]["files"]))
    ids = [tokenizer.token_ids(text) for text in texts]
    drawn = inputs.sequences(expected["size"])
    decoded = [tokenizer.decode(one) for one in [*ids, *drawn]]
    shown = expected["shown"]
    assert dict(zip(texts, ids[: len(shown)], strict=False)) == dict(zip(texts, shown, strict=False))
    assert decoded[-len(expected["shown_decoded"]) :] == expected["shown_decoded"]
    assert inputs.digests(ids) == expected["ids"][:1]
    assert inputs.digests(decoded) == [expected["decoded"][0], expected["decoded"][-1]]
    if not FORMS[name].get("again"):  # there the end may have gone without saying
        assert tokenizer.end_token_id == expected["end"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in LOADED if name not in LOST])
def test_ids_and_texts_of_all_others_are_those_of_4_44(name, tmp_path, texts):
    expected = FORMS[name]["expected"]
    tokenizer = TarsierTokenizer(write(tmp_path, FORMS[name]["files"]))
    ids = [tokenizer.token_ids(text) for text in texts[inputs.N_TOGETHER :]]
    assert inputs.digests(ids) == expected["ids"][1:]
    assert inputs.digests([tokenizer.decode(one) for one in ids]) == expected["decoded"][1:-1]


@pytest.mark.parametrize("name", [name for name in FORMS if name not in LOADED])
def test_what_4_44_does_not_load_is_refused(name, tmp_path):
    with pytest.raises(ModelError, match="take the tokenizer's files of the checkpoint") as caught:
        TarsierTokenizer(write(tmp_path, FORMS[name]["files"]))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", LOST)
def test_what_transformers_5_no_longer_tells_is_refused(name, tmp_path):
    said = f"was made by transformers 5 and no longer tells {LOST[name]}; put the tokenizer's files of the checkpoint"
    with pytest.raises(ModelError, match=said):
        TarsierTokenizer(write(tmp_path, FORMS[name]["files"]))


def test_ids_without_a_token_are_passed_over(tmp_path):
    tokenizer = TarsierTokenizer(write(tmp_path, FORMS["7b"]["files"]))
    image = tokenizer.id_of("<image>")
    assert image == 600
    assert tokenizer.token_of(image) == "<image>"
    assert tokenizer.token_of(image + 2) is None  # image_newline_idx, a row of the embedding alone
    assert tokenizer.id_of("<image_newline>") is None
    the, video = tokenizer.token_ids("the video")[1:]
    assert (tokenizer.token_of(the), tokenizer.token_of(video)) == ("▁the", "▁video")
    assert tokenizer.decode([1, image, the, image + 2, 31999, video, 2]) == "the video"
    assert tokenizer.decode([]) == ""


def test_merges_by_hand():
    # Scores fall from "abc" to "ab": "abc" comes first, its longer left part before the shorter one.
    scores = {"a": -9.0, "b": -9.0, "c": -9.0, "ab": -3.0, "bc": -2.0, "abc": -1.0}
    assert merges(scores, scores) == [("ab", "c"), ("a", "bc"), ("b", "c"), ("a", "b")]
    assert merges(scores, {"a", "b", "ab", "c"}) == [("ab", "c"), ("b", "c"), ("a", "b")]


@pytest.mark.parametrize("by", ["auto", "llama"])
def test_merges_that_transformers_5_made_are_put_right(by, tmp_path):
    write(tmp_path, {"tokenizer.model": "bpe.model"})
    pieces = read_pieces(tmp_path / "tokenizer.model").pieces
    expected = merges({piece.text: piece.score for piece in pieces}, {piece.text for piece in pieces})
    saved = FORMS[f"slow, saved again by {by}"]["files"]
    assert [tuple(pair) for pair in saved["tokenizer.json"]["model"]["merges"]] != expected
    files = as_of_4(read_files(write(tmp_path / "again", saved)))
    assert files.vocabulary is not None
    assert files.vocabulary["model"]["merges"] == expected


def test_pieces_of_a_model(tmp_path):
    write(tmp_path, {"tokenizer.model": "unigram.model"})
    model = read_pieces(tmp_path / "tokenizer.model")
    assert (model.kind, model.unknown) == (UNIGRAM, "<unk>")
    assert [tuple(piece) for piece in model.pieces[:4]] == [
        ("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3), ("<0x00>", 0.0, 6),
    ]  # fmt: skip


def refuse(folder, said):
    with pytest.raises(ModelError, match=said) as caught:
        TarsierTokenizer(folder)
    assert str(caught.value).isprintable()


def test_a_folder_without_a_vocabulary_is_refused(tmp_path):
    refuse(tmp_path, r"has no tokenizer\.json or tokenizer\.model \(either will do\); take the tokenizer's files")


@pytest.mark.parametrize("named", ["Qwen2Tokenizer", "CodeLlamaTokenizer", "GPT2TokenizerFast", ["LlamaTokenizer"], 5])
@pytest.mark.parametrize("place", ["tokenizer_config.json", "config.json"])
def test_another_kind_of_tokenizer_is_refused_by_name(named, place, tmp_path):
    write(tmp_path, {"tokenizer.json": "legacy.json", place: {"tokenizer_class": named}})
    refuse(tmp_path, "tokenizer_class is .*, and only LlamaTokenizer and PreTrainedTokenizerFast are known; take the")


@pytest.mark.parametrize(
    "name",
    ["tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"],
)
def test_files_that_are_not_there_are_one_error(name, tmp_path):
    files = {"tokenizer.model": "bpe.model", "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer"}}
    path = write(tmp_path, files) / name
    settings = name.endswith(".json") and name != "tokenizer.json"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 499723\n")
    refuse(tmp_path, rf"{name} is a git-lfs pointer, not the file of 499723 bytes")
    path.unlink()
    path.mkdir()
    refuse(tmp_path, rf"{name} is not a file|has no tokenizer\.json or tokenizer\.model")
    path.rmdir()
    os.mkfifo(path)
    refuse(tmp_path, rf"{name} is not a file|has no tokenizer\.json or tokenizer\.model")
    path.unlink()
    path.touch()
    os.truncate(path, 10 * 2**20 + 1 if settings else 64 * 2**20 + 1)
    refuse(tmp_path, rf"{name} is not a file, or has more than \d+ bytes")
    for content in (b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a": 1, "a": 2}', b"[" * 100_000, b"0" * 1000):
        path.write_bytes(content)
        refuse(tmp_path, name)


def change(files, **changes):
    """Files of "7b" with other settings."""
    changed = {**FORMS["7b"]["files"]["tokenizer_config.json"], **changes}
    return {**files, "tokenizer_config.json": {key: value for key, value in changed.items() if value != "absent"}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"legacy": "yes", "add_prefix_space": True}, "legacy is 'yes', not a boolean"),
        ({"add_bos_token": 1}, "add_bos_token is '1', not a boolean"),
        ({"add_prefix_space": "always"}, "add_prefix_space is 'always', not a boolean"),
        ({"clean_up_tokenization_spaces": "no"}, "clean_up_tokenization_spaces is 'no'"),
        ({"split_special_tokens": []}, "split_special_tokens is "),
        ({"bos_token": ["<s>"]}, "not a special token"),
        ({"bos_token": None}, "add_bos_token is true, and there is no bos_token"),
        ({"additional_special_tokens": "<image>"}, "additional_special_tokens is '<image>', not a list"),
        ({"additional_special_tokens": [7]}, "'7' is not a special token"),
        ({"added_tokens_decoder": []}, "added_tokens_decoder is "),
        ({"added_tokens_decoder": {"0": "<unk>"}}, "'<unk>' is not a token: it has no content"),
        ({"added_tokens_decoder": {"zero": {"content": "<unk>"}}}, "'zero' is not an id"),
        ({"added_tokens_decoder": {"-1": {"content": "<unk>"}}}, "'-1' is not an id"),
        ({"added_tokens_decoder": {"0": {"content": 5}}}, "is not a token: it has no content"),
        (
            {"added_tokens_decoder": {"0": {"content": "a", "lstrip": 1}}},
            "lstrip of the token 'a' is '1', not a boolean",
        ),
        (
            {"tokenizer_file": "/etc/passwd"},
            "tokenizer_file is '/etc/passwd', and only the folder's own files are read",
        ),
        ({"vocab_file": "../x.model"}, "vocab_file is "),
        ({"init_inputs": ["x"]}, "init_inputs is "),
        ({"fast_tokenizer_files": ["tokenizer.4.0.0.json"]}, "fast_tokenizer_files is "),
        ({"sp_model_kwargs": {"model_file": "x"}, "add_prefix_space": True}, "sp_model_kwargs is "),
        ({"bos_token": "\x1b[31m:\n"}, "Cannot load the tokenizer"),
    ],
)
def test_settings_that_make_no_sense_are_one_error(changes, said, tmp_path):
    write(tmp_path, change({"tokenizer.json": "legacy.json", "tokenizer.model": "bpe.model"}, **changes))
    refuse(tmp_path, said)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"special_tokens_map.json": {"bos_token": {"content": 5}}}, "special_tokens_map.json: .* is not a token"),
        ({"special_tokens_map.json": {"eos_token": 5}}, "'5' is not a special token"),
        ({"special_tokens_map.json": {"additional_special_tokens": {"content": "<image>"}}}, "not a list"),
        ({"special_tokens_map.json": {"additional_special_tokens": [5]}}, "'5' is not a special token"),
        ({"added_tokens.json": {"<image>": "600"}}, "the id of '<image>' is '600'"),
        ({"added_tokens.json": {"<image>": True}}, "the id of '<image>' is 'True'"),
        (
            {"added_tokens.json": {"<image>": 600, "<pad>": 600}},
            "the id of '<pad>' is '600', which is none, or another's",
        ),
        ({"tokenizer.json": {"model": {}}}, "is not a tokenizer: it has no model, or no added_tokens"),
        ({"tokenizer.json": {"model": {}, "added_tokens": [5]}}, "is not a tokenizer"),
        ({"tokenizer.json": {"model": {}, "added_tokens": []}}, "Cannot load the tokenizer"),
        (
            {"tokenizer.json": {"model": {"type": "BPE"}, "added_tokens": [{"content": "a"}]}},
            "not an id|Cannot load",
        ),
    ],
)
def test_tokens_that_make_no_sense_are_one_error(files, said, tmp_path):
    write(tmp_path, {"tokenizer.model": "bpe.model", **files})
    refuse(tmp_path, said)


def test_a_vocabulary_that_gives_a_token_twice_is_refused(tmp_path):
    write(tmp_path, {"tokenizer.json": "legacy.json"})
    text = (tmp_path / "tokenizer.json").read_text()
    (tmp_path / "tokenizer.json").write_text(text.replace('"vocab": {', '"vocab": {"<unk>": 7, '))
    refuse(tmp_path, r"tokenizer\.json gives '<unk>' twice")


def test_a_token_that_is_told_both_ways_is_refused(tmp_path):
    told = {"600": {"content": "a b", "normalized": False}, "601": {"content": "a b", "normalized": True}}
    write(tmp_path, change({"tokenizer.json": "legacy.json"}, added_tokens_decoder=told))
    refuse(tmp_path, "of the token 'a b' files say both that it is normalized and that it isn't")


def test_a_text_that_the_vocabulary_cannot_hold_is_one_error(tmp_path):
    content = json.loads(STORED["legacy.json"])
    content["model"] |= {"byte_fallback": False, "unk_token": "<none>"}
    write(tmp_path, {"tokenizer.json": content})
    tokenizer = TarsierTokenizer(tmp_path)
    assert tokenizer.token_ids("the video")
    with pytest.raises(ModelError, match=r"cannot take '中'") as caught:
        tokenizer.token_ids("中")
    assert str(caught.value).isprintable()


def test_a_damaged_model_is_one_error(tmp_path):
    content = STORED["bpe.model"]
    rng = random.Random(3)
    path = write(tmp_path, {"tokenizer.model": "bpe.model"}) / "tokenizer.model"
    for at in [1, 2, 3, len(content) // 2, *(rng.randrange(len(content) - 400) for _ in range(40))]:
        path.write_bytes(content[:at])
        refuse(tmp_path, r"tokenizer\.model is damaged, or no SentencePiece model")
    for other in (
        b"\x00" * 9,
        b"PK\x03\x04" * 20,
        b'{"model": 1}',
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ):
        path.write_bytes(other)
        refuse(tmp_path, r"tokenizer\.model is damaged")


@pytest.mark.parametrize("name", ["bpe.model", "unigram.model", "no-bytes.model"])
def test_a_changed_model_loads_or_is_one_error(name, tmp_path):
    rng = random.Random(4)
    path = write(tmp_path, {"tokenizer.model": name}) / "tokenizer.model"
    for _ in range(25):
        content = bytearray(STORED[name])
        for _ in range(rng.choice((1, 1, 3))):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(content)
        try:
            TarsierTokenizer(tmp_path).token_ids("USER: <image>\nWhat?")
        except ModelError as error:
            assert str(error).isprintable()  # noqa: PT017
