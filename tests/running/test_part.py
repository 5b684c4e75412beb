"""The part of a benchmark that LIMIT draws or a user names: the same samples each time, from every subset."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from eval.__main__ import main
from eval.core import Clip, Sample
from eval.errors import ConfigError
from eval.running.part import benchmarks_of, draw, drawing_order
from tests.cli.runs import evaluate


def samples(*sizes, videos=1000):
    return [
        Sample(
            id=f"{subset}-{i}",
            benchmark="b",
            subset=f"s{subset}",
            clip=Clip(source=()),
            prompt="",
            targets=("A",),
            cluster=f"v{i % videos}",
        )
        for subset, size in enumerate(sizes)
        for i in range(size)
    ]


def test_every_subset_is_drawn_from_before_any_twice_and_then_in_proportion():
    found = samples(10, 200, 30, 1)
    assert Counter(sample.subset for sample in draw(found, 4)) == {"s0": 1, "s1": 1, "s2": 1, "s3": 1}
    counts = Counter(sample.subset for sample in draw(found, 49))  # of 241: 2, 40.7, 6.1 and 1
    assert counts == {"s0": 2, "s1": 40, "s2": 6, "s3": 1}


def test_a_smaller_part_belongs_to_a_larger_one_in_annotation_order():
    found = samples(10, 20, 3)
    for fewer, more in ((1, 2), (5, 8), (8, 40)):
        part, whole = draw(found, fewer), draw(found, more)
        assert [sample for sample in whole if sample in part] == part
        assert len(part) == min(fewer, len(found))
    assert draw(found, None) == draw(found, 33) == found
    assert draw(found[::-1], 7) == draw(found, 7)[::-1]  # whatever the order of the file


def test_another_seed_draws_others():
    found = samples(50)
    assert drawing_order(found, 0)[:10] != drawing_order(found, 1)[:10]


def test_without_subsets_every_video_is_drawn_from_before_any_twice():
    found = samples(60, videos=12)
    assert len({sample.cluster for sample in draw(found, 12)}) == 12
    assert Counter(sample.cluster for sample in draw(found, 24)) == {f"v{i}": 2 for i in range(12)}


def test_of_groups_whole_ones_are_drawn_and_what_is_left_out_is_the_rest():
    found = samples(40, videos=10)
    for limit, expected in ((4, 4), (8, 8), (11, 8), (3, 4), (1, 4), (39, 36), (40, 40)):
        part = draw(found, limit, whole=True)
        assert len(part) == expected
        assert set(Counter(one.cluster for one in part).values()) == {4}
        rest = draw(found, None, offset=limit, whole=True)
        assert sorted(one.id for one in part + rest) == sorted(one.id for one in found)
        assert part == [one for one in found if one in part]
    assert all(one in draw(found, 20, whole=True) for one in draw(found, 8, whole=True))
    middle = draw(found, 8, offset=8, whole=True)
    assert set(Counter(one.cluster for one in middle).values()) == {4}
    assert not [one for one in middle if one in draw(found, 8, whole=True)]
    assert draw(found, 3, offset=8, whole=True) == draw(found, 4, offset=8, whole=True)
    assert not draw(found, 3, offset=40, whole=True)


def test_subsets_are_named_after_a_slash():
    assert benchmarks_of("mvbench/action_sequence, nextqa,mvbench/State Change") == {
        "mvbench": ("action_sequence", "State Change"),
        "nextqa": (),
    }
    assert benchmarks_of("mvbench/action_sequence,mvbench") == {"mvbench": ()}
    assert benchmarks_of("caption") == {"msrvtt-caption": (), "msvd-caption": (), "vatex-caption": ()}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mc_qa/x", "'mc_qa' is a group; name the benchmark whose subset is meant"),
        ("mvbench/", "names no subset after the slash"),
        ("mvbnch/x", "Unknown benchmark 'mvbnch'. Did you mean 'mvbench'?"),
        (",", "--bench names no benchmark"),
    ],
)
def test_what_names_no_subset_is_refused(text, said):
    with pytest.raises(ConfigError) as no:
        benchmarks_of(text)
    assert said in str(no.value)


def scripted(out, bench, *more):
    return main(["eval", "--bench", bench, "--model", "scripted", "--out", str(out), *more])


def read(folder):
    result = json.loads((folder / "result.json").read_text())
    headline = next(
        m for m in result["metrics"] if (m["name"], m["accounting"], m["subset"]) == ("accuracy", "strict", "overall")
    )
    return result, headline


@pytest.mark.slow
def test_two_models_are_asked_about_the_same_samples(tmp_path):
    assert scripted(tmp_path / "a", "nextqa", "--limit", "5", "model.outputs=[A]") == 0
    assert scripted(tmp_path / "b", "nextqa", "--limit", "5", "model.outputs=[B,C]", "model.n_frames=2") == 0
    first, second = (
        [json.loads(line)["id"] for line in (tmp_path / name / "predictions.jsonl").read_text().splitlines()]
        for name in ("a", "b")
    )
    assert len(first) == 5
    assert first == second


@pytest.mark.slow
def test_a_limit_takes_one_of_each_subtask_and_says_how(tmp_path, capsys):
    assert scripted(tmp_path / "a", "mvbench", "--limit", "14") == 0
    result, headline = read(tmp_path / "a")
    assert len({c["subset"] for c in result["coverage"]}) == 14
    assert headline["value"] is not None
    part = result["provenance"]["part"]
    assert (part["limit"], part["seed"], part["missing"], part["subsets"]) == (14, 0, [], None)
    assert "LIMIT=14 draws from each subset in proportion to its size" in capsys.readouterr().out
    assert scripted(tmp_path / "a", "mvbench", "--limit", "15") == 2
    assert "holds a run with another limit" in capsys.readouterr().err


@pytest.mark.slow
def test_a_part_without_some_subsets_names_them_and_has_no_average_over_subsets(tmp_path, capsys):
    assert scripted(tmp_path / "a", "mvbench/fine_grained_action,mvbench/STATE change") == 0
    result, headline = read(tmp_path / "a")
    assert {c["subset"] for c in result["coverage"]} == {"Fine-grained Action", "State Change"}
    assert headline["value"] is None
    assert headline["interval"] is None
    micro = next(m for m in result["metrics"] if m["name"] == "accuracy_micro" and m["accounting"] == "strict")
    assert micro["value"] is not None
    told = capsys.readouterr().out
    assert "Of these subsets only: Fine-grained Action, State Change." in told
    assert "No average over subsets, since this part has no sample of 12 of them: Action Sequence," in told
    assert main(["leaderboard", "--runs", str(tmp_path / "a"), "--to", str(tmp_path / "table.csv")]) == 0


def test_an_unknown_subset_is_answered_with_the_nearest(tmp_path, capsys):
    assert scripted(tmp_path / "a", "mvbench/stat_chang") == 2
    assert "there is no subset 'stat_chang'. Did you mean 'State Change'" in capsys.readouterr().err
    assert scripted(tmp_path / "a", "mvbench/action_count") == 2  # official, and not in the built-in world
    said = capsys.readouterr().err
    assert "mvbench: the built-in world has no sample of 'action_count'; it has Action Sequence, " in said
    assert "Did you mean" not in said


@pytest.mark.slow
def test_one_subset_of_a_run_is_scored_without_naming_its_benchmark_again(tmp_path, capsys):
    assert evaluate(tmp_path / "run") == 0
    run = str(tmp_path / "run")
    assert main(["score", "--pred", run, "--out", str(tmp_path / "whole")]) == 0
    assert read(tmp_path / "whole")[1] == read(tmp_path / "run")[1]
    assert main(["score", "--pred", run, "--bench", "mvbench/state_change", "--out", str(tmp_path / "one")]) == 0
    result, headline = read(tmp_path / "one")
    assert result["complete"]
    assert headline["value"] is None
    assert len(result["provenance"]["part"]["missing"]) == 13
    one = [m for m in result["metrics"] if m["subset"] == "State Change" and m["accounting"] == "strict"]
    assert one == [m for m in read(tmp_path / "run")[0]["metrics"] if m in one]
    assert "to go" not in capsys.readouterr().out
    assert main(["why", "--run", str(tmp_path / "one")]) == 0
    assert main(["bundle", "--run", str(tmp_path / "one"), "--to", str(tmp_path / "one.tar.gz")]) == 0
