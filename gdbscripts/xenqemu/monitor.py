# SPDX-License-Identifier: GPL-2.0-only
"""A client for QEMU's monitor (QMP): snapshots, the instruction count, logging."""

from __future__ import annotations

import calendar
import json
import re
import socket
import time
from typing import Any

from .packets import whole
from .patience import ANSWER

INTERRUPTS = 1 << 9  # EFLAGS.IF


class MonitorError(Exception):
    """The monitor refused, fell silent or went away."""


class Monitor:
    """One connection, to the UNIX socket at path, or one that is there already."""

    def __init__(self, path: str, limit: float = ANSWER, connection=None) -> None:
        self.socket = connection or socket.socket(socket.AF_UNIX)
        self.socket.settimeout(limit)
        self._limit = limit
        try:
            if not connection:
                self.socket.connect(path)
            self._file = self.socket.makefile("rw")
            self._file.readline()
        except OSError as error:
            raise MonitorError(f"QEMU's monitor at {path}: {error}") from error
        self.execute("qmp_capabilities")

    def close(self) -> None:
        """QEMU serves one at a time: now another may come."""
        self._file.close()
        self.socket.close()

    def execute(self, command: str, **arguments: object) -> Any:
        with whole():
            return self._execute(command, arguments)

    def _execute(self, command: str, arguments: dict[str, object]) -> Any:
        try:
            self._file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            self._file.flush()
            while True:
                answer = json.loads(self._file.readline())
                if "error" in answer:
                    raise MonitorError(answer["error"]["desc"])
                if "return" in answer:  # the rest are events
                    return answer["return"]
        except (OSError, ValueError) as error:
            raise MonitorError("QEMU is gone") from error

    def human(self, line: str) -> str:
        """A command of the monitor for people; its output, which is its only error, too."""
        return self.execute("human-monitor-command", **{"command-line": line})

    def order(self, line: str) -> None:
        """A command that prints nothing unless it is refused."""
        output = self.human(line).strip()
        if output:
            raise MonitorError(output)

    def blocks_of_one(self, on: bool) -> None:
        """Whether QEMU translates one instruction at a time; the command's name changed in QEMU 8.1, the old one left in 9."""
        word = "on" if on else "off"
        try:
            self.order(f"one-insn-per-tb {word}")
        except MonitorError:
            self.order(f"singlestep {word}")

    def icount(self) -> int:
        """Instructions executed since power-on, by everybody."""
        return self.execute("query-replay")["icount"]

    def clock(self) -> int:
        """The machine's own time in whole seconds, which runs with its instructions (tools/machine, -icount)."""
        now = self.execute("qom-get", path="/machine", property="rtc-time")
        year, month, *rest = (now["tm_" + part] for part in ("year", "mon", "mday", "hour", "min", "sec"))
        return calendar.timegm((1900 + year, 1 + month, *rest))

    def memory_size(self) -> int:
        return self.execute("query-memory-size-summary")["base-memory"]

    def save(self, name: str) -> None:
        self.order(f"savevm {name}")

    def load(self, name: str) -> None:
        self.order(f"loadvm {name}")

    def stop_by_failing_load(self) -> None:
        """The machine runs for a moment; a `loadvm` of what does not exist stops it before it looks for the snapshot."""
        self.execute("cont")
        answer = self.human("loadvm ?")
        if self.execute("query-status")["status"] != "restore-vm":
            raise MonitorError(f"QEMU does not stop for a snapshot: {answer.strip()}")

    def flushes(self) -> int:
        """How often QEMU has forgotten all the code that it had translated; 0 if it does not say."""
        return int((re.findall(r"^TB flush count +([0-9]+)", self.human("info jit"), re.MULTILINE) or "0")[0])

    def shut_down(self) -> bool:
        """Whether the machine has switched itself off, or tried to reset itself: then it cannot run on as it is."""
        return self.execute("query-status")["status"] == "shutdown"

    def wake(self) -> None:
        """Out of that state, for a checkpoint to be loaded: by a reset, which -no-reboot is told to allow this once."""
        if not self.shut_down():
            return
        end = time.monotonic() + self._limit
        self.execute("set-action", reboot="reset")
        self.execute("system_reset")
        while self.shut_down():
            if time.monotonic() > end:
                raise MonitorError("QEMU does not reset a machine that has shut itself down")
            time.sleep(0.01)
        self.execute("set-action", reboot="shutdown")

    def delete(self, name: str) -> None:
        self.order(f"delvm {name}")

    def halted(self) -> bool:
        """Whether the processor is halted and deaf to interrupts, in ring 0: a guest cannot bring that about."""
        registers = self.human("info registers")
        ring, halt = (re.search(rf"\b{name}=([0-9])", registers) for name in ("CPL", "HLT"))
        flags = re.search(r"\b[RE]FL=([0-9a-f]+)", registers)
        return bool(ring and halt and flags) and (ring[1], halt[1], int(flags[1], 16) & INTERRUPTS) == ("0", "1", 0)

    def ip(self) -> int | None:
        """Where the processor is, near enough, while the machine runs."""
        found = re.search(r"\b[RE]IP=([0-9a-f]+)", self.human("info registers"))
        return int(found[1], 16) if found else None

    def task_register_base(self) -> int:
        """Where Xen's TSS is; the stub does not tell."""
        for line in self.human("info registers").splitlines():
            if line.startswith("TR "):
                return int(line.split()[2], 16)
        raise MonitorError("info registers has no TR")
