"""Words that scripts/fuzz.py puts where settings and a judge's replies are read."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from scripts.fuzz_inputs import KEPT, Command, Ended, benchmarks, predictions
from scripts.fuzz_mutations import NASTY, damaged, damaged_bytes, written

_KEYS = """
limit min_coverage data annotations prices max_cost judge_check video.decoder video benchmark model judge
protocol benchmark.split benchmark.rows benchmark.official hydra benchmark.folders benchmark.videos
benchmark.form benchmark.subsets benchmark.source benchmark.hub benchmark.card benchmark.card.splits
benchmark.card.task benchmark.card.metric benchmark._target_ benchmark.scorer benchmark.scorer._target_
benchmark.scorer.digits benchmark.wording benchmark.pack benchmark.name benchmark.tasks benchmark.skip_malformed
benchmark.annotations benchmark.data model.name model.outputs model.n_frames model._target_ judge._target_
judge.name protocol.pack protocol.name protocol._target_ benchmark.numbering model.checkpoint _target_ defaults
hydra.run.dir
"""
KEYS = _KEYS.split()
"""Settings to give, of which some are none."""

VALUES = (
    *r"""
null
''
0
-1
1
2
1e3
1.5
nan
inf
-inf
true
abc
x y
[]
{}
[1,2]
[
{a: 1}
{a: {b: [1, {c: 2}]}}
1,2
range(1,3)
glob(*)
${data}
${oc.env:HOME}
${nothing}
${project:x}
${builtin:world}
${project:${project:x}}
${benchmark}
${model.name}
'${limit}'
???
${oc.decode:'[1'}
${oc.create:1}
${oc.env:NOPE}
${oc.env:NOPE,x}
${hydra:runtime.cwd}
${now:%Y}
os.system
eval.building.build
eval.runs.folder.os.remove
eval.readers.upstream_import.shutil
eval.runs.folder.Path
eval
eval.judges.offline.OfflineJudge
eval.models.scripted.ScriptedModel
eval.core.Sample
eval.errors.DataError
eval.readers.hub.Hub
eval.core.Task
eval.runs.folder.write_json
eval.__main__.main
benchmarks.mvbench.MVBench
eval..
eval.
benchmarks.mini.training.train.main
eval.judges.scripted.ScriptedJudge
é
'
"
mvbench
msvd-qa
scripted
offline
../judge/offline
/etc/passwd
/dev/null
../..
[A, B]
[null]
[[A]]
{1: 2}
!!python/object/apply:os.system [id]
&a [*a]
int(x)
str(5)
😀
%
a=b=c
""".strip().split("\n"),
    *("\\", "\n", "a\nb", "'\\x00'", "\u001b[31m"),
    *("x" * 5000, "9" * 400, "9" * 5000, "{a: " * 300 + "1" + "}" * 300, "[" * 2000 + "]" * 2000),
)
"""Values to give them, of which most make no sense."""


def run_overrides(rng: random.Random, folder: Path, number: int, command: Command) -> Ended:
    """Give settings that make no sense, and evaluate the scripted model on two samples."""
    name = benchmarks()[number % len(benchmarks())]
    overrides = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        key = rng.choice(KEYS)
        if rng.random() < 0.15:
            key = rng.choice(
                (key + "x", key.upper(), "+" + key, "~" + key, key + "@x", key + ".", "", "é", "-" + key, key * 90)
            )
        value = rng.choice(VALUES) if rng.random() < 0.85 else str(rng.choice(NASTY))
        overrides.append(f"{key}={value}".replace("\x00", "\\0"))
    # The last of two equal keys counts: what is written stays in the case's folder, and nobody is asked.
    settings = ["model=scripted", "model.n_frames=1", "limit=2", *overrides]
    code, said = command(["eval", "--bench", name, "--out", str(folder / "out"), *settings])
    return code, said, f"{name} {[one[:80] for one in overrides]}"


REPLIES = tuple(
    r"""
{"pred": "yes", "score": 5}
{'pred': 'no', 'score': 2}
{"events": ["a man runs", "he falls"]}
{"events": [{"event": 1, "relationship": "entailment"}, {"event": 2, "relationship": "neutral"}]}
{"1": "e", "2": "n"}
{"id": "t0123456789abcde", "pred": "yes", "score": 3}
{"id": "t0123456789abcde", "events": [{"event": 2, "relationship": "neutral"}, {"event": 1, "relationship": "x"}]}
""".strip().split("\n")
)
WRAPPED = (
    '<think>hm {"pred": "no"}</think>\n```json\n{"pred": "yes", "score": 4}\n```',
    'Here is my verdict:\n{"pred": "yes", "score": 4.5}',
)
AROUND = (
    "{}",
    "```json\n{}\n```",
    "```python\n{}\n```",
    "<think>{}</think>{}",
    "Verdict: {}",
    "{} {}",
    "[{}]",
    "{}\n{}",
    "\ufeff{}",
)
LONG = (
    *("(" * 150, "[" * 199 + "]" * 199, "{" * 150 + "[" * 49, "-" * 32_000, "not " * 8_000, "1+" * 16_000 + "1j"),
    *("a." * 16_000, "'" * 32_000, '"' * 31_999, "\\" * 32_000, "{'a':" * 90, '{"a":' * 100_000, "[" * 260_000),
    *("\n" * 200_000 + "{", "`" * 200_000, "<think>" * 30_000, "<think>" + " " * 200_000, "\t" * 32_000 + "1"),
    *("1_" * 16_000 + "1", "0x" + "f" * 32_000, "9" * 32_000, '{"pred": "yes", "score": ' + "9" * 5000 + "}"),
    *('{"events": [' + "[" * 5000 + "]" * 5000 + "]}", "f'{" * 100, "lambda:" * 4_000, "\ud800" * 100),
    *('{"events": [' + ",".join(['"x"'] * 60_000) + "]}", '{"events": "' + "x" * 200_000 + '"}'),
    *("{" + "'a':1," * 5_000 + "}", "{'pred': 'yes', 'score': True}", '{"pred": true, "score": 1e999}'),
    *('{"pred": "yes", "score": NaN}', "{1: {2: {}}}", "{[]: 1}", "{{}}"),
)
"""Replies that are hard on a parser."""


def run_replies(rng: random.Random, folder: Path, number: int, command: Command) -> Ended:
    """Damage a judge's reply and read it through every form; every tenth goes through the whole command."""
    from eval.judges.calls import JudgeCall, JudgeReply, UnreadableReplyError
    from eval.judges.forms import FORMS
    from eval.judges.offline import OfflineJudge

    reply = _reply(rng)
    read = 0
    inputs: dict[str, Any] = {"tag": "t0123456789abcde", "events": ["a man runs", "he falls"]}
    for form in FORMS.values():
        for task, reader in (
            ("open_qa", form.read_verdict),
            ("extract", form.read_events),
            ("entail", form.read_labels),
        ):
            call = JudgeCall(task=task, sample="s", system="", user="", inputs=inputs, form=form.name)  # type: ignore[arg-type]
            try:
                found: Any = reader(call, reply)
            except UnreadableReplyError as error:
                str(error).encode("utf-8", "surrogatepass")
                continue
            read += 1
            json.dumps(repr(found)).encode()
            if task == "extract":
                "\n".join(found).encode("utf-8")
    if number % 10:
        return ("read" if read else "not read"), "", reply[:100]
    name = ("msvd-qa", "activitynet-qa", "tgif-qa", "dream-1k")[number // 10 % 4]
    protocol = rng.choice(("native", "hardened", *(("autodq-indexed",) if name == "dream-1k" else ())))
    file, out = folder / "mine.jsonl", folder / "score"
    file.write_bytes(predictions(name, "own"))
    answer = OfflineJudge.ask
    OfflineJudge.ask = lambda _, calls: [JudgeReply(text=reply)] * len(calls)  # type: ignore[method-assign, assignment]
    try:
        code, said = command(
            ["score", "--pred", str(file), "--bench", name, "--protocol", protocol, "--out", str(out), "judge=offline"]
        )
    finally:
        OfflineJudge.ask = answer  # type: ignore[method-assign]
    if code in (0, 1) and (counts := json.loads((out / "result.json").read_text())["counts"])["total"] != KEPT:
        return "silent drop", f"{counts}", name
    return code, said, f"{name} {protocol} {reply[:200]!r}"


def _reply(rng: random.Random) -> str:
    reply = rng.choice((*REPLIES, *WRAPPED))
    what = rng.randrange(5)
    if what == 0:
        return rng.choice(LONG)
    if what == 1:
        return rng.choice(AROUND).replace("{}", reply)
    if what == 2:
        return damaged_bytes(reply.encode(), rng).decode("utf-8", "replace")
    try:
        text = written(damaged(json.loads(reply), rng))
    except ValueError:
        text = damaged_bytes(reply.encode(), rng).decode("utf-8", "replace")
    return rng.choice(AROUND).replace("{}", text) if what == 3 else text
