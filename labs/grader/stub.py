# SPDX-License-Identifier: GPL-2.0-only
"""The remote protocol of GDB, as far as the grader needs it.

QEMU lets a debugger stop the machine, look at it and change it. The grader is
such a debugger. A packet is "$text#checksum" in either direction; numbers in
it are hexadecimal, registers and memory are bytes in hexadecimal, in the order
in which they lie in memory.

Used by machine.py. Every wait has an end.
Source: the GDB manual, appendix "Remote Protocol"; QEMU, target/i386/gdbstub.c.
"""

import select
import socket
import struct
import time

# QEMU's x86-64 registers in the order of the packet "g", to the last one of use.
GENERAL = "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip".split()
LAYOUT = "<17Q I 6I 3Q 6Q"
NAMES = GENERAL + ["eflags"] + "cs ss ds es fs gs".split() + \
    "fs_base gs_base k_gs_base cr0 cr2 cr3 cr4 cr8 efer".split()
WIDTH = {name: 4 if name in "eflags cs ss ds es fs gs".split() else 8 for name in NAMES}

READ_CHUNK, WRITE_CHUNK = 2048, 1024  # bytes; QEMU's packets hold some 4096 digits
PAUSE = 0.2  # seconds between two looks at a machine that runs


class Gone(Exception):
    """QEMU ended: the machine is no longer there."""


class Late(Exception):
    """The machine did not stop, or did not answer, in time."""


class Stub:
    def __init__(self, path, alive, seconds=10.0):
        """Connects to QEMU's socket. alive() tells whether QEMU still runs."""
        self.received = b""
        self.physical = None
        end = time.monotonic() + seconds
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if not alive():
                    raise Gone() from None
                if time.monotonic() > end:
                    raise Late() from None
                time.sleep(0.005)
        self.ask("QStartNoAckMode")
        # QEMU lets single registers be set only after it was asked how it describes them.
        self.ask("qXfer:features:read:target.xml:0,800")

    def close(self):
        self.socket.close()

    def send(self, text):
        packet = text.encode()
        try:
            self.socket.sendall(b"$%s#%02x" % (packet, sum(packet) & 0xff))
        except OSError:
            raise Gone() from None

    def receive(self, seconds):
        end = time.monotonic() + seconds
        while True:
            start = self.received.find(b"$")
            stop = self.received.find(b"#", start) if start >= 0 else -1
            if stop >= 0 and len(self.received) >= stop + 3:
                text = self.received[start + 1:stop].decode()
                self.received = self.received[stop + 3:]
                return text
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise Late()
            try:
                more = self.socket.recv(65536)
            except OSError:
                more = b""
            if not more:
                raise Gone()
            self.received += more

    def ask(self, text, seconds=10.0):
        self.send(text)
        return self.receive(seconds)

    def must(self, text):
        answer = self.ask(text)
        if answer != "OK":
            raise RuntimeError(f"QEMU's debugger port answers {answer!r} to {text[:40]!r}")

    # ---- running -----------------------------------------------------------

    def breakpoint(self, address):
        self.must(f"Z1,{address:x},1")

    def remove(self, address):
        self.must(f"z1,{address:x},1")

    def go(self, late):
        """Runs to the next breakpoint; now and then the machine is paused and asked whether it is late(): then Late is raised."""
        while True:
            self.send("c")
            try:
                return self.stopped(self.receive(PAUSE))
            except Late:
                if self.interrupt() != "02":  # SIGINT: nothing else has stopped it meanwhile
                    return None
                if late():
                    raise

    def step(self):
        self.stopped(self.ask("s"))

    @staticmethod
    def stopped(answer):
        """The number of the signal that a stop is told as."""
        if answer[:1] in "WX":
            raise Gone()
        return answer[1:3]

    def interrupt(self):
        self.socket.sendall(b"\x03")
        return self.stopped(self.receive(30.0))

    def monitor(self, command):
        """What QEMU's monitor answers to a command."""
        answer, text = self.ask("qRcmd," + command.encode().hex()), b""
        while answer[:1] == "O" and answer != "OK":
            text += bytes.fromhex(answer[1:])
            answer = self.receive(10.0)
        return text.decode()

    # ---- looking, and changing -----------------------------------------------

    def registers(self):
        data = bytes.fromhex(self.ask("g"))
        return dict(zip(NAMES, struct.unpack_from(LAYOUT, data)))

    def set_register(self, name, value):
        data = value.to_bytes(WIDTH[name], "little")
        self.must(f"P{NAMES.index(name):x}={data.hex()}")

    def space(self, physical):
        if physical != self.physical:
            self.must(f"Qqemu.PhyMemMode:{int(physical)}")
            self.physical = physical

    def read(self, address, size, physical=False):
        """Bytes of memory, by virtual or by machine address; None if there is none."""
        self.space(physical)
        data = b""
        while len(data) < size:
            count = min(size - len(data), READ_CHUNK)
            answer = self.ask(f"m{address + len(data):x},{count:x}")
            if answer[:1] == "E" and len(answer) == 3:
                return None
            data += bytes.fromhex(answer)
        return data

    def write(self, address, data, physical=False):
        self.space(physical)
        for at in range(0, len(data), WRITE_CHUNK):
            part = data[at:at + WRITE_CHUNK]
            self.must(f"M{address + at:x},{len(part):x}:{part.hex()}")
