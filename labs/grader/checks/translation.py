# SPDX-License-Identifier: GPL-2.0-only
"""early_p2m() and early_m2p(), asked about pages that tell right from nearly right.

The answers are known: the p2m was copied before the image's first instruction.
Some questions need a p2m or m2p entry that this machine does not have; it is put
there for one call, and taken away again.
"""

from ..calls import Result, each_after_the_other
from ..machine import Stop
from ..many import ask_each
from .m2p import HIGH_MFN, M2P, open_m2p
from .world import first_free

PAGE = 4096
MOST_BETWEEN = 1024  # pages of others that early_m2p() is asked about
LARGE = 856 << 8  # pages of the largest guest that can be remapped with 3G


def no_answer(boot, what, result, task, identifier, why=""):
    """Notes a call that did not return; False if it did."""
    if result.value is not None:
        return False
    if not isinstance(result.event, Stop):
        task.fail(identifier, f"{what} did not return: {boot.describe(result.event)}. {why}".rstrip())
    else:
        task.fail(identifier, f"{what} did not return but ended the kernel: {boot.describe(result.event)}.")
    return True


# ---- early_p2m() -------------------------------------------------------------


def scattered_pfn(guest):
    """A page whose MFN does not follow from that of the first page."""
    return next(pfn for pfn in range(guest.info["nr_pages"] - 1, 0, -1)
                if guest.p2m[pfn] != guest.p2m[0] + pfn)


