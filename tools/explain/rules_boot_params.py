# SPDX-License-Identifier: GPL-2.0-only
"""Stage 5: boot_params and start_info, and which of the two came to where it should."""

from __future__ import annotations

from .rule import rule
from .rules_bzimage import LESSON
from .subarch import HEADER, MAGIC, SUBARCH, SUBARCH_DATA, SUBARCH_XEN, field


@rule("boot-params-elsewhere", LESSON + ": Subarch", "crash", "failure", rank=-1)
def _(f):
    """The head went on by a copy that is not in boot_params, where all that follows looks for it."""
    at = f.source.va("boot_params")
    if at is None or not f.seen or "hardware_subarch is" in f.panic or field(f, "xen_boot_params", HEADER) != MAGIC or field(f, "xen_boot_params", SUBARCH) != SUBARCH_XEN:
        return None
    if not any(f.source.function(step.address) == "xen_entry" for step in f.steps):
        return None
    there = {field(f, "boot_params", offset) for offset in (HEADER, SUBARCH, SUBARCH_DATA)}
    if there != {0}:
        return None
    page0 = " It stands from address 0 on: the register was 0." if f.seen.peek(HEADER, 4) == b"HdrS" else ""
    return f"""boot_params, P=V {at - f.source.offset & f.mask:#x}, is empty, and what the shim has written into xen_boot_params is good. The common head (head_{f.bits}.S) copies that to boot_params, and jumps by the copy: it went on to xen_entry(), so it had one, elsewhere.{page0} Does EDI (RDI), and what it reads the
        field by, hold the address of boot_params? Without it xen_entry() takes 0 for start_info, and whatever it reads there is wrong."""


@rule("info-wrong", LESSON + ": Subarch", "crash", "failure", rank=-1)
def _(f):
    """The head has done its part."""
    told = f.seen.probes.strange if f.seen and f.seen.probes and f.bzimage else None
    if not told or told.name != "setup_hypercall_page" or field(f, "boot_params", SUBARCH_DATA, f.bits // 8) != f.seen.start_info:
        return None
    at = f.source.va("boot_params")
    itself = at is not None and told.args[0] == (at - f.source.offset & f.mask) + SUBARCH_DATA
    its = "the address of the field itself, and not what stands in it" if itself else "something else"
    return f"""setup_hypercall_page() was given {told.args[0]:#x} for start_info{f" ({f.number(told.args[0])})" if f.number(told.args[0]) else ""}, and start_info is at P=V {f.seen.start_info:#x}, which is what boot_params' hardware_subarch_data (0x240) holds. xen_entry() took {its}."""


@rule("start_info-lost", LESSON + ": Subarch", "crash", "failure")
def _(f):
    shim = (field(f, "boot_params", HEADER), field(f, "boot_params", SUBARCH))
    told = field(f, "boot_params", SUBARCH_DATA, 8) if f.seen else None
    if told is not None and (shim[0] == MAGIC or shim[1] == SUBARCH_XEN) and told != f.seen.start_info:
        return f"""boot_params' hardware_subarch_data (0x240), from which xen_entry() takes the address of start_info, holds {told:#x}
            {f" ({f.number(told)})" if f.number(told) else ""}, and Xen passed P=V {f.seen.start_info:#x} in ESI (RSI). The shim has to store that register there before it
            uses it for anything else, and the common head has to copy the field."""
