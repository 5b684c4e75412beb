"""Reads a user's clone of github.com/bytedance/tarsier into a protocol pack, without running any of its code.

It imports the annotation rows (`data/annotations/*.jsonl`), the judge prompts (from the syntax tree of two files in
`evaluation/metrics/`), and the templates of the rows' prompts. The clone may be a work tree, at branch tarsier or
tarsier2; importing one after the other adds to the same pack, and of two files of the same name the later one stays.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval.errors import DataError
from eval.files import make_folder, read_regular, read_regular_text, write_bytes_atomically, write_json
from eval.readers.choices import read_options
from eval.readers.pack import INDEX, PROMPTS, ROWS, WORDING, Imported, Pack, open_pack, sha256
from eval.readers.rows import read_jsonl, read_object
from eval.readers.source_text import message_texts
from eval.readers.upstream import UpstreamRow, parse_row

METRICS = "evaluation/metrics"
JUDGES = {"evaluate_qa_oe_gpt.py": ("open_qa",), "evaluate_dream_gpt.py": ("extract", "entail")}
"""Upstream's files with judge prompts, and the tasks of each."""
SLOTS: Mapping[str, Mapping[str, str]] = {
    "open_qa": {"question": "question", "answer": "answer", "prediction": "prediction"},
    "extract": {"caption": "description"},
    "entail": {"prediction": "description", "events": "events|python"},
}
"""Upstream's variables in each text, with the slots of eval/judges/wording.py that replace them."""


def import_upstream(clone: Path, to: Path) -> Pack:
    """Import annotation rows and wording from a clone; return the resulting pack.

    Args:
        clone: The root of a checked-out clone or work tree.
        to: Folder of the pack, created or added to.

    Raises:
        DataError: The clone is not upstream's, or a file in it cannot be read; the pack is unchanged.
    """
    if not any((clone / "data" / "annotations").glob("*.jsonl")):
        raise DataError(f"{clone}: no data/annotations/*.jsonl; give a checked-out clone of bytedance/tarsier")
    if to.exists() and open_pack(to) is None and any(to.iterdir()):
        raise DataError(f"{to} is there and no protocol pack; choose another folder")
    commit = head_commit(clone)
    new = to.with_name(f".{to.name}-{secrets.token_hex(4)}")
    make_folder(new)
    try:
        known = open_pack(to)
        if known is not None:
            shutil.copytree(to, new, dirs_exist_ok=True)
        entries = _fill(new, clone, commit, dict(known.files) if known else {})
        if to.exists():
            shutil.rmtree(to)
        new.rename(to)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return Pack(folder=to, files=entries)


def _fill(new: Path, clone: Path, commit: str, entries: dict[str, Imported]) -> dict[str, Imported]:
    """Write rows, wording and index into the folder of a pack; return its files."""
    prompts: dict[str, str] = dict(read_object(new / PROMPTS).fields) if (new / PROMPTS).is_file() else {}
    make_folder(new / ROWS)
    for file in sorted((clone / "data" / "annotations").glob("*.jsonl")):
        rows = list(read_jsonl(file))
        counts = Counter(row.text("dataset").partition("/")[0] for row in rows)
        write_bytes_atomically(new / ROWS / file.name, read_regular(file))
        entries[f"{ROWS}/{file.name}"] = Imported(sha256=sha256(file), commit=commit, rows=dict(counts))
        prompts.pop(file.name, None)
        if (template := common_template([parse_row(row) for row in rows])) is not None:
            prompts[file.name] = template
    # The name contains no commit: unchanged wording has one hash across commits, and stays comparable.
    for name, content in ((PROMPTS, prompts), (WORDING, {"name": "upstream", **judge_texts(clone)})):
        write_json(new / name, content)
        entries[name] = Imported(sha256=sha256(new / name), commit=commit, rows={})
    write_json(new / INDEX, {"files": {name: asdict(entry) for name, entry in sorted(entries.items())}})
    return entries


