# SPDX-License-Identifier: GPL-2.0-only
"""What several tables of rules ask of a run without Xen: a descriptor of the GDT, a gate of the IDT, and what is wrong with either."""

from __future__ import annotations

from .bare_state import EFER_LMA

OVERWRITTEN, LEADS, UNMAPPED = "it was written over", "it leads to ", "is not mapped"
BEYOND = "IDTR has the limit"


def descriptor(f, selector: int) -> tuple[int, str]:
    """One of the GDT; and why there is none, or why nobody can use it. A 0 if it cannot be read."""
    gdt = f.bare.state.gdt
    kind = f.number(gdt.start)
    where = f"the GDT at {gdt.start:#x}{f' ({kind})' if kind else ''}"
    data = f.bare.read(gdt.start + (selector & ~7), 8)
    if (selector & ~7) + 7 >= len(gdt):
        return 0, f"{where} has {len(gdt)} bytes, and ends before it: LGDT's limit is too small, or the selector is not the kernel's"
    if not data or not f.bare.state.paging and gdt.start + selector >= f.bare.size:
        walk = f.bare.walk(gdt.start)
        if f.bare.state.paging and walk and walk.problem:
            low = ". GDTR still holds the paddr that LGDT was given before paging was on: it has to be loaded again, with the GDT's linked VA, before P=V is dropped"
            return 0, f"{where} {UNMAPPED} at that VA ({walk.problem}){low if f.is_a(gdt.start, 'pv') else ''}"
        return 0, f"{where} is not in memory{f' ({walk.problem})' if walk and walk.problem else f', which ends at {f.bare.size:#x}'}" + \
            (": while paging is off, LGDT takes a paddr" if f.is_a(gdt.start, "linked") and not f.bare.state.paging else "")
    word = int.from_bytes(data, "little")
    wrong = _unusable(word, bool(f.bare.state["EFER"] & EFER_LMA))
    linked = f.source.linked(gdt.start)
    filed = int.from_bytes(f.source.bytes(linked[0] + (selector & ~7), 8), "little") if linked else word
    if wrong and filed != word and not _unusable(filed, bool(f.bare.state["EFER"] & EFER_LMA)):
        wrong += f". In the file it is {filed:#018x}: {OVERWRITTEN}"
    return word, f"its descriptor in {where} is {word:#018x}: {wrong}" if wrong else ""


def _unusable(word: int, long: bool) -> str:
    access, flags = word >> 40 & 0xFF, word >> 52 & 0xF
    return "it is empty" if not word else "it is not present (bit 47)" if not access & 0x80 else \
        "it is of the system, neither code nor data (bit 44)" if not access & 0x10 else \
        "it has the bits of 64-bit code and of 32-bit code (53 and 54), which exclude each other" if long and flags & 6 == 6 and access & 8 else \
        f"its ring is {access >> 5 & 3}" if access & 0x60 else ""


def is_code_segment(word: int) -> bool:
    return bool(word >> 43 & 1)


def gate(f, vector: int) -> str:
    """What is wrong with a gate of the kernel's IDT; empty if nothing is."""
    idt, size = f.bare.state.idt, 16 if f.bare.state["EFER"] & EFER_LMA else 8
    if (vector + 1) * size > len(idt):
        return f"the IDT at {idt.start:#x} ends before gate {vector:#x}: {BEYOND} {len(idt) - 1} ({len(idt)} bytes), and so {len(idt) // size} gates. A limit is the offset of the last byte, sizeof(idt) - 1"
    data = f.bare.read(idt.start + vector * size, size)
    word = int.from_bytes(data[:8], "little")
    if not data:
        walk = f.bare.walk(idt.start)
        return f"the IDT is at {idt.start:#x}, where nothing is mapped{f' ({walk.problem})' if walk and walk.problem else ''}"
    problem = "it is empty" if not word else "not present (bit 47)" if not word >> 47 & 1 else \
        f"its type is {word >> 40 & 15:#x}, neither an interrupt gate (14) nor a trap gate (15)" if word >> 40 & 15 not in (14, 15) else \
        _handler(f, vector, word & 0xFFFF | word >> 48 << 16 | int.from_bytes(data[8:12], "little") << 32) or _selector(f, word >> 16 & 0xFFFF)
    return problem and f"gate {vector:#x} of the IDT at {idt.start:#x} is {word:#018x}: {problem}"


def _selector(f, selector: int) -> str:
    word, wrong = descriptor(f, selector)
    if wrong or not is_code_segment(word):
        return f"its selector (bits 16 to 31) is {selector:#x}, and {wrong or f'descriptor {selector & ~7:#x} of the GDT is one of data'}"
    return ""


def _handler(f, vector: int, to: int) -> str:
    """Its own stub has to push the vector."""
    if not f.source.is_code(to) or f.source.linked(to)[1] != "VA":
        whole = to & 0xFFFFFFFF | f.source.offset >> 32 << 32
        halves = f". Its lower half is that of VA {whole:#x} ({f.source.name(whole)}), and the upper one, the gate's third word of 4 bytes, is {to >> 32:#x}, and should be {whole >> 32:#x}"
        upper = halves if f.bits == 64 and f.source.is_code(whole) else ""
        return f"{LEADS}{to:#x}, {f.source.place(to)}{upper}"
    stubs = f.source.va("pvh_trap_stubs")
    code = f.bare.read(to, 4).removeprefix(b"\x6a\0")
    if stubs is not None and vector < 20 and code[:2] != bytes((0x6A, vector)):
        return f"""it leads to {f.source.place(to)} (pvh_trap_stubs + {to - stubs:#x}), where the code does not push {vector}: it is no stub, or another's. In the assembly they have to
            be as far apart as the table takes them to be, TRAP_STUB_SIZE bytes, each aligned"""
    return ""
