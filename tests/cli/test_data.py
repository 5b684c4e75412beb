"""The data command: a folder with missing, broken and misnamed videos, and archives."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from eval.__main__ import main
from eval.config import BUILTIN
from tests.cli.runs import needs_world

pytestmark = needs_world

VIDEO = next(iter(sorted((BUILTIN / "world").rglob("*.mp4"))), Path())


@pytest.fixture
def data(tmp_path):
    """MVBench with one subtask: five questions, of whose videos one is there."""
    home = tmp_path / "data" / "MVBench"
    folder = home / "video" / "ssv2_video"
    folder.mkdir(parents=True)
    (home / "json").mkdir()
    names = ["a.mp4", "B.mp4", "page.mp4", "gone.mp4", "packed.mp4"]
    rows = [{"video": name, "question": f"{name}?", "candidates": ["x", "y"], "answer": "x"} for name in names]
    (home / "json" / "action_antonym.json").write_text(json.dumps(rows))
    (folder / "a.mp4").write_bytes(VIDEO.read_bytes())
    (folder / "b.MP4").write_bytes(VIDEO.read_bytes())
    (folder / "page.mp4").write_text("<html>sign in</html>")
    with zipfile.ZipFile(home / "video" / "ssv2.zip.001", "w") as file:
        file.write(VIDEO, "ssv2_video/packed.mp4")
    return tmp_path / "data"


def told(capsys, *argv):
    code = main(["data", *map(str, argv)])
    return code, capsys.readouterr()


def test_a_folder_is_looked_over(data, capsys):
    code, said = told(capsys, "--bench", "mvbench", "--data", data)
    assert code == 1
    out = said.out
    assert "1 of 5 media found, 3 missing, 1 unreadable" in out
    assert "ssv2_video/  1 of 5 found, 1 unreadable" in out
    assert f"mv {data}/MVBench/video/ssv2_video/b.MP4 {data}/MVBench/video/ssv2_video/B.mp4" in out
    assert "MVBench/video/ssv2_video/page.mp4: is a web page" in out
    assert "hf download OpenGVLab/MVBench --repo-type dataset --revision" in out
    assert "by hand: the videos of Fine-grained Pose" in out
    assert "video/ssv2.zip" in out
    assert not list(data.rglob("missing.txt"))


def test_the_samples_at_hand_are_told_beside_the_published_ones(data, capsys):
    _, said = told(capsys, "--bench", "mvbench", "--data", data)
    assert "MVBench | 5 of 4,000 samples in split test | 1 of 5 media" in said.out
    _, said = told(capsys, "--bench", "mvbench/action_antonym", "--data", data)
    assert "MVBench | 5 samples of Action Antonym in split test | " in said.out
    _, said = told(capsys, "--bench", "nextqa", "--data", data)
    assert "NExT-QA | 4,996 samples in split val | no annotations" in said.out


def test_archives_are_unpacked_where_that_is_asked_for(data, capsys):
    _, said = told(capsys, "--bench", "mvbench", "--data", data, "--unpack")
    assert "1 new file." in said.out
    assert "2 of 5 media found, 2 missing, 1 unreadable" in said.out
    assert (data / "MVBench" / "video" / "ssv2_video" / "packed.mp4").is_file()


def test_a_damaged_archive_is_unreadable_and_an_unpacked_one_not_offered(data, capsys):
    video = data / "MVBench" / "video"
    whole = (video / "ssv2.zip.001").read_bytes()
    (video / "ssv2.zip.001").unlink()
    (video / "ssv2_video.zip").write_bytes(whole[:-50])
    with zipfile.ZipFile(video / "done.zip", "w") as file:
        file.write(video / "ssv2_video" / "a.mp4", "ssv2_video/a.mp4")
    _, said = told(capsys, "--bench", "mvbench", "--data", data)
    assert "MVBench/video/ssv2_video.zip: is damaged or cut off (" in said.out
    assert "3 perhaps in MVBench/video/ssv2_video.zip, which cannot be read" in said.out
    assert "ssv2_video.zip (0.0 MB, unreadable)" in said.out
    assert "done.zip (0.0 MB, unpacked)" in said.out
    assert "archives" not in said.out
    assert "--unpack" not in said.out
    # What cannot be read stops nobody from looking on.
    code, said = told(capsys, "--bench", "mvbench", "--data", data, "--unpack")
    assert code == 1
    assert "Unpacked" not in said.out


def test_a_manifest_and_the_missing_videos(data, tmp_path, capsys):
    manifest = tmp_path / "manifest.csv"
    code, said = told(capsys, "--bench", "mvbench", "--data", data, "--to", manifest)
    assert code == 1
    assert f"Written to {manifest}" in said.err
    assert (tmp_path / "missing.txt").read_text().splitlines() == [
        "MVBench/video/ssv2_video/B.mp4", "MVBench/video/ssv2_video/gone.mp4", "MVBench/video/ssv2_video/packed.mp4",
    ]  # fmt: skip
    (data / "MVBench" / "video" / "ssv2_video" / "a.mp4").write_bytes(VIDEO.read_bytes() + b"\0")
    _, said = told(capsys, "--bench", "mvbench", "--data", data, "--against", manifest)
    assert "2 files are the same" in said.out
    assert "1 with another content:\n  MVBench/video/ssv2_video/a.mp4" in said.out


def test_the_whole_world_is_whole(capsys):
    code, said = told(capsys, "--bench", "mvbench/state_change")
    assert code == 0
    assert "to get it" not in said.out


def test_benchmarks_without_annotations_are_listed(data, capsys):
    code, said = told(capsys, "--bench", "mvbench,nextqa,egoschema", "--data", data)
    assert code == 1
    assert "Without annotations (2):" in said.out
    assert f"4,996 samples; belongs into {data / 'NExT-QA'}" in said.out
    assert "https://github.com/egoschema/EgoSchema" in said.out


@pytest.mark.parametrize(
    ("home", "file", "rename"),
    [
        ("nextqa", "Val.csv", ("nextqa/Val.csv", "nextqa/val.csv")),
        ("NExT-QA/annotations", "VAL.CSV", ("NExT-QA/annotations/VAL.CSV", "NExT-QA/annotations/val.csv")),
        ("NEXT_QA", "val.csv", ("NEXT_QA", "NExT-QA")),
    ],
)
def test_annotations_under_nearly_their_name_are_seen(home, file, rename, tmp_path, capsys):
    folder = tmp_path / home
    folder.mkdir(parents=True)
    (folder / file).write_text("")
    here, wanted = (tmp_path / part for part in rename)
    code, said = told(capsys, "--bench", "nextqa", "--data", tmp_path)
    assert code == 1
    assert f"$ mv {here} {wanted}" in said.out
    assert f"{here} is there: rename it to {wanted.name}; give" in said.out
    assert f"belongs into {tmp_path / rename[1].partition('/')[0]}." in said.out
    assert "The command data" not in said.out
    _, said = told(capsys, "--bench", "nextqa,egoschema", "--data", tmp_path)
    assert f"$ mv {here} {wanted}" in said.out
    assert main(["plan", "--bench", "nextqa", "--model", "scripted", "--data", str(tmp_path)]) == 2
    assert "The command data draws what is expected." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--data", "no/where"], "does not exist"),
        (["--to", "no/where/m.csv"], "The folder of no/where/m.csv does not exist"),
        (["--against", "no.csv"], "no.csv cannot be read"),
        (["limit=3"], "data does not use limit"),
    ],
)
def test_mistakes_are_one_line(more, said, capsys):
    code, found = told(capsys, "--bench", "mvbench", *more)
    assert code == 2
    assert said in found.err
    assert found.err.count("\n") == 1


@pytest.mark.parametrize("flag", ["--to", "--missing"])
@pytest.mark.parametrize(
    "content", [b"\0\0\0 ftypisom", b"name: x\n", b'[{"a": 1}]', b"id,answer\n1,A\n", b"call Bob\n", b""]
)
def test_no_file_of_the_users_is_replaced(data, tmp_path, capsys, flag, content):
    place = tmp_path / "mine"
    place.write_bytes(content)
    code, said = told(capsys, "--bench", "mvbench", "--data", data, flag, place)
    if flag == "--missing" and not content:  # the list where nothing was missing
        assert code == 1
        return
    assert (code, place.read_bytes()) == (2, content)
    assert f"{flag} {place}: {place} is there already and is not" in said.err
    assert len(said.err.splitlines()) == 1


def test_a_foreign_list_beside_a_manifest_stays_and_earlier_output_is_replaced(data, tmp_path, capsys):
    words = ["--bench", "mvbench", "--data", data, "--to", tmp_path / "m.csv", "--missing", tmp_path / "lost.txt"]
    assert [told(capsys, *words)[0] for _ in range(2)] == [1, 1]
    (tmp_path / "missing.txt").write_text("milk\nbread\n")
    code, said = told(capsys, *words)
    assert (code, (tmp_path / "missing.txt").read_text()) == (2, "milk\nbread\n")
    assert "missing.txt is there already and is not a list of missing media" in said.err
    (tmp_path / "missing.txt").unlink()
    code, said = told(capsys, "--bench", "mvbench", "--data", data, "--to", tmp_path / "missing.txt")
    assert (code, (tmp_path / "missing.txt").exists()) == (2, False)


@pytest.mark.slow
def test_a_rename_is_a_command_for_any_name_and_none_for_a_link_to_itself(data, capsys):
    folder = data / "MVBench" / "video" / "ssv2_video"
    (folder / "gone.mp4").symlink_to("gone.mp4")
    (folder / "b.MP4").rename(folder / "ca'\nn.MP4")
    rows = [{"video": "CA'\nN.mp4", "question": "?", "candidates": ["x", "y"], "answer": "x"}]
    annotations = data / "MVBench" / "json" / "action_antonym.json"
    annotations.write_text(json.dumps([*json.loads(annotations.read_text()), *rows]))
    _, said = told(capsys, "--bench", "mvbench", "--data", data)
    (command,) = [line.strip().partition("$ ")[2] for line in said.out.splitlines() if "$ mv" in line]
    assert "1 differ from a missing name" in said.out
    subprocess.run(["bash", "-c", command], check=True)
    assert (folder / "CA'\nN.mp4").is_file()


def test_one_bad_archive_stops_no_other_and_is_reported(data, capsys):
    home = data / "MVBench" / "video"
    (home / "a.zip").write_text("no archive")
    (home / "b.zip").symlink_to("b.zip")
    code, said = told(capsys, "--bench", "mvbench", "--data", data)
    assert code == 1
    assert "b.zip: cannot be read: Too many levels of symbolic links" in " ".join(said.out.split())
    code, said = told(capsys, "--bench", "mvbench", "--data", data, "--unpack")
    out = " ".join(said.out.split())
    assert code == 1
    assert f"{home}/a.zip cannot be unpacked: File is not a zip file; fetch it again" in out
    assert f"{home}/b.zip cannot be unpacked: Too many levels of symbolic links." in out
    assert (home / "ssv2_video" / "packed.mp4").is_file()
