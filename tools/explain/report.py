# SPDX-License-Identifier: GPL-2.0-only
"""An explanation in print, for `make run`, GDB and the grader."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from .bare_questions import NATIVE, PVH
from .changed import changed
from .facts import Facts
from .fault import NAMES
from .rule import Cause

WIDTH, INDENT = 114, 18
TELLS = {"guest-domain-crashed": "has crashed", "guest-domain-never-ends": "has run, and does not come to its end"}  # these say nothing of the cause
MOST_WHY = 400  # characters
SENTENCE = re.compile(r"(?<=[.?]) (?=[A-Z])")


def paragraph(title: str, text: str) -> Iterator[str]:
    lines = textwrap.wrap(text, WIDTH - INDENT, break_long_words=False, break_on_hyphens=False) or [""]
    for number, line in enumerate(lines):
        yield "  " + (title if not number else "").ljust(INDENT - 2) + line


def lesson(read: str) -> str:
    """lessons/3-remap.md, "A pseudo-physical address in ptr": from 3-remap: A pseudo..."""
    page, _, section = read.partition(": ")
    return f"lessons/{page}.md" + (f', "{section}"' if section else "")


def lines(facts: Facts, found: list[Cause], inside: Facts | None = None, causes: Sequence[Cause] = ()) -> Iterator[str]:
    """The whole explanation; inside and causes are those of the domain that stage 6 built, if it was that."""
    first = found[0]
    yield f"diagnosis: {first.name}"
    for number, line in enumerate(evidence(facts)):
        yield from paragraph("what was seen" if not number else "", line)
    if facts.where:
        yield from paragraph("where", facts.where)
    for number, line in enumerate(changed(facts.source.path)):
        yield "  " + ("" if number else "changed").ljust(INDENT - 2) + line
    yield from paragraph("likely cause", led(first, inside, causes))
    if first.unlike:
        yield from paragraph("to be sure", first.unlike)
    for other in found[1:] if not inside else ():
        yield from paragraph("or", f"{other.name}: {other.text}")
    if inside and inside.where:
        yield from paragraph("its end", inside.where)
    for number, cause in enumerate(causes):
        yield from paragraph("or" if number else "its cause", f"{cause.name}: {cause.text}")
    # What goes for each kernel without Xen is told in lesson 11, and before that for stage 5.
    without_xen = (NATIVE if facts.native else PVH) if facts.pvh == "n" else PVH
    reads = [without_xen if cause.read in (NATIVE, PVH) else cause.read for cause in (first, *causes[:1])]
    pages = dict.fromkeys(lesson(read) for read in reads if not any(other.startswith(f"{read}: ") for other in reads))
    yield from paragraph("read", " and ".join(pages))


def led(first: Cause, inside: Facts | None, causes: Sequence[Cause]) -> str:
    """The first cause's text; if that is no more than how the domain has ended, then why it has, in a sentence."""
    if first.name not in TELLS or not inside or not causes or causes[0].name == "too-slow":
        return first.text
    if "/stage1." in inside.source.path:
        return f"{first.text} Here: {causes[0].name}."
    why, *more = SENTENCE.split(causes[0].text)
    while more and len(why) + len(more[0]) < MOST_WHY:
        why += f" {more.pop(0)}"
    return f"The domain that stage 6 built {TELLS[first.name]}; dom0, which built it, still runs. Why: {why}"


def evidence(facts: Facts) -> list[str]:
    """The lines that gave it away: Xen's last words, and the kernel's."""
    seen = [f"(XEN) {line}" for line in facts.said.reasons] if facts.end in ("refusal", "panic", "crash") else []
    if facts.refused:
        said = facts.refused.said
        seen = said if len(said) < 4 else [*said[:2], said[-1]]  # the first says what was wrong, the last of what
    own = facts.guest(r"^.*(PANIC: |FAULT: vector ).*$")
    triple = facts.xen("^d[0-9]+v[0-9]+ Triple fault.*")
    seen += [f"(XEN) {triple[0]}"] if triple and facts.end in ("failure", "shutdown") else []
    seen += [own[0]] if own and facts.end in ("failure", "crash") else []
    if facts.fault:
        seen.append(fault_text(facts))
    if facts.bare and facts.bare.fault and not facts.guest(f"reset, after an exception: v={facts.bare.fault.vector:02x} "):
        name = NAMES.get(facts.bare.fault.vector, f"vector {facts.bare.fault.vector}")
        seen.append(f"{name}, error code {facts.bare.fault.error:#x}, was the first exception")
    if not seen:
        seen = [line for line in facts.said.lines if line.strip() and "****" not in line][-1:]
    return [line[:160] for line in dict.fromkeys(seen)]


def fault_text(facts: Facts) -> str:
    """The exception, and the walk to the address that it is about."""
    fault = facts.fault
    name = NAMES.get(fault.vector, f"vector {fault.vector}")
    if not fault.page:
        return name + (f", error code {fault.error:#x}" if fault.error else "")
    words = f"{name} {fault.doing} VA {fault.cr2:#x}"
    walk = facts.walk(fault.cr2)
    if walk and walk.problem:
        return f"{words}: {walk.problem}"
    if walk and facts.fault.denied:
        bars = [e for e in walk.path if fault.write and not e.value & 2 or fault.fetch and e.value >> 63 or not e.value & 4]
        return words + (f": {bars[0].name} is {bars[0].value:#x}, which does not allow it" if bars else ": mapped, but not so")
    return words


def plain(facts: Facts) -> str:
    """What is known, where nothing fits: numbers in sight and what they are, the last hypercall."""
    told = []
    if facts.fault and facts.fault.page:
        kind = facts.number(facts.fault.cr2)
        told.append(f"VA {facts.fault.cr2:#x} is {kind or 'nothing that is known here'}.")
        first = facts.first_seen(facts.fault.cr2)
        told.append(f"The number first appeared at {first}." if first else "")
    known = [f"{name.upper()} is {text}" for name, n in (facts.fault.regs.values.items() if facts.fault else ())
             if name not in ("rip", "rsp", "cs", "ss", "vector", "eflags") for text in [facts.number(n & facts.mask, "pv", "linked", "mfn", "maddr", "clobbered", "text")] if n > 4096 and text]
    told.append(f"Of the registers, {'; '.join(dict.fromkeys(known[:3]))}." if known else "")
    calls = [c for c in facts.calls if c.name not in ("console_io", "physdev_op")]
    if calls:
        last = calls[-1]
        others = sum(c.result is not None and (c.name, c.args[0]) == (last.name, last.args[0]) for c in calls)
        ended = "during which the run was stopped" if others > 1 else "which did not come back"  # one of many that did
        told.append(f"The last hypercall but for the console's was {last.name}({', '.join(f'{a:#x}' for a in last.args[:4])})"
                    + (f" = {last.result}." if last.result is not None else f", {ended}."))
    if facts.fault and not facts.source.is_code(facts.fault.ip) and facts.left_at:
        told.append(f"The image's code was left at {facts.left_at}.")
    return re.sub(" +", " ", " ".join(told)).strip()
