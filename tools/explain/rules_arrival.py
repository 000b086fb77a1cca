# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel found wrong where it had arrived: at which address its code runs, and on which stack."""

import re

from .bare_questions import PVH
from .facts import Facts
from .questions import JUMP, hexadecimals
from .rule import rule

NEAR_ENTRY = 0x200  # bytes: so much a few calls push
SLOP = 64  # bytes below a stack's lower end: what a function has pushed there


def arrived(f: Facts, what: str) -> str:
    """The function whose address, or stack, verify_arrival() found wrong: "jump" or "stack"; empty if it did not."""
    told = re.match(rf"{what}: (\w+_start_kernel)(?:'s is at VA| runs at VA)", f.panic)
    return told[1] if told else ""


def _low(f: Facts, name: str) -> str:
    at, linked = hexadecimals(f.panic)[:2]
    where = f"VA {at:#x}, in the mapping of all memory at PAGE_OFFSET" if at >= f.page_offset else f"P=V {at:#x}"
    return f"""{name}() runs at {where}, and the image is linked for VA {linked:#x} and up (LOAD_OFFSET). A relative jump does not leave the mapping
        it runs in, nor does one to the P=V address: it takes a register that holds the linked VA, which is LOAD_OFFSET more{
        ", and not PAGE_OFFSET" if f.bits == 64 else ""}."""


@rule("jump-stays-low", JUMP + ": A jump that stays low", "failure")
def _(f):
    name = arrived(f, "jump")
    return _low(f, name) if name == "xen_start_kernel" else None


@rule("jump-stays-low", PVH, "failure")
def _(f):
    name = arrived(f, "jump")
    return f"{_low(f, name)} See jump_to() in {_caller(name)}, and linked_va()." if name and name != "xen_start_kernel" else None


def _caller(name: str) -> str:
    return {"native_start_kernel": "native_entry()", "pvh_start_kernel": "pvh_entry()"}.get(name, "what leads there")


def _below_code(f: Facts, at: int) -> str:
    """That a stack pointer was the address of the function that was jumped to."""
    name = arrived(f, "stack")
    begin = f.source.va(name) or 0
    return f"in the code, {begin - at:#x} bytes below {name}(), which was jumped to: the stack pointer got the address of the code, jump_to()'s first argument, and not the second" if 0 <= begin - at < NEAR_ENTRY and f.source.is_code(at) else ""


def _elsewhere(f: Facts) -> str:
    at, top = hexadecimals(f.panic)[:2]
    begin, end = f.source.va("init_stack"), f.source.top_of("init_stack")
    bottom = top - (end - begin if begin and end else 0x2000)
    word = f.bits // 8
    if bottom <= at < top and at % word:
        return f"The stack pointer, VA {at:#x}, is no multiple of {word}: a stack consists of words, and its top is VA {top:#x}, one past its last byte, not that byte."
    if top <= at < top + SLOP:
        return f"The frame is at VA {at:#x}, {at - top:#x} bytes above the top of init_stack, VA {top:#x}, or right at it: on the way there nothing was pushed, or more was taken off. A function that is jumped to expects a return address on its stack, for which jump_to() pushes a 0."
    low = bottom <= at + f.source.offset & f.mask < top
    kind = "inside init_stack, but not at its upper end" if bottom <= at < top else \
        "just below init_stack: its lower end was taken for its top" if bottom - SLOP <= at < bottom else \
        "init_stack's P=V address, which is mapped no more once P=V is dropped: the stack pointer takes its linked VA, LOAD_OFFSET more (linked_va())" if low and at < f.source.offset else \
        "that stack by the mapping of all memory, PAGE_OFFSET more than its paddr: what is in the image has its VA LOAD_OFFSET above it (linked_va())" if f.bits == 64 and bottom <= at - f.page_offset + f.source.offset & f.mask <= top else \
        _below_code(f, at) or f.number(at) or "no stack of the kernel's"
    return f"""The jump did not land on the top of init_stack: VA {at:#x} is {kind}. The top of init_stack is VA {top:#x}, and a stack is used from its
        upper end downwards."""


@rule("stack-elsewhere", JUMP + ": The jump", "failure")
def _(f):
    return _elsewhere(f) if arrived(f, "stack") == "xen_start_kernel" else None


@rule("stack-elsewhere", PVH, "failure")
def _(f):
    name = arrived(f, "stack")
    return f"{_elsewhere(f)} The second argument of jump_to() in {_caller(name)} is that top." if name and name != "xen_start_kernel" else None


@rule("stack-not-taken", PVH, "failure")
def _(f):
    told = re.match(r"stack: pvh_entry's is at paddr 0x([0-9a-f]+), not in init_stack, paddr 0x([0-9a-f]+)", f.panic)
    begin, end = f.source.va("init_stack"), f.source.top_of("init_stack")
    if not told or begin is None or end is None:
        return None
    at, bottom = (int(n, 16) for n in told.groups())
    top, pointer = bottom + end - begin, "RSP" if f.bits == 64 else "ESP"
    first = f.steps[0].registers.get("RSP", f.steps[0].registers.get("ESP", 0)) if f.steps else 0
    kind = "just below it: its lower end was loaded, and a stack is used from its upper end downwards" if bottom - 2 * SLOP <= at < bottom else \
        "at or above its top" if top <= at < top + 2 * SLOP else f"the loader's: {pointer} was {first:#x} at the first instruction already, and the contract promises no stack" if 0 <= first - at < SLOP else \
        f.number(at) or "no memory of the kernel's"
    head = f.source.va("startup_pvh")
    return f"""pvh_entry() runs on a stack at paddr {at:#x}, which is {kind}. The head, {f.source.place(head) if head is not None else "startup_pvh"}, has to load {pointer} with the top of init_stack, paddr {top:#x},
        before it pushes or calls anything; here no such value came into {pointer}, or another one took its place."""