def judge_texts(clone: Path) -> dict[str, Any]:
    """Return upstream's messages to judges by task, with slots. Raises DataError where they are not as expected."""
    found: dict[str, Any] = {}
    for file, tasks in JUDGES.items():
        path = clone / METRICS / file
        for texts in message_texts(path):
            variables = {name for parts in texts.values() for name, is_slot in parts if is_slot}
            for task in tasks:
                if variables == set(SLOTS[task]):
                    roles = ("system", "user")
                    found[task] = {role: _with_slots(texts.get(role, []), SLOTS[task], path) for role in roles}
        if absent := [task for task in tasks if task not in found]:
            asked = ", ".join(f"{task} ({', '.join(SLOTS[task])})" for task in absent)
            raise DataError(f"{path}: no messages to a judge with the variables of {asked}; is this upstream's file?")
    return found


def _with_slots(parts: list[tuple[str, bool]], slots: Mapping[str, str], path: Path) -> str:
    for text, is_slot in parts:
        if not is_slot and re.search(r"\{\{\w+(\|\w+)?\}\}", text):
            raise DataError(f"{path}: a message holds {{{{...}}}}, which would be read as a slot")
    return "".join(f"{{{{{slots[text]}}}}}" if is_slot else text for text, is_slot in parts)


def common_template(rows: Sequence[UpstreamRow]) -> str | None:
    """Return the template of all prompts of a file, or None where there is no single one."""
    heads, tails = [], set()
    for row in rows:
        prompt, question = _braced(row.prompt), _braced(row.question)
        if options := read_options(row.prompt):
            head, tail = _around_options(prompt, len(options))
            heads.append(head)
            tails.add(tail)
        else:
            before, found, after = prompt.rpartition(question) if question else ("", "", prompt)
            tails.add(f"{before}{{question}}{after}" if found else prompt)
    if len(tails) != 1 or (heads and len(heads) < len(rows)):
        return None
    if not heads:
        return tails.pop()
    # The common beginning of all heads, cut after its last whole word: the question comes next.
    start = _shared_start(heads)
    start = start[: max(start.rfind(" "), start.rfind("\n")) + 1]
    # The common end of all heads stands between question and options, such as "\nOptions: \n".
    end = _shared_start([head[::-1] for head in heads])[::-1]
    return f"{start}{{question}}{end[end.find(chr(10)) :]}{{options}}{tails.pop()}"


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _shared_start(texts: Sequence[str]) -> str:
    # Texts in sorted order: a prefix shared by the first and the last is shared by all.
    first, last = min(texts), max(texts)
    count = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:count]


def _around_options(prompt: str, count: int) -> tuple[str, str]:
    """Return the parts of a prompt before and after its options."""
    starts = list(re.finditer(r"^\([A-Z]\)", prompt, re.MULTILINE))[-count:]
    end = prompt.find("\n", starts[-1].start())
    return prompt[: starts[0].start()], prompt[end + 1 :] if end >= 0 else ""


def head_commit(clone: Path) -> str:
    """Return the commit that a clone or work tree has checked out, or `unknown`, without calling git.

    Git would run commands from a clone's settings, and refuses clones of other users.
    """
    git = clone / ".git"
    try:
        if git.is_file():
            git = clone / read_regular_text(git).removeprefix("gitdir:").strip()
        head = read_regular_text(git / "HEAD").strip()
        if not head.startswith("ref:"):
            return head if re.fullmatch(r"[0-9a-f]{40,64}", head) else "unknown"
        ref = head.removeprefix("ref:").strip()
        shared = git / read_regular_text(git / "commondir").strip() if (git / "commondir").is_file() else git
        for place in (git / ref, shared / ref):
            if place.is_file():
                return read_regular_text(place).strip()
        packed = read_regular_text(shared / "packed-refs")
    except (OSError, ValueError):
        return "unknown"
    return next((line.split()[0] for line in packed.splitlines() if line.endswith(f" {ref}")), "unknown")
