# SPDX-License-Identifier: GPL-2.0-only
"""Page tables of a paravirtual guest, read from outside.

Knows nothing of GDB or QEMU: memory is anything with read_page(maddr), and the
registers are numbers. Start at guest.Guest.

Address words: VA; paddr and PFN (the guest's own numbering); maddr and MFN (the
machine's). Entries of page tables hold MFNs.
"""
