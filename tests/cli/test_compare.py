"""`tarsier-eval compare`: what it prints, what it writes, and how it refuses."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from eval.__main__ import main
from eval.errors import ConfigError, DataError, RunError
from tests.analysis.compare.systems import answers, counts, write
from tests.cli.runs import command, needs_world


def compare(first, second, **more):
    return command("compare", first=first, second=second, **more)


def test_the_table_the_verdict_and_both_outputs(tmp_path, capsys):
    first = write(tmp_path / "a", answers([1] * 4 + [0] * 16), model="old[red]", outputs={"Q_4": "B \x1b[31m(B)"})
    second = write(tmp_path / "b", answers([1] * 16 + [0] * 3 + [None], answer="A"), model="new")
    assert compare(first, second, to=str(tmp_path / "c.json"))
    shown = capsys.readouterr().out
    assert "mvbench | old[red] -> new" in shown
    # 12 turn, all upwards: McNemar's p is 2 / 2^12. In upstream the failed one is left out.
    assert "accuracy, strict" in shown
    assert "20.0     80.0        +60.0" in shown
    assert "The models differ. accuracy, strict: +60.0" in shown
    assert "12 samples better in the second:" in shown
    assert "0 samples worse in the second" in shown
    assert "Q_4: 0 -> 1 (answer A)" in shown
    assert "B [31m(B)" in shown
    assert "\x1b" not in shown
    assert max(len(row) for row in shown.splitlines() if "strict " in row) <= 120
    assert shown.endswith(f"\nWritten to {tmp_path / 'c.json'}\n")
    written = json.loads((tmp_path / "c.json").read_text())
    strict = next(each for each in written["changes"] if each["accounting"] == "strict")
    assert strict["p"] == pytest.approx(2 / 2**12)


def test_no_difference_says_what_would_have_been_seen(tmp_path, capsys):
    first = write(tmp_path / "a", answers([1, 1, 0, 0] * 5))
    second = write(tmp_path / "b", answers([1, 0, 1, 0] * 5))
    compare(first, second)
    shown = capsys.readouterr().out
    # Ten of twenty turn, five each way: sqrt(0.5 / 19) * (2.0930 + 0.8610) = 0.4792.
    assert "No difference is shown. accuracy, strict: 0.0" in shown
    assert "finds one of 47.9 or more in 80% of cases" in shown


def test_what_is_accepted_is_said_first(tmp_path, capsys):
    first, second = write(tmp_path / "a", answers([1, 0])), write(tmp_path / "b", answers([1, 1]), split="val")
    with pytest.raises(ConfigError, match=r"\(with make in ARGS='\.\.\.'\): --accept split$"):
        compare(first, second)
    compare(first, second, accept=["split"])
    assert "NOT ONLY THE MODELS DIFFER, as accepted: split (test -> val)." in capsys.readouterr().out


def test_a_run_that_was_continued_with_other_settings_is_pointed_out(tmp_path, capsys):
    first = write(tmp_path / "a", answers([1, 0]), accepted=[])
    changed = [
        {"field": "code", "was": "1", "now": "2", "when": "2026-11-01T12:00:00+00:00", "predictions": 37},
        {"field": "model.dtype", "was": "a", "now": "b", "when": "2026-11-02T12:00:00+00:00", "predictions": 40},
    ]
    second = write(tmp_path / "b", answers([1, 1]), accepted=changed)
    compare(first, second, to=str(tmp_path / "c.json"))
    line = (
        f"Mixed settings: {second} was continued with another code (after 37 predictions), model.dtype "
        "(after 40 predictions).\n"
    )
    shown = capsys.readouterr().out
    assert line in shown
    assert shown.count("Mixed settings") == 1
    written = json.loads((tmp_path / "c.json").read_text())
    assert written["continued"] == [{"folder": str(second), "accepted": changed}]
    compare(first, write(tmp_path / "d", answers([1, 1])))
    assert "Mixed settings" not in capsys.readouterr().out
    with pytest.raises(DataError, match=r"result\.json: provenance\.accepted is damaged"):
        compare(first, write(tmp_path / "e", answers([1, 1]), accepted=[{"field": "code"}]))


def test_a_folder_that_is_none_or_was_altered(tmp_path):
    first = write(tmp_path / "a", answers([1, 0]))
    with pytest.raises(RunError, match="does not exist"):
        compare(first, tmp_path / "none")
    second = write(tmp_path / "b", answers([1, 0]))
    result = json.loads((second / "result.json").read_text())
    (second / "result.json").write_text(json.dumps({**result, "counts": counts(3)}))
    with pytest.raises(RunError, match=r"holds 2 lines, and result\.json counts 3"):
        compare(first, second)
    third = write(tmp_path / "c", [{**row, "status": "odd"} for row in answers([1, 0])])
    with pytest.raises(DataError, match="odd"):
        compare(first, third)


def test_folders_of_several_are_compared_by_benchmark(tmp_path, capsys):
    for name, benchmark, first, second in (
        ("one", "mvbench", [1] * 4 + [0] * 16, [1] * 16 + [0] * 4),
        ("two", "tvbench", [1, 1, 0, 0] * 5, [1, 0, 1, 0] * 5),
    ):
        write(tmp_path / "a" / name, answers(first), benchmark=benchmark, model="old")
        write(tmp_path / "b" / benchmark, answers(second), benchmark=benchmark, model="new")
    write(tmp_path / "a" / "three", answers([1, 0]), benchmark="nextqa", model="old")
    assert compare(tmp_path / "a", tmp_path / "b", to=str(tmp_path / "c.json"))
    shown = capsys.readouterr().out
    assert shown.index("mvbench | old -> new") < shown.index("tvbench | old -> new") < shown.index("All benchmarks")
    table = [row.split() for row in shown[shown.index("All benchmarks") :].splitlines()]
    # McNemar: 2 / 2^12 for twelve that turn upwards, 1 for five each way; Holm doubles the smaller one.
    (mvbench,), (tvbench,) = ([row for row in table if row[:1] == [name]] for name in ("mvbench", "tvbench"))
    assert mvbench[1:7] == ["accuracy,", "strict", "20", "20.0", "80.0", "+60.0"]
    assert mvbench[-2:] == ["<0.001", "<0.001"]
    assert tvbench[3:7] == ["20", "50.0", "50.0", "0.0"]
    assert tvbench[-1] == "1.000"
    assert "Of the first alone, and left out: nextqa." in shown
    written = json.loads((tmp_path / "c.json").read_text())
    assert [each["benchmark"] for each in written["comparisons"]] == ["mvbench", "tvbench"]
    assert (written["first_only"], written["second_only"]) == (["nextqa"], [])


def test_folders_of_several_without_a_common_benchmark_are_refused(tmp_path):
    write(tmp_path / "a" / "one", answers([1, 0]), benchmark="mvbench")
    write(tmp_path / "b" / "one", answers([1, 0]), benchmark="tvbench")
    write(tmp_path / "b" / "more", answers([1, 0]), benchmark="nextqa")
    with pytest.raises(ConfigError, match="first has runs of mvbench, the second of nextqa, tvbench, and none of both"):
        compare(tmp_path / "a", tmp_path / "b")
    write(tmp_path / "a" / "two", answers([1, 0]), benchmark="mvbench")
    with pytest.raises(ConfigError, match=r"one and .*two are both of 'mvbench'; give one of them"):
        compare(tmp_path / "a", tmp_path / "b")
    with pytest.raises(RunError, match="give one of the runs in it: one, two"):
        compare(tmp_path / "a", tmp_path / "b" / "one")


def data_of(page):
    """The data in a page."""
    block = page.read_text(encoding="utf-8").partition('id="payload">')[2].partition("<")[0]
    return json.loads(gzip.decompress(base64.b64decode(block)))


def test_several_further_runs_and_a_page(tmp_path, capsys):
    folders = [
        write(tmp_path / name, answers(right), model=name)
        for name, right in (("a", [1, 0, 0]), ("b", [1, 1, 0]), ("c", [0, 0, 0]))
    ]
    first, *others = map(str, folders)
    assert command("compare", first=first, second=[*others, others[0]], to=str(tmp_path / "cmp.html"))
    shown = capsys.readouterr().out
    assert shown.index("mvbench | a -> b") < shown.index("mvbench | a -> c")
    page = data_of(tmp_path / "cmp.html")
    assert [run["model"] for run in page["runs"]] == ["a", "b", "c"]
    assert [(each["gained"], each["lost"]) for each in page["comparisons"]] == [(["Q_1"], []), ([], ["Q_0"])]
    assert command("compare", first=first, second=others, to=str(tmp_path / "c.json"))
    written = json.loads((tmp_path / "c.json").read_text())
    assert [each["second"] for each in written["comparisons"]] == ["b", "c"]


def test_a_page_of_folders_of_several_and_none_of_what_is_refused(tmp_path):
    for side in "ab":
        for benchmark in ("mvbench", "tvbench"):
            write(tmp_path / side / benchmark, answers([1, 0]), benchmark=benchmark, model=side)
    page = tmp_path / "cmp.html"
    assert compare(tmp_path / "a", tmp_path / "b", to=str(page))
    found = data_of(page)
    assert [(found["runs"][each["first"]]["benchmark"]) for each in found["comparisons"]] == ["mvbench", "tvbench"]
    assert [(each["first"], each["second"]) for each in found["comparisons"]] == [(0, 1), (2, 3)]
    page.unlink()
    other = write(tmp_path / "c", answers([1, 1]), split="val")
    with pytest.raises(ConfigError, match="--accept split"):
        compare(tmp_path / "a" / "mvbench", other, to=str(page))
    assert not page.exists()


@needs_world
def test_runs_without_a_valid_answer_earn_nothing_and_are_compared(tmp_path, capsys):
    """Outputs of a model that never gives a letter, as random weights do not."""
    for name in ("a", "b"):
        made = ["--bench", "tvbench", "--limit", "3", "--model", "scripted", "model.outputs=[x]"]
        assert main(["eval", *made, "--out", str(tmp_path / name)]) == 0
    capsys.readouterr()
    assert main(["compare", "--first", str(tmp_path / "a"), "--second", str(tmp_path / "b")]) == 0
    assert "No difference is shown." in capsys.readouterr().out
