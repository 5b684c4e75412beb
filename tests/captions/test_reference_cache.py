"""Prepared references on disk: the same after a round trip, whole or made anew, and one file a content."""

from __future__ import annotations

import numpy as np
import pytest

from eval.captions import reference_cache
from eval.captions.cider import cider
from eval.captions.reference_cache import cache_file, content_key, load_or_prepare
from eval.errors import DataError, RunError

REFERENCES = {"one": ["A dog runs.", "the dog's ball"], "two": ["Café au lait!", "a cup"], "three": ["..."]}
CANDIDATES = {"one": ["a", "dog", "runs"], "two": ["a", "cup", "of"], "three": ["a"]}


def scores(folder, references=None):
    prepared = load_or_prepare(folder, REFERENCES if references is None else references)
    return {image: cider(CANDIDATES[image], prepared[image]) for image in prepared}


@pytest.fixture
def no_preparing(monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(reference_cache, "prepare", refuse)


def test_round_trip_to_the_last_bit(tmp_path, request):
    fresh = load_or_prepare(tmp_path / "new" / "folder", REFERENCES)
    request.getfixturevalue("no_preparing")
    loaded = load_or_prepare(tmp_path / "new" / "folder", REFERENCES)
    assert loaded.images == fresh.images
    assert loaded.frequencies.ngrams == fresh.frequencies.ngrams
    for name in ("first_reference", "first_entry", "lengths", "norms", "ids", "places", "weights"):
        ours, theirs = getattr(loaded, name), getattr(fresh, name)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    assert scores(tmp_path / "new" / "folder")["one"] > 0


def test_nothing_else_is_left_in_the_folder(tmp_path):
    load_or_prepare(tmp_path, REFERENCES)
    assert list(tmp_path.iterdir()) == [cache_file(tmp_path, REFERENCES)]


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "other", "columns"])
def test_a_damaged_file_is_made_anew(tmp_path, damage):
    expected = scores(tmp_path)
    path = cache_file(tmp_path, REFERENCES)
    whole = path.read_bytes()
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "flipped":
        middle = whole.index(b"dog")
        path.write_bytes(whole[:middle] + b"cat" + whole[middle + 3 :])
    elif damage == "other":
        path.write_bytes(b"not an archive")
    else:
        with np.load(path) as file:
            columns = dict(file)
        np.savez(path, **{**columns, "places": columns["places"][:-1]})
    assert scores(tmp_path) == expected
    assert path.read_bytes() == whole


def test_the_key_follows_content_order_and_tokenizer(monkeypatch):
    key = content_key(REFERENCES)
    assert key == content_key({image: tuple(captions) for image, captions in REFERENCES.items()})
    assert key != content_key(dict(reversed(REFERENCES.items())))
    assert key != content_key({**REFERENCES, "three": ["...."]})
    assert content_key({"a": ["b", "c"]}) != content_key({"a": ["b"], "c": []})
    monkeypatch.setattr(reference_cache, "TOKENIZER_VERSION", "next")
    assert key != content_key(REFERENCES)


def test_no_pickle_is_read(tmp_path):
    expected = scores(tmp_path)
    path = cache_file(tmp_path, REFERENCES)
    with np.load(path) as file:
        columns = dict(file)
    np.savez(path, **{**columns, "ngrams": np.array([{"a": 1}], dtype=object)})
    assert scores(tmp_path) == expected


def test_references_without_any_token(tmp_path):
    for _ in range(2):
        assert scores(tmp_path, {"one": ["..."], "two": ["!"]}) == {"one": 0, "two": 0}


def test_missing_references_are_refused(tmp_path):
    with pytest.raises(DataError, match="one"):
        load_or_prepare(tmp_path, {"one": []})


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"Cannot create the folder .*choose another place"):
        load_or_prepare(tmp_path / "file", REFERENCES)
