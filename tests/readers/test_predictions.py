import json
from dataclasses import replace

import pytest

from eval.core import Clip, Prediction, Sample, Shown, Strip
from eval.errors import DataError
from eval.readers.malformed import BadRowPolicy
from eval.readers.predictions import read_predictions, read_run, to_json

SAMPLE = Sample(
    id="TV/Move_0", benchmark="tv", subset="Move", clip=Clip(source=()), prompt="USER: <video> ü?",
    targets=("A",), options=("x", "y"), cluster="v",
)  # fmt: skip
GOOD = Prediction(id="TV/Move_0", prompt="USER: <video> ü?", output="A", n_frames=8)
FAILED = Prediction(id="TV/Move_0", prompt="USER: <video> ü?", output=None, error="missing")


@pytest.fixture
def write(tmp_path):
    def to(*rows, name="predictions.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
        return path

    return to


def test_keys_and_their_order():
    assert list(to_json(SAMPLE, GOOD)) == [
        "id", "benchmark", "subset", "prompt", "output", "error", "n_frames", "media", "targets", "options",
        "cluster", "metadata",
    ]  # fmt: skip


NOTED = replace(GOOD, notes=("length_not_verifiable", "one_frame"))
SHOWN = replace(
    GOOD,
    shown=(Shown(file="a/0.mp4", start=1.5, frames=(3, 7), times=(1.5, 2.25)), Shown(file="b.png", frames=(0,))),
    strip=Strip(name="00f2d8a1c4b7e690.webp", columns=2, cell=(96, 54)),
)


def test_media_are_named_below_the_data_folder(tmp_path):
    def told(file):
        return to_json(SAMPLE, replace(SHOWN, shown=(Shown(file=file),)), tmp_path)["shown"]

    assert told(str(tmp_path / "v/0.mp4")) == [{"file": "v/0.mp4", "frames": [], "times": []}]
    assert told("/other/0.mp4")[0]["file"] == "/other/0.mp4"
    assert to_json(SAMPLE, SHOWN)["strip"]["file"] == "thumbnails/00f2d8a1c4b7e690.webp"


@pytest.mark.parametrize("name", ["thumbnails/../../secret.webp", "/etc/passwd", "thumbnails/a/b.webp"])
def test_a_picture_lies_in_the_run_folder(write, name):
    row = to_json(SAMPLE, SHOWN)
    row["strip"]["file"] = name
    with pytest.raises(DataError, match="do not name a picture"):
        read_run(write(row))


@pytest.mark.parametrize("prediction", [GOOD, FAILED, NOTED, SHOWN])
def test_what_is_written_is_read_back(write, prediction):
    path = write(to_json(SAMPLE, prediction))
    assert read_predictions(path, "tv", "TV") == [(SAMPLE, prediction)]
    assert read_run(path) == read_run(path, "tv") == [(SAMPLE, prediction)]


def test_a_run_folder_is_read_from_its_predictions_alone(write, tmp_path):
    write(to_json(SAMPLE, GOOD))
    write({"id": "TV/Move_0", "value": 1.0}, name="scores.jsonl")
    assert len(read_predictions(tmp_path, "tv", "TV")) == 1


def test_an_output_replaces_an_earlier_error_and_nothing_else(write, caplog):
    other = Prediction(id=GOOD.id, prompt=GOOD.prompt, output="B")
    path = write(*(to_json(SAMPLE, prediction) for prediction in (FAILED, GOOD, other, FAILED)))
    assert read_run(path) == [(SAMPLE, GOOD)]
    assert "2 repeated rows" in caplog.text


def test_of_errors_alone_the_last_one_counts(write):
    later = Prediction(id=FAILED.id, prompt=FAILED.prompt, output=None, error="unreadable")
    path = write(*(to_json(SAMPLE, prediction) for prediction in (FAILED, later)))
    assert read_run(path) == read_predictions(path, "tv", "TV") == [(SAMPLE, later)]


def test_upstreams_mark_of_a_failure_is_one_in_either_format(write):
    """So that a resumed run tries it again, and no scorer takes it for an answer."""
    marked = Prediction(id=GOOD.id, prompt=GOOD.prompt, output="<error>")
    said = Prediction(id=GOOD.id, prompt=GOOD.prompt, output=None, error="the prediction file says <error>")
    assert read_run(write(to_json(SAMPLE, marked))) == [(SAMPLE, said)]
    assert read_run(write(to_json(SAMPLE, marked), to_json(SAMPLE, GOOD))) == [(SAMPLE, GOOD)]
    text = {"prompt": GOOD.prompt, "response": "A", "prediction": "<error>"}
    upstream = {"idx": 0, "dataset": "TV/Move", "text": text, "video_file": "v.mp4"}
    assert [p for _, p in read_predictions(write(upstream, name="x.jsonl"), "tv", "TV")] == [said]


def test_a_sample_of_another_run_is_refused(write):
    path = write(to_json(SAMPLE, GOOD))
    assert read_run(path, "tv", {GOOD.id}) == [(SAMPLE, GOOD)]
    assert read_run(write(), "tv", ()) == []
    with pytest.raises(DataError, match=r"1 of its samples are not this run's, such as 'TV/Move_0' .*'TV/Move_1'"):
        read_run(write(to_json(SAMPLE, GOOD)), "tv", ["TV/Move_1"])


def test_an_empty_run_has_no_predictions_yet(write):
    assert read_run(write()) == []
    with pytest.raises(DataError, match="no predictions in it"):
        read_predictions(write(), "tv", "TV")


def test_another_benchmark_lists_what_is_there(write):
    with pytest.raises(DataError, match=r"no prediction for benchmark 'egoschema'. In it: tv \(1\)"):
        read_predictions(write(to_json(SAMPLE, GOOD)), "egoschema", "EgoSchema")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"error": "both"}, r"predictions\.jsonl:1: field 'output' and 'error'"),
        ({"output": None}, "one of them must be text"),
        ({"targets": "A"}, "field 'targets' is \"A\", expected a list"),
        ({"output": 3}, "field 'output' is 3"),
    ],
)
def test_a_row_that_does_not_fit_is_named(write, change, message):
    with pytest.raises(DataError, match=message):
        read_run(write({**to_json(SAMPLE, GOOD), **change}))


