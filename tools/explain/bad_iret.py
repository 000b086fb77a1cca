# SPDX-License-Identifier: GPL-2.0-only
"""What the iret hypercall was given for a frame, if that is none of Xen's, and how far off the right one lies."""

from .calls import AROUND
from .entry_code import by_code, no_flags
from .frames import CS_IN_FRAME, right_cs

RPL = 0xFFFC  # a selector without its ring, which Xen clears for a 64-bit kernel


def bad_iret(f) -> str:
    """What the iret hypercall was given that is no frame of Xen's."""
    before = f.calls[:f.fault.calls] if f.fault else f.calls  # a handler may have printed since
    last = before[-1] if before else None
    word = f.bits // 8
    words = [int.from_bytes(last.data[at:at + word], "little") for at in range(0, len(last.data), word)] if last and last.name == "iret" else []
    at = AROUND + CS_IN_FRAME[f.bits]
    if len(words) <= at or words[at] & RPL == right_cs(f) & RPL:
        return ""
    near = [n - at for n, w in enumerate(words) if w & RPL == right_cs(f) & RPL and f.source.linked(words[n - 1])]
    off = min(near, key=abs) if near else 0
    if not off and f.source.linked(words[at - 1]):
        return ""  # where it was interrupted is right: CS itself was changed, which bad-selector says
    count = f"{abs(off)} word{'s' if abs(off) > 1 else ''}"
    flags = no_flags(f) if off == -1 else ""
    if flags:
        return f"""The way back from a handler, the iret hypercall, was given a frame with RIP {words[at - 1]:#x} and CS {words[at] & 0xFFFF:#x}, and the code segment is {right_cs(f):#x}: one word too few was pushed, the flags for iret, a 0, which Xen takes off before RIP. So it took
            RIP for the flags, CS for RIP, and so on. It is {flags}."""
    how = f"the frame that Xen had pushed lies {count} {'further up: so much was left on the stack' if off > 0 else 'below: so much too much was taken off the stack'}" \
        if off else "EIP is the segment and CS the flags, so one word too much was taken off the stack" if words[at - 1] == right_cs(f) else "no frame of Xen's is near"
    below = ", and EIP (RIP) is the word right below it" if off == 1 else ""
    return f"""The way back from a handler, the iret hypercall, was given a frame with EIP (RIP) {words[at - 1]:#x} and CS {words[at] & 0xFFFF:#x}, and the code segment is
        {right_cs(f):#x}: {how}{below}. {by_code(f) or f"What the entry pushes has to be taken off again, word by word{', with the flags for iret, one word, pushed last' if f.bits == 64 else ''}."}"""
