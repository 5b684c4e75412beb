"""The seam between judges and their callers, and the imports behind it."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from eval.building import build
from eval.client.outcomes import Usage
from eval.config import PROJECT
from eval.errors import ConfigError
from eval.judges.bill import bill
from eval.judges.calls import JudgeCall, JudgeReply
from eval.judges.judge import Judge
from eval.judges.offline import OfflineJudge
from eval.judges.planning import Planner
from eval.judges.scripted import ScriptedJudge
from eval.judges.served import ServedJudge
from eval.judges.transcript import CallRecord, Transcript

CALL = JudgeCall(task="open_qa", sample="s", system="", user="U", inputs={"answer": "dog", "prediction": "dog"})


def test_nobody_outside_asks_which_class_a_judge_is():
    asking = [
        f"{path.relative_to(PROJECT)}:{node.lineno}"
        for folder in ("eval", "scripts")
        for path in (PROJECT / folder).rglob("*.py")
        if "judge" in (text := path.read_text(encoding="utf-8")).lower() and re.search(r"\b(isinstance|type)\(", text)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") in ("isinstance", "type")
        and ("Judge" in ast.unparse(node) or ast.unparse(node.args[0]).rpartition(".")[2] == "judge")
        and "Mapping" not in ast.unparse(node)  # a judge's description
    ]
    assert asking == []


def imported(path: Path, names: set[str]) -> set[str]:
    """Return what a module imports of these modules, at its head, in a function, or for its types alone."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found & names


def test_no_two_modules_of_judges_import_each_other():
    paths = sorted((PROJECT / "eval" / "judges").rglob("*.py"))
    modules = {".".join(path.relative_to(PROJECT).with_suffix("").parts): path for path in paths}
    modules = {name: path for name, path in modules.items() if not name.endswith("__init__")}
    order = list(
        TopologicalSorter({name: imported(path, set(modules)) for name, path in modules.items()}).static_order()
    )
    assert len(order) == len(modules) > 20
    assert order.index("eval.judges.calls") < order.index("eval.judges.judge") < order.index("eval.judges.served")


@pytest.mark.parametrize("judge", [OfflineJudge(), ScriptedJudge(replies=["yes"])], ids=lambda judge: judge.name)
def test_a_judge_that_costs_nothing_has_nothing_to_check_to_plan_or_to_keep(judge):
    def never(*_):
        raise AssertionError("it was scored, or prepared for")

    judge.require_served()
    judge.keep_health({}, {})
    judge.watch(never, never)
    assert (judge.check(), judge.renew(), judge.plan(never, never)) == (False, [], None)
    assert (judge.protocol(), judge.health({}), judge.kept_in) == (None, None, None)
    transcript = Transcript(judge)
    transcript.ask([CALL])
    assert judge.bill(transcript.records) == bill(transcript.records)


def test_a_judge_that_costs_something_says_so_in_each_of_these():
    free = {name for name in vars(Judge) if not name.startswith("_") and callable(getattr(Judge, name))}
    # Only what concerns recorded verdicts is not for a server.
    assert free - vars(ServedJudge).keys() == {"require_served", "protocol"}


class Learner:
    """Finds stored replies only after it was prepared, as a server whose capabilities are not known yet."""

    def __init__(self, stored, is_known):
        self.stored, self.is_known = stored, is_known
        self.prepared = 0

    def look_up(self, calls):
        texts = [self.stored.get(call.user) if self.is_known else None for call in calls]
        return [None if text is None else JudgeReply(text=text, source="stored") for text in texts]

    def prepare(self):
        self.prepared += 1
        self.is_known = True
        return lambda *_: Usage(input=10, output=3)

    def planned(self, *rounds):
        planner = Planner(look_up=self.look_up, prepare=self.prepare)
        replies = [planner.ask([JudgeCall(**{**fields, "user": user}) for user in users]) for users in rounds]
        plan = planner.plan(None)
        return (
            plan.calls,
            plan.left,
            sum(stage.input for stage in plan.stages),
            [[r.text for r in some] for some in replies],
        )


fields = {"task": "open_qa", "sample": "s", "system": "", "inputs": CALL.inputs, "form": "native"}
OWN = '{"pred": "yes", "score": 5}'


def test_one_pass_plans_what_is_known_only_once_the_server_was_asked():
    learner = Learner({"a": "A", "b": "B"}, is_known=False)
    assert learner.planned(["a", "c"], ["b", "d"]) == (4, 2, 20, [["A", OWN], ["B", OWN]])
    assert learner.prepared == 1


def test_where_every_call_is_stored_nothing_is_prepared():
    learner = Learner({"a": "A", "b": "B"}, is_known=True)
    assert learner.planned(["a"], [], ["b"]) == (2, 0, 0, [["A"], [], ["B"]])
    assert learner.prepared == 0


def test_where_no_call_is_made_nothing_is_prepared():
    learner = Learner({}, is_known=False)
    assert learner.planned([]) == (0, 0, 0, [[]])
    assert learner.prepared == 0


def test_what_preparing_raises_ends_the_plan():
    learner = Learner({}, is_known=False)

    def prepare():
        raise ConfigError("no price")

    planner = Planner(look_up=learner.look_up, prepare=prepare)
    with pytest.raises(ConfigError):
        planner.ask([CALL])
    assert planner.plan(None).calls == 0


def test_a_bill_is_of_records():
    record = CallRecord(call=CALL, reply=JudgeReply(text="x"))
    assert OfflineJudge().bill([record]).stages[0].calls == 1


def test_a_recorder_is_no_judge_of_a_run():
    node = {"_target_": "eval.judges.transcript.Transcript", "judge": {"_target_": "eval.judges.offline.OfflineJudge"}}
    with pytest.raises(ConfigError, match=r"'eval\.judges\.transcript\.Transcript' makes no judge: it has no plan"):
        build(node, "judge")
