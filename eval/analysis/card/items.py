"""Items that people labelled, by which a judge is measured: a folder of sets, each a file with an item a line.

    {"id": "nq301:5", "cluster": "nq301:who ...", "kind": "answer", "question": "who ...", "reference": ["..."],
     "prediction": "...", "label": true, "humans": [true, true], "judges": {"gpt-4": true}}

A set is `<set>/dev.jsonl`, `<set>/items.jsonl` or `<set>.jsonl`. Fields of an item:

    kind         answer (true, false), relation (entailment, neutral, contradiction), unit (present, absent),
                 fact (right, wrong): what was labelled, and with which labels
    question     of an answer
    reference    the text, or texts, that the prediction is compared with
    label        the final human label; of a relation also `not entailed`; null where no human gave one
    cluster      what items have in common that makes them depend on each other; without it, each stands alone
    group        items with one reference that go to the judge in one call; without it, each goes alone
    humans       labels of single people; counts: number of people by label
    judges       published verdicts by the judge's name
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from eval.errors import ConfigError, DataError, did_you_mean
from eval.judges.calls import LABELS
from eval.readers.malformed import STRICT, BadRowPolicy
from eval.readers.rows import Row, by_label, read_jsonl, short

Kind = Literal["answer", "relation", "unit", "fact"]
"""Kind of an item: a graded answer; a relation of two texts; a unit of content that a text has or lacks; a sentence
that is right or wrong of what a reference describes. Figures of two kinds are never put together."""
KINDS: tuple[Kind, ...] = get_args(Kind)

LABELS_OF: Mapping[Kind, tuple[str, ...]] = {
    "answer": ("yes", "no"),
    "relation": LABELS,
    "unit": ("present", "absent"),
    "fact": ("right", "wrong"),
}
"""Labels of each kind; the first is its yes, which a score counts."""

NOT_ENTAILED = "not entailed"
"""Label of a relation of which no more is known than that it is not entailment."""

FILES = ("{name}/dev.jsonl", "{name}/items.jsonl", "{name}.jsonl")
"""Places of a set in a folder of sets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A prediction that people labelled, or an earlier judge."""

    id: str
    """Unique in its set."""
    cluster: str
    """Items of one cluster depend on each other."""
    group: str
    """Items of one group are put to the judge in one call."""
    kind: Kind
    """The kind of its label."""
    question: str
    """The question; "" for other kinds than answers."""
    references: tuple[str, ...]
    """The texts that the prediction is compared with."""
    prediction: str
    """The text to judge."""
    label: str | None
    """The human label; None where there is none."""
    humans: tuple[str, ...] = ()
    """Labels of single people."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Number of people by label, where many were asked."""
    judges: Mapping[str, str] = field(default_factory=dict)
    """Published verdicts by judge."""
    benchmark: str | None = None
    """The benchmark whose sample it is: its id is then the sample's, and its prediction an output of a model."""

    @property
    def yes(self) -> str:
        """The label of its kind that a score counts."""
        return LABELS_OF[self.kind][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSet:
    """The items of a set."""

    name: str
    path: Path
    items: tuple[Item, ...]
    skipped: int = 0
    """Number of malformed rows that were left out."""


def read_sets(folder: Path, *, skip: bool = False) -> list[ItemSet]:
    """Return the sets in a folder, by name.

    Args:
        folder: The folder.
        skip: Whether malformed rows are left out and counted; otherwise the first is an error.

    Raises:
        ConfigError: there is no such folder, or no set in it.
        DataError: a row does not fit the format; the message names its place.
    """
    if not folder.is_dir():
        raise ConfigError(f"The folder of labelled sets {str(folder)!r} does not exist; make judge-data fetches some.")
    found = [read_set(name, path, skip=skip) for name, path in sorted(_files(folder).items())]
    if not found:
        places = " or ".join(form.format(name="<set>") for form in FILES)
        raise ConfigError(f"{folder} holds no labelled set: {places}. make judge-data fetches some.")
    return found


def _files(folder: Path) -> dict[str, Path]:
    names = {path.name if path.is_dir() else path.stem for path in folder.iterdir()}
    places = {name: [folder / form.format(name=name) for form in FILES] for name in names}
    there = {name: [path for path in paths if path.is_file()] for name, paths in places.items()}
    for name, paths in there.items():
        if len(paths) > 1:
            raise ConfigError(f"{folder} holds the set {name!r} twice, in {paths[0]} and {paths[1]}; remove one.")
    return {name: paths[0] for name, paths in there.items() if paths}


def read_set(name: str, path: Path, *, skip: bool = False) -> ItemSet:
    """Return the items of one file. Raises DataError as `read_sets`."""
    tolerance = BadRowPolicy(skip=skip) if skip else STRICT
    items: list[Item] = []
    first: dict[str, Item] = {}
    for row in by_label(read_jsonl(path, tolerance), "id", tolerance).values():
        with tolerance:
            item = _item(row)
            leader = first.setdefault(item.group, item)
            if (leader.kind, leader.references) != (item.kind, item.references):
                raise row.error("group", f"is {item.group!r}, as of {leader.id!r}, which has another reference or kind")
            items.append(item)
    if not items:
        raise DataError(f"{path} holds no item; fetch it again, or remove it.")
    return ItemSet(name=name, path=path, items=tuple(items), skipped=tolerance.count)


def one_call_each(items: Iterable[Item]) -> list[list[Item]]:
    """Return the items by the calls in which they are put to a judge, in order."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.group, []).append(item)
    return list(groups.values())


def _item(row: Row) -> Item:
    kind: Kind = _kind(row)
    if not row.has("reference"):
        row.text("reference")
    references = row.texts("reference") if isinstance(row.fields["reference"], list) else (row.text("reference"),)
    if not any(text.strip() for text in references):
        raise row.error("reference", "is empty; give the text that the prediction is compared with")
    question = row.text("question") if kind == "answer" else row.text_or_none("question") or ""
    name = row.label("id")
    label = row.fields.get("label")
    if label is None and not row.fields.get("judges"):
        raise row.error("label", "is missing, and no earlier judge's verdict is there; label the item, or delete it")
    return Item(
        id=name,
        cluster=row.label("cluster") if row.has("cluster") else name,
        group=row.label("group") if row.has("group") and kind != "answer" else name,
        kind=kind,
        question=question,
        references=references,
        prediction=row.text("prediction"),
        label=None if label is None else _label(row, "label", kind, label),
        humans=_several(row, "humans", kind),
        counts=_counts(row, kind),
        judges={
            judge: _label(row, f"judges.{judge}", kind, said)
            for judge, said in (row.row("judges").fields.items() if row.has("judges") else ())
        },
        benchmark=row.text_or_none("benchmark"),
    )


def _kind(row: Row) -> Kind:
    text = row.text("kind")
    for kind in KINDS:
        if text == kind:
            return kind
    raise row.error("kind", f"is {short(text)}. {did_you_mean(text, KINDS)}")


def _label(row: Row, field: str, kind: Kind, value: Any) -> str:
    """Return a label; of an answer it is true or false."""
    if kind == "answer":
        if isinstance(value, bool):
            return "yes" if value else "no"
        raise row.error(field, f"is {short(value)}, expected true or false; correct it in the file")
    known = (*LABELS_OF[kind], *((NOT_ENTAILED,) if (kind, field) == ("relation", "label") else ()))
    if value not in known:
        raise row.error(field, f"is {short(value)}, expected {' or '.join(known)}; correct it in the file")
    return str(value)


def _several(row: Row, field: str, kind: Kind) -> tuple[str, ...]:
    if not row.has(field):
        return ()
    values = row.fields[field]
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise row.error(field, f"is {short(values)}, expected a list of labels; correct it in the file")
    return tuple(_label(row, f"{field}[{i}]", kind, value) for i, value in enumerate(values))


def _counts(row: Row, kind: Kind) -> dict[str, int]:
    if not row.has("counts"):
        return {}
    counts = row.row("counts")
    for label, count in counts.fields.items():
        if label not in LABELS_OF[kind] or isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise counts.error(label, f"is {short(count)}, expected a number of people by label; correct it")
    return dict(counts.fields)
