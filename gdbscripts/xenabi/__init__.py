# SPDX-License-Identifier: GPL-2.0-only
"""What a guest and Xen agree on, in files and in numbers: the image, its notes, the public headers, hypercalls.

Knows nothing of GDB or QEMU. ELF is read by pyelftools (Debian: python3-pyelftools).
"""
