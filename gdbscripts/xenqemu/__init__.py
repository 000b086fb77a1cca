# SPDX-License-Identifier: GPL-2.0-only
"""QEMU from outside: its debugging stub, its monitor, and going back in time.

Knows nothing of GDB: scripts may use it alone.
"""
