# SPDX-License-Identifier: GPL-2.0-only
"""Which hypercall Xen got, and what it was to print: console_io's text and its arguments, and another call than was meant. Stage 2."""

import re

from xenabi.headers import names, value

from .calls import MOST_TEXT
from .rule import rule
from .rules_hypercall import LESSON
from .msr_value import about

SAMPLE, LONGEST = 8, 1 << 16  # characters of a text


@rule("line-without-end", LESSON + ": Why a page", "mute")
def _(f):
    """Of text that Xen has printed, and that does not end as a line does."""
    texts = [(c, c.data[:c.args[1]]) for c in f.calls if c.name == "console_io" and not c.args[0] and c.data]
    if not texts or texts[-1][1].endswith(b"\n") or any(c.args[1] > LONGEST or not text.decode("latin-1").replace("\n", "").isprintable() for c, text in texts):
        return None
    call, text = next(((c, text) for c, text in texts if b"\n" not in text), texts[-1])
    shown = text.decode("latin-1").rstrip("\r\n")
    behind = call.data[call.args[1]:].partition(b"\n")
    if not any(b"\n" in text for _, text in texts) and len(texts) > 1:
        goes_on = f'"{behind[0].decode("latin-1")}" and the newline follow' if behind[0] else "the newline follows"
        return f"""None of the {len(texts)} texts that console_io got ends as a line does, by a newline. The first has {call.args[1]} bytes, "{shown}"{f", and in memory {goes_on}" if behind[1] else ""}: the
            count is too small."""
    last = texts[-1][1].decode("latin-1")
    return f"""The last text that was printed, "{last}", has no newline at its end, so its line is not complete. Each line that a stage prints ends in one; or
        console_io's count, {texts[-1][0].args[1]}, is too small, and the newline was not passed on."""


def is_text(data: bytes) -> bool:
    return all(0x20 <= byte < 0x7F or byte in b"\n\t" for byte in data)


@rule("text-beyond-end", LESSON + ": Why a page", "mute", "silence", "timeout")
def _(f):
    """A byte 0 ends a text, and is none of it."""
    texts = [c.data[:c.args[1]] for c in f.calls if c.name == "console_io" and not c.args[0] and c.args[1] <= MOST_TEXT]
    before, end, behind = next((t.partition(b"\0") for t in texts if b"\0" in t), (b"", b"", b""))
    line = before.decode("latin-1").rpartition("\n")[2]
    if not end or not is_text(before + behind[:SAMPLE] if len(before) < SAMPLE else before):
        return None  # what was printed is no text at all
    if line.endswith("0x"):
        return f"""console_io was given a text with a byte 0 in it, behind "{line[-40:]}", where the digits of a number belong. Its digits are made from the last to the first, at the end of the array in put_hex(): the index counts down before each is stored, and the first one stored is where the
            text begins."""
    return f"""console_io was given a text with a byte 0 in it: behind "{line[-40:]}" {f"{len(behind)} bytes more follow" if behind else "nothing follows"}. A text ends at its 0, and what lies behind is another's: so of a text more was taken than it has. How long one is says strlen(), which does not count the
        0; put_padded() puts so many bytes into the line, and no more."""


@rule("another-hypercall", LESSON + ": Why a page", "failure")
def _(f):
    meant = re.match(r"hypercall refused: (\w+)", f.panic)
    known = names("__HYPERVISOR_")
    if not meant or f"__HYPERVISOR_{meant[1]}" not in known.values() or any(c.name == meant[1] for c in f.calls):
        return None
    number = value(f"__HYPERVISOR_{meant[1]}")
    if not f.refused or f.refused.number not in known or f.refused.number == number:
        return None
    late = number == f.refused.args[0]
    return f"""What was refused was to be {meant[1]}, hypercall {number}, and Xen took hypercall {f.refused.number}, {f.refused.name}, at {f.source.place(f.refused.caller)}: it was never asked for {meant[1]}.
        {f"{number} came as argument 1: the number goes first, before the arguments." if late else "The number, or the stub that is called, is another's."}"""


@rule("console-arguments", LESSON + ": Why a page", "mute", "silence", "timeout", "failure", rank=1)
def _(f):
    call = next((c for c in f.calls if c.name == "console_io" and not c.args[0]), None)
    word = int.from_bytes(call.data[:f.bits // 8], "little") if call else 0
    text = f.code(word, SAMPLE) if word else b""
    if call and call.args[2] in f.said.layout.get("Boot stack", range(0)) and len(text) == SAMPLE and all(0x20 <= byte < 0x7F for byte in text):
        return f"""console_io got VA {call.args[2]:#x} as the text's address: that is on the stack, and what stands there, {word:#x}, is itself the address of a text, "{text.decode()}...". The address of the
            pointer was passed, and not the pointer."""


@rule("console-arguments", LESSON + ": Why a page", "mute", "silence", "timeout", "failure", rank=1)
def _(f):
    wrong = [c for c in f.calls if c.name == "console_io" and (c.args[1] > 1 << 16 or c.args[0])]
    if wrong:
        number, count, text = wrong[0].args[:3]
        return f"""console_io got {number:#x} as its operation, {count:#x}{about(f, count)} as the number of bytes and {text:#x}{about(f, text)} as
            the text's address. The order is CONSOLEIO_write (0; CONSOLEIO_read is 1), count, text, and the count is positive; otherwise Xen prints what lies at the wrong place, or
            nothing."""
