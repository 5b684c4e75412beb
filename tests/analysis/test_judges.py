"""Two judges on the same predictions: what is compared, what is refused, and what the terminal shows."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from rich.console import Console

from eval.analysis.judges.comparison import compare_judges
from eval.analysis.judges.opinions import read_judged
from eval.analysis.judges.view import show_agreement
from eval.errors import ConfigError, DataError, RunError
from tests.analysis.compare.systems import counts

QA = {"name": "open_qa", "protocol": {"name": "native"}}
DREAM = {"name": "autodq", "protocol": {"name": "native"}}


def line(key, values, *, subset="", cluster="", output="A dog", target="dog", labels=None, events=("e1", "e2")):
    detail = {}
    if labels is not None:
        detail = {"events": {"reference": events, "prediction": []}, "labels": {"reference": labels, "prediction": []}}
    status = "scored" if values else "judge_failed" if output else "model_failed"
    return {
        "id": key, "subset": subset, "cluster": cluster, "status": status, "answer": output, "target": target,
        "values": values, "groups": [], "chance": None, "reason": None, "detail": detail,
    }  # fmt: skip


def folder(path, lines, judge="strict", scorer=None, benchmark="msvd-qa", **provenance):
    path.mkdir()
    (path / "scores.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    identity = {**(scorer or QA), "judge": {"name": judge}}
    result = {
        "benchmark": benchmark, "model": "m", "judge": judge, "protocol": identity["protocol"]["name"],
        "primary": "accuracy", "score_id": "s", "complete": True, "metrics": [], "coverage": [],
        "counts": counts(len(lines)),
        "provenance": {"scorer": identity, **provenance},
    }  # fmt: skip
    (path / "result.json").write_text(json.dumps(result))
    return path


def grade(value, score):
    return {} if value is None else {"accuracy": value, "score": score * value, "exact_match": 0.0}


def answers(tmp_path, **more):
    """Eleven answers in videos of two: eight that both judged, one by each alone, one by none."""
    sides = []
    for name, score, grades in (
        ("strict", 5.0, [1, 1, 1, 0, 0, 1, 1, 0, 1, None, None]),
        ("lenient", 4.0, [1, 0, 1, 0, 1, 1, 0, 0, None, 0, None]),
    ):
        rows = [
            line(f"MSVD_{i}", grade(value, score), cluster=f"v{i // 2}", output=None if i == 10 else f"Dog {i}")
            for i, value in enumerate(grades)
        ]
        sides.append(read_judged(folder(tmp_path / name, rows, name, **more)))
    return sides


def test_grades_of_answers_are_compared(tmp_path):
    found = compare_judges(*answers(tmp_path))
    assert (found.first, found.second) == ("strict (native)", "lenient (native)")
    assert (found.n_both, found.n_first_only, found.n_second_only, found.n_neither) == (8, 1, 1, 1)
    # Rows strict, columns lenient. Chance: 5/8 * 4/8 + 3/8 * 4/8 = 1/2; (5/8 - 1/2) / (1/2) = 1/4.
    assert (found.table.labels, found.table.counts) == (("yes", "no"), ((3, 2), (1, 2)))
    assert (found.table.n, found.table.share, found.table.kappa) == pytest.approx((8, 0.625, 0.25))
    assert found.table.low is not None
    assert found.table.high is not None
    assert found.table.low < 0.25 < found.table.high
    accuracy, score = found.offsets
    assert (accuracy.first, accuracy.second, accuracy.offset) == (0.625, 0.5, -0.125)
    # Differences by video: 0 -1, 0 0, 1 0, -1 0. Sums of residuals -0.75, 0.25, 1.25, -0.75, so that the error is
    # sqrt(2.75) / 8 * sqrt(4 / 3) = 0.239357, and t(3) is 3.182446.
    assert (accuracy.low, accuracy.high) == pytest.approx((-0.886741, 0.636741), abs=1e-6)
    assert (score.name, score.first, score.second, score.offset) == ("score", 3.125, 2.0, -1.125)
    assert [(flip.id, flip.first["accuracy"]) for flip in found.flips] == [("MSVD_1", 1), ("MSVD_4", 0), ("MSVD_6", 1)]
    assert [(one.field, one.first, one.second) for one in found.differences] == [("judge.name", "strict", "lenient")]
    assert json.loads(json.dumps(asdict(found)))["table"]["counts"] == [[3, 2], [1, 2]]


def test_the_order_of_lines_does_not_matter_and_swapping_turns_signs(tmp_path):
    first, second = answers(tmp_path)
    path = tmp_path / "lenient" / "scores.jsonl"
    path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
    assert compare_judges(first, read_judged(tmp_path / "lenient")) == compare_judges(first, second)
    turned = compare_judges(second, first)
    assert (turned.table.counts, turned.offsets[0].offset, turned.n_first_only) == (((3, 1), (2, 2)), 0.125, 1)


def test_without_a_video_a_sample_stands_for_itself(tmp_path):
    sides = [
        read_judged(folder(tmp_path / name, [line(f"Q_{i}", grade(v, 5.0)) for i, v in enumerate(values)], name))
        for name, values in (("a", [1, 1, 0, 0]), ("b", [0, 1, 0, 0]))
    ]
    accuracy = compare_judges(*sides).offsets[0]
    # -1, 0, 0, 0: standard error sqrt(0.25 / 4) = 0.25, as of four independent values.
    assert (accuracy.low, accuracy.high) == pytest.approx((-0.25 - 0.25 * 3.182446, -0.25 + 0.25 * 3.182446))


def test_questions_come_with_predictions_at_hand(tmp_path):
    rows = [
        {
            "id": "MSVD_1", "benchmark": "msvd-qa", "subset": "", "prompt": "p", "output": "Dog 1", "error": None,
            "targets": ["dog"], "options": [], "cluster": "v0", "metadata": {"question": "What runs?"},
        }
    ]  # fmt: skip
    path = tmp_path / "predictions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = compare_judges(*answers(tmp_path, predictions=str(path)))
    assert [flip.question for flip in found.flips] == ["What runs?", None, None]
    path.write_text("no JSON")
    assert read_judged(tmp_path / "strict").questions == {}


E, N, C = "entailment", "neutral", "contradiction"
FIRST = {"a0": (0.5, 0.5, [E, N]), "a1": (1, 0.5, [E, E]), "a2": (0, 0.5, [N, C]), "b0": (0.5, 1, [E, N])}
SECOND = {"a0": (0.5, 1, [N, E]), "a1": (0.5, 0.5, [E, C]), "a2": (0.5, 0, [E, C]), "b0": (1, 1, [E, E])}


def descriptions(path, judge, scores, events_of_b1=("e1", "e2"), **more):
    """Three descriptions of one source and two of another; upstream's two branches call that by two names."""
    lines = [
        line(
            key, {"recall": recall, "precision": precision, "n_events": 2.0}, cluster=key, labels=labels,
            subset={"a": "youtube", "b": "videvo" if judge == "first" else "stock"}[key[0]], output="It.", target="R.",
            events=events_of_b1 if key == "b1" else ("e1", "e2"),
        )
        for key, (recall, precision, labels) in scores.items()
    ]  # fmt: skip
    failed = line("b2", {"n_events": 2.0}, cluster="b2", subset="stock", output=None, target="R.")
    return read_judged(folder(path, [*lines, failed], judge, DREAM, "dream-1k", **more))


