"""Settings under which a run's outputs were made, next to those known for a published number.

These change the outputs, so scoring the existing outputs cannot show by how much. Where such a change was measured on
other outputs, it is quoted with its source, as an order of magnitude and not as an estimate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eval.analysis.explain.parts import Part
from eval.analysis.explain.target import UNSTATED, Target, stated_frames
from eval.config import cards
from eval.core import OVERALL, Prediction, Result
from eval.runs.result import accepted_in

UNRECORDED = "not recorded"

_UPSTREAM = {"tarsier2": "bfloat16, cuda (upstream's)", "tarsier": "float16, cuda (upstream's)"}
"""Precision and device in the authors' code, by the beginning of a model's name."""
JUDGES_MOVED = {
    "activitynet-qa": "another judge moved it from 35.2 to 43.6 on the same outputs (Video-ChatGPT issue 28)",
    "dream-1k": "a judge of another vendor gave F1 31.5 where 42.0 was reported (bytedance/tarsier issue 45)",
}
"""Measured effects of changing the judge, by benchmark."""
_DECODED = (
    "PyAV and decord gave the same pixels in all 9 ordinary files of results/bench/decoders.md; in others they differ"
)
_MEASURE = "measure it: make equivalence, or run again with model.dtype and model.device"


def circumstances(
    result: Result, predictions: Sequence[Prediction], target: Target | None, size: int | None
) -> list[Part]:
    """Return a part for each recorded setting of the result, beside the other number's where it is known."""
    return [
        Part(
            kind="unknown",
            name=name,
            here=here,
            there=there if target else "",
            explains=0.0 if target and _same(here, there) else None,
            note=note,
        )
        for name, here, there, note in _facts(result, predictions, target, size)
    ]


def _facts(
    result: Result, predictions: Sequence[Prediction], target: Target | None, size: int | None
) -> Iterator[tuple[str, str, str, str]]:
    about = result.provenance
    model = _mapping(about.get("model"))
    named = target.model.casefold() if target else ""
    theirs = next((told for name, told in _UPSTREAM.items() if named.startswith(name)), None)
    card = cards().get(result.benchmark)
    other = target.model if target else ""
    spread = f"of this model there is also {'; '.join(target.others)}" if target and target.others else ""
    yield "model", result.model, other or UNSTATED, spread
    yield "checkpoint", _checkpoint(model), UNSTATED, ""
    frames = sorted({each.n_frames for each in predictions if each.n_frames})
    shown = str(model.get("n_frames") or ", ".join(map(str, frames)) or UNRECORDED)
    shown = f"{model['fps']:g} a second, {shown} at most" if model.get("fps") else shown
    stated = stated_frames(target, card) if target else None
    yield "frames", shown, (shown if stated.same(shown) else stated.text) if stated else UNSTATED, ""
    decoder = _mapping(about.get("decoder"))
    library = {"pyav": "av"}.get(str(decoder.get("decoder")), str(decoder.get("decoder")))
    named = " ".join(str(value) for value in (decoder.get("decoder"), decoder.get(library)) if value)
    yield "decoder", named or UNRECORDED, "decord (upstream's code)" if theirs else UNSTATED, _DECODED
    wording = _mapping(about.get("wording"))
    name = f"{wording.get('name')} {str(wording.get('sha256'))[:12]}" if wording else UNRECORDED
    yield "wording", name, "upstream's rows" if theirs and card and card.upstream_split else UNSTATED, ""
    where = ", ".join(str(model[key]) for key in ("dtype", "device") if model.get(key))
    yield "precision, device", where or UNRECORDED, theirs or UNSTATED, _MEASURE
    if result.judge:
        asked = f"{result.judge}, {result.protocol}"
        yield "judge", asked, (target.judge if target else "") or UNSTATED, JUDGES_MOVED.get(result.benchmark, "")
    n = len(predictions)
    size = None if target and "split" in target.unstated else size
    there = f"{(target.split if target else '') or 'split ' + UNSTATED}, {size or '?'} samples"
    yield "split, samples", f"{about.get('split') or 'split ' + UNRECORDED}, {n} samples", there, ""
    present, total = (sum(getattr(part, key) for part in result.coverage) for key in ("present", "total"))
    yield "media at hand", f"{present} of {total}" if total else UNRECORDED, UNSTATED, ""
    if accepted := accepted_in(about, result.benchmark):
        yield "continued", f"after a change of {', '.join(each.field for each in accepted)}", UNSTATED, ""
    if target is not None and target.subset != OVERALL:
        yield "subset", target.subset, target.subset, ""


def _same(here: str, there: str) -> bool:
    return here.casefold() == there.casefold() and here not in (UNRECORDED, UNSTATED)


def _checkpoint(model: Mapping[str, Any]) -> str:
    source, revision = model.get("checkpoint"), model.get("revision")
    name = str(source).rstrip("/").rpartition("/")[2] if source else UNRECORDED
    return f"{name} at {str(revision)[:12]}" if revision else name


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
