"""Records what transformers 4.44.2 makes of every form of a Tarsier tokenizer's files, for the tests.

    python -m venv old && old/bin/pip install transformers==4.44.2 sentencepiece protobuf torch
    python -m venv new && new/bin/pip install 'transformers>=5.20,<6' sentencepiece protobuf torch
    old/bin/python scripts/tokenizer_reference.py --new new/bin/python

It trains small vocabularies on generated sentences, writes folders of all forms (`tokenizer_forms`), and encodes and
decodes generated texts with what AutoTokenizer loads from each, as upstream's LlavaProcessor does. Some of the folders
are loaded and saved once more by transformers 5; their reference is still what 4.44.2 makes of the folder before that.
The result, tests/models/data/tokenizer_ids.json.xz, holds the files of all folders, hashes of all ids and texts, and
the ids of the first texts in full. tests/models/test_tokenizer.py reads it.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import copy
import json
import logging
import lzma
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.tokenizer_forms import AGAIN, CONFIG, LLAMA, YI, Form, forms, token  # noqa: E402
from tests.models import tokenizer_texts as inputs  # noqa: E402

OUT = ROOT / "tests" / "models" / "data" / "tokenizer_ids.json.xz"
N_SHOWN = 40
"""Texts whose ids are kept in full, for a failure to be read."""

SAVE_AGAIN = """
import sys, transformers
for line in sys.stdin:
    source, target, by = line.rstrip("\\n").split("\\t")
    named = {"auto": "AutoTokenizer", "llama": "LlamaTokenizer"}[by]
    getattr(transformers, named).from_pretrained(source).save_pretrained(target)
