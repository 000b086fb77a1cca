# SPDX-License-Identifier: GPL-2.0-only
"""Bad arguments, and a machine that runs: a line each. Run by tests/gdb/session.bash; nothing can come after it."""

import sys

sys.path.insert(0, "tests/gdb")

import gdb
from inside import LOOKS, TRAVELS, check, refused, run


@check
def bad_arguments_are_refused():
    for command, words in (
            ("pt everything", "everything is not known here"), ("pt walk", "usage: xen pt walk ADDR"),
            ("pt walk no_such_thing", "no_such_thing"), ("pt walk 1 +", "usage: xen pt walk ADDR"),
            ("pt aliases", "usage: xen pt aliases ADDR"), ("pt aliases pfn 0x7fffffff", "is beyond the guest's"),
            ("pt save", "usage: xen pt save FILE"), ("pt save a b", "usage: xen pt save FILE"),
            ("pt save /none/x", "/none/x: No such file or directory"), ("pt diff", "usage: xen pt diff FILE [FILE]"),
            ("pt diff /none/x", "/none/x: No such file or directory"), ("pt diff Makefile", "Makefile is no snapshot"),
            ("pt diff build/xen/xen", "build/xen/xen is no snapshot"), ("pt svg", "usage: xen pt svg FILE [BEFORE]"),
            ("pt svg /none/x", "/none/x: No such file or directory"), ("pt svg x Makefile", "Makefile is no snapshot"),
            ("p2m", "usage: xen p2m PFN"), ("p2m 0x7fffffff", "is beyond the guest's"), ("m2p", "usage: xen m2p MFN"),
            ("m2p 0x7fffffffff", "is beyond the m2p"), ("frame", "usage: xen frame MFN"),
            ("frame 0x7fffffff", "Xen keeps nothing about MFN"), ("back -1", "between 1 and 1000000"),
            ("back x", "usage: xen back [N]"), ("back to", "usage: xen back"), ("attach", "usage: xen attach FOLDER IMAGE")):
        refused(command, words)


@check
def while_the_machine_runs_each_command_says_so():
    gdb.execute("continue &", to_string=True)
    for command in (*LOOKS, *TRAVELS, "hypercalls on"):
        refused(command, "the machine is running: stop it with Ctrl-C first")


run()
