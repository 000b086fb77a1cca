# SPDX-License-Identifier: GPL-2.0-only
"""What readers type after a command, as numbers."""

import gdb

from .session import plain_errors, session


NUMBERS = (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_ENUM, gdb.TYPE_CODE_CHAR, gdb.TYPE_CODE_BOOL)


def number(text, usage, is_address=True):
    """Any expression of the language that is being debugged: 0x1000, $eip, info->pt_base, xen_entry."""
    with plain_errors():
        bits = session.bits() if is_address and gdb.selected_inferior().pid else 64
    if not text:
        raise gdb.GdbError(f"usage: {usage}")
    try:
        value = gdb.parse_and_eval(text)
        if value.type.strip_typedefs().code in (gdb.TYPE_CODE_FUNC, gdb.TYPE_CODE_ARRAY) and value.address is not None:
            value = value.address
        if value.type.strip_typedefs().code not in NUMBERS:
            raise ValueError(f"a value of type {value.type} is no number")
        value = int(value)
    except (gdb.error, ValueError, TypeError) as error:
        raise gdb.GdbError(f"{text}: {error}; usage: {usage}") from None
    # A negative number is an address from the top down; one that is too long would be another address if it were cut.
    if not -1 << bits - 1 <= value < 1 << bits:
        raise gdb.GdbError(f"{text}: {value:#x} has more than {bits} bits; usage: {usage}")
    return value & (1 << bits) - 1


def span(text, usage, is_address=True):
    """One number, or FIRST-LAST: (first, last)."""
    first, _, last = text.partition("-")
    if not first or text.endswith("-"):
        raise gdb.GdbError(f"usage: {usage}")
    numbers = number(first, usage, is_address), number(last or first, usage, is_address)
    if numbers[0] > numbers[1]:
        raise gdb.GdbError(f"{text}: the last is before the first; usage: {usage}")
    return numbers


def none(argument, name):
    """Refuses what is typed after a command that takes no arguments."""
    if argument:
        raise gdb.GdbError(f"{name}: {argument} is not understood; usage: {name}")


def word(text, words):
    """Splits off a first word that is one of these: (word, rest), or (None, text)."""
    first, _, rest = text.strip().partition(" ")
    return (first, rest) if first in words and rest else (None, text)


def complete_first(words, text):
    """Completion of a command whose first argument is one of these words."""
    return [w for w in words if w.startswith(text)] if " " not in text else gdb.COMPLETE_SYMBOL
