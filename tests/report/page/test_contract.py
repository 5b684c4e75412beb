"""What Python writes is what the code in the browser is written for: real pages, checked against web/src/payload.ts."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from eval.__main__ import main
from eval.analysis.leaderboard.gathering import gather
from eval.config import PROJECT
from eval.report.page.server import Places
from eval.running.judge_card import write_card
from eval.running.request import EvalRequest
from eval.running.start import evaluate
from eval.running.watching import Watched
from tests.analysis.card.rows import labelled_like_questions, write_set
from tests.cli.judged import served, settings
from tests.client.server import JudgeServer
from tests.judges.sensible import sensible
from tests.reading import ReadHere
from tests.report.page import payloads
from tests.running.test_reporting import data_of

pytestmark = pytest.mark.slow

WEB = PROJECT / "web"
TASKS = {
    "mvbench": "[A,'no idea']",
    "msvd-qa": "[red]",
    "msvd-caption": "['A green circle']",
    "dream-1k": "['A red cross.']",
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages of every kind, made from runs of a scripted model, and those that other tests draw."""
    base = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eval.engines.local.frame_loader", ReadHere)
        for name, n_frames in (("a", 8), ("b", 4)):
            for bench, outputs in TASKS.items():
                given = ["model=scripted", f"model.outputs={outputs}", f"model.n_frames={n_frames}", "limit=4"]
                evaluate(EvalRequest(bench=bench, out=base / name / bench, overrides=given))
    found = {f"run {bench}": data_of(base / "a" / bench / "report.html") for bench in TASKS}
    for what, places in (("one", ("a/mvbench", "b/mvbench")), ("all", ("a", "b"))):
        first, second = (str(base / place) for place in places)
        assert main(["compare", "--first", first, "--second", second, "--to", str(base / f"{what}.html")]) == 0
        found[f"compare {what}"] = data_of(base / f"{what}.html")
    gather([base / "a", base / "b"], base / "board.csv")
    found["leaderboard"] = data_of(base / "board.html")
    write_set(base / "sets", "qa", labelled_like_questions())
    write_card("offline", "native", data=base / "sets", to=base / "card")
    found["card"] = data_of(base / "card" / "card.html")
    score = ["score", "--pred", str(base / "a" / "msvd-qa"), "--judge", "offline", "--protocol", "native"]
    assert main([*score, "--card", str(base / "card"), "--out", str(base / "corrected")]) == 0
    found["corrected"] = data_of(base / "corrected" / "report.html")
    with JudgeServer(sensible) as server:
        again = [*score[:3], *served(server.url), "--protocol", "native", "--repeats", "2"]
        assert main([*again, *settings(base), "--out", str(base / "repeated")]) == 0
    found["repeated"] = data_of(base / "repeated" / "report.html")
    (base / "a" / "mvbench" / "result.json").unlink()
    found["unfinished"] = Watched(base / "a", Places(lambda _: True)).page()
    drawn = {
        "choices": payloads.multiple_choice, "answers": payloads.open_answers, "captions": payloads.captions,
        "descriptions": payloads.descriptions,
    }  # fmt: skip
    found |= {f"drawn {name}": payloads.page(make()) for name, make in drawn.items()}
    return found


def test_real_pages_have_the_form_that_the_browser_expects(pages, tmp_path):
    compiler = WEB / "node_modules" / ".bin" / "tsc"
    if not compiler.exists() or shutil.which("node") is None:
        pytest.skip("web/node_modules is not installed: make web")
    types = (WEB / "src" / "payload.ts").as_posix().removesuffix(".ts")
    for name, page in pages.items():
        source = f"import type {{ Page }} from {json.dumps(types)};\nexport const page: Page = {json.dumps(page)};\n"
        (tmp_path / f"{name.replace(' ', '_')}.ts").write_text(source, encoding="utf-8")
    files = sorted(str(path) for path in tmp_path.glob("*.ts"))
    command = [
        str(compiler),
        "--ignoreConfig",
        "--noEmit",
        "--strict",
        "--skipLibCheck",
        "--target",
        "es2022",
        "--types",
        "",
        *files,
    ]
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[:3000]


@pytest.mark.parametrize("kind", ["run mvbench", "run msvd-qa", "run msvd-caption", "run dream-1k", "compare one",
                                  "compare all", "leaderboard", "card", "corrected", "repeated",
                                  "unfinished"])  # fmt: skip
def test_real_pages_open_without_an_error(pages, kind, show, watched):
    page = show({**pages[kind], "live": None})
    assert page.locator("main").inner_text().strip()
    assert watched.messages == []


@pytest.mark.parametrize(("kind", "title", "words"), [
    ("corrected", "Corrected by a judge card", "Corrected for the judge's errors: accuracy"),
    ("repeated", "Judged several times", "Judged 2 times at temperature 0: accuracy"),
    ("run dream-1k", "What the score depends on", "length and precision, rank correlation"),
])  # fmt: skip
def test_what_stands_beside_the_score_is_shown_under_its_title(pages, kind, title, words, show):
    (run,) = pages[kind]["runs"]
    assert [one["title"] for one in run["beside"]] == [title]
    section = show({**pages[kind], "live": None}).get_by_role("region", name=title)
    assert words in section.inner_text()