def test_labels_of_events_are_compared(tmp_path):
    first = descriptions(tmp_path / "1", "first", {**FIRST, "b1": (0, 0, [N, N])})
    second = descriptions(tmp_path / "2", "second", {**SECOND, "b1": (0.5, 0.5, [E, N])}, ("e1", "other"))
    found = compare_judges(first, second)
    assert (found.n_both, found.n_neither, found.n_other_events) == (5, 1, 1)
    # Rows and columns: entailment, neutral, contradiction. Shares 4 3 1 and 5 1 2 of 8: chance is
    # (20 + 3 + 2) / 64, so that kappa is (24 - 25) / (64 - 25).
    assert found.table.counts == ((2, 1, 1), (3, 0, 0), (0, 0, 1))
    assert (found.table.share, found.table.kappa) == pytest.approx((0.375, -1 / 39))
    # The other source has one comparable video only.
    assert (found.table.low, found.table.high) == (None, None)
    f1, recall, precision = found.offsets
    # Recall 1/2 and 1/4 by source, then 1/2 and 3/4; precision 1/2 and 1/2, then 1/2 and 3/4.
    assert (recall.first, recall.second, recall.offset) == pytest.approx((0.375, 0.625, 0.25))
    assert (precision.first, precision.second, precision.offset) == pytest.approx((0.5, 0.625, 0.125))
    assert (f1.first, f1.second, f1.offset) == pytest.approx((3 / 7, 0.625, 0.625 - 3 / 7))
    # Recall moves by 0, -1/2, 1/2 in one source and always by 1/2 in the other. Three times the same of the former
    # is drawn with a chance of 1/27, which is more than 2.5%: means from -1/2 to 1/2, and (those + 1/2) / 2.
    assert (recall.low, recall.high) == pytest.approx((0, 0.5))
    assert f1.low is not None
    assert f1.high is not None
    assert f1.low < f1.offset < f1.high
    assert [(flip.id, flip.moved) for flip in found.flips] == [
        ("a2", 1), ("b1", 1), ("a0", 0.5), ("a1", 0.5), ("b0", 0.5),
    ]  # fmt: skip
    assert [(one.event, one.first, one.second) for one in found.flips[2].relabelled] == [("e1", E, N), ("e2", N, E)]
    assert found.flips[1].relabelled == ()
    json.dumps(asdict(found))


