# SPDX-License-Identifier: GPL-2.0-only
"""Records a boot, and makes a page of it to scrub through: `make explore` and `make record`. Start at __main__.py.

The boot is recorded twice, and is the same both times. The first run (trace.py) tells every instruction of the guest and
every store, from a plugin in QEMU (recorder/). The second (registers.py) adds the registers, which take long to print,
and so leaves out the many turns of loops that the first has shown (recorder/loops.c).
"""
