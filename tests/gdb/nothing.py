# SPDX-License-Identifier: GPL-2.0-only
"""GDB with the commands, and nothing else: no image, no machine. Run by tests/gdb.bats."""

import gdb
from inside import LOOKS, TRAVELS, check, refused, run


@check
def without_a_machine_each_command_says_what_to_do():
    for command in (*LOOKS, *TRAVELS, "hypercalls on"):
        refused(command, "not connected to QEMU: start with `make gdb STAGE=n`")
    refused("notes", "no image is loaded: start with `make gdb STAGE=n`")


@check
def each_command_has_help():
    commands = [line.split(" -- ") for line in gdb.execute("help xen", to_string=True).splitlines() if " -- " in line]
    commands += [line.split(" -- ") for line in gdb.execute("help xen pt", to_string=True).splitlines() if " -- " in line]
    assert len(commands) >= 17, commands
    for name, summary in commands:
        assert summary.strip() and "not documented" not in summary, name


run()
