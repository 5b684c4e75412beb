"""Measures a judge on items that people labelled, and writes its card."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from eval import building
from eval import config as configuration
from eval.analysis.card.asking import planned, verdicts
from eval.analysis.card.card import Card
from eval.analysis.card.items import Item, ItemSet, read_sets
from eval.analysis.card.making import card_of
from eval.analysis.card.view import card_page, markdown, show_card
from eval.errors import ConfigError
from eval.files import absolute, make_folder, write_atomically, write_json
from eval.installed import CACHE
from eval.judges.protocol import JudgeProtocol
from eval.judges.transcript import Transcript
from eval.report.judging import bill_lines
from eval.report.page.page import write_page
from eval.running.judge_session import Judging, judge_overrides, pack_of, protocol_overrides
from eval.running.outcome import say, stamp

JUDGE_DATA = CACHE / "judge-data"
"""Default folder of labelled sets."""
CARD, CARD_TEXT, CARD_PAGE = "card.json", "card.md", "card.html"


def write_card(
    judge: str | None = None,
    protocol: str | None = None,
    overrides: Sequence[str] = (),
    *,
    data: str | Path | None = None,
    to: str | Path | None = None,
    limit: int | None = None,
    skip: bool = False,
) -> tuple[Card, Path]:
    """Put labelled items to a judge, write card.json, card.md and card.html, and return the card and its folder.

    Verdicts go through the reply store, so that the same command goes on where it was stopped, and pays for none twice.

    Args:
        judge: The judge, as EvalRequest takes it.
        protocol: The protocol of its calls.
        overrides: Further settings of conf/, as `key=value`.
        data: The folder of labelled sets; None: where `judge data` puts them.
        to: The folder to write to.
        limit: Number of items of each set, in whole clusters that are drawn at random; None for all.
        skip: Whether malformed rows are left out and counted.

    Raises:
        TarsierEvalError: a set, a setting or a name is wrong, or the judge cannot be asked.
    """
    flags = [name for name, value in (("judge", judge), ("protocol", protocol), ("limit", limit)) if value is not None]
    configuration.refuse_unused("judge card", overrides, flags)
    settings = configuration.load_settings([*judge_overrides(judge), *protocol_overrides(protocol), *overrides])
    limit = settings.limit if limit is None else limit
    if limit is not None and limit < 1:
        raise ConfigError(f"limit={limit} leaves no item; give a number from 1 on, or leave it out.")
    sets = [_limited(one, limit) for one in read_sets(absolute(data or JUDGE_DATA), skip=skip)]
    judging = Judging(settings)
    asked_by: JudgeProtocol = judging.judge.protocol(pack_of(settings)) or building.build(settings.protocol, "protocol")
    out = absolute(to) if to else configuration.RUNS / f"{stamp()}-judge-card"
    make_folder(out)
    marked = [item for one in sets for item in _marked(one)]
    judging.announce_calls(planned(marked, asked_by), "labelled items")
    transcript = Transcript(judging.judge)
    with judging.resumable():
        found = verdicts(marked, transcript, asked_by)
    card = card_of(
        sets,
        {one.name: {item.id: found[key] for item in one.items if (key := _key(one, item.id)) in found} for one in sets},
        judge=judging.judge.describe(),
        protocol=asked_by,
        date=datetime.now().astimezone().isoformat(timespec="seconds"),
    )
    write_json(out / CARD, asdict(card))
    write_atomically(out / CARD_TEXT, markdown(card))
    write_page(out / CARD_PAGE, card_page(card))
    account = judging.account(transcript)
    show_card(card, written=str(out))
    for line in bill_lines(account) if account is not None and account.is_owed else []:
        say(line)
    if judging.judge.stopped is not None:
        why = judging.judge.stopped.removeprefix("not asked, since ")
        say(f"The judge was not asked about all of them: {why}. The same command goes on from there.")
    return card, out


def _key(one: ItemSet, name: str) -> str:
    """Return a name of an item or a group that no other set has."""
    return f"{one.name}/{name}"


def _marked(one: ItemSet) -> list[Item]:
    return [replace(item, id=_key(one, item.id), group=_key(one, item.group)) for item in one.items]


def _limited(one: ItemSet, limit: int | None) -> ItemSet:
    """Return the first clusters of a random order, always the same, that have so many items together."""
    if limit is None or len(one.items) <= limit:
        return one
    clusters: dict[str, list[Item]] = {}
    for item in one.items:
        clusters.setdefault(item.cluster, []).append(item)
    chosen: list[Item] = []
    for cluster in sorted(clusters, key=lambda name: hashlib.sha256(name.encode()).digest()):
        if len(chosen) < limit:
            chosen += clusters[cluster]
    return replace(one, items=tuple(chosen))
