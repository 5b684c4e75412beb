"""EgoSchema: three minutes of first-person video, one multiple-choice question of five (arXiv 2308.09126).

Data: github.com/egoschema/EgoSchema, `questions.json` and `subset_answers.json`; videos as `videos/<q_uid>.mp4`;
or upstream's EgoSchema_subset.jsonl and EgoSchema_fullset.jsonl.
One row: {"q_uid": "0074f737-...", "question": "What is c doing?", "option 0": "C cooks.", ..., "option 4": "C sews."}
and {"0074f737-...": 3}

Quirks:
- Only the answers of 500 questions are public (`split=subset`). The samples of `split=full` have no targets; what
  they end in is a submission file, see eval/readers/submission.py. Nothing is ever posted.
- The person who wears the camera is called "c" or "C".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eval.readers.benchmark import AnnotatedBenchmark
from eval.readers.choices import index_letter
from eval.readers.joining import AnnotatedQuestion
from eval.readers.rows import read_json_list, read_object


class EgoSchema(AnnotatedBenchmark):
    """Reads `questions.json`, and the public answers for the subset."""

    may_withhold = True  # of all but the subset

    def questions(self, files: Sequence[Path]) -> Iterator[AnnotatedQuestion]:
        """Yield the questions; of the subset those with an answer. Raises RowError where an answer is alone."""
        answers = read_object(files[1]) if self.split == "subset" else None
        asked = set()
        for row in read_json_list(files[0], self.tolerance):
            with self.tolerance:
                uid = row.text("q_uid")
                if answers is not None and not answers.has(uid):
                    continue
                asked.add(uid)
                options = tuple(row.text(f"option {number}") for number in range(5))
                yield AnnotatedQuestion(
                    row=row,
                    id=f"{self.dataset}_{uid}",
                    video=uid,
                    targets=() if answers is None else (index_letter(answers, answers.number(uid), options, uid),),
                    text=row.text("question"),
                    options=options,
                )
        for uid in answers.fields if answers else ():
            with self.tolerance:
                if answers and uid not in asked:
                    raise answers.error(uid, f"answers a question that {files[0]} lacks; fetch both files again")
