# SPDX-License-Identifier: GPL-2.0-only
"""What Xen writes into a hypercall page."""

from xenabi.headers import value

IRET = value("__HYPERVISOR_iret")


def good_stub(stub, number, bits):
    """Xen's stub: it loads the hypercall's number and enters Xen. iret is made differently."""
    load = b"\xb8" + number.to_bytes(4, "little")
    if bits == 64:
        return load + b"\x0f\x05" in stub
    return load + b"\xcd\x82" in stub and (number == IRET or stub[7] == 0xc3)