def test_kappa_of_labels_has_an_interval_where_every_source_has_videos(tmp_path):
    more = {f"b{i}": (0.5, 0.5, [E, C]) for i in (3, 4)}
    found = compare_judges(
        descriptions(tmp_path / "1", "first", {**FIRST, **more}), descriptions(tmp_path / "2", "second", SECOND | more)
    )
    # Four more on the diagonal: shares 6 3 3 and 7 1 4 of 12, agreement 7/12, chance (42 + 3 + 12) / 144,
    # so that kappa is (84 - 57) / (144 - 57).
    assert found.table.kappa == pytest.approx(27 / 87)
    assert found.table.low is not None
    assert found.table.high is not None
    assert found.table.low < 27 / 87 < found.table.high


def test_without_common_events_there_are_offsets_still(tmp_path):
    first = descriptions(tmp_path / "1", "first", {"b1": (1, 1, [E, E])})
    second = descriptions(tmp_path / "2", "second", {"b1": (0, 0, [E, E])}, ("x", "y"))
    found = compare_judges(first, second)
    assert (found.table.n, found.table.share, found.table.kappa) == (0, None, None)
    assert [(one.first, one.second, one.low) for one in found.offsets] == [(1, 0, None)] * 3
    assert "No labels" in shown(found)


def test_what_cannot_be_compared_is_refused_by_field(tmp_path):
    def one(name, *lines, judge="", **more):
        return read_judged(folder(tmp_path / name, lines, judge or name, **more))

    right = grade(1, 5.0)
    base = one("base", line("Q_0", right), line("Q_1", right))
    described = line("Q_0", {"recall": 1, "precision": 1}, labels=[E, E])
    for other, message in (
        (one("bench", line("Q_0", right), benchmark="tgif-qa"), r"^benchmark: .*'msvd-qa'.*'tgif-qa'"),
        (one("scorer", described, scorer=DREAM), r"^scorer.name: .*'open_qa'.*'autodq'"),
        (one("ids", line("Q_0", right), line("Q_2", right)), r"^id: 1 samples are only in .*base, 1 only in .*'Q_1'"),
        (one("answer", line("Q_0", right), line("Q_1", right, output="cat")), r"^answer: .*for 1 of 2 .*'Q_1'"),
        (one("missing", line("Q_0", right), line("Q_1", {}, output=None)), r"^answer: .*for 1 of 2 .*'Q_1'"),
        (one("target", line("Q_0", right, target="cat"), line("Q_1", right)), r"^target: .*for 1 of 2 .*'Q_0'"),
        (one("same", line("Q_0", right), line("Q_1", right), judge="base"), r"^judge: .*both .* by 'base \(native\)"),
        (one("none", line("Q_0", {}), line("Q_1", {})), r"^values: no sample is judged both in"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=message):
            compare_judges(base, other)


def test_two_protocols_of_one_judge_can_be_compared(tmp_path):
    lines = [line("Q_0", grade(1, 5.0))]
    hardened = {"name": "open_qa", "protocol": {"name": "hardened"}}
    found = compare_judges(
        read_judged(folder(tmp_path / "1", lines, "j")), read_judged(folder(tmp_path / "2", lines, "j", hardened))
    )
    assert (found.first, found.second) == ("j (native)", "j (hardened)")
    assert [one.field for one in found.differences] == ["protocol.name"]
    assert (found.table.kappa, found.offsets[0].low, found.flips) == (None, None, ())
    assert "kappa undefined" in shown(found)


def test_folders_without_a_judge_or_damaged_are_refused_with_a_remedy(tmp_path):
    with pytest.raises(RunError, match=r"nowhere does not exist. Give a folder that `tarsier-eval score`"):
        read_judged(tmp_path / "nowhere")
    good = folder(tmp_path / "good", [line("Q_0", grade(1, 5.0))])
    scores, result = good / "scores.jsonl", good / "result.json"
    whole = scores.read_text()
    for text, error, message in (
        ("", RunError, r"scores.jsonl holds 0 lines, and result.json counts 1"),
        (whole * 2, DataError, r"scores.jsonl:2: field 'id' is 'Q_0', as at .*; or score the predictions again"),
        (whole + '{"id": ', DataError, r"scores.jsonl:2: not valid JSON"),
        (whole.replace('"values"', '"v"'), DataError, r"scores.jsonl:1: field 'values' is missing"),
    ):
        scores.write_text(text)
        with pytest.raises(error, match=message):
            read_judged(good)
    scores.write_text(whole)
    for text, error, message in (
        ("{", DataError, r"result.json is not a result of this version: the file: .*score the predictions again"),
        ("[]", DataError, "result.json is not a result of this version: the file"),
        ("{}", DataError, "result.json is not a result of this version: benchmark: "),
        (result.read_text().replace('"judge": "strict"', '"judge": null'), RunError, "without a judge"),
        (result.read_text().replace('"open_qa"', '"multiple_choice"'), RunError, "'multiple_choice', given without"),
    ):
        kept = result.read_text()
        result.write_text(text)
        with pytest.raises(error, match=message):
            read_judged(good)
        result.write_text(kept)
    scores.unlink()
    with pytest.raises(RunError, match=r"scores.jsonl does not exist"):
        read_judged(good)
    with pytest.raises(RunError, match=r"scores.jsonl is empty"):
        read_judged(folder(tmp_path / "empty", []))


def test_labels_must_fit_their_events(tmp_path):
    values = {"recall": 1.0, "precision": 1.0}
    for number, (one, message) in enumerate(
        (
            (line("D_0", values, labels=[E]), r"'detail.labels.reference' has 1 labels for 2 events"),
            (line("D_0", values, labels=[E, "maybe"]), r"holds 'maybe', expected one of entailment"),
            (line("D_0", values), r"'detail.events' is missing.*; or score the predictions again with this version"),
        )
    ):
        with pytest.raises(DataError, match=message):
            read_judged(folder(tmp_path / str(number), [one], scorer=DREAM))


def shown(found):
    console = Console(width=100, no_color=True, force_terminal=False)
    with console.capture() as capture:
        show_agreement(found, console=console)
    return capture.get()


def test_the_terminal_shows_offsets_agreement_and_flips(tmp_path):
    text = shown(compare_judges(*answers(tmp_path)))
    for expected in (
        "msvd-qa | strict (native) -> lenient (native)\n",
        "They differ in judge.name (strict -> lenient).\n",
        "8 samples judged by both, 1 by the first only, 1 by the second only, 1 by neither.\n",
        "accuracy 62.5 -> 50.0, offset -12.5 [-88.7, +63.7]\n",
        "agreement 62.5 on 8 grades, kappa 0.25 [",
        "2 yes -> no:\n  MSVD_1: yes (5) -> no (0)\n    answer dog | output Dog 1\n",
        "1 no -> yes:\n  MSVD_4: no (0) -> yes (4)\n",
    ):
        assert expected in text


def test_the_terminal_shows_descriptions_that_moved(tmp_path):
    first, second = (
        descriptions(tmp_path / name, name, scores) for name, scores in (("first", FIRST), ("second", SECOND))
    )
    text = shown(compare_judges(first, second))
    moved = "  a2: recall 0.0 -> 50.0, precision 50.0 -> 0.0\n    neutral -> entailment: e1\n    output It.\n"
    assert moved in text
    assert "agreement 37.5 on 8 labels of the references' events, kappa -0.03 (no interval" in text


def test_only_some_flips_are_shown(tmp_path):
    sides = [
        read_judged(folder(tmp_path / name, [line(f"Q_{i}", grade(v, 5.0)) for i in range(7)], name))
        for name, v in (("a", 1), ("b", 0))
    ]
    text = shown(compare_judges(*sides))
    assert "7 yes -> no:" in text
    assert "... and 2 more" in text
    assert "0 no -> yes\n" in text


def test_texts_from_outside_are_shown_as_they_are_on_one_line(tmp_path):
    bad = "[bold]x[/] :dog:\x1b[31m\nyes\u202e " + "long " * 100
    sides = [
        read_judged(folder(tmp_path / name, [line("Q[/]\r0", grade(v, 5.0), output=bad, target=bad)], f"[red]{name}"))
        for name, v in (("a", 1), ("b", 0))
    ]
    text = shown(compare_judges(*sides))
    assert "[red]a (native) -> [red]b (native)" in text
    assert "  Q[/] 0: yes (5) -> no (0)\n" in text
    compared = next(one for one in text.splitlines() if "output" in one)
    assert compared.startswith("    answer [bold]x[/] :dog: [31m ye… | output [bold]x[/] :dog: [31m yes long")
    assert len(compared) == 100
    assert not {"\x1b", "\u202e", "\r"} & set(text)
