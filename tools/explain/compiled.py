# SPDX-License-Identifier: GPL-2.0-only
"""What the compiler wrote into an image about how it was made (DWARF): its options, and the sizes of types."""

from __future__ import annotations

import re
import subprocess

_DIE = re.compile(r"^ <1><([0-9a-f]+)>: .*\((DW_TAG_\w+)\)\n((?:    .*\n)*)", re.M)
_NAMED = ("DW_TAG_typedef", "DW_TAG_structure_type")
_FIELD = re.compile(r"(DW_AT_\w+) *: (?:\(.*?\): )?<?(?:0x)?([^\s>]+)")


def options(data: bytes) -> set[str]:
    """The compiler's options, of all files in C, by an image's bytes. What was taken back (-fpie -fno-pie) is left out."""
    producers = re.findall(rb"GNU C\d\d [^\0]+", data)
    return {word for producer in producers for word in re.findall(r"-\S+", producer.decode("utf-8", "replace"))}


def size_of(path: str, name: str) -> int:
    """Bytes of a type that has a name by typedef, or of a struct; 0 if there is none. A file may have it in another size than the next: the
    first counts."""
    said = subprocess.run(["readelf", "--debug-dump=info", "--dwarf-depth=2", path], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL).stdout
    dies = {die[1]: (die[2], dict(_FIELD.findall(die[3]))) for die in _DIE.finditer(said)}
    wanted = next((fields for tag, fields in dies.values() if tag in _NAMED and fields.get("DW_AT_name") == name), {})
    while "DW_AT_byte_size" not in wanted and wanted.get("DW_AT_type") in dies:
        wanted = dies[wanted["DW_AT_type"]][1]
    return int(wanted.get("DW_AT_byte_size", "0"), 0)
