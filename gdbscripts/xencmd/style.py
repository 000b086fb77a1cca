# SPDX-License-Identifier: GPL-2.0-only
"""Colour for what the commands print: GDB's own styles, where GDB uses them (`set style enabled`, NO_COLOR, a terminal)."""

import os
import re

import gdb

# GDB's words, and what terminals make of them.
CODES = {name: str(30 + number) for number, name in enumerate("black red green yellow blue magenta cyan white".split())}
CODES.update(bold="1", dim="2")
ADDRESS, SYMBOL, TITLE, WRONG = "address", "function", "title", "wrong"
# What is styled how: all of a match, or its group.
PATTERNS = [(re.compile(pattern), style) for pattern, style in (
    (r"^(?:VA  .*|the end: .*)", TITLE), (r"^BROKEN.*|-\d+ \(E\w+\)|Xen says: .*", WRONG),
    (r"(?<=VA )0x\w+(?:-0x\w+)?|^0x\w+-0x\w+|(?<=^#.. )0x\w+|(?<=P=V )0x\w+", ADDRESS), (r"<[\w.+ ]+>", SYMBOL))]


def say(lines):
    """Prints lines, or one."""
    begins = {name: code for name in (ADDRESS, SYMBOL, TITLE, WRONG) if (code := escape(name))} if coloured() else {}
    for line in [lines] if isinstance(lines, str) else lines:
        print(painted(line, begins), flush=True)


def coloured():
    """Whether GDB itself would use colours here."""
    return gdb.parameter("style enabled") and os.environ.get("TERM", "dumb") != "dumb" and os.isatty(1)


def escape(style):
    """What switches a style on; empty if it looks as everything else."""
    if style == WRONG:
        return "\033[31m"
    words = (str(gdb.parameter(f"style {style} {what}")) for what in ("foreground", "intensity"))  # GDB 17 has gdb.Color
    codes = [CODES[word] for word in words if word in CODES]
    return f"\033[{';'.join(codes)}m" if codes else ""


def painted(line, begins):
    """A line with styles: begins are the escapes, by style. The first pattern that has a place has it alone."""
    places = []
    for pattern, style in PATTERNS if begins else ():
        for match in pattern.finditer(line):
            if style in begins and not any(match.start() < last and first < match.end() for first, last, _ in places):
                places.append((*match.span(), style))
    for first, last, style in sorted(places, reverse=True):
        line = f"{line[:first]}{begins[style]}{line[first:last]}\033[m{line[last:]}"
    return line
