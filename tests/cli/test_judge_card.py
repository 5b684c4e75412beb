"""`tarsier-eval judge card` and `judge data`: cards from a server and without one, resumed, and sets over HTTP."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from eval.__main__ import main
from eval.analysis.card.card import read_card
from eval.analysis.card.originals.original import all_originals
from eval.runs.result import read_result
from tests.analysis.card.rows import answers, labelled_like_questions, units, write_set
from tests.analysis.card.test_originals import FILES
from tests.cli.judged import many_questions, result, score, served, settings
from tests.client.faults import Reply
from tests.client.server import JudgeServer
from tests.judges.sensible import sensible


@pytest.fixture
def sets(tmp_path):
    write_set(tmp_path / "sets", "qa", answers())
    write_set(tmp_path / "sets", "units", units())
    return tmp_path / "sets"


def read(place) -> Any:
    return read_card(place)[0]


def card(sets, to, *more):
    flags = ["--data", str(sets), "--to", str(to), "--protocol", "native"]
    return main(["judge", "card", *flags, *settings(sets.parent), *more])


def test_a_card_of_the_offline_judge(sets, tmp_path, capsys):
    assert card(sets, tmp_path / "card", "--judge", "offline") == 0
    shown = capsys.readouterr().out
    assert "Judge card of offline, protocol native" in shown
    assert "Judge offline: a placeholder that compares words" in shown
    found = read(tmp_path / "card" / "card.json")
    qa, of_units = found.sets
    # "2 dogs" has one of its two reference answers.
    assert (qa.judge.agreement, qa.judge.offset.value) == (1, 0)
    assert of_units.judge.agreement == 1
    assert "| qa | answer | 6 |" in (tmp_path / "card" / "card.md").read_text()
    assert (tmp_path / "card" / "card.html").stat().st_size > 10_000


def test_a_served_judge_is_asked_once_and_gives_the_same_card(sets, tmp_path, capsys):
    write_set(sets, "qa", [{**row, "reference": row["reference"][:1]} for row in answers()])
    assert card(sets, tmp_path / "offline", "--judge", "offline") == 0
    with JudgeServer(sensible) as server:
        assert card(sets, tmp_path / "one", *served(server.url)) == 0
        # Six answers, of which none is said twice, and two groups of units; the probe asks besides.
        assert "8 calls; 8 to ask" in capsys.readouterr().err
        asked = server.answered
        assert card(sets, tmp_path / "two", *served(server.url)) == 0
        assert server.answered == asked
    assert "all 8 calls are in the reply store" in capsys.readouterr().err
    offline, one, two = (read(tmp_path / name) for name in ("offline", "one", "two"))
    assert one.sets == two.sets == offline.sets
    assert one.judge["served"] == "stand-in-2026-01-01"


def test_what_the_cap_leaves_out_is_missing_and_the_command_goes_on(sets, tmp_path, capsys):
    with JudgeServer(sensible) as server:
        assert card(sets, tmp_path / "one", *served(server.url), "max_cost=0.002") == 1
        assert "The judge was not asked about all of them" in capsys.readouterr().err
        found = read(tmp_path / "one")
        assert 0 < found.n_missing < 10
        assert card(sets, tmp_path / "one", *served(server.url)) == 0
    assert read(tmp_path / "one").n_missing == 0


def test_only_so_many_items_in_whole_clusters(sets, tmp_path):
    assert card(sets, tmp_path / "card", "--limit", "3") == 0
    found = read(tmp_path / "card")
    # Clusters of answers have 3, 2 and 1 items, those of units 3 and 1.
    assert [one.n_items for one in found.sets] in ([3, 3], [3, 4], [4, 3], [4, 4], [5, 3], [5, 4])
    assert read(tmp_path / "card").sets == found.sets


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--limit", "0"], "limit=0 leaves no item"),
        (["--data", "/nowhere"], "does not exist; make judge-data fetches some"),
        (["--judge", "nobody"], "Unknown judge 'nobody'"),
        (["model.n_frames=2"], "judge card does not use model.n_frames"),
    ],
)
def test_a_mistake_is_one_line(sets, tmp_path, capsys, more, said):
    assert card(sets, tmp_path / "card", *more) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "card").exists()


def test_malformed_rows_stop_it_or_are_counted(sets, tmp_path, capsys):
    write_set(sets, "qa", [{**answers()[0], "label": "maybe"}, *answers()[1:]])
    assert card(sets, tmp_path / "card") == 2
    assert "items.jsonl:1: field 'label' is \"maybe\"" in capsys.readouterr().err
    assert card(sets, tmp_path / "card", "--skip-malformed") == 0
    assert "qa: 1 malformed rows were left out." in capsys.readouterr().out
    assert read(tmp_path / "card").sets[0].skipped == 1


def test_a_score_is_corrected_by_a_card_in_a_line_more(tmp_path, capsys):
    write_set(tmp_path / "sets", "qa", labelled_like_questions())
    assert card(tmp_path / "sets", tmp_path / "card") == 0
    place = tmp_path / "card" / "card.json"
    pred = many_questions(tmp_path / "p.jsonl", 40)
    assert score(pred, tmp_path / "plain", ["--judge", "offline"]) == 0
    capsys.readouterr()
    assert score(pred, tmp_path / "corrected", ["--judge", "offline", "--card", str(place)]) == 0
    plain, found = result(tmp_path / "plain"), result(tmp_path / "corrected")
    assert (plain["corrected"], plain["metrics"], plain["score_id"]) == (None, found["metrics"], found["score_id"])
    # 20 of 40 are called right: (0.5 + 0.95 - 1) / (0.9 + 0.95 - 1).
    values = {value["accounting"]: value for value in found["corrected"]["values"]}
    assert values["strict"]["value"] == pytest.approx(0.45 / 0.85)
    assert (found["corrected"]["method"], found["corrected"]["card"]) == ("rogan-gladen", str(place))
    shown = capsys.readouterr().out
    assert "Corrected for the judge's errors: accuracy 52.9 (upstream 52.9) [" in shown
    assert "sensitivity 90.0, specificity 95.0" in shown
    assert "Corrected for the judge's errors" in (tmp_path / "corrected" / "log.txt").read_text()
    # The setting is the same; a run as it is read back has it too.
    assert score(pred, tmp_path / "setting", ["--judge", "offline"], f"card={place}") == 0
    assert read_result(tmp_path / "setting")[0].corrected == read_result(tmp_path / "corrected")[0].corrected


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--judge", "scripted"], "differs from this score in judge"),
        (["--judge", "offline", "--protocol", "hardened"], "differs from this score in protocol.name"),
    ],
)
def test_a_card_that_does_not_fit_is_refused_before_anything_is_scored(tmp_path, capsys, more, said):
    write_set(tmp_path / "sets", "qa", labelled_like_questions())
    assert card(tmp_path / "sets", tmp_path / "card") == 0
    capsys.readouterr()
    pred = many_questions(tmp_path / "p.jsonl", 4)
    assert score(pred, tmp_path / "out", [*more, "--card", str(tmp_path / "card")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_card_edited_by_hand_is_one_line_before_anything_is_scored(tmp_path, capsys):
    write_set(tmp_path / "sets", "qa", labelled_like_questions())
    assert card(tmp_path / "sets", tmp_path / "card") == 0
    place = tmp_path / "card" / "card.json"
    edited = json.loads(place.read_text())
    edited["sets"][0]["errors"][0][4] = 10**12
    place.write_text(json.dumps(edited))
    capsys.readouterr()
    pred = many_questions(tmp_path / "p.jsonl", 5)
    assert score(pred, tmp_path / "out", ["--judge", "offline", "--card", str(place)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "is no sound card: sets.0 (qa): errors add up to" in line
    assert not (tmp_path / "out").exists()


def test_a_card_where_nothing_is_judged_is_refused(tmp_path, capsys):
    flags = ["--bench", "mvbench", "--model", "scripted", "--out", str(tmp_path / "run"), "--card", "none.json"]
    assert main(["eval", *flags]) == 2
    assert "--card: mvbench asks no judge; leave it out." in capsys.readouterr().err


def test_a_judge_that_turns_out_to_be_another_leaves_the_score_and_says_so(tmp_path, capsys):
    write_set(tmp_path / "sets", "qa", labelled_like_questions())
    pred = many_questions(tmp_path / "p.jsonl", 4)
    with JudgeServer(sensible) as server:
        assert card(tmp_path / "sets", tmp_path / "card", *served(server.url)) == 0
        fits = ["--card", str(tmp_path / "card")]
        assert score(pred, tmp_path / "same", [*served(server.url), *fits]) == 0
    with JudgeServer(lambda request: Reply(text=sensible(request), extra={"model": "another"})) as server:
        (tmp_path / "new").mkdir()
        assert score(pred, tmp_path / "new" / "other", [*served(server.url), *fits]) == 0
    assert result(tmp_path / "same")["corrected"]["refused"] is None
    assert result(tmp_path / "new" / "other")["corrected"]["values"] == []
    assert "Not corrected for the judge's errors: the card is of judge stand-in" in capsys.readouterr().out


@contextmanager
def owners(files):
    """Serve files by their paths, and yield the address and the paths that were asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            content = files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.end_headers()
            self.wfile.write(b"" if content is None else content.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def pinned(name):
    original = all_originals()[name]
    return {f"/{original.repository}/{original.commit}/{path}": text for path, text in FILES[name].items()}


def test_sets_are_fetched_at_their_commit_with_the_licence_shown(tmp_path, capsys):
    files = pinned("nq301") | pinned("factvc")
    fetch = ["judge", "data", "--sets", "nq301,factvc", "--to", str(tmp_path / "sets"), "--mirror"]
    with owners(files) as (address, asked):
        assert main([*fetch, address]) == 0
        said = capsys.readouterr().err
        assert sorted(asked) == sorted(files)
        # What is there already is not asked for again.
        assert main([*fetch, address]) == 0
        assert len(asked) == len(files)
    assert "nq301: ehsk/OpenQA-eval at commit 8b9317d0f0c92b52e1c71c0168dff74b5f76a5f4" in said
    assert "licence as its owners state it: MIT" in said
    assert "licence as its owners state it: none stated" in said
    assert "MIT" in (tmp_path / "sets" / "nq301" / "SOURCE").read_text()
    assert len((tmp_path / "sets" / "nq301" / "items.jsonl").read_text().splitlines()) == 3
    assert card(tmp_path / "sets", tmp_path / "card") == 0
    assert [one.set for one in read(tmp_path / "card").sets] == ["factvc", "nq301"]


def test_a_set_that_cannot_be_fetched_is_one_line(tmp_path, capsys):
    files = pinned("nq301")
    files.popitem()
    with owners(files) as (address, _):
        assert main(["judge", "data", "--sets", "nq301", "--to", str(tmp_path), "--mirror", address]) == 2
    assert "cannot be fetched: status 404. Try again later" in capsys.readouterr().err
    assert not (tmp_path / "nq301" / "items.jsonl").exists()
    assert main(["judge", "data", "--sets", "nq301", "--to", str(tmp_path), "--mirror", address]) == 2
    assert "cannot be fetched" in capsys.readouterr().err
    assert main(["judge", "data", "--sets", "nq31", "--to", str(tmp_path)]) == 2
    assert "There is no labelled set 'nq31'. Did you mean 'nq301'?" in capsys.readouterr().err


def test_the_card_is_plain_json(sets, tmp_path):
    assert card(sets, tmp_path / "card") == 0
    found = json.loads((tmp_path / "card" / "card.json").read_text())
    assert found["version"] == 1
    assert found["protocol"]["name"] == "native"
    assert {row["name"] for one in found["sets"] for row in one["floors"]} == {"contains", "word overlap"}
