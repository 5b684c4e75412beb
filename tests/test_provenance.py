"""The hash of the code: it changes with what outputs and scores depend on, and with nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval.config import PROJECT
from eval.core import Clip, Sample, Selection, Turn
from eval.provenance import WITHOUT_EFFECT, code_hash, data_hash, prompts_hash

FILES = {
    "eval/video/frames.py": '"""Frames."""\n\nSIZE = 3  # pixels\n"""The size."""\n',
    "eval/models/engine.py": "STEP = 1\n",
    "eval/readers/prompts.py": 'OWN = {"open_qa": "Answer in a few words."}\n',
    "eval/scorers/words.py": 'def close(one):\n    """Return it."""\n    return f"{one!r} {SIZE}"\n',
    "eval/report/table.py": "WIDTH = 80\n",
    "eval/cli/why.py": "SHOWN = 5\n",
    "eval/analysis/compare/view.py": "SHOWN = 5\n",
    "eval/__main__.py": "CODE = 2\n",
    "benchmarks/__init__.py": "",
    "benchmarks/nextqa.py": "from benchmarks import shared\n\nSPLIT = 'val'\n",
    "benchmarks/shared.py": "from .rooms.places import ROOM\n",
    "benchmarks/rooms/__init__.py": "DEEP = 1\n",
    "benchmarks/rooms/places.py": "ROOM = 'videos'\n",
    "benchmarks/tgif_qa.py": "import benchmarks.nextqa\n\nSPLIT = 'test'\n",
}
NEXTQA = ("benchmarks.nextqa",)


@pytest.fixture
def project(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("eval/video/frames.py", "SIZE = 3", "SIZE = 4"),
        ("eval/models/engine.py", "1", "2"),
        ("eval/readers/prompts.py", "a few words", "one word"),
        ("eval/scorers/words.py", "!r", "!s"),
        ("eval/scorers/words.py", "return f", "return 1 or f"),
        ("benchmarks/nextqa.py", "'val'", "'test'"),
        ("benchmarks/shared.py", "import ROOM", "import ROOM as PLACE"),
        ("benchmarks/rooms/places.py", "'videos'", "'clips'"),
        ("benchmarks/rooms/__init__.py", "1", "2"),
    ],
)
def test_code_that_outputs_or_scores_depend_on_changes_it(project, name, old, new):
    before = code_hash(project, NEXTQA)
    (project / name).write_text(FILES[name].replace(old, new))
    assert code_hash(project, NEXTQA) != before


def test_other_benchmarks_do_not_change_it(project):
    before = code_hash(project, NEXTQA)
    (project / "benchmarks/tgif_qa.py").write_text("SPLIT = 'val'\n")
    (project / "benchmarks/new.py").write_text("SPLIT = 'val'\n")
    assert code_hash(project, NEXTQA) == before
    assert code_hash(project, ("benchmarks.tgif_qa",)) != before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("eval/video/frames.py", "# pixels", "# the side, in pixels"),
        ("eval/video/frames.py", '"""Frames."""', '"""Frames of a clip,\n\nand more.\n"""'),
        ("eval/video/frames.py", '"""The size."""\n', ""),
        ("eval/video/frames.py", "SIZE = 3", "\n\nSIZE =   3"),
        ("eval/video/frames.py", "\n", "\r\n"),
        ("eval/scorers/words.py", "Return it.", "Return its text.\n\n    More.\n    "),
        ("eval/scorers/words.py", '    """Return it."""\n', ""),
        ("eval/report/table.py", "80", "100"),
        ("eval/cli/why.py", "5", "6"),
        ("eval/analysis/compare/view.py", "5", "6"),
        ("eval/__main__.py", "2", "3"),
    ],
)
def test_comments_docstrings_and_what_shows_results_do_not_change_it(project, name, old, new):
    before = code_hash(project, NEXTQA)
    (project / name).write_bytes(FILES[name].replace(old, new).encode())
    assert code_hash(project, NEXTQA) == before


def test_a_moved_or_new_file_changes_it(project):
    before = code_hash(project)
    (project / "eval/video/frames.py").rename(project / "eval/video/images.py")
    moved = code_hash(project)
    (project / "eval/video/new.py").write_text("")
    assert len({before, moved, code_hash(project)}) == 3


def test_it_is_the_same_in_all_versions_of_python(tmp_path):
    """Python 3.12 and later split f-strings into tokens; the tokens here are written by hand."""
    (tmp_path / "eval").mkdir()
    source = 'if a:\n    # why\n    """Text."""\n    b = f"{a:{w}} \u00e4 {f\'{c}\'}" "x"\n    f"{d()}"\n'
    (tmp_path / "eval" / "core.py").write_text(source, encoding="utf-8")
    strings = ("f\"{a:{w}} \u00e4 {f'{c}'}\"", '"x"')
    tokens = ["if", "a", ":", "NEWLINE", "INDENT", "b", "=", *strings, "NEWLINE", 'f"{d()}"', "NEWLINE", "DEDENT"]
    whole = "eval/core.py\0" + "\0".join(tokens) + "\0"
    assert code_hash(tmp_path) == hashlib.sha256(whole.encode()).hexdigest()[:16]


def test_a_file_that_is_no_python_counts_as_it_is(project):
    (project / "eval/models/engine.py").write_text("def (:\n")
    before = code_hash(project)
    (project / "eval/models/engine.py").write_text("def (:  # why\n")
    assert code_hash(project) != before


def test_what_is_left_out_exists():
    assert all((PROJECT / "eval" / name).exists() for name in WITHOUT_EFFECT)


def test_samples_are_told_by_what_is_chosen_of_their_clips():
    def of(**clip):
        made = Clip(source=Path("a.mp4"), **clip)
        return data_hash([Sample(id="1", benchmark="b", subset="", clip=made, prompt="p", targets=("A",))])

    assert of() == of(start=0.0)
    other = Clip(source=Path("b.mp4"))
    chosen: list[dict[str, Any]] = [
        {},
        {"end": 1.0},
        {"selection": Selection(first_frame=1)},
        {"selection": Selection(last_frame=1)},
        {"more": (other,)},
        {"more": (replace(other, end=1.0),)},
        {"more": (replace(other, selection=Selection(is_image=True)),)},
    ]
    assert len({of(**each) for each in chosen}) == len(chosen)


def test_a_beginning_at_zero_counts_where_there_is_an_end():
    def of(**span):
        clip = Clip(source=Path("a.mp4"), **span)
        return data_hash([Sample(id="1", benchmark="b", subset="", clip=clip, prompt="p", targets=("A",))])

    assert of(start=0.0) == of()
    assert of(start=0.0, end=5.0) != of(end=5.0)


def test_conversations_count_where_their_prompt_does_not_tell_them():
    def turn(role, *parts):
        return Turn(role=role, parts=tuple(("text", part) if part else ("video", "") for part in parts))

    def told(*turns):
        clip = Clip(source=Path("a.mp4"))
        return prompts_hash(
            [Sample(id="1", benchmark="b", subset="", clip=clip, prompt="p", targets=("A",), turns=turns)]
        )

    plain = told()
    assert plain == told(turn("user", "", "Who?")) == told(turn("user", "", "Who?"), turn("assistant", " It is"))
    others = [
        told(turn("system", "S"), turn("user", "", "Who?")),
        told(turn("user", "S"), turn("user", "", "Who?")),
        told(turn("user", "Who", "")),
        told(turn("user", "", "Who?", "")),
    ]
    assert len({plain, *others}) == 5
