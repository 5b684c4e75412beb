"""`tarsier-eval judge`: check a judge's health, export and replay its verdicts, compare it with another one."""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval import building
from eval import config as configuration
from eval.agreement.comparison import compare_judges
from eval.agreement.opinions import read_judged
from eval.commands.judging import Judging, judge_overrides, protocol_overrides
from eval.commands.outcome import say, stamp
from eval.commands.score import score
from eval.core import Prediction, Sample
from eval.errors import ConfigError, DataError
from eval.judges.calls import JudgeReply, Usage
from eval.judges.replay import Bundle, is_bundle, open_bundle, pack
from eval.judges.served import ServedJudge
from eval.judges.wording import Wording
from eval.readers.predictions import read_predictions, to_json
from eval.readers.rows import read_jsonl
from eval.report.agreement import show_agreement
from eval.seals import refuse_altered
from eval.store import PREDICTIONS, RESULT, SCORES, VERDICTS, write_bytes_atomically, write_json, write_jsonl

SHOWN = 5
"""Differences that are listed."""


def run(given: argparse.Namespace) -> bool:
    """Carry out one of the actions."""
    actions = {"check": check, "compare": compare, "export": export, "replay": replay}
    return actions[given.action](given)


def check(given: argparse.Namespace) -> bool:
    """Ask a server anew what it takes, then put the canary set to the judge; return whether every reply was read."""
    overrides = [*judge_overrides(given.judge), *protocol_overrides(given.protocol), *given.overrides]
    settings = configuration.load_settings(overrides)
    judging = Judging(settings)
    judge = judging.judge
    if isinstance(judge, ServedJudge):
        judge.fresh = True
        takes = judge.probe()
        found = ", ".join(f"{name}: {str(value).lower()}" for name, value in asdict(takes).items())
        say(f"The judge at {judge.server.url}, {judge.server.model}: {found}")
        judging.warn()
    return judging.show_health(building.build(settings.protocol, "protocol"))


def compare(given: argparse.Namespace) -> bool:
    """Show how far two judges agree on the same predictions."""
    agreement = compare_judges(read_judged(_folder(given.first)), read_judged(_folder(given.second)))
    show_agreement(agreement)
    if given.to:
        write_json(Path(given.to).expanduser(), asdict(agreement))
    return True


def export(given: argparse.Namespace) -> bool:
    """Write the verdicts of a judged run, with its predictions, as one bundle."""
    folder = _folder(given.run)
    to = _bundle_file(given.to)
    result = _read(folder / RESULT)
    scorer = result["provenance"]["scorer"]
    if "judge" not in scorer:
        raise ConfigError(f"{given.run!r} was scored without a judge; there are no verdicts to export.")
    for name in (SCORES, VERDICTS, PREDICTIONS):
        refuse_altered(folder, result, name)
    replies = _replies(folder / VERDICTS)
    if not replies:
        raise ConfigError(f"{given.run!r} holds no verdicts of a server: {result['judge']!r} computes its own again.")
    header = {
        "benchmark": result["benchmark"],
        "model": result["model"],
        "scorer": scorer,
        "protocol": scorer["protocol"]["name"],
        "wording": asdict(_wording(scorer["protocol"], given.overrides)),
        "result": {name: result[name] for name in ("primary", "score_id", "counts", "metrics")},
    }
    pairs = _pairs(folder, result)
    write_bytes_atomically(to, pack(header, (to_json(*pair) for pair in pairs), replies))
    say(f"{len(replies)} verdicts of {result['judge']} and {len(pairs)} predictions written to {given.to}")
    return True


def replay(given: argparse.Namespace) -> bool:
    """Score from a bundle, asking nobody, and compare with what the bundle says came of it."""
    path = Path(given.bundle).expanduser().resolve()
    bundle = open_bundle(path)
    bench = str(bundle.header["benchmark"])
    out = Path(given.out).expanduser().resolve() if given.out else configuration.RUNS / f"{stamp()}-replay-{bench}"
    with tempfile.TemporaryDirectory() as folder:
        name = re.sub(r"[^\w.-]", "_", str(bundle.header["model"]))
        predictions = Path(folder) / f"{name}.jsonl"
        write_jsonl(predictions, bundle.predictions)
        whole = score(
            argparse.Namespace(
                pred=given.pred or str(predictions),
                bench=bench,
                judge=f"replay:{path}",
                protocol=None,
                data=given.data,
                out=str(out),
                overrides=given.overrides,
            )
        )
    differences = [] if given.pred else _differences(bundle, _read(out / RESULT))
    for line in differences[:SHOWN]:
        say(line)
    if len(differences) > SHOWN:
        say(f"... and {len(differences) - SHOWN} more numbers differ.")
    if not given.pred and not differences:
        say("Every number equals the one in the bundle.")
    return whole and not differences


