# SPDX-License-Identifier: GPL-2.0-only
"""What a reader predicts, in the file predictions of his work folder, and what came of it.

A line is `name: value`; a value of ? predicts nothing. Lab 1 gives points for it. Others only tell what the machine did,
and only of what was predicted: those who have written it down remember the answer.
"""

import os

LONGEST = 10_000


def read(path):
    """Values by name: a list, since a name may stand there twice."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        lines = [line.split("#")[0] for line in file.read(LONGEST).splitlines()]
    said = {}
    for key, colon, value in (line.partition(":") for line in lines):
        said.setdefault(" ".join(key.split()), []).extend([value.strip()] if colon else [])
    return said


def tell(lab, measured):
    """measured: what was seen, by name; None if it was not."""
    path = os.path.join(lab.work, "predictions")
    if not os.path.isfile(path):
        return
    said = read(path)
    for name, seen in measured.items():
        values = [value for value in said.get(name, []) if value not in ("", "?")]
        if values and seen is not None:
            right = [value.lower() for value in values] == [str(seen).lower()]
            lab.report.told.append(f"{name}: {seen}" + (", as you said" if right else f"; you said {' and '.join(values)}"))
