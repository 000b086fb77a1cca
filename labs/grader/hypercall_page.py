# SPDX-License-Identifier: GPL-2.0-only
"""What Xen writes into a hypercall page."""

from xenabi.headers import value

PAGE, STUB = 4096, 32
IRET = value("__HYPERVISOR_iret")


def good_stub(stub, number, bits):
    """Xen's stub: it loads the hypercall's number and enters Xen. iret is made differently."""
    load = b"\xb8" + number.to_bytes(4, "little")
    if bits == 64:
        return load + b"\x0f\x05" in stub
    return load + b"\xcd\x82" in stub and (number == IRET or stub[7] == 0xc3)


def bad_stubs(guest):
    """Numbers of the stubs that are none of Xen's, in a hypercall page that Xen has filled."""
    at = guest.paddr("hypercall_page")
    page = guest.read(at, PAGE) if at is not None else b""
    return [n for n in range(len(page) // STUB) if any(page) and not good_stub(page[STUB * n:STUB * (n + 1)], n, guest.bits)]
