# SPDX-License-Identifier: GPL-2.0-only
"""early_m2p(), asked about the guest's own pages and about pages that are not its own.

What the m2p says of a page is put there for one call, and taken away again.
"""

import contextlib

from ..calls import Result, each_after_the_other
from ..many import ask_each
from ..tables import PAGE
from .asking import large, no_answer, scattered_pfn
from .m2p import HIGH_MFN, M2P
from .world import first_free

MOST_BETWEEN = 1024  # pages of others that early_m2p() is asked about


@contextlib.contextmanager
def m2p_says(boot, mfn, value):
    """For one question, the m2p has this entry of a page."""
    stub, word, entry = boot.machine.stub, boot.guest.word, M2P[boot.guest.bits] + mfn * boot.guest.word
    true = stub.read(entry, word)
    stub.write(entry, value.to_bytes(word, "little"))
    yield
    stub.write(entry, true)


@each_after_the_other
def check_m2p(task, boot):
    check_own(task, boot)
    if task.state == "right":
        check_others(task, boot)
    if task.state == "right":
        check_nearly_ours(task, boot)
    if task.state == "right":
        check_m2p_bound(task, boot)


def ask(boot, mfn, info=None):
    """What early_m2p() returns, for the start_info at a paddr."""
    return boot.calls.call("early_m2p", info or boot.guest.info_paddr, mfn, returns=1)


def given(boot, result):
    return boot.describe(result.event) if result.value is None else f"PFN {result.value:#x}"


def check_own(task, boot):
    """Some pages of the guest's."""
    guest = boot.guest
    for pfn in (guest.image_end // PAGE, scattered_pfn(guest), 3, 0):
        result = ask(boot, guest.p2m[pfn])
        what = f"early_m2p(MFN {guest.p2m[pfn]:#x})"
        if result.value is None:
            return explain_m2p_fault(task, boot, what, result, guest.p2m[pfn])
        if result.value != pfn:
            return explain_m2p(task, guest, what, result.value, pfn, guest.p2m[pfn])


def foreign_mfn(guest):
    """A page behind the guest's that is not its own."""
    mfn = max(guest.p2m) + 1
    while mfn in guest.pfn_of:
        mfn += 1
    return mfn


def check_others(task, boot):
    """A page that is not ours, of which the m2p says this or that."""
    guest, mfn = boot.guest, foreign_mfn(boot.guest)
    for identifier, value, meaning in (
            ("m2p-stale", 5, "a PFN of ours: an entry may be stale, or another guest's"),
            ("m2p-bound", guest.info["nr_pages"] + 7, "a PFN beyond our last page"),
            ("m2p-invalid", guest.mask, "the value for pages that are nobody's")):
        with m2p_says(boot, mfn, value):
            result = ask(boot, mfn)
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


def check_nearly_ours(task, boot):
    """The m2p names a PFN of ours, where the p2m has a number that differs from the page's in one bit."""
    guest, mfn = boot.guest, foreign_mfn(boot.guest)
    pfn = scattered_pfn(guest)
    slot = guest.info["mfn_list"] + pfn * guest.word
    for bit in range(guest.bits):
        near = mfn ^ 1 << bit
        guest.write(slot, near.to_bytes(guest.word, "little"))
        with m2p_says(boot, mfn, pfn):
            result = ask(boot, mfn)
        guest.write(slot, guest.p2m[pfn].to_bytes(guest.word, "little"))
        if result.value != guest.mask:
            task.fail("m2p-stale", f"""MFN {mfn:#x} is not this guest's. The m2p says PFN {pfn:#x} of it, where the p2m has {near:#x}, and early_m2p()
                gives {given(boot, result)}. An answer counts only if mfn_list[PFN] is that MFN, all of its bits. Otherwise INVALID_PFN.""")
            return


def check_m2p_bound(task, boot):
    """A start_info with fewer pages: p2m and m2p agree about the page behind the last, and yet it is not ours."""
    guest = boot.guest
    fewer = guest.info["nr_pages"] - 16
    at = guest.limit() + PAGE
    guest.write_info(at, nr_pages=fewer)
    for pfn, want in ((fewer, guest.mask), (fewer - 1, fewer - 1)):
        result = ask(boot, guest.p2m[pfn], at)
        if result.value != want:
            task.fail("m2p-bound", f"""where nr_pages is {fewer:#x}, the last PFN is {fewer - 1:#x}. Of the MFN that stands in mfn_list at PFN
                {pfn:#x} early_m2p() gives {given(boot, result)},
                and should give {"INVALID_PFN" if want == guest.mask else f"PFN {want:#x}"}: what is behind the list's end does not count.""")
            return
    at, pfn = large(boot)
    result = ask(boot, HIGH_MFN, at)
    if result.value != pfn:
        task.fail("m2p-large", f"in a guest of 856 MiB early_m2p(MFN {HIGH_MFN:#x}) gives {given(boot, result)}, and p2m and m2p say PFN {pfn:#x}.")
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
