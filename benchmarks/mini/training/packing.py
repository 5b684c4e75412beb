"""Training batches: many questions behind one set of frames, as one sequence.

A clip's frames are costly and its questions cheap, so all questions share one visual prefix. A boolean mask keeps
them from seeing each other, and positions start anew after the prefix: to each question the sequence looks exactly
as it will at inference.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from benchmarks.mini import prompts
from benchmarks.mini.drawing import make_scene
from benchmarks.mini.questions import Family, Question, described, make_questions
from benchmarks.mini.rendering import render
from benchmarks.mini.scenes import TRAIN_SEEDS, Scene, sampled_indices
from benchmarks.mini.training.families import OfTarsier, Positions, Prefix
from benchmarks.mini.training.supervision import FrameTargets, frame_targets

if TYPE_CHECKING:
    from benchmarks.mini.training.families import Family as Of

MAX_QUESTION_TOKENS = 170
"""Per clip; questions that no longer fit are left out."""
IGNORED = -100
"""The label of tokens that carry no loss."""
FORMS: dict[prompts.Form, float] = {"mvbench": 0.7, "nextqa": 0.15, "egoschema": 0.15}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Where the answer to a packed question begins to be predicted."""

    row: int
    position: int
    task: str
    family: Family


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionEnd:
    """The last token of an option, where a throw-away head says whether that option is right."""

    row: int
    position: int
    right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """b packed sequences of t positions."""

    ids: torch.Tensor
    """(b, t)"""
    labels: torch.Tensor
    """(b, t): the token to predict at each position, or IGNORED."""
    positions: torch.Tensor
    """(b, t), or (3, b, t) for time, height and width."""
    mask: torch.Tensor
    """(b, 1, t, t): True where a position may look."""
    frame_ends: torch.Tensor
    """(b, 8): place of each frame's last token; (b, 0) where a description stands for the frames."""
    pixels: Sequence[torch.Tensor]
    """(8, 3, height, width) from 0 to 1, of each clip; none where a description stands for the frames."""
    targets: FrameTargets | None
    answered: list[Answered]
    option_ends: list[OptionEnd]


def as_decoded(frames: np.ndarray) -> torch.Tensor:
    """Turn rendered frames (n, h, w, 3) into (n, 3, h, w) from 0 to 1, a little blurred and noisy as if decoded."""
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2) / 255.0
    blend = torch.rand(len(pixels), 1, 1, 1) * 0.5
    blurred = functional.avg_pool2d(functional.pad(pixels, (1, 1, 1, 1), mode="replicate"), 3, 1)
    pixels = pixels * (1 - blend) + blurred * blend
    return (pixels + torch.randn_like(pixels) * 0.012).clamp(0, 1)


class SceneStream:
    """Training scenes without end: every `step`-th seed from `start` on."""

    def __init__(self, start: int, step: int) -> None:
        self.seeds = iter(TRAIN_SEEDS[start::step])

    def take(self, number: int) -> list[Scene]:
        """Return the next scenes."""
        return [make_scene(next(self.seeds)) for _ in range(number)]


@dataclass(slots=True)
class _Row:
    """One sequence while it is filled; the prefix comes first, then question after question."""

    ids: list[int]
    labels: list[int]
    positions: Positions
    segments: list[int]
    """0 for the prefix, then 1, 2, ... for the questions."""


