# SPDX-License-Identifier: GPL-2.0-only
"""A recording as one HTML file that needs nothing else: the page's own files (page/), with the recording in them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

from xenpt import svg

from .events import Events

_FOLDER = os.path.join(os.path.dirname(__file__), "page")
# In this order: later ones use earlier ones.
SCRIPTS = ("recording.js", "memory.js", "paging.js", "dom.js", "numbers.js", "why.js", "frames.js", "values.js", "source.js", "registers.js", "calls.js",
           "start-info.js", "xen.js", "words.js",
           "inspector.js", "timeline.js", "ways.js", "main.js")


def _read(name: str) -> str:
    with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:
        return file.read()


def embedded(document: dict[str, Any]) -> str:
    """JSON that may stand inside <script>: no text in it can end the element, or begin a comment."""
    return json.dumps(document, separators=(",", ":")).replace("<", "\\u003c")


def pictures_of(events: Events) -> Iterator[str]:
    """The page tables at the entry and after each change of them, which is marked."""
    before = None
    for step, guest, _ in events.tables:
        yield svg.draw(guest, before, f"page tables before step {step}")
        before = guest


def make(document: dict[str, Any], pictures: Iterable[str]) -> str:
    """The text of the file; pictures are of the document's tables."""
    page = _read("page.html")
    scripts = "\n".join(_read(name) for name in SCRIPTS)
    recording = embedded({**document, "pictures": list(pictures)})
    for name, text in (("style", _read("page.css")), ("script", scripts), ("recording", recording)):
        before, mark, after = page.partition(f"/*{name}*/")
        assert mark, name
        page = before + text + after
    return page
