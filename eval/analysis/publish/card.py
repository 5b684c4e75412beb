"""The card of a publication: README.md with the front matter that the Hugging Face Hub and `datasets` read."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from eval import config as configuration
from eval.analysis.leaderboard.view import escape_markdown, markdown_tables
from eval.analysis.publish.hub_records import TASK, model_index
from eval.analysis.publish.runs import PublishedRun
from eval.analysis.publish.samples import ANNOTATIONS, COLUMNS
from eval.report.footers import drawn, few_videos, incomplete, partial
from eval.report.printing import one_line

_INTRODUCTION = (
    "Outputs and scores of video-language models, one row a sample, measured with tarsier-eval. Every number below is "
    "computed from the rows here, and `provenance.json` holds everything that it depends on."
)
_RESULTS = (
    "Values times 100 (those in points as they are), with their 95% intervals over source videos. `upstream` "
    "leaves samples without an answer out of the denominator, as the published numbers do; in `strict` they earn "
    "nothing. Numbers of two tables are not comparable: they are of other samples, or scored in another way."
)
_WITHHELD = "There is no number: the solutions of the split are withheld."
_RECORDS = (
    "`.eval_results/` holds the headline of each run in the form that the Hub reads in a *model's* repository: copy a "
    "file there to show the number on the model's page. `every_eval_ever/` holds all metrics in the schema of Every "
    "Eval Ever."
)
_HELD_BACK = "held back: the columns {}, the texts of reference events, and the judge's replies, are null"


def card_of(runs: Sequence[PublishedRun], repository: str | None, licence: str | None) -> str:
    """Return the content of README.md.

    Args:
        runs: The runs, in order.
        repository: `owner/name` on the hub, where it is known.
        licence: The hub's name of a licence for the outputs and scores.
    """
    models = ", ".join(dict.fromkeys(one_line(run.result.model) for run in runs))
    title = f"{models} on {', '.join(dict.fromkeys(one_line(run.title) for run in runs))}"
    table = [row for run in runs for row in run.table]
    parts = [
        f"# {escape_markdown(title)}", "", _INTRODUCTION, "", "## Results", "", _RESULTS if table else _WITHHELD,
        *markdown_tables(table, heading="###"),
        *_section("Accounting", _accounting(runs)),
        *_section("Judges", _judges(runs)),
        *_section("Rows", _rows(runs, repository)),
        *_section("Licences", _licences(runs, licence)),
        *_section("Provenance", _provenance(runs)),
        *_section("How to reproduce", _reproduce(runs)),
        *_section("Records", [_RECORDS]),
    ]  # fmt: skip
    front = yaml.safe_dump(_front(runs, title, licence), sort_keys=False, allow_unicode=True, width=120)
    return f"---\n{front}---\n\n" + "\n".join(parts) + "\n"


def _front(runs: Sequence[PublishedRun], title: str, licence: str | None) -> dict[str, Any]:
    files: dict[str, dict[str, list[str]]] = {}
    for run in runs:
        files.setdefault(run.config, {}).setdefault(run.split, []).append(run.data_file)
    index = model_index(runs)
    return {
        "pretty_name": title,
        "license": licence or "other",
        "task_categories": [TASK],
        "tags": ["evaluation", "tarsier-eval", "video", *dict.fromkeys(run.config for run in runs)],
        "configs": [
            {"config_name": name, "data_files": [{"split": split, "path": paths} for split, paths in splits.items()]}
            for name, splits in files.items()
        ],
        **({"model-index": index} if index else {}),
    }


def _section(title: str, lines: Sequence[str] | Iterator[str]) -> list[str]:
    found = list(lines)
    return ["", f"## {title}", "", *found] if found else []


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = [header, ["---"] * len(header), *([escape_markdown(str(cell)) for cell in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _accounting(runs: Sequence[PublishedRun]) -> Iterator[str]:
    header = ("run", "benchmark", "model", "frames", "samples", "scored", "no answer", "model failed", "judge failed")
    rows = []
    for run in runs:
        counts = run.result.counts
        rows.append((
            run.name, run.result.benchmark, run.result.model, run.table[0].frames if run.table else "", counts.total,
            counts.scored, counts.invalid, counts.model_failed, counts.judge_failed,
        ))  # fmt: skip
    yield from _table(header, rows)
    for run in runs:
        result = run.result
        notes = [*incomplete(result), *partial(result), *drawn(result), *([] if run.builtin else few_videos(result))]
        if notes:
            yield from ("", escape_markdown(f"{run.name}, {result.benchmark}: {' '.join(notes)}"))


def _judges(runs: Sequence[PublishedRun]) -> Iterator[str]:
    found: dict[tuple[str, ...], list[str]] = {}
    for run in runs:
        scorer = run.result.provenance["scorer"]
        if run.result.judge:
            wording = (scorer.get("protocol") or {}).get("wording") or {}
            told = json.dumps(scorer.get("judge"), ensure_ascii=False)
            judge = run.result.judge, run.result.protocol or "", str(wording.get("sha256", ""))[:12], told
            found.setdefault(judge, []).append(run.name)
    if found:
        header = ("judge", "protocol", "wording", "the judge's own description", "runs")
        yield from _table(header, [(*judge, ", ".join(names)) for judge, names in found.items()])


def _rows(runs: Sequence[PublishedRun], repository: str | None) -> Iterator[str]:
    config = runs[0].config
    yield from (
        "```python", "from datasets import load_dataset", "",
        f'load_dataset("{repository or "<this folder>"}", "{config}")', "```", "",
    )  # fmt: skip
    yield from _table(("column", "content"), [])
    # Ours, with markup of their own.
    yield from (f"| `{name}` | {said} |" for name, (_, said) in COLUMNS.items())


def _licences(runs: Sequence[PublishedRun], licence: str | None) -> Iterator[str]:
    given = f"under `{licence}`" if licence else "under terms of their own, which the publisher has not named"
    yield f"Outputs and scores are published {given}. Questions, options and references belong to the benchmarks:"
    yield ""
    held = _HELD_BACK.format(", ".join(f"`{name}`" for name in ANNOTATIONS))
    known = {}
    for run in runs:
        terms = run.card.licence if run.card else "not known"
        terms = "built-in world of tarsier-eval, no data of the benchmark" if run.builtin else terms
        known[run.result.benchmark, run.builtin, run.held_back] = (
            f"| {escape_markdown(run.result.benchmark)} | {escape_markdown(terms)} | "
            f"{held if run.held_back else 'included'} |"
        )
    yield from _table(("benchmark", "licence of its data", "their text here"), [])
    yield from known.values()


def _provenance(runs: Sequence[PublishedRun]) -> Iterator[str]:
    header = ("run", "benchmark", "split", "scored", "score_id", "fingerprint", "samples", "code", "tarsier-eval")
    rows = []
    for run in runs:
        about = run.result.provenance
        origin = about.get("scored_with") or about
        versions = origin.get("versions") or {}
        rows.append((
            run.name, run.result.benchmark, run.split, run.date, run.result.score_id, run.fingerprint,
            str(about.get("data_sha256") or "")[:12], _commit(origin),
            versions.get("tarsier-eval", ""),
        ))  # fmt: skip
    yield from _table(header, rows)


def _reproduce(runs: Sequence[PublishedRun]) -> Iterator[str]:
    yield "With tarsier-eval at the commit above; `<...>` is the reader's own."
    yield from ("", "```sh", *dict.fromkeys(_command(run) for run in runs), "```")


def _command(run: PublishedRun) -> str:
    """Return the command of a run, as far as its record tells it; provenance.json has all settings."""
    result, about = run.result, run.result.provenance
    model = run.made_by.get("model") or {}
    checkpoint = str(model.get("checkpoint") or "")
    named = result.model in configuration.names("model")
    name = shlex.quote(one_line(result.model if named else checkpoint))
    words = ["tarsier-eval eval --bench", shlex.quote(one_line(result.benchmark))]
    words += ["--model", "<model>" if not named and ("..." in checkpoint or not checkpoint) else name]
    words += [] if run.builtin else ["--data <data>"]
    for plugin in run.made_by.get("plugins") or {}:
        if Path(str((about.get("versions") or {}).get(f"plugin {plugin}"))).is_absolute():  # a folder, not a package
            words.append(f"--conf <{one_line(plugin)}>")
    words += [f"--judge {shlex.quote(one_line(result.judge))}"] if result.judge else []
    words += [f"--protocol {shlex.quote(one_line(result.protocol))}"] if result.protocol else []
    words += [f"--limit {about['limit']}"] if isinstance(about.get("limit"), int) else []
    words += [f"benchmark.split={run.split}"] if about.get("split") else []
    words += [f"model.{key}={model[key]}" for key in ("n_frames", "fps") if isinstance(model.get(key), int | float)]
    return " ".join(words)


def _commit(origin: Mapping[str, Any]) -> str:
    """Return the beginning of a commit, and whether files were changed since."""
    commit, changed, _ = str(origin.get("code") or "").partition("-dirty")
    return f"{commit[:12]}{changed}"