def _folder(name: str) -> Path:
    folder = Path(name).expanduser().resolve()
    if not (folder / RESULT).is_file():
        raise ConfigError(f"{name!r} holds no {RESULT}: give the folder of a run, or of a score.")
    return folder


def _bundle_file(name: str) -> Path:
    """Return where a bundle is to be written. Raises ConfigError where something else is there, or no folder for it."""
    path = Path(name).expanduser().resolve()
    if not path.parent.is_dir():
        raise ConfigError(f"--to {name}: the folder {path.parent} does not exist.")
    if path.is_dir() or (path.exists() and not is_bundle(path)):
        raise ConfigError(f"--to {name} is there already and is no bundle; choose another file.")
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict) or "score_id" not in found:
        raise DataError(f"{path} is no result of this version; score the predictions again: make score PRED=...")
    return found


def _replies(path: Path) -> list[JudgeReply]:
    """Return the replies in verdicts.jsonl that came from a server, without the failures."""
    if not path.is_file():
        return []
    found = []
    for row in read_jsonl(path):
        fields = {name: value for name, value in row.fields.items() if name in JudgeReply.__dataclass_fields__}
        usage = fields.pop("usage", None)
        reply = JudgeReply(**{**fields, "usage": None if usage is None else Usage(**usage)})
        if reply.key is not None and reply.outcome != "failed":
            found.append(reply)
    return found


def _wording(asked: Mapping[str, Any], overrides: Sequence[str]) -> Wording:
    """Return the wording of a protocol that a result names. Raises ConfigError where it is no longer at hand."""
    settings = configuration.load_settings([*protocol_overrides(asked["name"]), *overrides])
    wording: Wording = building.build(settings.protocol, "protocol").wording
    if wording.sha256 != asked["wording"]["sha256"]:
        raise ConfigError(
            f"The run was judged in another wording of the protocol {asked['name']!r} than the one at hand; export it "
            "with the version, or the imported pack (protocol.pack=<folder>), that it was judged with."
        )
    return wording


def _pairs(folder: Path, result: Mapping[str, Any]) -> list[tuple[Sample, Prediction]]:
    """Return what was scored: the run's own predictions, or the file that the score was made from."""
    source = folder / PREDICTIONS
    if not source.is_file():
        source = Path(str(result["provenance"].get("predictions", "")))
    if not source.exists():
        raise ConfigError(f"The predictions behind {folder} are gone: {source}. Score them again, and export that.")
    benchmark = building.build(configuration.load_settings([f"benchmark={result['benchmark']}"]).benchmark, "benchmark")
    return read_predictions(source, benchmark.name, benchmark.dataset, benchmark.subset_of)


def _differences(bundle: Bundle, result: Mapping[str, Any]) -> list[str]:
    """Return a line for each number that differs from the bundle's."""
    then, now = bundle.header["result"], result
    lines = []
    missing = now["counts"]["judge_failed"] - then["counts"]["judge_failed"]
    if missing > 0:
        lines.append(f"{missing} samples lack verdicts that were there when the bundle was made: it is not whole.")
    if then["score_id"] != now["score_id"]:
        lines.append(
            f"The score's identity is {now['score_id']}, and was {then['score_id']}: parser or protocol changed since."
        )
    keys = ("name", "accounting", "subset")
    before = {tuple(metric[key] for key in keys): metric for metric in then["metrics"]}
    for metric in now["metrics"]:
        key = tuple(metric[name] for name in keys)
        if before.get(key, {}).get("value") != metric["value"]:
            lines.append(
                f"{' '.join(key)} is {metric['value']}, and was {before.get(key, {}).get('value')} in the bundle."
            )
    return lines