def test_a_file_of_neither_format_and_an_annotation_file(write, tmp_path):
    with pytest.raises(DataError, match=r"x\.jsonl:1: neither .* its fields: value"):
        read_predictions(write({"value": 1}, name="x.jsonl"), "tv", "TV")
    row = {"idx": 0, "dataset": "TV", "text": {"prompt": "p", "response": "A"}, "video_file": "v.mp4"}
    with pytest.raises(DataError, match=r"x\.jsonl:1: no 'text\.prediction'"):
        read_predictions(write(row, name="x.jsonl"), "tv", "TV")
    with pytest.raises(DataError, match="does not exist"):
        read_predictions(tmp_path / "gone", "tv", "TV")


def named(number, benchmark="tv"):
    return to_json(replace(SAMPLE, id=f"{benchmark}_{number}", benchmark=benchmark), replace(GOOD, id=f"{number}"))


def test_of_a_file_of_several_benchmarks_the_others_are_counted(write, caplog):
    path = write(named(0), named(0, "egoschema"), named(1), named(1), named(1, "mvbench"), name="all.jsonl")
    tolerance = BadRowPolicy()
    assert [one.id for one, _ in read_predictions(path, "tv", "TV", tolerance=tolerance)] == ["tv_0", "tv_1"]
    assert tolerance.others == {"repeated": 1, "of_other_benchmarks": 2}
    assert "2 rows of other benchmarks passed over (egoschema, mvbench)" in caplog.text
    assert len(read_predictions(write(named(0), name="one.jsonl"), "tv", "TV", tolerance=tolerance)) == 1
    assert tolerance.others == {}


def test_of_a_file_of_upstreams_the_others_are_counted(write):
    text = {"prompt": "p", "response": "A", "prediction": "A"}
    rows = [{"idx": 0, "dataset": name, "text": text, "video_file": "v.mp4"} for name in ("TV/Move", "MSVD", "TV/Move")]
    tolerance = BadRowPolicy()
    assert len(read_predictions(write(*rows, name="x.jsonl"), "tv", "TV", tolerance=tolerance)) == 1
    assert tolerance.others == {"repeated": 1, "of_other_data_sets": 1}


def test_a_row_of_another_benchmark_in_a_run_is_an_error(write, tmp_path):
    path = write(named(0), named(1), named(0, "tvv"), named(1, "mvbench"))
    said = r"predictions\.jsonl:3: field 'benchmark' is 'tvv' in a run of 'tv', .* take such rows \(2\) out"
    for read in (
        lambda: read_predictions(path, "tv", "TV"),
        lambda: read_predictions(tmp_path, "tv", "TV"),
        lambda: read_run(path),
        lambda: read_run(path, "tv"),
    ):
        with pytest.raises(DataError, match=said):
            read()