"""


def train(folder: Path) -> dict[str, bytes]:
    """Return SentencePiece models by the names under which they are stored."""
    import sentencepiece

    corpus = folder / "corpus.txt"
    corpus.write_text("\n".join(inputs.corpus()), encoding="utf-8")
    like_llama = {
        "model_type": "bpe", "normalization_rule_name": "identity", "remove_extra_whitespaces": False,
        "split_digits": True, "allow_whitespace_only_pieces": True, "byte_fallback": True,
    }  # fmt: skip
    kinds: dict[str, dict[str, Any]] = {
        "bpe.model": {**like_llama, "vocab_size": 600},
        "unigram.model": {"model_type": "unigram", "vocab_size": 420, "byte_fallback": True},
        "no-bytes.model": {**like_llama, "vocab_size": 260, "byte_fallback": False},
        "yi.model": {
            **like_llama, "vocab_size": 560, "bos_piece": YI["bos_token"], "eos_piece": YI["eos_token"],
            "add_dummy_prefix": False, "control_symbols": ["<pad>"],
            "user_defined_symbols": ["<|im_start|>", "<|im_end|>", "  "],
        },
    }  # fmt: skip
    models: dict[str, bytes] = {}
    for name, settings in kinds.items():
        sentencepiece.SentencePieceTrainer.train(
            input=str(corpus), model_prefix=str(folder / name), num_threads=1, minloglevel=2, hard_vocab_limit=False,
            **settings,
        )  # fmt: skip
        models[name] = (folder / f"{name}.model").read_bytes()
    return models


def n_pieces(model: bytes) -> int:
    """Return how many pieces a SentencePiece model has."""
    import sentencepiece

    return len(sentencepiece.SentencePieceProcessor(model_proto=model))


def vocabularies(models: dict[str, bytes], folder: Path) -> dict[str, Any]:
    """Return tokenizer.json files as 4.44.2 makes them, and changed ones, by the names under which they are stored."""
    from transformers import AddedToken, AutoTokenizer

    def saved(model: str, *added: AddedToken, **settings: Any) -> dict[str, Any]:
        folder.mkdir(exist_ok=True)
        (folder / "tokenizer.model").write_bytes(models[model])
        for name, content in (("config.json", CONFIG), ("tokenizer_config.json", {**LLAMA, **settings})):
            (folder / name).write_text(json.dumps(content), encoding="utf-8")
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
        for one in added:
            tokenizer.add_tokens([one], special_tokens=one.special)
        made: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
        return made

    image = AddedToken("<image>", special=True, normalized=False)
    loose = (
        AddedToken("<loose>", lstrip=True, rstrip=True), AddedToken("Word", single_word=True), image,
        AddedToken("<extra>", special=True, rstrip=True, normalized=False), AddedToken("aaaa", normalized=False),
    )  # fmt: skip
    found = {
        "legacy.json": saved("bpe.model", image, legacy=True),
        "new.json": saved("bpe.model", image, legacy=False),
        "bare.json": saved("bpe.model", image, legacy=True, add_prefix_space=False),
        "loose.json": saved("bpe.model", *loose, legacy=True),
        "ends.json": saved("bpe.model", image, add_bos_token=False, add_eos_token=True),
        "unigram.json": saved("unigram.model", image),
        "yi.json": saved("yi.model", image, **YI, add_bos_token=False),
    }
    padded, holes, normalized, pairs = (copy.deepcopy(found["legacy.json"]) for _ in range(4))
    padded["truncation"] = {"direction": "Right", "max_length": 7, "strategy": "LongestFirst", "stride": 0}
    padded["padding"] = {
        "strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
        "pad_token": "<pad>",
    }  # fmt: skip
    last = holes["added_tokens"][-1]["id"]
    holes["added_tokens"].append({"id": last + 2, **token("<image_newline>", special=True)})
    holes["added_tokens"].append({"id": last + 3, **token("<image_new>", special=True)})
    normalized["added_tokens"] = [{**one, "normalized": True} for one in normalized["added_tokens"]]
    pairs["model"]["merges"] = [merge.split(" ") for merge in pairs["model"]["merges"]]
    return {**found, "padded.json": padded, "holes.json": holes, "normalized.json": normalized, "pairs.json": pairs}


def write(folder: Path, files: Form, stored: dict[str, Any]) -> None:
    """Write a folder."""
    folder.mkdir(parents=True)
    for name, given in {"config.json": CONFIG, **files}.items():
        content = stored[given] if isinstance(given, str) else given
        data = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode("utf-8")
        (folder / name).write_bytes(data)


def reference(folder: Path) -> dict[str, Any] | None:
    """Return the ids and texts of 4.44.2 with a folder's tokenizer, None where it does not load it."""
    from transformers import AutoTokenizer

    try:
        # What it ignores about tokens it prints.
        with contextlib.redirect_stdout(None), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tokenizer = AutoTokenizer.from_pretrained(str(folder), padding_side="left", trust_remote_code=True)
    except Exception as error:  # noqa: BLE001 - whatever it is, the folder is not loaded
        print(f"  not loaded: {str(error).splitlines()[0][:100]}")
        return None
    ids = [tokenizer.encode(text, add_special_tokens=True) for text in inputs.texts()]
    drawn = inputs.sequences(len(tokenizer))
    decoded = [tokenizer.decode(one, skip_special_tokens=True) for one in [*ids, *drawn]]
    return {
        "size": len(tokenizer),
        "end": tokenizer.eos_token_id,
        "ids": inputs.digests(ids),
        "decoded": inputs.digests(decoded),
        "shown": ids[:N_SHOWN],
        "shown_decoded": decoded[-N_SHOWN // 2 :],
    }


def main() -> None:
    """Write OUT, and say what became of each form."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--new", type=Path, required=True, help="Python with transformers 5, sentencepiece and protobuf"
    )
    parser.add_argument("--keep", type=Path, help="a new folder in which to leave the folders that were compared")
    arguments = parser.parse_args()
    import transformers

    if transformers.__version__ != "4.44.2":
        parser.error(f"transformers is {transformers.__version__}; the reference is 4.44.2")
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.keep or Path(temporary) / "work"
        work.mkdir(parents=True)
        models = train(work)
        stored: dict[str, Any] = {**models, **vocabularies(models, work / "vocabularies")}
        found: dict[str, Any] = {}
        places: dict[str, Path] = {}
        for name, files in forms({name: n_pieces(data) for name, data in models.items()}):
            print(name)
            places[name] = work / "forms" / str(len(found))
            write(places[name], files, stored)
            found[name] = {"files": files, "expected": reference(places[name])}
        jobs = [(name, by, work / "again" / f"{i}-{by}") for by, names in AGAIN.items() for i, name in enumerate(names)]
        lines = "".join(f"{places[name]}\t{target}\t{by}\n" for name, by, target in jobs)
        subprocess.run([str(arguments.new), "-W", "ignore", "-c", SAVE_AGAIN], input=lines, text=True, check=True)
        for name, by, target in jobs:
            files = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(target.iterdir())}
            again = {"files": files, "expected": found[name]["expected"], "again": True}
            found[f"{name}, saved again by {by}"] = again
    # From 4.45 on merges are saved as pairs, which 4.44.2 cannot read.
    pairs = {**found["7b, tokenizer.json"]["files"], "tokenizer.json": "pairs.json"}
    found["7b, merges as pairs"] = {**found["7b, tokenizer.json"], "files": pairs}
    kept = {
        "stored": {
            name: base64.b64encode(one).decode("ascii") if isinstance(one, bytes) else one
            for name, one in stored.items()
        },
        "texts": inputs.digests(inputs.texts()),
        "forms": found,
    }
    OUT.parent.mkdir(exist_ok=True)
    # The order of keys says something in these files, so it stays.
    OUT.write_bytes(lzma.compress(json.dumps(kept).encode("ascii"), preset=9 | lzma.PRESET_EXTREME))
    refused = sum(one["expected"] is None for one in found.values())
    print(f"{len(found)} forms, {refused} of them not loaded; {OUT} has {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
