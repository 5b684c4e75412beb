"""Runs as a data set: it loads, equals the run, holds back what is not the user's, and is uploaded when asked."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import time
from typing import Any

import pytest
import yaml
from huggingface_hub import constants, parse_eval_result_entries
from huggingface_hub.repocard_data import model_index_to_eval_results

from eval.__main__ import main
from eval.analysis.publish.publishing import publish
from eval.analysis.publish.runs import read_run
from eval.config import cards
from eval.files import write_bytes_atomically
from eval.regression.fixed_settings import benchmarks_of_world
from eval.runs.scored import ScoredRun
from tests.analysis.leaderboard.synthetic import change, write_run
from tests.cli.runs import needs_world, read
from tests.hub_server import HubServer

parquet = pytest.importorskip("pyarrow.parquet")

OPEN = {"dream-1k", "mvbench", "tomato", "perception-test"}
"""Of the benchmarks in the built-in world those whose cards name a licence that lets questions be passed on."""
HELD_BACK = ("prompt", "options", "targets", "metadata", "target")


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub that takes uploads, for the user with the token `hf_of_owner`."""
    with HubServer() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", "hf_of_owner")
        monkeypatch.setenv("NO_PROXY", "*")
        monkeypatch.setattr(time, "sleep", lambda _: None)
        yield server


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def front(folder):
    return yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])


def samples(folder, benchmark="mvbench"):
    return [
        row for file in sorted((folder / "data" / benchmark).iterdir()) for row in parquet.read_table(file).to_pylist()
    ]


