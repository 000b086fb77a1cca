# SPDX-License-Identifier: GPL-2.0-only
"""A function in assembly that does not end: the processor runs on into the next one."""

import functools
import re
import subprocess

from .calls import IRET
from .rule import rule

_ENDS = re.compile(r"\t(?:rep[a-z]* |lock |bnd )*(l?jmp|[il]?ret|iretq?|lretq?|iret|ud2|hlt|sysret|call)[a-z]*\b")
_PADDING = re.compile(r"\t(?:nop|xchg +%ax,%ax|cs nop|data16|lea +0x0\(%esi)")
_LINE = re.compile(r"^ *([0-9a-f]+):(\t.*)$")
FEWEST = 8  # bytes that a log has of a block, at the least: so near to a function's beginning it begins


@functools.lru_cache(maxsize=1)
def open_ends(f) -> list[tuple[str, int, str, str]]:
    """Labels of assembly whose last instruction is no jump and no return: name, VA of that, its text, and the name of what is behind."""
    image = f.source.image
    symbols = sorted({s.value: s for s in image.all_symbols if s.value in f.source.code}.values(), key=lambda s: s.value) if image else []
    found = []
    for here, behind in zip(symbols, symbols[1:]):
        if not here.size and here.value not in (image.entry, f.source.va("startup_xen")):
            last = _last(f.source.path, here.value, behind.value)
            if last and not _ENDS.match(last[1]):
                found.append((here.name, last[0], last[1].strip(), behind.name))
    return found


def _last(path: str, start: int, stop: int) -> tuple[int, str] | None:
    said = subprocess.run(["objdump", "-d", "--no-show-raw-insn", f"--start-address={start:#x}", f"--stop-address={stop:#x}", path], capture_output=True,
                          text=True, check=False, stdin=subprocess.DEVNULL).stdout
    lines = [(int(m[1], 16), m[2]) for m in map(_LINE.match, said.splitlines()) if m and not _PADDING.match(m[2])]
    return lines[-1] if lines else None


@rule("ran-into-callback", "4-start-kernel: What a kernel sets up first", "failure", rank=-1)
def _(f):
    if f.panic.startswith("events: xen_hypervisor_callback has run") and " run 0 times" not in f.panic:
        ends = [f""" {name}'s last instruction is "{' '.join(text.split())}", at {f.source.place(va)}.""" for name, va, text, behind in open_ends(f)
                if behind == "xen_hypervisor_callback"]
        return f"""xen_hypervisor_callback handles events, and it has run before set_callbacks told Xen of it. So the kernel came there by itself: the code of the exceptions, which lies before it, ran on.{"".join(ends)} Each way out ends
            in a jump to hypercall_iret."""


@rule("ran-into-next", "7-debugging: Reading a crash", "crash", "failure", "vanished", "silence", "timeout", rank=-1)
def _(f):
    ran = {f.source.function(s.address) for part in (f.steps, *(x.way for x in (f.seen.faults if f.seen else ()))) for s in part}
    unlogged = f.seen and not f.steps and f.calls and f.calls[-1].name == IRET  # the log begins anew at a call
    for name, va, text, behind in open_ends(f):
        if name in ran or unlogged:
            return f"""{name}'s last instruction is "{' '.join(text.split())}", at {f.source.place(va)}, which is no jump and no return: the processor ran on into {behind}, which lies behind it."""
    return None
