# SPDX-License-Identifier: GPL-2.0-only
"""An editor's GDB at a served machine: what .vscode/launch.json asks for, in the words of GDB's MI. Run by tests/gdb/all.bats.

    editor.py LAUNCH.json

Does what the extension cpptools does with it: the program, the connection, its commands, a breakpoint, continue.
"""

import json
import subprocess
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    settings = json.load(file)["configurations"][0]
program = settings["program"].replace("${workspaceFolder}/", "")
steps = [
    "-gdb-set mi-async on", f"-file-exec-and-symbols {program}",
    f"-target-select remote {settings['miDebuggerServerAddress']}",
    *(f'-interpreter-exec console "{command["text"]}"' for command in settings["postRemoteConnectCommands"]),
    "-break-insert -h remap_kernel", "-exec-continue",
]
debugger = subprocess.Popen([settings["miDebuggerPath"], "--interpreter=mi3", "-q", *settings["miDebuggerArgs"].split()],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def until(*beginnings):
    """Reads up to a line that begins so."""
    while True:
        line = debugger.stdout.readline()
        assert line, "GDB ended"
        print(line, end="", flush=True)
        assert not line.startswith("^error"), line
        if line.startswith(beginnings):
            return line


for step in steps:
    print(f"> {step}", flush=True)
    print(step, file=debugger.stdin, flush=True)
    until("^done", "^connected", "^running")
stop = until("*stopped,reason=")
assert 'reason="breakpoint-hit"' in stop and 'func="remap_kernel"' in stop and "remap.c" in stop, stop
for step, words in (('-interpreter-exec console "xen back 1"', "~\"#0  "), ("-stack-list-frames", "^done,stack="),
                    ('-interpreter-exec console "xen pt 0x100000"', '~"0x00100000-0x00100fff')):
    print(step, file=debugger.stdin, flush=True)
    until(words)
print("-gdb-exit", file=debugger.stdin, flush=True)
print("an editor's GDB succeeded")
