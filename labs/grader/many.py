# SPDX-License-Identifier: GPL-2.0-only
"""One function of the image, asked about thousands of values: in a loop on the machine itself, since a call by the debugger takes
some milliseconds.

What is right for a few values may be wrong for others: so a function is asked about every page, or every entry. The first
calls of a check are single ones, whose findings say more (calls.py).
"""

from collections import namedtuple

# value is the argument, result what came back for it, None if nothing did; event tells why.
Answer = namedtuple("Answer", "value result event")

AT_ONCE = 1024  # values
RECORD = 24  # bytes: the argument, the result, 1 when it is there
ROOM = -(-AT_ONCE * RECORD // 4096)  # pages
# loop(records, count, first, function), by width and by whether the result is a struct, which a 32-bit function returns by
# memory:  1: push (%ebx); push %edi; [lea 8(%ebx), %eax; push %eax;] call *%ebp; add $8, %esp; [mov %eax, 8(%ebx);]
# movl $1, 16(%ebx); add $24, %ebx; dec %esi; jnz 1b
HEAD, TAIL = "53 56 57 55 8b5c2414 8b742418 8b7c241c 8b6c2420", "5d 5f 5e 5b c3"
LOOP = {
    (32, True): f"{HEAD} ff33 57 8d4308 50 ffd5 83c408 c7431001000000 83c318 4e 75e7 {TAIL}",
    (32, False): f"{HEAD} ff33 57 ffd5 83c408 894308 c7431001000000 83c318 4e 75e8 {TAIL}",
    (64, False): "53 55 4154 4155 4883ec08 4889fb 4889f5 4989d4 4989cd"
                 "4c89e7 488b33 41ffd5 48894308 c7431001000000 4883c318 48ffcd 75e3 4883c408 415d 415c 5d 5b c3"}


def ask_each(calls, name, first, values, room, struct=False):
    """Calls name(first, value) for each value. room is the paddr of ROOM pages that nobody needs. Yields an Answer for each, up to the
    first call that does not return."""
    guest, values = calls.guest, list(values)
    code = bytes.fromhex(LOOP[guest.bits, struct and guest.bits == 32])
    for begin in range(0, len(values), AT_ONCE):
        part = values[begin:begin + AT_ONCE]
        old = guest.read(room, RECORD * len(part))
        guest.write(room, b"".join((value & guest.mask).to_bytes(8, "little") + bytes(16) for value in part))
        event = calls.call_at(calls.scratch(code), room, len(part), first, guest.paddr(name)).event
        now = b"" if calls.machine.ended else guest.read(room, len(old))
        if now:
            guest.write(room, old)
        for value, record in zip(part, (now[at:at + RECORD] for at in range(0, RECORD * len(part), RECORD))):
            done = any(record[16:])
            yield Answer(value, int.from_bytes(record[8:16], "little") if done else None, event)
            if not done:
                return
