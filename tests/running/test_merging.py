"""Shards of a run, predicted apart and joined: the files of the undivided run; and what does not belong together."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from eval import api
from eval.errors import ConfigError, RunError
from eval.running.merging import merge
from eval.running.request import EvalRequest
from eval.running.start import evaluate

MODEL = ("model=scripted", "model.outputs=[A,B,'(C) third',D]")


def run(out, *overrides, bench="mvbench", **more):
    return evaluate(EvalRequest(bench=bench, out=out, overrides=[*MODEL, *overrides], **more))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A run, and the same run in three shards."""
    from tests.reading import ReadHere

    base = tmp_path_factory.mktemp("shards")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eval.engines.local.frame_loader", ReadHere)
        run(base / "whole")
        for k in (1, 2, 3):
            run(base / str(k), shard=f"{k}/3")
    return base


@pytest.fixture
def shards(folders, tmp_path):
    for k in "123":
        shutil.copytree(folders / k, tmp_path / k)
    return [tmp_path / k for k in "123"]


def same(a: Path, b: Path) -> bool:
    """Whether two runs are the same byte for byte, but for their own place and the time that they took."""
    for name in ("predictions.jsonl", "scores.jsonl"):
        assert (a / name).read_bytes() == (b / name).read_bytes()
    mine, theirs = (json.loads((folder / "run.json").read_text())["fingerprint"] for folder in (a, b))
    assert mine == theirs
    mine, theirs = (
        [line for line in (folder / "config.yaml").read_text().splitlines() if not line.startswith("out:")]
        for folder in (a, b)
    )
    return mine == theirs


def test_merged_shards_are_the_undivided_run(folders, shards, tmp_path):
    (result,) = merge(list(reversed(shards)), tmp_path / "all")
    assert same(tmp_path / "all", folders / "whole")
    mine, theirs = (json.loads((f / "result.json").read_text()) for f in (tmp_path / "all", folders / "whole"))
    for name in ("metrics", "counts", "coverage", "complete", "score_id", "primary"):
        assert mine[name] == theirs[name]
    assert result.complete
    # The merged run goes on as a run: there is nothing left to do.
    (again,) = run(tmp_path / "all")
    assert again.counts == result.counts


def test_a_shard_is_a_part_and_does_not_pose_as_the_run(folders):
    parts = [(folders / k / "predictions.jsonl").read_text().splitlines() for k in "123"]
    whole = (folders / "whole" / "predictions.jsonl").read_text().splitlines()
    assert sorted(line for part in parts for line in part) == sorted(whole)
    assert min(map(len, parts)) > len(whole) / 6
    for k in "123":
        found = api.load(folders / k).result
        assert not found.complete
        assert found.provenance["shard"] == f"{k}/3"


def test_a_shard_goes_on_where_it_was(folders, shards):
    predictions = shards[1] / "predictions.jsonl"
    lines = predictions.read_text().splitlines(keepends=True)
    predictions.write_text("".join(lines[::2]))
    run(shards[1], shard="2/3")
    assert same(shards[1], folders / "2")
    with pytest.raises(RunError, match="another shard"):
        run(shards[1], shard="3/3")


def test_shards_of_several_benchmarks_are_merged_by_benchmark(tmp_path, read_here):
    for k in (1, 2):
        run(tmp_path / str(k), bench="nextqa,egoschema", shard=f"{k}/2")
    run(tmp_path / "whole", bench="nextqa,egoschema")
    results = merge([tmp_path / "1", tmp_path / "2"], tmp_path / "all")
    assert [result.benchmark for result in results] == ["egoschema", "nextqa"]
    for name in ("nextqa", "egoschema"):
        assert same(tmp_path / "all" / name, tmp_path / "whole" / name)


@pytest.mark.slow
def test_more_shards_than_clips_leave_some_empty(tmp_path, read_here):
    for k in range(1, 13):
        run(tmp_path / str(k), bench="nextqa", shard=f"{k}/12")
    run(tmp_path / "whole", bench="nextqa")
    merge([tmp_path / str(k) for k in range(1, 13)], tmp_path / "all")
    assert same(tmp_path / "all", tmp_path / "whole")


