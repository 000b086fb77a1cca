# SPDX-License-Identifier: GPL-2.0-only
"""A recording as one HTML file that needs nothing else: the page's own files (page/), with the recording in them."""

import json
import os

_FOLDER = os.path.join(os.path.dirname(__file__), "page")
# In this order: later ones use earlier ones.
SCRIPTS = ("recording.js", "dom.js", "panes.js", "main.js")


def _read(name):
    with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:
        return file.read()


def embedded(document):
    """JSON that may stand inside <script>: no text in it can end the element, or begin a comment."""
    return json.dumps(document, separators=(",", ":")).replace("<", "\\u003c")


def make(document):
    """The text of the file."""
    page = _read("page.html")
    scripts = "\n".join(_read(name) for name in SCRIPTS)
    for name, text in (("style", _read("page.css")), ("script", scripts), ("recording", embedded(document))):
        before, mark, after = page.partition(f"/*{name}*/")
        assert mark, name
        page = before + text + after
    return page
