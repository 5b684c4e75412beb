"""Answers to a split whose solutions are withheld, in its authors' format. Nothing is ever posted.

    {"0074f737-11cb-497d-8d07-77c3a8127391": 3, ...}

This is EgoSchema's format: the 0-based index of an option by q_uid. Beside it the same is written as CSV, with the
columns q_uid and answer, as its competition on Kaggle takes it. The server wants an answer to every question; here,
questions without one are left out and counted, not guessed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from string import ascii_uppercase

from eval.core import Prediction, Sample
from eval.errors import DataError
from eval.files import make_folder, write_atomically, write_json


def is_withheld(samples: Iterable[Sample]) -> bool:
    """Whether no sample has a target, so that there is nothing to score."""
    return not any(sample.targets for sample in samples)


def write_submission(
    pairs: Iterable[tuple[Sample, Prediction]], read_letter: Callable[[str], str | None], to: Path
) -> list[str]:
    """Write the submission as JSON and as CSV, and return the ids of the samples left out for want of an answer.

    Args:
        pairs: Samples with their predictions; the cluster of a sample is its q_uid.
        read_letter: Reads the option letter from an output, such as eval.scorers.multiple_choice.read_letter.
        to: The JSON file to write.

    Raises:
        DataError: Two samples are about the same video, so this benchmark has no such format.
    """
    answers: dict[str, int] = {}
    open_: list[str] = []
    seen: set[str] = set()
    for sample, prediction in pairs:
        if sample.cluster in seen:
            raise DataError(f"{sample.id}: a second question about {sample.cluster!r}; a submission has one a video")
        seen.add(sample.cluster)
        letter = None if prediction.output is None else read_letter(prediction.output)
        if letter is not None and letter in ascii_uppercase[: len(sample.options)]:
            answers[sample.cluster] = ascii_uppercase.index(letter)
        else:
            open_.append(sample.id)
    make_folder(to.parent)
    write_json(to, answers)
    rows = io.StringIO()
    csv.writer(rows, lineterminator="\n").writerows([("q_uid", "answer"), *answers.items()])
    write_atomically(to.with_suffix(".csv"), rows.getvalue())
    return open_
