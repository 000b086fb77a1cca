# SPDX-License-Identifier: GPL-2.0-only
"""An editor's GDB at a served machine, as a debugger adapter (DAP, GDB 14 and later). Run by tests/gdb/all.bats.

    dap.py STUB ELF
"""

import json
import subprocess
import sys

debugger = subprocess.Popen(["gdb", "-i=dap", "-q", "-nx", "-x", "gdbscripts/xen.gdb", sys.argv[2]],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
sent = 0


def send(command, **arguments):
    """Sends a request; its number."""
    global sent
    sent += 1
    data = json.dumps({"seq": sent, "type": "request", "command": command, "arguments": arguments}).encode()
    debugger.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
    debugger.stdin.flush()
    return sent


def until(wanted):
    """Reads up to a message that is wanted."""
    while True:
        size = 0
        while (line := debugger.stdout.readline()) != b"\r\n":
            assert line, "GDB ended"
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        message = json.loads(debugger.stdout.read(size))
        assert message["type"] != "response" or message["success"], message
        if wanted(message):
            return message.get("body", {})


def event(name):
    return until(lambda m: m.get("event") == name)


def request(command, **arguments):
    number = send(command, **arguments)
    return until(lambda m: m["type"] == "response" and m["request_seq"] == number)


def evaluate(command, words):
    said = request("evaluate", expression=command, context="repl")["result"]
    assert words in said, said


request("initialize", adapterID="gdb", linesStartAt1=True, columnsStartAt1=True)
send("attach", target=sys.argv[1], program=sys.argv[2])
event("initialized")
request("setFunctionBreakpoints", breakpoints=[{"name": "remap_kernel"}])
request("configurationDone")
event("stopped")
evaluate("xen connect", "connected; the machine stands at VA 0x100000")
thread = request("threads")["threads"][0]["id"]
request("continue", threadId=thread)
event("stopped")
frames = request("stackTrace", threadId=thread)["stackFrames"]
assert frames[0]["name"] == "remap_kernel" and frames[0]["source"]["name"] == "remap.c", frames
evaluate("xen pt", "0x00000000-0x0010afff")
evaluate("xen back 1", "xen_entry")
request("next", threadId=thread, granularity="instruction")  # an editor looks again when GDB has seen a stop
event("stopped")
assert request("stackTrace", threadId=thread)["stackFrames"], "no frames"
send("disconnect", terminateDebuggee=False)
print("an editor's GDB succeeded, over DAP")