def test_a_part_of_a_part_is_merged(tmp_path, read_here):
    for k in (1, 2):
        run(tmp_path / str(k), bench="mvbench/action_sequence", limit=8, shard=f"{k}/2")
    run(tmp_path / "whole", bench="mvbench/action_sequence", limit=8)
    merge([tmp_path / "1", tmp_path / "2"], tmp_path / "all")
    assert same(tmp_path / "all", tmp_path / "whole")


def test_what_does_not_belong_together_is_refused(folders, shards, tmp_path):
    out = tmp_path / "all"
    with pytest.raises(RunError, match=r"Shard 2 of 3 is missing; predict it with SHARD=2/3"):
        merge([shards[0], shards[2]], out)
    with pytest.raises(RunError, match="are both shard 1/3"):
        merge([*shards, shutil.copytree(shards[0], tmp_path / "again")], out)
    with pytest.raises(ConfigError, match="is a whole run and no shard"):
        merge([*shards, folders / "whole"], out)
    with pytest.raises(ConfigError, match=r"There is no folder .*nothing"):
        merge([*shards, tmp_path / "nothing"], out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"empty holds no run\.json"):
        merge([*shards, tmp_path / "empty"], out)
    run(tmp_path / "other", "model.n_frames=4", shard="2/3")
    with pytest.raises(RunError, match=r"is of another run .*: its model\.n_frames is 4, and not 8"):
        merge([shards[0], tmp_path / "other", shards[2]], out)
    run(tmp_path / "quarter", shard="2/4")
    with pytest.raises(RunError, match=r"is shard 2/4, and .* is shard 1/3"):
        merge([shards[0], tmp_path / "quarter", shards[2]], out)
    assert not out.exists()


def test_a_merge_goes_on_and_never_keeps_other_predictions(folders, shards, tmp_path):
    out = tmp_path / "all"
    merge(shards, out)
    lines = (out / "predictions.jsonl").read_text().splitlines(keepends=True)
    (out / "predictions.jsonl").write_text("".join(lines[:40]))  # as of a merge that was stopped
    merge(shards, out)
    assert same(out, folders / "whole")
    row = json.loads(lines[3])
    (out / "predictions.jsonl").write_text(json.dumps({**row, "output": "something else"}) + "\n")
    with pytest.raises(RunError, match=f"holds another prediction of {row['id']} than the shards"):
        merge(shards, out)


def test_shards_stay_out_of_the_leaderboard_and_are_no_failures(folders, tmp_path, capsys):
    from eval.__main__ import main

    assert main(["leaderboard", "--runs", str(folders / "1"), "--to", str(tmp_path / "table.csv")]) == 0
    told = capsys.readouterr()
    assert "shard 1/3 of a run; merge joins them" in told.err
    assert "0 results with 0 rows read, 1 not finished" in " ".join(told.out.split())
    assert main(["score", "--pred", str(folders / "1"), "--out", str(tmp_path / "score")]) == 0
    assert "INCOMPLETE" not in capsys.readouterr().out
    assert not api.load(tmp_path / "score").result.complete


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("config.yaml", "", "config.yaml holds no settings of a run"),
        ("config.yaml", "[]", "config.yaml"),
        ("config.yaml", "a: &a [x]\nb: [*a, *a]\n", "config.yaml"),
        ("run.json", '"shard": "a/b"', "is damaged .*'a/b' is not a shard"),
        ("run.json", '"shard": "1"', "is damaged .*'1' is not a shard"),
        ("run.json", '"model": null', "is damaged .*fingerprint.model"),
    ],
)
def test_damaged_files_of_shards_are_told_by_name(shards, tmp_path, file, content, said):
    for shard in shards:
        if file == "config.yaml":
            (shard / file).write_text(content)
        else:
            record = json.loads((shard / file).read_text())
            record["fingerprint"].update(json.loads("{" + content + "}"))
            (shard / file).write_text(json.dumps(record))
    with pytest.raises((ConfigError, RunError), match=said.replace(".json", r"\.json")):
        merge(shards, tmp_path / "all")


