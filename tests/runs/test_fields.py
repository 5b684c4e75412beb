"""What is wrong with a run's own files is told by file, field, what is there and what is expected."""

from __future__ import annotations

import json
import os
import re

import pytest

from eval.errors import DataError, TarsierEvalError
from eval.judges.replay import ReplayJudge
from eval.regression.records import parse
from eval.runs.bundle import MANIFEST, open_bundle
from eval.runs.checksums import verify_settings
from eval.runs.record import read_record
from eval.runs.result import read_result
from tests.analysis.leaderboard.synthetic import write_run
from tests.analysis.leaderboard.test_bundles import PLAIN, archive

INTERNALS = re.compile(
    r"object is not|indices|attribute|argument|NoneType|'(str|int|float|list|dict|bool)'|dictionary|instance|Error\("
)
"""Words of Python and of pydantic."""


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ((), 1.5, r"the file: it is 1\.5, expected an object"),
        ((), [], r"the file: it is \[\], expected an object"),
        (("fingerprint",), None, "fingerprint: it is null, expected an object"),
        (("fingerprint", "n_samples"), "x", 'fingerprint.n_samples: it is "x", expected a whole number'),
        (("fingerprint", "n_samples"), None, "fingerprint.n_samples: it is null, expected a whole number"),
        (("fingerprint", "part"), {"subsets": [1]}, r"fingerprint\.part\.subsets\.0: it is 1, expected text"),
        (("fingerprint", "model"), "x", 'fingerprint.model: it is "x", expected an object'),
        (("accepted",), 3, "accepted: it is 3, expected a list"),
        (("accepted",), [{"field": "code"}], r"accepted\.0\.was: Field required"),
    ],
)
def test_run_json(place, value, said, tmp_path):
    run = write_run(tmp_path / "run")
    damage(run / "run.json", place, value)
    with pytest.raises(TarsierEvalError, match=rf"run\.json is damaged \({said}\)\. Restore it") as raised:
        read_record(run)
    assert not INTERNALS.search(str(raised.value))


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ((), 1.5, r"of this version: the file: it is 1\.5, expected an object"),
        (("counts", "total"), 1.5, r"of this version: counts\.total: it is 1\.5, expected a whole number"),
        (("metrics",), {}, r"of this version: metrics: it is \{\}, expected a list"),
        (("provenance", "part"), 3, r"provenance\.part: it is 3, expected an object"),
        (("provenance", "data"), ["x"], r'provenance\.data: it is \["x"\], expected text'),
        (("provenance", "scored_with"), 3, r"provenance\.scored_with: it is 3, expected an object"),
        (("provenance", "model"), 3, r"provenance\.model: it is 3, expected an object"),
    ],
)
def test_result_json(place, value, said, tmp_path):
    run = write_run(tmp_path / "run")
    damage(run / "result.json", place, value)
    with pytest.raises(DataError, match=rf"result\.json is not a .*{said}\. Restore it") as raised:
        read_result(run)
    assert not INTERNALS.search(str(raised.value))


@pytest.mark.parametrize(
    ("judge", "said"),
    [
        ({}, r"judge\.name: Field required"),
        ({"name": 3}, r"judge\.name: it is 3, expected text"),
        ({"name": "j", "takes": {"system": "x"}}, r'judge\.takes\.system: it is "x", expected true or false'),
        ({"name": "j", "takes": {"more": 1}}, r"judge\.takes: it has 'more', which this version does not know"),
    ],
)
def test_the_judge_in_a_result(judge, said, tmp_path):
    run = write_run(tmp_path / "run")
    damage(run / "result.json", ("provenance", "scorer", "judge"), judge)
    with pytest.raises(DataError, match=said) as raised:
        ReplayJudge(bundle=run)
    assert not INTERNALS.search(str(raised.value))


@pytest.mark.parametrize("manifest", [b"[]", b"{}", b'{"kind": "x", "format": 1, "files": {"result.json": 3}}'])
def test_the_manifest_of_a_bundle(manifest, tmp_path):
    (tmp_path / "b.tar.gz").write_bytes(archive([(MANIFEST, manifest), *PLAIN], manifest=False))
    (tmp_path / "to").mkdir()
    with pytest.raises(
        DataError, match=r"its manifest\.json is damaged \((the file|kind|files\.result\.json): "
    ) as raised:
        open_bundle(tmp_path / "b.tar.gz", tmp_path / "to")
    assert not INTERNALS.search(str(raised.value))


@pytest.mark.parametrize(
    "text", [b"3\n", b'{"format": 1}\n3\n', b'{"format": 1}\n{"benchmark": 3}\n', b'{"format": 1}\n']
)
def test_a_baseline(text, tmp_path):
    with pytest.raises(TarsierEvalError, match="no baseline, or a damaged one: ") as raised:
        parse(text, tmp_path / "baseline.jsonl")
    assert not INTERNALS.search(str(raised.value))


@pytest.mark.parametrize("name", ["config.yaml", "run.json"])
def test_a_pipe_in_place_of_settings_is_told_as_one(name, tmp_path):
    run = write_run(tmp_path / "run")
    (run / name).unlink()
    os.mkfifo(run / name)
    with pytest.raises(TarsierEvalError, match=rf"{name} cannot be read: no regular file, but a pipe"):
        verify_settings(run, json.loads((run / "result.json").read_text(encoding="utf-8")))


def damage(path, place, value):
    found = json.loads(path.read_text(encoding="utf-8"))
    one = {"": found}
    for name in ("", *place)[:-1]:
        one = one[name]
    one[(("", *place))[-1]] = value
    path.write_text(json.dumps(value if not place else found), encoding="utf-8")
