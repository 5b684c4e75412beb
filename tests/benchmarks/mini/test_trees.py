"""How the trees of the built-in world are written."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from benchmarks.mini.clips import write_gif
from benchmarks.mini.drawing import make_scene
from benchmarks.mini.held_out import MVBENCH_SEED, OTHER_FORMS_SEED
from benchmarks.mini.questions import make_questions
from benchmarks.mini.rendering import render_bytes
from benchmarks.mini.scenes import KINDS
from benchmarks.mini.trees import mvbench, nextqa, tempcompass, tgif_qa, vatex
from benchmarks.mini.trees.dream_1k import PROMPT, events_of
from benchmarks.mini.trees.wordings import references
from benchmarks.mini.trees.writing import (
    SEEDS_PER_KIND,
    SEEDS_PER_TREE,
    Film,
    chosen,
    films,
    open_questions,
    plain,
    tarsier2_row,
    write_clip,
    youtube_id,
)
from benchmarks.mini.world import WORLD, all_trees
from eval.models.tarsier.processing import wrap_prompt


def film_of(seed, kind=None):
    return Film(scene=make_scene(seed, kind), questions=())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [5, 20])
def test_references_differ_and_hold_the_sentence_that_was_learned(kind, number):
    for seed in range(30):
        film = film_of(seed, kind)
        told = references(film, number)
        assert len(set(told)) == number
        assert told.count(film.told("caption").lower().rstrip(".")) == 1
        assert told == references(film, number)
        assert not any("{" in caption or "  " in caption for caption in told)


def test_references_speak_of_the_flash_that_is_seen():
    film = film_of(3, "flash")
    answer = next(one.answer for one in make_questions(film.scene) if one.task == "fine_flash")
    assert all(answer in caption for caption in references(film, 10))


def test_events_name_their_thing():
    assert film_of(4).told("description") == "A purple cross turns cyan. Then it disappears."
    assert events_of(film_of(4)) == ["A purple cross turns cyan.", "The cross disappears."]


def test_descriptions_are_asked_for_as_in_training():
    assert wrap_prompt(PROMPT) == "USER: <video>\nDescribe the video in detail. ASSISTANT: "


def test_open_questions_are_in_lower_case_and_come_once():
    for seed in range(50):
        asked = open_questions(make_scene(seed))
        assert len({one.text for one in asked}) == len(asked)
        assert all(one.text[0].islower() and not one.options and one.family == "open_qa" for one in asked)


def test_films_have_what_was_asked_for():
    shown = list(films(20_000, "events", chosen("action_sequence", options=4), least=2, number=3, shows=plain))
    assert len(shown) == 3
    for film in shown:
        assert len(film.scene.subject.events) <= 2
        assert [len(one.options) for one in film.questions] == [4, 4]
    with pytest.raises(ValueError, match="1 of 1 events films are missing after seed 20000"):
        list(films(20_000, "events", chosen("moving_direction")))


def test_seeds_of_trees_and_kinds_keep_apart():
    assert SEEDS_PER_KIND * len(KINDS) <= SEEDS_PER_TREE
    first = [tree.FIRST_SEED for tree in all_trees()]
    assert len(first) >= 12
    assert all(after - before >= SEEDS_PER_TREE for before, after in pairwise(first))
    for measured in (MVBENCH_SEED, OTHER_FORMS_SEED):  # where the clips begin on which accuracy is measured
        assert not any(measured - SEEDS_PER_TREE < seed < measured + 100_000 for seed in first)


def test_two_films_never_go_by_one_name(tmp_path):
    write_clip(tmp_path / "1.mp4", film_of(1))
    with pytest.raises(FileExistsError, match=r"1\.mp4 shows another film"):
        write_clip(tmp_path / "1.mp4", film_of(2))


def test_names_look_like_those_of_youtube():
    drawn = [youtube_id(seed) for seed in range(2000)]
    assert len(set(drawn)) == len(drawn)
    assert {len(name) for name in drawn} == {11}


def test_messages_form():
    question = chosen("speed")(make_scene(5, "motion"))[0]
    row = tarsier2_row("TVBench/Action Count", 7, question, "action_count/x.mp4")
    first, second = question.options
    assert row["messages"][0]["content"][1]["text"] == f"Question: {question.text}\n(A) {first}\n(B) {second}"
    assert row["messages"][1]["content"] == [
        {"type": "text", "text": " Answer: ("},
        {"type": "text", "text": "", "reference": question.letter},
    ]
    assert (row["idx"], row["vid"], row["task"]) == (7, "action_count/x.mp4", "video/QA")


def test_a_gif_keeps_every_frame_as_it_is(tmp_path):
    frames = render_bytes(make_scene(9, "count"))  # nothing moves: all frames are alike
    write_gif(tmp_path / "x.gif", frames)
    with Image.open(tmp_path / "x.gif") as image:
        assert getattr(image, "n_frames", 1) == len(frames)
        image.seek(len(frames) - 1)
        assert np.array_equal(np.asarray(image.convert("RGB")), frames[-1])


@pytest.mark.parametrize("tree", [nextqa, tempcompass, tgif_qa, vatex])
def test_the_committed_rows_are_what_the_code_writes(tree, tmp_path):
    tree.write(tmp_path, tree.FIRST_SEED)
    written = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) >= 9
    for path in written:
        assert (WORLD / path).is_file()
        if path.suffix in {".json", ".jsonl", ".csv"}:
            assert (WORLD / path).read_text(encoding="utf-8") == (tmp_path / path).read_text(encoding="utf-8")


def test_a_scene_run_backwards_shows_its_frames_in_the_other_order():
    seen = set()
    for seed in range(60):
        scene = make_scene(seed, "motion" if seed % 2 else "events")
        phrases = [event.phrase for thing in scene.things for event in thing.events]
        if "appears" in phrases or "disappears" in phrases:
            continue
        frames = render_bytes(scene).astype(int)
        undone = render_bytes(tempcompass.backwards(scene)).astype(int)[::-1]
        # A turn in the very middle of its event falls on either side of it.
        off = (abs(undone - frames).max(axis=(1, 2, 3)) > 1).sum()
        assert off <= sum(phrase.startswith("turns") for phrase in phrases)
        seen |= {phrase.partition(" ")[0] for phrase in phrases}
    assert seen == {"moves", "grows", "shrinks", "turns"}


def test_a_scene_joined_with_itself_backwards_shows_both():
    scene = make_scene(3, "motion")
    frames = render_bytes(replace(tempcompass.and_back(scene), n_frames=2 * scene.n_frames - 1)).astype(int)
    there = render_bytes(scene).astype(int)
    assert abs(frames[: scene.n_frames] - there).max() <= 1
    assert abs(frames[scene.n_frames - 1 :] - there[::-1]).max() <= 1


def test_mvbench_can_be_written_with_other_seeds_and_sizes(tmp_path):
    written = mvbench.write(tmp_path, 200_000, samples_per_subtask=1)
    assert len(written) == 14
    assert all(one.sample(0, tmp_path).clip.exists() for one in written)