def test_an_unfinished_shard_and_an_overlap_are_refused(shards, tmp_path):
    paths = [shard / "predictions.jsonl" for shard in shards]
    first, second, _ = (path.read_text().splitlines(keepends=True) for path in paths)
    paths[1].write_text("".join(second[1:]))
    with pytest.raises(RunError, match=r"is not as result\.json was computed with it"):
        merge(shards, tmp_path / "all")
    for shard in shards:
        (shard / "result.json").unlink()  # as of runs that were stopped
    missing = json.loads(second[0])["id"]
    with pytest.raises(RunError, match=f"1 of 168 samples are in no shard, such as {missing}"):
        merge(shards, tmp_path / "all")
    paths[1].write_text("".join([*second, first[0]]))
    with pytest.raises(RunError, match="the shards overlap"):
        merge(shards, tmp_path / "all")
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3", "1/3/5", "", "1/1000000", "１/3"])
def test_what_is_no_shard_is_refused(tmp_path, text):
    with pytest.raises(ConfigError, match=r"shard=.* is not a shard; give its number and how many there are"):
        run(tmp_path / "run", shard=text)
    assert not (tmp_path / "run").exists()


def test_samples_are_chosen_by_their_ids(tmp_path, read_here, capsys):
    rows = [json.loads(line) for line in _predictions(tmp_path / "all", bench="nextqa")]
    wanted = [rows[5]["id"], rows[2]["id"]]
    found = _predictions(tmp_path / "two", bench="nextqa", samples=",".join(wanted))
    assert [json.loads(line)["id"] for line in found] == [rows[2]["id"], rows[5]["id"]]
    assert "Samples were chosen by their ids" in " ".join(capsys.readouterr().out.split())
    (tmp_path / "ids.txt").write_text("\n".join([*wanted, "", rows[7]["id"]]))
    assert len(_predictions(tmp_path / "three", bench="nextqa", samples=str(tmp_path / "ids.txt"))) == 3
    # Of several benchmarks, those that have the samples.
    run(tmp_path / "several", bench="nextqa,egoschema", samples=wanted[0])
    assert [path.name for path in (tmp_path / "several").iterdir()] == ["nextqa"]
    with pytest.raises(ConfigError, match=f"there is no sample '{wanted[0]}x'.* Did you mean '{wanted[0]}'"):
        run(tmp_path / "none", bench="nextqa", samples=f"{wanted[0]}x,{wanted[1]}")
    with pytest.raises(ConfigError, match="names no sample"):
        run(tmp_path / "none", bench="nextqa", samples=" , ")
    with pytest.raises(ConfigError, match=r"there is no sample 'ids\.tx', nor a file of that name"):
        run(tmp_path / "none", bench="nextqa", samples="ids.tx")
    with pytest.raises(ConfigError, match="the file cannot be read"):
        run(tmp_path / "none", bench="nextqa", samples=str(tmp_path))


def test_an_offset_takes_the_next_samples_of_the_same_order(tmp_path, read_here):
    first = _ids(tmp_path / "a", limit=20)
    second = _ids(tmp_path / "b", limit=20, offset=20)
    both = _ids(tmp_path / "c", limit=40)
    rest = _ids(tmp_path / "d", offset=40)
    assert not first & second
    assert first | second == both
    assert len(rest | both) == 168
    assert not rest & both
    with pytest.raises(ConfigError, match="offset=168 leaves none of 168 samples"):
        run(tmp_path / "e", offset=168)
    with pytest.raises(ConfigError, match="offset=-1 is not a number of samples"):
        run(tmp_path / "e", "offset=-1")
    assert api.load(tmp_path / "d").result.provenance["part"]["offset"] == 40


def _predictions(out, **more):
    run(out, **more)
    return (out / "predictions.jsonl").read_text().splitlines()


def _ids(out, **more):
    return {json.loads(line)["id"] for line in _predictions(out, **more)}
