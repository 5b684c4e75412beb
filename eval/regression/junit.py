"""The gate's outcome as JUnit XML, which CI systems show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

from eval.analysis.margin import MarginGate
from eval.regression.comparing import GateOutcome, RecordDifference
from eval.regression.view import margin_lines, told
from eval.report.printing import one_line


def junit(outcome: GateOutcome) -> str:
    """Return a suite for each benchmark, with a case for each record and its first difference as the failure."""
    differences: dict[tuple[str, str], list[RecordDifference]] = {}
    for each in outcome.differences:
        differences.setdefault((each.benchmark, each.id), []).append(each)
    suites: dict[str, list[ET.Element]] = {}
    for record in outcome.checked:
        lines = [told(each) for each in differences.get((record.benchmark, record.id), [])]
        case = _case(record.benchmark, record.id, "failure" if lines else None, lines)
        suites.setdefault(record.benchmark, []).append(case)
    return _document(suites)


def junit_of_margin(gate: MarginGate) -> str:
    """Return a document with one case; an inconclusive one counts as skipped."""
    name, benchmark = f"{gate.change.name} within {gate.margin * gate.scale:g}", gate.comparison.benchmark
    outcome = {"pass": None, "fail": "failure", "inconclusive": "skipped"}[gate.decision.verdict]
    return _document({benchmark: [_case(benchmark, name, outcome, margin_lines(gate))]})


def junit_of_error(said: str) -> str:
    """Return a document with one case, which is an error: the gate compared nothing."""
    return _document({"regress": [_case("regress", "gate", "error", [said])]})


def _case(suite: str, name: str, outcome: str | None, lines: Sequence[str]) -> ET.Element:
    case = ET.Element("testcase", classname=_attribute(suite), name=_attribute(name))
    found = case if outcome is None else ET.SubElement(case, outcome, message=_attribute(lines[0]))
    if lines:
        text = found if outcome == "failure" else ET.SubElement(case, "system-out")
        text.text = _legal("\n".join(lines))
    return case


def _document(suites: dict[str, list[ET.Element]]) -> str:
    root = ET.Element("testsuites", {"name": "regress", **_counts(case for cases in suites.values() for case in cases)})
    for name, cases in suites.items():
        ET.SubElement(root, "testsuite", {"name": _attribute(name), **_counts(cases)}).extend(cases)
    ET.indent(root, "")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _counts(cases: Iterable[ET.Element]) -> dict[str, str]:
    outcomes = [None if len(case) == 0 else case[0].tag for case in cases]
    counted = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    return {"tests": str(len(outcomes)), **{name: str(outcomes.count(tag)) for name, tag in counted.items()}}


def _attribute(text: str) -> str:
    return _legal(one_line(text, 500))


def _legal(text: str) -> str:
    """Return a text without characters that XML 1.0 forbids: controls, surrogates, and two more."""
    return "".join(
        c if c in "\t\n" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "\ufffd"
        for c in text
    )