class Packer:
    """Packs clips and their questions into batches."""

    def __init__(self, family: Of, rng: random.Random) -> None:
        self.family = family
        self.tokenizer = family.tokenizer
        self.rng = rng
        ids = self.tokenizer.convert_tokens_to_ids
        self.letters: list[int] = [ids(f"\n({letter})") for letter in prompts.LETTERS]
        self.after_options: set[int] = {ids(token) for token in family.after_options}
        self._encoded: dict[str, list[int]] = {}

    def with_frames(self, scenes: Sequence[Scene], progress: float) -> Batch:
        """Pack scenes behind their rendered frames."""
        indices = [sampled_indices(scene.n_frames) for scene in scenes]
        frames = [
            render(scene, sampled, self.family.size(scene)) for scene, sampled in zip(scenes, indices, strict=True)
        ]
        prefixes = [self.family.prefix(scene) for scene in scenes]
        chosen = [self._choose(make_questions(scene), progress) for scene in scenes]
        batch = self._pack(prefixes, chosen)
        return replace(batch, pixels=[as_decoded(each) for each in frames], targets=frame_targets(scenes, indices))

    def with_descriptions(self, scenes: Sequence[Scene], progress: float) -> Batch:
        """Pack scenes behind their descriptions, which end at the position where the frames would."""
        assert isinstance(self.family, OfTarsier), "the other family begins with a trained language model"
        prefixes, chosen = [], []
        for scene in scenes:
            questions = make_questions(scene)
            prefixes.append(self.family.described(described(questions)))
            told = [each for each in questions if each.family in ("multiple_choice", "open_qa")]
            told += [each for each in questions if each.family == "caption" and self.rng.random() < 0.3]
            if progress < 0.7:
                told.append(self._matching(questions))
            self.rng.shuffle(told)
            chosen.append(told)
        return self._pack(prefixes, chosen)

    def encode(self, text: str) -> list[int]:
        """Return the token ids of a text, without BOS."""
        if text not in self._encoded:
            if len(self._encoded) > 200_000:
                self._encoded.clear()
            self._encoded[text] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return self._encoded[text]

    def _matching(self, questions: Sequence[Question]) -> Question:
        """Ask for an option by its text: how letters work can be learned before anything is understood."""
        options = self.rng.choice([each.options for each in questions if each.options])
        answer = self.rng.choice(options)
        text = f"Which option is {answer}?"
        return Question(task="matching", family="multiple_choice", text=text, answer=answer, options=options)

    def _choose(self, questions: Sequence[Question], progress: float) -> list[Question]:
        """Pick questions to learn from frames: descriptions often at first, all multiple choice always."""
        families: dict[Family, list[Question]] = {}
        for question in questions:
            families.setdefault(question.family, []).append(question)
        chosen = []
        if self.rng.random() < (0.9 if progress < 0.4 else 0.5):
            chosen += families["description"]
        if self.rng.random() < 0.35:
            chosen += families["caption"]
        chosen.append(self.rng.choice(families["open_qa"]))
        options = families["multiple_choice"]
        return chosen + self.rng.sample(options, len(options))

    def _form(self) -> prompts.Form:
        return self.rng.choices(list(FORMS), list(FORMS.values()))[0]

    def _pack(self, prefixes: Sequence[Prefix], chosen: Sequence[list[Question]]) -> Batch:
        start = max(len(prefix.ids) for prefix in prefixes)
        rows, answered, option_ends = [], [], []
        for place, (prefix, questions) in enumerate(zip(prefixes, chosen, strict=True)):
            row = self._row(prefix, start)
            for segment, question in enumerate(questions, start=1):
                suffix = self.encode(self.family.suffix(question.prompt(self._form())))
                target = [*self.encode(question.target), self.tokenizer.eos_token_id]
                offset = len(row.ids)
                if offset - start + len(suffix) + len(target) > MAX_QUESTION_TOKENS:
                    continue
                answered.append(
                    Answered(row=place, position=offset + len(suffix) - 1, task=question.task, family=question.family)
                )
                if question.options:
                    ends = self._option_ends(suffix)
                    option_ends += [
                        OptionEnd(row=place, position=offset + end, right=option == question.answer)
                        for end, option in zip(ends, question.options, strict=True)
                    ]
                length = len(suffix) + len(target)
                row.ids += suffix + target
                row.labels += [IGNORED] * (len(suffix) - 1) + target + [IGNORED]
                width = len(prefix.positions[0])
                row.positions += [(prefix.after + place,) * width for place in range(length)]
                row.segments += [segment] * length
            rows.append(row)
        frame_ends = [[start - len(prefix.ids) + end for end in prefix.frame_ends] for prefix in prefixes]
        return replace(self._collate(rows, answered, option_ends), frame_ends=torch.tensor(frame_ends))

    def _row(self, prefix: Prefix, start: int) -> _Row:
        """Begin a sequence, whose prefix ends at `start`."""
        padding = start - len(prefix.ids)
        nowhere = (0,) * len(prefix.positions[0])
        return _Row(
            ids=[self.tokenizer.pad_token_id] * padding + prefix.ids,
            labels=[IGNORED] * start,
            positions=[nowhere] * padding + prefix.positions,
            segments=[-1] * padding + [0] * len(prefix.ids),
        )

    def _option_ends(self, suffix: list[int]) -> list[int]:
        """Return the places of each option's last token: just before the next letter, or before what follows."""
        letters = [place for place, token in enumerate(suffix) if token in self.letters]
        closing = next(place for place, token in enumerate(suffix) if token in self.after_options)
        return [place - 1 for place in (*letters[1:], closing)]

    def _collate(self, rows: list[_Row], answered: list[Answered], option_ends: list[OptionEnd]) -> Batch:
        length = max(len(row.ids) for row in rows)

        def padded(values: list[int], filler: int) -> list[int]:
            return values + [filler] * (length - len(values))

        segments = torch.tensor([padded(row.segments, -1) for row in rows])
        same = segments[:, None, :] == segments[:, :, None]
        causal = torch.ones(length, length, dtype=torch.bool).tril()
        nowhere = (0,) * len(rows[0].positions[0])
        positions = torch.tensor([row.positions + [nowhere] * (length - len(row.positions)) for row in rows])
        mask = causal & ((segments[:, None, :] == 0) | same) | torch.eye(length, dtype=torch.bool)
        return Batch(
            ids=torch.tensor([padded(row.ids, self.tokenizer.pad_token_id) for row in rows]),
            labels=torch.tensor([padded(row.labels, IGNORED) for row in rows]),
            positions=positions[..., 0] if len(nowhere) == 1 else positions.permute(2, 0, 1),
            mask=mask[:, None],
            frame_ends=torch.empty(len(rows), 0, dtype=torch.long),
            pixels=(),
            targets=None,
            answered=answered,
            option_ends=option_ends,
        )
