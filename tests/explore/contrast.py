# SPDX-License-Identifier: GPL-2.0-only
"""Whether everything on a page of `make explore` can be read: the contrast of each colour with each ground it stands on.

WCAG 2.1 wants 4.5 for text and 3 for marks. Prints what has less. Called by tests/explore.bats.
"""

from __future__ import annotations

import re
import sys

STYLE = "tools/explore/page/page.css"
GROUNDS = "ground pane now".split()
TEXT = "ink soft changed link good bad va pv paddr pfn maddr mfn table".split()
MARKS = "hypercall table fault console va pv".split()


def luminance(colour: str) -> float:
    parts = (int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def main() -> None:
    with open(STYLE, encoding="utf-8") as file:
        roots = re.findall(r":root \{(.*?)\}", file.read(), re.DOTALL)
    assert len(roots) == 2, "light and dark"
    pairs = [(name, ground, 4.5) for name in TEXT for ground in GROUNDS] + [(name, "ground", 3) for name in MARKS]
    bad = 0
    for look, root in zip(("light", "dark"), roots):
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", root))
        for name, ground, least in pairs:
            ratio = contrast(colours[name], colours[ground])
            if ratio < least:
                bad += 1
                print(f"{look}: {name} on {ground} has a contrast of {ratio:.2f}, less than {least}")
    sys.exit(bad > 0)


main()
