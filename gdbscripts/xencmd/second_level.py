# SPDX-License-Identifier: GPL-2.0-only
"""A PVH guest of Xen's: where its second level of tables is, and the way for GDB through it.

QEMU's debugging stub takes the addresses in a guest's tables for the machine's. So for such a guest GDB is connected to a
process beside it that translates (xenqemu/nested_stub.py).
"""

import os
import socket
import subprocess

from xenpt import nested
from xenqemu.machine import TOP
from xenqemu.packets import StubError

from .ram import Ram


def find(stub):
    """The root of the second level, at a moment when the guest runs: a maddr."""
    with stub.physical():
        root = nested.root_of(lambda pieces: list(stub.read_pieces(pieces)), Ram(stub).ranges)
    if root is None:
        raise StubError("the guest's second level of page tables is not found: no page of the machine's memory describes its "
                        "processor as AMD's VMCB does")
    return root


def serve(folder, root):
    """The path of a socket in a machine's folder, at which its memory is the guest's."""
    path = os.path.join(folder, "nested")
    if not os.path.exists(path):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen(1)
            # A session of its own: Ctrl-C in the terminal is GDB's.
            subprocess.Popen(["setpriv", "--pdeathsig", "KILL", os.path.join(TOP, "tools/python"), "-m", "xenqemu.nested_stub",
                              os.path.join(folder, "stub"), f"{root:#x}"],
                             stdin=server, stdout=subprocess.DEVNULL, start_new_session=True)
    return path