@each_after_the_other
def check_p2m(task, boot):
    guest = boot.guest
    size = 8 // guest.word  # a maddr_t has 64 bits

    def ask(phys):
        return boot.calls.call("early_p2m", guest.info_paddr, phys, returns=size)

    pfn = scattered_pfn(guest)
    for phys in (guest.image_end // PAGE * PAGE + 0x123, pfn * PAGE + 0xabc, pfn * PAGE, 0xfff, 0, (guest.info["nr_pages"] - 1) * PAGE):
        result, want = ask(phys), guest.maddr(phys)
        what = f"early_p2m(paddr {phys:#x})"
        if result.value is None:
            return explain_p2m_fault(task, boot, what, result, phys)
        if result.value != want:
            return explain_p2m(task, guest, what, phys, result.value, want)

    slot = guest.info["mfn_list"] + pfn * guest.word
    open_m2p(boot)(HIGH_MFN, pfn)  # a careful answer asks both tables
    guest.write(slot, HIGH_MFN.to_bytes(guest.word, "little"))
    result = ask(pfn * PAGE + 0xabc)
    guest.write(slot, guest.p2m[pfn].to_bytes(guest.word, "little"))
    if result.value not in (HIGH_MFN * PAGE + 0xabc, (HIGH_MFN * PAGE & 0xffffffff) + 0xabc):
        task.fail("p2m-not-asked", f"""with another MFN ({HIGH_MFN:#x}) in mfn_list early_p2m() of PFN {pfn:#x} gives maddr {result.value or 0:#x}: the
            answer does not come from the p2m.""")
    elif result.value != HIGH_MFN * PAGE + 0xabc:
        got = "nothing" if result.value is None else f"maddr {result.value:#x}"
        task.fail("p2m-truncated", f"""for a page with MFN {HIGH_MFN:#x} (above 4 GiB) early_p2m() gives {got},
            not maddr {HIGH_MFN * PAGE + 0xabc:#x}: a machine address has more bits than an unsigned long of 32.
            mfn_to_maddr() widens before it shifts.""")
    else:
        check_p2m_large(task, boot)


def large(boot):
    """A start_info of a guest of 856 MiB; returns where it is, and a PFN near its end with its MFN. Nothing else of that guest is there."""
    guest, pfn = boot.guest, LARGE - 3
    at, table = guest.limit() + PAGE, 0x20000  # below the image, where nothing else is
    guest.write_info(at, nr_pages=LARGE, mfn_list=table)
    guest.write(table + pfn * guest.word, HIGH_MFN.to_bytes(guest.word, "little"))
    open_m2p(boot)(HIGH_MFN, pfn)
    return at, pfn


def check_p2m_large(task, boot):
    at, pfn = large(boot)
    result, want = boot.calls.call("early_p2m", at, pfn * PAGE + 0xabc, returns=8 // boot.guest.word), HIGH_MFN * PAGE + 0xabc
    if result.value != want:
        got = boot.describe(result.event) if result.value is None else f"maddr {result.value:#x}"
        task.fail("p2m-large", f"in a guest of 856 MiB early_p2m(paddr {pfn * PAGE + 0xabc:#x}) gives {got}, and the p2m says {want:#x}.")
    elif not boot.calls.broken:
        check_every_page(task, boot)


def check_every_page(task, boot):
    """Each of the guest's pages, at an offset of its own."""
    guest = boot.guest
    asked = [pfn * PAGE + pfn * 2007 % PAGE for pfn in range(guest.info["nr_pages"])]
    for phys, got, event in ask_each(boot.calls, "early_p2m", guest.info_paddr, asked, first_free(boot) * PAGE, struct=True):
        what = f"early_p2m(paddr {phys:#x})"
        if got is None:
            no_answer(boot, what, Result(None, event), task, "p2m-no-answer")
        elif got != guest.maddr(phys):
            explain_p2m(task, guest, what, phys, got, guest.maddr(phys))
            return


def explain_p2m(task, guest, what, phys, got, want):
    said = f"{what} gives maddr {got:#x}, and the p2m says {want:#x}"
    index = phys // PAGE
    if got == 0:
        task.fail("p2m-zero", f"{said}. There is nothing in it yet, or it loses everything.")
    elif got == phys:
        task.fail("p2m-unchanged", f"{said}: that is the pseudo-physical address itself. The machine has the page "
                  "elsewhere; mfn_list, indexed by PFN, tells where.")
    elif got == want & -PAGE:
        task.fail("p2m-offset-lost", f"{said}: the page is right, the offset in it is gone. Translation is by pages, "
                  "the low 12 bits pass through.")
    elif got == want & 0xffffffff:
        task.fail("p2m-truncated", f"{said}: the same without its upper bits. A machine address has more bits than an unsigned long of 32: "
                  "mfn_to_maddr() widens before it shifts.")
    elif got in (want // PAGE, want // PAGE + phys % PAGE):
        task.fail("p2m-mfn", f"{said}: that is the page's number (MFN), not its address. An address is the MFN "
                  "times the page size, plus the offset.")
    elif got == (guest.p2m[0] + index) * PAGE + phys % PAGE:
        task.fail("p2m-contiguous", f"{said}. You took the MFNs to follow each other from the first. They do not: "
                  "Xen hands out pages as it likes, and each PFN has its own entry in mfn_list.")
    elif got % PAGE == want % PAGE and got // PAGE in guest.p2m:
        task.fail("p2m-wrong-entry", f"{said}. It is the machine address of PFN {guest.pfn_of[got // PAGE]:#x}, "
                  f"another page than PFN {index:#x}: the index into mfn_list is off.")
    else:
        task.fail("p2m-wrong", f"{said}. maddr = mfn_list[PFN] times the page size, plus the offset in the page.")


def explain_p2m_fault(task, boot, what, result, phys):
    guest = boot.guest
    fault = getattr(result.event, "cr2", None)
    if fault is not None and fault in (guest.info["mfn_list"] + phys * guest.word & guest.mask, guest.info["mfn_list"] + phys):
        task.fail("p2m-index-bytes", f"""{what} reads at VA {fault:#x}: the p2m indexed by an address. It has one entry
            a page, so the index is the PFN, the paddr without its low 12 bits.""")
    elif fault is not None and fault in (phys // PAGE * guest.word, phys // PAGE * guest.word + guest.page_offset):
        task.fail("p2m-table", f"{what} faults at VA {fault:#x}: the table is at info->mfn_list, which is a P=V address.")
    else:
        no_answer(boot, what, result, task, "p2m-no-answer")


# ---- early_m2p() -----------------------------------------------------------------


@each_after_the_other
def check_m2p(task, boot):
    guest, stub = boot.guest, boot.machine.stub
    m2p = M2P[guest.bits]

    def entry(mfn):
        return int.from_bytes(stub.read(m2p + mfn * guest.word, guest.word), "little")

    def set_entry(mfn, value):
        stub.write(m2p + mfn * guest.word, value.to_bytes(guest.word, "little"))

    def ask(mfn):
        return boot.calls.call("early_m2p", guest.info_paddr, mfn, returns=1)

    for pfn in (guest.image_end // PAGE, scattered_pfn(guest), 3, 0):
        result = ask(guest.p2m[pfn])
        what = f"early_m2p(MFN {guest.p2m[pfn]:#x})"
        if result.value is None:
            return explain_m2p_fault(task, boot, what, result, guest.p2m[pfn])
        if result.value != pfn:
            return explain_m2p(task, guest, what, result.value, pfn, guest.p2m[pfn])

    mfn = max(guest.p2m) + 1
    while mfn in guest.pfn_of:
        mfn += 1
    true = entry(mfn)
    cases = [  # what the m2p says of a page that is not ours
        ("m2p-stale", 5, "a PFN of ours: an entry may be stale, or another guest's"),
        ("m2p-bound", guest.info["nr_pages"] + 7, "a PFN beyond our last page"),
        ("m2p-invalid", guest.mask, "the value for pages that are nobody's"),
    ]
    for identifier, value, meaning in cases:
        set_entry(mfn, value)
        result = ask(mfn)
        set_entry(mfn, true)
        if result.value == guest.mask:
            continue
        what = f"MFN {mfn:#x} is not this guest's. The m2p says {value:#x} of it ({meaning}), and early_m2p()"
        if result.value is None:
            task.fail("m2p-no-answer", f"{what} did not return: {boot.describe(result.event)}. It has to return INVALID_PFN.")
        elif result.value == 0:
            task.fail("m2p-invalid-to-0", f"""{what} gives PFN 0, which is an ordinary page. A caller cannot tell it from
                a right answer: this is how the patch's limit came out too small. Return INVALID_PFN.""",
                      "lessons/8-errata.md")
        else:
            task.fail(identifier, f"{what} gives PFN {result.value:#x}. An answer counts only if the p2m agrees: "
                      "below nr_pages, and mfn_list[PFN] is that MFN. Otherwise INVALID_PFN.")
        return
    pfn = scattered_pfn(guest)
    slot = guest.info["mfn_list"] + pfn * guest.word
    for bit in range(guest.bits):  # the p2m has a number there that is nearly this one
        near = mfn ^ 1 << bit
        guest.write(slot, near.to_bytes(guest.word, "little"))
        set_entry(mfn, pfn)
        result = ask(mfn)
        set_entry(mfn, true)
        guest.write(slot, guest.p2m[pfn].to_bytes(guest.word, "little"))
        if result.value != guest.mask:
            got = "nothing" if result.value is None else f"PFN {result.value:#x}"
            task.fail("m2p-stale", f"""MFN {mfn:#x} is not this guest's. The m2p says PFN {pfn:#x} of it, where the p2m has {near:#x}, and early_m2p()
                gives {got}. An answer counts only if mfn_list[PFN] is that MFN, all of its bits. Otherwise INVALID_PFN.""")
            return
    check_m2p_bound(task, boot)


def check_m2p_bound(task, boot):
    """A start_info with fewer pages: p2m and m2p agree about the page behind the last, and yet it is not ours."""
    guest = boot.guest
    fewer = guest.info["nr_pages"] - 16
    at = guest.limit() + PAGE
    guest.write_info(at, nr_pages=fewer)
    for pfn, want in ((fewer, guest.mask), (fewer - 1, fewer - 1)):
        result = boot.calls.call("early_m2p", at, guest.p2m[pfn], returns=1)
        if result.value != want:
            task.fail("m2p-bound", f"""where nr_pages is {fewer:#x}, the last PFN is {fewer - 1:#x}. Of the MFN that stands in mfn_list at PFN
                {pfn:#x} early_m2p() gives {boot.describe(result.event) if result.value is None else f"PFN {result.value:#x}"},
                and should give {"INVALID_PFN" if want == guest.mask else f"PFN {want:#x}"}: what is behind the list's end does not count.""")
            return
    at, pfn = large(boot)
    result = boot.calls.call("early_m2p", at, HIGH_MFN, returns=1)
    if result.value != pfn:
        got = boot.describe(result.event) if result.value is None else f"PFN {result.value:#x}"
        task.fail("m2p-large", f"in a guest of 856 MiB early_m2p(MFN {HIGH_MFN:#x}) gives {got}, and p2m and m2p say PFN {pfn:#x}.")
    elif not boot.calls.broken:
        check_every_mfn(task, boot)


def check_every_mfn(task, boot):
    """Each of the guest's pages, and those that lie between them in the machine."""
    guest, mfns = boot.guest, sorted(boot.guest.p2m)
    others = [mfn for a, b in zip(mfns, mfns[1:]) if b - a < MOST_BETWEEN for mfn in range(a + 1, b)][:MOST_BETWEEN]
    for mfn, got, event in ask_each(boot.calls, "early_m2p", guest.info_paddr, [*guest.p2m, *others], first_free(boot) * PAGE, struct=True):
        what, want = f"early_m2p(MFN {mfn:#x})", guest.pfn_of.get(mfn, guest.mask)
        if got is None:
            no_answer(boot, what, Result(None, event), task, "m2p-no-answer")
        elif got != want and want == guest.mask:
            task.fail("m2p-stale", f"{what} gives PFN {got:#x}, and that page is not this guest's: INVALID_PFN.")
            return
        elif got != want:
            explain_m2p(task, guest, what, got, want, mfn)
            return


def explain_m2p(task, guest, what, got, pfn, mfn):
    said = f"{what} gives PFN {got:#x}, and the page is PFN {pfn:#x}"
    if got == 0:
        task.fail("m2p-zero", f"{said}. There is nothing in it yet, or it loses everything.")
    elif got == mfn:
        task.fail("m2p-unchanged", f"{said}: that is the MFN itself. Xen's table of all machine pages, the m2p, has the PFN.")
    elif got == pfn * PAGE:
        task.fail("m2p-paddr", f"{said}: that is its address (paddr). The m2p holds page numbers, and a pfn_t is one.")
    elif got == guest.mask:
        task.fail("m2p-own-refused", f"{said}: you call one of the guest's own pages invalid. The page is ours if the "
                  "m2p's answer is below nr_pages and the p2m has this MFN there.")
    elif got == guest.p2m[mfn % len(guest.p2m)]:
        task.fail("m2p-p2m-used", f"{said}: you asked the p2m, which goes from PFN to MFN. The way back is the m2p.")
    else:
        task.fail("m2p-wrong", f"{said}. The PFN stands in m2p_table(), indexed by the MFN.")


def explain_m2p_fault(task, boot, what, result, mfn):
    guest = boot.guest
    fault = getattr(result.event, "cr2", None)
    m2p = M2P[guest.bits]
    if fault is not None and fault == m2p + mfn * PAGE * guest.word & guest.mask:
        task.fail("m2p-index-bytes", f"{what} reads at VA {fault:#x}: the m2p indexed by an address. It has one entry a "
                  "page, so the index is the MFN.")
    elif fault is not None and (fault == mfn * PAGE or fault // PAGE == mfn):
        task.fail("m2p-maddr-as-pointer", f"{what} reads at VA {fault:#x}: the machine address itself, used as a pointer. "
                  "Code can only reach virtual addresses.")
    else:
        no_answer(boot, what, result, task, "m2p-no-answer")
