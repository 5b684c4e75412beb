"""The site of docs/: it builds without a warning, holds every page, and asks the network for nothing."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from eval.config import PROJECT

pytest.importorskip("sphinx", reason="the site is built with Python 3.11 or later")
pytest.importorskip("myst_parser")
pytest.importorskip("furo")
pytestmark = pytest.mark.slow
DOCS = PROJECT / "docs"


def build(source, target):
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(source), str(target)],
        capture_output=True, text=True, check=False, cwd=source,
    )  # fmt: skip


def test_the_site_builds_and_asks_for_nothing(tmp_path):
    done = build(DOCS, tmp_path)
    assert done.returncode == 0, done.stderr
    pages = {path.relative_to(DOCS).with_suffix(".html").as_posix() for path in DOCS.rglob("*.md")}
    assert pages <= {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.html")}
    loads = re.compile(
        r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["'](?:https?:)?//|<link\b[^>]*href=["'](?:https?:)?//"""
    )
    styles = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])(?:https?:)?//""")
    for path in tmp_path.rglob("*"):
        if path.suffix in (".html", ".css"):
            text = path.read_text(encoding="utf-8")
            assert not (loads.search(text) if path.suffix == ".html" else styles.search(text)), path


@pytest.mark.parametrize("link", ["nowhere.md", "index.md#no-such-heading"])
def test_a_broken_link_fails(tmp_path, link):
    source = tmp_path / "docs"
    source.mkdir()
    (source / "conf.py").write_bytes((DOCS / "conf.py").read_bytes())
    (source / "index.md").write_text("# A page\n\n[here](#a-page)\n")
    assert build(source, tmp_path / "good").returncode == 0
    (source / "index.md").write_text(f"# A page\n\n[there]({link})\n")
    assert build(source, tmp_path / "bad").returncode != 0
