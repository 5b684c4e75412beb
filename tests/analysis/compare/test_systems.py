"""Two systems on the same samples: numbers by hand, by scipy and by statsmodels, and what is refused."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace

import pytest
from scipy import stats

from eval.analysis.compare.systems import compare_systems
from eval.core import OVERALL
from eval.errors import ConfigError
from tests.analysis.compare.systems import CAPTION, DREAM, QA, answers, line, scored


def by_key(comparison):
    return {(change.name, change.accounting, change.subset): change for change in comparison.changes}


def test_independent_answers_by_hand(tmp_path):
    # Of twelve, the first alone has 1 right, the second alone 6.
    first = scored(tmp_path / "a", answers([1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]), model="old")
    second = scored(tmp_path / "b", answers([1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 0]), model="new")
    found = compare_systems(first, second)
    strict = by_key(found)["accuracy", "strict", OVERALL]
    assert (strict.first, strict.second, strict.difference) == pytest.approx((4 / 12, 9 / 12, 5 / 12))
    # McNemar's exact test: twice the chance of at most 1 of 7 heads, 2 * (1 + 7) / 128.
    assert (strict.test, strict.p) == ("mcnemar", pytest.approx(0.125))
    assert (strict.n_first, strict.n_second, strict.n, strict.n_clusters) == (1, 6, 12, 12)
    # Differences: six of 1, one of -1, five of 0. Their number has exact bounds, 2.2019 to 13.06 of six Poisson events
    # and 0.0253 to 5.5716 of one (chi square); five less the root of the sum of (6 - 2.2019)^2 and (5.5716 - 1)^2.
    moved = [1] * 6 + [-1] + [0] * 5
    assert (strict.low, strict.high) == pytest.approx(((5 - 5.943468) / 12, 1.0), abs=1e-5)
    stderr = stats.sem(moved)
    assert strict.detectable == pytest.approx((stats.t.ppf(0.975, 11) + stats.t.ppf(0.8, 11)) * stderr)
    assert (found.first, found.second, found.n_common) == ("old", "new", 12)
    assert [(one.field, one.first, one.second) for one in found.differences] == [("model.name", "old", "new")]
    assert [each.id for each in found.turned] == ["Q_3", "Q_4", "Q_5", "Q_6", "Q_7", "Q_8", "Q_9"]
    assert json.loads(json.dumps(asdict(found)))["turned"][0]["first"] == 1


@pytest.mark.parametrize(
    ("name", "scale", "scorer", "extra"),
    [("accuracy", 1.0, QA, {"score": 0.0}), ("score", 5.0, QA, {"accuracy": 0.0}), ("f1", 1.0, DREAM, {})],
)
def test_no_difference_is_called_detectable_that_the_scale_has_no_room_for(tmp_path, name, scale, scorer, extra):
    def rows(values):
        named = {"accuracy": ("accuracy",), "score": ("score",), "f1": ("recall", "precision", "f1")}[name]
        return [line(f"Q_{i}", {**extra, **dict.fromkeys(named, value * scale)}) for i, value in enumerate(values)]

    def of(values, videos):
        first, second = (
            scored(tmp_path / f"{side}{videos}", rows(side_values * (videos // 4)), scorer=scorer)
            for side, side_values in zip("ab", values, strict=True)
        )
        return by_key(compare_systems(first, second))[name, "strict", OVERALL]

    # Of four videos one turns each way: the standard error is sqrt(2 / 3) / 2 = 0.408 of the scale, and
    # t(3) = 3.182 for 5% with 0.978 for 80% make that 1.70 of it.
    values = ([1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0])
    few, many = of(values, 4), of(values, 40)
    assert few.stderr
    assert few.detectable is None
    assert many.detectable is not None
    assert 0 < many.detectable <= scale


def test_videos_are_exchanged_as_a_whole(tmp_path):
    # Sums of differences by video: 3, 1, 1. Of eight ways, two reach 5.
    one = [line(f"{v}{i}", {"accuracy": 0.0}, cluster=v) for v, n in (("a", 3), ("b", 1), ("c", 1)) for i in range(n)]
    two = [{**row, "values": {"accuracy": 1.0}} for row in one]
    change = by_key(compare_systems(scored(tmp_path / "a", one), scored(tmp_path / "b", two)))[
        "accuracy", "strict", OVERALL
    ]
    assert (change.test, change.p, change.n_clusters) == ("exchange", 0.25, 3)


def test_upstream_pairs_what_both_have_a_value_for(tmp_path):
    first, second = scored(tmp_path / "a", answers([1, 1, None, 0])), scored(tmp_path / "b", answers([0, 1, 1, None]))
    got = by_key(compare_systems(first, second))
    upstream, strict = got["accuracy", "upstream", OVERALL], got["accuracy", "strict", OVERALL]
    assert (upstream.n, upstream.first, upstream.second) == (2, 1, 0.5)
    assert (strict.n, strict.first, strict.second) == (4, 0.5, 0.5)


def test_whole_videos_are_dropped_where_either_has_no_answer(tmp_path):
    def rows(*values):
        places = (("a", 0), ("a", 1), ("b", 0), ("c", 0))
        return [
            line(f"{video}{i}", {}, cluster=video, status="invalid")
            if value is None
            else line(f"{video}{i}", {"accuracy": value}, cluster=video)
            for (video, i), value in zip(places, values, strict=True)
        ]

    how = {"scorer": {"name": "multiple_choice", "headline": "micro", "whole_videos": True}}
    first, second = scored(tmp_path / "a", rows(1, 1, 1, 0), **how), scored(tmp_path / "b", rows(1, None, 0, 0), **how)
    got = by_key(compare_systems(first, second))
    assert (got["accuracy", "upstream", OVERALL].n, got["accuracy", "strict", OVERALL].n) == (2, 4)


def test_subsets_are_corrected_for_being_several(tmp_path):
    def rows(*shares):
        return [
            line(f"{subset}{i}", {"accuracy": float(i < right)}, subset=subset)
            for subset, right in zip("xyz", shares, strict=True) for i in range(10)
        ]  # fmt: skip

    how = {"scorer": {"name": "multiple_choice", "headline": "macro", "whole_videos": False}}
    found = compare_systems(scored(tmp_path / "a", rows(0, 0, 5), **how), scored(tmp_path / "b", rows(8, 6, 5), **how))
    got = by_key(found)
    # 2 / 2^8, 2 / 2^6 and 1; by Holm 3, 2 and 1 times that.
    assert [got["accuracy", "strict", subset].p for subset in "xyz"] == pytest.approx([1 / 128, 1 / 32, 1])
    assert [got["accuracy", "strict", subset].p_adjusted for subset in "xyz"] == pytest.approx([3 / 128, 2 / 32, 1])
    macro, micro = got["accuracy_macro", "strict", OVERALL], got["accuracy_micro", "strict", OVERALL]
    assert found.changes[0].name == "accuracy_macro"
    assert (macro.difference, micro.difference, macro.p_adjusted) == (
        pytest.approx(14 / 30),
        pytest.approx(14 / 30),
        None,
    )
    # No answer of `z` differs: of ten videos, -ln 0.025 = 3.688879 might.
    high = 3.688879 / 10
    assert (got["accuracy", "strict", "z"].low, got["accuracy", "strict", "z"].high) == pytest.approx((-high, high))
    assert got["accuracy", "strict", "z"].detectable is None


def test_judged_answers_have_all_their_metrics(tmp_path):
    def rows(*scores):
        matches = {"exact_match": 0.0, "lemma_match": 0.0, "contained": 1.0}
        return [line(f"Q_{i}", {"accuracy": float(s > 2), "score": s, **matches}) for i, s in enumerate(scores)]

    first, second = (
        scored(tmp_path / "a", rows(5, 4, 1, 0), scorer=QA),
        scored(tmp_path / "b", rows(5, 1, 3, 4), scorer=QA),
    )
    got = by_key(compare_systems(first, second))
    score = got["score", "strict", OVERALL]
    # Differences 0, -3, 2, 4.
    expected = stats.permutation_test(
        ([5, 4, 1, 0], [5, 1, 3, 4]), lambda a, b: sum(b) - sum(a), permutation_type="samples"
    )
    assert (score.difference, score.test) == (0.75, "exchange")
    assert score.p == pytest.approx(expected.pvalue)
    assert got["accuracy", "strict", OVERALL].test == "mcnemar"
    assert [name for name, accounting, _ in got if accounting == "strict"] == [
        "accuracy", "score", "exact_match", "lemma_match", "contained",
    ]  # fmt: skip


def test_f1_is_that_of_means_over_sources(tmp_path):
    def rows(shares, renamed):
        return [
            line(f"{source}{i}", {"recall": recall, "precision": precision}, subset=renamed.get(source, source))
            for source, part in shares.items()
            for i, (recall, precision) in enumerate(part)
        ]

    one = {"youtube": [(0.5, 0.5), (0.5, 1)], "stock": [(0, 0.5), (0.5, 0.5)]}
    two = {"youtube": [(1, 0.5), (0.5, 1)], "stock": [(0.5, 0.5), (0.5, 1)]}
    first = scored(tmp_path / "a", rows(one, {"stock": "videvo"}), scorer=DREAM, benchmark="dream-1k")
    second = scored(tmp_path / "b", rows(two, {}), scorer=DREAM, benchmark="dream-1k")
    found = compare_systems(first, second)
    f1 = by_key(found)["f1", "strict", OVERALL]
    # Means over sources: recall (0.5 + 0.25) / 2, precision (0.75 + 0.5) / 2; then (0.75 + 0.5) / 2, (0.75 + 0.75) / 2.
    assert f1.first == pytest.approx(2 * 0.375 * 0.625 / 1)
    assert f1.second == pytest.approx(2 * 0.625 * 0.75 / 1.375)
    # Three videos differ, all upwards: two of eight ways are as far apart.
    assert (f1.p, f1.test, f1.n, f1.n_first) == (0.25, "exchange", 4, None)
    assert f1.low <= f1.difference <= f1.high
    assert {subset for name, _, subset in by_key(found) if name == "f1"} == {OVERALL, "youtube", "stock"}
    assert by_key(found)["f1", "strict", "youtube"].first == pytest.approx(2 * 0.5 * 0.75 / 1.25)
    assert [each.id for each in found.turned] == ["youtube0", "stock0", "stock1"]


def caption(key, cider, matched, failed=False):
    counts = {f"bleu_matched_{n}": matched for n in range(1, 5)} | {f"bleu_total_{n}": 4.0 for n in range(1, 5)}
    values = {"cider": cider, "rouge_l": 0.5, "bleu_length": 7.0, "bleu_closest": 7.0, **counts}
    return line(
        key, values, status="model_failed" if failed else "scored", answer=None if failed else "a dog", target=""
    )


def test_captions_keep_upstreams_values_of_failures_out_of_strict(tmp_path):
    one = [caption("a", 1.0, 4.0), caption("b", 2.0, 0.0), caption("c", 1.0, 0.0)]
    two = [caption("a", 1.0, 4.0), caption("b", 2.5, 4.0), caption("c", 0.5, 0.0, failed=True)]
    first, second = (scored(tmp_path / name, rows, scorer=CAPTION) for name, rows in (("a", one), ("b", two)))
    got = by_key(compare_systems(first, second))
    assert (got["cider", "upstream", OVERALL].second, got["cider", "strict", OVERALL].second) == pytest.approx(
        (4 / 3, 3.5 / 3)
    )
    bleu = got["bleu_4", "upstream", OVERALL]
    assert (bleu.first, bleu.second) == pytest.approx((1 / 3, 2 / 3))
    # In strict, the failed caption adds no words: 8 of 8 match, and 14 words stand against 21.
    assert got["bleu_4", "strict", OVERALL].second == pytest.approx(math.exp(1 - 21 / 14))
    assert ("rouge_l", "strict", OVERALL) in got


def test_outputs_are_shown_where_they_are_at_hand(tmp_path):
    first = scored(tmp_path / "a", answers([1, 0]), outputs={"Q_0": "(A) the left", "Q_1": "B"})
    second = scored(tmp_path / "b", answers([0, 0], answer="C"))
    (turned,) = compare_systems(first, second).turned
    assert (turned.first_output, turned.second_output, turned.target) == ("(A) the left", "C", "A")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"split": "val"}, "split"),
        ({"limit": 20}, "limit"),
        ({"decoder": {"name": "decord"}}, "decoder.name"),
        ({"wording": {"name": "tarsier", "sha256": "y"}}, "wording.sha256"),
        ({"data_sha256": "e"}, "data_sha256"),
        ({"prompts_sha256": "q"}, "prompts_sha256"),
        ({"scorer": {**QA, "judge": {"name": "j", "model": "other"}}}, "scorer.judge.model"),
        ({"scorer": {**QA, "protocol": {"name": "upstream", "wording": {"sha256": "w"}}}}, "scorer.protocol.name"),
        ({"score_id": "other"}, "score_id"),
    ],
)
def test_what_differs_besides_the_models_is_refused_unless_accepted(tmp_path, more, field):
    rows = [line("Q_0", {"accuracy": 1.0, "score": 5.0, "exact_match": 0.0, "lemma_match": 0.0, "contained": 0.0})]
    first = scored(tmp_path / "a", rows, scorer=QA)
    second = scored(tmp_path / "b", rows, **{"scorer": QA, **more})
    with pytest.raises(ConfigError, match=rf"^{field}: .* --accept {field}$"):
        compare_systems(first, second)
    assert [one.field for one in compare_systems(first, second, [field]).accepted] == [field]
    # A name stands for all below it.
    assert compare_systems(first, second, [field.split(".")[0]]).accepted


def test_the_judge_counts_as_it_was_served(tmp_path):
    rows = [line("Q_0", {"accuracy": 1.0, "score": 5.0})]
    sides = [
        scored(tmp_path / name, rows, scorer={**QA, "judge": {"name": "j", "model": "m", "requested": name}})
        for name in "ab"
    ]
    assert compare_systems(*sides).accepted == ()


def test_other_samples_targets_and_subsets_are_refused_unless_accepted(tmp_path):
    first = scored(tmp_path / "a", answers([1, 0, 1]))
    second = scored(tmp_path / "b", [*answers([1, 1], target="B"), line("Z", {"accuracy": 1.0})])
    with pytest.raises(ConfigError, match=r"^ids: .*3 samples, 1 of them alone.*and in target.*--accept ids target$"):
        compare_systems(first, second)
    found = compare_systems(first, second, ["ids", "target"])
    assert (found.n_common, found.n_first_only, found.n_second_only) == (2, 1, 1)


def test_videos_that_are_cut_otherwise_are_refused_and_other_names_of_them_are_not(tmp_path):
    ids = [f"Q_{i}" for i in range(4)]
    first, named, cut = (
        scored(
            tmp_path / name,
            [line(key, {"accuracy": 1.0}, cluster=video) for key, video in zip(ids, videos, strict=True)],
        )
        for name, videos in (("a", "vvww"), ("b", "1122"), ("c", "vwww"))
    )
    assert compare_systems(first, named).accepted == ()
    for pair in ((first, cut), (cut, first)):
        with pytest.raises(ConfigError, match=r"^cluster: .*2 source videos.* --accept cluster$"):
            compare_systems(*pair)
    assert [one.field for one in compare_systems(first, cut, ["cluster"]).accepted] == ["cluster"]


def test_what_can_never_be_compared(tmp_path):
    first = scored(tmp_path / "a", answers([1, 0]))
    with pytest.raises(ConfigError, match=r"^first, second: both are"):
        compare_systems(first, first)
    with pytest.raises(ConfigError, match=r"^benchmark: .*'mvbench'.*'tvbench'"):
        compare_systems(first, scored(tmp_path / "b", answers([1, 0]), benchmark="tvbench"), ["ids"])
    with pytest.raises(ConfigError, match=r"^scorer.name: "):
        compare_systems(first, scored(tmp_path / "c", answers([1, 0]), scorer=CAPTION))
    with pytest.raises(ConfigError, match=r"^id: .* no sample in common"):
        compare_systems(first, scored(tmp_path / "d", [line("Z", {"accuracy": 1.0})]), ["ids"])
    with pytest.raises(ConfigError, match=r"^--accept decodr: .*decoder"):
        compare_systems(first, scored(tmp_path / "e", answers([1, 0])), ["decodr"])
    with pytest.raises(ConfigError, match=r"^values: "):
        compare_systems(scored(tmp_path / "f", answers([None])), scored(tmp_path / "g", answers([None])))


def test_predictions_from_elsewhere_say_less_and_that_is_said(tmp_path):
    first, second = scored(tmp_path / "a", answers([1, 0])), scored(tmp_path / "b", answers([1, 1]))
    less = {key: value for key, value in second.result.provenance.items() if key not in ("decoder", "wording")}
    second = replace(second, result=replace(second.result, provenance=less))
    assert compare_systems(first, second).unknown == ("decoder", "wording", "media")
