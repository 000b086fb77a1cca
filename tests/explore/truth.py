# SPDX-License-Identifier: GPL-2.0-only
"""A recording against GDB, which looks at another boot of the same image: tests/explore/truth.py RECORDING IMAGE FOLDER.

The registers at ten steps, and the page tables at the end, entry by entry. Prints what differs. Called by tests/explore.bats.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

STEPS = 10
MARKS = 0x60  # ACCESSED and DIRTY: the processor sets them, and no store does


def registers(recording: dict[str, Any]) -> Iterator[dict[str, int]]:
    """Of each step, name -> value."""
    now = [0] * len(recording["registers"])
    for change in recording["changes"]:
        for register, difference in zip(change[::2], change[1::2]):
            now[register] += int(str(difference), 0)
        yield dict(zip(recording["registers"], now))


def chosen(recording: dict[str, Any]) -> list[int]:
    """Steps at whose address nothing else is executed: GDB can stop there, if it is before the end that it knows."""
    times, steps = Counter(recording["steps"]), []
    for step, place in enumerate(recording["steps"]):
        symbol = recording["code"][recording["places"][place][1]][2]
        if symbol >= 0 and recording["symbols"][symbol][0] == "xen_exit":
            break
        if step and times[place] == 1:
            steps.append(step)
    return sorted(random.Random(2007).sample(steps, STEPS))


def memory(recording: dict[str, Any]) -> dict[int, int]:
    """maddr -> byte at the end."""
    bytes_at: dict[int, int] = {}
    for maddr, text in recording["memory"]["pages"].items():
        bytes_at.update(enumerate(base64.b64decode(text), int(maddr)))
    for step, maddr, *rest in sorted(recording["stores"] + recording["xen_stores"], key=lambda row: row[0]):
        data = int(str(rest[1]), 0).to_bytes(8, "little")[:rest[0]] if len(rest) == 2 else base64.b64decode(rest[0])
        bytes_at.update(enumerate(data, int(str(maddr), 0)))
    return bytes_at


def gdb(recording: dict[str, Any], image: str, folder: str, steps: list[int]) -> tuple[dict[int, dict[str, int]], dict[str, Any]]:
    """What GDB says: the registers it prints at each step, and the page tables it saves at the end."""
    names = [name for name in recording["registers"] if not name.startswith("cr") and not name.endswith("fl")]
    script = os.path.join(folder, "commands")
    with open(script, "w", encoding="utf-8") as file:
        for step in steps:
            address = int(str(recording["places"][recording["steps"][step]][0]), 0)
            print(f"hbreak *{address}\ncontinue\nprintf \"step {step}\\n\"\ninfo registers {' '.join(names)}\ndelete", file=file)
        print(f"xen end\nxen pt save {folder}/tables.json", file=file)
    said = subprocess.run(["tools/gdb", image, "-batch", "-x", script], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=1200, check=False).stdout
    found = {}
    for piece in said.split("\nstep ")[1:]:
        step, _, rest = piece.partition("\n")
        found[int(step)] = {name: int(value, 16) for name, value in re.findall(r"^(\w+) +(0x[0-9a-f]+)", rest, re.MULTILINE)}
    with open(os.path.join(folder, "tables.json"), encoding="utf-8") as file:
        return found, json.load(file)["tables"]


def main() -> None:
    path, image, folder = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        recording = json.load(file)
    steps, differences = chosen(recording), 0
    recorded = dict(enumerate(registers(recording)))
    seen, tables = gdb(recording, image, folder, steps)
    compared = 0
    for step in steps:
        for name, value in seen.get(step, {}).items():
            compared += 1
            if recorded[step][name] != value:
                differences += 1
                print(f"step {step}: {name} is {recorded[step][name]:#x} in the recording, {value:#x} in GDB")
    at_end, entries = memory(recording), 0
    size = recording["paging"]["entry_size"]
    for maddr, table in tables.items():
        for index, value in table["entries"].items():
            where = int(maddr, 16) + int(index) * size
            if where not in at_end:
                continue  # a table of Xen's own
            entries += 1
            stored = int.from_bytes(bytes(at_end[where + n] for n in range(size)), "little")
            if stored & ~MARKS != int(value, 16) & ~MARKS:
                differences += 1
                print(f"{table['level']} entry at maddr {where:#x}: {stored:#x} in the recording, {value} in GDB")
    print(f"{compared} registers, {entries} entries, {differences} differences")


main()
