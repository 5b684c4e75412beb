"""The commands: a file for each verb, with its flags and the call that they stand for.

Nothing heavy is imported at the top of these files, so that `--help` answers at once.
"""

from __future__ import annotations

from eval.cli import (
    bundle,
    compare,
    data,
    equivalence,
    evaluate,
    export,
    import_upstream,
    judge,
    leaderboard,
    list_names,
    merge,
    plan,
    probe,
    publish,
    regress,
    report,
    score,
    sweep,
    verify_row,
    watch,
    why,
)
from eval.cli.flags import Verb

VERBS: dict[str, Verb] = {
    "eval": evaluate,
    "plan": plan,
    "data": data,
    "sweep": sweep,
    "probe": probe,
    "merge": merge,
    "score": score,
    "judge": judge,
    "equivalence": equivalence,
    "report": report,
    "watch": watch,
    "compare": compare,
    "regress": regress,
    "why": why,
    "leaderboard": leaderboard,
    "verify-row": verify_row,
    "bundle": bundle,
    "publish": publish,
    "export": export,
    "import": import_upstream,
    "list": list_names,
}
"""The module of each command, in the order of `--help`."""

ALSO = {
    "ab": "compare", "ask": "judge", "baseline": "regress", "benchmark": "eval", "ci": "regress", "diff": "compare",
    "doctor": "data", "dry-run": "plan", "explain": "why", "gate": "regress", "grade": "judge", "html": "report",
    "inference": "eval", "pack": "bundle", "predict": "eval", "rescore": "score", "run": "eval", "show": "list",
    "table": "leaderboard", "test": "eval", "verify": "verify-row", "serve": "watch", "view": "report",
}  # fmt: skip
"""Other names that users try, each with the command that is meant."""
