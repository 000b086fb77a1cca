# SPDX-License-Identifier: GPL-2.0-only
"""What a reader found, judged: where the bug is, what is there, what should be, who did it.

The places of the machine have keys (state.py); a reader's way of naming one is
made a key first. Only if that is one at which the two kernels differ first do
the other answers count.
"""

import re

from grader.tables import PAGE

from .answers import WORD, number, shown

FORMS = "a form of `where` that the head of answers.txt names"


def meaning(text, broken):
    """The key that a place is known by, ("pte",), or None if it is nothing that the grader knows."""
    text = re.sub(r"\s+", " ", text.strip())
    plain = re.sub(r"\(.*\)$", "", text).strip()
    field = re.fullmatch(r"(?:\(?\*?(?:start_info|xen_start_info|info)\)?(?:\.|->))?([\w.]+)", text)
    if field and field_name(field[1]) in broken.guest.fields:
        return "field", field_name(field[1])
    steps = re.findall(r"(pgd|pud|pmd|pte)\s*\[\s*(0x[0-9a-f]+|\d+)\s*\]", text, re.I)
    if steps and not re.sub(r"(pgd|pud|pmd|pte)\s*\[\s*(0x[0-9a-f]+|\d+)\s*\]|[\s,>-]", "", text, flags=re.I):
        path = [(level.lower(), number(index)) for level, index in steps]
        return broken.follow(path) or (("pte",) if path[-1][0] == "pte" else None)
    table = re.fullmatch(r"(?:p2m|mfn_list|phys_to_machine_mapping)\s*\[\s*(0x[0-9a-f]+|\d+)\s*\]", text, re.I)
    if table:
        return "p2m", number(table[1])
    if plain.lower() in ("wrmsr", "msr", "msr 0x40000000", "write_msr", "hypercall_page_maddr"):
        return ("wrmsr",)
    if plain in ("limit", "remap_limit", "remap_kernel.limit", "xen_entry.limit"):
        return ("limit",)
    return at_address(text, broken)


def field_name(name):
    return {"console.domU.mfn": "console_mfn", "console.domU": "console_mfn"}.get(name, name)


def at_address(text, broken):
    """The key of a word of memory, by VA, P=V or maddr."""
    address, guest = number(text), broken.guest
    if address is None or not re.match(WORD + "0x", text, re.I):
        return None
    pv = guest.paddr_of(address) if text.lower().startswith("maddr") else address
    for seen in broken.seen.values():
        for key in seen:
            place = broken.place(key)
            if place is not None and pv in (place, guest.va(place)):
                return key
    return ("word", address) if pv is not None else None


# ---- judging ------------------------------------------------------------------------


def judge(task, said, truth, points):
    """said is {name: value} of the bug's block; points those of each name."""
    wants = [name for name in points if name not in said]
    if len(wants) == len(points):
        return task.fail("not-answered", "no answer yet. Boot it, debug it, and write down what you find.")
    if "where" in wants:
        return task.fail("no-where", "`where` is empty: the other answers are about the place that it names.")
    key = meaning(said["where"], truth.broken)
    if key not in truth.causes:
        return explain_where(task, said["where"], key, truth)
    task.earned = points["where"]
    seen = truth.broken.seen[truth.moment][key]
    should = seen.make(truth.right.seen[truth.moment][key].same)
    judge_value(task, said, "holds", points, key, seen.raw, should, truth)
    judge_value(task, said, "should", points, key, should, seen.raw, truth)
    if "who" in points:
        judge_who(task, said.get("who"), truth, points["who"])
    return None


def explain_where(task, text, key, truth):
    broken = truth.broken
    if key is None and meaning(text, truth.right):
        return task.fail("where-consequence", f"""a kernel without the fault comes to {shown(text)}, and this one ends before. What does it do
            last?""")
    if key is None:
        return task.fail("where-unknown", f'where = {shown(text)}: that is no place in this kernel, or not in {FORMS}.')
    if key in truth.later:
        return task.fail("where-consequence", f"""{shown(text)} does not hold what it should, that is true. But it came to that because
            of something that was wrong before. What went into this value?""")
    moment = next((m for m, seen in broken.seen.items() if key in seen), None)
    if key[0] == "pte" or key[0] == "word" or moment is None:
        return task.fail("where-elsewhere", f"""{shown(text)} is not where this kernel goes wrong{" first" if moment is None else ""}. Look
            at what the boot works out itself: what it hands to Xen, the upper page tables, start_info, the p2m.""")
    value = broken.seen[moment][key].raw
    why = {"field": f"a kernel without the fault has {value:#x} there, too", "p2m": "it is the MFN that Xen gave this page",
           "limit": f"paddr {value:#x} covers all it should", "wrmsr": "the page that Xen filled is hypercall_page",
           "entry": f"a kernel without the fault has {value:#x} there, too" if value else "it is empty in a kernel without the fault, too"}
    return task.fail("where-right", f"{shown(text)} is right: {why[key[0]]}. Look elsewhere.")


def same_value(key, got, true):
    if true is None:
        return False
    if key[0] == "entry":  # ACCESSED and DIRTY come and go
        return (got ^ true) & ~0x60 == 0
    return got == true or key[0] == "wrmsr" and got == true // PAGE


def judge_value(task, said, name, points, key, true, other, truth):
    text = said.get(name)
    if text is None:
        return task.fail(f"no-{name}", f"where is right. `{name}` is empty.")
    got = number(text)
    if got is None and re.fullmatch(r"empty|nothing", text, re.I):
        got = 0
    if got is None:
        return task.fail(f"{name}-no-number", f'where is right. {name} = {shown(text)} is not a number: write it as 0x... or in decimal.')
    if same_value(key, got, true):
        task.earned += points[name]
        return None
    when = {"holds": "what the broken kernel has there", "should": "what belongs there"}[name]
    guest = truth.broken.guest
    if same_value(key, got, other):
        swapped = {"holds": "what belongs there, not what is there", "should": "what is there, and that is the fault"}[name]
        return task.fail(f"{name}-swapped", f"where is right. {name} = {shown(text)} is {swapped}.")
    if key[0] == "entry" and (got ^ true) & ~0xfff == 0:
        return task.fail(f"{name}-flags", f"where is right. {name} = {shown(text)} names the right page; the flags are not {when}.")
    if key[0] == "entry" and guest.pfn_of.get(true // PAGE) == got // PAGE or key[0] == "wrmsr" and guest.maddr(got % (len(guest.p2m) * PAGE)) == true:
        return task.fail(f"{name}-pfn", f"where is right. {name} = {shown(text)} has the page's pseudo-physical number. What is asked for "
                         "is a machine address, as Xen and the processor take it.")
    return task.fail(f"{name}-wrong", f"where is right. {name} = {shown(text)} is not {when}.")


def judge_who(task, text, truth, points):
    if text is None:
        return task.fail("no-who", "where is right. `who` is empty: which function writes there? Go back in time to the moment.")
    name = re.sub(r"\(.*\)$", "", text).strip()
    address, elf = number(text), truth.broken.boot.elf
    if address is not None:
        guest = truth.broken.guest
        symbol = elf.symbol_at(address) or elf.symbol_at(address + guest.load_offset & guest.mask)
        name = symbol.name if symbol else ""
    if truth.who and name == truth.who:
        task.earned += points
        return None
    if not any(s.name == name for s in elf.all_symbols):
        return task.fail("who-unknown", f"where is right. who = {shown(text)}: this kernel has no such function.")
    return task.fail("who-wrong", f"where is right. who = {shown(text)}: that function does not write there after xen_start_kernel() began. "
                     "A watchpoint stops right behind the instruction that does.")