def refused(capsys, *argv):
    assert main(["publish", *map(str, argv)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@needs_world
@pytest.mark.slow
def test_every_benchmark_loads_and_equals_its_run(tmp_path, capsys):
    datasets = pytest.importorskip("datasets")
    runs, to = tmp_path / "runs", tmp_path / "to"
    assert main(["eval", "--bench", "all", "--model", "scripted", "--out", str(runs), "report=false"]) == 0
    assert main(["publish", "--run", str(runs), "--to", str(to)]) == 0
    printed = capsys.readouterr().out
    names = sorted(path.name for path in runs.iterdir() if path.is_dir())
    assert datasets.get_dataset_config_names(str(to)) == names == benchmarks_of_world()
    schemas, published = set(), 0
    for name in names:
        (found,) = datasets.load_dataset(str(to), name, cache_dir=str(tmp_path / "cache")).values()
        rows, run = list(found), runs / name
        published += len(rows)
        schemas.add(str({column: kind for column, kind in found.features.items() if column != "values"}))
        verdicts = read(run / "verdicts.jsonl") if (run / "verdicts.jsonl").exists() else []
        for row, said, score in zip(rows, read(run / "predictions.jsonl"), read(run / "scores.jsonl"), strict=True):
            assert said["id"] == score["id"] == row["id"]
            for key in ("prompt", "options", "targets", "output", "error", "n_frames", "media"):
                assert row[key] == said[key], key
            for key, part in (("files", "file"), ("frames", "frames"), ("times", "times")):
                assert row[key] == [medium[part] for medium in said["shown"]], key
            assert json.loads(row["metadata"]) == said["metadata"]
            for key in ("subset", "groups", "cluster", "answer", "target", "status", "reason", "chance"):
                assert row[key] == score[key], key
            assert {key: value for key, value in row["values"].items() if value is not None} == score["values"]
            asked = [one for one in verdicts if one["sample"] == row["id"]]
            assert [(one["task"], one["side"], one["reply"]) for one in row["verdicts"]] == [
                (one["task"], one["side"], one["text"]) for one in asked
            ]
            assert row["model"] == "scripted"
            events = score["detail"].get("events", {})
            assert [(one["side"], one["text"]) for one in row["events"]] == [
                (side, text) for side in events for text in events[side]
            ]
            if name.endswith("-qa") and name != "nextqa":
                assert row["label"] == ("yes" if score["values"]["accuracy"] else "no")
    assert f"{published} samples of {len(names)} runs" in printed
    assert len(schemas) == 1
    assert {row["split"] for one in front(to)["configs"] for row in one["data_files"]} == {
        "test", "val", "subset", "valid", "dev",
    }  # fmt: skip


def test_the_same_run_gives_the_same_bytes_from_a_folder_and_a_bundle(tmp_path):
    run = write_run(tmp_path / "run", about={"code": "0" * 40})
    publish([run], tmp_path / "one")
    publish([tmp_path], tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    publish([run, run], tmp_path / "one")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    sums = json.loads((tmp_path / "one" / "provenance.json").read_text())["files"]
    named = {name: hashlib.sha256(content).hexdigest() for name, content in contents(tmp_path / "one").items()}
    assert {**sums, "README.md": named["README.md"], "provenance.json": named["provenance.json"]} == named


@needs_world
def test_a_bundle_is_published_as_its_run(tmp_path):
    run, bundle = tmp_path / "run", tmp_path / "run.tar.gz"
    assert main(["eval", "--bench", "mvbench", "--model", "scripted", "--limit", "6", "--out", str(run)]) == 0
    assert main(["bundle", "--run", str(run), "--to", str(bundle)]) == 0
    publish([run], tmp_path / "one")
    publish([bundle], tmp_path / "two")
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert one.keys() == two.keys()
    assert {name for name in one if one[name] != two[name]} <= {"provenance.json"}


def test_failures_and_two_models_share_a_config(tmp_path):
    write_run(tmp_path / "runs" / "a", ["A", "?", None, "B"])
    write_run(tmp_path / "runs" / "b", ["A", "A"], model="other/../model|")
    publish([tmp_path / "runs"], tmp_path / "to")
    rows = samples(tmp_path / "to")
    told = {(row["model"], row["output"], row["error"], row["status"], row["values"]["accuracy"]) for row in rows}
    assert told == {
        ("always-A", "A", None, "scored", 1.0), ("always-A", "?", None, "invalid", None),
        ("always-A", None, "gone", "model_failed", None), ("always-A", "B", None, "scored", 0.0),
        ("other/../model|", "A", None, "scored", 1.0),
    }  # fmt: skip
    (config,) = front(tmp_path / "to")["configs"]
    (data,) = config["data_files"]
    assert (config["config_name"], data["split"], len(data["path"])) == ("mvbench", "test", 2)
    assert all((tmp_path / "to" / path).is_file() for path in data["path"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "to"]
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(str(tmp_path / "to"), "mvbench", split="test", cache_dir=str(tmp_path / "cache"))
    assert list(loaded) == rows


HOSTILE = (
    "</script><img src=x onerror=alert(1)>", "| a | b |\n---\n# no heading", "```\nrm -rf /", "\u202edrow",
    "a\x00b\x1b[31m", "{{ x }}", "=1+1", "x" * 100_000, "'; DROP TABLE", "---\nconfigs: []\n---",
)  # fmt: skip


def test_texts_from_anywhere_stay_texts(tmp_path):
    run = write_run(tmp_path / "run", list(HOSTILE), model=HOSTILE[1], subsets=("</td>|", "Action Antonym"))
    publish([run], tmp_path / "to")
    assert [row["output"] for row in samples(tmp_path / "to")] == list(HOSTILE)
    card = (tmp_path / "to" / "README.md").read_text(encoding="utf-8")
    assert "\n# no heading" not in card
    assert card.count("\n---\n") == 1
    # As many cells in a row as in the head of its table.
    for block in re.findall(r"(?:^\|.*\n)+", card, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1
    assert "configs" in front(tmp_path / "to")


def test_the_card_tells_the_numbers(tmp_path):
    run = write_run(tmp_path / "run", ["A", "B", "B", "B"])
    publish([run], tmp_path / "to", licence="cc-by-4.0")
    card = (tmp_path / "to" / "README.md").read_text(encoding="utf-8")
    head = front(tmp_path / "to")
    assert head["license"] == "cc-by-4.0"
    assert {"evaluation", "mvbench"} <= set(head["tags"])
    name, (result,) = model_index_to_eval_results(head["model-index"])
    assert (name, result.metric_type, result.metric_value) == ("always-A", "accuracy", 25.0)
    # 1 of 4 right: of the subsets with 1 of 2 and 0 of 2, the mean is a quarter.
    assert re.search(r"\| always-A \| 25\.0 \([\d.]+ to [\d.]+\) \| 25\.0 \([\d.]+ to [\d.]+\) \| 4 \|", card)
    name = read_run(run).name
    assert f"| {name} | mvbench | always-A | uniform" not in card  # its frames are not recorded
    assert f"| {name} | mvbench | always-A |  | 4 | 4 | 0 | 0 | 0 |" in card
    assert "tarsier-eval eval --bench mvbench --model '<model>'" not in card
    assert "--bench mvbench --model <model> benchmark.split=test" in card


@pytest.mark.parametrize(
    ("about", "id_", "noted"),
    [
        ({"data": "built-in"}, "mvbench-built-in", "the built-in world"),
        ({"data": "/data"}, "OpenGVLab/MVBench", "95% interval"),
        ({"data": "/data", "part": {"limit": 4}}, "mvbench-part", "a part of the split"),
        ({"data": "/data", "annotations": "/data/own.jsonl"}, "mvbench-data", "n=4"),
    ],
)
def test_eval_results_name_no_leaderboard_that_the_number_does_not_belong_to(tmp_path, about, id_, noted):
    publish([write_run(tmp_path / "run", about=about)], tmp_path / "to", "owner/name")
    (file,) = (tmp_path / "to" / ".eval_results").iterdir()
    assert file.suffix == ".yaml"
    (entry,) = parse_eval_result_entries(yaml.safe_load(file.read_text(encoding="utf-8")))
    assert (entry.dataset_id, entry.task_id, entry.value) == (id_, "default", 25.0)
    assert entry.date == "2026-11-01T12:00:00+00:00"
    assert entry.source_url == "https://huggingface.co/datasets/owner/name"
    assert noted in entry.notes


@pytest.mark.parametrize("name", benchmarks_of_world())
def test_annotations_are_held_back_where_no_open_licence_is_named(tmp_path, name):
    from dataclasses import replace

    run = read_run(write_run(tmp_path / "run", about={"data": "/data"}))
    assert replace(run, card=cards()[name]).is_restricted == (name not in OPEN)
    assert not replace(run, card=cards()[name], builtin=True).is_restricted
    assert replace(run, card=None).is_restricted


def test_a_push_holds_back_what_is_not_the_users(tmp_path, hub, capsys):
    run = write_run(tmp_path / "run", about={"data": "/data", "annotations": "/data/own.jsonl"})
    to = tmp_path / "to"
    publish([run], to)
    assert samples(to)[0]["prompt"].startswith("USER")
    assert main(["publish", "--run", str(run), "--to", str(to), "--push", "owner/name"]) == 0
    said = capsys.readouterr()
    assert "Held back" in said.err
    assert "of mvbench. --with-annotations" in said.err
    assert said.out.endswith(f"Published at {hub.url}/datasets/owner/name\n")
    assert hub.uploads == {"datasets/owner/name": contents(to)}
    for row in samples(to):
        assert all(row[column] is None for column in HELD_BACK)
        assert row["output"] in ("A", "B")
        assert row["values"]["accuracy"] in (0.0, 1.0)
    assert "| mvbench | MIT for the questions; videos of many sources for academic use | held back:" in (
        to / "README.md"
    ).read_text(encoding="utf-8")
    assert main(["publish", "--run", str(run), "--to", str(to), "--push", "owner/name", "--with-annotations"]) == 0
    assert "Held back" not in capsys.readouterr().err
    assert samples(to)[0]["target"] == "A"
    assert hub.uploads == {"datasets/owner/name": contents(to)}


def test_nothing_of_a_reference_is_left_in_what_is_held_back(tmp_path):
    from eval.analysis.publish.samples import without_annotations

    row: dict[str, Any] = {
        "verdicts": [{"task": "entail", "reply": "a quote"}],
        "events": [
            {"side": "reference", "text": "r", "label": "neutral"},
            {"side": "prediction", "text": "p", "label": None},
        ],
    }
    (kept,) = without_annotations([row])
    assert kept["events"] == [
        {"side": "reference", "text": None, "label": "neutral"},
        {"side": "prediction", "text": "p", "label": None},
    ]
    assert kept["verdicts"] == [{"task": "entail", "reply": None}]
    assert row["verdicts"][0]["reply"] == "a quote"


def test_nothing_is_uploaded_unless_asked(tmp_path, hub):
    assert main(["publish", "--run", str(write_run(tmp_path / "run")), "--to", str(tmp_path / "to")]) == 0
    assert hub.log == []


@pytest.mark.parametrize(
    ("action", "status", "said"),
    [
        ("create", 401, "set HF_TOKEN to a token that may write to owner"),
        ("commit", 403, "set HF_TOKEN to a token that may write to owner"),
        ("preupload", 500, "try again later"),
        ("commit", 400, "check the name"),
    ],
)
def test_a_failed_push_says_what_to_do_and_keeps_the_folder(tmp_path, hub, capsys, action, status, said):
    hub.faults.status[action] = (status, "")
    run, to = write_run(tmp_path / "run"), tmp_path / "to"
    assert main(["publish", "--run", str(run), "--to", str(to), "--push", "owner/name"]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.endswith(f"{to} is kept.\n")
    assert len(told.splitlines()) == 1
    assert len(samples(to)) == 4
    assert not hub.uploads.get("datasets/owner/name")
    hub.mended()
    assert main(["publish", "--run", str(run), "--to", str(to), "--push", "owner/name"]) == 0
    assert hub.uploads == {"datasets/owner/name": contents(to)}
    assert {token for _, token in hub.tokens} == {"Bearer hf_of_owner"}


def test_a_hub_that_is_not_there(tmp_path, hub, capsys, monkeypatch):
    hub.faults.gone = True
    said = refused(capsys, "--run", write_run(tmp_path / "run"), "--to", tmp_path / "to", "--push", "owner/name")
    assert "Check the network, HF_ENDPOINT and the proxy" in said
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    said = refused(capsys, "--run", tmp_path / "run", "--to", tmp_path / "to", "--push", "owner/name")
    assert "HF_HUB_OFFLINE is set" in said


def test_a_newer_publication_takes_the_place_of_an_older_one(tmp_path):
    to = tmp_path / "to"
    publish([write_run(tmp_path / "a")], to)
    before = set(contents(to))
    (to / "data" / "tvbench").mkdir()  # an earlier version left it
    publish([write_run(tmp_path / "b", ["A"] * 4)], to)
    after = contents(to)
    assert len(samples(to)) == 4
    assert [path.name for path in (to / "data").iterdir()] == ["mvbench"]
    assert before & set(after) == {"README.md", "provenance.json"}
    assert len(after) == len(before)


@pytest.mark.parametrize("name", ["x.txt", "data/mvbench/mine.parquet", ".eval_results/mine.yaml", "new/deep/er"])
def test_a_publication_with_anything_else_in_it_is_refused_and_stays(tmp_path, capsys, name):
    to, run = tmp_path / "to", write_run(tmp_path / "a")
    publish([run], to)
    (to / name).parent.mkdir(parents=True, exist_ok=True)
    (to / name).write_text("mine")
    before = contents(to)
    assert f"holds other files, such as {name};" in refused(capsys, "--run", run, "--to", to)
    assert contents(to) == before
    (to / name).unlink()
    publish([run], to)
    assert contents(to) == {key: content for key, content in before.items() if key != name}


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path, capsys):
    to, run, out = tmp_path / "to", write_run(tmp_path / "a"), tmp_path / "out"
    publish([run], to)
    shutil.move(to / "data", out)
    (to / "data").symlink_to(out)
    kept = contents(out)
    assert "holds other files, such as data;" in refused(capsys, "--run", run, "--to", to)
    assert contents(out) == kept


def test_what_a_killed_writer_left_is_removed(tmp_path):
    to, run = tmp_path / "to", write_run(tmp_path / "a")
    publish([run], to)
    before = contents(to)
    (file,) = (to / "data" / "mvbench").iterdir()
    file.with_name(f".{file.name}.0123abcd").write_bytes(b"half")
    (to / ".README.md.0123abcd").write_bytes(b"half")
    publish([run], to)
    assert contents(to) == before


def test_whoever_reads_the_card_finds_its_files_wherever_writing_stops(tmp_path, monkeypatch):
    from eval.analysis.publish import folder

    one, two = write_run(tmp_path / "a"), write_run(tmp_path / "b", ["A"] * 4)
    publish([two], tmp_path / "clean")
    for older in (None, one):
        for last in range(len(contents(tmp_path / "clean"))):
            to = tmp_path / f"{older is None}-{last}"
            if older is not None:
                publish([older], to)
            left = [last]

            def stopped(path, content, left=left):
                if left[0] == 0:
                    raise KeyboardInterrupt
                left[0] -= 1
                write_bytes_atomically(path, content)

            monkeypatch.setattr(folder, "write_bytes_atomically", stopped)
            with pytest.raises(KeyboardInterrupt):
                publish([two], to)
            monkeypatch.undo()
            if (to / "README.md").exists():
                assert all(
                    (to / path).exists() for one in front(to)["configs"] for path in one["data_files"][0]["path"]
                )
            publish([two], to)
            assert contents(to) == contents(tmp_path / "clean")


def test_what_cannot_be_published_is_one_line(tmp_path, capsys):
    run, to = write_run(tmp_path / "run"), tmp_path / "to"
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.tex").write_text("mine")
    assert "holds other files, such as thesis.tex;" in refused(capsys, "--run", run, "--to", full)
    assert "is a file" in refused(capsys, "--run", run, "--to", full / "thesis.tex")
    assert [path.name for path in full.iterdir()] == ["thesis.tex"]
    assert "no finished run" in refused(capsys, "--run", full, "--to", to)
    assert "does not exist" in refused(capsys, "--run", tmp_path / "none", "--to", to)
    assert "owner/name" in refused(capsys, "--run", run, "--to", to, "--push", "name")
    assert "cc-by-4.0" in refused(capsys, "--run", run, "--to", to, "--licence", "free for all")
    shard = write_run(tmp_path / "shard", about={"shard": "1/2"})
    assert "shard 1/2" in refused(capsys, "--run", shard, "--to", to)
    change(run / "result.json", counts__total=5)
    assert "is not as it was written" in refused(capsys, "--run", run, "--to", to)
    assert not to.exists()


def test_a_key_is_never_published(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    run = write_run(tmp_path / "run", ["A", "my key is sk-0123456789abcdef"])
    said = refused(capsys, "--run", run, "--to", tmp_path / "to")
    assert "holds the key in $OPENAI_API_KEY" in said
    assert "sk-0" not in said
    assert not (tmp_path / "to").exists()


def test_without_pyarrow(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    said = refused(capsys, "--run", write_run(tmp_path / "run"), "--to", tmp_path / "to")
    assert "pip install -e '.[parquet]'" in said


@needs_world
def test_a_score_of_upstreams_file_has_its_outputs_while_they_are_there(tmp_path, capsys):
    run, rows, score = tmp_path / "run", tmp_path / "rows.jsonl", tmp_path / "score"
    assert main(["eval", "--bench", "mvbench", "--model", "scripted", "--limit", "5", "--out", str(run)]) == 0
    assert main(["export", "--run", str(run), "--to", str(rows)]) == 0
    assert main(["score", "--bench", "mvbench", "--pred", str(rows), "--out", str(score)]) == 0
    publish([score], tmp_path / "to")
    outputs = {said["id"]: said["output"] for said in read(run / "predictions.jsonl")}
    assert {row["id"]: row["output"] for row in samples(tmp_path / "to")} == outputs
    rows.write_text(rows.read_text() + "\n")
    assert ScoredRun.read(score).scored_from is None
    capsys.readouterr()
    assert main(["publish", "--run", str(score), "--to", str(tmp_path / "to")]) == 0
    assert "Without prompts and outputs" in capsys.readouterr().err
    assert {row["output"] for row in samples(tmp_path / "to")} == {None}
    assert {row["status"] for row in samples(tmp_path / "to")} == {"scored"}


def test_frames_are_null_where_they_were_not_recorded_and_files_name_no_place(tmp_path):
    from eval.analysis.publish.samples import _given
    from eval.core import Clip, Prediction, Sample, Shown

    sample = Sample(id="a", benchmark="b", subset="", clip=Clip(source=()), prompt="", targets=("A",))
    shown = (
        Shown(file="video/0.mp4", frames=(0, 12), times=(0.0, 0.5)),
        Shown(file="/home/me/1.gif", frames=(3,)),
    )
    row = _given(sample, Prediction(id="a", prompt="", output="A", shown=shown))
    assert (row["files"], row["frames"], row["times"]) == (
        ["video/0.mp4", ".../1.gif"], [[0, 12], [3]], [[0.0, 0.5], []],
    )  # fmt: skip
    unknown = _given(sample, Prediction(id="a", prompt="", output="A"))
    assert {unknown[name] for name in ("files", "frames", "times")} == {None}
    publish([write_run(tmp_path / "run")], tmp_path / "to")
    assert {row["frames"] for row in samples(tmp_path / "to")} == {None}
