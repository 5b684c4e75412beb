"""Published numbers: what their file says, and that what a source leaves open is never compared silently."""

from __future__ import annotations

import pytest

from eval import config as configuration
from eval.analysis.leaderboard.published import FIELDS, read_published
from eval.analysis.leaderboard.view import markdown
from eval.analysis.page.published import published_numbers
from eval.config import cards
from eval.core import Counts, Result
from eval.errors import DataError

LINE = "nextqa,,overall,m,accuracy,0.5,,paper,16,split"


def published(tmp_path, *lines):
    path = tmp_path / "published.csv"
    path.write_text("\n".join([",".join(FIELDS), *lines]) + "\n", encoding="utf-8")
    return read_published(path)


def test_frames_and_what_is_unstated(tmp_path):
    (row,) = published(tmp_path, LINE)
    assert (row.frames, row.unstated) == ("16 frames", "split")
    text = markdown([row])
    assert "Published, split not stated; not measured here." in text
    assert "| m | paper | 16 | 50.0 |" in text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [(",16,", ",16.5,", "frames '16.5'"), (",split", ",splitt", "unstated 'splitt'. Did you mean 'split'?")],
)
def test_a_line_that_does_not_fit_is_named(old, new, said, tmp_path):
    with pytest.raises(DataError, match=rf"published.csv:2: {said}".replace("?", r"\?")):
        published(tmp_path, LINE.replace(old, new))


def test_a_number_of_an_unstated_split_is_not_comparable(tmp_path, monkeypatch):
    published(tmp_path, LINE, "nextqa,val,overall,n,accuracy,0.4,,paper,,")
    monkeypatch.setattr("eval.analysis.page.published.PUBLISHED", tmp_path / "published.csv")
    result = Result(
        benchmark="nextqa", model="mine", judge=None, protocol=None, score_id="", primary="accuracy", complete=True,
        counts=Counts(total=1, scored=1, invalid=0, model_failed=0, judge_failed=0), metrics=(), coverage=(),
        provenance={"split": "val"},
    )  # fmt: skip
    open_, stated = published_numbers(result, is_apart=False)
    assert (open_["comparable"], open_["note"]) == (False, "its split is not stated")
    assert (stated["comparable"], stated["note"]) == (True, "")


def test_every_published_number_says_what_its_source_leaves_open():
    known = cards()
    for row in read_published(configuration.PROJECT / "results" / "published.csv"):
        if not row.split and len(known[row.benchmark].splits) > 1:
            assert "split" in row.unstated, row
        if "not stated" in row.judge or "varies" in row.judge:
            assert "judge" in row.unstated, row
