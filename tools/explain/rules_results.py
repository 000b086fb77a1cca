# SPDX-License-Identifier: GPL-2.0-only
"""A function of the kit's that returned something wrong: the first, of all that were called."""

from .facts import Facts
from .probes import CONTRACTS, Told
from .questions import say
from .relation import also, relation
from .rule import rule

READ = {"phys_to_machine": "4-start-kernel: The p2m not repointed", "cpuid_xen_msr_base": "2-hypercall-page: CPUID that asks Xen"}


def asked(f: Facts, told: Told) -> str:
    """What it was called for, in words."""
    kinds = zip(CONTRACTS[told.name].args.split(), told.args)
    words = ", ".join(
        f"{kind} {say(f, n, *(('mfn', 'pv', 'maddr') if kind == 'MFN' else ('pv', 'linked', 'maddr', 'twice')))}" for kind, n in kinds if kind != "info")
    return f"asked for {words}" if words else "called"


@rule("wrong-result", "3-remap: Walking the tables in software")
def _(f):
    told = f.wrong_result
    if told:
        return f"""{told.name}() was {asked(f, told)}, at {f.source.place(told.caller - 1)}, and returned {say(f, told.result)}. Right is {told.right:#x},
            {CONTRACTS[told.name].gives}.{also(f, told.result, told.right)} It is the first function of those that are looked at to return something wrong: see {told.name}(), and what it
            calls."""


@rule("wrong-argument", "3-remap: A pseudo-physical address in ptr", "crash", "failure")
def _(f):
    """What was found was right, and something else was used."""
    told = f.seen.probes.told if f.seen and f.seen.probes and not f.wrong_result else []
    tables = f.said.layout.get("Page tables", range(0))
    for number, call in enumerate(told):
        if call.name != "early_p2m" or call.args[1] in tables:
            continue
        for found in reversed(told[:number]):
            words = relation(f, call.args[1], found.result) if found.name in ("early_pgd", "get_pud", "get_pmd") else ""
            if words:
                return f"""early_p2m() was asked for paddr {say(f, call.args[1])}, at {f.source.place(call.caller - 1)}, for the maddr of a page-table entry. {found.name}() had found the entry
                    at {say(f, found.result)} just before, and {call.args[1]:#x} is {words}. On the way from the one to the other it was changed."""
    return None
