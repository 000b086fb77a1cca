# SPDX-License-Identifier: GPL-2.0-only
"""tools/diagnoses.txt, which knows how a boot that goes wrong looks, read by Python.

The entry is chosen as tools/diagnose does: the first whose end, see: and not: fit.
"""

import re


def entries(path="tools/diagnoses.txt"):
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"^#.*\n", "", file.read(), flags=re.M)
    for block in re.split(r"\n\s*\n", text):
        entry = {"id": [], "when": [], "see": [], "not": [], "means": [], "read": []}
        for line in block.splitlines():
            key, _, value = line.partition(": ")
            if key in entry:
                entry[key].append(value)
        if entry["id"]:
            yield entry


def diagnose(log, how, where=""):
    """Returns id, text and lesson for a transcript that ended in a way; None if no entry fits."""
    lines = log.replace("\r", "").replace("\0", "").split("\n") + [f"where: {where}"]

    def matches(pattern):
        regex = re.compile(pattern)
        return any(regex.search(line) for line in lines)

    for entry in entries():
        if how in entry["when"][0].split() and all(map(matches, entry["see"])) \
                and not any(map(matches, entry["not"])):
            return entry["id"][0], " ".join(entry["means"]), " ".join(entry["read"])
    return None
