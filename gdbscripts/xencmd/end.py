# SPDX-License-Identifier: GPL-2.0-only
"""`xen end`: to the last moment at which the guest can still be looked at."""

import gdb

from .arguments import none
from .hypercalls import visit, watched
from .inside_xen import guest_side
from .log import follower
from .places import at_end, ends
from .running import Wait
from .session import session
from .style import say
from .time import moving


class End(gdb.Command):
    """Run to the end of the boot: xen end.

    That is where the image reports how it went, or where Xen is about to end a
    guest that crashed. Page tables are still there to be looked at."""

    def __init__(self):
        super().__init__("xen end", gdb.COMMAND_RUNNING, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        none(argument, "xen end")
        session.kits("this needs the console's transcript, to see that nothing happens any more")
        stub, places = session.stub, ends()
        with moving():
            with stub.breakpoints(set(places) | watched()):
                if at_end():
                    raise gdb.GdbError("this is the end already")
                wait = Wait(session.machine, "on the way to the end", follower.show)
                while wait.run(stub) and visit(stub):
                    pass
            registers = stub.registers()
            follower.show()
            if registers.rip not in places and not wait.over:
                return  # the reader has been told why
            say(f"the end: {places.get(registers.rip, f'{wait.over}; this is where it was stopped')}")
            if registers.in_xen and registers.rip not in places:
                say(f"in Xen, {guest_side()}")


End()
