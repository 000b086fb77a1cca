# SPDX-License-Identifier: GPL-2.0-only
"""Where fields lie in the structs of Xen's public headers, and what their macros come to: the compiler is asked, for a guest's width.

Called by the grader, which reads and makes such structs from outside of the machine.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
from typing import NamedTuple

HEADERS = """xen.h sched.h domctl.h grant_table.h memory.h hvm/hvm_op.h io/console.h io/xs_wire.h foreign/x86_32.h foreign/x86_64.h arch-x86/hvm/start_info.h""".split()
FLAGS = "-ffreestanding -D__XEN_TOOLS__ -D__XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__ -include stdint.h -include stddef.h".split()


class Field(NamedTuple):
    """Where a field lies in its struct, in bytes."""
    offset: int
    size: int


class Struct(NamedTuple):
    """A struct of `size` bytes, and some of its fields by their names."""
    size: int
    fields: dict[str, Field]

    def offset(self, field: str) -> int:
        return self.fields[field].offset

    def number(self, data: bytes, field: str) -> int:
        """What a field holds in the struct's bytes."""
        offset, size = self.fields[field]
        return int.from_bytes(data[offset:offset + size], "little")

    def bytes_of(self, **values: int) -> bytes:
        """The struct with these fields, and zeros elsewhere."""
        data = bytearray(self.size)
        for name, value in values.items():
            offset, size = self.fields[name]
            data[offset:offset + size] = value.to_bytes(size, "little")
        return bytes(data)


@functools.lru_cache(maxsize=None)
def struct(bits: int, name: str, *fields: str) -> Struct:
    """A struct as code of this width sees it. A field may be one of a struct or array inside: u.getdomaininfo.flags."""
    asked = [f"sizeof({name})"]
    for field in fields:
        asked += [f"offsetof({name}, {field})", f"sizeof((({name} *)0)->{field})"]
    size, *numbers = constants(bits, *asked)
    return Struct(size, {field: Field(*numbers[2 * i:2 * i + 2]) for i, field in enumerate(fields)})


@functools.lru_cache(maxsize=None)
def constants(bits: int, *expressions: str) -> list[int]:
    """What each comes to. It becomes a string in assembly, which gcc leaves to the assembler, and clang reads itself."""
    lines = "".join(f"#include <xen/{header}>\n" for header in HEADERS)
    lines += "void numbers(void)\n{\n" + "".join(f'asm(".ascii \\"@ %c0\\"" :: "i"({expression}));\n' for expression in expressions) + "}\n"
    command = [os.environ.get("CC") or "gcc", *os.environ.get("CFLAGS", "").split(), f"-m{bits}", *FLAGS, "-w", "-S", "-x", "c", "-o", "-", "-"]
    made = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
    if made.returncode:
        raise LookupError("Xen's public headers do not compile: " + (made.stderr.splitlines() or ["no message"])[0])
    return [int(number) for number in re.findall(r'"@ (-?\d+)"$', made.stdout, re.MULTILINE)]
