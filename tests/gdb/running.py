# SPDX-License-Identifier: GPL-2.0-only
"""Bad arguments, and a machine that runs: a line each. Run by tests/gdb/session.bash; nothing can come after it."""

import gdb
from inside import LOOKS, TRAVELS, check, refused, run, session, xen


@check
def bad_arguments_are_refused():
    for command, words in (
            ("pt everything", "usage: xen pt [all]"), ("pt 2-1", "the last is before the first"), ("pt pfn", "usage: xen pt"),
            ("pt walk", "usage: xen pt walk ADDR"),
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
            ("back to *", "usage: xen back to LOCATION"), ("back to if x", "usage: xen back to LOCATION"),
            ("back to 'x", "usage: xen back to LOCATION"), ("p2m 1.5", "is no number"), ('m2p "x"', "is no number"),
            ('checkpoint a"b', "usage: xen checkpoint [NAME]"), ("back x", "usage: xen back [N]"), ("back to", "usage: xen back"),
            ("end now", "usage: xen end"), ("notes all", "usage: xen notes"),
            ("start-info 1", "usage: xen start-info"), ("checkpoint entry", "stays there: use another name"),
            ("log x", "usage: xen log"), ("log 0", "usage: xen log"), ("log on off", "usage: xen log"), ("nothing", "`xen` alone lists the commands"), ("attach", "usage: xen attach FOLDER IMAGE")):
        refused(command, words)


@check
def an_address_too_long_is_refused():
    if session.image.bits == 32:
        refused("pt walk 0x100001000", "has more than 32 bits")


@check
def the_kernel_is_never_executed_on_this_host():
    for command in ("run", "r", "start", "starti", "kill", "k"):
        try:
            gdb.execute(command, to_string=True)
        except gdb.error as error:
            assert "is refused: it would" in str(error) and "`xen restart entry`" in str(error), error
        else:
            raise AssertionError(f"{command} was executed")


@check
def xen_alone_lists_and_the_log_is_there():
    assert "xen log -- " in gdb.execute("xen", to_string=True)
    whole, last = (gdb.execute(command, to_string=True).splitlines() for command in ("xen log", "xen log 2"))
    assert len(whole) > 10 and whole[-2:] == last, last


@check
def the_log_is_that_of_the_moment_and_new_lines_come_if_they_are_wanted():
    gdb.execute("thbreak xen_exit", to_string=True)
    before = xen("log")
    xen("log on")
    said = gdb.execute("continue", to_string=True)
    after = xen("log")
    assert after.startswith(before) and after != before
    assert after.removeprefix(before).strip() in said.replace("\n\n", "\n"), said
    xen("log off")
    xen("back 2")
    xen("restart entry")
    assert xen("log") == before


@check
def gdb_may_go_to_another_folder():
    gdb.execute("cd /", to_string=True)
    assert xen("log 1")
    gdb.execute("stepi", to_string=True)
    xen("back 1")


@check
def while_the_machine_runs_each_command_says_so():
    gdb.execute("continue &", to_string=True)
    for command in (*LOOKS, *TRAVELS, "hypercalls on"):
        refused(command, "the machine is running: stop it with Ctrl-C first")


run()
