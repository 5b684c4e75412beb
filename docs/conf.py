"""Settings of the site that `make docs` builds; nothing of it asks the network, built or looked at."""

from __future__ import annotations

import re

from sphinx.application import Sphinx

project = "tarsier-eval"
extensions = ["myst_parser"]
root_doc = "index"
html_theme = "furo"
html_title = "tarsier-eval"
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
myst_heading_anchors = 3
nitpicky = True
pygments_style = "friendly"


def _stay_inside(app: Sphinx, name: str, source: list[str]) -> None:  # noqa: ARG001 - Sphinx calls it with all three
    """Show links to files outside docs/ as paths in the repository: the site has no such pages."""
    depth = name.count("/") + 1
    source[0] = re.sub(
        r"\[([^\]]*)\]\((?:\.\./){%d}([^)#\s]+)(#[^)\s]*)?\)" % depth,  # noqa: UP031 - braces are the pattern's own
        lambda found: f"`{found[2]}`" if found[1] == found[2] else f"{found[1]} (`{found[2]}`)",
        source[0],
    )


def setup(app: Sphinx) -> None:
    """Connect it."""
    app.connect("source-read", _stay_inside)
