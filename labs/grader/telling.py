# SPDX-License-Identifier: GPL-2.0-only
"""How to speak of a boot: what was printed, where it stopped, how it ended.

A part of a session (session.py). What a guest prints is quoted, and counts for nothing.
"""

import os
import re
import subprocess

from xenqemu.packets import Stuck
from xenqemu.patience import patiently

from .machine import End, Fault, Loop, Stop

EXCEPTIONS = {0: "division error", 3: "breakpoint", 6: "undefined instruction", 8: "double fault",
              13: "general protection fault", 14: "page fault"}


class Telling:
    def text(self, name):
        try:
            with open(os.path.join(self.folder, name), encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def guest_lines(self):
        return [line.rstrip("\r") for line in self.text("log").split("\n")
                if line.strip() and not line.startswith("(XEN)")]

    def xen_says(self):
        """Xen's last word on what the guest asked for, without its prefix; empty if there is none."""
        lines = re.findall(r"^\(XEN\) (?:\S+:\d+:)?d\d+v\d+ (.*?)\r?$", self.text("log"), re.M)
        return lines[-1] if lines else ""

    def where(self, address):
        """Function and line, for an address P=V or linked."""
        guest = self.guest
        linked = address if self.elf.symbol_at(address) else address + guest.load_offset & guest.mask
        symbol = self.elf.symbol_at(linked)
        if not symbol:
            return f"at {address:#x}, where the image has no code"
        try:
            hidden = ["tools/sandbox", "-r", self.symbols] if os.environ.get("SANDBOX") else []
            found = subprocess.run([*hidden, "addr2line", "-e", self.symbols, f"{linked:#x}"], capture_output=True,
                                   text=True, timeout=patiently(300), check=False).stdout.split()[0]
        except (OSError, IndexError, subprocess.TimeoutExpired):
            found = "?"
        line = re.sub(r"^.*/((work|src|labs)/)", r"\1", found)
        line = re.sub(rf"^.*{re.escape(self.lab.work)}/", self.lab.work + "/", line)
        return f"in {symbol.name}()" + ("" if "?" in line else f", {line}")

    def how_it_ended(self, event):
        """A sentence, if the kernel did not get where it should."""
        if isinstance(event, Stop) and event.name not in ("xen_exit", "not_under_xen"):
            return ""
        return "Instead: " + self.describe(event) + "."

    def describe(self, event):
        """How the kernel ended, or where it stopped."""
        if isinstance(event, Fault):
            name = EXCEPTIONS.get(event.vector, f"exception {event.vector}")
            about = f" at VA {event.cr2:#x}" if event.vector == 14 else ""
            return f"{name}{about} {self.where(event.ip)}"
        if isinstance(event, Loop):
            return f"no end in sight: still running after some seconds, {self.where(event.regs['rip'])}"
        if isinstance(event, Stop) and event.name == "xen_exit":
            said = [line for line in self.guest_lines() if "PANIC" in line][-1:]
            return f'the kernel gave up: "{said[0].strip()}"' if said else "the kernel ended itself"
        if isinstance(event, End) and event.stuck_at is not None:
            return f"QEMU hangs {self.where(event.stuck_at)}. {Stuck.WHY}"
        if isinstance(event, End):
            return "the machine ended" + (f" (Xen: {self.xen_says()})" if self.xen_says() else "")
        return f"stopped at {event.name}"
