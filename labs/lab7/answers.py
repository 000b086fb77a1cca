# SPDX-License-Identifier: GPL-2.0-only
"""A file of answers, read: blocks of `name = value`, and what a value may look like.

Whatever is wrong with the file as a whole stops the grading with the line's
number, as a compiler would; what is wrong with a value is its task's matter.
"""

import re

from grader.stopped import Stopped

WORD = r"(?:VA|P=V|paddr|maddr|PFN|MFN)\s+"


def read_answers(path, blocks, names):
    """{block: {name: value}}, values not empty. blocks and names are those that there may be."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        lines = file.read().splitlines()
    found, block = {}, None
    for number, line in enumerate(lines, 1):
        def stop(what, number=number):
            raise Stopped("answers-line", f"{path}, line {number}: {what}")
        text = line.partition("#")[0].strip()
        head = re.fullmatch(r"\[\s*(.*?)\s*\]", text)
        if head:
            block = re.sub(r"\s+", " ", head[1])
            if block not in blocks:
                stop(f"there is no block [{shown(block)}]; the blocks are [{blocks[0]}] to [{blocks[-1]}]")
            if block in found:
                stop(f"[{block}] was there already")
            found[block] = {}
        elif text:
            name, sign, value = (part.strip() for part in text.partition("="))
            if not sign:
                stop(f'"{shown(text)}" is neither [bug n] nor name = value')
            if block is None:
                stop(f"{shown(name)} stands in no block: [{blocks[0]}] comes first")
            if name not in names:
                stop(f"{shown(name)} is not asked for; the names are {', '.join(names)}")
            if name in found[block]:
                stop(f"{name} was there already in [{block}]")
            if value:
                found[block][name] = value
    return found


def shown(text, most=40):
    """A reader's text in one of our sentences."""
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= most else text[:most] + "..."


def number(text):
    """A number with or without its address word; None if it is none."""
    text = re.sub(r"(?<=[0-9a-fA-F])_(?=[0-9a-fA-F])", "", text)
    found = re.fullmatch(rf"(?:{WORD})?" + r"(0x[0-9a-fA-F]{1,32}|[0-9]{1,32})", text, re.I)
    return int(found[1], 0 if found[1][:2].lower() == "0x" else 10) if found else None
