# SPDX-License-Identifier: GPL-2.0-only
"""early_p2m(), asked about pages that tell right from nearly right.

The answers are known: the p2m was copied before the image's first instruction.
Some questions need a p2m entry that this machine does not have; it is put there
for one call, and taken away again.
"""

from ..calls import Result, each_after_the_other
from ..many import ask_each
from ..tables import PAGE
from .asking import large, no_answer, scattered_pfn
from .m2p import HIGH_MFN, open_m2p
from .world import first_free


@each_after_the_other
def check_p2m(task, boot):
    check_some_pages(task, boot)
    if task.state == "right":
        check_other_mfn(task, boot)
    if task.state == "right":
        check_p2m_large(task, boot)


def ask(boot, phys, info=None):
    """What early_p2m() returns, for the start_info at a paddr. A maddr_t has 64 bits."""
    return boot.calls.call("early_p2m", info or boot.guest.info_paddr, phys, returns=8 // boot.guest.word)


def check_some_pages(task, boot):
    guest = boot.guest
    pfn = scattered_pfn(guest)
    for phys in (guest.image_end // PAGE * PAGE + 0x123, pfn * PAGE + 0xabc, pfn * PAGE, 0xfff, 0, (guest.info["nr_pages"] - 1) * PAGE):
        result, want = ask(boot, phys), guest.maddr(phys)
        what = f"early_p2m(paddr {phys:#x})"
        if result.value is None:
            return explain_p2m_fault(task, boot, what, result, phys)
        if result.value != want:
            return explain_p2m(task, guest, what, phys, result.value, want)


def check_other_mfn(task, boot):
    """The p2m has another MFN of a page, one above 4 GiB; a careful answer asks both tables."""
    guest, pfn, want = boot.guest, scattered_pfn(boot.guest), HIGH_MFN * PAGE + 0xabc
    slot = guest.info["mfn_list"] + pfn * guest.word
    open_m2p(boot)(HIGH_MFN, pfn)
    guest.write(slot, HIGH_MFN.to_bytes(guest.word, "little"))
    result = ask(boot, pfn * PAGE + 0xabc)
    guest.write(slot, guest.p2m[pfn].to_bytes(guest.word, "little"))
    if result.value not in (want, (HIGH_MFN * PAGE & 0xffffffff) + 0xabc):
        task.fail("p2m-not-asked", f"""with another MFN ({HIGH_MFN:#x}) in mfn_list early_p2m() of PFN {pfn:#x} gives maddr {result.value or 0:#x}: the
            answer does not come from the p2m.""")
    elif result.value != want:
        task.fail("p2m-truncated", f"""for a page with MFN {HIGH_MFN:#x} (above 4 GiB) early_p2m() gives maddr {result.value:#x},
            not maddr {want:#x}: a machine address has more bits than an unsigned long of 32. mfn_to_maddr() widens before it shifts.""")


def check_p2m_large(task, boot):
    at, pfn = large(boot)
    result, want = ask(boot, pfn * PAGE + 0xabc, at), HIGH_MFN * PAGE + 0xabc
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
